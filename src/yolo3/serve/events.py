"""Events of the page, as the browser sends them to Gradio."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_LONGEST = 500  # letters of a class name
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


def known_event(event: Any, known: Mapping[int, int]) -> dict[str, Any] | None:
    """An event of the page, reduced to the fields that are known; None where it is not one.

    The data are a file, or nothing, then two thresholds, then class names or nothing. Only the path of the file is
    kept.

    Args:
        event: JSON that a browser sent.
        known: Number of class names in the data of each event, by Gradio's number of the event.
    """
    try:
        file, least, overlap, *classes = event["data"]
        number = event["fn_index"]
        is_known = not isinstance(number, bool) and number in known
        are_shares = all(isinstance(each, int | float) and 0 <= each <= 1 for each in (least, overlap))
        are_names = all(each is None or (isinstance(each, str) and len(each) <= _LONGEST) for each in classes)
        if not (is_known and are_shares and are_names and len(classes) == known[number]):
            return None
        if not isinstance(event["session_hash"], str):
            return None
        trigger = event.get("trigger_id")
        image = None if file is None else {"path": file["path"], "meta": _FILE}
        return {
            "data": [image, least, overlap, *classes],
            "fn_index": number,
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
