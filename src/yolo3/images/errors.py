"""Errors of image files that cannot be read. The messages name no file: the caller knows where the image came from."""


class ImageError(ValueError):
    """An image that is missing, damaged, or stored in a way that cannot become pixels."""


class DamagedImage(ImageError):
    """An image that is truncated or corrupt."""


class UnknownImage(ImageError):
    """Bytes that are not an image in a supported format."""


class ImageTooLarge(ImageError):
    """An image of more pixels than the limit.

    Args:
        width: Width that the header states, in pixels.
        height: Height that the header states, in pixels.
        max_megapixels: The limit, in 10⁶ pixels.
    """

    def __init__(self, width: int, height: int, max_megapixels: float) -> None:
        super().__init__(f"the image has {width:,} x {height:,} pixels, more than {max_megapixels:g} megapixels")
        self.width = width
        self.height = height
