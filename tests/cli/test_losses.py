"""``--loss``, ``--loss-options``, and the settings of a cfg."""

import re
from pathlib import Path

import pytest

from yolo3.assign import BestAnchorInCell, BestAnchorOverall
from yolo3.cli import main
from yolo3.cli.losses import build_loss
from yolo3.darknet import Darknet
from yolo3.darknet.loss_settings import LossSettings, loss_settings
from yolo3.losses import (
    DarknetBox,
    DarknetLoss,
    FocalGIoULoss,
    IoUBox,
    MultiAnchorLoss,
    MultiLabelClasses,
    RegionLoss,
    YoloLoss,
)
from yolo3.models import YOLOv1, YOLOv3

_HEAD = "[conv]\nfilters=14\nactivation=linear\n[yolo]\nclasses=2\nnum=2\nanchors=10,14, 23,27\n"
_NET = "[net]\nwidth=32\nheight=32\nlabel_smooth_eps=0.1\n[conv]\nfilters=4\nsize=3\nstride=32\nactivation=leaky\n"
_SETTINGS = (
    "ignore_thresh=.6\niou_thresh=.213\niou_loss=ciou\niou_normalizer=.07\nobj_normalizer=.4\ncls_normalizer=.5\n"
)


@pytest.fixture
def network() -> YOLOv3:
    return YOLOv3(2, width=0.125)


