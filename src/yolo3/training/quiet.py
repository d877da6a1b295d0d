"""Lightning without its informational messages."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = tuple(logging.getLogger(f"lightning.{part}") for part in ("pytorch", "fabric"))


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Context in which Lightning logs errors only, and no tips or trials of a batch size."""
    before = [logger.level for logger in _LOGGERS]
    for logger in _LOGGERS:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(_LOGGERS, before, strict=True):
            logger.setLevel(level)
