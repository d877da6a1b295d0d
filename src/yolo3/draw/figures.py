"""Figures of matplotlib, which is an extra."""

from typing import Any

from yolo3.system.extras import not_installed


def new_figure(size: tuple[float, float]) -> Any:
    """An empty ``matplotlib.figure.Figure``; `yolo3.system.fonts.save_figure` writes it.

    Args:
        size: Width and height in inches, at 120 pixels per inch.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # the Figure itself: pyplot would keep state and look for a display
    except ModuleNotFoundError as missing:
        raise not_installed("charts need", "matplotlib", "train") from missing
    return Figure(figsize=size, dpi=120, layout="constrained")
