"""Drawing: boxes on images, curves on charts, images on sheets."""

from yolo3.draw.boxes import Drawable, Style, draw_boxes
from yolo3.draw.colours import PALETTE, Colour, class_colour, hexadecimal, ink_on, line_styles
from yolo3.draw.curves import draw_curves
from yolo3.draw.figures import new_figure
from yolo3.draw.labels import place_labels
from yolo3.draw.sheets import captioned, contact_sheet, sheet_width, side_by_side

__all__ = [
    "PALETTE",
    "Colour",
    "Drawable",
    "Style",
    "captioned",
    "class_colour",
    "contact_sheet",
    "draw_boxes",
    "draw_curves",
    "hexadecimal",
    "ink_on",
    "line_styles",
    "new_figure",
    "place_labels",
    "sheet_width",
    "side_by_side",
]
