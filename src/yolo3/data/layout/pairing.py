"""Which image each annotation belongs to.

An annotation that names its image is paired by that name, any other by its own: with the image of the same stem in its
folder, in the parallel folder (``labels/a/1.txt`` and ``images/a/1.jpg``), or anywhere if there is only one. An
image of one split or camera is never taken for another's.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from yolo3.data.faults import DataError
from yolo3.data.layout.annotations import ImageAnnotation
from yolo3.data.layout.contents import Contents, stem_of
from yolo3.data.layout.folders import apart, rivals
from yolo3.data.locating import Locator

Rule = Literal[
    "inside the annotation file",
    "as stated",
    "by <filename>",
    "by stem in the same folder",
    "by parallel folders",
    "by a unique stem",
]
"""How an annotation and its image were found to belong together, strictest first."""

_RULES: tuple[Rule, ...] = get_args(Rule)
_IMAGE_WORDS = re.compile(r"(?<![^\W\d_])(jpeg)?(images?|imgs?|photos?|pictures?|pics?|frames|rgb)(?![^\W\d_])", re.I)


@dataclass(frozen=True)
class Pairing:
    """The result of `pair`."""

    pairs: list[tuple[ImageAnnotation, str]]
    """Annotations with their images, in the order of the annotations."""
    rules: Counter[Rule]
    """Number of pairs by the rule that made them."""
    missing: list[ImageAnnotation]
    """Annotations without image."""
    doubtful: list[tuple[ImageAnnotation, str]]
    """Annotations whose image is ambiguous or must not be read, with the reason."""
    bare: list[str]
    """Images without annotation."""


@dataclass(frozen=True)
class _Found:
    image: str
    rule: Rule


@dataclass(eq=False)
class _Finder:
    contents: Contents
    locator: Locator
    roots: list[str] = field(default_factory=list)
    _parts_of: dict[tuple[str, Path], list[str]] = field(default_factory=dict)

    def stated(self, annotation: ImageAnnotation) -> _Found | None:
        """The image that an annotation names."""
        if annotation.is_inside:
            return _Found(annotation.image, "inside the annotation file")
        name = annotation.image.strip()
        if not name:
            return None
        plain = name.replace("\\", "/")
        own = os.path.dirname(annotation.path)
        if "/" in plain.removeprefix("./"):
            located = self.locator.locate(name, list(dict.fromkeys([own, *self.roots])), is_image=True)
            if located is not None and self.locator.listing.is_file(located.path):
                return _Found(self._listed.get(os.path.abspath(located.path), located.path), "as stated")
        folder, _, file_name = plain.rpartition("/")
        index = self.contents.image_index
        candidates = index.named(file_name)
        if not candidates and os.path.splitext(file_name)[1].lower() not in _image_suffixes(self.contents):
            candidates = index.of_stem(file_name)  # an id without suffix
        rest = [image for image in candidates if not rivals(folder.split("/"), self._folders(image))]
        found = self._nearest(own, rest, name)
        return None if found is None else _Found(found.image, "by <filename>")

    @cached_property
    def _listed(self) -> dict[str, str]:
        """The images as they are listed, by their absolute paths."""
        return {os.path.abspath(image): image for image in self.contents.images}

    def by_stem(self, annotation: ImageAnnotation) -> _Found | None:
        """The image with the stem of an annotation file, in its folder or in the parallel one."""
        own = os.path.dirname(annotation.path)
        return self._close(own, self.contents.image_index.of_stem(stem_of(str(annotation.path))), str(annotation.path))

    def anywhere(self, annotation: ImageAnnotation) -> _Found | None:
        """The only image with the stem of an annotation file."""
        own = os.path.dirname(annotation.path)
        found = self.contents.image_index.of_stem(stem_of(str(annotation.path)))
        return self._only(own, found, str(annotation.path))

    def _folders(self, image: str) -> list[str]:
        """The folders between the root of the images and an image."""
        return self._parts(os.path.dirname(image), self.contents.images_root)

    def _parts(self, folder: str, root: Path) -> list[str]:
        """The parts of a folder's path below a root; many files share them."""
        if (folder, root) not in self._parts_of:
            relative = os.path.relpath(folder or os.curdir, root)
            self._parts_of[folder, root] = [] if relative == os.curdir else relative.split(os.sep)
        return self._parts_of[folder, root]

    def _nearest(self, own: str, images: Sequence[str], name: str) -> _Found | None:
        return self._close(own, images, name) or self._only(own, images, name)

    def _close(self, own: str, images: Sequence[str], name: str) -> _Found | None:
        beside = [image for image in images if os.path.dirname(image) == own]
        if beside:
            return _Found(_one(beside, name), "by stem in the same folder")
        parallel = [(rank, image) for image in images if (rank := self._parallel(own, image)) is not None]
        if not parallel:
            return None
        best = min(rank for rank, _ in parallel)
        return _Found(_one([image for rank, image in parallel if rank == best], name), "by parallel folders")

    def _parallel(self, own: str, image: str) -> int | None:
        """How well the folder of an image is parallel to that of an annotation; None if it is not."""
        ours, theirs = apart(self._parts(own, self.contents.root), self._folders(image))
        if len(ours) > 1 or len(theirs) > 1 or rivals(ours, theirs):
            return None
        return 0 if any(_IMAGE_WORDS.search(part) for part in theirs) else 1

    def _only(self, own: str, images: Sequence[str], name: str) -> _Found | None:
        mine = self._parts(own, self.contents.root)
        rest = [image for image in images if not rivals(*apart(mine, self._folders(image)))]
        return _Found(_one(rest, name), "by a unique stem") if rest else None


