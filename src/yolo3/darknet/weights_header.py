"""The header of a Darknet weights file, and where a network keeps it."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from yolo3.checks.names import printable
from yolo3.darknet.cfg import DarknetError

_VERSION = struct.Struct("<3i")
_SEEN_64 = struct.Struct("<Q")
_SEEN_32 = struct.Struct("<I")
_NOT_WEIGHTS = {
    b"<": "a web page",
    b"version https://git-lfs": "a Git LFS pointer",
    b"[": "a cfg",
    b"PK": "a zip archive",
}


@dataclass(frozen=True)
class WeightsHeader:
    """The header of a weights file."""

    version: tuple[int, int, int] = (0, 2, 5)
    """Version of the file format: major, minor, revision."""
    seen: int = 0
    """Number of training images that the network has seen; every pass over an image counts."""

    def pack(self) -> bytes:
        """The header as bytes: 20 from version 0.2 on, 16 before."""
        return _VERSION.pack(*self.version) + self._seen_format.pack(self.seen)

    @property
    def size(self) -> int:
        """Size of the header in bytes."""
        return _VERSION.size + self._seen_format.size

    def to_metadata(self) -> dict[str, str]:
        """The header as text, for the metadata of a safetensors file."""
        return {"darknet_version": ".".join(map(str, self.version)), "darknet_seen": str(self.seen)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "WeightsHeader | None":
        """The header that `to_metadata` wrote; None where there is none.

        Raises:
            DarknetError: Text that `to_metadata` cannot have written.
        """
        if "darknet_version" not in metadata:
            return None
        try:
            major, minor, revision = map(int, metadata["darknet_version"].split("."))
            header = cls((major, minor, revision), int(metadata["darknet_seen"]))
            header.pack()
        except (KeyError, ValueError, struct.error) as error:
            raise DarknetError(f"{printable(str(dict(metadata)))} is no header of a Darknet weights file") from error
        return header

    @property
    def has_batchnorm_biases(self) -> bool:
        """Whether a ``[batchnorm]`` has biases in the file: not in that of the original program, which writes 0.2.0."""
        return self.version > (0, 2, 0)

    @property
    def _seen_format(self) -> struct.Struct:
        major, minor, _ = self.version
        return _SEEN_64 if major * 10 + minor >= 2 else _SEEN_32


def header_of(network: nn.Module) -> WeightsHeader | None:
    """The header of the weights file that a network was loaded from, if any."""
    header = vars(network).get("weights_header")
    return header if isinstance(header, WeightsHeader) else None


def keep_header(network: nn.Module, header: WeightsHeader) -> None:
    """Store the header of the weights file that a network was loaded from, as its ``weights_header``."""
    vars(network)["weights_header"] = header


def read_header(path: Path) -> tuple[WeightsHeader, int]:
    """The header of a file and the number of floats after it.

    Raises:
        DarknetError: A missing file, or one that is not a weights file.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(64)
    except (OSError, ValueError) as error:
        raise DarknetError(f"{path}: no such weights file ({error})") from error
    for beginning, name in _NOT_WEIGHTS.items():
        if start.lstrip().lower().startswith(beginning.lower()):
            raise DarknetError(f"{path}: this is {name}, not a weights file; download it again")
    try:
        version = _VERSION.unpack_from(start)
        if not all(0 <= number <= 1000 for number in version[:2]):
            raise DarknetError(f"{path}: not a weights file: it begins with {version}, which is no version of Darknet")
        seen_format = WeightsHeader(version)._seen_format
        (seen,) = seen_format.unpack_from(start, _VERSION.size)
    except struct.error as error:
        raise DarknetError(f"{path}: {size} bytes are too few for a weights file") from error
    header = WeightsHeader(version, seen)
    floats, rest = divmod(size - header.size, 4)
    if rest:
        raise DarknetError(
            f"{path}: {size:,} bytes are not a whole number of floats ({rest} left over); it was truncated or damaged"
        )
    return header, floats
