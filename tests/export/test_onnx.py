import importlib
import json
import logging
import sys

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from yolo3.blocks import CNNBlock
from yolo3.boxes import COCO_ANCHORS, Anchors
from yolo3.checkpoint import ModelCard
from yolo3.export import export_onnx
from yolo3.export.suppression import to_rows
from yolo3.models import YOLOv3
from yolo3.suppression import Suppression, suppress

_CARD = ModelCard(("cat", "dog"), image_size=(32, 48), letterbox="darknet")


class SmallBackbone(nn.Module):
    out_channels = (8, 16, 16)

    def __init__(self) -> None:
        super().__init__()
        self.to_8 = nn.Conv2d(3, 8, 8, 8)
        self.to_16, self.to_32 = CNNBlock(8, 16, 3, stride=2), CNNBlock(16, 16, 3, stride=2)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        at_8 = self.to_8(images)
        at_16 = self.to_16(at_8)
        return at_8, at_16, self.to_32(at_16)


def _run(path, images: Tensor) -> dict[str, Tensor]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {"images": images.numpy()})
    return {name: torch.from_numpy(array) for name, array in zip(names, found, strict=True)}


def _facts(path) -> dict[str, str]:
    return onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map


def test_yolov3_with_suppression(tmp_path):
    model = YOLOv3(2, backbone=SmallBackbone())
    path = tmp_path / "model.onnx"
    card = ModelCard(("cat", "dog"), image_size=(64, 64))
    receipt = export_onnx(model, path, card, "detections", suppression=Suppression(0.004, 0.3, 20))
    assert set(receipt.differences) == {"boxes", "scores", "detections"}
    assert receipt.largest_difference < 1e-4
    model.eval()
    for shape in ((3, 3, 64, 96), (1, 3, 32, 32)):  # neither is a trial input
        images = torch.rand(shape)
        with torch.no_grad():
            found = suppress(model.decode(model(images)), 0.004, 0.3, 20)
        assert sum(map(len, found)) > 5
        torch.testing.assert_close(_run(path, images)["detections"], to_rows(found), rtol=1e-4, atol=1e-4)
    assert _run(path, torch.zeros(0, 3, 64, 64))["detections"].shape == (0, 7)

    facts = _facts(path)
    assert facts["kind"] == "detections"
    assert json.loads(facts["columns"]) == ["image", "left", "top", "right", "bottom", "score", "label"]
    assert (facts["min_score"], facts["iou_threshold"], facts["max_detections"]) == ("0.004", "0.3", "20")


def test_logits_with_all_there_is_to_know(small, tmp_path):
    small.train()
    before = {name: tensor.clone() for name, tensor in small.state_dict().items()}
    path = tmp_path / "model.onnx"
    receipt = export_onnx(small, path, _CARD, opset=20)
    assert small.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in small.state_dict().items())
    small.eval()
    images = torch.rand(3, 1, 16, 64)
    found = _run(path, images)
    assert list(found) == ["logits_0", "logits_1"]
    for logits, expected in zip(found.values(), small(images), strict=True):
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)

    facts = _facts(path)
    assert facts["letterbox"] == "darknet"
    plain = {key: json.loads(facts[key]) for key in ("names", "num_classes", "image_size", "stride", "anchors")}
    assert plain == {
        "names": ["cat", "dog"],
        "num_classes": 2,
        "image_size": [32, 48],
        "stride": 16,
        "anchors": {
            "sizes": [[[30, 40]], [[10, 10], [20, 10]]],
            "strides": [16, 8],
            "xy_scales": [1, 1],
            "size_decoding": "exp",
        },
    }
    assert facts["class_activation"] == "sigmoid"
    assert json.loads(facts["verified"]) == {
        "inputs": list(receipt.inputs),
        "differences": receipt.differences,
    }


