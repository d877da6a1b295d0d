"""What cannot be read is refused in one line, with its file and line."""

import json
from pathlib import Path

import pytest
from PIL import Image

from yolo3.cli import main
from yolo3.data import dataset_format, open_dataset
from yolo3.data.faults import DataError, Fault

_HEADER = "filename,xmin,ymin,xmax,ymax,class\n"
_XML = (
    "<annotation><filename>{}</filename>\n<object><name>cat</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax>"
    "<ymax>40</ymax></bndbox></object></annotation>"
)


def _fill(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".jpg", ".png"):
            Image.new("RGB", (64, 48)).save(path)
        else:
            path.write_text(text, encoding="utf-8")
    return folder


def _labelme(shapes: list[dict[str, object]], image: str = "a.jpg", data: str | None = None) -> str:
    content = {"version": "5.0.1", "shapes": shapes, "imagePath": image, "imageData": data}
    return json.dumps(content | {"imageHeight": 48, "imageWidth": 64}, indent=1)


_SQUARE = {"label": "cat", "shape_type": "rectangle", "points": [[1, 2], [30, 40]]}
_LINE = {"label": "cat", "shape_type": "polygon", "points": [[1, 2], [30, 40]]}


def test_a_mixed_folder_names_both_readings_and_the_option(tmp_path: Path) -> None:
    files = {"a.jpg": "", "b.jpg": "", "xml/a.xml": _XML.format("a.jpg"), "labels/b.txt": "0 .5 .5 .5 .5\n"}
    folder = _fill(tmp_path, files)
    said = r"the format may be voc or yolo; choose one with format \(--format voc or --format yolo\), or give the path"
    with pytest.raises(DataError, match=said) as refused:
        dataset_format(folder)
    assert str(refused.value).endswith(
        f"Found voc: 1 .xml file (1 in {folder}/xml); yolo: 1 .txt file (1 in {folder}/labels)"
    )
    assert [sample.image.name for sample in open_dataset(folder, format="voc")] == ["a.jpg"]
    assert open_dataset(folder, format="yolo").counts.tolist() == [1]


