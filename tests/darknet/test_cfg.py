from pathlib import Path

import pytest
import torch

from yolo3.darknet import Darknet, DarknetError, shipped_cfgs
from yolo3.darknet.cfg import parse_cfg, read_cfg


def test_sections_know_their_lines_and_values(small_cfg: str) -> None:
    sections = parse_cfg(small_cfg, "small.cfg")
    assert [section.kind for section in sections[:5]] == [
        "net",
        "convolutional",
        "convolutional",
        "shortcut",
        "convolutional",
    ]
    net, first, second, shortcut, mixed = sections[:5]
    assert (net.line, first.line) == (1, 8)
    assert net.integer("width") == 64
    assert first.integer("stride") == 2
    assert first.lines["stride"] == 12
    assert second.integer("stride", 1) == 1
    assert shortcut.integers("from") == (-2,)
    assert mixed.integers("size") == (3, 5)
    assert sections[15].numbers("anchors") == (4, 5, 8, 6, 20, 14, 30, 40)
    assert sections[15].number("scale_x_y", 1.0) == 1.1


@pytest.mark.parametrize(
    ("short", "long"),
    [("conv", "convolutional"), ("max", "maxpool"), ("avg", "avgpool"), ("soft", "softmax"), ("conn", "connected")],
)
def test_short_names_of_sections(short: str, long: str) -> None:
    assert parse_cfg(f"[network]\n[{short}]")[1].kind == long


def test_blanks_comments_and_line_ends_do_not_matter() -> None:
    (net,) = parse_cfg("\r\n; a comment\r\n [ net ]\r\n  width = 3 2 \t# wide\r\n\r\nheight=32;\r\n")
    assert (net.integer("width"), net.integer("height")) == (32, 32)


def test_the_first_of_two_values_counts_for_the_trainer_only() -> None:
    (net,) = parse_cfg("[net]\nangle=0\nangle=7\nwidth=32\nwidth=32")
    assert net.values == {"angle": "0", "width": "32"}
    with pytest.raises(DarknetError, match=r"<cfg>:3: width is '32' in line 2 and '64' here"):
        parse_cfg("[net]\nwidth=32\nwidth=64")


def test_a_cfg_is_a_file_a_shipped_name_or_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, source = read_cfg("yolov3.cfg")
    assert text.startswith("# YOLOv3")
    assert source.endswith("yolov3.cfg")
    Path("yolov3.cfg").write_bytes(b"\xef\xbb\xbf[net]\n# \xc3\xa9 \xff\n")  # a byte order mark, and a stray byte
    assert read_cfg("yolov3.cfg") == ("[net]\n# é �\n", "yolov3.cfg")
    assert read_cfg(tmp_path / "yolov3.cfg")[0].startswith("[net]")
    assert read_cfg(text) == (text, "<cfg>")
    assert read_cfg("[net]") == ("[net]", "<cfg>")


def test_a_shipped_cfg_by_its_name_alone() -> None:
    for name in shipped_cfgs():
        assert read_cfg(name.removesuffix(".cfg")) == read_cfg(name)
    with torch.device("meta"):
        assert Darknet("yolov3").num_classes == 80


def test_shipped_cfgs() -> None:
    detectors = (
        "yolov1 yolov2-tiny yolov2 yolov3-spp yolov3-tiny yolov3-voc yolov3 yolov4-tiny yolov4"  # as their files sort
    )
    assert shipped_cfgs() == ["darknet19.cfg", "darknet53.cfg", *(f"{name}.cfg" for name in detectors.split())]


@pytest.mark.parametrize("name", ["", "nowhere.cfg", "a\0b", "x" * 5000, "\udc80", "..", "/"])
def test_no_such_cfg(name: str) -> None:
    with pytest.raises(DarknetError, match=r"is neither a cfg file nor one that comes with yolo3 \(darknet19.cfg, "):
        read_cfg(name)


