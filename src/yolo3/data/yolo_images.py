"""The images of a YOLO data set: the files that its splits list."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from yolo3.data.faults import DataError, Fault, OnFault
from yolo3.data.images import find_and_count, in_words
from yolo3.data.locating import ListedFile, Located, disagreements
from yolo3.data.reading import read_text
from yolo3.data.yolo_description import YoloDescription


class YoloImage(NamedTuple):
    """An image of a split."""

    path: str
    place: str
    """File that lists the image, and the line or entry."""


@dataclass(frozen=True)
class YoloImages:
    """Finds the images of a data set's splits."""

    description: YoloDescription

    def of(self, splits: Sequence[str], on_fault: OnFault, on_missing: OnFault) -> list[YoloImage]:
        """The images of some splits, each once, or as often as one list repeats it.

        Args:
            splits: Names of splits in the description.
            on_fault: Called with entries that lead nowhere or outside the data set, and with ambiguous images.
            on_missing: Called with every list line that leads nowhere, and with images in unsupported formats.
        """
        files = self._files(splits, on_fault, on_missing)
        is_unsure = any(file.located and file.located.tail for file in files)
        others = [split for split in self.description.splits if split not in splits]
        doubtful = disagreements([*files, *self._quietly(others if is_unsure else [])])
        told = set()
        images = []
        for index, file in enumerate(files):
            if file.located is None:
                on_missing(Fault("missing", file.place, f"no image {file.listed}"))
            elif index not in doubtful:
                images.append(YoloImage(file.located.path, file.place))
            elif doubtful[index] not in told:
                told.add(doubtful[index])
                on_fault(Fault("path", file.place, doubtful[index]))
        return images

    @cached_property
    def paths(self) -> frozenset[str]:
        """The images of all splits."""
        files = self._quietly(list(self.description.splits))
        return frozenset(file.located.path for file in files if file.located)

    def _quietly(self, splits: Sequence[str]) -> list[ListedFile]:
        return self._files(splits, _untold, _untold)

    def _files(self, splits: Sequence[str], on_fault: OnFault, on_missing: OnFault) -> list[ListedFile]:
        """Everything that some splits list, existing or not, without images that an earlier entry has."""
        first: dict[str, tuple[str, str]] = {}  # the entry that led to each image
        files = []
        entries = {listed: split for split in reversed(splits) for listed in self.description.splits[split]}
        for split in splits:
            for listed in dict.fromkeys(self.description.splits[split]):
                entry = (split, listed)
                if entries[listed] != split:
                    continue  # another split has the same entry
                for file in self._of_entry(entry, on_fault, on_missing):
                    if file.located is None or first.setdefault(file.located.path, entry) == entry:
                        files.append(file)
        return files

    @cached_property
    def _entries(self) -> dict[tuple[str, str], Located | Fault | None]:
        """The target of each entry of each split; None for a pattern or a missing path."""
        description = self.description
        found: dict[tuple[str, str], Located | Fault | None] = {}
        for split, entries in description.splits.items():
            for listed in entries:
                try:
                    found[split, listed] = description.locator.locate(listed, description.roots)
                except DataError as error:
                    found[split, listed] = Fault("path", f"{description.path}: {split}", str(error))
        located = {entry: place for entry, place in found.items() if isinstance(place, Located)}
        files = [
            ListedFile(f"{description.path}: {split}", listed, located[split, listed]) for split, listed in located
        ]
        for index, text in disagreements(files).items():
            found[list(located)[index]] = Fault("path", files[index].place, text)
        return found

    def _of_entry(self, entry: tuple[str, str], on_fault: OnFault, on_missing: OnFault) -> Iterator[ListedFile]:
        """The images of a list, a folder, a pattern or a single file."""
        description = self.description
        listed = entry[1]
        found = self._entries[entry]
        place = f"{description.path}: {listed}"
        if isinstance(found, Fault):
            return on_fault(found)
        if found is not None and description.locator.listing.is_file(found.path):
            if found.path.lower().endswith(".txt"):
                yield from self._of_list(found.path, on_fault)
            else:
                yield ListedFile(place, listed, found)
            return
        if found is not None:
            folder = Path(found.path)
            paths, unread = find_and_count(folder)
            if unread:
                on_missing(Fault("image", found.path, f"{in_words(unread)}; convert them to JPEG or PNG"))
            files = [(os.path.join(listed, path.relative_to(folder)), str(path)) for path in paths]
        else:
            try:
                matches = description.locator.matches(listed, description.roots) if glob.has_magic(listed) else []
            except DataError as error:
                return on_fault(Fault("path", place, str(error)))
            files = [(path, path) for path in matches]
        if not files:
            on_fault(Fault("missing", place, f"no image there; searched in {', '.join(map(str, description.roots))}"))
        dropped = () if found is None else found.dropped
        yield from (ListedFile(place, name, Located(path, dropped)) for name, path in files)

    def _of_list(self, path: str, on_fault: OnFault) -> Iterator[ListedFile]:
        """The lines of a list, each the path of an image."""
        try:
            text = read_text(Path(path))
        except DataError as error:
            return on_fault(Fault("syntax", path, str(error).removeprefix(f"{path}: ")))
        lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        roots = list(dict.fromkeys([Path(path).parent, *self.description.roots]))
        locate = self.description.locator.locate
        is_file = self.description.locator.listing.is_file
        is_aside = Path(path).parent not in self.description.roots
        absent = 0
        for number, line in lines:
            place = f"{path}:{number}"
            try:
                found = locate(line, roots, is_image=True)
            except DataError as error:
                on_fault(Fault("path", place, str(error)))
                continue
            if found is not None and not is_file(found.path):
                found = None
            if found is not None and is_aside and not os.path.isabs(line):
                found = replace(
                    found, tail=found.tail or os.path.normpath(line)
                )  # of this folder, or of the data set's?
            absent += found is None
            yield ListedFile(place, line, found)
        if not lines:
            on_fault(Fault("missing", path, "the list is empty; write the path of one image per line"))
        elif absent == len(lines):
            said = f"none of its {absent} images exists, neither {lines[0][1]} nor any after it; fix the paths"
            on_fault(Fault("missing", path, said))


def _untold(fault: Fault) -> None:
    """Ignore a fault: a first pass has reported it."""
