"""The sources on the command line of ``yolo3 detect``."""

import glob
import os
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path

from yolo3.choices import ResultFormat
from yolo3.cli.options import DarknetFiles
from yolo3.data.listing import matching_files
from yolo3.sources.kinds import is_address, is_container, numbered

_NAMED_AFTER_STEMS = frozenset({"images", "coco", "yolo", "labelme", "crops"})


def are_many(source: Sequence[str]) -> bool:
    """Whether sources may hold many images: not a single image, video or camera."""
    if len(source) > 1 or is_container(source[0]) or os.path.isdir(source[0]):
        return True
    return not os.path.exists(source[0]) and (glob.has_magic(source[0]) or len(numbered(source[0])) > 1)


def uses_stems(formats: Collection[ResultFormat]) -> bool:
    """Whether results in these formats are named after the stems of frames."""
    return not _NAMED_AFTER_STEMS.isdisjoint(formats)


def files_read(model: Path, darknet: DarknetFiles, source: Sequence[str]) -> Iterator[tuple[str, Path | None]]:
    """The files that a run reads, each with its name in a message."""
    files = [("model", model), ("weights", darknet.weights), ("names", darknet.names)]
    here = (word for word in source if not is_address(word))
    return chain(files, (("source", Path(place)) for word in here for place in matching_files(word) or [word]))
