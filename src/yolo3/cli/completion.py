"""``yolo3 --print-completion``: a script with which a shell completes commands, options and files."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from yolo3.cli.arguments import option_kinds, positional_names
from yolo3.cli.options import Command

SHELLS = ("bash", "zsh", "fish")
"""Shells that scripts are made for."""


def completion_script(shell: str, commands: Iterable[tuple[str, str, Command]]) -> str:
    """The script of a shell.

    Args:
        shell: One of `SHELLS`.
        commands: Name, purpose and function of each command.

    Raises:
        ValueError: Another shell.
    """
    if shell not in SHELLS:
        raise ValueError(f"no completion for {shell!r}; choose {', '.join(SHELLS[:-1])} or {SHELLS[-1]}")
    import shtab

    parser = argparse.ArgumentParser("yolo3")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--print-completion", choices=SHELLS)
    of_command = parser.add_subparsers(dest="command")
    for name, purpose, function in commands:
        _add_options(of_command.add_parser(name, help=purpose.replace("%", "%%")), function, shtab.FILE)
    return shtab.complete(parser, shell)


def _add_options(parser: argparse.ArgumentParser, function: Command, files: Mapping[str, Any]) -> None:
    """Describe the options of a command as a command line has them."""
    places = positional_names(function)
    for name in places:
        parser.add_argument(name, nargs="*").complete = files  # type: ignore[attr-defined]  # shtab's own
    for name, kind in {"config": Path, **option_kinds(function)}.items():
        flag = "--" + name.rstrip("_").replace("_", "-")
        if name in places:
            continue
        if kind is bool:
            parser.add_argument(flag, action="store_true")
            parser.add_argument(f"--no-{flag[2:]}", action="store_true")
            continue
        option = parser.add_argument(flag, choices=_choices(kind))
        if _has(kind, lambda each: each is Path):
            option.complete = files  # type: ignore[attr-defined]


def _choices(kind: Any) -> tuple[str, ...] | None:
    """The names of an option that takes nothing else; None for others."""
    members = get_args(kind) if _is_union(kind) else (kind,)
    parts = [each for each in members if each is not type(None)]
    if len(parts) != 1 or get_origin(parts[0]) is not Literal:
        return None
    return get_args(parts[0])


def _has(kind: Any, wanted: Callable[[Any], bool]) -> bool:
    return wanted(kind) or any(_has(each, wanted) for each in get_args(kind) if isinstance(each, type | UnionType))


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (UnionType, Union)
