"""A folder of part files, and how far the work on it has come."""

import re
import secrets
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolo3.bulk.formats import FORMATS
from yolo3.bulk.rows import Row, stored
from yolo3.choices import PartFormat
from yolo3.system.files import whole_file

_NAME = re.compile(r"part-(\d{6,})\.(\w+)")
_UNFINISHED = ".unfinished-"


@dataclass
class Tally:
    """What the parts hold together."""

    num_images: int = 0
    """Number of images that could be read."""
    num_objects: int = 0
    num_errors: int = 0
    """Number of images that could not be read."""
    num_parts: int = 0
    first_error: Row | None = None
    """Row of the first image that could not be read."""
    with_errors: list[int] = field(default_factory=list)
    """Numbers of the parts that have images which could not be read."""

    @classmethod
    def of(cls, number: int, rows: Iterable[Row]) -> "Tally":
        """The tally of one part, by its number."""
        tally = cls(num_parts=1)
        for row in rows:
            if row.error is None:
                tally.num_images += 1
                tally.num_objects += len(row.scores)
            else:
                tally.num_errors += 1
                tally.first_error = tally.first_error or row
        if tally.num_errors:
            tally.with_errors.append(number)
        return tally

    def add(self, other: "Tally") -> None:
        """Count what another one has counted."""
        self.num_images += other.num_images
        self.num_objects += other.num_objects
        self.num_errors += other.num_errors
        self.num_parts += other.num_parts
        self.first_error = self.first_error or other.first_error
        self.with_errors += other.with_errors

    def images(self) -> str:
        """As in ``12 objects in 100 images``."""
        objects = "object" if self.num_objects == 1 else "objects"
        images = "image" if self.num_images == 1 else "images"
        return f"{self.num_objects:,} {objects} in {self.num_images:,} {images}"

    def __str__(self) -> str:
        return f"{self.images()} in {self.num_parts:,} {'part' if self.num_parts == 1 else 'parts'}"

    @property
    def num_rows(self) -> int:
        """Number of images, whether they could be read or not."""
        return self.num_images + self.num_errors


@dataclass(frozen=True)
class PartFolder:
    """A folder of part files: ``part-000012.parquet`` and the like, each whole or absent.

    A part is finished when it is there in every format.
    """

    path: Path
    formats: Sequence[PartFormat] = ("jsonl",)
    seen: Tally = field(default_factory=Tally, compare=False)
    """Tally of the finished parts that were compared with the source."""

    def finished(self) -> set[int]:
        """The numbers of the finished parts."""
        there: dict[str, set[int]] = {each: set() for each in self.formats}
        for name in sorted(entry.name for entry in self.path.iterdir()):
            if (match := _NAME.fullmatch(name)) and match[2] in there:
                there[match[2]].add(int(match[1]))
        return set.intersection(*there.values())

    def file(self, number: int, format: PartFormat) -> Path:
        """The file of a part."""
        return self.path / f"part-{number:06d}.{format}"

    def write(self, number: int, rows: Sequence[Row]) -> None:
        """Write a part, whole or not at all.

        Raises:
            OSError: The disk is full, or the folder cannot be written.
        """
        for each in self.formats:
            file = self.file(number, each)
            try:
                with whole_file(file, f".{file.name}{_UNFINISHED}{secrets.token_hex(4)}") as unfinished:
                    FORMATS[each].write(unfinished, rows)
            except OSError as error:
                raise OSError(f"{file} cannot be written ({error.strerror or error})") from error

    def read(self, number: int) -> Iterator[Row]:
        """The rows of a finished part, from the first of its formats.

        Raises:
            ValueError: A damaged file.
        """
        return FORMATS[self.formats[0]].read(self.file(number, self.formats[0]))

    def check(self, number: int, paths: Iterable[str]) -> None:
        """Compare a finished part with the images that the source has in its place, and count it.

        Raises:
            ValueError: It is damaged, or of other images.
        """
        rows = list(self.read(number))
        if [stored(row.path) for row in rows] != [stored(path) for path in paths]:
            raise ValueError(
                f"{self.file(number, self.formats[0])} is of other images than the source has there now: the source "
                "has changed; begin anew with another --output"
            )
        self.seen.add(Tally.of(number, rows))

    def remove_unfinished(self, share: Container[int]) -> None:
        """Delete what a killed process has left of unfinished files.

        Args:
            share: Parts that no other process is at work on.
        """
        for file in self.path.glob(f".*{_UNFINISHED}*"):
            if (match := _NAME.match(file.name, 1)) and int(match[1]) in share:
                file.unlink(missing_ok=True)

    def errors(self, numbers: Iterable[int]) -> Iterator[Row]:
        """The rows of the images that could not be read, in the order of some parts."""
        return (row for number in numbers for row in self.read(number) if row.error is not None)


def part_files(folder: Path) -> list[Path]:
    """The part files of a folder in the order of their parts, each part once."""
    found: dict[int, Path] = {}
    for file in sorted(folder.iterdir()):
        if (match := _NAME.fullmatch(file.name)) and match[2] in FORMATS:
            found[int(match[1])] = file  # of several formats the last, which is Parquet
    return [file for _, file in sorted(found.items())]
