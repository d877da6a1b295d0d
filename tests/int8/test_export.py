"""Int8 files of a trained network: measured, kept or refused, and run."""

import copy
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import onnx
import pytest
import torch
from PIL import Image

from yolo3 import Anchors, Predictor
from yolo3.boxes import box_iou
from yolo3.data import SampleSet
from yolo3.data.shapes import ShapesDataset
from yolo3.int8 import Int8Receipt, Score, export_int8
from yolo3.int8.receipt import accuracy
from yolo3.models import decode
from yolo3.runtime import ExportedDetector, read_exported

_BACKENDS = ("onnxruntime", "openvino")


def _export(trained, path: Path, **settings) -> Int8Receipt:
    wanted = {"calibration": trained.others, "samples": trained.samples, "max_drop": 0.5, **settings}
    return export_int8(trained.detector, path, trained.card, **wanted)


@pytest.fixture(scope="module", params=_BACKENDS)
def exported(request, trained, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Int8Receipt]:
    pytest.importorskip(request.param)
    path = tmp_path_factory.mktemp(request.param) / "model.onnx"
    return path, _export(trained, path, backend=request.param)


def test_the_receipt_says_what_the_predictors_find(trained, exported):
    path, receipt = exported
    settings = {"precision": "fp32", "min_score": 0.001, "iou_threshold": 0.5}
    plain = Predictor.from_card(trained.detector, trained.card, **settings)
    assert receipt.before.AP50 > 0.8
    assert accuracy(plain, trained.samples) == pytest.approx((receipt.before.AP, receipt.before.AP50), abs=1e-3)
    small = Predictor.from_exported(path, **settings | {"precision": "auto"})
    assert small.runtime.module.engine.backend == receipt.backend
    assert accuracy(small, trained.samples) == (receipt.after.AP, receipt.after.AP50)
    largest = {"onnxruntime": 0.4, "openvino": 0.05}  # a network that learned 16 drawings by heart has no slack
    assert receipt.largest_drop < largest[receipt.backend]
    assert (receipt.num_calibrated, receipt.num_measured) == (40, 16)
    assert receipt.before.milliseconds > 0
    assert str(receipt).splitlines()[2].split()[:2] == ["int8", f"{receipt.after.AP:.4f}"]


def test_the_file_says_it_too(exported):
    path, receipt = exported
    about = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(about["int8"]) == receipt.to_dict()
    assert json.loads(about["int8"])["after"]["AP"] == receipt.after.AP
    found = read_exported(path)
    assert (found.kind, found.precision, found.backend) == ("detections", "int8", receipt.backend)


def test_inner_convolutions_are_in_int8_and_the_others_in_float(exported):
    model = onnx.load(exported[0])
    made_by = {output: node.op_type for node in model.graph.node for output in node.output}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    weights = ["float" if node.input[1] not in made_by else made_by[node.input[1]] for node in convolutions]
    assert weights == ["float", *["DequantizeLinear"] * 4, "float"]
    scales = {one.name: one.dims for one in model.graph.initializer}
    quantised = next(node for node in convolutions if node.input[1] in made_by)
    dequantised = next(node for node in model.graph.node if quantised.input[1] in node.output)
    assert list(scales[dequantised.input[1]]) == [scales[dequantised.input[0]][0]]  # one for each channel


def test_what_it_finds_is_nearly_what_the_network_finds(trained, exported):
    plain = Predictor.from_card(trained.detector, trained.card, precision="fp32")
    small = Predictor.from_exported(exported[0])
    path = next(trained.samples.path(index) for index in range(16) if len(trained.samples[index].boxes) > 3)
    (expected,) = plain.candidates([plain.prepare(path)])
    (found,) = small.candidates([small.prepare(path)])
    clear = expected.scores.amax(-1) > 0.2
    assert clear.any()
    assert (found.scores - expected.scores).abs().max() < 0.2
    assert 0 < (found.scores - expected.scores).abs().max()  # it is in int8
    assert box_iou(found.boxes[clear], expected.boxes[clear]).min() > 0.6


def test_the_same_images_give_the_same_file(trained, tmp_path):
    networks = []
    for name in ("a.onnx", "b.onnx"):
        _export(trained, tmp_path / name, calibration=trained.others[:3], kind="decoded", max_drop=1)
        model = onnx.load(tmp_path / name)
        del model.metadata_props[:]  # with times
        networks.append(model.SerializeToString())
    assert networks[0] == networks[1]


@pytest.fixture
def brittle(trained):
    """The same function, which int8 ruins: one channel is a thousand times as large, and the next layer divides by it.

    All channels of an activation share one scale, so that the others have next to nothing left of its 256 steps.
    """
    network = copy.deepcopy(trained.detector)
    with torch.no_grad():
        for before, after in pairwise(network.trunk):
            before.norm.weight[0] *= 1000
            before.norm.bias[0] *= 1000
            after.conv.weight[:, 0] /= 1000
    return replace(trained, detector=network)


@pytest.mark.parametrize("backend", _BACKENDS)
def test_a_ruin_is_refused_with_the_numbers(brittle, tmp_path, backend):
    pytest.importorskip(backend)
    refused = (
        rf"too much on {backend} and was not kept: AP [01]\.\d+ -> 0\.\d+, AP50 [01]\.\d+ -> 0.* max_drop is 0\.2;"
    )
    with pytest.raises(ValueError, match=refused):
        _export(brittle, tmp_path / "model.onnx", backend=backend, max_drop=0.2)
    assert not list(tmp_path.iterdir())


