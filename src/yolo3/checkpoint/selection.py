"""How the epoch of a checkpoint was chosen."""

from dataclasses import dataclass
from typing import get_args

from yolo3.checks.names import printable
from yolo3.choices import Keep


@dataclass(frozen=True)
class Selection:
    """How the epoch whose weights a checkpoint holds was chosen.

    Raises:
        ValueError: A value of the wrong type or size, as a damaged file may hold.
    """

    keep: Keep
    """The rule: the epoch of the best AP, or the last one."""
    epoch: int
    """Number of the epoch, counted from 1."""
    evaluations: int
    """Number of evaluations until the checkpoint was written: the best is the best of so many."""
    measured_on: str
    """Images that were evaluated on."""

    def __post_init__(self) -> None:
        wrong = {
            "keep": self.keep not in get_args(Keep),
            "epoch": not _is_count(self.epoch),
            "evaluations": not _is_count(self.evaluations),
            "measured_on": not isinstance(self.measured_on, str),
        }
        for name in (name for name, is_wrong in wrong.items() if is_wrong):
            raise ValueError(f"{name!r} of a selection cannot be {printable(repr(getattr(self, name)))}")

    def __str__(self) -> str:
        if self.keep == "last":
            return f"epoch {self.epoch}, the last"
        plural = "s" if self.evaluations != 1 else ""
        return f"epoch {self.epoch}, the best of {self.evaluations} evaluation{plural} on {self.measured_on}"


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0
