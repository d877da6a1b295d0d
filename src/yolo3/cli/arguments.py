"""From words on the command line to the arguments of a command's function."""

import difflib
import inspect
import json
import re
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import fields
from keyword import iskeyword
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from yolo3.cli.options import Command, groups
from yolo3.cli.synonyms import meant_option

_PRIVATE = 0x10FC80 - 0xDC80  # from the surrogates of bytes to characters for private use


def parse_arguments(command: Command, words: Sequence[str]) -> dict[str, Any]:
    """The options that words on the command line, and the YAML of ``--config``, give a function, by name.

    Parameters are flags: ``--image-size 416``, ``--captions`` or ``--no-captions``. Those before the ``*`` of the
    signature may stand without their flag, in their order; a list takes all the words that are left. A list with a flag
    takes one word, ``--formats json,csv``. The fields of a group are options; see `yolo3.cli.options`.

    Args:
        command: Command, whose signature tells the names and types, its docstring (Google style) the help.
        words: Words after the command's name.

    Raises:
        ValueError: words that the signature does not allow.
        SystemExit: after ``--help`` or ``--print_config``.
    """
    summary = (inspect.getdoc(command) or "").split("Args:")[0].strip()
    name = _command_name(command)
    parser = ArgumentParser(
        prog=f"yolo3 {name}", usage=_usage(command), description=summary, exit_on_error=False, default_env=False
    )
    parser.add_argument("--config", action="config", help="A YAML file of options, such as config.yaml of a run.")
    in_groups = groups(command)
    parser.add_function_arguments(command, as_group=False, skip=set(in_groups))
    for group in in_groups.values():
        heading = (inspect.getdoc(group) or "").partition(".")[0].lower()
        parser.add_argument_group(heading).add_class_arguments(group, as_group=False)
    if "-h" in words or "--help" in words:
        print(_plain_lists(_with_dashes(parser.format_help())))
        sys.exit(0)
    try:
        values = parser.parse_args(_as_flags(command, [_shielded(word) for word in words]))
    except (ArgumentError, ValueError) as error:
        complaint = _complaint(str(error), option_kinds(command), positional_names(command))
        raise ValueError(_restored(f"{complaint} (see yolo3 {name} --help)")) from error
    return {key: _restored(value) for key, value in vars(values).items() if key != "config"}


def _shielded(word: str) -> str:
    """A word whose bytes that are not UTF-8, as a file's name may have, pass through the parser's YAML.

    Python has them as lone surrogates, which YAML refuses; here they become characters that nobody uses.
    """
    return re.sub("[\udc80-\udcff]", lambda byte: chr(ord(byte[0]) + _PRIVATE), word)


def _restored(value: Any) -> Any:
    """A value, or the strings and paths in it, as they were before `_shielded`."""
    if isinstance(value, str):
        return re.sub("[\U0010fc80-\U0010fcff]", lambda byte: chr(ord(byte[0]) - _PRIVATE), value)
    if isinstance(value, Path):
        return Path(_restored(str(value)))
    if isinstance(value, list | tuple):
        return type(value)(map(_restored, value))
    return value


def _command_name(command: Command) -> str:
    """What one types to run it."""
    return command.__name__.replace("_", "-")


def _usage(command: Command) -> str:
    lists = _lists(command)
    places = [f"{name.upper()} ..." if name in lists else name.upper() for name in positional_names(command)]
    return " ".join(["yolo3", _command_name(command), *places, "[--option VALUE ...]"])


def _as_flags(command: Command, words: Sequence[str]) -> list[str]:
    """Write every word as a flag.

    ``runs/bccd a.jpg b.jpg --overwrite`` -> ``--model=runs/bccd --overwrite=true --source=["a.jpg", "b.jpg"]``
    """
    kinds = option_kinds(command)
    flags: list[str] = []
    lists: dict[str, list[str]] = {}
    bare: list[str] = []
    rest = deque(words)
    while rest:
        word = rest.popleft()
        if word == "--":
            bare += rest
            break
        if re.match("-[A-Za-z]", word):
            raise ValueError(_unknown(word, kinds))
        if not word.startswith("--"):
            bare.append(word)
            continue
        flag, equals, value = word.partition("=")
        name = flag[2:].replace("-", "_")
        if iskeyword(name):  # of Python, in which no parameter can be called so
            name += "_"
        if name == "print_config":
            flags.append("--print_config" + equals + value)
            continue
        is_denial = name.startswith("no_") and kinds.get(name[3:]) is bool and not equals
        if is_denial:
            flags.append(f"--{name[3:]}=false")
            continue
        if name not in (*kinds, "config"):
            raise ValueError(_unknown(flag, kinds))
        if not equals and kinds.get(name) is bool:
            value = rest.popleft() if rest and rest[0] in ("true", "false") else "true"
        elif not equals and not rest:
            raise ValueError(f"{flag} needs a value")
        elif not equals:
            value = rest.popleft()
        if name in _lists(command):
            items = [value] if name in positional_names(command) else _items(value)
            lists.setdefault(name, []).extend(items)
        else:
            flags.append(f"--{name}={value}")
    given = {*lists, *(flag[2:].partition("=")[0] for flag in flags)}
    for name in (name for name in positional_names(command) if name not in given):
        if bare and name in _lists(command):
            lists[name], bare = bare, []
        elif bare:
            flags.append(f"--{name}={bare.pop(0)}")
    if bare:
        raise ValueError(f"one word too many: {bare[0]!r}")
    return flags + [f"--{name}={json.dumps(items, ensure_ascii=False)}" for name, items in lists.items()]


