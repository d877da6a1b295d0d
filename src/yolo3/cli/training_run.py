"""The run of ``yolo3 train``: its folder, which ``--resume`` continues, and its batch size."""

import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from yolo3.cli.output import check_new, live_folder, plain, write_configuration
from yolo3.system.files import whole_file
from yolo3.system.folders import delete_replaced, last_number, replaced
from yolo3.system.hardware import Hardware

if TYPE_CHECKING:
    from yolo3.training import DetectionData, DetectionTask

_DEFAULT_OUTPUT = Path("runs/train")
SMALL_BATCH = 4
"""Batch for few images: of 200 to 300 images AP is higher than in larger batches, which make fewer steps."""

USUAL_BATCH = 16
"""Batch for more images, and for several processes."""

_LARGEST_BATCH = 64
_FEW_IMAGES = 500

# may differ when a run goes on
_FREE = (
    "output",
    "overwrite",
    "resume",
    "epochs",
    "num_workers",
    "device",
    "devices",
    "num_nodes",
    "validate_every",
    "overfit_check",
)

_AT_LEAST = {
    "channels": 1,
    "epochs": 1,
    "batch_size": 1,
    "nominal_batch": 1,
    "validate_every": 1,
    "patience": 1,
    "devices": 1,
    "num_nodes": 1,
    "weights_layers": 1,
    "freeze_backbone": 0,
    "num_workers": 0,
    "seed": 0,
    "split_seed": 0,
}
_LARGEST_SEED = 2**63 - 1  # that torch takes


def check_numbers(arguments: Mapping[str, Any]) -> None:
    """Complain of numbers that make no sense, before anything is read or emptied.

    Args:
        arguments: Options of the command, by name.

    Raises:
        ValueError: one that is too small, too large or not finite.
    """
    for name, least in _AT_LEAST.items():
        if isinstance(arguments[name], int) and arguments[name] < least:
            raise ValueError(f"{name} is {arguments[name]}; it must be at least {least}")
    if arguments["seed"] > _LARGEST_SEED:
        raise ValueError(f"seed is {arguments['seed']}; it must be at most {_LARGEST_SEED}")
    for name in ("mosaic", "mixup"):
        if not 0 <= arguments[name] <= 1:
            raise ValueError(f"{name} is {arguments[name]:g}; a probability lies in [0, 1]")
    if (rate := arguments["learning_rate"]) is not None and not 0 < rate < math.inf:
        raise ValueError(f"learning_rate is {rate:g}; it must be above 0 and finite")


def leads(arguments: Mapping[str, Any]) -> bool:
    """Whether this process speaks and writes: of those that train together, only the first. The others fall silent.

    Args:
        arguments: Options of the command, by name.
    """
    # torchrun, SLURM, you on each machine, and Lightning, which starts a machine's other processes itself
    ranks = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")
    num_processes = arguments["devices"] * arguments["num_nodes"]
    is_first = num_processes == 1 or all(int(os.environ.get(rank, 0)) == 0 for rank in ranks)
    if not is_first:
        sys.stdout = open(os.devnull, "w")  # to the end of the process
    return is_first


def chosen_folder(arguments: Mapping[str, Any]) -> Path:
    """The folder of the run, before it has its number.

    Args:
        arguments: The arguments of the command.
    """
    if arguments["output"] is not None:
        return Path(arguments["output"])
    return last_number(_DEFAULT_OUTPUT) if arguments["resume"] else _DEFAULT_OUTPUT


def check_run(folder: Path, arguments: Mapping[str, Any]) -> None:
    """Complain of a folder that is in the way, or that does not hold what is to be resumed.

    Args:
        folder: Folder of the run.
        arguments: Options of the command, by name.

    Raises:
        ValueError: it exists and is neither to be resumed nor to be overwritten; nothing to resume; other options.
    """
    if not arguments["resume"]:
        if arguments["output"] is None and not arguments["overwrite"]:
            return
        if _can_be_resumed(folder) and not arguments["overwrite"]:
            raise ValueError(f"output folder {folder} holds a training; go on with --resume, or pass --overwrite")
        reads = [(name, arguments[name]) for name in ("data", "images", "labels", "weights")]
        check_new(folder, arguments["overwrite"], reads)
        return
    if not _can_be_resumed(folder):
        instead = "pass --overwrite in place of --resume" if folder.is_dir() else "leave out --resume"
        aside = f" (what was in it before is in {old[0]})" if folder.is_dir() and (old := replaced(folder)) else ""
        raise ValueError(f"{folder} holds no last.ckpt to go on with{aside}; {instead}")
    before = _options_of(folder / "config.yaml")
    for name, value in arguments.items():
        if name not in _FREE and name in before and before[name] != plain(value):
            raise ValueError(
                f"{folder} was begun with {name} {before[name]!r}, not {plain(value)!r}; a training goes on as it "
                f"began: yolo3 train --config {folder / 'config.yaml'} --resume"
            )


