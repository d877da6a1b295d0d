"""Why an image file cannot be read. The messages name no file: whoever asked for the image knows where it came from."""


class ImageError(ValueError):
    """An image that is missing, damaged, or stored in a way that cannot become RGB."""


class DamagedImage(ImageError):
    """An image that is cut short or broken."""


class UnknownImage(ImageError):
    """Bytes that are no image of a format that is read."""


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
