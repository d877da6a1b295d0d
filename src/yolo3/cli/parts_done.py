"""The work on parts as ``yolo3 detect`` shows it, and what it says at its end."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

from yolo3.bulk import ImageDetector, PartFolder, Row, Tally, run_parts
from yolo3.choices import OnError
from yolo3.cli.progress import progress
from yolo3.cli.results import finish
from yolo3.results.errors import FILE, write_errors
from yolo3.sources import Frame
from yolo3.system.files import whole_file

Step = tuple[int, int, Tally | None]
"""Number of images that were looked at; number of the part that is finished with them, and its tally."""


def steps_of(
    image_detector: ImageDetector,
    frames: Iterator[tuple[int, Frame]],
    size: int,
    digest: str,
    on_error: OnError,
    folder: PartFolder,
) -> Iterator[Step]:
    """The steps of one process."""
    finished: list[tuple[int, Tally]] = []

    def write(number: int, rows: Sequence[Row]) -> None:
        folder.write(number, rows)
        finished.append((number, Tally.of(number, rows)))

    for _ in run_parts(image_detector, frames, size, digest, on_error, write):
        if finished:
            yield 1, *finished.pop()
        else:
            yield 1, -1, None
    if finished:
        yield (0, *finished.pop())


def finish_parts(folder: PartFolder, done: Iterable[Step], total: int | None, shard: str | None) -> int:
    """Do the work, tell what came of it, and write the file of errors.

    Args:
        folder: Folder of the parts.
        done: Steps, which do the work as they are taken.
        total: Number of images that there are to do; None if it is not known.
        shard: Share of the parts; None for all of them.

    Returns:
        The exit code.

    Raises:
        ValueError: The work has ended early; the message says what is finished.
    """
    tally = Tally()
    stopped: BaseException | None = None

    def words() -> str:
        return f"detecting{_in_words(tally.num_errors)}"

    try:
        for _, number, part in progress(done, total, words, size=lambda step: step[0]):
            if part is not None:
                tally.add(part)
                print(f"part {number:06d}: {part.images()}{_in_words(part.num_errors)}")
    except (Exception, KeyboardInterrupt) as reason:
        stopped = reason
    now = Tally()
    now.add(tally)
    now.add(folder.seen)
    file = FILE if shard is None else f"errors-shard-{shard.replace('/', '-of-')}.jsonl"
    if now.num_errors:
        try:
            _write_errors(folder, now, folder.path / file)
        except OSError as error:  # as on a full disk, where the parts are of more interest
            stopped = stopped or OSError(f"{folder.path / file} cannot be written ({error.strerror or error})")
    summary = f"{now}{_in_words(now.num_errors)}: {folder.path}"
    if isinstance(stopped, ValueError | OSError):
        kept = f"; finished: {summary}; --resume goes on" if now.num_parts else ""
        raise ValueError(f"{stopped}{kept}") from stopped
    print(summary)
    if stopped is not None:
        raise stopped
    first = None if now.first_error is None else f"{now.first_error.path}: {now.first_error.error}"
    return finish(now.num_images, now.num_errors, first, folder.path, file)


def _write_errors(folder: PartFolder, tally: Tally, file: Path) -> None:
    with whole_file(file) as unfinished:
        rows = folder.errors(sorted(tally.with_errors))
        write_errors(unfinished, ((row.path, cast(str, row.error)) for row in rows))


def _in_words(num_errors: int) -> str:
    return f", {num_errors:,} could not be read" if num_errors else ""
