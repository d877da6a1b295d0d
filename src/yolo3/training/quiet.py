"""Lightning without its greetings."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = tuple(logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric"))


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Within, Lightning's own log holds errors alone; it greets, gives tips, and tells of each trial of a batch."""
    before = [logger.level for logger in _LOGGERS]
    for logger in _LOGGERS:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(_LOGGERS, before, strict=True):
            logger.setLevel(level)
