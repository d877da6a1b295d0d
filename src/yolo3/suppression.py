"""From candidates to detections."""

from yolo3.boxes import nms
from yolo3.structures import Candidates, Detections


def suppress(
    candidates: Candidates,
    min_score: float = 0.25,
    iou_threshold: float = 0.45,
    max_detections: int = 300,
    class_agnostic: bool = False,
) -> list[Detections]:
    """Keep the candidates that score, and of those that overlap the best.

    A box may be found in several classes, since YOLOv3's classes do not exclude each other.

    Args:
        candidates: of a batch of images.
        min_score: a score counts when it is above this.
        iou_threshold: a box is dropped when its IoU with a better one is above this.
        max_detections: at most so many an image, the best.
        class_agnostic: let a box drop boxes of other classes too.

    Returns:
        The detections of each image, best first, pixels of the network input.

    Raises:
        ValueError: a threshold outside [0, 1].

    Source:
        Darknet's ``do_nms_sort``.
    """
    for name, value in (("min_score", min_score), ("iou_threshold", iou_threshold)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} is {value}; it must lie in [0, 1]")
    found = []
    for boxes, scores in zip(candidates.boxes, candidates.scores, strict=True):
        candidate, label = (scores > min_score).nonzero(as_tuple=True)
        boxes, scores = boxes[candidate], scores[candidate, label]
        kept = nms(boxes, scores, iou_threshold, None if class_agnostic else label, max_detections)
        found.append(Detections(boxes[kept], scores[kept], label[kept]))
    return found
