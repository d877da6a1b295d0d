"""Images given by their address."""

import re
import urllib.error
import urllib.request
from base64 import b64encode
from http.client import HTTPException
from pathlib import Path
from urllib.parse import unquote, urlsplit

from yolo3.data import IMAGE_SUFFIXES
from yolo3.images import ImageArray, ImageError, read_pixels

_MOST = 200_000_000  # bytes
_PATIENCE = 30  # seconds without a byte


def is_web_image(source: str) -> bool:
    """Whether a source is an http address whose path has the suffix of an image; other addresses are streams."""
    return re.match("https?://", source, re.IGNORECASE) is not None and _suffix(source) in IMAGE_SUFFIXES


def shown(address: str) -> str:
    """An address for messages: without its password."""
    return re.sub(r"//[^/@]*@", "//", address)


def fetch_image(address: str, channels: int = 3) -> ImageArray:
    """Fetch the image at an address: (H, W, channels), upright.

    Args:
        address: Address of the image.
        channels: Number of channels of the pixels, see `with_channels`.

    Raises:
        ValueError: An address that cannot be fetched, or is not that of a readable image.
    """
    name = shown(address)
    try:
        with urllib.request.urlopen(_request(address), timeout=_PATIENCE) as answer:
            content = answer.read(_MOST + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise ValueError(f"{name}: cannot be fetched ({error.code} {error.reason})") from error
    except (OSError, HTTPException) as error:
        raise ValueError(f"{name}: cannot be fetched ({getattr(error, 'reason', error)})") from error
    if len(content) > _MOST:
        raise ValueError(f"{name}: has more than {_MOST // 1_000_000} MB; download it, and give the file")
    try:
        pixels, _ = read_pixels(content, channels=channels)
    except ImageError as error:
        raise ValueError(f"{name}: {error}") from error
    return pixels


def _request(address: str) -> urllib.request.Request:
    """A request with the user name and password of the address in the Authorization header."""
    request = urllib.request.Request(shown(address))
    name, at, _ = urlsplit(address).netloc.rpartition("@")
    if at:
        request.add_header("Authorization", f"Basic {b64encode(unquote(name).encode()).decode()}")
    return request


def _suffix(address: str) -> str:
    return Path(urlsplit(address).path).suffix.lower()
