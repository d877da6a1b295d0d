"""A network in the form that Darknet's own program reads: what its files cannot hold is folded into what they can."""

import torch
from torch import nn

from yolo3.boxes import InputFormat
from yolo3.darknet.cfg import DarknetError, parse_cfg
from yolo3.darknet.cfg_editing import adapted_cfg, with_image_size, with_values
from yolo3.darknet.joining_layers import Shortcut
from yolo3.darknet.network import Darknet
from yolo3.darknet.weights_header import header_of, keep_header
from yolo3.darknet.weights_layout import layers_in_file_order
from yolo3.darknet.yolov1_layers import GridHead
from yolo3.models import YOLOv3

_BN_EPS = 1e-5


def as_darknet(network: nn.Module, input_format: InputFormat) -> Darknet:
    """The same function as a `Darknet` that its ``cfg_text`` and weights file describe completely.

    Image size, channels and the range of box centres go into the cfg. Another epsilon of batch normalization is folded
    into the variances, and shortcuts of the ``sigmoid`` form become those that the file holds.

    Args:
        network: A `Darknet`, or a `YOLOv3` of the published width and depth without custom parts. It is not changed.
        input_format: Size and letterbox of the network input. Of the letterbox, a cfg says only whether it stretches;
            the channels are those of the network.

    Raises:
        DarknetError: Any other network.
    """
    mixed = network.mixed if isinstance(network, Darknet) else "channels"
    text = _cfg_of(network, input_format.size)
    stretches = parse_cfg(text)[0].number("letter_box", 1) == 0
    stretched = input_format.letterbox == "stretch"
    if stretches != stretched:
        text = with_values(text, {(0, "letter_box"): "0" if stretched else "1"})
    exported = Darknet(text, mixed=mixed)
    own = {layer.number: layer for layer in layers_in_file_order(network)}
    with torch.no_grad():
        for layer in layers_in_file_order(exported):
            module = exported.layers[layer.number]
            if layer.number in own:
                for tensor, value in zip(layer.tensors, own[layer.number].tensors, strict=True):
                    tensor.copy_(value)
            elif isinstance(network, Darknet) and isinstance(module, Shortcut):
                _copy_factors(module, network.layers[layer.number])
        if isinstance(network, Darknet) and network.bn_eps != _BN_EPS:
            _fold_epsilon(exported, network.bn_eps)
    if header := header_of(network):
        keep_header(exported, header)
    return exported.eval()


def _cfg_of(network: nn.Module, image_size: tuple[int, int]) -> str:
    """The text of a cfg.

    Raises:
        DarknetError: A network that Darknet does not have.
    """
    published = isinstance(network, YOLOv3) and network.conv_set_depth == 5 and network.width == 1
    if isinstance(network, YOLOv3) and published and len(network.anchors) == 3:
        return adapted_cfg("yolov3.cfg", network.num_classes, network.anchors, image_size, network.in_channels)
    if not isinstance(network, Darknet):
        raise DarknetError(
            "only networks that Darknet has can be converted: those of a .cfg, and yolov3 at full width and depth, "
            "of three scales"
        )
    changes = {}
    for number, section in enumerate(parse_cfg(network.cfg_text)):
        for key in ("weights_normalization", "weights_normalizion"):
            if network.shortcut_weights == "sigmoid" and key in section.values:
                changes[number, key] = "none"  # the file will hold the factors themselves
    text = with_values(network.cfg_text, changes)
    takes_one_size = any(isinstance(layer.head, GridHead) for layer in network.plan)
    return text if takes_one_size else with_image_size(text, image_size)


def _copy_factors(shortcut: Shortcut, other: nn.Module) -> None:
    """Give a shortcut that uses its weights unchanged the factors of one of the ``sigmoid`` form."""
    assert isinstance(other, Shortcut)
    assert shortcut.weights is not None
    assert other.factors is not None
    shortcut.weights.copy_(other.factors.flatten())


def _fold_epsilon(network: nn.Module, bn_eps: float) -> None:
    """Change batch normalizations that add Darknet's epsilon so that they compute the same as with another one."""
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            assert norm.running_var is not None
            wanted = norm.running_var.double() + bn_eps  # what the square root is taken of
            variance = (wanted - _BN_EPS).clamp(min=0)
            # where the variance would be negative, the scale makes up the difference
            norm.weight.mul_(((variance + _BN_EPS) / wanted).sqrt())
            norm.running_var.copy_(variance)
