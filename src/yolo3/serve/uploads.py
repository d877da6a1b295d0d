"""Uploads: limits of a request, and the decoding of untrusted bytes."""

from dataclasses import dataclass

from yolo3.images import ImageArray, ImageError, ImageTooLarge, Least, UnknownImage, read_pixels

FORMATS = ("BMP", "GIF", "JPEG", "NPY", "PNG", "TIFF", "WEBP")
"""Image formats that are decoded. Pillow knows many more, some of which start other programs or follow paths."""


class Refused(Exception):
    """A request that gets no detections.

    Args:
        status: HTTP status: 413 too large, 415 not an image, 422 a wrong one, 503 too many at once.
        message: One line for the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Limits:
    """Limits of a request.

    Raises:
        ValueError: A limit that is not positive.
    """

    megabytes: float = 20.0
    """Largest request, 10⁶ bytes."""
    megapixels: float = 50.0
    """Largest image, 10⁶ pixels: a few kilobytes may unpack to gigabytes."""
    requests: int = 64
    """Most concurrent requests, including those that wait for the network."""
    seconds: float = 60.0
    """Longest time to send an image, seconds."""
    uploads: float = 500.0
    """Largest total of uploads to the page that are on the disk, 10⁶ bytes."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"limit {name} is {value}; it must be above 0")

    @property
    def bytes(self) -> int:
        """Largest request, bytes."""
        return round(self.megabytes * 1e6)


def decode(content: bytes, limits: Limits = Limits()) -> ImageArray:
    """The image that some bytes hold, upright and as RGB whatever it is stored as, to look at.

    Its header is checked before anything is unpacked.

    Raises:
        Refused: An unknown format (415), too many pixels (413), a damaged or empty image (422).
    """
    return decode_reduced(content, limits)[0]


def decode_reduced(
    content: bytes, limits: Limits, least: Least | None = None, channels: int | None = None
) -> tuple[ImageArray, tuple[int, int]]:
    """As many pixels of the image as are enough, and the (height, width) of the whole; see `read_pixels`.

    Args:
        content: Bytes of the image.
        limits: Limits of a request.
        least: Minimum size.
        channels: Number of channels that the network takes; None gives RGB to look at.

    Raises:
        Refused: An image that `decode` would refuse.
    """
    try:
        return read_pixels(content, least, FORMATS, limits.megapixels, channels)
    except ImageTooLarge as error:
        raise Refused(413, f"{error}; make it smaller") from error
    except UnknownImage as error:
        if not content:
            raise Refused(422, "the image is empty: 0 bytes") from error
        raise Refused(415, f"not an image that can be read; send one of {', '.join(FORMATS)}") from error
    except ImageError as error:
        raise Refused(422, str(error)) from error
