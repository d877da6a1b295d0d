"""Many files of annotations or images, read one after another or in several processes."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from yolo3.data.faults import DataError, Fault, OnFault
from yolo3.data.images import image_size
from yolo3.data.work import Work

Found = TypeVar("Found")


def read_each(
    read: Callable[[Path, OnFault], Found], files: Sequence[str | Path], on_fault: OnFault, work: Work
) -> Iterator[Found]:
    """What a function reads from each annotation file.

    Args:
        read: Function of a module, which other processes can import.
        files: Annotation files.
        on_fault: Called with every fault, in the order of the files.
        work: Reading of the files: quietly, or with a progress bar and several processes.
    """
    for found, faults in work.each(partial(_read, read), files, "reading annotations"):
        for fault in faults:
            on_fault(fault)
        yield found


def _read(read: Callable[[Path, OnFault], Found], file: str | Path) -> tuple[Found, list[Fault]]:
    faults: list[Fault] = []
    return read(Path(file), faults.append), faults


def sizes_of(images: Sequence[str], work: Work) -> dict[str, tuple[int, int] | DataError]:
    """(height, width) of each image, or the reason why it cannot be read.

    Args:
        images: Paths of the images.
        work: Reading of the files: quietly, or with a progress bar and several processes.
    """
    return dict(zip(images, work.each(_size_of, images, "reading image sizes"), strict=True))


def _size_of(image: str) -> tuple[int, int] | DataError:
    try:
        return image_size(image)
    except DataError as error:
        return error
