from typing import get_args

from yolo3.choices import ExportedBackend, InferencePrecision
from yolo3.runtime.engines import _KINDS


def test_every_backend_of_the_command_line_has_an_engine() -> None:
    assert tuple(_KINDS) == get_args(ExportedBackend)
    for engine in _KINDS.values():
        assert {"auto", "fp32"} <= set(engine.precisions) <= set(get_args(InferencePrecision))
