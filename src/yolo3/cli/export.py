"""``yolo3 export``."""

from itertools import islice
from pathlib import Path

from yolo3.choices import ExportKind
from yolo3.cli.options import DarknetFiles, Thresholds


def export(
    model: Path,
    *,
    darknet: DarknetFiles,
    thresholds: Thresholds,
    output: Path = Path("model.onnx"),
    overwrite: bool = False,
    kind: ExportKind = "detections",
    opset: int = 18,
    dynamic_size: bool = True,
    images: Path | None = None,
) -> None:
    """Write a detector as one file for other runtimes: ONNX, or PyTorch's .pt2.

    The file is compared with the detector, on noise, drawings and images, before it gets its name.

    Args:
        model: Model: a checkpoint folder, hf://user/name on the Hugging Face Hub, or a Darknet .cfg with --weights
            and --names.
        darknet: Files of a .cfg.
        thresholds: Thresholds and limit of detections, which the file holds.
        output: File to make; its suffix says which, .onnx or .pt2.
        overwrite: Replace the file if it exists.
        kind: Outputs of the file: the network's logits, decoded boxes and scores, or detections (ONNX alone).
        opset: Version of ONNX's operators, at least 18.
        dynamic_size: Take images of any size; --no-dynamic-size takes the model's own size alone.
        images: Image, folder or glob to compare on. Default: images that the model was measured on in training.
    """
    from yolo3.cli.model import check_weights, model_suffix, open_model
    from yolo3.export import export_onnx, export_program

    if output.suffix not in (".onnx", ".pt2"):
        raise ValueError(f"output {output} ends in neither .onnx nor .pt2")
    if output.exists() and not overwrite:
        raise ValueError(f"output {output} exists; name another with --output, or pass --overwrite")
    if model_suffix(model) == ".onnx":
        raise ValueError(f"{model} is exported already; name the checkpoint it came from")
    check_weights(model, darknet.weights)
    if output.suffix == ".pt2" and kind == "detections":
        raise ValueError("a .pt2 file cannot hold detections; add --kind decoded or --kind logits, or write .onnx")
    detector, card = open_model(model, darknet.weights, darknet.names)
    compared = _real_images(model, images)
    if output.suffix == ".onnx":
        receipt = export_onnx(
            detector,
            output,
            card,
            kind,
            opset=opset,
            dynamic_size=dynamic_size,
            suppression=thresholds.suppression(model),
            images=compared,
        )
    else:
        assert kind != "detections"
        receipt = export_program(detector, output, card, kind, dynamic_size=dynamic_size, images=compared)
    if not compared:
        print("compared on noise and drawings alone; name some of your images with --images to compare on them too")
    for name, difference in receipt.differences.items():
        print(f"{name:<12}differ by at most {difference:.2g} on {len(receipt.inputs)} trial inputs")
    height, width = card.image_size
    size = f"{output.stat().st_size / 1e6:.1f} MB"
    print(f"{output}: {size}, {kind}, {height} x {width}, letterbox {card.letterbox}")


def _real_images(model: Path, images: Path | None) -> list[str]:
    """Two files to compare on: those given, or of the data that a run was measured on, if it is still there."""
    import yaml

    from yolo3.cli.splits import open_run
    from yolo3.sources import find_frames

    if images is not None:
        return [frame.name for frame in islice(find_frames(images), 2)]
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
