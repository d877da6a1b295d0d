import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import yolo3

CONTRACT = {
    "yolo3": "YOLOv3 YOLOv1 Darknet Darknet53 CNNBlock ResUnit ResBlock ConvSet NeckAndConcatNet ScalePrediction "
    "Anchors COCO_ANCHORS GroundTruth Targets Detections TargetEncoder YoloDataset YoloLoss YoloV1Loss Predictor "
    "suppress load_darknet_weights save_darknet_weights Candidates ScaleOutput open_dataset load_checkpoint "
    "save_checkpoint adapt_channels DarknetLoss FocalGIoULoss MultiAnchorLoss QualityLoss",
    "yolo3.assign": "BestAnchorPerScale AnchorsAboveIoU BestAnchorOverall TargetEncoder",
    "yolo3.losses": "YoloLoss MultiAnchorLoss FocalGIoULoss DarknetLoss YoloV1Loss",
    "yolo3.boxes": "Anchors COCO_ANCHORS Letterbox box_iou wh_iou cxcywh_to_xyxy xyxy_to_cxcywh clip_boxes nms",
}


@pytest.mark.parametrize("module", CONTRACT)
def test_promised_names_are_there_and_documented(module: str) -> None:
    home = import_module(module)
    for name in CONTRACT[module].split():
        assert name in home.__all__, f"{module}.{name}"
        assert getattr(home, name).__doc__ or name.isupper(), f"{module}.{name} has no docstring"


def test_the_top_level_offers_nothing_unpromised() -> None:
    assert set(yolo3.__all__) == set(CONTRACT["yolo3"].split())
    assert set(dir(yolo3)) == {*yolo3.__all__, "__version__"}
    with pytest.raises(AttributeError, match="module 'yolo3' has no attribute 'YOLOv9'"):
        yolo3.YOLOv9  # noqa: B018


def test_a_name_of_a_package_below_is_told_with_its_home() -> None:
    for name, home in (("IoUBox", "yolo3.losses"), ("SimOTA", "yolo3.assign"), ("export_onnx", "yolo3.export")):
        with pytest.raises(
            ImportError, match=f"cannot import name '{name}' from 'yolo3'; it is in {home}: from {home} "
        ):
            getattr(yolo3, name)
    with pytest.raises(ImportError, match=r"from yolo3\.losses import IoUBox"):
        from yolo3 import IoUBox  # noqa: F401


@pytest.mark.parametrize("package", ["yolo3", "yolo3.data"])
def test_type_checkers_read_the_same_names(package: str) -> None:
    home = import_module(package)
    stub = ast.parse(Path(str(home.__file__)).with_suffix(".pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    stated = {(node.module, name.name) for node in imports for name in node.names}
    assert stated == {(module, name) for module, names in home._HOMES.items() for name in names}


def test_the_names_of_the_data_package_are_found() -> None:
    data = import_module("yolo3.data")
    assert set(dir(data)) == set(data.__all__)
    assert all(hasattr(data, name) for name in data.__all__)
    with pytest.raises(AttributeError, match=r"module 'yolo3\.data' has no attribute 'Pascal'"):
        data.Pascal  # noqa: B018


def test_a_package_can_be_imported_from_the_top_though_a_package_below_has_a_function_of_its_name() -> None:
    assert "explain" in import_module("yolo3.assign").__all__
    code = "from yolo3 import explain\nprint(explain.__name__)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "yolo3.explain"
