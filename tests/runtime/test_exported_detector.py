import copy
import runpy
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from yolo3.checkpoint import ModelCard
from yolo3.darknet import Darknet
from yolo3.export import export_onnx
from yolo3.export.graph import Decoded, trace
from yolo3.export.sealing import write_sealed
from yolo3.models.test_time_augmentation import TestTimeAugmentation
from yolo3.predictor import Predictor
from yolo3.protocols import Detector
from yolo3.runtime import Engine, ExportedDetector, on_backend
from yolo3.system.hardware import InferenceHardware

_RUNTIMES = ("onnxruntime", "openvino")
_EXPORTED_SCORE = 0.3  # of detections.onnx


def _assert_same(found, expected, atol: float = 1e-2) -> None:
    for one, other in zip(found, expected, strict=True):
        assert len(other) > 3
        assert one.names == other.names
        torch.testing.assert_close(one.boxes, other.boxes, rtol=0, atol=atol)
        torch.testing.assert_close(one.scores, other.scores, rtol=0, atol=1e-4)


@pytest.mark.parametrize("runtime", _RUNTIMES)
@pytest.mark.parametrize("kind", ["decoded", "detections", "fixed"])
def test_a_predictor_finds_what_torch_finds(small, exported, images, runtime, kind):
    settings = {"precision": "fp32", "min_score": 0.3, "batch_size": 2}
    expected = Predictor(small, ("cat", "dog"), (64, 96), letterbox="stretch", **settings)(images)
    predictor = Predictor.from_exported(exported / f"{kind}.onnx", backend=runtime, **settings)
    assert (predictor.names, predictor.image_size, predictor.letterbox) == (("cat", "dog"), (64, 96), "stretch")
    _assert_same(predictor(images), expected)


@pytest.mark.parametrize("runtime", _RUNTIMES)
def test_other_sizes_and_settings(small, exported, images, runtime):
    settings = {"image_size": 128, "letterbox": "default", "min_score": 0.15, "max_detections": 7}
    expected = Predictor(small, precision="fp32", **settings)(images[0])
    found = Predictor.from_exported(exported / "decoded.onnx", backend=runtime, precision="fp32", **settings)(images[0])
    assert len(found[0]) == 7
    torch.testing.assert_close(found[0].boxes, expected[0].boxes, rtol=0, atol=1e-2)


def test_half_precision_of_openvino(small, exported, images):
    settings = {"image_size": (64, 96), "letterbox": "stretch", "min_score": 0.0, "iou_threshold": 1.0}
    (expected,) = Predictor(small, precision="fp32", **settings)(images[0])
    (found,) = Predictor.from_exported(exported / "decoded.onnx", backend="openvino", precision="bf16", **settings)(
        images[0]
    )
    torch.testing.assert_close(found.scores, expected.scores, rtol=0.05, atol=0.01)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_precision_that_is_asked_for_is_heard(exported, precision):
    """Where ``auto`` is bfloat16, float32 too."""
    predictor = Predictor.from_exported(exported / "decoded.onnx", backend="openvino", precision=precision)
    assert predictor.runtime.module.engine.precision == precision


@pytest.mark.parametrize("runtime", _RUNTIMES)
def test_torch_networks_are_exported_first(small, images, runtime):
    settings = {"image_size": (64, 96), "precision": "fp32", "min_score": 0.3}
    predictor = Predictor(small, ("cat", "dog"), backend=runtime, **settings)
    _assert_same(predictor(images), Predictor(small, ("cat", "dog"), **settings)(images))
    assert on_backend(small, InferenceHardware(backend="torch", precision="fp32"), (64, 96)) is small


