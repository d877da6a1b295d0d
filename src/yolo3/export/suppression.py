"""`suppress`, written as an ONNX graph."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from yolo3.structures import Detections
from yolo3.suppression import Suppression

COLUMNS = ("image", "left", "top", "right", "bottom", "score", "label")
"""Columns of ``detections``; the rows stand image by image, best first."""

GRAPH = """
suppress (float[batch, candidates, 4] boxes, float[batch, candidates, classes] scores) => (float[found, 7] detections)
<float[1] min_score = {%(min_score)r}, float[1] iou_threshold = {%(iou_threshold)r},
 int64[1] max_detections = {%(max_detections)d}, int64 zero = {0}, int64 one = {1}, int64[1] last = {-1}>
{
    # what NonMaxSuppression keeps: rows of image, class and candidate, in an order that is the runtime's own
    class_scores = Transpose <perm = [0, 2, 1]> (scores)
    kept = NonMaxSuppression (boxes, class_scores, max_detections, iou_threshold, min_score)
    count = Shape <start = 0, end = 1> (kept)

    # image by image, best first, equal scores by candidate and class: three sorts, each stable as TopK is
    image_0, class_0, candidate_0 = Split <axis = 1, num_outputs = 3> (kept)
    num_classes = Shape <start = 2> (scores)
    candidate_start = Mul (candidate_0, num_classes)
    slot_column = Add (candidate_start, class_0)
    slot = Squeeze (slot_column, last)
    slot_sorted, by_slot = TopK <largest = 0> (slot, count)
    kept_1 = Gather (kept, by_slot)
    image_1, class_1, candidate_1 = Split <axis = 1, num_outputs = 3> (kept_1)
    place_1 = Concat <axis = 1> (image_1, candidate_1, class_1)
    score_1 = GatherND (scores, place_1)
    score_sorted, by_score = TopK <largest = 1> (score_1, count)
    kept_2 = Gather (kept_1, by_score)
    image_2, class_2, candidate_2 = Split <axis = 1, num_outputs = 3> (kept_2)
    image_unsorted = Squeeze (image_2, last)
    image_sorted, by_image = TopK <largest = 0> (image_unsorted, count)
    kept_3 = Gather (kept_2, by_image)

    # of each image the first max_detections: NonMaxSuppression counted them by class
    batch_size = Shape <start = 0, end = 1> (boxes)
    none_yet = Expand (zero, batch_size)
    ones = Expand (one, count)
    count_of_image = ScatterElements <reduction = "add"> (none_yet, image_sorted, ones)
    start_of_image = CumSum <exclusive = 1> (count_of_image, zero)
    start = Gather (start_of_image, image_sorted)
    total = Squeeze (count)
    position = Range (zero, total, one)
    rank = Sub (position, start)
    is_in = Less (rank, max_detections)
    best = Compress <axis = 0> (kept_3, is_in)

    image, label, candidate = Split <axis = 1, num_outputs = 3> (best)
    box_place = Concat <axis = 1> (image, candidate)
    box = GatherND (boxes, box_place)
    score_place = Concat <axis = 1> (image, candidate, label)
    score = GatherND (scores, score_place)
    image_column = Cast <to = 1> (image)
    score_column = Unsqueeze (score, last)
    label_column = Cast <to = 1> (label)
    detections = Concat <axis = 1> (image_column, box, score_column, label_column)
}
"""
"""Candidates -> rows, in ONNX's textual form (opset 18); gives what `suppress` gives, in its order."""


def thresholds(suppression: Suppression) -> dict[str, Any]:
    """The numbers of a suppression that a file holds, by name."""
    return {
        "min_score": float(suppression.min_score),
        "iou_threshold": float(suppression.iou_threshold),
        "max_detections": suppression.max_detections,
    }


def suppression_facts(suppression: Suppression) -> dict[str, Any]:
    """The facts that the metadata of a file of detections tells beside those of every file."""
    return {"columns": COLUMNS, **thresholds(suppression)}


def check_writable(suppression: Suppression) -> None:
    """Raise the ValueError of a suppression that a file cannot hold."""
    if isinstance(suppression.min_score, Tensor) or suppression.class_agnostic:
        raise ValueError("an ONNX file holds one min_score for all classes, and suppresses within each class")
    if not 1 <= suppression.max_detections < 2**63:  # int64 in the file
        raise ValueError(f"max_detections is {suppression.max_detections}; it must be at least 1 and fit into 64 bits")


def append_suppression(model: Any, suppression: Suppression) -> None:
    """Replace the outputs ``boxes`` and ``scores`` of an ONNX model, in place, by ``detections``.

    Args:
        model: An ``onnx.ModelProto``.
        suppression: Thresholds and limits; see `check_writable`.
    """
    from onnx.compose import add_prefix_graph  # of the extra `export`
    from onnx.parser import parse_graph

    graph = parse_graph(GRAPH % thresholds(suppression))
    # a network may have names such as `ones` too
    graph = add_prefix_graph(graph, f"{graph.name}.", rename_inputs=False, rename_outputs=False)
    model.graph.node.extend(graph.node)
    model.graph.initializer.extend(graph.initializer)
    del model.graph.output[:]
    model.graph.output.extend(graph.output)


def remove_suppression(model: Any) -> None:
    """Take back, in place, what `append_suppression` did: the outputs are ``boxes`` and ``scores`` again.

    Args:
        model: An ``onnx.ModelProto`` with the output ``detections``.
    """
    from onnx import TensorProto  # of the extra `export`
    from onnx.helper import make_tensor_value_info

    _drop(model.graph.node, [_is_suppression(node.output[0]) for node in model.graph.node])
    _drop(model.graph.initializer, [_is_suppression(constant.name) for constant in model.graph.initializer])
    del model.graph.output[:]
    for name, last in (("boxes", 4), ("scores", "classes")):
        shape = ["batch", "candidates", last]
        model.graph.output.append(make_tensor_value_info(name, TensorProto.FLOAT, shape))


def _drop(parts: Any, which: Sequence[bool]) -> None:
    """Delete one by one: a new list of the others would copy all weights."""
    for index in reversed([index for index, drop in enumerate(which) if drop]):
        del parts[index]


def _is_suppression(name: str) -> bool:
    """Whether a value of a graph is one of `GRAPH`."""
    return name == "detections" or name.startswith("suppress.")


def to_rows(found: Sequence[Detections]) -> Tensor:
    """The detections of a batch of images as (M, 7) rows of `COLUMNS`."""
    rows = []
    for number, objects in enumerate(found):
        image = torch.full_like(objects.scores, number)
        rows.append(torch.column_stack([image, objects.boxes, objects.scores, objects.labels]))
    return torch.cat(rows)
