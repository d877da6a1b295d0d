"""An explanation as one HTML page without other files, scripts or network access."""

from html import escape
from pathlib import Path

from yolo3.explain import drawing, pieces
from yolo3.explain.style import STYLE
from yolo3.explain.text import headline
from yolo3.explain.values import (
    ExplainedDetection,
    ExplainedObject,
    PredictionExplanation,
    ScaleMaps,
)

_CARDS = 40  # detections and objects that are drawn: a page must open in any browser
_OPEN = 3  # of them shown at once; the others open at a click
_LISTED = 100  # detections in the table
_DROPPED = 12  # dropped boxes that are listed for a detection


def explanation_page(explanation: PredictionExplanation) -> str:
    """An HTML page: the input and its grids, what is found and why, heat maps, and the objects that were missed."""
    title = escape(f"Inside one prediction: {Path(explanation.name).name}")
    parts = [
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{STYLE}.key {{ background: {drawing.colour_key()}; }}</style>\n</head>\n<body>",
        drawing.network_image(explanation),
        f"<h1>{title}</h1>\n<p>{escape(headline(explanation))}</p>",
        _detections(explanation),
        _asked(explanation),
        _objects(explanation),
        _grids(explanation),
        _maps(explanation),
        _cards(explanation),
        "</body>\n</html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _detections(explanation: PredictionExplanation) -> str:
    rows = [
        (
            f"{pieces.dot(each.prediction.of_class.label)}{number}",
            escape(each.prediction.of_class.name),
            pieces.decimal(each.prediction.score),
            pieces.decimal(each.prediction.objectness),
            pieces.decimal(each.prediction.of_class.probability),
            *pieces.place(each.prediction),
            str(len(each.dropped)),
        )
        for number, each in enumerate(explanation.detections[:_LISTED])
    ]
    header = ("", "class", "score", "objectness", "P(class)", *pieces.PLACE, "dropped")
    table = pieces.table(header, rows) if rows else "<p>Nothing is detected.</p>"
    table += pieces.more(len(explanation.detections) - _LISTED, "detections")
    truth = " Dotted white: the labelled objects." if explanation.objects else ""
    caption = f"The network input. Dashed: the image inside its letterbox.{truth}"
    return (
        f'<section><h2>What is found</h2><div class="beside">{pieces.figure(drawing.overview(explanation), caption)}'
        f"<div>{_settings(explanation)}{table}</div></div></section>"
    )


def _settings(explanation: PredictionExplanation) -> str:
    suppression = explanation.suppression
    (height, width), letterbox = explanation.letterbox.image_size, explanation.letterbox
    rows, columns = letterbox.content_size
    top, left = letterbox.offset
    return (
        f"<p>The image of {width} × {height} pixels is resized to {columns} × {rows} ({escape(letterbox.name)} "
        f"letterbox, {left} pixels from the left and {top} from the top). A score is objectness × P(class). Of "
        f"{explanation.num_candidates:,} boxes {explanation.num_passing:,} score above the confidence threshold; NMS "
        f"drops a box whose IoU with a better one{'' if suppression.class_agnostic else ' of its class'} is above "
        f"{suppression.iou_threshold:g}.</p>"
    )


def _asked(explanation: PredictionExplanation) -> str:
    asked = explanation.asked
    parts = [pieces.verdict(asked.verdict)]
    closest = asked.verdict.closest
    if closest is not None and asked.verdict.outcome != "found":
        figure = pieces.figure(drawing.close_up(explanation, closest), f"Where it came closest: {closest.slot}.")
        numbers = pieces.numbers(closest) + pieces.bars(closest, asked.threshold)
        parts.append(f'<div class="beside">{figure}<div>{numbers}</div></div>')
    if explanation.detections and asked.verdict.outcome != "found":
        rows = [
            (
                str(number),
                escape(each.prediction.of_class.name),
                pieces.decimal(said.probability),
                pieces.decimal(said.score),
            )
            for number, (each, said) in enumerate(zip(explanation.detections, asked.at_detections, strict=True))
        ]
        name = escape(asked.name)
        parts.append(f"<h3>What the slots of the detections say of {name}</h3>")
        parts.append(pieces.table(("", "detected as", f"P({name})", f"score for {name}"), rows))
    return f"<section><h2>Why {escape(asked.name)}?</h2>{''.join(parts)}</section>"


def _objects(explanation: PredictionExplanation) -> str:
    if explanation.objects is None:
        return ""
    found = sum(each.is_found for each in explanation.objects)
    cards = [_object(explanation, number, each) for number, each in enumerate(explanation.objects[:_CARDS])]
    more = pieces.more(len(explanation.objects) - _CARDS, "objects")
    return (
        f"<section><h2>The labelled objects</h2><p>{found} of {len(explanation.objects)} are found: a detection of "
        f"their class overlaps them by IoU 0.5 or more. Missed ones are open.</p>{''.join(cards)}{more}</section>"
    )


def _object(explanation: PredictionExplanation, number: int, each: ExplainedObject) -> str:
    rows = [
        (
            *pieces.place(slot.prediction),
            pieces.decimal(slot.fit, 2),
            pieces.decimal(slot.prediction.objectness),
            pieces.decimal(slot.prediction.of_class.probability),
            pieces.decimal(slot.prediction.score),
            pieces.decimal(slot.iou, 2),
            escape(slot.prediction.best_classes[0].name),
        )
        for slot in each.responsible
    ]
    header = (*pieces.PLACE, "fit", "objectness", "P(class)", "score", "IoU", "best class")
    table = "<p>No slot is responsible for it.</p>"
    if rows:
        table = f"<h3>Responsible slots</h3>{pieces.table(header, rows)}"
    shown = each.verdict.closest
    if shown is None and each.responsible:
        shown = each.responsible[0].prediction
    caption = "White: the object. In colour: the box that the sentence speaks of, its cell and (dashed) its anchor."
    figure = ""
    if shown is not None:
        figure = pieces.figure(drawing.close_up(explanation, shown, truth=each), caption)
    state = "" if each.is_found else " open"
    return (
        f"<details{state}><summary>{number} · {escape(each.name)} {pieces.badge(each.verdict)}</summary>"
        f'<div class="beside">{figure}<div><p>{escape(each.verdict.reason)}</p>{table}</div></div></details>'
    )


def _grids(explanation: PredictionExplanation) -> str:
    figures = []
    for number, scale in enumerate(explanation.scales):
        rows, columns = scale.grid
        anchors = ", ".join(f"{width:g} × {height:g}" for width, height in scale.anchors)
        slots = rows * columns * len(scale.anchors)
        caption = f"Stride {scale.stride}: {rows} × {columns} cells, anchors {anchors}: {slots:,} slots."
        figures.append(pieces.figure(drawing.grid(explanation, number), caption))
    text = "Filled: the cell of each detection; dashed: its anchor, which its width and height are predicted from."
    return f'<section><h2>The grids</h2><p>{text}</p><div class="gallery">{"".join(figures)}</div></section>'


def _maps(explanation: PredictionExplanation) -> str:
    asked = explanation.asked
    name = escape(asked.name)
    highest = max(scale.scores.max().item() for scale in explanation.scales)
    rows = "".join(_map_row(explanation, scale, highest) for scale in explanation.scales)
    targets = "its detections" if asked.verdict.outcome == "found" else "the slot that came closest"
    return (
        f"<section><h2>Where the network looks</h2><p>Each cell shows the best of its anchors. The scores of {name} "
        f"are drawn from 0 to their highest, {highest:.4f}. LayerCAM shows which parts of the features of each scale "
        f"speak for {name} at {targets}, relative to the strongest.</p>"
        f'<p>low <span class="key" aria-hidden="true"></span> high</p>{rows}</section>'
    )


def _map_row(explanation: PredictionExplanation, scale: ScaleMaps, highest: float) -> str:
    name = explanation.asked.name
    stride = f"stride {scale.stride}"
    best = f"highest {scale.scores.max().item():.4f}"
    shares = scale.scores / highest if highest > 0 else scale.scores
    silent = "" if scale.cam.max() > 0 else " (nothing speaks for it here)"
    maps = (
        (scale.objectness, f"Objectness, {stride}: highest {scale.objectness.max().item():.3f}"),
        (shares, f"Score of {name}, {stride}: {best}"),
        (scale.cam, f"LayerCAM of {name}, {stride}{silent}"),
    )
    figures = [pieces.figure(drawing.heat_map(explanation, scale, values, text), text) for values, text in maps]
    return f'<div class="gallery">{"".join(figures)}</div>'


def _cards(explanation: PredictionExplanation) -> str:
    if not explanation.detections:
        return ""
    cards = [_card(explanation, number, each) for number, each in enumerate(explanation.detections[:_CARDS])]
    more = pieces.more(len(explanation.detections) - _CARDS, "detections")
    return f"<section><h2>Detection by detection</h2>{''.join(cards)}{more}</section>"


def _card(explanation: PredictionExplanation, number: int, each: ExplainedDetection) -> str:
    dropped = [loser.prediction for loser in each.dropped[:_DROPPED]]
    caption = "Filled: the cell. Dashed: the anchor. Dotted: boxes that NMS dropped for this one."
    figure = pieces.figure(drawing.close_up(explanation, each.prediction, dropped), caption)
    state = " open" if number < _OPEN else ""
    summary = f"{number} · {escape(each.prediction.of_class.name)} {pieces.decimal(each.prediction.score)}"
    return (
        f'<details{state}><summary>{summary}</summary><div class="beside">{figure}<div>'
        f"{pieces.numbers(each.prediction)}{_dropped(each)}</div></div></details>"
    )


def _dropped(each: ExplainedDetection) -> str:
    if not each.dropped:
        return "<p>NMS dropped no box for it.</p>"
    rows = [
        (
            escape(loser.prediction.of_class.name),
            pieces.decimal(loser.prediction.score),
            pieces.decimal(loser.iou, 2),
            escape(str(loser.prediction.slot)),
        )
        for loser in each.dropped[:_DROPPED]
    ]
    more = pieces.more(len(each.dropped) - _DROPPED, "boxes")
    return f"<h3>Dropped for it by NMS</h3>{pieces.table(('class', 'score', 'IoU', 'slot'), rows)}{more}"
