"""The command line: one file per command, each with one function of the same name.

The function's typed signature is the command's options and its docstring their help. A command's module imports at its
top only what its signature needs, and the rest when it starts to work: torch alone takes longer to import than anyone
should wait for ``--help``.
"""

import difflib
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module

from yolo3 import __version__
from yolo3.cli import synonyms
from yolo3.cli.any_text import any_text
from yolo3.cli.argument_checks import check_arguments
from yolo3.cli.arguments import parse_arguments
from yolo3.cli.completion import completion_script
from yolo3.cli.options import Command, call
from yolo3.cli.signals import Terminated, terminated_like_ctrl_c
from yolo3.cli.terminal import printing
from yolo3.system.memory import keep_memory

COMMANDS: tuple[tuple[str, str], ...] = (
    ("check", "check a data set for faults that would harm training"),
    ("anchors", "fit anchors to the boxes of a data set"),
    ("train", "train a detector on your own images"),
    ("evaluate", "measure a detector: average precision and recall"),
    ("detect", "detect objects in images and videos"),
    ("explain", "explain one prediction: why an object is found or missed"),
    ("serve", "detect objects over HTTP: a page for the browser, and POST /detect for programs"),
    ("export", "write a detector as a file for other runtimes: ONNX, or PyTorch's .pt2"),
    ("convert", "turn Darknet's files into a checkpoint, or back"),
    ("convert-data", "write a data set in another format"),
    ("push", "put a checkpoint on the Hugging Face Hub"),
    ("weights", "list the published weights, or fetch some"),
    ("info", "list a detector's layers, parameters and operations"),
    ("show", "draw a sheet of images with their boxes, before and after augmentation"),
    ("demo", "try everything on drawn shapes, without a download"),
)
"""Name and purpose of each command."""

_WITH_OWN_SIGNALS = ("train", "demo")  # they hear signals between two steps


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Words after ``yolo3``; None is the process's own.

    Returns:
        The exit code: the command's own if it returns one, else 0 for success, 2 for a mistake of the user's, said in
        one line, 130 after Ctrl-C, 128 and its number after another signal.
    """
    command, *words = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    with any_text():
        try:
            with printing(command), nullcontext() if command in _WITH_OWN_SIGNALS else terminated_like_ctrl_c():
                return _run(command, words)
        except Terminated as signal:
            print(f"yolo3 {command}: {signal}", file=sys.stderr)
            return 128 + signal.number
        except KeyboardInterrupt:
            print(f"yolo3 {command}: interrupted", file=sys.stderr)
            return 130
        except (ValueError, OSError, ImportError) as error:
            print(f"yolo3 {command}: error: {' '.join(str(error).split())}", file=sys.stderr)
            return 2


def _run(command: str, words: Sequence[str]) -> int:
    if command in ("-h", "--help"):
        print(_overview())
        return 0
    if command == "--version":
        print(f"yolo3 {__version__}")
        return 0
    if command == "--print-completion":
        shell = words[0] if words else ""
        print(completion_script(shell, [(name, purpose, _function(name)) for name, purpose in COMMANDS]))
        return 0
    if command not in dict(COMMANDS):
        print(f"yolo3: error: no command {command!r}; {_hint(command)}", file=sys.stderr)
        return 2
    keep_memory()  # this process is there for one network
    function = _function(command)
    values = parse_arguments(function, words)
    check_arguments(command, values)
    code: int | None = call(function, **values)
    return code or 0


def _function(command: str) -> Command:
    name = command.replace("-", "_")
    function: Command = getattr(import_module(f"yolo3.cli.{name}"), name)
    return function


def _hint(command: str) -> str:
    """What may have been meant by a word that is no command."""
    known = dict(COMMANDS)
    meant = synonyms.COMMANDS.get(command.lower())
    close = [meant] if meant in known else difflib.get_close_matches(command.lower(), known, n=1)
    return f"did you mean {close[0]}?" if close else f"choose from {', '.join(known)}"


def _overview() -> str:
    width = max(len(name) for name, _ in COMMANDS)
    lines = [f"  {name:<{width}}  {purpose}" for name, purpose in COMMANDS]
    return "\n".join(
        [
            "usage: yolo3 COMMAND ...",
            "",
            "The YOLO detectors in PyTorch.",
            "",
            *lines,
            "",
            "yolo3 COMMAND --help lists the options of a command, yolo3 --version prints the version,",
            "yolo3 --print-completion bash (or zsh, or fish) prints a script for shell completion.",
        ]
    )
