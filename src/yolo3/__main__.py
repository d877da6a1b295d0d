"""``python -m yolo3`` is ``yolo3``."""

import sys

from yolo3.cli import main

if __name__ == "__main__":
    sys.exit(main())
