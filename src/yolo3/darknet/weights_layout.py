"""Which tensors of a network a Darknet weights file holds, in the order of the file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from yolo3.blocks import CNNBlock
from yolo3.darknet.cfg import DarknetError, parse_cfg, read_cfg
from yolo3.darknet.layers import Convolution, Shortcut
from yolo3.darknet.network import Darknet
from yolo3.darknet.yolov1_layers import Connected, Local
from yolo3.models import Darknet53, ScalePrediction, YOLOv3


@dataclass(frozen=True)
class LayerTensors:
    """The weights of one layer."""

    number: int
    """Number of the layer in the cfg; for the hand-written networks, in that of YOLOv3."""
    tensors: tuple[Tensor, ...]
    """The network's own parameters and running statistics, in the order of the file."""
    num_anchors: int = 0
    """Number of anchors of a layer that predicts, whose channels Darknet orders differently; 0 for all others."""

    variance: Tensor | None = None
    """The running variance among the tensors, which cannot be negative."""

    @property
    def floats(self) -> int:
        """Number of values in the file."""
        return sum(tensor.numel() for tensor in self.tensors)


def layers_in_file_order(network: nn.Module) -> list[LayerTensors]:
    """The layers with weights of a `Darknet`, a `YOLOv3` or a `Darknet53`, in Darknet's order.

    For a `YOLOv3` whose ConvSets are not the published five deep these are the layers of its backbone.

    Raises:
        DarknetError: Any other network, or one with parts that Darknet does not have.
    """
    if isinstance(network, Darknet):
        return _layers_of_cfg(network)
    if isinstance(network, YOLOv3) and network.conv_set_depth == 5:
        _check_backbone(network.backbone)
        return _layers_by_hand(network)
    if isinstance(network, YOLOv3):
        return layers_in_file_order(network.backbone)
    _check_backbone(network)
    return _layers_by_hand(network)


def count_layers_with_weights(network: nn.Module) -> int:
    """How many layers of a network have weights, whether or not a Darknet file has a place for them."""
    if isinstance(network, Darknet):
        return len(_layers_of_cfg(network))
    return sum(isinstance(module, nn.Conv2d) for module in network.modules())


def _layers_of_cfg(network: Darknet) -> list[LayerTensors]:
    layers = []
    for plan, module in zip(network.plan, network.layers, strict=True):
        num_anchors = network.prediction_layers.get(plan.number, 0)
        layer = LayerTensors(plan.number, _tensors(module), num_anchors, _variance(module))
        if layer.floats != plan.floats:
            counts = f"{layer.floats:,} weights, its cfg says {plan.floats:,}"
            raise DarknetError(f"layer {plan.number} has {counts}: the network was changed or fused")
        if layer.floats:
            layers.append(layer)
    return layers


def _tensors(module: nn.Module) -> tuple[Tensor, ...]:
    """The tensors of a layer of a `Darknet`."""
    if isinstance(module, Convolution):
        return _convolution(module.convs, module.normalization)
    if isinstance(module, Shortcut) and module.weights is not None and module.normalization != "sigmoid":
        return (module.weights,)
    if isinstance(module, Local):
        return module.bias, module.weight
    if isinstance(module, Connected):
        weight = module.linear.weight
        if module.norm is None:
            return module.linear.bias, weight
        shift, *rest = _normalization(module.norm)
        return shift, weight, *rest
    return ()


def _variance(module: nn.Module) -> Tensor | None:
    """The running variance of a block or layer with batch normalization."""
    norms = (each for each in module.modules() if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d))
    return next((norm.running_var for norm in norms), None)


def _convolution(convs: Sequence[nn.Conv2d], norm: nn.Module | None) -> tuple[Tensor, ...]:
    weights = tuple(conv.weight for conv in convs)
    if isinstance(norm, nn.BatchNorm2d):
        return *_normalization(norm), *weights
    biases = tuple(conv.bias for conv in convs if conv.bias is not None)
    return *biases, *weights


def _normalization(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.bias, norm.weight, norm.running_mean, norm.running_var


def _layers_by_hand(network: nn.Module) -> list[LayerTensors]:
    """The layers of a network made of `CNNBlock` and `ScalePrediction`, whose parts are in Darknet's order."""
    layers = [
        LayerTensors(number, tensors, num_anchors, variance)
        for number, (tensors, num_anchors, variance) in zip(_convolutions_of_yolov3(), _blocks(network), strict=False)
    ]
    known = {id(tensor) for layer in layers for tensor in layer.tensors}
    for name, parameter in network.named_parameters():
        if id(parameter) not in known:
            raise DarknetError(
                f"{type(network).__name__}.{name} is not a part of Darknet's YOLOv3; a file has no place for it"
            )
    return layers


def _blocks(network: nn.Module) -> Iterator[tuple[tuple[Tensor, ...], int, Tensor | None]]:
    """Tensors, number of anchors and running variance of every convolution."""
    heads: dict[nn.Module, int] = {}
    for module in network.modules():
        if isinstance(module, ScalePrediction):
            heads[module.predict] = module.num_anchors
        elif isinstance(module, CNNBlock):
            if not isinstance(module.norm, nn.BatchNorm2d):
                raise DarknetError("a CNNBlock without batch normalization: the network was changed or fused")
            yield _convolution([module.conv], module.norm), 0, module.norm.running_var
        elif isinstance(module, nn.Conv2d) and module in heads:
            yield _convolution([module], None), heads[module], None


def _convolutions_of_yolov3() -> list[int]:
    """The layer numbers of the convolutions in Darknet's YOLOv3."""
    _, *sections = parse_cfg(*read_cfg("yolov3.cfg"))
    return [number for number, section in enumerate(sections) if section.kind == "convolutional"]


def _check_backbone(network: nn.Module) -> None:
    """Raise the error for a backbone other than Darknet-53."""
    if not isinstance(network, Darknet53):
        raise DarknetError(f"{type(network).__name__} is not a Darknet network; Darknet, YOLOv3 and Darknet53 are")
    blocks = sum(isinstance(module, CNNBlock) for module in network.modules())
    if blocks != 52:
        raise DarknetError(f"this Darknet53 has {blocks} convolutions, Darknet's has 52")
