import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.models import YOLOv3


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a checkpoint ``run``; the current one."""
    save_checkpoint(tmp_path / "run", YOLOv3(2, width=0.1), ModelCard(("cat", "dog"), image_size=(64, 64)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def make_images() -> Callable[[Path, int], None]:
    """Makes a folder of small images, each of its own noise."""

    def make(folder: Path, count: int) -> None:
        folder.mkdir()
        for number in range(count):
            Image.effect_noise((40, 30), 50).convert("RGB").save(folder / f"{number:05d}.png")

    return make


@pytest.fixture
def rows_of() -> Callable[[Path], list[dict]]:
    """Reads the rows of a folder of JSONL parts, in order."""

    def read(folder: Path) -> list[dict]:
        parts = sorted(folder.glob("part-*.jsonl"))
        return [json.loads(line) for part in parts for line in part.read_text().splitlines()]

    return read
