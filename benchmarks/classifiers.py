"""Darknet's classifiers beside ResNets of the same accuracy: parameters, operations and milliseconds per image.

    python benchmarks/classifiers.py [--threads 2] [--repeats 7] [--size 256] [--device cpu]

YOLOv3 (arXiv 1804.02767, table 2) compares them on a Titan X at 256 x 256: Darknet-53 is as accurate as ResNet-152
and twice as fast. Here PyTorch runs all of them unchanged in float32. They take turns, so that a busy machine slows all
of them alike.
"""

import argparse
import statistics
import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from yolo3.darknet import DarknetClassifier


class Bottleneck(nn.Module):
    """The residual unit of the deeper ResNets: 1 x 1, 3 x 3 and 1 x 1 convolutions around a shortcut.

    Source:
        He et al., arXiv 1512.03385, figure 5; the stride is that of the 3 x 3 convolution, as in later programs.
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        out_channels = 4 * channels
        self.path = nn.Sequential(
            *_convolution(in_channels, channels, 1),
            nn.ReLU(inplace=True),
            *_convolution(channels, channels, 3, stride),
            nn.ReLU(inplace=True),
            *_convolution(channels, out_channels, 1),
        )
        is_same = stride == 1 and in_channels == out_channels
        self.shortcut = nn.Identity() if is_same else nn.Sequential(*_convolution(in_channels, out_channels, 1, stride))

    def forward(self, maps: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, 4 channels, H / stride, W / stride)."""
        return torch.relu(self.path(maps) + self.shortcut(maps))


def resnet(units: Sequence[int]) -> nn.Sequential:
    """A ResNet of bottleneck units for 1,000 classes: (3, 8, 36, 3) of them make ResNet-152."""
    layers: list[nn.Module] = [*_convolution(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    in_channels = 64
    for stage, count in enumerate(units):
        channels = 64 << stage
        for number in range(count):
            layers.append(Bottleneck(in_channels, channels, 2 if stage and not number else 1))
            in_channels = 4 * channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, 1000))


def _convolution(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False)
    return convolution, nn.BatchNorm2d(out_channels)


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    networks: dict[str, nn.Module] = {
        "Darknet-19": DarknetClassifier("darknet19"),
        "Darknet-53": DarknetClassifier("darknet53"),
        "ResNet-101": resnet((3, 4, 23, 3)),
        "ResNet-152": resnet((3, 8, 36, 3)),
    }
    image = torch.rand(1, 3, options.size, options.size, device=options.device)
    billions = {}
    for name, network in networks.items():
        network.to(options.device).eval()
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(image)
        billions[name] = counter.get_total_flops() / 1e9
    times: dict[str, list[float]] = {name: [] for name in networks}
    with torch.no_grad():
        for _ in range(options.repeats + 1):
            for name, network in networks.items():
                start = time.perf_counter()
                network(image)
                if options.device.startswith("cuda"):
                    torch.cuda.synchronize()
                times[name].append((time.perf_counter() - start) * 1e3)
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}  # the first warms up
    print("| network | parameters | 10⁹ operations | ms per image | times Darknet-53 |\n|---|---|---|---|---|")
    for name, network in networks.items():
        parameters = sum(parameter.numel() for parameter in network.parameters())
        ratio = medians[name] / medians["Darknet-53"]
        print(f"| {name} | {parameters:,} | {billions[name]:.1f} | {medians[name]:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
