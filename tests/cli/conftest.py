from pathlib import Path

import pytest
from PIL import Image

from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.models import YOLOv3


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a checkpoint ``run`` and a folder ``images``; the current one."""
    save_checkpoint(tmp_path / "run", YOLOv3(2, width=0.1), ModelCard(("cat", "dog"), image_size=(64, 64)))
    (tmp_path / "images").mkdir()
    for name in ("a.jpg", "b.png", "c.bmp"):
        Image.effect_noise((80, 60), 50).convert("RGB").save(tmp_path / "images" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path
