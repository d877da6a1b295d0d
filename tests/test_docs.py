"""The examples of the README and of the pages, run as written."""

import re
import shutil
from pathlib import Path

import pytest
import torch

from yolo3 import GroundTruth, YOLOv3, open_dataset, save_checkpoint
from yolo3.checkpoint import ModelCard
from yolo3.data.shapes import write_shapes

_ROOT = Path(__file__).parents[1]
_PAGES = sorted(
    str(page.relative_to(_ROOT))
    for page in [_ROOT / "README.md", *(_ROOT / "docs").glob("*.md")]
    if "```python" in page.read_text()
)


def python_blocks(page: Path) -> str:
    """All Python of a page as one program, each line where it stands in the page so that errors point there."""
    lines = page.read_text().splitlines()
    inside, program = False, []
    for line in lines:
        if re.match(r"\s*```", line):
            inside = line.strip() == "```python" and not inside
            program.append("")
        else:
            program.append(line if inside else "")
    return "\n".join(program)


def _write_what_pages_speak_of(folder: Path) -> None:
    """A data set ``bccd`` of three classes, a detector for it, ``runs/bccd``, and a picture ``blood.jpg``."""
    write_shapes(folder / "bccd", num_train=4, num_test=2, image_size=(96, 96))
    samples = open_dataset(folder / "bccd")
    shutil.copy(samples.path(0), folder / "blood.jpg")
    card = ModelCard(samples.names, image_size=(64, 64))
    save_checkpoint(folder / "runs" / "bccd", YOLOv3(3, width=0.125), card)


@pytest.mark.parametrize("page", _PAGES)
@pytest.mark.filterwarnings("default")
def test_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _write_what_pages_speak_of(tmp_path)
    boxes, labels = torch.tensor([[10.0, 20, 60, 90], [30, 30, 200, 140]]), torch.tensor([0, 2])
    given = {
        "__name__": "page",
        "images": torch.rand(2, 3, 64, 64),
        "boxes": boxes / 4,
        "labels": labels,
        "image": torch.tensor([0, 1]),
        "truth": GroundTruth(boxes / 4, labels, torch.tensor([0, 1])),
        "epochs": 1,
        "folder": tmp_path,
    }
    exec(compile(python_blocks(_ROOT / page), str(_ROOT / page), "exec"), given)
