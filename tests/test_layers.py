"""The architecture, as checks."""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]


def test_imports_point_one_way() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    ran = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("module", ["yolo3", "yolo3.data"])
def test_import_loads_nothing_heavy(module: str) -> None:
    """Only torch, numpy and pillow; the rest is loaded by those who use it."""
    heavy = ["albumentations", "cv2", "lightning", "matplotlib", "faster_coco_eval", "onnx", "jsonargparse", "rich"]
    code = f"import sys\nfrom {module} import *\nprint([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_lightning_has_one_home() -> None:
    users = [
        path
        for path in (_ROOT / "src").rglob("*.py")
        if "import lightning" in (text := path.read_text()) or "from lightning" in text
    ]
    assert users
    assert {path.relative_to(_ROOT / "src" / "yolo3").parts[0] for path in users} == {"training"}
