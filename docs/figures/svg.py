"""Panels: small drawings in SVG, with named colours."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Colour = Literal["ink", "muted", "line", "paper", "blue", "orange", "green", "purple", "yellow"]
"""Colours of `static/figures.css`, which readers who confuse red and green can tell apart."""
Anchor = Literal["start", "middle", "end"]
Pixels = npt.NDArray[np.uint8]
Box = Sequence[float]
"""Left, top, right, bottom."""

OBJECT_COLOURS: tuple[Colour, ...] = ("blue", "orange", "green")
"""Triangle, circle and square of the scene, wherever they appear."""

_HYPHEN_OF_A_NUMBER = re.compile(r"(?<![\w)])-(?=\d)")


@dataclass
class Panel:
    """A drawing of its own size; `text` says in words what it shows, for those who cannot see it."""

    words: str
    width: float = 300
    height: float = 300
    parts: list[str] = field(default_factory=list)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 13,
        anchor: Anchor = "middle",
        colour: Colour = "ink",
        bold: bool = False,
    ) -> None:
        """One line of text whose baseline is at y. Negative numbers get the minus of mathematics."""
        words = _HYPHEN_OF_A_NUMBER.sub("−", words)
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(
            f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" text-anchor="{anchor}"{weight} '
            f'style="fill:{_css(colour)}">{escape(words)}</text>'
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: Colour = "ink", width: float = 1, dash: str = ""
    ) -> None:
        """A straight line."""
        self.parts.append(
            f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" {_stroke(colour, width, dash)}/>'
        )

    def arrow(self, x1: float, y1: float, x2: float, y2: float, colour: Colour = "ink", width: float = 1.5) -> None:
        """A line with a tip at its second end."""
        along = np.array([x2 - x1, y2 - y1], dtype=float)
        along /= max(float(np.hypot(*along)), 1e-9)
        across = np.array([-along[1], along[0]])
        tip = np.array([x2, y2])
        base = tip - along * 5 * width**0.5
        wings = [base + across * 3 * width**0.5, base - across * 3 * width**0.5]
        points = " ".join(f"{_n(px)},{_n(py)}" for px, py in (tip, *wings))
        self.line(x1, y1, float(base[0]), float(base[1]), colour, width)
        self.parts.append(f'<polygon points="{points}" style="fill:{_css(colour)}"/>')

    def curve(self, points: Sequence[tuple[float, float]], colour: Colour, width: float = 2, dash: str = "") -> None:
        """A line through points."""
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" {_stroke(colour, width, dash)} fill="none"/>')

    def area(self, points: Sequence[tuple[float, float]], colour: Colour, opacity: float = 0.2) -> None:
        """A filled polygon."""
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self.parts.append(f'<polygon points="{path}" style="fill:{_css(colour)};fill-opacity:{_n(opacity)}"/>')

    def dot(self, x: float, y: float, colour: Colour, radius: float = 3.5, hollow: bool = False) -> None:
        """A small disc or ring."""
        style = f"fill:{'none' if hollow else _css(colour)};stroke:{_css(colour)};stroke-width:1.5"
        self.parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" style="{style}"/>')

    def box(
        self, box: Box, colour: Colour = "ink", width: float = 2, dash: str = "", fill: float = 0, round_: float = 0
    ) -> None:
        """A rectangle, left, top, right, bottom; `fill` is the opacity of its inside."""
        left, top, right, bottom = box
        corner = f' rx="{_n(round_)}"' if round_ else ""
        style = f"fill:{_css(colour)};fill-opacity:{_n(fill)};stroke:{_css(colour)};stroke-width:{_n(width)}"
        dashes = f";stroke-dasharray:{dash}" if dash else ""
        self.parts.append(
            f'<rect x="{_n(left)}" y="{_n(top)}" width="{_n(right - left)}" height="{_n(bottom - top)}"{corner} '
            f'style="{style}{dashes}"/>'
        )

    def image(self, pixels: Pixels, box: Box, *, pale: bool = False, sharp: bool = False) -> None:
        """(H, W, 3) pixels in a rectangle; ``pale`` to draw on, ``sharp`` to keep the edges of magnified pixels."""
        stored = io.BytesIO()
        Image.fromarray(pixels).quantize(64).save(stored, "PNG", optimize=True)
        data = base64.b64encode(stored.getvalue()).decode()
        left, top, right, bottom = box
        style = "opacity:var(--drawing-pale);" * pale + "image-rendering:pixelated" * sharp
        self.parts.append(
            f'<image x="{_n(left)}" y="{_n(top)}" width="{_n(right - left)}" height="{_n(bottom - top)}" '
            f'preserveAspectRatio="none" style="{style}" href="data:image/png;base64,{data}"/>'
        )

    def svg(self) -> str:
        """The drawing, to stand in a page."""
        size = f'viewBox="0 0 {_n(self.width)} {_n(self.height)}" style="width:{_n(self.width)}px"'
        return f'<svg {size} role="img"><title>{escape(self.words)}</title>{"".join(self.parts)}</svg>'


@dataclass(frozen=True)
class Axes:
    """A frame with linear axes inside a panel."""

    panel: Panel
    x: tuple[float, float]
    """First and last value along the horizontal axis."""
    y: tuple[float, float]
    left: float = 44
    top: float = 30
    right: float = 12
    bottom: float = 42

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is in the panel."""
        wide = self.panel.width - self.left - self.right
        high = self.panel.height - self.top - self.bottom
        along = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return self.left + along * wide, self.top + (1 - up) * high

    def frame(self, x_label: str, y_label: str, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> None:
        """Draw the axes with their numbers; the label of the vertical one stands above it."""
        panel = self.panel
        for tick in x_ticks:
            x, y = self.at(tick, self.y[0])
            panel.line(x, self.at(tick, self.y[1])[1], x, y, "line", 0.6)
            panel.text(x, y + 15, f"{tick:g}", size=11, colour="muted")
        for tick in y_ticks:
            x, y = self.at(self.x[0], tick)
            panel.line(x, y, self.at(self.x[1], tick)[0], y, "line", 0.6)
            panel.text(x - 5, y + 4, f"{tick:g}", size=11, anchor="end", colour="muted")
        (x0, y0), (x1, y1) = self.at(self.x[0], self.y[0]), self.at(self.x[1], self.y[1])
        panel.line(x0, y0, x1, y0, "muted")
        panel.line(x0, y0, x0, y1, "muted")
        panel.text((x0 + x1) / 2, y0 + 34, x_label, size=12)
        panel.text(4, y1 - 12, y_label, size=12, anchor="start")


def heat(values: npt.NDArray[Any], highest: float) -> Pixels:
    """(H, W) values from 0 to ``highest`` as (H, W, 3) pixels, dark blue to yellow, of even steps in lightness."""
    steps = np.array([[20, 24, 70], [58, 76, 140], [33, 145, 140], [120, 200, 90], [253, 231, 37]], dtype=float)
    share = np.clip(np.asarray(values, dtype=float) / highest, 0, 1) * (len(steps) - 1)
    return np.stack([np.interp(share, range(len(steps)), steps[:, part]) for part in range(3)], -1).astype(np.uint8)


def _css(colour: Colour) -> str:
    return f"var(--drawing-{colour})"


def _stroke(colour: Colour, width: float, dash: str) -> str:
    dashes = f";stroke-dasharray:{dash}" if dash else ""
    return f'style="stroke:{_css(colour)};stroke-width:{_n(width)}{dashes}"'


def _n(value: float) -> str:
    """A number in few digits."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
