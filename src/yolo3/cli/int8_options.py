"""The options of ``yolo3 export --precision int8``."""

from dataclasses import dataclass
from pathlib import Path

from yolo3.choices import Int8Backend


@dataclass(frozen=True)
class Int8:
    """Int8.

    Args:
        calibrate: Data set or folder of images to calibrate int8 on.
        measure: Data set that int8 is measured on. Default: the images that the model's training held out, otherwise
            the validation or test split of --calibrate, or about a tenth of it.
        backend: Runtime that an int8 file is made for and measured on.
        max_drop: Largest drop of AP, and of AP50, that int8 may cost.
        seed: Seed that draws the images to calibrate on.
    """

    calibrate: Path | None = None
    measure: Path | None = None
    backend: Int8Backend = "onnxruntime"
    max_drop: float = 0.01
    seed: int = 0