def test_a_large_drop_is_kept_if_it_may_be(brittle, tmp_path):
    receipt = _export(brittle, tmp_path / "model.onnx", calibration=brittle.others[:1], max_drop=1)
    assert receipt.largest_drop > 0.3
    assert receipt.num_calibrated == 1
    assert read_exported(tmp_path / "model.onnx").precision == "int8"


def test_images_without_objects_and_of_another_size_calibrate(trained, tmp_path):
    drawings = [drawing for drawing in ShapesDataset(60, (100, 180), seed=5) if not len(drawing.boxes)]
    assert drawings
    for number, drawing in enumerate(drawings):
        Image.fromarray(drawing.image).save(tmp_path / f"{number}.png")
    receipt = _export(trained, tmp_path / "model.onnx", calibration=sorted(tmp_path.glob("*.png")), max_drop=1)
    assert receipt.num_calibrated == len(drawings)


def test_a_drop_is_the_larger_of_both():
    before = Score(0.5, 0.8, 30)
    after = Score(0.49, 0.75, 10)
    receipt = Int8Receipt("onnxruntime", 1, "here", 1, "a CPU", before, after, verified=None)
    assert receipt.largest_drop == pytest.approx(0.05)
    assert receipt.speedup == 3
    assert "verified" not in receipt.to_dict()


def test_mistakes(trained, tmp_path):
    path = tmp_path / "model.onnx"
    with pytest.raises(ValueError, match=r"max_drop is -0\.1; it must lie in"):
        _export(trained, path, max_drop=-0.1)
    with pytest.raises(ValueError, match="its kind is decoded or detections, not logits"):
        _export(trained, path, kind="logits")
    with pytest.raises(ValueError, match="unknown backend 'torch'"):
        _export(trained, path, backend="torch")
    with pytest.raises(ValueError, match="the source holds no images"):
        _export(trained, path, calibration=[])
    with pytest.raises(ValueError, match=r"missing\.png"):
        _export(trained, path, calibration=[tmp_path / "missing.png"])
    with pytest.raises(ValueError, match="no image to measure on"):
        _export(trained, path, samples=trained.samples[:0])
    empty = SampleSet.from_samples(trained.card.names, [])
    with pytest.raises(ValueError, match="no image to measure on"):
        _export(trained, path, samples=empty)
    objectless = [index for index in range(len(trained.samples)) if not len(trained.samples[index].boxes)]
    assert objectless
    with pytest.raises(ValueError, match="no object in 1 images to measure on"):
        _export(trained, path, samples=trained.samples.subset(objectless[:1]))
    assert not path.exists()


def test_a_network_of_one_convolution_gains_nothing(tmp_path, trained):
    class One(torch.nn.Module):
        num_classes = 3
        stride = 32
        anchors = Anchors((trained.detector.anchors.sizes[0],), (32,))

        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 24, 32, 32)

        def forward(self, images):
            return (self.conv(images).unflatten(1, (3, 8)).permute(0, 1, 3, 4, 2),)

        def decode(self, predictions):
            return decode(predictions, self.anchors)

    with pytest.raises(ValueError, match="no convolution between its first and its last ones"):
        _export(replace(trained, detector=One().eval()), tmp_path / "model.onnx")


@pytest.mark.parametrize("backend", _BACKENDS)
def test_a_predictor_calibrates_on_the_fly(trained, backend):
    pytest.importorskip(backend)
    predictor = Predictor.from_card(
        trained.detector,
        trained.card,
        backend=backend,
        precision="int8",
        calibrate=trained.others,
        min_score=0.001,
        iou_threshold=0.5,
    )
    assert isinstance(predictor.runtime.module, ExportedDetector)
    assert predictor.runtime.module.file.precision == "int8"
    assert accuracy(predictor, trained.samples)[1] > 0.8


def test_settings_that_do_not_go_together(trained, tmp_path):
    network = trained.detector
    with pytest.raises(ValueError, match="precision int8 is for exported networks: choose backend onnxruntime"):
        Predictor(network, image_size=64, precision="int8", calibrate=trained.others)
    with pytest.raises(ValueError, match=r"precision int8 needs images to calibrate on: Predictor\(..., calibrate"):
        Predictor(network, image_size=64, precision="int8", backend="onnxruntime")
    with pytest.raises(ValueError, match="images to calibrate on are for precision int8, not 'auto'"):
        Predictor(network, image_size=64, backend="onnxruntime", calibrate=trained.others)
    path = tmp_path / "model.onnx"
    _export(trained, path, calibration=trained.others[:2], max_drop=1)
    with pytest.raises(ValueError, match="is exported already; int8 is calibrated when a network is exported"):
        Predictor.from_exported(path, precision="int8", calibrate=trained.others)
    with pytest.raises(ValueError, match="computes in int8, not in precision 'fp32'"):
        Predictor.from_exported(path, precision="fp32")
    assert Predictor.from_exported(path, precision="int8").runtime.module.file.precision == "int8"
