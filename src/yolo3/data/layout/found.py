"""A data set found by what its files hold: its images and annotations, its splits and names, and how they are read."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from yolo3.data.faults import DataError, Fault, OnFault
from yolo3.data.images import image_size
from yolo3.data.layout.annotations import AnnotationFiles, ImageAnnotation
from yolo3.data.layout.contents import Contents, places, some_of
from yolo3.data.layout.names import FoundNames, find_names
from yolo3.data.layout.pairing import Pairing, pair
from yolo3.data.layout.splits import FoundSplits, find_splits, split_of_folder
from yolo3.data.reading import check_names
from yolo3.data.reading_files import read_each, sizes_of
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject, SampleSetBuilder
from yolo3.data.split_names import find_split


@dataclass(frozen=True, eq=False)
class FoundLayout:
    """A data set of a format whose annotation files are read one by one."""

    format: str
    """Name of the format."""
    title: str
    """Name of the format in sentences."""
    kind: AnnotationFiles
    files: list[str]
    """Annotation files."""
    contents: Contents
    _measured: dict[str, tuple[int, int] | DataError] = field(default_factory=dict)
    """Sizes that were read from image files."""

    def splits(self) -> tuple[str, ...]:
        """The names of the splits."""
        return tuple(self._splits.images)

    def seen(self) -> str:
        """What was found, in words."""
        suffixes = ", ".join(sorted({os.path.splitext(file)[1].lower() for file in self.files}))
        return f"{len(self.files):,} {suffixes} {'file' if len(self.files) == 1 else 'files'} ({places(self.files)})"

    def read(self, split: str | None, names: Sequence[str] | None, on_fault: OnFault, on_object: OnObject) -> SampleSet:
        """The samples of a split, or of the whole data set; see `open_dataset`.

        Raises:
            DataError: An unknown split; a fault, unless ``on_fault`` returns; no image for any annotation.
        """
        chosen = None if split is None else find_split(self.splits(), split, str(self.contents.path))
        for fault in self._file_faults:
            if chosen is None or self._split_of_file(fault.place) in ("", chosen):
                on_fault(fault)
        pairing = self._pairing
        if not self._annotations:
            raise DataError(f"{self.contents.path}: no annotation can be read among {self.seen()}")
        if not pairing.pairs and not pairing.doubtful:
            some = pairing.missing[0].path if pairing.missing else self.contents.path
            where = "them" if self.contents.is_pair else "them, or name their folder with --images (images=)"
            raise DataError(
                f"{some}: none of the {len(pairing.missing):,} annotations has an image among the "
                f"{len(self.contents.images):,} in {self.contents.images_root}; add {where}"
            )
        if names is None:
            found = self._names or self._names_in_annotations(on_fault)
        else:
            found = FoundNames(tuple(names), "")
        builder = SampleSetBuilder(found.names, on_fault, on_object, lambda: 0 in self._labels)
        missing = [] if chosen is None else self._splits.missing.get(chosen, [])
        for place, line in missing:
            on_fault(Fault("missing", place, f"no image {line} with an annotation; add it, or remove the line"))
        unread: Counter[str] = Counter()
        entries = self._entries(chosen)
        self._measure(entries)
        for image, annotation in self.contents.work.watch(entries, len(entries), "reading objects"):
            self._add(builder, image, annotation)
            if annotation is not None:
                unread.update(annotation.unread)
        for what, count in unread.items():
            builder.leave_unread(f"{what} of {count:,} objects")
        self._tell_unpaired(builder, chosen)
        for text in self._report(found.origin):
            builder.tell(text)
        return builder.build(f"{self.title} data set {self.contents.path}", split)

    def _entries(self, split: str | None) -> list[tuple[str, ImageAnnotation | None]]:
        """The images of a split with their annotations, in order."""
        if any(annotation.split for annotation, _ in self._pairing.pairs):
            return [(image, one) for one, image in self._pairing.pairs if split in (None, one.split)]
        images = self._images if split is None else self._splits.images[split]
        return [(image, self._annotation_of.get(image)) for image in images]

    def _add(self, builder: SampleSetBuilder, image: str, annotation: ImageAnnotation | None) -> None:
        place = image if annotation is None else annotation.place
        try:
            size = self._size(image, annotation)
        except DataError as error:
            builder.on_fault(Fault("image", place, str(error).removeprefix(f"{place}: ")))
            if annotation is not None:
                annotation.miss(builder)
            return
        builder.add_image(image, size)
        if annotation is not None:
            annotation.add(builder, size)

    def _measure(self, entries: Sequence[tuple[str, ImageAnnotation | None]]) -> None:
        """Read the sizes of images that no annotation states."""
        unknown = [image for image, one in entries if one is None or one.height is None or one.width is None]
        unknown = [image for image in dict.fromkeys(unknown) if image not in self._measured]
        self._measured.update(sizes_of(unknown, self.contents.work))

    def _size(self, image: str, annotation: ImageAnnotation | None) -> tuple[int, int]:
        """(height, width) of an image; an edge that is stated counts.

        Raises:
            DataError: An edge is not stated, and the file cannot be read.
        """
        stated = (None, None) if annotation is None else (annotation.height, annotation.width)
        height, width = stated
        if height is not None and width is not None:
            return height, width
        own = self._measured[image] if image in self._measured else image_size(image)
        if isinstance(own, DataError):
            raise own
        return height or own[0], width or own[1]

    def _tell_unpaired(self, builder: SampleSetBuilder, split: str | None) -> None:
        """Report annotations without image, and those whose image is ambiguous."""
        pairing = self._pairing
        for annotation in pairing.missing:
            if split is not None and self._split_of(annotation) not in ("", split):
                continue
            wanted = annotation.image or f"with the stem {annotation.path.stem!r}"
            text = f"no image {wanted} in {self.contents.images_root}; add it, or remove its annotation"
            fault = Fault("missing", annotation.place, text)
            if self.kind.is_stated:
                builder.on_fault(fault)
            else:
                builder.skip(fault)
            annotation.miss(builder)
        for annotation, text in pairing.doubtful:
            if split is None or self._split_of(annotation) in ("", split):
                builder.on_fault(Fault("path", annotation.place, text))
                annotation.miss(builder)

    def _split_of(self, annotation: ImageAnnotation) -> str:
        """The split that an annotation or the folders of its file tell; empty if they do not."""
        return annotation.split or self._split_of_file(annotation.path)

    def _split_of_file(self, path: str | Path) -> str:
        return split_of_folder(os.path.dirname(path), self.contents.root)

    @cached_property
    def _read(self) -> tuple[list[ImageAnnotation], list[Fault]]:
        faults: list[Fault] = []
        if self.kind.is_slow:
            read = read_each(self.kind.read, self.files, faults.append, self.contents.work)
        else:
            files = self.contents.work.watch(self.files, len(self.files), "reading annotations")
            read = (self.kind.read(Path(file), faults.append) for file in files)
        return [one for annotations in read for one in annotations], faults

    @property
    def _annotations(self) -> list[ImageAnnotation]:
        return self._read[0]

    @property
    def _file_faults(self) -> list[Fault]:
        return self._read[1]

    @cached_property
    def _pairing(self) -> Pairing:
        return pair(self._annotations, self.contents)

    @cached_property
    def _annotation_of(self) -> dict[str, ImageAnnotation]:
        return {image: annotation for annotation, image in self._pairing.pairs}

    @cached_property
    def _images(self) -> list[str]:
        """The images of the data set: those with annotations, and others beside them if they count as empty."""
        if not self.kind.unlisted_are_empty:
            return [image for _, image in self._pairing.pairs]
        doubtful = {annotation.path.stem for annotation, _ in self._pairing.doubtful}
        folders = {os.path.dirname(image) for image in self._annotation_of}
        bare = (image for image in self._pairing.bare if os.path.dirname(image) in folders)
        rest = [image for image in bare if os.path.splitext(os.path.basename(image))[0] not in doubtful]
        return sorted([*self._annotation_of, *rest])

    @cached_property
    def _splits(self) -> FoundSplits:
        stated = [(image, annotation.split) for annotation, image in self._pairing.pairs]
        return find_splits(self._images, self.contents, stated)

    @cached_property
    def _names(self) -> FoundNames | None:
        if own := self._own_names:
            return own
        is_numbered = not self.kind.is_stated or any(isinstance(label, int) for label in self._labels)
        found = find_names(self.contents, self.kind.names_files, is_numbered)
        return None if found is None else replace(found, origin=f"from {found.origin}")

    @property
    def _own_names(self) -> FoundNames | None:
        """The class names that the annotation files list."""
        listed = {names: file for file in reversed(self.files) if (names := self.kind.own_names(Path(file)))}
        for names, file in listed.items():
            check_names(names, file)
        if len(listed) > 1:
            text = f"the class names may be those of {' or of '.join(sorted(listed.values())[:2])}"
            raise DataError(f"{self.contents.path}: {text}; choose a file with --names (names=)")
        return next((FoundNames(names, f"from {file}") for names, file in listed.items()), None)

    @cached_property
    def _labels(self) -> set[int | str]:
        """The classes of all readable objects of the data set."""
        return {label for annotation in self._annotations for label in annotation.labels()}

    def _names_in_annotations(self, on_fault: OnFault) -> FoundNames:
        """The sorted names in the annotations; numbers name themselves."""
        numbers = [label for label in self._labels if isinstance(label, int)]
        if numbers:
            origin = "numbers, as no file lists names; name one with --names (names=)"
            return FoundNames(tuple(map(str, range(max(0, *numbers) + 1))), origin)
        names = tuple(sorted(str(label) for label in self._labels))
        if not names:  # perhaps because of the faults
            faulty = SampleSetBuilder((), on_fault)
            for image, annotation in self._annotation_of.items():
                self._add(faulty, image, annotation)
        check_names(names, str(self.contents.path))
        return FoundNames(names, "those in the annotations, sorted")

    def _report(self, origin_of_names: str) -> list[str]:
        """What was found and how it was paired, in lines."""
        pairing = self._pairing
        rules = ", ".join(f"{count:,} {rule}" for rule, count in pairing.rules.items())
        total = len(self.contents.images)
        seen = self.seen()
        if total:
            seen += f" and {total:,} {'image' if total == 1 else 'images'} ({places(self.contents.images)})"
        lines = [f"found by content: {seen}", f"paired: {rules}"]
        if pairing.bare:
            empty = len(self._images) - len(pairing.pairs)
            meaning = f"; {empty:,} of them count as having no objects, as they are beside others" if empty else ""
            lines.append(f"images without annotation: {len(pairing.bare):,}, for example {pairing.bare[0]}{meaning}")
        unpaired = [*pairing.missing, *(annotation for annotation, _ in pairing.doubtful)]
        if unpaired:
            lines.append(f"annotations without image: {len(unpaired):,}, for example {unpaired[0].place}")
        if self._splits.images:
            counts = ", ".join(f"{split} {len(images):,}" for split, images in self._splits.images.items())
            lines.append(f"splits, by {self._splits.origin}: {counts}")
        lines += dict.fromkeys(remark for annotation in self._annotations for remark in annotation.remarks)
        if origin_of_names:
            lines.append(f"class names: {origin_of_names}")
        return lines


def find_layout(contents: Contents, kind: AnnotationFiles, format: str, title: str) -> FoundLayout | None:
    """The data set of a format, if some of the files fit; None otherwise."""
    by_folder: dict[str, list[str]] = {}
    for file in contents.annotations(*kind.suffixes):
        by_folder.setdefault(os.path.dirname(file), []).append(file)
    files: list[str] = []
    for inside in by_folder.values():
        if not kind.by_folder:
            files += (file for file in inside if kind.fits(Path(file)))
        elif any(kind.fits(Path(some)) for some in some_of(inside)):
            files += inside
    return FoundLayout(format, title, kind, sorted(files), contents) if files else None
