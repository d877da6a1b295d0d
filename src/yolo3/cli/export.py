"""``yolo3 export``."""

from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from yolo3.choices import ExportKind, ExportPrecision
from yolo3.cli.int8_options import Int8
from yolo3.cli.options import Annotations, DarknetFiles, Thresholds

if TYPE_CHECKING:
    from yolo3.checkpoint import ModelCard
    from yolo3.export import Receipt
    from yolo3.protocols import Detector


def export(
    model: Path,
    *,
    darknet: DarknetFiles,
    dataset: Annotations,
    thresholds: Thresholds,
    int8: Int8,
    output: Path = Path("model.onnx"),
    overwrite: bool = False,
    kind: ExportKind = "detections",
    precision: ExportPrecision = "fp32",
    opset: int = 18,
    dynamic_size: bool = True,
    images: int | Path | None = None,
) -> None:
    """Write a detector as one file for other runtimes: ONNX, or PyTorch's .pt2.

    The file is compared with the detector, on noise, drawings and images, before it gets its name. In int8 it is
    smaller, faster and a little less accurate: "yolo3 export RUN --precision int8 --calibrate DATA" measures both, and
    keeps no file that loses more than --max-drop.

    Args:
        model: Model: a checkpoint folder, hf://user/name on the Hugging Face Hub, a name of yolo3 weights such as
            yolov3-tiny, or a Darknet .cfg with --weights
            and --names.
        darknet: Files of a .cfg.
        dataset: How the annotations of --calibrate and --measure are read.
        thresholds: Thresholds and limit of detections, which the file holds.
        int8: Calibration and measurement of int8.
        output: File to make; its suffix says which, .onnx or .pt2.
        overwrite: Replace the file if it exists.
        kind: Outputs of the file: the network's logits, decoded boxes and scores, or detections (ONNX alone).
        precision: Numbers that the file computes with; int8 is for all convolutions but the first and the last.
        opset: Version of ONNX's operators, at least 18.
        dynamic_size: Take images of any size; --no-dynamic-size takes the model's own size alone.
        images: Image, folder or glob to compare on. Default: images that the model was measured on in training. With
            --precision int8, the number of images to calibrate on; default 300.
    """
    from yolo3.cli.model import check_weights, model_suffix, open_model
    from yolo3.export import export_onnx, export_program
    from yolo3.protocols import in_channels_of

    if output.suffix not in (".onnx", ".pt2"):
        raise ValueError(f"output {output} ends in neither .onnx nor .pt2")
    if output.exists() and not overwrite:
        raise ValueError(f"output {output} exists; name another with --output, or pass --overwrite")
    if model_suffix(model) == ".onnx":
        raise ValueError(f"{model} is exported already; name the checkpoint it came from")
    check_weights(model, darknet.weights)
    if output.suffix == ".pt2" and kind == "detections" and precision == "fp32":
        raise ValueError("a .pt2 file cannot hold detections; add --kind decoded or --kind logits, or write .onnx")
    in_int8 = precision == "int8"
    if in_int8:
        _check_int8(output, kind, int8, images)
    else:
        _check_float(int8, dataset)
    detector, card = open_model(model, darknet.weights, darknet.names)
    common: Any = {"opset": opset, "dynamic_size": dynamic_size, "suppression": thresholds.suppression(model)}
    if in_int8:
        verified = _export_int8(detector, model, output, card, kind, int8, dataset, images, common)
    else:
        compared = _real_images(model, images, in_channels_of(detector))
        if output.suffix == ".onnx":
            verified = export_onnx(detector, output, card, kind, images=compared, **common)
        else:
            assert kind != "detections"
            verified = export_program(detector, output, card, kind, dynamic_size=dynamic_size, images=compared)
        if not compared:
            print("compared on noise and drawings alone; name some of your images with --images to compare on them too")
    for name, difference in verified.differences.items():
        print(f"{name:<12}differ by at most {difference:.2g} on {len(verified.inputs)} trial inputs")
    height, width = card.image_size
    size = f"{output.stat().st_size / 1e6:.1f} MB"
    what = f"{kind} in int8" if in_int8 else kind
    print(f"{output}: {size}, {what}, {height} x {width}, letterbox {card.letterbox}")


