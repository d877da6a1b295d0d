"""An image that is named by its address."""

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
    """Whether it is an http address whose path ends as the name of an image does; other addresses are streams."""
    return re.match("https?://", source, re.IGNORECASE) is not None and _suffix(source) in IMAGE_SUFFIXES


def shown(address: str) -> str:
    """The name of an address as it may be printed: without its password."""
    return re.sub(r"//[^/@]*@", "//", address)


def fetch_image(address: str) -> ImageArray:
    """The image at an address, which is fetched for it: (H, W, 3) RGB, upright.

    Raises:
        ValueError: It cannot be fetched, or is no image that can be read.
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
        raise ValueError(f"{name}: has more than {_MOST // 1_000_000} MB; download it, and name the file")
    try:
        pixels, _ = read_pixels(content)
    except ImageError as error:
        raise ValueError(f"{name}: {error}") from error
    return pixels


def _request(address: str) -> urllib.request.Request:
    """With a name and password of the address in the header that is for them."""
    request = urllib.request.Request(shown(address))
    name, at, _ = urlsplit(address).netloc.rpartition("@")
    if at:
        request.add_header("Authorization", f"Basic {b64encode(unquote(name).encode()).decode()}")
    return request


def _suffix(address: str) -> str:
    return Path(urlsplit(address).path).suffix.lower()
