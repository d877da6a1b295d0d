"""Installs what training needs, draws labelled shapes, trains a small YOLOv3 on them and evaluates it.

`python scripts/demo.py` runs on every system; its options are those of `yolo3 demo`.
"""

import os
import sys

from install import ROOT, install, run

exit_code = run([install("train"), "-m", "yolo3", "demo", *sys.argv[1:]])
if exit_code == 0:
    activate = r".venv\Scripts\activate" if os.name == "nt" else "source .venv/bin/activate"
    print(f"Before the first yolo3 command, in {ROOT}: {activate}")
sys.exit(exit_code)
