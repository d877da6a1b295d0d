"""The weights of a network for images of one number of channels, made to fit images of another."""

import copy
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar, cast, get_args, overload, runtime_checkable

import torch
from torch import Tensor, nn

from yolo3.choices import ChannelRule, listed
from yolo3.protocols import backbone_of, in_channels_of

Network = TypeVar("Network", bound=nn.Module)


@runtime_checkable
class Described(Protocol):
    """A network that is built from a description, which tells the number of channels too."""

    def of_channels(self, in_channels: int) -> nn.Module:
        """The same network for images of another number of channels, with random weights."""
        ...


@overload
def adapt_channels(network: Network, in_channels: int, rule: ChannelRule = "sum") -> Network: ...
@overload
def adapt_channels(network: Mapping[str, Tensor], in_channels: int, rule: ChannelRule = "sum") -> dict[str, Tensor]: ...
def adapt_channels(
    network: nn.Module | Mapping[str, Tensor], in_channels: int, rule: ChannelRule = "sum"
) -> nn.Module | dict[str, Tensor]:
    """A network, or its state, for images of another number of channels. Only the first convolution changes.

    The rule names what stays the same of the kernels of its input channels, see `adapted_kernel`. From three channels
    to one, ``sum`` keeps the response to grey images, for which the three are equal. From three to four, the kernels of
    red, green and blue stay, and that of the fourth channel begins at zero (``sum``), so that the response is that to
    the first three, or as the mean of the three (``mean``).

    Args:
        network: Detector or backbone, whose first module with weights is the convolution that reads the images; or its
            ``state_dict``, in which the first four-dimensional tensor is the kernel of that convolution. Neither is
            changed.
        in_channels: Number of channels that the result takes.
        rule: ``sum`` or ``mean``.

    Raises:
        ValueError: Fewer than one channel; an unknown rule; a network whose first convolution does not read the images.
    """
    _check(in_channels, rule)
    if isinstance(network, Mapping):
        name = next((name for name, tensor in network.items() if tensor.ndim == 4), None)
        if name is None:
            raise ValueError("the state has no convolution to adapt")
        return {**network, name: adapted_kernel(network[name], in_channels, rule)}
    before = in_channels_of(network)
    convolution = next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)
    if convolution is None or convolution.in_channels != before or convolution.groups != 1:
        raise ValueError(
            f"the first convolution of this {type(network).__name__} does not read images of {before} channels; adapt "
            "its weights yourself, with adapted_kernel"
        )
    if isinstance(network, Described):
        built = network.of_channels(in_channels)
        built.load_state_dict(adapt_channels(network.state_dict(), in_channels, rule))
        return built.to(convolution.weight.device, convolution.weight.dtype).train(network.training)
    adapted: Any = copy.deepcopy(network)
    first = next(module for module in adapted.modules() if isinstance(module, nn.Conv2d))
    kernel = adapted_kernel(first.weight.detach(), in_channels, rule)
    first.weight = nn.Parameter(kernel, requires_grad=first.weight.requires_grad)
    first.in_channels = in_channels
    for part in (adapted, backbone_of(adapted)):
        if part is not None:
            part.in_channels = in_channels
    return cast(nn.Module, adapted)


def adapted_kernel(kernel: Tensor, in_channels: int, rule: ChannelRule = "sum") -> Tensor:
    """The kernel of a convolution for another number of input channels.

    The rule names what stays the same over the input channels: the ``sum`` of their kernels, or the ``mean``. Fewer
    channels, and more than one in place of one, all get equal kernels. Where channels are added to two or more, the
    first ones keep theirs, and the others begin with zero (``sum``) or with the mean.

    Args:
        kernel: (out, in, height, width).
        in_channels: Number of input channels of the result.
        rule: ``sum`` or ``mean``.

    Returns:
        (out, in_channels, height, width).

    Raises:
        ValueError: Fewer than one channel; an unknown rule.
    """
    _check(in_channels, rule)
    before = kernel.shape[1]
    if before == in_channels:
        return kernel.clone()
    mean = kernel.mean(dim=1, keepdim=True)
    if before < in_channels and before > 1:
        added = mean if rule == "mean" else torch.zeros_like(mean)
        return torch.cat([kernel, added.expand(-1, in_channels - before, -1, -1)], dim=1)
    each = mean if rule == "mean" else kernel.sum(dim=1, keepdim=True) / in_channels
    return each.expand(-1, in_channels, -1, -1).contiguous()


def _check(in_channels: int, rule: str) -> None:
    if in_channels < 1:
        raise ValueError(f"in_channels is {in_channels}; an image has at least one")
    if rule not in get_args(ChannelRule):
        raise ValueError(f"unknown rule {rule!r}; choose {listed(ChannelRule)}")
