"""What ``yolo3 detect`` leaves in its folder, and what it says meanwhile."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from yolo3.results import (
    Add,
    coco_results,
    crops,
    csv_file,
    drawings,
    drawn_videos,
    in_background,
    json_file,
    json_lines,
    yolo_labels,
)
from yolo3.sources import Frame, Video
from yolo3.structures import Detections

Format = Literal["pictures", "json", "jsonl", "csv", "coco", "yolo", "crops"]
"""`yolo3.cli.detect` writes it out, to be quick with its help."""

_DRAWING_THREADS = 4


@contextmanager
def written(folder: Path, formats: Sequence[Format], category_ids: Sequence[int] | None = None) -> Iterator[Add]:
    """A writer of all these formats together. What takes long is done by other threads while the network runs."""
    with ExitStack() as opened:
        adds = []
        if "json" in formats:
            adds.append(opened.enter_context(json_file(folder / "detections.json")))
        if "jsonl" in formats:
            adds.append(opened.enter_context(json_lines(folder / "detections.jsonl")))
        if "csv" in formats:
            adds.append(opened.enter_context(csv_file(folder / "detections.csv")))
        if "coco" in formats:
            adds.append(opened.enter_context(coco_results(folder / "coco.json", category_ids)))
        if "yolo" in formats:
            adds.append(opened.enter_context(yolo_labels(folder / "labels")))
        if "crops" in formats:
            adds.append(opened.enter_context(in_background(crops(folder / "crops"), _DRAWING_THREADS)))
        if "pictures" in formats:
            adds.append(opened.enter_context(in_background(drawings(folder), _DRAWING_THREADS)))
            adds.append(opened.enter_context(in_background(drawn_videos(folder))))

        def add(frame: Frame, found: Detections) -> None:
            for write in adds:
                write(frame, found)

        yield add


def told(results: Iterable[tuple[Frame, Detections]], formats: Sequence[Format]) -> Iterator[tuple[Frame, Detections]]:
    """Hand the results on, printing a line a picture, and one a video when it has ended."""
    video: Video | None = None
    seen: Counter[str] = Counter()
    num_frames = 0

    def end(video: Video) -> None:
        silent = " (drawn without its sound)" if video.has_sound and "pictures" in formats else ""
        print(_printable(f"{video.path}, {num_frames} frames{silent}: {_counts(seen)}"))

    try:
        for frame, found in results:
            if frame.video is not video:
                if video is not None:
                    end(video)
                video, num_frames, seen = frame.video, 0, Counter()
            if video is None:
                print(_printable(f"{frame.name}: {_counts(Counter(found.names))}"))
            else:
                num_frames += 1
                seen.update(found.names)
            yield frame, found
    finally:
        if video is not None:
            end(video)


def _printable(text: str) -> str:
    """Text whose odd characters, from a file's name that is no UTF-8, stand as escapes: a terminal may refuse them."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def _counts(names: Counter[str]) -> str:
    """As in ``2 dog, 1 cat``."""
    return ", ".join(f"{count} {name}" for name, count in names.most_common()) or "nothing"
