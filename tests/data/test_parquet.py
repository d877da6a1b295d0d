"""Parquet files of Hugging Face's form as data sets; `layout/test_layouts.py` has them among the layouts."""

import json
import signal
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet

from yolo3.assign import TargetEncoder
from yolo3.boxes import InputFormat
from yolo3.cli import main
from yolo3.data import ImageCache, YoloDataset, dataset_format, dataset_splits, make_loader, open_dataset
from yolo3.data.doctor import examine, fix
from yolo3.data.faults import DataError, Fault
from yolo3.data.formats import find_dataset, write_dataset
from yolo3.data.images import read_image

SIZE = (48, 64)
"""(height, width) of every image."""


def _jpeg(grey: int = 100, size: tuple[int, int] = SIZE) -> bytes:
    content = BytesIO()
    Image.new("RGB", size[::-1], (grey, grey, grey)).save(content, format="JPEG")
    return content.getvalue()


def _row(boxes: list[list[float]], labels: list[Any], grey: int = 100, **more: Any) -> dict[str, Any]:
    image = {"bytes": _jpeg(grey), "path": f"{grey}.jpg"}
    size = {"width": SIZE[1], "height": SIZE[0]}
    return {"image": image, **size, "objects": {"bbox": boxes, "category": labels}} | more


def _write(path: Path, rows: list[dict[str, Any]], names: list[str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pyarrow.Table.from_pylist(rows)
    if names is not None:
        label = {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "List"}  # as datasets 4 writes it
        features = {"objects": {"category": label}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, path, row_group_size=2)
    return path


_BOXES: list[list[float]] = [[10, 5, 20, 30], [40, 10, 20, 38], [2, 3, 8, 9]]
"""left, top, width, height"""
_CORNERS = [[10, 5, 30, 35], [40, 10, 60, 48], [2, 3, 10, 12]]


@pytest.mark.parametrize(
    ("order", "numbers"),
    [
        ("", _BOXES),
        ("left, top, right, bottom", _CORNERS),
        ("centre x, centre y, width, height", [[20, 20, 20, 30], [50, 29, 20, 38], [6, 7.5, 8, 9]]),
        ("fractions", [[x / 64, y / 48, w / 64, h / 48] for x, y, w, h in _BOXES]),
    ],
)
@pytest.mark.parametrize("has_sizes", [True, False])
def test_the_order_of_the_numbers_is_found_and_said(
    tmp_path: Path, order: str, numbers: list[list[float]], has_sizes: bool
) -> None:
    row = _row(numbers, ["a", "b", "a"])
    if not has_sizes:
        del row["width"], row["height"]
    samples = open_dataset(_write(tmp_path / "a.parquet", [row]))
    np.testing.assert_allclose(samples.boxes, _CORNERS, atol=1e-4)
    said = [note for note in samples.notes if "boxes are read as" in note]
    assert [order in note for note in said] == ([True] if order else [])


def test_all_files_have_one_order(tmp_path: Path) -> None:
    """The boxes of the second file alone would fit in either order."""
    _write(tmp_path / "train-00000-of-00002.parquet", [_row(_CORNERS, ["a"] * 3)])
    _write(tmp_path / "train-00001-of-00002.parquet", [_row([[1, 2, 9, 12]], ["a"], grey=7)])
    assert open_dataset(tmp_path).boxes.tolist() == [*_CORNERS, [1, 2, 9, 12]]


def test_objects_as_a_list_of_structs_and_other_names(tmp_path: Path) -> None:
    objects = [{"bbox": box, "label": number % 2} for number, box in enumerate(_BOXES)]
    rows: list[dict[str, Any]] = [{"image": {"bytes": _jpeg(), "path": None}, "objects": objects}]
    rows.append({"image": {"bytes": _jpeg(50), "path": None}, "objects": []})
    samples = open_dataset(_write(tmp_path / "data.parquet", rows))
    assert samples.names == ("0", "1")
    assert samples.labels.tolist() == [0, 1, 0]
    assert samples.boxes.tolist() == _CORNERS
    assert [sample.image.name for sample in samples] == ["row 00000000", "row 00000001"]
    assert len(samples[1].boxes) == 0
    no_class = [{"image": {"bytes": _jpeg(), "path": None}, "objects": {"bbox": _BOXES}}]
    assert open_dataset(_write(tmp_path / "new/data.parquet", no_class)).names == ("object",)


def test_areas_and_marks(tmp_path: Path) -> None:
    row = _row(_BOXES, ["a"] * 3)
    row["objects"] |= {"area": [100.0, None, 3.5], "iscrowd": [0, 1, 0], "is_difficult": [True, False, None]}
    samples = open_dataset(_write(tmp_path / "a.parquet", [row]))
    assert samples.area.tolist() == [100, 760, 3.5]
    assert samples.crowd.tolist() == [False, True, False]
    assert samples.difficult.tolist() == [True, False, False]


def test_names_of_the_file_of_the_user_and_none(tmp_path: Path) -> None:
    rows = [_row(_BOXES, [2, 0, 2])]
    named = _write(tmp_path / "named/a.parquet", rows, ["hen", "dog", "cat"])
    assert open_dataset(named).counts.tolist() == [1, 0, 2]
    assert open_dataset(named).names == ("hen", "dog", "cat")
    assert f"class names: from {named}" in open_dataset(named).notes
    assert open_dataset(named, names=["x", "y", "z"]).names == ("x", "y", "z")
    assert open_dataset(_write(tmp_path / "bare/a.parquet", rows)).names == ("0", "1", "2")
    _write(tmp_path / "named/b.parquet", [_row(_BOXES, [0, 0, 0], grey=3)], ["hen", "cat", "dog"])
    with pytest.raises(DataError, match=r"named/a\.parquet or of .*named/b\.parquet; choose a file with --names"):
        open_dataset(tmp_path / "named")


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (("train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001"), ("train", "validation")),
        (("data/train-00000-of-00001-0123456789abcdef", "data/test-00000-of-00001-ff"), ("test", "train")),
        (("default/train/0000", "default/valid/0000"), ("train", "valid")),
        (("my_train", "my_test"), ("test", "train")),
        (("0000", "0001"), ()),
    ],
)
def test_splits(tmp_path: Path, files: tuple[str, ...], splits: tuple[str, ...]) -> None:
    for number, name in enumerate(files):
        _write(tmp_path / f"{name}.parquet", [_row(_BOXES, ["a"] * 3, grey=number)])
    assert tuple(sorted(dataset_splits(tmp_path))) == splits
    assert len(open_dataset(tmp_path)) == len(files)
    for split in splits:
        assert len(open_dataset(tmp_path, split)) == sum(split in name for name in files)