def test_the_file_is_plain_onnx(small, tmp_path):
    path = tmp_path / "model.onnx"
    export_onnx(small, path, _CARD, "decoded")
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    assert {(imported.domain, imported.version) for imported in model.opset_import} == {("", 18)}
    axes = [axis.dim_param or axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
    assert axes == ["batch", 1, "16*rows", "16*columns"]
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    assert b".py" not in path.read_bytes()  # no lines of source code, no paths of this machine


def test_a_detector_of_one_size(one_size, tmp_path):
    with pytest.raises(ValueError, match=r"images of any size \(dynamic_size=False may do\): Constraints violated"):
        export_onnx(one_size, tmp_path / "model.onnx", _CARD)
    export_onnx(
        one_size, tmp_path / "model.onnx", _CARD, "detections", suppression=Suppression(0.0), dynamic_size=False
    )
    images = torch.rand(3, 1, 32, 48)
    one_size.eval()
    expected = to_rows(suppress(one_size.decode(one_size(images)), min_score=0.0))
    torch.testing.assert_close(_run(tmp_path / "model.onnx", images)["detections"], expected, rtol=1e-4, atol=1e-4)


def test_a_wrong_file_is_not_kept(changeling, tmp_path):
    (tmp_path / "model.onnx").write_text("the old one")
    with pytest.raises(ValueError, match=r"the exported file is wrong and was not kept: .* its boxes and"):
        export_onnx(changeling, tmp_path / "model.onnx", _CARD, "detections", dynamic_size=False)
    assert (tmp_path / "model.onnx").read_text() == "the old one"
    assert len(list(tmp_path.iterdir())) == 1


def test_wrong_suppression_is_noticed(small, tmp_path, monkeypatch):
    graph = importlib.import_module("yolo3.export.suppression").GRAPH
    monkeypatch.setattr("yolo3.export.suppression.GRAPH", graph.replace("Less (rank", "LessOrEqual (rank"))
    with pytest.raises(ValueError, match="its detections and the detector's differ by inf"):
        export_onnx(
            small,
            tmp_path / "model.onnx",
            _CARD,
            "detections",
            suppression=Suppression(max_detections=2),
            dynamic_size=False,
        )


def test_what_onnx_cannot_say_is_refused(spectral, tmp_path):
    with pytest.raises(ValueError, match="an operation of the network has no form in ONNX"):
        export_onnx(spectral, tmp_path / "model.onnx", _CARD, dynamic_size=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "boxes"}, "unknown kind 'boxes'; choose logits, decoded or detections"),
        ({"opset": 17}, r"opset is 17; it must lie in 18\.\.\d\d"),
        ({"opset": 99}, r"opset is 99; it must lie in 18\.\.\d\d"),
        (
            {"kind": "detections", "suppression": Suppression(max_detections=0)},
            "max_detections is 0; it must be at least 1",
        ),
        (
            {"kind": "detections", "suppression": Suppression(max_detections=2**63)},
            "max_detections is 9223372036854775808; it must be at least 1 and fit into 64 bits",
        ),
        ({"kind": "detections", "suppression": Suppression(class_agnostic=True)}, "one min_score for all classes, and"),
        ({"kind": "detections", "suppression": Suppression(torch.tensor([0.1, 0.2]))}, "one min_score for all classes"),
        ({"card": ModelCard(("cat",), (32, 32))}, "the card has 1 names, the detector 2 classes"),
    ],
)
def test_mistakes_are_told_at_once(small, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        export_onnx(small, tmp_path / "model.onnx", **options)
    assert list(tmp_path.iterdir()) == []


def test_an_opset_that_cannot_be_written_is_not_replaced_by_another(small, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("yolo3.export.onnx._check_opset", lambda opset: None)
    with pytest.raises(ValueError, match="opset is 99, which PyTorch could not write this network in; 18 would do"):
        export_onnx(small, tmp_path / "model.onnx", _CARD, opset=99, dynamic_size=False)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")  # the converter's traceback is kept back


def test_what_onnxruntime_cannot_load_is_refused(small, tmp_path, monkeypatch):
    def translated_to_the_future(program, outputs, opset):
        model = translate(program, outputs, opset)
        model.opset_import[0].version = 999
        return model

    translate = importlib.import_module("yolo3.export.onnx")._translate
    monkeypatch.setattr("yolo3.export.onnx._translate", translated_to_the_future)
    with pytest.raises(ValueError, match=r"onnxruntime \S+ cannot load the exported network .*; try a lower --opset"):
        export_onnx(small, tmp_path / "model.onnx", _CARD, dynamic_size=False)
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r'ONNX files need onnxscript: pip install "yolo3-torch\[export\]"'):
        export_onnx(small, tmp_path / "model.onnx", _CARD)


def test_the_exporter_is_quiet_and_its_logger_left_alone(small, tmp_path, capfd, monkeypatch):
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    filters, heard = list(logger.filters), []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", heard.append)
    monkeypatch.setattr(logger, "handlers", [handler])
    export_onnx(small, tmp_path / "model.onnx", _CARD, dynamic_size=False)
    assert heard == []
    assert capfd.readouterr() == ("", "")
    assert logger.filters == filters
    logger.warning("torchvision is not installed")
    assert len(heard) == 1


def test_a_network_of_four_scales(tmp_path):
    """The finest scale, at stride 4, has four times the cells of the third."""
    anchors = Anchors((*COCO_ANCHORS.sizes, ((5, 6),)), (32, 16, 8, 4))
    model = YOLOv3(2, width=0.1, anchors=anchors)
    path = tmp_path / "model.onnx"
    receipt = export_onnx(model, path, ModelCard(image_size=(64, 64)), "decoded")
    assert receipt.largest_difference < 1e-4
    model.eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        expected = model.decode(model(images))
    found = _run(path, images)
    assert found["boxes"].shape == (1, 3 * (6 + 24 + 96) + 384, 4)
    torch.testing.assert_close(found["boxes"], expected.boxes, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(found["scores"], expected.scores, rtol=1e-4, atol=1e-4)
