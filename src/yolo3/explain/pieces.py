"""Pieces of a page: figures, tables and numbers as HTML."""

from collections.abc import Sequence
from html import escape

from yolo3.explain.drawing import css_colour
from yolo3.explain.values import SlotPrediction, Verdict

PLACE = ("stride", "row, column", "anchor")
"""Header of the columns of `place`."""


def figure(svg: str, caption: str) -> str:
    """A drawing with its caption."""
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already."""
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def more(count: int, what: str) -> str:
    """A line that says how many are not shown; empty if none."""
    return f"<p>… and {count:,} more {what}</p>" if count > 0 else ""


def dot(label: int) -> str:
    """A dot in the colour of a class."""
    return f'<span class="dot" style="background:{css_colour(label)}"></span>'


def raw(value: float) -> str:
    """A logit, with its sign."""
    return f"{value:+.3f}".replace("-", "−")


def decimal(value: float, digits: int = 3) -> str:
    """A share; a small one with more digits, so that it is not 0."""
    return f"{value:.{digits}f}" if value >= 10**-digits or value == 0 else f"{value:.2g}"


def numbers(prediction: SlotPrediction) -> str:
    """From raw logits to decoded numbers."""
    slot, own = prediction.slot, prediction.of_class
    left, top, right, bottom = prediction.network_box
    (x, y), (across, down) = prediction.centre_in_cell, prediction.size_ratios
    width, height = slot.anchor_size
    (raw_x, raw_y), (raw_w, raw_h) = prediction.centre_logits, prediction.size_logits
    rows = [
        ("x", raw(raw_x), f"{x:.3f} of column {slot.column}", f"{(left + right) / 2:.1f} px"),
        ("y", raw(raw_y), f"{y:.3f} of row {slot.row}", f"{(top + bottom) / 2:.1f} px"),
        ("width", raw(raw_w), f"{across:.3f} × anchor {width:g}", f"{right - left:.1f} px"),
        ("height", raw(raw_h), f"{down:.3f} × anchor {height:g}", f"{bottom - top:.1f} px"),
        ("objectness", raw(prediction.objectness_logit), decimal(prediction.objectness), ""),
        (f"P({escape(own.name)})", raw(own.logit), decimal(own.probability), ""),
        ("score", "", f"<strong>{decimal(own.score)}</strong>", ""),
    ]
    others = [each for each in prediction.best_classes if each.label != own.label]
    text = ", ".join(f"{escape(each.name)} {decimal(each.score)}" for each in others)
    next_best = f" Next best classes at this slot: {text}." if text else ""
    box = ", ".join(f"{edge:.1f}" for edge in prediction.box)
    return (
        f"<p>{escape(str(slot)).capitalize()}</p>"
        + table(("", "raw", "decoded", "in the network input"), rows)
        + f"<p>Box in the image: {box}.{next_best}</p>"
    )


def bars(prediction: SlotPrediction, threshold: float) -> str:
    """Objectness, class probability and score as bars, with the threshold across the score."""
    own = prediction.of_class
    name = f"P({own.name})"
    bars = [("objectness", prediction.objectness, None), (name, own.probability, None), ("score", own.score, threshold)]
    rows = []
    for label, value, least in bars:
        mark = "" if least is None or least > 1 else f'<i style="left:{100 * least:.1f}%"></i>'
        rows.append(
            f'<span>{escape(label)}</span><span class="bar"><b style="width:{100 * value:.1f}%"></b>{mark}</span>'
            f"<span>{decimal(value)}</span>"
        )
    note = "" if threshold > 1 else f"<p>The line marks the confidence threshold, {threshold:g}.</p>"
    return f'<div class="bars">{"".join(rows)}</div>{note}'


def verdict(found: Verdict) -> str:
    """What became of something, and why."""
    return f"<p>{badge(found)} {escape(found.reason)}</p>"


def place(prediction: SlotPrediction) -> tuple[str, str, str]:
    """Stride, cell and anchor of a slot, as cells of a table."""
    slot = prediction.slot
    return str(slot.stride), f"{slot.row}, {slot.column}", "{:g} × {:g}".format(*slot.anchor_size)


def badge(found: Verdict) -> str:
    """What became of something, as a coloured word."""
    kind = "good" if found.outcome == "found" else "bad"
    return f'<span class="badge {kind}">{escape(found.outcome)}</span>'
