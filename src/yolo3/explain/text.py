"""An explanation as text for a terminal."""

from yolo3.explain.values import ExplainedObject, PredictionExplanation, SlotPrediction
from yolo3.text_table import text_table

_ROWS = 30  # detections that are listed


def explanation_text(explanation: PredictionExplanation) -> str:
    """The detections with their slots, the class that is asked for, and every object with its reason."""
    asked = explanation.asked
    lines = [headline(explanation), ""]
    if explanation.detections:
        header = ("", "class", "score", "objectness", "P(class)", "slot", "dropped for it")
        body = [
            (
                str(number),
                *_row(each.prediction),
                str(len(each.dropped)),
            )
            for number, each in enumerate(explanation.detections[:_ROWS])
        ]
        lines += text_table([header, *body], left=(1, 5))
        more = len(explanation.detections) - _ROWS
        if more > 0:
            lines.append(f"and {more} more")
        lines.append("")
    lines.append(f"why {asked.name}: {asked.verdict.outcome}. {asked.verdict.reason}")
    if asked.verdict.closest is not None:
        lines.append(f"  at {asked.verdict.closest.slot}")
    if explanation.objects is not None:
        found = sum(each.is_found for each in explanation.objects)
        lines += ["", f"{found} of {len(explanation.objects)} objects found"]
        lines += [f"  {number} {object_line(each)}" for number, each in enumerate(explanation.objects)]
    return "\n".join(lines)


def headline(explanation: PredictionExplanation) -> str:
    """Image, sizes and counts, in one line."""
    letterbox = explanation.letterbox
    height, width = letterbox.image_size
    rows, columns = letterbox.network_size
    by_model = f" with {explanation.model}" if explanation.model else ""
    detections = len(explanation.detections)
    return (
        f"{explanation.name}{by_model}: {width} x {height} pixels, network input {columns} x {rows}; "
        f"{explanation.num_candidates:,} boxes, {explanation.num_passing:,} above the confidence threshold, "
        f"{detections:,} detection{'' if detections == 1 else 's'}"
    )


def object_line(found: ExplainedObject) -> str:
    """An object and what became of it."""
    return f"{found.name}: {found.verdict.outcome}. {found.verdict.reason}"


def _row(prediction: SlotPrediction) -> tuple[str, ...]:
    own = prediction.of_class
    return (
        own.name,
        f"{own.score:.4f}",
        f"{prediction.objectness:.4f}",
        f"{own.probability:.4f}",
        str(prediction.slot),
    )
