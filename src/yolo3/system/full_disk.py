"""The error of a full disk, which names no file by itself."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager


def is_full_disk(error: OSError) -> bool:
    """Whether an error is that of a full disk, an exhausted quota, or a file larger than is allowed."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def naming_full_disk(place: str | os.PathLike[str]) -> Iterator[None]:
    """Name the place in the error of a full disk: writing to an open file gives an error without its name.

    Args:
        place: File or folder that is written to.

    Raises:
        OSError: The error of the full disk, with the place.
    """
    try:
        yield
    except OSError as error:
        if is_full_disk(error) and error.filename is None:
            raise OSError(f"{os.fspath(place)} cannot be written ({error.strerror})") from error
        raise