@pytest.mark.parametrize(
    ("files", "place", "text"),
    [
        ({"labels/c.txt": "0 .5 .5 .5 .5\n"}, "", "no known format"),
        ({"labels/a.txt": "0 32 24 16 24\n"}, "labels/a.txt:1", "are these pixels?"),
        ({"labels/a.txt": "0 .5 .5 .5 .5\n0 .1 .1 .2\n"}, "labels/a.txt:2", "is not class cx cy w h"),
        ({"xml/a.xml": _XML.format("a.jpg"), "xml/z.xml": _XML.format("c.jpg")}, "xml/z.xml", "no image c.jpg"),
        ({"xml/a.xml": _XML.format("a.jpg"), "xml/b.xml": "<annotation>"}, "xml/b.xml:1", "not well-formed XML"),
        ({"xml/a.xml": _XML.format("a.jpg"), "xml/b.xml": "<boxes/>"}, "xml/b.xml", "the root is <boxes>"),
        ({"a.json": _labelme([_LINE])}, "a.json:7", "a polygon has 3 points or more"),
        ({"a.json": _labelme([_SQUARE | {"label": ""}])}, "a.json:7", "a shape without a 'label'"),
        (
            {"y.json": _labelme([_SQUARE], "c.jpg"), "z.json": _labelme([], "d.jpg")},
            "y.json",
            "annotations has an image",
        ),
        ({"a.json": _labelme([_SQUARE])[:-3] + ","}, "a.json:2", "not well-formed JSON"),
        ({"a.csv": _HEADER + "a.jpg,1,2,30,x,cat\n"}, "a.csv:2", "are not four numbers"),
        ({"a.csv": _HEADER + "a.jpg,1,2,30\n"}, "a.csv:2", "4 fields, where the header needs 6"),
        ({"a.csv": _HEADER + "a.jpg,1,2,30,40,\n"}, "a.csv:2", "an object without a class"),
        ({"a.csv": _HEADER + "c.jpg,1,2,30,40,cat\na.jpg,1,2,30,40,cat"}, "a.csv:2", "no image c.jpg"),
        ({"a.csv": _HEADER + "a.jpg,1,2,300,40,cat\n"}, "a.csv:2", "lies outside its image of 64 x 48"),
        ({"a.csv": _HEADER}, "a.csv:1", "no row names an image"),
        ({"a.csv": "filename;bbox;class\na.jpg;[1, 2, 3];cat"}, "a.csv:2", "not a list of four numbers"),
    ],
)
def test_the_file_and_line_are_named(tmp_path: Path, files: dict[str, str], place: str, text: str) -> None:
    folder = _fill(tmp_path, {"a.jpg": "", "b.jpg": "", **files})
    with pytest.raises(DataError) as refused:
        open_dataset(folder)
    assert str(refused.value).startswith(str(folder / place) if place else str(folder))
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.xml", "data.yaml"])
def test_an_empty_file_is_refused_in_one_line(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _fill(tmp_path, {"a.jpg": "", name: ""})
    assert main(["anchors", str(folder / name)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert name in err


def test_an_empty_csv_names_its_first_line(tmp_path: Path) -> None:
    folder = _fill(tmp_path, {"a.jpg": "", "a.csv": ""})
    with pytest.raises(DataError, match=r"a\.csv:1: the file is empty; expected a header such as filename"):
        open_dataset(folder / "a.csv")
    with pytest.raises(DataError, match=r"a\.csv:1: 'x,y' names no columns of images and boxes; .* --format csv"):
        open_dataset(_fill(tmp_path, {"a.csv": "x,y\n"}) / "a.csv")


def test_a_byte_order_mark_and_semicolons_are_read_and_said(tmp_path: Path) -> None:
    text = "\ufeff" + (_HEADER + "a.jpg,1,2,30,40,cat\n").replace(",", ";")
    samples = open_dataset(_fill(tmp_path, {"a.jpg": "", "a.csv": text}))
    assert samples.boxes.tolist() == [[1, 2, 30, 40]]
    assert f"{tmp_path}/a.csv:1: fields are separated by ';'" in samples.notes


def test_a_broken_image_inside_a_labelme_file_is_told_and_not_needed(tmp_path: Path) -> None:
    samples = open_dataset(_fill(tmp_path, {"a.jpg": "", "a.json": _labelme([_SQUARE], data="!!")}))
    assert samples.boxes.tolist() == [[1, 2, 30, 40]]
    (fault,) = samples.skipped
    assert fault.place == f"{tmp_path}/a.json:20"
    assert "'imageData' is not an image in base64" in fault.text


def test_labels_of_another_data_set(tmp_path: Path) -> None:
    labels = _fill(tmp_path / "labels", {"x.txt": "0 .5 .5 .5 .5\n", "y.txt": "0 .5 .5 .5 .5\n"})
    images = _fill(tmp_path / "images", {"a.jpg": "", "b.jpg": ""})
    with pytest.raises(DataError, match=rf"x\.txt: none of the 2 annotations has an image among the 2 in {images}"):
        open_dataset(labels, images=images)
    _fill(labels, {"a.txt": "0 .5 .5 .5 .5\n"})
    faults: list[Fault] = []
    samples = open_dataset(labels, images=images, on_fault=faults.append)
    assert len(samples) == 2  # b.jpg is beside a.jpg
    assert not faults
    assert [fault.place for fault in samples.skipped] == [f"{labels}/x.txt", f"{labels}/y.txt"]
    assert "annotations without image: 2, for example" in samples.summary()


def test_coco_without_boxes_and_with_broken_outlines(tmp_path: Path) -> None:
    def coco(segmentation: object) -> dict[str, str]:
        entry = {"id": 7, "image_id": 1, "category_id": 1, "segmentation": segmentation}
        content = {"images": [{"id": 1, "file_name": "a.jpg", "height": 48, "width": 64}], "annotations": [entry]}
        return {"a.jpg": "", "a.json": json.dumps(content | {"categories": [{"id": 1, "name": "cat"}]})}

    for segmentation, text in (
        ([[1, 2, 30, 40]], "a polygon has the x and y of 3 points or more"),
        ([[1, 2, 30, 40, 5]], "a polygon has the x and y of 3 points or more"),
        ([["a", 2, 30, 40, 5, 6]], "a polygon is numbers"),
        ({"size": [48, 64], "counts": [1, 2]}, "add up to the 48 x 64 pixels"),
        ({"size": [48], "counts": [1, 2]}, r"a mask has the 'size' \[height, width\]"),
        ({"size": [48, 64], "counts": 3}, "are a list or text"),
    ):
        with pytest.raises(DataError, match=rf"a\.json: annotation 7: no 'bbox', and its 'segmentation' .*{text}"):
            open_dataset(_fill(tmp_path, coco(segmentation)))


def test_options_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _fill(tmp_path, {"images/a.jpg": "", "labels/a.txt": "0 .5 .5 .5 .5\n", "n.txt": "cat\n"})

    def here(name: str) -> str:
        return str(folder / name)

    for words, said in (
        ([], "no data set; give its folder, or those of its images and labels with --images and --labels"),
        (["--images", here("images")], "no data set"),
        ([here("labels"), "--labels", here("labels")], "give one of them"),
        ([here("labels"), "--images", here("none")], "no such folder of images"),
        ([here("labels")], "if the images are elsewhere, name their folder with --images"),
        ([here(""), "--names", here("none.txt")], "none.txt: cannot be read"),
        ([here("labels"), "--images", here("images"), "--format", "voc"], "no annotations in the format voc"),
    ):
        assert main(["anchors", *words]) == 2
        assert said in capsys.readouterr().err
    assert main(["check", "--images", here("images"), "--labels", here("labels"), "--names", here("n.txt")]) == 0
    assert "cat " in capsys.readouterr().out


def test_one_file_is_a_data_set(tmp_path: Path) -> None:
    files = {"a.jpg": "", "b.jpg": "", "a.json": _labelme([_SQUARE]), "b.xml": _XML.format("b.jpg")}
    folder = _fill(tmp_path, files | {"c.csv": _HEADER + "b.jpg,1,2,30,40,cat\n"})
    for name, format in (("a.json", "labelme"), ("b.xml", "voc"), ("c.csv", "csv")):
        assert dataset_format(folder / name) == format
        assert open_dataset(folder / name).boxes.tolist() == [[1, 2, 30, 40]]
