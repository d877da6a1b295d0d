"""``yolo3 info``."""

import copy
from pathlib import Path

import torch
import torchsummary
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from yolo3.boxes import height_width
from yolo3.cli.model import open_model
from yolo3.darknet import Darknet, layer_table
from yolo3.protocols import anchors_of, in_channels_of
from yolo3.runtime import ExportedDetector
from yolo3.structures import check_image_size


def info(model: Path, *, image_size: int | tuple[int, int] | None = None, layers: bool = True) -> None:
    """List a detector's layers, parameters and operations.

    Args:
        model: Model: a checkpoint folder, hf://user/name on the Hugging Face Hub, a Darknet .cfg, an .onnx file of
            yolo3 export, a name of yolo3 weights, or a known network: yolov3, yolov3_compact, yolov3_nano, yolov3_spp,
            yolov3_tiny, yolov1, yolov1_fast.
        image_size: Size of the network input in pixels, a number or [height, width]. Default: the model's own.
        layers: Print the table of layers.
    """
    detector, card = open_model(model, trained=False)
    assert isinstance(detector, nn.Module)
    size = card.image_size if image_size is None else image_size
    height, width = height_width(size)
    check_image_size((height, width), detector.stride)
    channels = in_channels_of(detector)
    exported = isinstance(detector, ExportedDetector)
    if layers and isinstance(detector, Darknet):
        print(layer_table(detector))
    elif layers and not exported:
        with torch.no_grad():  # of a copy in evaluation mode: the batch that torchsummary sends leaves no trace
            torchsummary.summary(copy.deepcopy(detector).eval(), (channels, height, width), device="cpu")
    if isinstance(detector, ExportedDetector):
        facts = {"network": f"an ONNX file, written by yolo3 {card.yolo3_version}"}
        if detector.file.precision == "int8":
            facts["precision"] = f"int8, for {detector.file.backend}"
    else:
        facts = {
            "network": type(detector).__name__,
            "parameters": f"{sum(parameter.numel() for parameter in detector.parameters()):,}",
            "operations": f"{giga_flop(detector, (channels, height, width)):.2f} GFLOP per image",
        }
    facts |= {
        "image size": f"{height} x {width} (height x width), letterbox {card.letterbox}",
        "classes": f"{detector.num_classes}: {', '.join(card.names)}" if card.names else str(detector.num_classes),
    }
    if channels != 3:
        facts["channels"] = str(channels)
    if (anchors := anchors_of(detector)) is not None:
        for sizes, stride in anchors:
            pairs = "  ".join(f"{anchor_width:g} x {anchor_height:g}" for anchor_width, anchor_height in sizes)
            facts[f"stride {stride}"] = f"anchors {pairs}"
    facts |= {name: f"{value:.4f}" for name, value in card.metrics.items()}
    for name, value in facts.items():
        print(f"{name:<12}{value}")


def giga_flop(detector: nn.Module, input_shape: tuple[int, int, int]) -> float:
    """10⁹ floating-point operations of one forward pass; a multiplication and its addition are two.

    Args:
        detector: the network.
        input_shape: (channels, height, width) of an image.
    """
    network = copy.deepcopy(detector).eval().to("meta")  # shapes without numbers: counted, not computed
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, *input_shape, device="meta"))
    return float(counter.get_total_flops()) / 1e9
