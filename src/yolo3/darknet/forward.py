"""Running the layers of a cfg one after another."""

from collections.abc import Collection, Iterable, Sequence

from torch import Tensor, nn

from yolo3.darknet.layer_plan import NETWORK_INPUT, LayerPlan


def last_readers(plan: Sequence[LayerPlan], kept: Collection[int]) -> tuple[tuple[int, ...], ...]:
    """For every layer, the maps that no later layer reads, except those to keep.

    Args:
        plan: Layers of a network.
        kept: Numbers of the layers whose outputs are wanted.
    """
    last = {number: layer.number for layer in plan for number in layer.reads}
    done: list[list[int]] = [[] for _ in plan]
    for number, reader in last.items():
        if number not in kept:
            done[reader].append(number)
    return tuple(map(tuple, done))


def run_layers(
    plan: Sequence[LayerPlan], layers: Iterable[nn.Module], released: Sequence[Sequence[int]], images: Tensor
) -> dict[int, Tensor]:
    """The outputs of the layers that are not released on the way, by number.

    Args:
        plan: Layers of a network.
        layers: The same layers, built.
        released: Maps to drop after each layer, see `last_readers`.
        images: (B, C, H, W) input of the network.
    """
    maps = {NETWORK_INPUT: images}
    for layer, module in zip(plan, layers, strict=True):
        maps[layer.number] = module(*(maps[number] for number in layer.reads))
        for number in released[layer.number]:
            del maps[number]
    return maps