def test_bad_rows_are_named_by_file_and_row(tmp_path: Path) -> None:
    rows = [
        _row(_BOXES, [0, 1, 1], grey=0),
        _row([[1, 2, 3]], [0], grey=1),
        _row([[1, 2, 3, 4]], [7], grey=2),
        _row([[1, 2, 3, 4], [1, 2, 3, 4]], [0], grey=3),
        _row([[1, 2, 3, float("nan")]], [0], grey=4),
        _row([[1, 2, 3, 400]], [0], grey=5),
        _row([], [], grey=6, width=-1),
        _row([], [], grey=7) | {"image": {"bytes": _jpeg(), "path": "7.jpg"}},
    ]
    file = _write(tmp_path / "a.parquet", rows, ["cat", "dog"])
    faults: list[Fault] = []
    samples = open_dataset(file, on_fault=faults.append)
    assert len(samples) == 7
    assert samples.labels.tolist() == [0, 1, 1]
    found = {fault.place.removeprefix(f"{file}: "): fault.text for fault in faults}
    expected = {
        "row 1, object 0": "bbox [1.0, 2.0, 3.0] is not four numbers",
        "row 2, object 0": "class 7 is not in 0..1 ('names' has 2)",
        "row 3": "2 boxes and 1 classes",
        "row 4, object 0": "is not all numbers",
        "row 5, object 0": "lies outside its image of 64 x 48",
        "row 6": "the size of the image is wrong: -1 is not a number of pixels",
    }
    assert found.keys() == expected.keys()
    for place, text in expected.items():
        assert text in found[place]
        assert "\n" not in found[place]


def test_bytes_that_are_no_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [_row(_BOXES, ["a"] * 3), _row([], []) | {"image": {"bytes": b"no image", "path": "x.jpg"}}]
    file = _write(tmp_path / "a.parquet", rows)
    assert main(["check", str(file), "--image-size", "64"]) == 1
    assert f"{file}: row 1: not an image that can be read" in capsys.readouterr().out
    for row in rows:
        del row["width"], row["height"]
    with pytest.raises(DataError) as refused:
        open_dataset(_write(tmp_path / "b.parquet", rows))
    assert str(refused.value).startswith(f"{tmp_path}/b.parquet: row 1: not an image that can be read")


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"image": [b"x"], "label": [1]}, "no column 'objects' with a 'bbox' among image, label"),
        ({"photo": [b"x"], "objects": [{"bbox": [[1, 2, 3, 4]]}]}, "no column image, path, bytes, file_name, url"),
        ({"image": [1.5], "objects": [{"bbox": [[1, 2, 3, 4]]}]}, "column image is double"),
        ({"image": [b"x"], "objects": [{"category": [1]}]}, "no column 'objects' with a 'bbox'"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, columns: dict[str, list[Any]], text: str) -> None:
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DataError) as refused:
        open_dataset(tmp_path / "a.parquet")
    assert str(refused.value).startswith(f"{tmp_path}/a.parquet: ")
    assert text in str(refused.value)
    with pytest.raises(DataError, match="no known format"):
        open_dataset(tmp_path)


