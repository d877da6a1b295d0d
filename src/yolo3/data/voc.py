"""Pascal VOC: an XML file per image, and lists of images for the splits."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from yolo3.data.data_format import DataFormat
from yolo3.data.faults import DataError, Fault, OnFault, refuse
from yolo3.data.images import IMAGE_SUFFIXES, without_copies
from yolo3.data.layout.annotations import AnnotationFiles, StatedImage
from yolo3.data.layout.contents import Contents, some_of
from yolo3.data.layout.found import FoundLayout, find_layout
from yolo3.data.listing import visible
from yolo3.data.reading import check_names, read_names, read_text
from yolo3.data.reading_files import read_each
from yolo3.data.sample import SampleSet
from yolo3.data.sample_builder import OnObject, SampleSetBuilder, ignore
from yolo3.data.sizes import whole_size
from yolo3.data.split_names import find_split
from yolo3.data.voc_files import is_annotation, read_annotation
from yolo3.data.voc_writing import write_voc
from yolo3.data.work import QUIETLY, Work

_NAMES_FILES = ("labels.txt", "classes.txt", "names.txt")
_MARKS = ("-1", "0", "1")


def read_voc(
    folder: Path,
    split: str | None = None,
    names: Sequence[str] | None = None,
    on_fault: OnFault = refuse,
    on_object: OnObject = ignore,
    allow_outside: bool = False,
    work: Work = QUIETLY,
) -> SampleSet:
    """Read ``Annotations/*.xml``: all images or one split.

    Corners are taken as continuous pixels, unchanged. A box without area is left out. Where several images have the
    same stem, such as ``1.jpg`` and ``1.png``, the annotation's ``<filename>`` decides.

    Args:
        folder: Folder with ``Annotations``, ``JPEGImages`` and, for splits, ``ImageSets/Main``.
        split: Name of a list in ``ImageSets/Main``, without ``.txt``. None reads every annotation.
        names: Class names, in order. None takes them from ``labels.txt``, ``classes.txt`` or ``names.txt``; without
            such a file, they are the sorted names in all annotations, whatever the split.
        on_fault: Called with every fault. If it returns, the faulty item is left out.
        on_object: Called with every object, faulty or not.
        allow_outside: Has no effect, since these files contain no paths.
        work: Reading of many files: quietly, or with a progress bar and several processes.

    Raises:
        DataError: The first fault, unless ``on_fault`` returns; an unknown split; no annotation at all.

    Source:
        The PASCAL VOC development kit, http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html
    """
    paths = {path.stem: path for path in visible(folder / "Annotations", "*.xml")}
    if not paths:
        raise DataError(f"{folder}: no annotation in {folder / 'Annotations'}; expected *.xml there")
    if split is None:
        wanted = [(str(path), stem) for stem, path in paths.items()]
    else:
        wanted = _split_list(folder, split, paths)
    names = names or _names_file(folder)
    needed = paths.keys() if names is None else {stem for _, stem in wanted}
    some = {stem: path for stem, path in paths.items() if stem in needed}
    read = dict(zip(some, read_each(read_annotation, list(some.values()), on_fault, work), strict=True))
    if names is None:
        names = sorted({str(label) for annotation in read.values() if annotation for label in annotation.labels()})
        check_names(names, str(folder / "Annotations"))

    builder = SampleSetBuilder(names, on_fault, on_object)
    images = _images(folder / "JPEGImages")
    unread: Counter[str] = Counter()
    for place, stem in wanted:
        if stem not in paths:
            on_fault(Fault("missing", place, f"no annotation {folder / 'Annotations' / stem}.xml"))
        elif (annotation := read[stem]) is not None:
            _add(builder, place, annotation, images.get(stem, ()), folder / "JPEGImages" / stem)
            unread += annotation.unread
        elif stem not in images:
            on_fault(_no_image(place, folder / "JPEGImages" / stem))
    for what, count in unread.items():
        builder.leave_unread(f"{what} of {count:,} objects")
    return builder.build(f"Pascal VOC data set {folder}", split)


def _add(
    builder: SampleSetBuilder, place: str, annotation: StatedImage, images: Sequence[Path], expected: Path
) -> None:
    """Add an image and its objects, or say why not."""
    image = _meant(annotation, images) if images else _no_image(place, expected)
    if isinstance(image, Path):
        try:
            size = whole_size(annotation.height, annotation.width, image)
        except DataError as error:
            image = Fault("image", str(annotation.path), str(error))
    if isinstance(image, Fault):
        builder.on_fault(image)
        annotation.miss(builder)
        return
    builder.add_image(image, size)
    annotation.add(builder, size)


def _meant(annotation: StatedImage, images: Sequence[Path]) -> Path | Fault:
    """Choose among images with the same stem."""
    named = [path for path in images if path.name == annotation.image]
    if len(named) == 1 or len(images) == 1:
        return [*named, *images][0]
    found = " and ".join(path.name for path in images)
    text = f"{found} have the same stem, and <filename> is {annotation.image!r}; name one of them there"
    return Fault("path", str(annotation.path), text)


def _no_image(place: str, expected: Path) -> Fault:
    text = f"no image {expected}.jpg (or .png, …); add it, or remove its annotation"
    return Fault("missing", place, text)


def voc_splits(folder: Path) -> tuple[str, ...]:
    """The lists in ``ImageSets/Main``, except those of a single class, such as ``cat_train`` beside ``train``.

    Lists of a single class mark each image with 1, 0 or -1; a split such as ``mini_train`` does not.
    """
    lists = {path.stem: path for path in visible(folder / "ImageSets" / "Main", "*.txt")}
    return tuple(sorted(stem for stem in lists if not _is_of_a_class(folder, lists, stem)))


def _is_of_a_class(folder: Path, lists: Mapping[str, Path], stem: str) -> bool:
    if "_" not in stem or stem.rpartition("_")[2] not in lists:
        return False
    try:
        lines = read_text(lists[stem]).splitlines()
    except DataError:  # reading that split reports it
        return False
    marked = [line for line in map(str.strip, lines) if line]
    first = next(iter(marked), "")
    is_image = (folder / "Annotations" / f"{first}.xml").is_file()  # whose name ends in a number
    return not is_image and bool(marked) and all(line.rpartition(" ")[2] in _MARKS and " " in line for line in marked)


def _split_list(folder: Path, split: str, known: Collection[str]) -> list[tuple[str, str]]:
    """(place, stem) of each image in a split."""
    path = folder / "ImageSets" / "Main" / f"{find_split(_lists_with(folder, split), split, str(folder))}.txt"
    stems = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        stem, _, mark = line.strip().rpartition(" ")
        if line.strip() in known or mark not in _MARKS:  # a list of a single class marks its images so
            stem = line.strip()
        if stem:
            stems.append((f"{path}:{number}", stem.rstrip()))
    return stems


def _lists_with(folder: Path, split: str) -> list[str]:
    """The splits, and the list of a single class if it is requested by name."""
    is_there = (folder / "ImageSets" / "Main" / f"{split}.txt").is_file()
    splits = voc_splits(folder)
    return [*splits, split] if is_there else list(splits)


def _names_file(folder: Path) -> tuple[str, ...] | None:
    for name in _NAMES_FILES:
        if (folder / name).is_file():
            return read_names(folder / name)
    return None


def _images(folder: Path) -> dict[str, list[Path]]:
    """Every image by its stem."""
    found: dict[str, list[Path]] = {}
    for path in without_copies(path for path in visible(folder, "*") if path.suffix.lower() in IMAGE_SUFFIXES):
        found.setdefault(path.stem, []).append(path)
    return found


def _recognise(path: Path) -> bool:
    """Whether a folder has VOC's own folders; where only the images are elsewhere, `_find` looks for them."""
    annotations = path / "Annotations"
    if not annotations.is_dir():
        return False
    if (path / "JPEGImages").is_dir():
        return True
    return not any(is_annotation(Path(file)) for file in some_of(list(map(str, visible(annotations, "*.xml")))))


def _read_file(path: Path, on_fault: OnFault) -> list[StatedImage]:
    annotation = read_annotation(path, on_fault)
    return [] if annotation is None else [annotation]


_FILES = AnnotationFiles((".xml",), is_annotation, _read_file, by_folder=True, is_slow=True, names_files=_NAMES_FILES)


def _find(contents: Contents, is_chosen: bool) -> FoundLayout | None:
    """XML files whose root is ``annotation``, in any folders."""
    return find_layout(contents, _FILES, "voc", "Pascal VOC")


VOC = DataFormat(
    name="voc",
    read=read_voc,
    splits=voc_splits,
    write=write_voc,
    recognise=_recognise,
    expected="Annotations/*.xml",
    box_order="xyxy",
    splits_are_lists=True,
    find=_find,
)
