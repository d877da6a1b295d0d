"""Which tensors of a network a Darknet weights file holds, in the order of the file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor, nn

from yolo3.blocks import CNNBlock
from yolo3.darknet.cfg import DarknetError, parse_cfg, read_cfg
from yolo3.darknet.classifier import DarknetBackbone, DarknetClassifier
from yolo3.darknet.heads import PredictionChannels
from yolo3.darknet.joining_layers import Implicit, Shortcut
from yolo3.darknet.layers import Convolution
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
    prediction: PredictionChannels | None = None
    """Meaning of the channels of a layer that predicts, which Darknet orders differently; None for all others."""
    variance: Tensor | None = None
    """The running variance among the tensors, which cannot be negative."""
    absent: Tensor | None = None
    """A parameter that is 0 in networks of this file format, which has no place for it."""

    @property
    def floats(self) -> int:
        """Number of values in the file."""
        return sum(tensor.numel() for tensor in self.tensors)


def layers_in_file_order(network: nn.Module, batchnorm_biases: bool = True) -> list[LayerTensors]:
    """The layers with weights of any network that a Darknet file can fill, in Darknet's order.

    For a `YOLOv3` whose ConvSets are not the published five deep, or whose scales are not three, these are the layers
    of its backbone.

    Args:
        network: A network from a cfg, a `YOLOv3` or a `Darknet53`.
        batchnorm_biases: Whether the file holds the biases of ``[batchnorm]`` layers; AlexeyAB's do.

    Raises:
        DarknetError: Any other network, or one with parts that Darknet does not have.
    """
    if isinstance(network, Darknet | DarknetClassifier | DarknetBackbone):
        layers = _layers_of_cfg(network)
        return layers if batchnorm_biases else [_without_batchnorm_bias(network, layer) for layer in layers]
    if isinstance(network, YOLOv3) and network.conv_set_depth == 5 and len(network.anchors) == 3:
        _check_backbone(network.backbone)
        return _layers_by_hand(network)
    if isinstance(network, YOLOv3):
        return layers_in_file_order(network.backbone)
    _check_backbone(network)
    return _layers_by_hand(network)


def count_layers_with_weights(network: nn.Module) -> int:
    """How many layers of a network have weights, whether or not a Darknet file has a place for them."""
    if isinstance(network, Darknet | DarknetClassifier | DarknetBackbone):
        return len(layers_in_file_order(network))
    return sum(isinstance(module, nn.Conv2d) for module in network.modules())


def _layers_of_cfg(network: Darknet | DarknetClassifier | DarknetBackbone) -> list[LayerTensors]:
    layers = []
    predictions = network.prediction_channels if isinstance(network, Darknet) else {}
    for plan, module in zip(network.plan, network.layers, strict=True):
        layer = LayerTensors(plan.number, _tensors(module), predictions.get(plan.number), _variance(module))
        if layer.floats != plan.floats:
            counts = f"{layer.floats:,} weights, its cfg says {plan.floats:,}"
            raise DarknetError(f"layer {plan.number} has {counts}: the network was changed or fused")
        if layer.floats:
            layers.append(layer)
    return layers


def _without_batchnorm_bias(
    network: Darknet | DarknetClassifier | DarknetBackbone, layer: LayerTensors
) -> LayerTensors:
    if not isinstance(network.layers[layer.number], nn.BatchNorm2d):
        return layer
    bias, *others = layer.tensors
    return replace(layer, tensors=tuple(others), absent=bias)


def _tensors(module: nn.Module) -> tuple[Tensor, ...]:
    """The tensors of a layer of a `Darknet`."""
    if isinstance(module, Convolution):
        return _convolution(module.convs, module.normalization)
    if isinstance(module, Shortcut) and module.weights is not None and module.normalization != "sigmoid":
        return (module.weights,)
    if isinstance(module, Implicit):
        return (module.weights,)
    if isinstance(module, nn.BatchNorm2d):
        return _normalization(module)
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
        LayerTensors(number, tensors, prediction, variance)
        for number, (tensors, prediction, variance) in zip(_convolutions_of_yolov3(), _blocks(network), strict=False)
    ]
    known = {id(tensor) for layer in layers for tensor in layer.tensors}
    for name, parameter in network.named_parameters():
        if id(parameter) not in known:
            raise DarknetError(
                f"{type(network).__name__}.{name} is not a part of Darknet's YOLOv3; a file has no place for it"
            )
    return layers


def _blocks(network: nn.Module) -> Iterator[tuple[tuple[Tensor, ...], PredictionChannels | None, Tensor | None]]:
    """Tensors, meaning of the channels if it predicts, and running variance of every convolution."""
    heads: dict[nn.Module, PredictionChannels] = {}
    for module in network.modules():
        if isinstance(module, ScalePrediction):
            num_anchors = module.num_anchors
            heads[module.predict] = PredictionChannels(num_anchors, module.predict.out_channels // num_anchors - 5)
        elif isinstance(module, CNNBlock):
            if not isinstance(module.norm, nn.BatchNorm2d):
                raise DarknetError("a CNNBlock without batch normalization: the network was changed or fused")
            yield _convolution([module.conv], module.norm), None, module.norm.running_var
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
