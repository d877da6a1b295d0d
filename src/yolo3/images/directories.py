"""Directories of tags, as in TIFF files and EXIF.

Pillow copies the value of every tag when a file is opened. A directory may have thousands of tags whose values are all
the same megabytes of the file, so their total size is added up here first.
"""

import struct
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from yolo3.images.errors import ImageError

MOST_BYTES = 2**26
"""Maximum total bytes of tag values, or the size of the file if that is more."""
ORIENTATION = 0x0112

_MOST_TAGS = 10_000
_SUBDIRECTORIES = (0x8769, 0x8825, 0xA005)  # EXIF, GPS, interoperability
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes per value, by type."""
_WHOLE = {3: "H", 4: "I", 16: "Q"}


class _Form(NamedTuple):
    """Layout of a directory; types are those of `struct`."""

    count_type: str
    """Type of the number of entries, which comes first."""
    count_size: int
    """Bytes of that number."""
    entry_size: int
    """Bytes of an entry."""
    values_at: int
    """Place of the values in an entry, after the tag, their type and their number."""
    number_type: str
    """Type of the number of values."""


_TIFF = _Form("H", 2, 12, 8, "I")
_BIG_TIFF = _Form("Q", 8, 20, 12, "Q")


@dataclass
class _Reader:
    file: BinaryIO
    start: int
    length: int
    order: str
    is_big: bool
    num_bytes: int = 0
    seen: set[int] = field(default_factory=set)

    def tags(self, offset: int) -> dict[int, int]:
        """The whole numbers of a directory, by tag. Adds up the bytes of its values and of its subdirectories."""
        if offset in self.seen or not 0 < offset < self.length:
            return {}
        self.seen.add(offset)
        self.file.seek(self.start + offset)
        form = _BIG_TIFF if self.is_big else _TIFF
        (count,) = self._unpack(form.count_type, self.file.read(form.count_size))
        if count > _MOST_TAGS:
            raise ImageError(f"the image has {count:,} tags, more than {_MOST_TAGS:,}")
        entries = self.file.read(count * form.entry_size)
        found: dict[int, int] = {}
        for at in range(0, len(entries) - form.entry_size + 1, form.entry_size):
            values = at + form.values_at
            tag, kind = self._unpack("HH", entries[at : at + 4])
            (number,) = self._unpack(form.number_type, entries[at + 4 : values])
            self.num_bytes += min(number * _SIZES.get(kind, 0), self.length)
            if kind in _WHOLE and number:
                (value,) = struct.unpack_from(self.order + _WHOLE[kind], entries, values)
                found[tag] = max(value, found.get(tag, 0))
        for tag in _SUBDIRECTORIES:
            if tag in found:
                self.tags(found[tag])
        return found

    def _unpack(self, form: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack(self.order + form, data)


def read_directory(file: BinaryIO, start: int, length: int) -> dict[int, int]:
    """The whole numbers in the first directory, by tag; the largest value of a repeated tag.

    Args:
        file: File with a block in TIFF format.
        start: Offset of the block.
        length: Bytes of the block.

    Raises:
        ImageError: Values with more than `MOST_BYTES` in total; too many tags.
        struct.error: A truncated directory.

    Source:
        TIFF 6.0 §2; BigTIFF; EXIF 2.32 §4.6.
    """
    file.seek(start)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None:
        return {}
    is_big = struct.unpack(f"{order}H", head[2:4]) == (43,)
    (offset,) = struct.unpack(f"{order}Q", head[8:16]) if is_big else struct.unpack(f"{order}I", head[4:8])
    reader = _Reader(file, start, length, order, is_big)
    tags = reader.tags(offset)
    if reader.num_bytes > max(MOST_BYTES, length):
        raise ImageError(f"the tags of the image take {reader.num_bytes / 1e6:,.0f} MB of memory; save it without them")
    return tags
