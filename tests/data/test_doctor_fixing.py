"""The corrected copy of a data set, compared with what was done to it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.cli import main
from yolo3.data import dataset_splits, open_dataset, read_image
from yolo3.data.doctor import examine, fix
from yolo3.data.formats import find_dataset


def _image(path: Path, seed: int, orientation: int = 1) -> Path:
    """Noise of 64 x 48 with a white spot, stored with an EXIF orientation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 100, (48, 64, 3), dtype=np.uint8)
    pixels[8:16, 32:48] = 255
    exif = Image.Exif()
    if orientation > 1:
        exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A YOLO data set with one of each fault that is fixed."""
    folder = tmp_path / "set"
    for number in range(4):
        _image(folder / f"images/train/{number}.png", number)
        _image(folder / f"images/val/{number + 10}.png", number + 10)
    shutil.copy(folder / "images/val/10.png", folder / "images/train/copy.png")
    rows = {
        "train/0": "0 .5 .5 .25 .25\n0 .95 .5 .2 .5\n",  # 3.2 pixels beyond the right edge
        "train/1": "0 .5 .5 0 .25\n1 .5 .5 .25 .25\n",
        "train/2": "0 .5 .5 .25\n1 .5 .5 .25 .25\n",
        "train/copy": "0 .5 .5 .25 .25\n",
        "val/10": "0 .5 .5 .25 .25\n",
        "val/11": "1 2 2 .25 .25\n",
    }
    for name, text in rows.items():
        (folder / f"labels/{name}.txt").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"labels/{name}.txt").write_text(text)
    broken = folder / "images/train/3.png"
    broken.write_bytes(broken.read_bytes()[:500])
    (folder / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [a, b]\n")
    return folder


def test_every_fault_is_fixed_and_listed(faulty: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in faulty.rglob("*") if path.is_file()}
    done = fix(find_dataset(faulty), tmp_path / "fixed")
    assert {path: path.read_bytes() for path in faulty.rglob("*") if path.is_file()} == before
    assert (tmp_path / "fixed/fixes.txt").read_text() == "".join(f"{line}\n" for line in done)
    plain = [line.replace(f"{faulty}/", "") for line in done]
    assert [line for line in plain if line.startswith("clipped")] == [
        "clipped: labels/train/0.txt:2: box (54.4, 12, 67.2, 36) to (54.4, 12, 64, 36)"
    ]
    left_out = sorted(line for line in plain if line.startswith("left out"))
    starts = ["images/train/3.png: ", "labels/train/1.txt:1: box", "labels/train/2.txt:1: ", "labels/val/11.txt:1: box"]
    assert [line[10 : 10 + len(start)] for line, start in zip(left_out, starts, strict=True)] == starts
    assert [line for line in plain if line.startswith("removed")] == [
        "removed from 'train': images/train/copy.png: the image is in 'val' too"
    ]
    train, val = (open_dataset(tmp_path / "fixed", split) for split in ("train", "val"))
    assert [sample.image.name for sample in train] == ["0.png", "1.png", "2.png"]
    assert train[0].boxes.round(2).tolist() == [[24, 18, 40, 30], [np.float32(54.4), 12, 64, 36]]
    assert [len(sample.boxes) for sample in train] == [2, 1, 1]
    assert len(val) == 4
    assert not examine(tmp_path / "fixed", image_size=64).has_errors
    assert examine(faulty, image_size=64).has_errors


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("stated", ["upright", "stored"])
def test_rotated_images_are_stored_upright_with_their_boxes(tmp_path: Path, orientation: int, stated: str) -> None:
    """The white spot is the object, drawn before or after the EXIF rotation."""
    path = _image(tmp_path / "set/images/a.png", 0, orientation)
    pixels = read_image(path)
    rows, columns = np.nonzero((pixels == 255).all(2))
    x, y, right, bottom = (int(edge) for edge in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    size = {"height": pixels.shape[0], "width": pixels.shape[1]}
    if stated == "stored" and orientation >= 5:  # before, the others have the same size and are taken as upright
        (x, y, right, bottom), size = (32, 8, 48, 16), {"height": 48, "width": 64}
    box = [x, y, right - x, bottom - y]
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": box, "area": 128, "iscrowd": 0}
    content = {"images": [{"id": 1, "file_name": "a.png", **size}], "annotations": [annotation]}
    (tmp_path / "set/train.json").write_text(json.dumps(content | {"categories": [{"id": 1, "name": "spot"}]}))
    done = fix(find_dataset(tmp_path / "set"), tmp_path / "fixed")
    assert sum("stored upright" in line for line in done) == (orientation > 1)
    (sample,) = open_dataset(tmp_path / "fixed")
    with Image.open(sample.image) as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert np.array_equal(np.asarray(image), pixels)
    left, top, right, bottom = map(int, sample.boxes[0].tolist())
    assert (pixels[top:bottom, left:right] == 255).all()
    assert (bottom - top) * (right - left) == 128


def test_the_command_writes_the_copy_beside_the_report(
    faulty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = tmp_path / "fixed"
    assert main(["check", str(faulty), "--image-size", "64", "--most", "2", "--fix", str(fixed)]) == 1
    assert capsys.readouterr().out.endswith(
        f"… and 4 more\n{fixed}: a corrected copy; {fixed}/fixes.txt lists what was done (6 lines)\n"
    )
    assert main(["check", str(fixed), "--image-size", "64"]) == 0
    assert main(["check", str(faulty), "--fix", str(fixed)]) == 2
    assert "exists; name another with --fix" in capsys.readouterr().err


def test_real_photographs(shared: Path, tmp_path: Path) -> None:
    done = fix(find_dataset(shared / "data/bccd"), tmp_path / "fixed")
    assert sorted(line.rpartition("/")[2] for line in done if line.startswith("left out: ")) == [
        "BloodImage_00338.xml:163: box (504, 337, 504, 337) has no area",
        "BloodImage_00343.xml:55: box (181, 329, 181, 329) has no area",
    ]
    assert not any(line.startswith(("clipped", "removed", "stored")) for line in done)
    for split in dataset_splits(shared / "data/bccd"):
        original, copy = open_dataset(shared / "data/bccd", split), open_dataset(tmp_path / "fixed", split)
        assert original.digest() == copy.digest()
