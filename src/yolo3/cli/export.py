"""``yolo3 export``."""

from itertools import islice
from pathlib import Path
from typing import Literal


def export(
    model: Path,
    *,
    weights: Path | None = None,
    names: Path | None = None,
    output: Path = Path("model.onnx"),
    overwrite: bool = False,
    kind: Literal["logits", "decoded", "detections"] = "detections",
    opset: int = 18,
    dynamic_size: bool = True,
    min_score: float = 0.25,
    iou_threshold: float = 0.45,
    max_detections: int = 300,
    pictures: Path | None = None,
) -> None:
    """Write a detector as one file for other runtimes: ONNX, or PyTorch's .pt2.

    The file is compared with the detector, on noise, drawings and pictures, before it gets its name.

    Args:
        model: A checkpoint folder, or a Darknet .cfg with --weights and --names.
        weights: The .weights file of a .cfg.
        names: The class names of a .cfg, one a line.
        output: The file to make; its suffix says which, .onnx or .pt2.
        overwrite: Let it take the place of one that exists.
        kind: What it gives: the network's logits, decoded boxes and scores, or detections (ONNX alone).
        opset: Version of ONNX's operators, at least 18.
        dynamic_size: Take pictures of any size; false, of the model's own size alone.
        min_score: Of detections: keep those that score above this.
        iou_threshold: Of detections of a class whose IoU is above this, keep the best.
        max_detections: At most so many a picture.
        pictures: A picture, folder or glob to compare on; of those the model was measured on in training unless given.
    """
    from yolo3.cli.model import check_weights, open_model
    from yolo3.export import export_onnx, export_program
    from yolo3.suppression import Suppression

    if output.suffix not in (".onnx", ".pt2"):
        raise ValueError(f"output {output} ends in neither .onnx nor .pt2")
    if output.exists() and not overwrite:
        raise ValueError(f"output {output} exists; name another with --output, or pass --overwrite")
    if model.suffix.lower() == ".onnx":
        raise ValueError(f"{model} is exported already; name the checkpoint it came from")
    check_weights(model, weights)
    if output.suffix == ".pt2" and kind == "detections":
        raise ValueError("a .pt2 file cannot hold detections; add --kind decoded or --kind logits, or write .onnx")
    detector, card = open_model(model, weights, names)
    compared = _real_pictures(model, pictures)
    if output.suffix == ".onnx":
        receipt = export_onnx(
            detector,
            output,
            card,
            kind,
            opset=opset,
            dynamic_size=dynamic_size,
            suppression=Suppression(min_score, iou_threshold, max_detections),
            pictures=compared,
        )
    else:
        assert kind != "detections"
        receipt = export_program(detector, output, card, kind, dynamic_size=dynamic_size, pictures=compared)
    if not compared:
        print("compared on noise and drawings alone; name some of your pictures with --pictures to compare on them too")
    for name, difference in receipt.differences.items():
        print(f"{name:<12}differ by at most {difference:.2g} on {len(receipt.inputs)} trial inputs")
    height, width = card.image_size
    size = f"{output.stat().st_size / 1e6:.1f} MB"
    print(f"{output}: {size}, {kind}, {height} x {width}, letterbox {card.letterbox}")


def _real_pictures(model: Path, pictures: Path | None) -> list[str]:
    """Two files to compare on: those given, or of the data that a run was measured on, if it is still there."""
    import yaml

    from yolo3.cli.splits import open_run
    from yolo3.sources import find_pictures

    if pictures is not None:
        return [name for name, _ in islice(find_pictures(pictures), 2)]
    try:
        run = yaml.safe_load((model / "config.yaml").read_text(encoding="utf-8"))
        samples = open_run(run)[1]
        return [str(samples.path(index)) for index in range(min(2, len(samples)))]
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        yaml.YAMLError,
    ):  # no run of a training, or its data has moved
        return []
