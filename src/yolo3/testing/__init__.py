"""What each kind of part owes to the others, as checks to run on parts of your own.

Every check raises an `AssertionError` whose sentence says what is missing. None of them changes what it is given.
"""

from yolo3.testing.assigner import check_assigner
from yolo3.testing.backbone import check_backbone
from yolo3.testing.box_term import check_box_term
from yolo3.testing.detector import check_detector
from yolo3.testing.loss import check_loss

__all__ = ["check_assigner", "check_backbone", "check_box_term", "check_detector", "check_loss"]
