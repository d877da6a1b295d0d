"""The table of published weights, against the shipped cfgs and the lists of class names."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch

from yolo3.darknet import Darknet, DarknetError, class_names, shipped_cfgs
from yolo3.published import PUBLISHED, find_published, require_published

DETECTORS = [name for name, file in PUBLISHED.items() if file.cfg is not None]
HEADERS = {"yolov2": 16}
"""Bytes before the weights: 16 in a file of version 0.1, 20 in all later ones."""


def test_the_promised_names_are_there() -> None:
    promised = {"yolov3", "yolov3-tiny", "yolov3-spp", "yolov2", "yolov4", "yolov4-tiny", "darknet53.conv.74"}
    assert promised <= set(PUBLISHED)
    with pytest.raises(TypeError):
        PUBLISHED["mine"] = PUBLISHED["yolov3"]  # type: ignore[index]


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_is_known_of_a_file(name: str) -> None:
    file = PUBLISHED[name]
    assert file.name == name
    assert file.file.startswith(name)
    assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
    assert file.verified == (file.sha256 is not None)
    assert file.licence == "public domain"
    assert file.urls
    for url in file.urls:
        assert urlsplit(url).scheme == "https"
        assert file.file in url


@pytest.mark.parametrize("name", DETECTORS)
def test_the_size_is_that_of_the_network(name: str) -> None:
    file = PUBLISHED[name]
    assert file.cfg in shipped_cfgs()
    with torch.device("meta"):
        network = Darknet(file.cfg)
    assert file.size == HEADERS.get(name, 20) + 4 * sum(layer.floats for layer in network.plan)
    assert file.names is not None
    assert len(class_names(file.names)) == network.num_classes
    assert class_names(file.cfg) == class_names(file.names)
    assert file.ap50 is not None
    assert file.ap50_source.startswith("COCO test-dev, ")


def test_names_are_found() -> None:
    tiny = PUBLISHED["yolov3-tiny"]
    for word in ("yolov3-tiny", "yolov3_tiny", "yolov3-tiny.weights"):
        assert find_published(word) is require_published(word) is tiny
    assert find_published("yolov3-tiny.cfg") is None
    assert find_published("") is None


def test_class_names() -> None:
    """Known places in the lists: the first and last name, those of two words, and Darknet's own spellings."""
    coco = class_names("coco.names")
    assert len(coco) == len(set(coco)) == 80
    assert [coco[index] for index in (0, 3, 7, 9, 16, 57, 79)] == [
        *("person", "motorbike", "truck", "traffic light", "dog", "sofa", "toothbrush")
    ]
    voc = class_names("voc.names")
    assert len(voc) == 20
    assert voc == tuple(sorted(voc))
    assert set(voc) < set(coco)
    assert class_names("yolov3-voc") == class_names("yolov1.cfg") == voc
    assert class_names("darknet53.cfg") == ()
    with pytest.raises(DarknetError, match=r"'mine\.names' does not come with yolo3; there are coco\.names and voc"):
        class_names("mine.names")


def test_a_cfg_of_ones_own_has_no_names(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert class_names(tmp_path / "yolov3.cfg") == ()
    assert class_names("yolov3.cfg") == class_names("coco.names")
    (tmp_path / "yolov3.cfg").touch()
    assert class_names("yolov3.cfg") == ()


def test_the_page_has_the_same_numbers() -> None:
    page = (Path(__file__).parents[2] / "docs/published.md").read_text(encoding="utf-8")
    for file in PUBLISHED.values():
        assert f"| `{file.file}` | {file.size:,} | {f'`{file.sha256}`' if file.sha256 else 'unverified'} |\n" in page
        row = re.search(rf"^\| `{re.escape(file.name)}` \| {file.size / 1e6:.1f} \|.*$", page, re.MULTILINE)
        assert row
        assert row[0].endswith(f"| {file.licence} |")
        assert file.ap50 is None or f"| {file.ap50} |" in row[0]
