"""Events of the page, as the browser sends them to Gradio."""

import json
from collections.abc import Collection, Iterator
from typing import Any

_FILE = {"_type": "gradio.FileData"}


def named_paths(event: Any) -> Iterator[Any]:
    """Everything in an event that Gradio may take for a file."""
    waiting = [event]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if "path" in part:
                yield part["path"]
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def known_event(event: Any, known: Collection[int]) -> dict[str, Any] | None:
    """An event of the page, reduced to the fields that are known; None where it is not one.

    The data are a file, or nothing, and two thresholds. Only the path of the file is kept.
    """
    try:
        file, *thresholds = event["data"]
        is_known = not isinstance(event["fn_index"], bool) and event["fn_index"] in known
        are_numbers = [isinstance(each, int | float) and 0 <= each <= 1 for each in thresholds]
        if not is_known or are_numbers != [True, True] or not isinstance(event["session_hash"], str):
            return None
        trigger = event.get("trigger_id")
        return {
            "data": [None if file is None else {"path": file["path"], "meta": _FILE}, *thresholds],
            "fn_index": event["fn_index"],
            "trigger_id": trigger if isinstance(trigger, int) else None,
            "session_hash": event["session_hash"],
        }
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def parsed(content: bytes) -> Any:
    """Parsed JSON; None where it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
