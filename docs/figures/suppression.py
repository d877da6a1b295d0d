"""Chapter 7: NMS step by step."""

import torch

from figures import scene
from figures.svg import OBJECT_COLOURS, Colour, Panel
from yolo3 import suppress
from yolo3.boxes import box_iou

CANDIDATES = {
    "A": ((88, 60, 152, 108), 0.90, "triangle"),
    "B": ((94, 62, 158, 110), 0.80, "triangle"),
    "C": ((90, 60, 154, 92), 0.70, "triangle"),
    "D": ((114, 60, 178, 108), 0.60, "triangle"),
    "E": ((90, 60, 154, 108), 0.55, "square"),
}
"""Box, score and class by name."""
_LIMIT = 0.45


def steps() -> list[Panel]:
    """The loop: take the best candidate, drop those of its class that it overlaps."""
    best, *others = CANDIDATES
    dropped = {name: _iou(best, name) for name in others if _drops(best, name)}
    kept: list[str] = []
    for name in CANDIDATES:
        if not any(_drops(better, name) for better in kept):
            kept.append(name)
    note = ", ".join(f"{name}: {iou:.3f}" for name, iou in dropped.items())
    left = [name for name in CANDIDATES if name not in dropped]
    return [
        _stage("the candidates", list(CANDIDATES), [], "blue: triangle, purple: square"),
        _stage(f"{best} drops {' and '.join(dropped)}", left, list(dropped), f"IoU with {best}: {note}"),
        _stage(f"{', '.join(kept)} remain", kept, [], f"D: {_iou(best, 'D'):.3f}, E: another class"),
    ]


def _drops(better: str, name: str) -> bool:
    return CANDIDATES[better][2] == CANDIDATES[name][2] and _iou(better, name) > _LIMIT


def _iou(one: str, other: str) -> float:
    first, second = (torch.tensor(CANDIDATES[name][0], dtype=torch.float32) for name in (one, other))
    return box_iou(first, second).item()


def _stage(title: str, alive: list[str], dropped: list[str], note: str) -> Panel:
    panel = Panel(f"{title}: {', '.join(alive)} remain", 236, 210)
    panel.text(118, 18, title, bold=True)
    view = scene.View(panel, 8, 40, 2.1, origin=(80, 52))
    places = {"A": (84, 64), "B": (161, 106), "C": (93, 89), "D": (181, 64), "E": (140, 104)}
    for name, (box, _, kind) in CANDIDATES.items():
        if name not in alive and name not in dropped:
            continue
        colour: Colour = "purple" if kind == "square" else "blue"
        shown: Colour = "muted" if name in dropped else colour
        dash = "3 3" if name in dropped else ""
        panel.box(view.at([float(edge) for edge in box]), shown, 1 if name in dropped else 2, dash)
        panel.text(*view.point(*places[name]), name, size=13, colour=shown, bold=True)
    panel.text(118, 190, note, size=12, colour="muted")
    return panel


def network() -> list[Panel]:
    """Candidates of a real network before and after NMS."""
    candidates = scene.network().decode(scene.predictions())
    before = suppress(candidates, min_score=0.5, iou_threshold=1.0)[0]
    after = suppress(candidates, min_score=0.5)[0]
    panels = []
    for title, found in (("above the threshold", before), ("after NMS", after)):
        view = scene.panel(f"{title}: {len(found)} boxes", title=f"{title}: {len(found)}", edge=300)
        for box, label in zip(found.boxes.tolist(), found.labels.tolist(), strict=True):
            colour = OBJECT_COLOURS[scene.LABELS.tolist().index(label)]
            view.panel.box(view.at([min(max(edge, 0.0), 256.0) for edge in box]), colour, 1.5)
        panels.append(view.panel)
    return panels
