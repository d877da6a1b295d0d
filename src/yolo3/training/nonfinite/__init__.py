"""Numbers that are not finite: noticed before they reach the weights, and traced to their cause."""

from yolo3.training.nonfinite.cause import Cause, find_cause
from yolo3.training.nonfinite.guard import NonFiniteGuard, NotFiniteError, clipped_norm

__all__ = ["Cause", "NonFiniteGuard", "NotFiniteError", "clipped_norm", "find_cause"]
