"""How much of what a detector gets wrong may be the labels: two detectors compared with each other and with the truth.

    yolo3 evaluate runs/accuracy/bccd-default-0 --output runs/first
    yolo3 evaluate runs/accuracy/bccd-default-1 --output runs/second
    python benchmarks/agreement.py bccd --split val --detections runs/first runs/second

For objects that both find: the median IoU of the two detections, and of the detections and the label. If detectors from
different random weights place boxes alike, but not as the labels do, then no training will come closer to the labels.
Then the share of the first one's detections that the second one has too, and the share that is labelled.
"""

import argparse
import json
import statistics
from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor

from yolo3.boxes import box_iou
from yolo3.data import open_dataset
from yolo3.text_table import text_table

Boxes = tuple[Tensor, Tensor]
"""(N, 4) corners and (N,) classes."""

_SAME = 0.5  # IoU from which two boxes are one object


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--split", default="val")
    parser.add_argument("--detections", nargs=2, type=Path, required=True, help="two folders of yolo3 evaluate")
    parser.add_argument("--min-score", type=float, default=0.48)
    options = parser.parse_args()
    samples = open_dataset(options.data, options.split)
    first, second = (read_boxes(folder, len(samples), options.min_score) for folder in options.detections)
    among: dict[int, list[float]] = defaultdict(list)  # IoU of the two detections of an object, by class
    labelled: dict[int, list[float]] = defaultdict(list)  # IoU of detections and label
    count = shared = true = 0
    for sample, one, other in zip(samples, first, second, strict=True):
        truth = (torch.from_numpy(sample.boxes), torch.from_numpy(sample.labels))
        one_true, other_true, both = overlaps(one, truth), overlaps(other, truth), overlaps(one, other)
        count += len(one[0])
        shared += int((both.amax(dim=1) >= _SAME).sum())
        true += int((one_true.amax(dim=1) >= _SAME).sum())
        for index, label in enumerate(sample.labels.tolist()):
            a = one_true[:, index]
            b = other_true[:, index]
            found = both[a.argmax(), b.argmax()]
            if min(a.max(), b.max(), found) >= _SAME:
                among[label].append(float(found))
                labelled[label] += [float(a.max()), float(b.max())]
    rows = [("class", "objects", "IoU of both", "IoU with label")]
    for label, values in sorted(among.items()):
        own = f"{statistics.median(values):.3f}", f"{statistics.median(labelled[label]):.3f}"
        rows.append((samples.names[label], str(len(values)), *own))
    print("\n".join(text_table(rows, min_width=6)))
    print(f"of {count} detections the other one has {shared / count:.1%} too; {true / count:.1%} are labelled")


def read_boxes(folder: Path, num_images: int, min_score: float) -> list[Boxes]:
    """The detections of each image in ``detections.json``."""
    found: list[list[tuple[list[float], int]]] = [[] for _ in range(num_images)]
    for entry in json.loads((folder / "detections.json").read_text(encoding="utf-8")):
        if entry["score"] >= min_score:
            left, top, width, height = entry["bbox"]
            found[entry["image_id"]].append(([left, top, left + width, top + height], entry["category_id"]))
    return [
        (torch.tensor([box for box, _ in each]).view(-1, 4), torch.tensor([label for _, label in each]).long())
        for each in found
    ]


def overlaps(a: Boxes, b: Boxes) -> Tensor:
    """(N + 1, M + 1) IoU of boxes, 0 where classes differ; the last row and column are 0, so that none is empty."""
    iou = torch.zeros(len(a[0]) + 1, len(b[0]) + 1)
    iou[:-1, :-1] = box_iou(a[0][:, None], b[0]) * (a[1][:, None] == b[1])
    return iou


if __name__ == "__main__":
    main()
