"""Trainings and savings that are killed, each in a process of its own: a program that `test_kill.py` runs.

Every process is a fork of this one, which has imported all and done nothing else: to import takes seconds.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# beside what is used here, all that a training would import when it begins
import albumentations  # noqa: F401
import faster_coco_eval  # noqa: F401
import safetensors.torch
import torch
import torch.utils.tensorboard
from lightning.pytorch import Trainer

import yolo3.cli.evaluate
import yolo3.cli.train
import yolo3.training
from yolo3 import YOLOv3, load_checkpoint, save_checkpoint
from yolo3.checkpoint import ModelCard
from yolo3.cli import main

FAST = ["--width", "0.125", "--image-size", "64", "--batch-size", "4", "--num-workers", "0", "--precision", "fp32"]
FAST += ["--epochs", "2", "--validate-every", "1", "--mosaic", "0.5"]
SAVED = [7, 8]
"""Seeds of the old and the new detector of the savings."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def die_at(module: Any, name: str, number: int, after: bool = False) -> None:
    """Be killed at a call of a function, counted from 1: before it does anything, or when it has done all."""
    function, calls = getattr(module, name), []

    def counted(*arguments: Any, **settings: Any) -> Any:
        calls.append(name)
        if len(calls) == number and not after:
            die()
        result = function(*arguments, **settings)
        if len(calls) == number:
            die()
        return result

    setattr(module, name, counted)


def die_in_write(module: Any, name: str, place: int, number: int) -> None:
    """Be killed when half of a file is written by the call of this number; its path is the argument at a place."""
    function, calls = getattr(module, name), []

    def halved(*arguments: Any, **settings: Any) -> Any:
        calls.append(name)
        result = function(*arguments, **settings)
        if len(calls) == number:
            path = arguments[place]
            os.truncate(path, os.path.getsize(path) // 2)
            die()
        return result

    setattr(module, name, halved)


def train(data: Path, run: Path, *options: str) -> None:
    assert main(["train", str(data), "--output", str(run), *FAST, *options]) == 0


def resume(data: Path, run: Path) -> None:
    """Go on, as one would who finds the folder of a training that died."""
    if (run / "model.json").exists():
        load_checkpoint(run)
    train(data, run, "--resume" if (run / "last.ckpt").exists() else "--overwrite")


def detector(seed: int) -> YOLOv3:
    torch.manual_seed(seed)
    return YOLOv3(2, width=0.125)


def save(folder: Path, seed: int) -> None:
    save_checkpoint(folder, detector(seed), ModelCard())


def in_a_process(action: Callable[[], None], log: Path, kill_when: Callable[[], bool] | None = None) -> int:
    """What became of an action: its exit code, or minus the signal that ended it.

    Args:
        action: run in the process.
        log: what it prints.
        kill_when: asked again and again; when it says so, the process is killed from outside.
    """
    process = os.fork()
    if not process:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        action()
        sys.stdout.flush()
        os._exit(0)
    while kill_when is not None and not kill_when():
        time.sleep(0.005)
    if kill_when is not None:
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def kill_trainings(data: Path, folder: Path) -> dict[str, list[int]]:
    """For every moment the fate of the training that was killed then, and of the one that went on in its folder."""
    moments: dict[str, Callable[[], None]] = {
        "in the second epoch": lambda: die_at(torch.optim.AdamW, "step", 4, after=True),
        "in the file to resume from": lambda: die_in_write(Trainer, "save_checkpoint", 1, 2),
        "after the last epoch": lambda: die_at(yolo3.training.Checkpoints, "on_fit_end", 1),
    }
    fates = {}
    for moment, prepare in moments.items():
        run, log = folder / moment, folder / f"{moment}.log"

        def begin(run: Path = run, prepare: Callable[[], None] = prepare) -> None:
            prepare()
            train(data, run)

        died = in_a_process(begin, log)
        fates[moment] = [died, in_a_process(lambda run=run: resume(data, run), log)]
    run, log = folder / "from outside", folder / "from outside.log"
    died = in_a_process(lambda: train(data, run), log, kill_when=(run / "last.ckpt").exists)
    fates["from outside"] = [died, in_a_process(lambda: resume(data, run), log)]
    return fates


def kill_savings(folder: Path) -> dict[str, int]:
    """Replace a checkpoint, and be killed at every step of it."""
    moments: dict[str, Callable[[], None]] = {
        "nothing written": lambda: die_at(safetensors.torch, "save_file", 1),
        "half the weights": lambda: die_in_write(safetensors.torch, "save_file", 1, 1),
        "all the weights": lambda: die_at(safetensors.torch, "save_file", 1, after=True),
        "weights not named": lambda: die_at(os, "replace", 1),
        "weights named": lambda: die_at(os, "replace", 1, after=True),
        "card not named": lambda: die_at(os, "replace", 2),
        "card named": lambda: die_at(os, "replace", 2, after=True),
        "old weights there": lambda: die_at(Path, "unlink", 1),
        "old weights gone": lambda: die_at(Path, "unlink", 1, after=True),
    }
    old, new = SAVED
    fates = {}
    for moment, prepare in moments.items():

        def replaced(moment: str = moment, prepare: Callable[[], None] = prepare) -> None:
            save(folder / moment, old)
            prepare()
            save(folder / moment, new)

        fates[moment] = in_a_process(replaced, folder / f"{moment}.log")
    return fates


if __name__ == "__main__":
    torch.set_num_threads(1)
    yolo3.training.journal.draw_curves = lambda *_: None  # a chart takes longer than an epoch
    data, folder = map(Path, sys.argv[1:])
    for name in ("trainings", "savings"):
        (folder / name).mkdir()
    whole = in_a_process(lambda: train(data, folder / "whole"), folder / "whole.log")
    fates = {
        "whole": whole,
        "trainings": kill_trainings(data, folder / "trainings"),
        "savings": kill_savings(folder / "savings"),
    }
    (folder / "fates.json").write_text(json.dumps(fates))
