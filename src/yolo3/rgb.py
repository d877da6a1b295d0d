"""One image, whatever it is stored as, in 8-bit RGB."""

import numpy as np
from PIL import Image


def as_rgb(image: Image.Image) -> Image.Image:
    """A copy in RGB: transparency is dropped, 16 bits become 8.

    Raises:
        ValueError: pixels of floating point, whose range nobody knows.
    """
    if image.mode == "F":
        raise ValueError("it holds floating-point pixels; save it with 8 or 16 bits")
    if image.mode.startswith("I"):  # 16 bits, which Pillow may also hand out as 32
        high = np.asarray(image).clip(0, 65535) >> 8
        image = Image.fromarray(high.astype(np.uint8))
    elif image.mode == "P":  # straight to RGB warns of transparent palettes
        image = image.convert("RGBA")
    return image.convert("RGB")
