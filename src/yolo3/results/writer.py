"""The types of a writer of results."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from yolo3.sources import Frame
from yolo3.structures import Detections

Add = Callable[[Frame, Detections], None]
"""Function that writes the detections of one frame."""
Writer = AbstractContextManager[Add]
"""Context manager that opens a file or folder of results, gives the function that adds to it, and finishes it."""
