"""Int8 with a receipt: a file of quantised convolutions gets its name once it is measured, on the backend it is for.

receipt.py  what was measured before and after
export.py   `export_int8`: quantise, measure, refuse or keep
"""

from yolo3.int8.export import export_int8
from yolo3.int8.receipt import Int8Receipt, Score

__all__ = ["Int8Receipt", "Score", "export_int8"]
