"""What a source is, by its name alone: an address, a list, an archive or a table of images."""

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

STDIN = "-"
"""Source that stands for a list of paths on standard input."""

_LISTS = frozenset({".txt"})
_ARCHIVES = (".tar", ".tar.gz", ".tgz")
_TABLES = frozenset({".parquet"})
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def is_address(source: str) -> bool:
    """Whether a source is an address such as ``s3://bucket/dog.jpg``, and no path of this machine."""
    return _SCHEME.match(source) is not None


def suffix_of(source: str) -> str:
    """The suffix of a path, or of the path of an address, in lower case."""
    return PurePosixPath(_path(source)).suffix.lower()


def is_list(source: str) -> bool:
    """Whether a source is a text file with a path on each line, or standard input."""
    return source == STDIN or suffix_of(source) in _LISTS


def is_archive(source: str) -> bool:
    """Whether a source is a tar file of images."""
    return _path(source).lower().endswith(_ARCHIVES)


def is_table(source: str) -> bool:
    """Whether a source is a Parquet file."""
    return suffix_of(source) in _TABLES


def is_container(source: str) -> bool:
    """Whether a source is a single file that holds or names many images."""
    return is_list(source) or is_archive(source) or is_table(source)


def numbered(source: str) -> list[str]:
    """The names that a range in braces stands for, as shards are named; without a range the name itself.

    ``shard-{000..002}.tar`` -> ``shard-000.tar``, ``shard-001.tar``, ``shard-002.tar``
    """
    found = _RANGE.search(source)
    if found is None:
        return [source]
    first, last = found[1], found[2]
    head, tail = source[: found.start()], source[found.end() :]
    numbers = range(int(first), int(last) + 1)
    return [name for number in numbers for name in numbered(f"{head}{number:0{len(first)}}{tail}")]


def _path(source: str) -> str:
    return urlsplit(source).path if is_address(source) else source.replace("\\", "/")