def test_a_damaged_and_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(DataError, match=r"a\.parquet: not a Parquet file that can be read"):
        open_dataset(tmp_path / "a.parquet")
    table = pyarrow.Table.from_pylist([_row(_BOXES, ["a"] * 3)])
    parquet.write_table(table.slice(0, 0), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: no row in it"):
        open_dataset(tmp_path / "b.parquet")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _write(tmp_path / "a.parquet", [_row(_BOXES, ["a"] * 3)])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for place, format in ((file, None), (tmp_path, None), (tmp_path, "parquet")):
        with pytest.raises(ModuleNotFoundError, match=r'pyarrow: pip install "yolo3-torch\[parquet\]"'):
            open_dataset(place, format=format)
    Image.new("RGB", (8, 8)).save(tmp_path / "b.png")
    (tmp_path / "b.txt").write_text("0 .5 .5 .5 .5\n")
    assert dataset_format(tmp_path) == "yolo"  # which needs no pyarrow


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Two splits of ten and four images, two rows to a group."""
    for split, count in (("train", 10), ("test", 4)):
        rows = [
            _row(_BOXES[: 1 + number % 3], [number % 2] * (1 + number % 3), grey=number * 20) for number in range(count)
        ]
        for number, row in enumerate(rows):
            row["image"] = {"bytes": _jpeg(number * 20 + (split == "test") * 7), "path": f"{split}_{number}.jpg"}
        _write(tmp_path / f"set/data/{split}-00000-of-00001.parquet", rows, ["cat", "dog"])
    return tmp_path / "set"


@pytest.mark.parametrize("num_workers", [0, 2])
def test_workers_load_the_images(many: Path, num_workers: int) -> None:
    samples = open_dataset(many, "train")
    images = [
        image
        for batch in make_loader(YoloDataset(samples, encoder=TargetEncoder(image_size=64)), 2, num_workers=num_workers)
        for image in batch[0]
    ]
    for number, image in enumerate(images):
        assert image[:, 32, 32].mul(255).round().tolist() == pytest.approx([number * 20] * 3, abs=2)


def test_a_cache_knows_the_file(many: Path, tmp_path: Path) -> None:
    samples = open_dataset(many, "train")
    first = ImageCache.of(samples, InputFormat((64, 64)), folder=tmp_path / "cache")
    assert first[3].image[20, 20].tolist() == pytest.approx([60] * 3, abs=2)
    ImageCache.of(open_dataset(many, "train"), InputFormat((64, 64)), folder=tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*.bin"))) == 1
    file = many / "data/train-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes())
    ImageCache.of(open_dataset(many, "train"), InputFormat((64, 64)), folder=tmp_path / "cache")
    assert len(list((tmp_path / "cache").glob("*.bin"))) == 2


def test_the_doctor_and_its_copy(many: Path, tmp_path: Path) -> None:
    examination = examine(many, image_size=64)
    assert not examination.has_errors
    assert dict(examination.split_images) == {"train": 10, "test": 4}
    same = _row(_BOXES, [0, 0, 0], grey=0)  # an image of the training split
    _write(many / "data/validation-00000-of-00001.parquet", [same], ["cat", "dog"])
    (finding,) = [one for one in examine(many, image_size=64).findings if one.kind == "image in two splits"]
    assert "train_0.jpg" in str(finding)
    done = fix(find_dataset(many), tmp_path / "fixed")
    assert any("removed from 'train'" in line for line in done)
    assert len(open_dataset(tmp_path / "fixed", "train")) == 9


def test_rotated_images_are_stored_upright(tmp_path: Path) -> None:
    content = BytesIO()
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", SIZE[::-1], (90, 90, 90)).save(content, format="JPEG", exif=exif)
    row = {
        "image": {"bytes": content.getvalue(), "path": "a.jpg"},
        "objects": {"bbox": [[1, 2, 20, 30]], "category": [0]},
    }
    _write(tmp_path / "set/a.parquet", [row])
    fix(find_dataset(tmp_path / "set"), tmp_path / "fixed")
    samples = open_dataset(tmp_path / "fixed")
    assert samples.boxes.tolist() == [[1, 2, 21, 32]]
    assert read_image(samples.path(0), expected_size=(64, 48)).shape == (64, 48, 3)


def test_images_without_a_name_get_one(tmp_path: Path) -> None:
    row = _row(_BOXES, ["a"] * 3) | {"image": {"bytes": _jpeg(), "path": None}}
    samples = open_dataset(_write(tmp_path / "set/a.parquet", [row]))
    write_dataset(samples, tmp_path / "yolo", "yolo")
    assert [path.name for path in (tmp_path / "yolo/images").iterdir()] == ["row 00000000.jpg"]
    assert open_dataset(tmp_path / "yolo").boxes.round(3).tolist() == _CORNERS


def test_a_link_cannot_be_made_and_it_is_said(many: Path, tmp_path: Path) -> None:
    samples = open_dataset(many, "train")
    assert write_dataset(samples, tmp_path / "yolo", "yolo", images="link") == []
    assert not any(path.is_symlink() for path in (tmp_path / "yolo/images").iterdir())
    lost = write_dataset(samples, tmp_path / "parquet", "parquet", images="link")
    assert lost == ["links: the images are copied into the files"]


def test_what_is_written_is_described_as_hugging_face_does(many: Path, tmp_path: Path) -> None:
    write_dataset(open_dataset(many, "train"), tmp_path / "new", "parquet")
    with parquet.ParquetFile(tmp_path / "new/data/train-00000-of-00001.parquet") as file:
        features = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"]
        first = next(file.iter_batches(1)).to_pylist()[0]
    assert features["image"] == {"_type": "Image"}
    assert features["objects"]["feature"]["category"] == {"names": ["cat", "dog"], "_type": "ClassLabel"}
    assert first["objects"]["bbox"] == [_BOXES[0]]
    assert (first["width"], first["height"], first["image"]["path"]) == (64, 48, "train_0.jpg")


_Rows = list[tuple[str | None, list[tuple[int, int, int, int]]]]
_BOX = st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(2, 24), st.integers(2, 18))
_STEMS = st.one_of(st.none(), st.text(st.sampled_from("ab1 _-é/."), min_size=1, max_size=8))


@given(
    st.lists(st.tuples(_STEMS, st.lists(_BOX, max_size=4)), min_size=1, max_size=6),
    st.sampled_from(["", "data/", "Über haupt/x/", "a/b/c/"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_random_tables_are_recognised_with_every_box(
    rows: _Rows, folder: str, is_listed: bool, has_sizes: bool, is_linked: bool
) -> None:
    """Names of images of any kind, repeated or missing; folders; structs of lists and lists of structs; links."""
    assume(any(boxes for _, boxes in rows))
    written = []
    for number, (name, boxes) in enumerate(rows):
        objects: Any = {"bbox": [list(map(float, box)) for box in boxes], "category": [number % 3] * len(boxes)}
        if is_listed:
            objects = [{"bbox": list(map(float, box)), "category": number % 3} for box in boxes]
        image = {"bytes": _jpeg(number * 9), "path": name}
        written.append({"image": image, "objects": objects} | ({"width": 64, "height": 48} if has_sizes else {}))
    kinds = [("bbox", pyarrow.list_(pyarrow.float64())), ("category", pyarrow.int64())]
    of_objects = (
        pyarrow.list_(pyarrow.struct(kinds))
        if is_listed
        else pyarrow.struct([(name, pyarrow.list_(kind)) for name, kind in kinds])
    )
    fields = [
        ("image", pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])),
        ("objects", of_objects),
    ]
    fields += [("width", pyarrow.int32()), ("height", pyarrow.int32())] if has_sizes else []
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary, "real", folder)
        place.mkdir(parents=True)
        table = pyarrow.Table.from_pylist(written, pyarrow.schema(fields))
        parquet.write_table(table, place / "train-00000-of-00001.parquet", row_group_size=2)
        root = Path(temporary, "real")
        if is_linked:
            root = Path(temporary, "link")
            root.symlink_to("real")
        samples = open_dataset(root, "train")
        assert len(samples) == len(rows)
        for number, (sample, (_, boxes)) in enumerate(zip(samples, rows, strict=True)):
            assert sample.boxes.tolist() == [[x, y, x + w, y + h] for x, y, w, h in boxes]
            assert abs(int(read_image(sample.image)[20, 20, 0]) - number * 9) <= 2


def _press(stop: object, trainer: object, module: object, batch: object, batch_idx: int) -> None:
    if batch_idx == 2:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.slow
def test_a_training_is_resumed_and_measured(
    many: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    words = ["train", str(many), "--model", "yolov3_compact", "--width", "0.125", "--image-size", "64", "--mosaic", "0"]
    words += ["--batch-size", "2", "--num-workers", "2", "--precision", "fp32", "--epochs", "2", "--output", str(run)]
    with monkeypatch.context() as patch:
        patch.setattr("yolo3.training.StopOnSignal.on_train_batch_start", _press)
        assert main(words) == 130
    assert main(["train", "--config", str(run / "config.yaml"), "--resume"]) == 0
    assert main(["evaluate", str(run), "--precision", "fp32"]) == 0
    assert "4 images" in capsys.readouterr().out
