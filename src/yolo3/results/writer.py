"""What every format of results is."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from yolo3.sources import Frame
from yolo3.structures import Detections

Add = Callable[[Frame, Detections], None]
"""Writes what was found in one frame."""
Writer = AbstractContextManager[Add]
"""Opens a file or folder of results, gives the function that adds to it, and finishes it."""
