"""Scans of a JPEG: each is a pass over the whole image, so a file with hundreds of them takes minutes to decode."""

import re

MOST_SCANS = 100
"""Maximum number of scans. A progressive JPEG has about ten."""

_SCAN = 0xDA
_END = 0xD9
_MARKER = re.compile(
    rb"\xff+([\x01-\xcf\xd8-\xfe])"
)  # within a scan, \xff\x00 is data and \xff\xd0 to \xd7 are restarts


def count_scans(content: bytes, start: int = 0) -> int:
    """The number of scans of a JPEG; counting stops after `MOST_SCANS`.

    Args:
        content: Bytes of the file.
        start: Offset of the image.

    Source:
        ITU T.81, annex B.1.1 and B.2.
    """
    most = content.count(b"\xff\xda", start)  # fast; it also counts matches in other segments
    if most <= MOST_SCANS:
        return most
    scans = 0
    place = start + 2
    while scans <= MOST_SCANS and (found := _MARKER.search(content, place)) is not None:
        marker = found[1][0]
        place = found.end()
        if marker == _END:
            break
        if marker != 0x01 and marker != 0xD8:  # it has a segment, whose length counts the two bytes of itself
            scans += marker == _SCAN
            place += int.from_bytes(content[place : place + 2], "big")
    return scans
