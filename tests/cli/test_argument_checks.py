"""What stands in the place of something else is told as what it is, before anything that takes long."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.cli import main
from yolo3.darknet import Darknet, save_darknet_weights
from yolo3.data.shapes import write_shapes
from yolo3.models import YOLOv3

_MODELS = (
    "a model is a checkpoint folder, hf://user/name on the Hugging Face Hub, a Darknet .cfg with its --weights, an "
    ".onnx file of yolo3 export, or a name that yolo3 weights lists"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_stage_cfg: Callable[..., str]) -> Path:
    monkeypatch.chdir(tmp_path)
    cfg = one_stage_cfg((32, 32), stride=32)
    save_checkpoint("run", YOLOv3(3, width=0.125), ModelCard(("a", "b", "c"), image_size=(64, 64)))
    Path("run/last.ckpt").touch()
    write_shapes(tmp_path / "set", num_train=2, num_test=1, image_size=(64, 64))
    Path("net.CFG").write_text(cfg)
    save_darknet_weights(Darknet(cfg), "net.weights")
    Path("nets").mkdir()
    Path("nets/a.cfg").write_text(cfg)
    Path("nets/._a.cfg").touch()  # as macOS puts beside every file
    Path("young").mkdir()
    Path("young/last.ckpt").touch()
    for name in ("bad.json", "dog.jpg", "old.pt", "darknet53.conv.74", "coco.names", "model.onnx"):
        Path(name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("detect /nope x.jpg", f"/nope: no such file or folder; {_MODELS}"),
        ("detect bad.json x.jpg", f"bad.json is a JSON file and no model; {_MODELS}"),
        ("convert bad.json out", f"bad.json is a JSON file and no model; {_MODELS}"),
        (
            "detect net.weights x.jpg",
            "net.weights holds weights without their network; give the network's .cfg as the model, and --weights "
            "net.weights beside it",
        ),
        (
            "info darknet53.conv.74",
            "darknet53.conv.74 holds weights without their network; give the network's .cfg as the model, and "
            "--weights darknet53.conv.74 beside it",
        ),
        ("serve dog.jpg", f"dog.jpg is an image and no model; {_MODELS}"),
        ("detect coco.names x.jpg", f"coco.names is class names and no model; {_MODELS}"),
        ("export old.pt", f"old.pt may hold pickled Python, which is not read here; {_MODELS}"),
        ("detect run/model.json x.jpg", "run/model.json is one file of a checkpoint; give its folder, run"),
        ("detect run/last.ckpt x.jpg", "run/last.ckpt is one file of a checkpoint; give its folder, run"),
        ("detect set x.jpg", f"set is a data set and no model; {_MODELS}"),
        (
            "evaluate set",
            "set is a data set and no detector; say yolo3 evaluate MODEL set, or to measure a file of detections "
            "yolo3 evaluate set --detections FILE",
        ),
        ("detect nets x.jpg", "nets is no checkpoint; did you mean the network nets/a.cfg, with its --weights?"),
        (
            "detect young x.jpg",
            "young holds a training that has measured no epoch yet; go on with it: yolo3 train --config "
            "young/config.yaml --resume",
        ),
        ("detect net.CFG x.jpg", "net.CFG is a network without its weights; add --weights FILE"),
        (
            "detect net.CFG x.jpg --weights nets",
            "--weights nets is a folder; give the .weights file of the network",
        ),
        (
            "detect net.CFG x.jpg --weights nope.weights",
            "--weights nope.weights: no such file; give the .weights file of the network",
        ),
        (
            "detect net.CFG x.jpg --weights net.CFG",
            "--weights net.CFG is a network without weights; give the .weights file of the network",
        ),
        (
            "detect net.CFG x.jpg --weights net.weights --names dog.jpg",
            "--names dog.jpg is an image; give a file with a class name on each line",
        ),
        (
            "train no-data --model yolov9",
            "no model 'yolov9'; choose yolov3, yolov3_compact, yolov3_nano, yolov3_spp, yolov3_tiny, yolov1, "
            "yolov1_fast or the path of a .cfg",
        ),
        (
            "train no-data --model nope.cfg",
            "'nope.cfg' is neither a cfg file nor one that comes with yolo3 (darknet19.cfg, darknet53.cfg, yolov1.cfg, "
            "yolov2-tiny.cfg, yolov2.cfg, yolov3-spp.cfg, yolov3-tiny.cfg, yolov3-voc.cfg, yolov3.cfg, "
            "yolov4-tiny.cfg, yolov4.cfg)",
        ),
        (
            "train no-data --model yolov3_tiny --width 0.5",
            "--width 0.5 does not go with yolov3_tiny, which has its own",
        ),
        ("train no-data --model net.CFG --width 0.5", "--width 0.5 does not go with net.CFG, which has its own"),
        (
            "train no-data --model yolov1 --loss yolo",
            "--loss yolo is for detectors with anchors; yolov1 has a loss of its own",
        ),
        (
            "train no-data --model net.weights",
            "net.weights holds weights; name their network with --model, and --weights net.weights",
        ),
        (
            "detect run x.jpg",
            "x.jpg: no such file or folder; a source is an image, a video, a folder, a glob, a list (.txt or -), a "
            ".tar, a .parquet, an address, or a camera (camera:0, rtsp://...)",
        ),
        ("train no-data --model run", "run is a checkpoint; to start from what it has learned: --weights run"),
        (
            "train no-data --weights nope",
            "--weights nope: no such file; give a checkpoint folder, with a model.json, or a .weights file",
        ),
        (
            "train no-data --weights set",
            "--weights set is a folder; give a checkpoint folder, with a model.json, or a .weights file",
        ),
        (
            "train set --resume",
            "--resume goes on with a training that stopped, and runs/train does not exist; name the folder of the "
            "training with --output",
        ),
        (
            "train set --resume --output nope",
            "--resume goes on with a training that stopped, and nope does not exist; name the folder of the training "
            "with --output",
        ),
        ("train run", "run is a checkpoint and no data set"),
        ("check net.weights", "net.weights is a model and no data set"),
        ("anchors net.CFG", "net.CFG is a model and no data set"),
    ],
)
def test_one_line_says_what_it_is(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str, complaint: str
) -> None:
    assert main(command.split()) == 2
    told = capsys.readouterr()
    assert told.err == f"yolo3 {command.split()[0]}: error: {complaint}\n"
    assert told.out == ""  # nothing was read before


@pytest.mark.parametrize("command", ["train", "detect run", "evaluate run", "serve run", "demo --output new"])
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_a_device_that_is_not_there_is_told_before_anything_is_read(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    words = [*command.split(), *([] if "serve" in command or "demo" in command else ["no-data"]), "--device", "cuda"]
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"yolo3 {words[0]}: error: device 'cuda' cannot be used (")
    assert "cuda" not in told.err.partition("; choose ")[2]
    assert told.out == ""
    assert not Path("new").exists()


def test_a_suffix_may_be_in_capitals(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = next(Path("set/JPEGImages").iterdir())
    assert main(["detect", "net.CFG", str(image), "--weights", "net.weights", "--output", "found"]) == 0
    assert main(["convert", "net.CFG", "converted", "--weights", "net.weights"]) == 0
    assert Path("converted/model.json").is_file()
    assert main(["info", "net.CFG"]) == 0
    assert "network     Darknet" in capsys.readouterr().out