def test_a_file_too_large_for_a_cfg(tmp_path: Path) -> None:
    path = tmp_path / "big.cfg"
    path.write_bytes(b"\0" * (1 << 21))
    with pytest.raises(DarknetError, match="2,097,152 bytes is no cfg; is it the"):
        read_cfg(path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"<cfg>:1: a cfg begins with \[net\]"),
        ("# nothing\n\n[yolo]", r"<cfg>:3: a cfg begins with \[net\]"),
        ("width=3\n[net]", "<cfg>:1: 'width=3' comes before the first section"),
        ("[net]\n[net]", r"<cfg>:2: \[net\] appears a second time"),
        ("[net", r"<cfg>:1: '\[net' is not a section header"),
        ("[net]\n[lstmm]", r"<cfg>:2: unknown layer type '\[lstmm\]'; known are net, convolutional"),
        ("[net]\n[lstm]", r"<cfg>:2: \[lstm\] makes a recurrent network, .*; it is not supported"),
        ("[net]\n[crnn]", r"<cfg>:2: \[crnn\] makes a recurrent network"),
        ("[net]\ninputs=256", "<cfg>:2: 'inputs=256' makes a network of vectors, such as a recurrent one"),
        ("[net]\n[softmax]\ntree=9k.tree", "<cfg>:3: 'tree=9k.tree' makes a YOLOv2 tree"),
        ("[net]\n[lrn]", r"<cfg>:2: \[lrn\] is a local response normalization; it is not supported"),
        ("[net]\n[conv]\nxnor=1", r"<cfg>:3: xnor=1 makes a binary network \(XNOR-Net\); it is not supported"),
        ("[net]\n[conv]\nshare_index=3", "<cfg>:3: 'share_index=3' makes layers that share their weights"),
        ("[net]\nwidth", "<cfg>:2: 'width' does not have the form key=value"),
        ("[net]\nwidth=", "'width=' does not have the form key=value"),
        ("[net]\n=3", "'=3' does not have the form key=value"),
        ("[net]\n[conv]\nfilter=3", r"<cfg>:3: unknown key 'filter' in \[convolutional\]; it might change"),
        ("[net]\n[conv]\nantialiasing=1", "<cfg>:3: antialiasing=1 is not supported; only 0 is"),
        ("[net]\n[conv]\nxnor=yes", "xnor=yes must be a number"),
        ("[net]\n" + "[conv]\n" * 5001, "more than 5,000 sections"),
        ("[net]\n" + "x" * 10_000, "x{80}…' does not have"),
    ],
)
def test_refuses(text: str, complaint: str) -> None:
    with pytest.raises(DarknetError, match=complaint):
        parse_cfg(text)


@pytest.mark.parametrize("value", ["three", "1.5", "1,2", "0x10", "1e3", "9" * 5000, "٣", "--1", "1_0"])
def test_not_a_whole_number(value: str) -> None:
    with pytest.raises(DarknetError, match=r"<cfg>:2: width=.* must be (a whole|one) number"):
        parse_cfg(f"[net]\nwidth={value}")[0].integer("width")


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "9" * 500, "1.2.3", "٣", "1_0"])
def test_not_a_number(value: str) -> None:
    with pytest.raises(DarknetError, match=r"<cfg>:3: scale_x_y=.* must be a number"):
        parse_cfg(f"[net]\n[yolo]\nscale_x_y={value}")[1].number("scale_x_y", 1.0)


def test_missing_and_too_small_values() -> None:
    _, route = parse_cfg("[net]\n[route]\ngroups=-1\nlayers=1,x")
    with pytest.raises(DarknetError, match=r"<cfg>:2: \[route\] has no 'group_id'; add it"):
        route.integer("group_id")
    with pytest.raises(DarknetError, match="<cfg>:3: groups=-1 must be at least 1"):
        route.integer("groups", 1, at_least=1)
    with pytest.raises(DarknetError, match="<cfg>:4: layers=1,x must be whole numbers"):
        route.integers("layers")
