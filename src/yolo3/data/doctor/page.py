"""The report as one HTML file with embedded images, so that it can be mailed and archived."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from yolo3.data.box_checks import BoxCorners
from yolo3.data.doctor.examination import Examination
from yolo3.data.doctor.finding import SEVERITIES, Finding
from yolo3.data.doctor.report import Table, by_kind, class_table, headline, network_table, verdict
from yolo3.data.faults import DataError
from yolo3.data.images import read_image
from yolo3.draw import draw_boxes

_IMAGES_PER_KIND = 6
_ROWS_PER_KIND = 200  # a page must open in any browser; the JSON has all findings
_EDGE = 360  # pixels: longer edge of an image on the page
_SEEN = 8.0  # pixels: minimum size of a drawn box, even without area
_CONTEXT = 2.0  # times a box's size: region of the image shown around it
_LARGEST_ZOOM = 5.0  # at least 2 / 5 of the image is shown

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { margin-top: 2.5rem; } h3 { margin-bottom: .3rem; }
.verdict { padding: .6rem 1rem; border-radius: .4rem; font-weight: 600; background: #e3f4e4; }
.verdict.failed { background: #fbe3e1; }
h2.error { color: #b3261e; } h2.warning { color: #8a5a00; } h2.info { color: #33658a; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: .15rem .8rem .15rem 0; text-align: right; }
th:first-child, td:first-child { text-align: left; } th { border-bottom: 1px solid #999; }
ul { padding-left: 1.2rem; } li { overflow-wrap: anywhere; } code { font-size: .9em; color: #555; }
.images { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; max-width: 360px; }
figure img { display: block; border: 1px solid #ccc; max-width: 100%; }
figcaption { font-size: .8rem; overflow-wrap: anywhere; }
"""


def html_page(examination: Examination) -> str:
    """The findings as an HTML page without other files or network access."""
    title = escape(f"yolo3 check {examination.path}")
    state = "verdict failed" if examination.has_errors else "verdict"
    parts = [
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>',
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>",
        f"<p>{escape(headline(examination))}</p>",
        *(f"<p>{escape(note)}</p>" for note in examination.notes),
        f'<p class="{state}">{escape(verdict(examination))}</p>',
        _table(class_table(examination)),
        _table(network_table(examination)),
    ]
    for severity, meaning in SEVERITIES.items():
        groups = by_kind(examination.of(severity))
        if groups:
            parts.append(f'<h2 class="{severity}">{severity.capitalize()}: {escape(meaning)}</h2>')
        for kind, findings in groups.items():
            parts += [f"<h3>{escape(kind)} ({len(findings):,})</h3>", _images(findings), _list(findings)]
    return "\n".join([*parts, "</body>\n</html>\n"])


def _table(table: Table) -> str:
    if not table:
        return ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table[0])
    rows = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table[1:]]
    return "\n".join(["<table>", f"<tr>{head}</tr>", *rows, "</table>"])


def _list(findings: Sequence[Finding]) -> str:
    items = [
        f"<li>{escape(finding.what)}; <em>{escape(finding.fix)}</em><br><code>{escape(finding.place)}</code></li>"
        for finding in findings[:_ROWS_PER_KIND]
    ]
    more = len(findings) - _ROWS_PER_KIND
    if more > 0:
        items.append(f"<li>… and {more:,} more</li>")
    return "\n".join(["<ul>", *items, "</ul>"])


def _images(findings: Sequence[Finding]) -> str:
    figures: list[str] = []
    for finding in findings:
        if finding.image is not None and len(figures) < _IMAGES_PER_KIND:
            shown = _data_uri(finding.image, finding.boxes)
            if shown is not None:
                caption = escape(f"{finding.image.name}: {finding.what}")
                figures.append(f'<figure><img src="{shown}" alt=""><figcaption>{caption}</figcaption></figure>')
    return "\n".join(['<div class="images">', *figures, "</div>"]) if figures else ""


def _data_uri(path: Path, boxes: Sequence[BoxCorners]) -> str | None:
    """A small JPEG of an image, or of the region around small boxes; None if the image cannot be read."""
    try:
        image = Image.fromarray(read_image(path))
    except DataError:
        return None
    region = _region(image.size, boxes)
    shown = image.crop(region)
    scale = _EDGE / max(shown.size)
    shown = shown.resize((max(1, round(shown.width * scale)), max(1, round(shown.height * scale))))
    corners = (np.reshape(boxes, (-1, 2, 2)) - region[:2]) * scale
    corners = corners.clip(-2 * _SEEN, _EDGE + 2 * _SEEN)  # anything beyond the edge is invisible
    low, high = corners.min(axis=1), corners.max(axis=1)
    grown = np.maximum(_SEEN - (high - low), 0) / 2
    drawn = draw_boxes(shown, np.hstack([low - grown, high + grown]).tolist(), [""] * len(boxes), [0] * len(boxes))
    content = io.BytesIO()
    drawn.save(content, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def _region(size: tuple[int, int], boxes: Sequence[BoxCorners]) -> tuple[int, int, int, int]:
    """The region of an image of (width, height) to show: left, top, right, bottom.

    The whole image if there is no box; the image and a margin if a box lies outside; otherwise a region around the
    boxes.
    """
    width, height = size
    if not boxes:
        return 0, 0, width, height
    edges = np.reshape(boxes, (-1, 4))
    low, high = edges[:, :2].min(0), edges[:, 2:].max(0)
    if (low < -1).any() or (high > np.add(size, 1)).any() or (high < low).any():
        return -width // 4, -height // 4, width + width // 4, height + height // 4
    reach = np.maximum(high - low, np.divide(size, _LARGEST_ZOOM)) * _CONTEXT / 2
    left, top = np.floor(np.maximum((low + high) / 2 - reach, 0)).astype(int).tolist()
    right, bottom = np.ceil(np.minimum((low + high) / 2 + reach, size)).astype(int).tolist()
    return left, top, right, bottom
