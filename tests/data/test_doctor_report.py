import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.data.doctor import Examination, Finding, NetworkFit, ScaleFit, html_page, json_report, text_report

_CLEAN = Examination(
    path=Path("sets/pets"),
    format="voc",
    findings=(),
    images=1200,
    empty_images=3,
    names=("cat", "dog"),
    counts=(1500, 20),
    split_images={"train": 1000, "val": 200},
    split_counts={"train": (1300, 15), "val": (200, 5)},
    fit=NetworkFit((416, 320), 1520, 0.9, 0, (ScaleFit(32, 0.25, 7), ScaleFit(16, 0.5, 0), ScaleFit(8, 0.75, 0))),
)


def _finding(number: int, image: Path | None = None) -> Finding:
    return Finding("error", "box outside", f"box <{number}>", Path("a.xml"), "fix it", line=number, image=image)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """100 x 50 pixels, blue."""
    Image.new("RGB", (100, 50), (0, 0, 255)).save(tmp_path / "p.png")
    return tmp_path / "p.png"


def _shown(findings: list[Finding]) -> list[Image.Image]:
    """The images of a page."""
    page = html_page(replace(_CLEAN, findings=tuple(findings)))
    contents = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in contents]


def _red(image: Image.Image) -> tuple[int, int, int, int] | None:
    """What is drawn in the first class's red: left, top, right, bottom."""
    pixels = np.asarray(image).astype(int)
    rows, columns = ((pixels[..., 0] > 150) & (pixels[..., 2] < 120)).nonzero()
    return (columns.min(), rows.min(), columns.max(), rows.max()) if len(rows) else None


def test_the_text_of_a_clean_set() -> None:
    assert text_report(_CLEAN).splitlines() == [
        "sets/pets (voc): 1,200 images (3 without objects), 1,520 boxes",
        "",
        "class       all  train  val",
        "(images)  1,200  1,000  200",
        "cat       1,500  1,300  200",
        "dog          20     15    5",
        "",
        "scale at 416 x 320  objects with an anchor of IoU ≥ 0.5  without a slot",
        "stride 32                                         25.0%               7",
        "stride 16                                         50.0%               0",
        "stride 8                                          75.0%               0",
        "any                                               90.0%",
        "",
        "ready for training: nothing found",
    ]


def test_the_text_names_a_few_places_of_each_kind() -> None:
    note = Finding("info", "image mode", "2 images are grey", Path("p.jpg"), "nothing to do")
    unreadable = Finding("error", "annotation", "not JSON", Path("a.json"), "fix it", record="annotation 3")
    findings = (*(_finding(number) for number in range(1, 5)), unreadable, note)
    lines = text_report(replace(_CLEAN, findings=findings), most=2).splitlines()
    assert lines[lines.index("ERROR: training would stop, learn what is wrong, or be measured wrongly") + 1 :] == [
        "  box outside (4)",
        "    a.xml:1: box <1>; fix it",
        "    a.xml:2: box <2>; fix it",
        "    … and 2 more",
        "  annotation (1)",
        "    a.json: annotation 3: not JSON; fix it",
        "",
        "INFO: good to know",
        "  image mode (1)",
        "    p.jpg: 2 images are grey; nothing to do",
        "",
        "not ready for training (5 errors, 1 info)",
    ]


def test_many_classes_and_no_network() -> None:
    names = tuple(f"class {number}" for number in range(80))
    many = replace(_CLEAN, names=names, counts=(1,) * 80, split_images={}, split_counts={}, fit=None)
    lines = text_report(many).splitlines()
    assert "class 18      1" in lines
    assert "… and 61 more" in lines
    assert not any("stride" in line for line in lines)
    assert "stride" not in html_page(many)


