"""Curves of a training run."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yolo3.draw.colours import line_styles
from yolo3.draw.figures import new_figure
from yolo3.system.fonts import save_figure

_DASHES = {"train": "-", "val": "--"}
"""Dash pattern of the losses in training and in validation."""
_PHASES = {"train": "training", "val": "validation"}
_TOTAL = "total"
_BLACK = "#000000"
_FEW = 30  # points of a curve, each of which gets a dot


def draw_curves(
    path: Path | str,
    epochs: Sequence[float],
    losses: Mapping[str, Sequence[float]],
    scores: Mapping[str, Sequence[float]] | None = None,
    learning_rate: Sequence[float] | None = None,
) -> None:
    """Write a chart of a training run to a PNG: losses, then scores such as AP, then the learning rate.

    Each loss term has a colour of its own, solid in training and dashed in validation; their sum is black.

    Args:
        path: File to write; its suffix decides the format.
        epochs: Epoch number of each value.
        losses: One value per epoch by name, NaN where there is none; ``train/box`` and ``val/box`` are of one term.
            The scale is logarithmic if all are positive.
        scores: One value per epoch in [0, 1] by name, likewise.
        learning_rate: One value per epoch.

    Raises:
        ValueError: A curve whose length differs from that of ``epochs``.
        ModuleNotFoundError: matplotlib is not installed.
    """
    rates = {} if learning_rate is None else {"learning rate": learning_rate}
    for name, values in {**losses, **(scores or {}), **rates}.items():
        if len(values) != len(epochs):
            raise ValueError(f"curve {name!r} has {len(values)} values for {len(epochs)} epochs")
    panels = {"loss": 3}  # with their relative heights
    if scores:
        panels["score"] = 2
    if rates:
        panels["learning rate"] = 1
    figure = new_figure((9, 1 + 2.6 * len(panels)))
    heights = list(panels.values())
    column = figure.subplots(len(panels), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    axes = dict(zip(panels, column, strict=True))
    _draw_losses(axes["loss"], epochs, losses)
    if scores:
        for (name, values), (colour, dashes) in zip(scores.items(), line_styles(len(scores)), strict=True):
            _draw(axes["score"], epochs, values, name, color=colour, linestyle=dashes)
        axes["score"].set_ylim(0, 1)
    if rates:
        _draw(axes["learning rate"], epochs, rates["learning rate"], "", color=_BLACK)
    for title, panel in axes.items():
        panel.set_ylabel(title)
        panel.grid(alpha=0.3)
        if any(not line.get_label().startswith("_") for line in panel.get_lines()):
            panel.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, fontsize=9)
    _number_epochs(column[-1], epochs)
    save_figure(figure, path)


def _draw_losses(axes: Any, epochs: Sequence[float], losses: Mapping[str, Sequence[float]]) -> None:
    """The losses, and their sum where there are several."""
    phases: dict[str, dict[str, Sequence[float]]] = {}
    for name, values in losses.items():
        phase, slash, term = name.partition("/")
        if not slash:
            phase, term = "", name
        phases.setdefault(phase, {})[term] = values
    terms = list(dict.fromkeys(term for own in phases.values() for term in own))
    colours = {term: colour for term, (colour, _) in zip(terms, line_styles(len(terms)), strict=True)}
    drawn: list[float] = []
    for phase, own in phases.items():
        dashes = _DASHES.get(phase, "-")
        label = f", {_PHASES.get(phase, phase)}" if phase else ""
        if len(own) > 1:
            total = [math.fsum(values) for values in zip(*own.values(), strict=True)]
            drawn += _draw(axes, epochs, total, _TOTAL + label, color=_BLACK, linestyle=dashes, linewidth=2)
        for term, values in own.items():
            drawn += _draw(axes, epochs, values, term + label, color=colours[term], linestyle=dashes)
    if drawn and min(drawn) > 0:
        axes.set_yscale("log")


def _draw(axes: Any, epochs: Sequence[float], values: Sequence[float], label: str, **style: Any) -> list[float]:
    """Draw the finite values of a curve, and return them."""
    points = [(x, y) for x, y in zip(epochs, values, strict=True) if math.isfinite(y)]
    marker = "." if len(points) < _FEW else ""
    axes.plot([x for x, _ in points], [y for _, y in points], label=label or "_", marker=marker, **style)
    return [y for _, y in points]


def _number_epochs(axes: Any, epochs: Sequence[float]) -> None:
    """Ticks at whole epochs, also where there are only one or two."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if epochs:
        margin = max(0.5, 0.02 * (max(epochs) - min(epochs)))
        axes.set_xlim(min(epochs) - margin, max(epochs) + margin)
