"""What ``yolo3 detect`` leaves in its folder, and what it says meanwhile."""

import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from yolo3.choices import ResultFormat
from yolo3.draw import Style
from yolo3.results import (
    Add,
    coco_results,
    crops,
    csv_file,
    drawings,
    drawn_videos,
    in_threads,
    json_file,
    json_lines,
    labelme_files,
    yolo_labels,
)
from yolo3.results.errors import FILE
from yolo3.sources import Frame, Video
from yolo3.structures import Detections
from yolo3.system.full_disk import naming_full_disk

_DRAWING_THREADS = 4


@contextmanager
def written(
    folder: Path,
    formats: Sequence[ResultFormat],
    category_ids: Sequence[int] | None = None,
    style: Style = Style(),
    label_scores: bool = True,
) -> Iterator[Add]:
    """A writer of all these formats together. What takes long is done by other threads while the network runs.

    Args:
        folder: The folder to write into.
        formats: The formats to write.
        category_ids: Category numbers, see `coco_results`.
        style: How boxes are drawn.
        label_scores: Whether labels end in a score, see `yolo_labels`.
    """
    with naming_full_disk(folder), ExitStack() as opened:
        adds = []  # in their order, an image has its line once the others have taken it
        if "crops" in formats:
            adds.append(opened.enter_context(in_threads(crops(folder / "crops"), _DRAWING_THREADS)))
        if "images" in formats:
            adds.append(opened.enter_context(in_threads(drawings(folder, style), _DRAWING_THREADS)))
            adds.append(opened.enter_context(in_threads(drawn_videos(folder, style))))
        if "json" in formats:
            adds.append(opened.enter_context(json_file(folder / "detections.json")))
        if "jsonl" in formats:
            adds.append(opened.enter_context(json_lines(folder / "detections.jsonl")))
        if "csv" in formats:
            adds.append(opened.enter_context(csv_file(folder / "detections.csv")))
        if "coco" in formats:
            adds.append(opened.enter_context(coco_results(folder / "coco.json", category_ids)))
        if "yolo" in formats:
            adds.append(opened.enter_context(yolo_labels(folder / "labels", label_scores)))
        if "labelme" in formats:
            adds.append(opened.enter_context(labelme_files(folder / "labelme")))

        def add(frame: Frame, found: Detections) -> None:
            for write in adds:
                write(frame, found)

        yield add


@dataclass
class Tally:
    """What all images and frames together hold."""

    num_images: int = 0
    num_objects: int = 0
    num_limited: int = 0
    """Images in which there are more objects than are kept."""
    best_below: float | None = None
    """The highest score that was not enough, where nothing was found."""

    def add(self, found: Detections) -> None:
        """Count one image."""
        self.num_images += 1
        self.num_objects += len(found)
        self.num_limited += found.limit_reached
        self.best_below = max(
            (score for score in (self.best_below, found.best_below) if score is not None), default=None
        )

    def __str__(self) -> str:
        objects = "object" if self.num_objects == 1 else "objects"
        images = "image" if self.num_images == 1 else "images"
        return f"{self.num_objects} {objects} in {self.num_images} {images}"

    def notes(self, limit: str) -> list[str]:
        """What should be known of the numbers, in sentences.

        Args:
            limit: How many objects are kept, in words.
        """
        notes = []
        if self.num_limited:
            notes.append(
                f"in {self.num_limited} images the limit of {limit} was reached, and what scores less is left out; "
                "--max-detections raises it"
            )
        if self.num_objects == 0 and self.best_below is not None:
            notes.append(f"the highest score is {_shown(self.best_below)}, and not enough; --min-score says what is")
        return notes


NOTHING_READ = 3
"""Exit code of a run in which no image could be read."""


def finish(num_images: int, num_errors: int, first_error: str | None, folder: Path, file: str = FILE) -> int:
    """Warn of images that could not be read, and give the exit code.

    Args:
        num_images: Number of images that could be read.
        num_errors: Number of images that could not.
        first_error: First of them and the reason.
        folder: Folder that has the file of errors.
        file: Name of that file.
    """
    if not num_errors:
        return 0
    if not num_images:
        print(f"yolo3 detect: error: no image could be read, {first_error}; see {folder / file}", file=sys.stderr)
        return NOTHING_READ
    count = f"{num_errors:,} of {num_images + num_errors:,} images could not be read"
    warnings.warn(f"{count}; {folder / file} names them", stacklevel=2)
    return 0


def told(
    results: Iterable[tuple[Frame, Detections]], formats: Sequence[ResultFormat]
) -> Iterator[tuple[Frame, Detections]]:
    """Hand the results on, printing a line per image, and one per video when it has ended."""
    video: Video | None = None
    seen: Counter[str] = Counter()
    tally = Tally()

    def end(video: Video) -> None:
        silent = " (drawn without its sound)" if video.has_sound and "images" in formats else ""
        print(f"{video.path}, {tally.num_images} frames{silent}: {_counts(seen, tally.best_below)}")

    try:
        for frame, found in results:
            if frame.video is not video:
                if video is not None:
                    end(video)
                video = frame.video
                tally = Tally()
                seen = Counter()
            if video is None:
                print(f"{frame.name}: {_counts(Counter(found.names), found.best_below)}")
            else:
                tally.add(found)
                seen.update(found.names)
            yield frame, found
    finally:
        if video is not None:
            end(video)


def _counts(names: Counter[str], best_below: float | None) -> str:
    """As in ``2 dog, 1 cat``, or ``nothing (highest score 0.21)``."""
    if names:
        return ", ".join(f"{count} {name}" for name, count in names.most_common())
    return "nothing" if best_below is None else f"nothing (highest score {_shown(best_below)})"


def _shown(score: float) -> str:
    return f"{score:.2f}" if score >= 0.01 else f"{score:.1g}"
