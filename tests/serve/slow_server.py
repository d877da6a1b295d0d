"""A server whose detector takes its time, in a process of its own: a program that `test_draining.py` runs.

``slow_server.py SECONDS DRAIN [fork] [json]``: seconds of each pass of the network, which sees one image at a time;
seconds of draining; ``fork`` makes the application, with a detection, before the process that serves it; ``json`` logs
every request.
"""

import os
import signal
import sys
import time
import warnings
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

warnings.simplefilter("ignore")

from yolo3.cli.serve import _listening  # noqa: E402
from yolo3.cli.signals import terminated_like_ctrl_c  # noqa: E402
from yolo3.predictor import Predictor  # noqa: E402
from yolo3.serve import create_app, run  # noqa: E402
from yolo3.structures import Candidates  # noqa: E402


class Slow(nn.Module):
    """Finds one object in each image, slowly."""

    num_classes, stride = 1, 32
    seconds = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        time.sleep(self.seconds)
        return self.layer(images)

    def decode(self, predictions: Tensor) -> Candidates:
        count = len(predictions)
        return Candidates(torch.tensor([[[8.0, 8, 40, 40]]]).expand(count, 1, 4), torch.full((count, 1, 1), 0.9))


def main(seconds: float, drain: float, fork: bool, log: Literal["text", "json"]) -> None:
    """Serve, at a port that is printed."""
    predictor = Predictor(Slow(), ("thing",), image_size=256, precision="fp32")
    if fork:
        predictor(np.zeros((900, 900, 3), np.uint8))  # the parent has used its threads
    app = create_app(predictor, "slow", batch_size=1)
    Slow.seconds = seconds
    if fork and (child := os.fork()):
        signal.signal(signal.SIGTERM, lambda number, _: os.kill(child, number))
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    with _listening("127.0.0.1", 0) as listener, terminated_like_ctrl_c():
        print(listener.getsockname()[1], flush=True)
        run(app, listener, drain, log=log)


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), "fork" in sys.argv[3:], "json" if "json" in sys.argv[3:] else "text")
