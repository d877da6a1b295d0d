"""Curves of a training run."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from yolo3.draw.figures import new_figure
from yolo3.system.fonts import save_figure


def draw_curves(
    path: Path | str,
    epochs: Sequence[float],
    losses: Mapping[str, Sequence[float]],
    scores: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Write a chart of a training run to a PNG: losses on the left, scores such as AP on the right.

    Args:
        path: File to write; its suffix decides the format.
        epochs: Epoch number of each value.
        losses: One value per epoch by name, NaN where there is none. The scale is logarithmic if all are positive.
        scores: One value per epoch in [0, 1] by name, likewise.

    Raises:
        ValueError: A curve whose length differs from that of ``epochs``.
        ModuleNotFoundError: matplotlib is not installed.
    """
    panels = [("loss", losses)] + ([("score", scores)] if scores else [])
    figure = new_figure((6 * len(panels), 4.5))
    from matplotlib.ticker import MaxNLocator

    for axes, (title, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        drawn = []
        for name, values in curves.items():
            if len(values) != len(epochs):
                raise ValueError(f"curve {name!r} has {len(values)} values for {len(epochs)} epochs")
            points = [(x, y) for x, y in zip(epochs, values, strict=True) if math.isfinite(y)]
            drawn += [y for _, y in points]
            axes.plot(
                *zip(*points, strict=True) if points else ([], []), label=name, marker="." if len(points) < 30 else ""
            )
        if title == "score":
            axes.set_ylim(0, 1)
        elif drawn and min(drawn) > 0:
            axes.set_yscale("log")
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3, which="both")
        if curves:
            axes.legend()
    save_figure(figure, path)
