"""The place of a data set, as the options of a command or the configuration of a run say it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolo3.data.source import DataSource


def data_source(options: Mapping[str, Any]) -> DataSource:
    """The place of a data set.

    Args:
        options: DATA of the command line or of a ``config.yaml``, and the options about it.

    Raises:
        ValueError: No data set, or two.
    """
    data, images, labels, names = (_path(options.get(name)) for name in ("data", "images", "labels", "names"))
    if data is not None and labels is not None:
        raise ValueError(f"the annotations may be in {data} or in --labels {labels}; give one of them")
    place = data or labels
    if place is None:
        raise ValueError("no data set; give its folder, or those of its images and labels with --images and --labels")
    return DataSource(place, images, names, options.get("allow_outside", False))


def _path(value: Any) -> Path | None:
    return None if value is None else Path(value)