def _options_of(path: Path) -> dict[str, Any]:
    """The options that a run was begun with.

    Raises:
        ValueError: a file that is missing or damaged.
    """
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        options = None
    if not isinstance(options, dict):
        raise ValueError(f"{path} is missing or damaged; it says how to go on: bring it back, or pass --overwrite")
    return options


@contextmanager
def run_folder(folder: Path, arguments: Mapping[str, Any]) -> Iterator[Path]:
    """The folder of a run with its ``config.yaml``; if the run fails with nothing to resume, it is as it was before.

    Args:
        folder: The folder, which `check_run` has seen.
        arguments: The arguments of the command; where they name no output, the run gets the next free number.

    Yields:
        The folder, with its number.
    """
    if arguments["resume"]:
        delete_replaced(folder)  # of a run that was killed after its first epoch
        _write_epochs(folder / "config.yaml", arguments["epochs"])
        yield folder
        return
    numbered = arguments["output"] is None and not arguments["overwrite"]
    with live_folder(folder, _can_be_resumed, arguments["overwrite"], numbered) as place:
        write_configuration(place, {**arguments, "output": place, "overwrite": False})
        yield place


def _can_be_resumed(folder: Path) -> bool:
    return (folder / "last.ckpt").is_file()


def _write_epochs(path: Path, epochs: int) -> None:
    """Let the options of a run that goes on tell how many epochs there are now."""
    options = _options_of(path)
    if options.get("epochs") == epochs:
        return
    with whole_file(path) as partial:
        partial.write_text(yaml.safe_dump(options | {"epochs": epochs}, sort_keys=False), encoding="utf-8")


def choose_batch_size(
    task: "DetectionTask",
    data: "DetectionData",
    hardware: Hardware,
    nominal_batch: int | None,
) -> int:
    """The batch of ``--batch-size auto``, which it also says.

    Args:
        task: Task to train.
        data: Data to train on.
        hardware: Device to train on, and precision.
        nominal_batch: Number of images per optimiser step; a batch is no larger.

    Raises:
        ValueError: not even one image fits.
    """
    from yolo3.system.devices import choose_training_device
    from yolo3.training import largest_batch_size

    device = choose_training_device(hardware.device)
    most = nominal_batch or _LARGEST_BATCH
    if device.type != "cuda":
        found = min(USUAL_BATCH, most)
        print(f"batch size {found}: memory is not what limits it on {device}", flush=True)
        return found
    wanted, data.image_sizes = data.image_sizes, [max(data.image_sizes, key=lambda size: size[0] * size[1])]
    found = largest_batch_size(task, data, hardware=hardware, most=most)
    data.image_sizes = wanted
    print(
        f"batch size {found}: the largest power of two that fits in the memory of {device}, {most} at most", flush=True
    )
    return found


def usual_batch_size(num_images: int, num_processes: int) -> int:
    """The batch where none is asked for.

    Args:
        num_images: Number of training images.
        num_processes: Number of processes that share the batch.
    """
    return SMALL_BATCH if num_images < _FEW_IMAGES and num_processes == 1 else USUAL_BATCH


def share_of_batch(batch_size: int | Literal["auto"], num_processes: int) -> int:
    """Images of a batch that each process takes; of ``auto`` two, until `choose_batch_size` knows.

    Raises:
        ValueError: it cannot be shared out evenly.
    """
    if batch_size == "auto":
        if num_processes > 1:
            raise ValueError(f"batch_size auto is for one process; with {num_processes} give a number")
        return 2
    if batch_size % num_processes:
        raise ValueError(
            f"batch_size is {batch_size}; {num_processes} processes can share a multiple of {num_processes}"
        )
    return batch_size // num_processes