def test_options_are_those_of_the_signature(network: YOLOv3) -> None:
    loss = build_loss("multi-anchor", network, ["box_weight=2", "focal_gamma=1.5", "reduction=sum"])
    assert loss == MultiAnchorLoss(network.anchors, box_weight=2.0, focal_gamma=1.5, reduction="sum")
    assert build_loss("yolo", network, ["objectness_target=iou"]) == YoloLoss(network.anchors, objectness_target="iou")
    assert build_loss(None, network, ["gamma=1"]) == FocalGIoULoss(network.anchors, gamma=1.0)
    yolov1 = build_loss(None, YOLOv1(2, width=0.05), ["background_weight=0.25"])
    assert yolov1.background_weight == 0.25  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        (
            "gama=1",
            "FocalGIoULoss has no option 'gama'; it has ignore_iou, gamma, box_weight, objectness_weight, class",
        ),
        ("gamma", "'gamma' is not an option and its value; write box_weight=2.0,gamma=1.5"),
        ("gamma=much", "gamma=much: 'much' is not a number"),
        (
            "box=ciou",
            "box of FocalGIoULoss is passed in Python, FocalGIoULoss(box=...); the options here are ignore_iou,",
        ),
    ],
)
def test_wrong_options_are_told_with_the_right_ones(network: YOLOv3, word: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        build_loss("focal-giou", network, [word])
    with pytest.raises(ValueError, match="reduction=none: choose mean, sum"):
        build_loss("multi-anchor", network, ["reduction=none"])


def test_settings_of_a_cfg_are_read() -> None:
    found = loss_settings(Darknet(_NET + _HEAD + _SETTINGS))
    assert found == LossSettings(0.6, 0.213, "ciou", 0.1, 0.07, 0.4, 0.5)
    assert loss_settings(Darknet((_NET + _HEAD).replace("label_smooth_eps=0.1\n", ""))) == LossSettings()


def test_settings_of_a_cfg_are_used_where_a_recipe_has_the_idea(capsys: pytest.CaptureFixture[str]) -> None:
    network = Darknet(_NET + _HEAD + _SETTINGS)
    policy = BestAnchorOverall(0.6, 0.213)
    classes = MultiLabelClasses(label_smoothing=0.1)
    weights = {"box_weight": 0.07, "objectness_weight": 0.4, "class_weight": 0.5}
    for name, kind in (("darknet", DarknetLoss), ("focal-giou", FocalGIoULoss)):
        expected = kind(
            network.anchors, ignore_iou=0.6, assigner=policy, box=IoUBox("ciou"), classes=classes, **weights
        )
        assert build_loss(name, network) == expected  # type: ignore[arg-type]
        said = capsys.readouterr().out
        assert "ignore_iou 0.6, also_above 0.213, box_kind ciou, label_smoothing 0.1, box_weight 0.07" in said
        assert "not used" not in said
    assert build_loss("darknet", network, ["box_weight=3"]).box_weight == 3  # type: ignore[attr-defined]
    many = build_loss("multi-anchor", network)
    assert many == MultiAnchorLoss(network.anchors, box=IoUBox("ciou"), label_smoothing=0.1)
    assert "not used by MultiAnchorLoss: ignore_iou 0.6, also_above 0.213, box_weight" in capsys.readouterr().out
    squares = Darknet(_NET + _HEAD + "iou_loss=mse\n")
    assert build_loss("darknet", squares).box == DarknetBox()  # type: ignore[attr-defined]
    assert build_loss("focal-giou", squares).box == IoUBox("giou")  # type: ignore[attr-defined]
    assert "not used by FocalGIoULoss: box_kind mse" in capsys.readouterr().out


def test_settings_that_heads_do_not_share_are_left_out_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    """As in yolov4-csp.cfg, whose heads have obj_normalizer 4, 1 and 0.4."""
    second = "[route]\nlayers=0\n" + _HEAD.replace("10,14, 23,27", "30,61, 62,45")
    network = Darknet(_NET + _HEAD + "obj_normalizer=4.0\n" + second + "obj_normalizer=1.0\n")
    assert build_loss("darknet", network).objectness_weight == 1.0  # type: ignore[attr-defined]
    assert "not the same in all heads, and not used: objectness_weight" in capsys.readouterr().out


def test_wrong_options_are_told_before_the_data_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for model, word, said in (
        ("yolov3_nano", "gama=1", "FocalGIoULoss has no option 'gama'"),
        ("yolov1", "gamma=1", "YoloV1Loss has no option 'gamma'"),
    ):
        assert main(["train", str(tmp_path), "--model", model, "--loss-options", word]) == 2
        assert said in capsys.readouterr().err


_REGION = "[conv]\nfilters=14\nactivation=linear\n[region]\nclasses=2\nnum=2\nanchors=1,1.4, 2,3\nsoftmax=1\n"


def test_settings_of_a_region_are_used(capsys: pytest.CaptureFixture[str]) -> None:
    """What a cfg leaves out is what Darknet's program takes, and not what ``yolov2.cfg`` says."""
    settings = "thresh=.4\ncoord_scale=2\nobject_scale=3\nnoobject_scale=.5\nclass_scale=4\nrescore=1\nbias_match=1\n"
    network = Darknet(_NET + _REGION + settings)
    assert build_loss(None, network) == RegionLoss(
        network.anchors,
        objectness_target="iou",
        ignore_iou=0.4,
        assigner=BestAnchorInCell(0.4, "anchors"),
        box_weight=2,
        objectness_weight=3,
        background_weight=0.5,
        class_weight=4,
        prior_weight=0.01,
    )
    assert "background_weight 0.5, objectness_target iou, match anchors" in capsys.readouterr().out
    bare = Darknet(_NET + _REGION)
    assert build_loss("region", bare) == RegionLoss(
        bare.anchors,
        objectness_target="binary",
        ignore_iou=0.5,
        assigner=BestAnchorInCell(0.5, "predictions"),
        objectness_weight=1,
        prior_weight=0.01,
    )
    assert build_loss("region", bare, ["prior_weight=0"]).prior_weight == 0  # type: ignore[attr-defined]


def test_an_option_comes_before_a_cfg_in_the_policy_too() -> None:
    region = build_loss(None, Darknet(_NET + _REGION), ["ignore_iou=0.7"])
    assert region.policy == BestAnchorInCell(0.7, "predictions")  # type: ignore[attr-defined]
    darknet = build_loss("darknet", Darknet(_NET + _HEAD + _SETTINGS), ["ignore_iou=0.8"])
    assert darknet.policy == BestAnchorOverall(0.8, 0.213)  # type: ignore[attr-defined]
