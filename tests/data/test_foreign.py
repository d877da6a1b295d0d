"""Files of label tools in the tools' own formats: read through globox, or recognised for a message."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image

from yolo3.cli import main
from yolo3.data import open_dataset
from yolo3.data.faults import DataError
from yolo3.data.formats import dataset_format, write_dataset

pytest.importorskip("globox")

_CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <image id="0" name="sub/a.jpg" width="64" height="48">
    <box label="cat" occluded="0" xtl="10.5" ytl="5.0" xbr="30.0" ybr="35.25" z_order="0"></box>
    <polygon label="dog" points="1,1;9,1;9,9"></polygon>
  </image>
  <image id="1" name="sub/b.jpg" width="64" height="48">
    <box label="dog" occluded="0" xtl="1" ytl="2" xbr="3" ybr="4"></box>
  </image>
</annotations>
"""


def _region(name: str, attributes: dict[str, str], **numbers: object) -> dict[str, object]:
    return {"shape_attributes": {"name": name, **numbers}, "region_attributes": attributes}


def _via(regions: list[dict[str, object]]) -> str:
    entry = {"filename": "a.jpg", "size": 1, "regions": regions, "file_attributes": {}}
    return json.dumps({"_via_settings": {}, "_via_img_metadata": {"a.jpg1": entry}})


_RECTANGLE = _region("rect", {"class": "cat"}, x=10, y=5, width=20, height=30)
_LABEL_STUDIO = json.dumps([{"id": 1, "annotations": [{"result": [{"value": {"x": 1}}]}], "data": {"image": "a.jpg"}}])


def _images(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48)).save(folder / name)
    return folder


def test_cvat(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _images(tmp_path / "task", ["images/sub/a.jpg", "images/sub/b.jpg"])
    (folder / "annotations.xml").write_text(_CVAT)
    samples = open_dataset(folder, format="cvat")
    assert samples.names == ("cat", "dog")
    assert samples.boxes.tolist() == [[10.5, 5, 30, 35.25], [1, 2, 3, 4]]
    words = ["convert-data", str(folder), str(tmp_path / "new"), "--from", "cvat", "--to", "coco"]
    assert main(words) == 0
    assert "lost: <polygon> of CVAT of 1 objects" in capsys.readouterr().out
    assert open_dataset(tmp_path / "new").boxes.tolist() == samples.boxes.tolist()
    words[2] = str(tmp_path / "more")
    assert main([*words, "--format", "voc"]) == 2
    assert "--from cvat says the format of DATA; leave out --format voc" in capsys.readouterr().err


@pytest.mark.parametrize("attributes", [{"class": "cat"}, {"animal": "cat"}, {"age": "3", "Label": "cat"}])
def test_via(tmp_path: Path, attributes: dict[str, str]) -> None:
    regions = [_region("rect", attributes, x=10, y=5, width=20, height=30), _region("circle", attributes, cx=1, cy=2)]
    (_images(tmp_path, ["a.jpg"]) / "via_project.json").write_text(_via(regions))
    samples = open_dataset(tmp_path, format="via")
    assert samples.names == ("cat",)
    assert samples.boxes.tolist() == [[10, 5, 30, 35]]
    assert samples.sizes.tolist() == [[48, 64]]
    assert samples.unread == ("<circle> of VGG Image Annotator of 1 objects",)


def test_attributes_that_may_all_be_the_class(tmp_path: Path) -> None:
    region = _region("rect", {"age": "3", "colour": "red"}, x=1, y=1, width=2, height=2)
    (_images(tmp_path, ["a.jpg"]) / "a.json").write_text(_via([region]))
    with pytest.raises(DataError, match=r"the class may be any of the attributes age, colour; call it 'label'"):
        open_dataset(tmp_path, format="via")


@pytest.mark.parametrize(
    ("name", "text", "advice"),
    [
        ("annotations.xml", _CVAT, "CVAT's own format: export the task as 'COCO 1.0' .* --from cvat --to yolo"),
        ("via.json", _via([_RECTANGLE]), r"VGG Image Annotator's own format: .*\(COCO format\).* --from via --to yolo"),
        ("project.json", _LABEL_STUDIO, "Label Studio's own format: choose Export, 'YOLO with Images' or 'COCO with"),
    ],
)
def test_what_to_do_is_said(tmp_path: Path, name: str, text: str, advice: str) -> None:
    file = _images(tmp_path, ["a.jpg"]) / name
    file.write_text(text)
    for place in (tmp_path, file):
        with pytest.raises(DataError) as refused:
            open_dataset(place)
        assert refused.match(advice)
        assert str(file) in str(refused.value)
        assert "\n" not in str(refused.value)


def test_other_files_are_no_label_tools(tmp_path: Path) -> None:
    _images(tmp_path, ["a.jpg"])
    (tmp_path / "a.json").write_text("[1, 2]")
    (tmp_path / "b.xml").write_text("<other/>")
    with pytest.raises(DataError, match="no known format; expected Annotations"):
        dataset_format(tmp_path)


@pytest.mark.parametrize(("format", "name"), [("cvat", "a.xml"), ("via", "a.json")])
def test_broken_files_are_named(tmp_path: Path, format: str, name: str) -> None:
    (_images(tmp_path, ["a.jpg"]) / name).write_text(
        '<annotations><image name="a.jpg"' if format == "cvat" else '{"_via_img_metadata": {"a.jpg": {"filename": '
    )
    with pytest.raises(DataError, match=rf"{name}: globox cannot read it .*; (export|choose)"):
        open_dataset(tmp_path, format=format)


def test_entities_are_refused(tmp_path: Path) -> None:
    (_images(tmp_path, ["sub/a.jpg", "sub/b.jpg"]) / "a.xml").write_text(_CVAT)
    assert len(open_dataset(tmp_path, format="cvat")) == 2
    for end, said in (("", "no file of CVAT"), ("<?x?>", "it defines entities, which CVAT does not write")):
        text = _CVAT.replace("<annotations>", f'<!DOCTYPE a [<!ENTITY b "bbbb">]>{end}<annotations>')
        (tmp_path / "a.xml").write_text(text)
        with pytest.raises(DataError, match=said):
            open_dataset(tmp_path / "a.xml", format="cvat")


def test_it_is_not_written(tmp_path: Path) -> None:
    (_images(tmp_path, ["a.jpg"]) / "a.json").write_text(_via([_RECTANGLE]))
    with pytest.raises(ValueError, match="cvat is read and not written; CVAT imports COCO and Pascal VOC"):
        write_dataset(open_dataset(tmp_path, format="via"), tmp_path / "new", "cvat")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (_images(tmp_path, ["a.jpg"]) / "a.json").write_text(_via([_RECTANGLE]))
    monkeypatch.setitem(sys.modules, "globox", None)
    with pytest.raises(ModuleNotFoundError, match=r'VGG Image Annotator needs globox: pip install "yolo3-torch\[inter'):
        open_dataset(tmp_path, format="via")
