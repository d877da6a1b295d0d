"""Whether yolo3 may use the network."""

import os


def is_offline() -> bool:
    """Whether YOLO3_OFFLINE forbids downloads and uploads: it does unless it is unset, empty or 0."""
    return os.environ.get("YOLO3_OFFLINE", "") not in ("", "0")
