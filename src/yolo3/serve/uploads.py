"""What a client may send: from bytes that nobody vouches for to pixels."""

from dataclasses import dataclass

from yolo3.images import ImageArray, ImageError, ImageTooLarge, Least, UnknownImage, read_pixels

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""What is decoded. Pillow knows many more, some of which start other programs or follow paths."""


class Refused(Exception):
    """A request that gets no detections.

    Args:
        status: of HTTP: 413 too large, 415 no picture, 422 a wrong one, 503 too many at once.
        message: one line, for the client to read.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True)
class Limits:
    """How much a client may ask for.

    Raises:
        ValueError: a limit that is not positive.
    """

    megabytes: float = 20.0
    """A request, 10⁶ bytes."""
    megapixels: float = 50.0
    """A picture, 10⁶ pixels: a few kilobytes may unpack to gigabytes."""
    requests: int = 64
    """At the same time, those that wait for the network among them."""
    seconds: float = 60.0
    """To send a picture in."""
    uploads: float = 500.0
    """All uploads to the page that lie on the disk together, 10⁶ bytes."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"limit {name} is {value}; it must be above 0")

    @property
    def bytes(self) -> int:
        """A request."""
        return round(self.megabytes * 1e6)


def decode(content: bytes, limits: Limits = Limits()) -> ImageArray:
    """The image that some bytes hold, upright and as RGB whatever it is stored as.

    Its header is checked before anything is unpacked.

    Raises:
        Refused: no image of a known format (415), too many pixels (413), damaged or empty (422).
    """
    return decode_reduced(content, limits)[0]


def decode_reduced(content: bytes, limits: Limits, least: Least | None = None) -> tuple[ImageArray, tuple[int, int]]:
    """As much of the image as is enough, and the (height, width) of the whole; see `read_pixels`.

    Raises:
        Refused: as `decode`.
    """
    try:
        return read_pixels(content, least, FORMATS, limits.megapixels)
    except ImageTooLarge as error:
        raise Refused(413, f"{error}; make it smaller") from error
    except UnknownImage as error:
        if not content:
            raise Refused(422, "the image is empty: 0 bytes") from error
        raise Refused(415, f"not an image that can be read; send one of {', '.join(FORMATS)}") from error
    except ImageError as error:
        raise Refused(422, str(error)) from error