def pair(annotations: Sequence[ImageAnnotation], contents: Contents) -> Pairing:
    """Find the image of each annotation.

    Args:
        annotations: Annotations of a data set.
        contents: Files of the data set.
    """
    roots = list(dict.fromkeys([str(contents.root), str(contents.images_root)]))
    top = contents.root if not contents.is_pair else _common(contents)
    finder = _Finder(contents, Locator(top, contents.allow_outside), roots)
    found: dict[int, _Found] = {}
    doubtful: dict[int, str] = {}

    def attempt(indices: Iterable[int], rule: str) -> None:
        for index in indices:
            try:
                one: _Found | None = getattr(finder, rule)(annotations[index])
            except DataError as error:
                doubtful[index] = str(error)
                continue
            if one is not None:
                found[index] = one

    def open_ones() -> list[int]:
        return [index for index in range(len(annotations)) if index not in found and index not in doubtful]

    # a file that states several images has no stem of its own
    alone = Counter(str(annotation.path) for annotation in annotations)
    by_own_name = {index for index in range(len(annotations)) if alone[str(annotations[index].path)] == 1}
    attempt(open_ones(), "stated")
    for indices in _claims(annotations, found).values():
        if len(indices) > 1:  # stale names: several annotations cannot be of one image
            for index in by_own_name.intersection(indices):
                del found[index]
    attempt([index for index in open_ones() if index in by_own_name], "by_stem")
    taken = {one.image for one in found.values()}
    near = {os.path.dirname(annotations[index].path) for index, one in found.items()}
    far = [index for index in open_ones() if index in by_own_name]
    attempt([index for index in far if os.path.dirname(annotations[index].path) not in near], "anywhere")
    for index in far:
        if index in found and found[index].image in taken:
            del found[index]  # an image with an annotation of its own
    _settle(annotations, found, doubtful)
    used = {one.image for one in found.values()}
    return Pairing(
        [(annotations[index], found[index].image) for index in sorted(found)],
        Counter({rule: count for rule in _RULES if (count := sum(one.rule == rule for one in found.values()))}),
        [annotations[index] for index in open_ones()],
        [(annotations[index], doubtful[index]) for index in sorted(doubtful)],
        [image for image in contents.images if image not in used],
    )


def _claims(annotations: Sequence[ImageAnnotation], found: dict[int, _Found]) -> dict[tuple[str, str], list[int]]:
    """Annotations by their image; in each stated split, an image may have one."""
    claims: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, one in found.items():
        claims[one.image, annotations[index].split].append(index)
    return claims


def _settle(annotations: Sequence[ImageAnnotation], found: dict[int, _Found], doubtful: dict[int, str]) -> None:
    """Decide between annotations of one image: the strictest rule counts; of two alike, neither."""
    for (image, _), indices in _claims(annotations, found).items():
        if len(indices) == 1:
            continue
        best = min(_RULES.index(found[index].rule) for index in indices)
        first = [index for index in indices if _RULES.index(found[index].rule) == best]
        for index in indices:
            if len(first) > 1 and index in first:
                one, other = (annotations[index].place for index in first[:2])
                doubtful[index] = f"{image} may be annotated by {one} or by {other}; keep one of them"
            if len(first) > 1 or index not in first:
                del found[index]


def _one(images: Sequence[str], name: str) -> str:
    """The only image of several paths.

    Raises:
        DataError: Several images.
    """
    first, *others = images
    if others:
        raise DataError(f"{name} may belong to {first} or to {others[0]}; rename one of them, or keep one")
    return first


def _image_suffixes(contents: Contents) -> set[str]:
    return {os.path.splitext(image)[1].lower() for image in contents.images}


def _common(contents: Contents) -> Path:
    """The folder that holds both folders of a pair."""
    both = [os.path.abspath(contents.root), os.path.abspath(contents.images_root)]
    return Path(os.path.commonpath(both))