def _check_int8(output: Path, kind: ExportKind, int8: Int8, images: int | Path | None) -> None:
    """Complain of options that do not go with int8, before anything is read."""
    from yolo3.cli.evaluation_data import check_coco
    from yolo3.export.quantising import check_quantiser
    from yolo3.runtime import Engine

    if output.suffix != ".onnx":
        raise ValueError(f"int8 files are ONNX; output {output} ends in {output.suffix}")
    if int8.calibrate is None:
        raise ValueError("int8 is calibrated on images like those that the model will see; add --calibrate DATA")
    if kind == "logits":
        raise ValueError("an int8 file is measured by what it finds; choose --kind decoded or detections, not logits")
    if not 0 <= int8.max_drop <= 1:
        raise ValueError(f"--max-drop is {int8.max_drop:g}; it must lie in [0, 1]")
    check_quantiser()
    Engine(int8.backend, "int8")  # it complains where that cannot be
    check_coco("int8")
    if isinstance(images, Path):
        raise ValueError(f"--images {images}: with --precision int8 it is the number of images to calibrate on")


def _check_float(int8: Int8, dataset: Annotations) -> None:
    """Complain of options that are for int8 alone."""
    for group in (int8, dataset):
        for field in fields(group):
            if getattr(group, field.name) != field.default:
                raise ValueError(f"--{field.name.replace('_', '-')} is for int8; add --precision int8")


def _export_int8(
    detector: "Detector",
    model: Path,
    output: Path,
    card: "ModelCard",
    kind: ExportKind,
    int8: Int8,
    dataset: Annotations,
    images: int | Path | None,
    common: Any,
) -> "Receipt":
    """Export in int8, and tell what it was calibrated and measured on, and how."""
    from yolo3.cli.calibration import choose_images
    from yolo3.cli.progress import progress
    from yolo3.int8 import export_int8
    from yolo3.predictor import CALIBRATION_IMAGES
    from yolo3.protocols import in_channels_of

    assert int8.calibrate is not None
    chosen = choose_images(
        model,
        card.names,
        in_channels_of(detector),
        int8.calibrate,
        int8.measure,
        CALIBRATION_IMAGES if images is None else cast(int, images),
        int8.seed,
        dataset.format,
        dataset.allow_outside,
    )
    print(f"to calibrate on {len(chosen.paths):,} of {chosen.num_available:,} images of {int8.calibrate}")
    print(f"to measure on   {chosen.samples.summary()}")
    for remark in chosen.remarks():
        print(remark)
    receipt = export_int8(
        detector,
        output,
        card,
        kind,
        calibration=progress(chosen.paths, len(chosen.paths), "calibrating"),
        samples=chosen.samples,
        backend=int8.backend,
        max_drop=int8.max_drop,
        **common,
    )
    print(f"\n{receipt}\n")
    print(f"{receipt.speedup:.2f} times as fast on {receipt.backend}, {receipt.cpu}")
    return receipt.verified


def _real_images(model: Path, images: int | Path | None, channels: int) -> list[str]:
    """Two files to compare on: those given, or of the data that a run was measured on, if it is still there."""
    import yaml

    from yolo3.cli.splits import open_run
    from yolo3.sources import find_frames

    if images is not None:
        return [frame.name for frame in islice(find_frames(str(images)), 2)]
    try:
        run = yaml.safe_load((model / "config.yaml").read_text(encoding="utf-8"))
        samples = open_run(run, channels)[1]
        return [str(samples.path(index)) for index in range(min(2, len(samples)))]
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        yaml.YAMLError,
    ):  # no run of a training, or its data has moved
        return []
