"""What ``yolo3 train`` says of a training before it begins, when it stops, and at its end."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from yolo3.cli.training_run import SMALL_BATCH, usual_batch_size
from yolo3.system.hardware import Hardware

if TYPE_CHECKING:
    from yolo3.choices import Keep
    from yolo3.training import DetectionData, DetectionTask

_TYPES = {"bf16-mixed": "bfloat16 and float32", "16-mixed": "float16 and float32", "32-true": "float32"}

_FEW_STEPS = 2000  # BCCD: AP rises when batches of 8 (1,560 steps) become batches of 4 (3,120), see docs/accuracy.md


def about_to_train(
    task: "DetectionTask",
    data: "DetectionData",
    hardware: Hardware,
    arguments: Mapping[str, Any],
) -> str:
    """A few lines: the network, its input, steps, and what it runs on.

    Args:
        task: Task, which knows how many steps there will be.
        data: Data to train on.
        hardware: Device to train on, and the precision that was asked for.
        arguments: Options of the command, by name.
    """
    import torch

    from yolo3.system.devices import choose_training_device
    from yolo3.training import training_precision

    device = choose_training_device(hardware.device)
    num_processes = arguments["devices"] * arguments["num_nodes"]
    num_parameters = sum(parameter.numel() for parameter in task.detector.parameters())
    batch, num_batches = data.batch_size * num_processes, len(data.keys(0, num_processes))
    network = [arguments["model"], _count(num_parameters, "parameter")]
    if arguments["width"] != 1:
        network.insert(1, f"width {arguments['width']:g}")
    height, width = data.train.image_size
    steps = (task.num_steps or 0) // arguments["epochs"]
    entry = [f"{height} x {width} pixels", f"{_count(batch, 'image')} per batch", f"{_count(steps, 'step')} per epoch"]
    if len(data.image_sizes) > 1:
        entry.insert(1, f"while training one of {len(data.image_sizes)} sizes")
    place = [str(device), _TYPES[training_precision(hardware, device)]]
    if device.type == "cpu":
        place.insert(1, _count(torch.get_num_threads(), "thread"))
    if num_processes > 1:
        place.insert(1, f"{num_processes} processes")
    groups = task.recipe.optimizer([{"params": [torch.zeros(1)]}]).param_groups
    lines = [("network", network), ("input", entry), ("device", place)]
    lines.append(("learning rate", [f"{groups[0]['lr']:.2g} at its peak"]))
    if (nominal := arguments["nominal_batch"] or 0) > num_batches * batch:
        lines.append(("nominal batch", [f"{nominal}, but an epoch has {num_batches * batch} images: a step takes all"]))
    if batch > usual_batch_size(len(data.train), num_processes) and (task.num_steps or 0) < _FEW_STEPS:
        lines.append(
            ("few steps", [f"{task.num_steps} in all; --batch-size {SMALL_BATCH} takes more, often to a higher AP"])
        )
    return "\n".join(f"{name:<15}{', '.join(parts)}" for name, parts in lines)


def what_is_kept(keep: "Keep", is_test: bool, patience: int | None) -> str:
    """A line: the epoch whose weights the checkpoint will have, and a warning where the test split chooses.

    Args:
        keep: Epoch to keep.
        is_test: Whether the images to measure on are the test split.
        patience: Early stopping.
    """
    where = " on the test split" if is_test else ""
    kept = f"the epoch of the best AP{where}" if keep == "best" else "the last epoch"
    lines = [f"to keep        {kept}"]
    if is_test and (keep == "best" or patience is not None):
        lines.append(f"WARNING: AP{where} chooses the epoch; it will be better than on new images; choose --val-split")
    return "\n".join(lines)


def where_it_stands(folder: Path, epochs: int, validate_every: int, resume: bool) -> str:
    """A line: what of a training is done, and when there will be something to see.

    Args:
        folder: Folder of the run.
        epochs: Number of epochs in all.
        validate_every: Number of epochs between two evaluations.
        resume: Whether the training goes on.

    Raises:
        ValueError: more is done than there should be, or the file to resume from is damaged.
    """
    from yolo3.training.resuming import epochs_done

    done = epochs_done(folder) if resume else 0
    if done > epochs:
        raise ValueError(f"epochs is {epochs}, but {folder} has {done} behind it; give as many at least")
    if done == epochs:
        return f"already finished: {_count(epochs, 'epoch')} of {epochs} done; --epochs with a larger number goes on"
    first = min(epochs, (done // validate_every + 1) * validate_every)
    begun = (
        f"going on after {done} of {_count(epochs, 'epoch')}" if resume else f"training for {_count(epochs, 'epoch')}"
    )
    return f"{begun}; each leaves a line here, AP is measured next after epoch {first}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def how_to_go_on(folder: Path) -> str:
    """What to type after Ctrl-C."""
    if not (folder / "last.ckpt").is_file():
        return "stopped before anything was saved; the same command begins anew"
    return f"stopped; to go on: yolo3 train --config {quote(str(folder / 'config.yaml'))} --resume"


def what_is_next(folder: Path) -> str:
    """What to type after a training."""
    where = quote(str(folder))
    return f"next: yolo3 evaluate {where}, for charts and the worst images; yolo3 detect {where} IMAGES"