def _parameters(command: Command) -> dict[str, inspect.Parameter]:
    in_groups = groups(command)
    parameters = inspect.signature(command, eval_str=True).parameters
    return {name: parameter for name, parameter in parameters.items() if name not in in_groups}


def option_kinds(command: Command) -> dict[str, Any]:
    """The type of every option, those in groups too."""
    of_groups = {field.name: field.type for group in groups(command).values() for field in fields(group)}
    return {name: parameter.annotation for name, parameter in _parameters(command).items()} | of_groups


def positional_names(command: Command) -> list[str]:
    """The parameters that need no flag."""
    parameters = _parameters(command).values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]


def _lists(command: Command) -> list[str]:
    """The parameters that take any number of words."""
    return [name for name, kind in option_kinds(command).items() if _is_list(kind)]


def _is_list(annotation: Any) -> bool:
    """``list[str]``, ``tuple[str, ...]``, or one of them or None."""
    if get_origin(annotation) in (UnionType, Union):
        return any(_is_list(choice) for choice in get_args(annotation))
    return get_origin(annotation) is list or (get_origin(annotation) is tuple and Ellipsis in get_args(annotation))


def _items(value: str) -> list[str]:
    """``dog,traffic light`` or ``[dog, traffic light]`` -> both names."""
    try:
        listed = yaml.safe_load(value) if value.startswith("[") else value.split(",")
    except yaml.YAMLError as error:
        raise ValueError(f"{value!r} is not a list: write it as one,two or [one, two]") from error
    return [str(item).strip() for item in listed if item != ""]


def _complaint(message: str, kinds: dict[str, Any], places: Sequence[str]) -> str:
    """What the parser has against a value or a key, in the words of a command line.

    Args:
        message: The parser's.
        kinds: The types of the parameters.
        places: The parameters that need no flag.
    """
    unknown = re.fullmatch(r"Option '(.*)' is not accepted", message)
    if unknown:  # in a file
        key, plain = unknown[1], unknown[1].replace("-", "_")
        return f"no option {key}; in a file it is {plain}" if plain in kinds else _unknown(_dashed(key), kinds)
    missing = re.search(r"arguments are required: (.*)", message)
    if missing:
        return f"required: {', '.join(_place(name, kinds[name], places) for name in missing[1].split(', '))}"
    wrong = re.match(r"Parser key \"(\w+)\":.*(?:Got|Given) value: ?(.*)", message, re.DOTALL)
    if not wrong or wrong[1] not in kinds:
        return _with_dashes(re.sub(r"Parser key \"(\w+)\":", r"--\1:", message))
    name, value = wrong.groups()
    kind = kinds[name]
    is_item = get_origin(kind) in (list, tuple) and not re.search("Expected a (<class ')?(list|tuple)", message)
    if is_item:
        kind = get_args(kind)[0]
    return f"{_dashed(name)}: '{value}' is not {_in_words(kind)}"


def _place(name: str, kind: Any, places: Sequence[str]) -> str:
    """Where a parameter goes: ``MODEL``, or ``--to``, with what it may be."""
    return name.upper() if name in places else f"{_dashed(name)}, {_in_words(kind)}"


def _unknown(flag: str, kinds: dict[str, Any]) -> str:
    name = flag.lstrip("-").replace("-", "_")
    meant = meant_option(name, kinds) or next(iter(difflib.get_close_matches(name, kinds, n=1)), None)
    if meant:
        return f"no option {flag}; did you mean {_dashed(meant)}?"
    hint = "" if flag.startswith("--") else "; options begin with two dashes"
    return f"no option {flag}{hint}"


def _in_words(kind: Any) -> str:
    """``int | Literal["auto"]`` -> a whole number or auto."""
    choices = get_args(kind)
    if get_origin(kind) in (UnionType, Union):
        return " or ".join(_in_words(choice) for choice in choices if choice is not type(None))
    if get_origin(kind) is Literal:
        return f"{'one of ' if len(choices) > 1 else ''}{', '.join(choices)}"
    if _is_list(kind):
        return "a list"
    if choices:
        return f"[{', '.join(map(_in_words, choices))}]"
    return {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "text")


def _plain_lists(text: str) -> str:
    """How a list is written on the command line: many words where it needs no flag, else one."""
    text = re.sub(r"(--[a-z]+ [A-Z]+)_(?=\s)", r"\1 ", text)  # a parameter whose name is a keyword of Python
    return re.sub(r"\[ITEM,\.\.\.\],.*(?=\n)", "...", text).replace("[ITEM,...]", "ITEM,...  ")


def _dashed(name: str) -> str:
    return "--" + name.rstrip("_").replace("_", "-")


def _with_dashes(text: str) -> str:
    """Flags as one types them, and types without Python's decoration."""
    text = re.sub(r"--[a-z_]+", lambda match: _dashed(match[0][2:]), text)
    return re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text).replace("typing.", "")
