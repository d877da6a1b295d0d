import shutil

import onnx
import pytest

from yolo3.export.sealing import write_sealed
from yolo3.runtime import read_exported


def test_what_a_file_says(exported):
    found = read_exported(str(exported / "detections.onnx"))
    assert (found.kind, found.num_classes, found.stride) == ("detections", 2, 16)
    card = found.card
    assert (card.names, card.category_ids) == (("cat", "dog"), (17, 18))
    assert (card.image_size, card.letterbox) == ((64, 96), "stretch")
    assert (found.batch_size, found.fixed_size) == (None, None)
    assert read_exported(exported / "fixed.onnx").fixed_size == (64, 96)


def test_the_network_of_detections_ends_before_suppression(exported):
    assert read_exported(exported / "decoded.onnx").network() == str(exported / "decoded.onnx")
    model = onnx.load_from_string(read_exported(exported / "detections.onnx").network())
    onnx.checker.check_model(model, full_check=True)
    assert [output.name for output in model.graph.output] == ["boxes", "scores"]
    plain = onnx.load(exported / "decoded.onnx").graph
    assert [node.op_type for node in model.graph.node] == [node.op_type for node in plain.node]
    assert [constant.name for constant in model.graph.initializer] == [constant.name for constant in plain.initializer]


def _changed(source, target, **metadata):
    """A copy with other metadata; None takes an entry away."""
    model = onnx.load(source)
    about = {entry.key: entry.value for entry in model.metadata_props} | metadata
    onnx.helper.set_model_props(model, {key: value for key, value in about.items() if value is not None})
    write_sealed(model, target)
    return target


def test_files_that_will_not_do(exported, tmp_path):
    good = exported / "decoded.onnx"
    (tmp_path / "text.onnx").write_text("I am no network")
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "cut.onnx").write_bytes(good.read_bytes()[:-300])
    for path, message in (
        (tmp_path / "nowhere.onnx", r"nowhere\.onnx: no such file"),
        (tmp_path, "no such file"),
        (tmp_path / "text.onnx", r"text\.onnx is no ONNX file, or a damaged one"),
        (tmp_path / "empty.onnx", r"empty\.onnx is no ONNX file, or a damaged one"),
        (tmp_path / "cut.onnx", r"cut\.onnx is no ONNX file, or a damaged one"),
        (_changed(good, tmp_path / "foreign.onnx", kind=None), r"foreign\.onnx was not written by yolo3 export"),
        (
            _changed(good, tmp_path / "logits.onnx", kind="logits"),
            r"gives logits; export the model again with --kind decoded",
        ),
        (
            _changed(good, tmp_path / "a.onnx", names=None),
            r"a\.onnx: damaged metadata \(KeyError: 'names'\); export it",
        ),
        (_changed(good, tmp_path / "b.onnx", image_size="[416"), r"b\.onnx: damaged metadata \(JSONDecodeError"),
        (_changed(good, tmp_path / "c.onnx", letterbox="round"), r"c\.onnx: damaged metadata .*cannot be 'round'"),
        (_changed(good, tmp_path / "d.onnx", num_classes="two"), r"d\.onnx: damaged metadata \(ValueError"),
        (_changed(good, tmp_path / "e.onnx", stride="0"), "num_classes is 2 and stride 0; both must be at least 1"),
        (_changed(good, tmp_path / "f.onnx", stride="-32"), "num_classes is 2 and stride -32; both must be"),
        (_changed(good, tmp_path / "g.onnx", num_classes="0"), "num_classes is 0 and stride 16"),
        (_changed(good, tmp_path / "h.onnx", num_classes="3"), "the card has 2 names, the detector 3 classes"),
        (
            _changed(good, tmp_path / "i.onnx", num_classes="3", names="[]", category_ids="null"),
            "num_classes is 3, the network gives 2 scores per box",
        ),
        (_changed(good, tmp_path / "j.onnx", names='["a", "a"]'), "class name 'a' appears twice"),
        (
            _changed(good, tmp_path / "k.onnx", names=r'["a", "\u001b[2J"]'),
            r"class name '\\x1b\[2J' has control characters",
        ),
        (
            _changed(good, tmp_path / "l.onnx", image_size="[3200000000, 3200000000]"),
            "'image_size' of a model card cannot be",
        ),
        (_changed(good, tmp_path / "m.onnx", image_size="[65, 96]"), "image size 65 x 96 is not a multiple of 16"),
        (_changed(good, tmp_path / "n.onnx", verified="[" * 100_000), r"n\.onnx: damaged metadata \(RecursionError"),
        (_changed(good, tmp_path / "o.onnx", kind="detections"), "outputs are boxes, scores in place of detections"),
        (_changed(good, tmp_path / "p.onnx", kind="\x1b[2J"), r"p\.onnx gives \\x1b\[2J; export the model again"),
    ):
        with pytest.raises(ValueError, match=message) as told:
            read_exported(path)
        assert str(told.value).isprintable()


def test_without_the_extra(exported, monkeypatch):
    monkeypatch.setattr("yolo3.runtime.exported_file.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r'ONNX files need onnx: pip install "yolo3\[export\]"'):
        read_exported(exported / "decoded.onnx")


def test_a_file_moved_elsewhere_says_the_same(exported, tmp_path):
    moved = shutil.copy(exported / "fixed.onnx", tmp_path / "model.onnx")
    assert read_exported(moved).card == read_exported(exported / "fixed.onnx").card