def test_json_has_everything(image: Path) -> None:
    finding = replace(_finding(7, image), boxes=((1, 2, 3.5, 4),))
    content = json.loads(json_report(replace(_CLEAN, findings=(finding,))))
    assert content["has_errors"] is True
    assert content["names"] == ["cat", "dog"]
    assert content["split_counts"] == {"train": [1300, 15], "val": [200, 5]}
    assert content["fit"]["scales"][0] == {"stride": 32, "recall": 0.25, "lost": 7}
    assert content["findings"] == [
        {
            "severity": "error",
            "kind": "box outside",
            "what": "box <7>",
            "file": "a.xml",
            "fix": "fix it",
            "line": 7,
            "record": "",
            "image": str(image),
            "boxes": [[1, 2, 3.5, 4]],
        }
    ]


def test_the_page_stands_alone_and_escapes_what_it_shows(image: Path) -> None:
    class Reader(HTMLParser):
        open_tags: list[str] = []  # noqa: RUF012
        addresses: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if tag not in ("meta", "img", "br"):
                self.open_tags.append(tag)
            self.addresses.extend(value or "" for name, value in attributes if name in ("src", "href"))

        def handle_endtag(self, tag: str) -> None:
            assert self.open_tags.pop() == tag

    page = html_page(replace(_CLEAN, path=Path("a & <b>"), findings=(_finding(1, image),)))
    reader = Reader()
    reader.feed(page)
    assert reader.open_tags == []
    assert len(reader.addresses) == 1
    assert reader.addresses[0].startswith("data:image/jpeg;base64,")
    assert "<h1>yolo3 check a &amp; &lt;b&gt;</h1>" in page
    assert "box &lt;1&gt;" in page
    assert 'class="verdict failed"' in page


def test_the_page_shows_a_few_images_and_many_places_of_a_kind(image: Path) -> None:
    findings = [_finding(number, image) for number in range(205)]
    assert len(_shown(findings)) == 6
    page = html_page(replace(_CLEAN, findings=tuple(findings)))
    assert page.count("<li>") == 201
    assert "… and 5 more" in page


def test_a_image_is_shown_whole_without_boxes(image: Path) -> None:
    (shown,) = _shown([_finding(1, image)])
    assert shown.size == (360, 180)
    assert _red(shown) is None


def test_a_small_box_is_shown_near(image: Path) -> None:
    (shown,) = _shown([replace(_finding(1, image), boxes=((40, 20, 50, 30),))])
    assert shown.size[0] / shown.size[1] == pytest.approx(40 / 20, rel=0.05)  # at least 2 / 5 of the image
    left, top, right, bottom = _red(shown) or (0, 0, 0, 0)
    assert (right - left) / shown.size[0] == pytest.approx(10 / 40, rel=0.1)
    assert (bottom - top) / shown.size[1] == pytest.approx(10 / 20, rel=0.1)


@pytest.mark.parametrize(
    ("box", "is_seen"),
    [
        ((80, 10, 120, 40), True),
        ((-20, -10, 20, 40), True),
        ((60, 40, 20, 10), True),
        ((5000, 10, 6000, 40), False),
        ((-1e30, -1e30, 1e30, 1e30), False),
    ],
)
def test_a_box_that_leaves_its_image_is_shown_with_a_margin(
    image: Path, box: tuple[float, float, float, float], is_seen: bool
) -> None:
    (shown,) = _shown([replace(_finding(1, image), boxes=(box,))])
    assert shown.size[0] / shown.size[1] == pytest.approx(150 / 75, rel=0.02)
    assert (_red(shown) is not None) == is_seen


def test_a_box_without_area_in_a_corner(image: Path) -> None:
    (shown,) = _shown([replace(_finding(1, image), boxes=((100, 50, 100, 50),))])
    left, top, _, _ = _red(shown) or (0, 0, 0, 0)
    assert shown.width - 8 <= left < shown.width
    assert shown.height - 8 <= top < shown.height


def test_images_that_cannot_be_shown_are_not(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_bytes(b"no image")
    assert _shown([_finding(1, tmp_path / "p.jpg"), _finding(2, tmp_path / "nowhere.jpg")]) == []