@pytest.mark.parametrize("runtime", _RUNTIMES)
def test_a_file_for_batches_of_one_length(small, exported, tmp_path, runtime):
    model = onnx.load(exported / "fixed.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    write_sealed(model, tmp_path / "two.onnx")
    detector = ExportedDetector(tmp_path / "two.onnx", Engine(runtime, "fp32"))
    for batch_size in (1, 2, 5):
        images = torch.rand(batch_size, 3, 64, 96)
        with torch.no_grad():
            expected = small.decode(small(images))
        found = detector.decode(detector(images))
        torch.testing.assert_close(found.boxes, expected.boxes, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(found.scores, expected.scores, rtol=1e-4, atol=1e-5)


def test_a_file_of_detections_that_gives_other_classes_than_it_says(exported, tmp_path):
    """What lies inside the graph shows when it runs."""
    model = onnx.load(exported / "detections.onnx")
    about = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, about | {"num_classes": "3", "names": '["a", "b", "c"]', "category_ids": "null"})
    write_sealed(model, tmp_path / "model.onnx")
    detector = ExportedDetector(tmp_path / "model.onnx")
    with pytest.raises(ValueError, match=r"scores \(1, 48, 2\); expected are 3 classes per box"):
        detector(torch.zeros(1, 3, 64, 96))


@pytest.mark.parametrize("runtime", _RUNTIMES)
def test_a_network_that_the_runtime_cannot_load(exported, tmp_path, runtime):
    model = onnx.load(exported / "decoded.onnx")
    model.graph.node[0].op_type = "Frobnicate"
    write_sealed(model, tmp_path / "model.onnx")
    with pytest.raises(ValueError, match=f"{runtime} .* cannot load the exported network .*; try a lower --opset"):
        _ = ExportedDetector(tmp_path / "model.onnx", Engine(runtime, "fp32")).network


def test_channels_are_those_of_the_graph(tmp_path):
    cfg = "[net]\nwidth=32\nheight=32\nchannels=1\n[conv]\nfilters=7\nsize=8\nstride=8\nactivation=linear\n"
    grey = Darknet(cfg + "[yolo]\nanchors=9,9\nclasses=2\nnum=1\n")
    export_onnx(grey, tmp_path / "grey.onnx", ModelCard(image_size=(32, 32)), "decoded")
    assert ExportedDetector(tmp_path / "grey.onnx").in_channels == 1
    assert Predictor.from_exported(tmp_path / "grey.onnx").in_channels == 1


def test_it_is_a_detector_like_any(small, exported):
    detector = ExportedDetector(exported / "decoded.onnx")
    assert isinstance(detector, Detector)
    assert (detector.num_classes, detector.stride, detector.image_size) == (2, 16, (64, 96))
    assert copy.deepcopy(detector) is detector
    images = torch.rand(1, 3, 64, 96)
    augmented, expected = TestTimeAugmentation(detector, scales=(1, 2)), TestTimeAugmentation(small, scales=(1, 2))
    with torch.no_grad():
        found, other = augmented.decode(augmented(images)), expected.decode(expected(images))
    torch.testing.assert_close(found.boxes, other.boxes, rtol=1e-4, atol=1e-3)


def test_the_example_finds_what_the_predictor_finds(exported, tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (64, 1, 3), dtype=np.uint8)
    image = Image.fromarray(rows.repeat(48, axis=1))  # to be made twice as wide, which changes no row
    image.save(tmp_path / "image.png")
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples/detect_onnx.py"))
    objects = example["detect"](str(exported / "detections.onnx"), str(tmp_path / "image.png"))
    (found,) = Predictor.from_exported(exported / "decoded.onnx", min_score=_EXPORTED_SCORE)(image)
    objects = [item for item in objects if item[2][2] > item[2][0] and item[2][3] > item[2][1]]
    assert len(objects) == len(found) > 2
    assert [name for name, _, _ in objects] == found.names
    np.testing.assert_allclose([box for _, _, box in objects], found.boxes, atol=1e-3)


@pytest.mark.parametrize("fit", ["default", "darknet", "stretch"])
def test_the_example_fits_images_as_the_predictor_does(exported, tmp_path, fit):
    model = onnx.load(exported / "detections.onnx")
    about = {entry.key: entry.value for entry in model.metadata_props} | {"letterbox": fit}
    onnx.helper.set_model_props(model, about)
    write_sealed(model, tmp_path / "model.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (200, 275, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)  # three times the input: without antialiasing another image than with it
    image.save(tmp_path / "image.png")
    (found,) = Predictor.from_exported(tmp_path / "model.onnx", min_score=_EXPORTED_SCORE)(image)
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples/detect_onnx.py"))
    objects = example["detect"](str(tmp_path / "model.onnx"), str(tmp_path / "image.png"))
    objects = [item for item in objects if item[2][2] > item[2][0] and item[2][3] > item[2][1]]
    assert [name for name, _, _ in objects] == found.names
    # Pillow's antialiased pixels are torch's but for a level of 255 here and there; Darknet's way differs by rounding
    tolerance = 0.01 if fit == "default" else 1e-4
    np.testing.assert_allclose([score for _, score, _ in objects], found.scores, atol=tolerance)


def test_augmented_networks_can_be_exported_at_one_size(small):
    augmented = TestTimeAugmentation(small, scales=(1, 2))
    program = trace(Decoded(augmented), augmented, (32, 64)).module()
    images = torch.rand(3, 3, 32, 64)
    with torch.no_grad():
        found, expected = program(images), augmented.decode(augmented(images))
    torch.testing.assert_close(found["boxes"], expected.boxes, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(found["scores"], expected.scores, rtol=1e-4, atol=1e-6)


def test_augmented_on_another_backend(exported):
    augmented = TestTimeAugmentation(ExportedDetector(exported / "decoded.onnx"), flip=False, scales=(1, 2))
    changed = on_backend(augmented, InferenceHardware(backend="openvino", precision="fp32"), (64, 96))
    assert (changed.detector.engine.backend, changed.flip, changed.scales) == ("openvino", False, (1, 2))


def test_the_backend_of_a_file_can_be_changed(exported):
    detector = ExportedDetector(exported / "decoded.onnx")
    assert on_backend(detector, InferenceHardware(backend=None, precision="auto"), (64, 96)) is detector
    changed = on_backend(detector, InferenceHardware(backend="openvino", precision="fp32"), (64, 96))
    assert changed.engine == Engine("openvino", "fp32")
    own = on_backend(detector, InferenceHardware(backend=None, precision="fp32"), (64, 96))
    assert own.engine == Engine("onnxruntime", "fp32")


def test_mistakes_are_told_at_once(small, exported):
    path = exported / "fixed.onnx"
    detector = ExportedDetector(path)
    for attempt, message in (
        (
            lambda: Predictor(small, backend="ncnn"),
            "unknown backend 'ncnn'; choose auto, torch, onnxruntime, openvino or tensorrt",
        ),
        (lambda: Predictor(detector, device="cuda:1"), "device 'cuda:1' is for backend torch; onnxruntime and"),
        (lambda: Predictor(detector, compile=True), "compile goes with backend torch"),
        (lambda: Predictor(detector, backend="torch"), r"fixed\.onnx is for other runtimes than torch; choose onnx"),
        (
            lambda: Predictor.from_exported(path, backend="torch"),
            "is for other runtimes than torch; choose onnxruntime or openvino",
        ),
        (
            lambda: Predictor.from_exported(path, image_size=128),
            "takes images of 64 x 96 only, not 128 x 128; export it",
        ),
        (lambda: detector(torch.rand(1, 3, 64, 64)), r"fixed\.onnx takes images of 64 x 96 only, not 64 x 64"),
        (lambda: Predictor.from_exported(path, image_size=100), "image size 100 x 100 is not a multiple of 16"),
        (lambda: Predictor(small, precision="bf16", backend="onnxruntime"), "onnxruntime does not compute in .*'bf16'"),
        (lambda: Predictor.from_exported(path, backend="openvino", precision="fp16"), "choose auto, fp32, bf16"),
    ):
        with pytest.raises(ValueError, match=message):
            attempt()


@pytest.mark.parametrize(("runtime", "extra"), [("onnxruntime", "export"), ("openvino", "openvino")])
def test_without_the_extra(small, exported, monkeypatch, runtime, extra):
    monkeypatch.setitem(sys.modules, runtime, None)
    message = rf'backend {runtime} needs {runtime}: pip install "yolo3-torch\[{extra}\]"'
    for attempt in (
        lambda: ExportedDetector(exported / "decoded.onnx", Engine(runtime)),
        lambda: Predictor(small, image_size=64, backend=runtime),
    ):
        with pytest.raises(ModuleNotFoundError, match=message):
            attempt()
