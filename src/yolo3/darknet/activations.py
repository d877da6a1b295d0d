"""The activations of a cfg."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from yolo3.blocks import leaky_relu


class HardMish(nn.Module):
    """x above 0, x²/2 + x from -2 to 0, 0 below. Source: Darknet's ``hard_mish_yashas``."""

    def forward(self, x: Tensor) -> Tensor:
        """(...,) -> (...,)."""
        below = x.clamp(-2, 0)
        return x.relu() + below * (below / 2 + 1)


ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "leaky": leaky_relu,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "logistic": nn.Sigmoid,
    "mish": nn.Mish,
    "hard_mish": HardMish,
    "hardmish": HardMish,
    "swish": nn.SiLU,
    "silu": nn.SiLU,
}
"""Constructor of each activation, by its name in a cfg."""
