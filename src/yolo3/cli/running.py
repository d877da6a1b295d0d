"""The folder of a training, which is there while it runs and may be taken up again."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from yolo3.cli.output import check_new, plain, write_configuration

_FREE = ("output", "overwrite", "resume", "num_workers", "device", "validate_every")  # may differ when a run goes on


def check_run(folder: Path, arguments: Mapping[str, Any]) -> None:
    """Complain of a folder that is in the way, or that does not hold what is to be resumed.

    Args:
        folder: of the run.
        arguments: of the command.

    Raises:
        ValueError: it exists and is neither to be resumed nor to be overwritten; nothing to resume; other options.
    """
    if not arguments["resume"]:
        if folder.is_dir() and (folder / "last.ckpt").is_file() and not arguments["overwrite"]:
            raise ValueError(f"output folder {folder} holds a training; go on with --resume, or pass --overwrite")
        check_new(folder, arguments["overwrite"])
        return
    if not (folder / "last.ckpt").is_file():
        raise ValueError(f"{folder} holds no last.ckpt to go on with; leave out --resume")
    before = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    for name, value in arguments.items():
        if name not in _FREE and name in before and before[name] != plain(value):
            raise ValueError(
                f"{folder} was begun with {name} {before[name]!r}, not {plain(value)!r}; a training goes on as it "
                f"began: yolo3 train --config {folder / 'config.yaml'} --resume"
            )


@contextmanager
def run_folder(folder: Path, arguments: Mapping[str, Any]) -> Iterator[None]:
    """Make the folder with its ``config.yaml``; if the run fails with nothing to resume, take it away again.

    Args:
        folder: of the run, which `check_run` has seen.
        arguments: of the command.
    """
    if not arguments["resume"]:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_configuration(folder, {**arguments, "overwrite": False})
    try:
        yield
    except BaseException:  # Ctrl-C too
        if not (folder / "last.ckpt").is_file():
            shutil.rmtree(folder)
        raise
