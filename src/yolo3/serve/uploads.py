"""What a client may send: from bytes that nobody vouches for to pixels."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from yolo3.data.images import ImageArray, upright_rgb

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
    """The picture that some bytes hold, upright and as RGB whatever it is stored as.

    Raises:
        Refused: no picture of a known format (415), too many pixels (413), damaged or empty (422).
    """
    if not content:
        raise Refused(422, "the picture is empty: 0 bytes")
    try:
        image = Image.open(BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused(413, f"the picture has more than {limits.megapixels:g} megapixels; make it smaller") from error
    except Exception as error:  # Pillow meets nonsense with OSError, SyntaxError, struct.error and others
        raise Refused(415, f"not a picture that can be read; send one of {', '.join(FORMATS)}") from error
    with image:
        if image.width * image.height > limits.megapixels * 1e6:  # known from the header; nothing is unpacked yet
            size = f"{image.width} x {image.height} pixels"
            raise Refused(413, f"the picture has {size}, more than {limits.megapixels:g} megapixels; make it smaller")
        try:
            return upright_rgb(image)
        except Exception as error:
            raise Refused(422, f"the picture is damaged ({' '.join(str(error).split())})") from error
