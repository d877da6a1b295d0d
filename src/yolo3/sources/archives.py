"""Tar files of images, as WebDataset's shards are."""

import tarfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from yolo3.data import IMAGE_SUFFIXES
from yolo3.sources.encoded import Encoded
from yolo3.sources.kinds import is_address
from yolo3.sources.remote import MOST_BYTES, opened
from yolo3.sources.web import shown

_GZIP = b"\x1f\x8b"


def archive_images(source: str) -> Iterator[Encoded]:
    """The images of a tar file in its order; other files in it are passed over.

    An image is called by the archive and its name there: ``shard-000.tar/000123.jpg``. Of a plain file on this machine
    only the headers are read, and each image when it is needed; a compressed or a remote one is read from its
    beginning to its end.

    Args:
        source: Path or address of a ``.tar``, ``.tar.gz`` or ``.tgz`` file.

    Raises:
        ValueError: No tar file, or one without images; after the last intact image, one that is damaged or cut off.
    """
    name = shown(source)
    count = 0
    try:
        with opened(source) as file:
            plain = not is_address(source) and _is_plain(file)
            for member, content in _members(file, plain):
                if not member.isreg() or _suffix(member) not in IMAGE_SUFFIXES:
                    continue
                where = f"{name}/{member.name}"
                if member.size > MOST_BYTES:
                    raise ValueError(f"{where}: has more than {MOST_BYTES // 1_000_000} MB")
                if plain:
                    read = partial(_cut, source, member.offset_data, member.size)
                else:
                    read = partial(bytes, content())
                yield Encoded(where, PurePosixPath(member.name).stem, read)
                count += 1
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        what = f"is damaged or cut off after {count:,} images" if count else "not a tar file that can be read"
        raise ValueError(f"{name}: {what} ({' '.join(str(error).split())})") from error
    if not count:
        raise ValueError(f"{name}: no images in it")


class _Watched:
    """A file that remembers the last block it gave, which tells where the headers of an archive end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.last = b""
        self.tell = file.tell
        self.seek = file.seek
        self.close = file.close

    def read(self, size: int = -1) -> bytes:
        self.last = self._file.read(size)
        return self.last


def _members(file: BinaryIO, plain: bool) -> "Iterator[tuple[tarfile.TarInfo, _Content]]":
    """Every member of an archive, with a function that reads it."""
    seen = False
    with tarfile.open(fileobj=file, mode="r:") if plain else tarfile.open(fileobj=file, mode="r|*") as archive:
        watched = _Watched(cast(BinaryIO, archive.fileobj))
        archive.fileobj = watched  # type: ignore[assignment]  # it needs no more
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep every header
            if member.issparse():
                raise tarfile.ReadError(f"{member.name} is sparse")
            yield member, _Content(archive, member)
            seen = True
        # tarfile takes any header that it cannot read for the end
        if seen and (watched.last.strip(b"\0") or not watched.last):
            raise tarfile.ReadError("no end mark")


class _Content:
    def __init__(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        self._archive = archive
        self._member = member

    def __call__(self) -> bytes:
        file = self._archive.extractfile(self._member)
        assert file is not None  # it is a regular file
        content = file.read()
        if len(content) < self._member.size:
            raise tarfile.ReadError("unexpected end of data")
        return content


def _cut(source: str, offset: int, size: int) -> bytes:
    """A piece of a file on this machine."""
    with open(source, "rb") as file:
        file.seek(offset)
        content = file.read(size)
    if len(content) < size:
        raise ValueError(f"{source}: is cut off in this image")
    return content


def _is_plain(file: BinaryIO) -> bool:
    """Whether a file is not compressed."""
    start = file.read(len(_GZIP))
    file.seek(0)
    return start != _GZIP


def _suffix(member: tarfile.TarInfo) -> str:
    return PurePosixPath(member.name).suffix.lower()
