"""``yolo3 export --precision int8``, from the choice of images to the file that the other commands run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from yolo3.cli import main
from yolo3.cli.calibration import choose_images
from yolo3.darknet import Darknet, save_darknet_weights
from yolo3.data import DataError, open_dataset
from yolo3.data.shapes import SHAPES, write_shapes

_SECOND = "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\npad=1\nactivation=leaky\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_cfg: Callable[..., str]) -> Path:
    """The current folder, with ``net.cfg`` and its files, and the data set ``shapes`` of 12 and 6 drawings."""
    monkeypatch.chdir(tmp_path)
    Path("net.cfg").write_text(small_cfg(between=_SECOND))
    Path("net.names").write_text("\n".join(SHAPES))
    save_darknet_weights(Darknet("net.cfg"), "net.weights")
    write_shapes(Path("shapes"), 12, 6, (64, 64))
    return tmp_path


def _export(*words: str) -> int:
    net = ["net.cfg", "--weights", "net.weights", "--names", "net.names"]
    return main(["export", *net, "--precision", "int8", *words])


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_writes_a_file_that_the_other_commands_run(here, capsys, backend):
    pytest.importorskip(backend)
    words = ["--calibrate", "shapes", "--images", "5", "--backend", backend, "--output", "small.onnx"]
    assert _export(*words) == 0
    out = capsys.readouterr().out
    assert "to calibrate on 5 of 12 images of shapes" in out
    assert "to measure on   Pascal VOC data set shapes, split 'test': 6 images" in out
    assert "WARNING: only 5 to calibrate on" in out
    assert out.splitlines()[-1].startswith("small.onnx: 0.0 MB, detections in int8, 64 x 64, letterbox darknet")
    about = {entry.key: entry.value for entry in onnx.load("small.onnx").metadata_props}
    assert json.loads(about["int8"])["num_calibrated"] == 5
    assert json.loads(about["columns"])[0] == "image"

    assert main(["detect", "small.onnx", "shapes/JPEGImages/shapes_0000.jpg", "--output", "found"]) == 0
    assert main(["evaluate", "small.onnx", "shapes", "--output", "measured"]) == 0
    assert json.loads(Path("measured/metrics.json").read_text())["num_images"] == 6
    assert main(["info", "small.onnx"]) == 0
    assert f"precision   int8, for {backend}" in capsys.readouterr().out

    assert main(["detect", "small.onnx", "shapes/JPEGImages", "--precision", "fp32"]) == 2
    assert "small.onnx computes in int8, not in precision 'fp32'" in capsys.readouterr().err


def _names(chosen) -> list[str]:
    return [path.stem for path in chosen.paths]


def _choose(calibrate: str, **settings):
    return choose_images(Path("net.cfg"), SHAPES, 3, Path(calibrate), **settings)


def test_the_training_split_calibrates_and_the_other_measures(here):
    chosen = _choose("shapes")
    assert _names(chosen) == [f"shapes_{number:04d}" for number in range(12)]
    assert [chosen.samples.path(index).stem for index in range(6)] == [
        f"shapes_{number:04d}" for number in range(12, 18)
    ]
    assert chosen.num_available == 12


def test_a_seed_draws(here):
    assert _names(_choose("shapes", num_images=4)) == _names(_choose("shapes", num_images=4))
    assert _names(_choose("shapes", num_images=4)) != _names(_choose("shapes", num_images=4, seed=1))
    assert len(set(_names(_choose("shapes", num_images=4)))) == 4


def test_without_a_split_to_measure_on_a_tenth_is_held_out(here):
    for split in Path("shapes/ImageSets/Main").iterdir():
        split.unlink()
    chosen = _choose("shapes")
    measured = {chosen.samples.path(index).stem for index in range(len(chosen.samples))}
    assert 1 <= len(measured) <= 4
    assert measured.isdisjoint(_names(chosen))
    assert len(measured) + len(chosen.paths) == 18


def test_a_folder_without_annotations_calibrates_what_is_not_measured(here):
    chosen = _choose("shapes/JPEGImages", measure=Path("shapes"))
    assert _names(chosen) == [f"shapes_{number:04d}" for number in range(12)]
    assert not [remark for remark in chosen.remarks() if "measured on too" in remark]


def test_a_folder_that_is_the_measuring_set_is_warned_of(here):
    Path("measured").mkdir()
    samples = open_dataset("shapes", "test")
    for index in range(len(samples)):
        Path("measured", samples.path(index).name).symlink_to(samples.path(index).resolve())
    chosen = _choose("measured", measure=Path("shapes"))
    assert len(chosen.paths) == 6
    assert chosen.remarks()[0] == (
        "WARNING: 6 of the 6 images to calibrate on are measured on too; the drop will look smaller than on new images"
    )


def test_faults_of_annotations_are_no_matter_for_calibration(here):
    for annotation in Path("shapes/Annotations").iterdir():
        if int(annotation.stem[-4:]) < 12:
            annotation.write_text(annotation.read_text().replace("<xmax>", "<xmax>-"))
    with pytest.raises(DataError):
        open_dataset("shapes", "train", names=SHAPES)
    assert len(_choose("shapes").paths) == 12


def test_images_without_objects_and_of_other_sizes(here, capsys):
    Path("plain").mkdir()
    for number, size in enumerate([(640, 20), (33, 47), (64, 64)]):
        Image.fromarray(np.full((*size, 3), 40 * number, np.uint8)).save(f"plain/{number}.png")
    assert _export("--calibrate", "plain", "--measure", "shapes", "--max-drop", "1") == 0
    assert "to calibrate on 3 of 3 images of plain" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "add --calibrate DATA"),
        (["--calibrate", "nowhere"], "nowhere: no such file or folder"),
        (["--calibrate", "shapes", "--images", "0"], "images is 0; int8 is calibrated on at least 1"),
        (["--calibrate", "shapes", "--images", "shapes"], "it is the number of images to calibrate on"),
        (["--calibrate", "empty"], "folder empty holds no images"),
        (["--calibrate", "shapes/JPEGImages"], "name a data set to measure on with --measure"),
        (["--calibrate", "shapes", "--max-drop", "1.5"], "--max-drop is 1.5; it must lie in [0, 1]"),
        (["--calibrate", "shapes", "--kind", "logits"], "choose --kind decoded or detections"),
        (["--calibrate", "shapes", "--output", "a.pt2"], "int8 files are ONNX; output a.pt2 ends in .pt2"),
        (["--calibrate", "shapes", "--backend", "torch"], "'torch' is not one of onnxruntime, openvino"),
        (["--calibrate", "broken", "--measure", "shapes"], "broken/a.png"),
    ],
)
def test_mistakes_are_a_line(here, capsys, words, complaint):
    Path("empty").mkdir()
    Path("broken").mkdir()
    Path("broken/a.png").write_bytes(b"no image")
    assert _export(*words) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert len(error.splitlines()) == 1
    assert not Path("model.onnx").exists()


def test_options_of_int8_want_int8(here, capsys):
    for words in (["--calibrate", "shapes"], ["--max-drop", "0.1"], ["--backend", "openvino"], ["--format", "voc"]):
        assert main(["export", "net.cfg", "--weights", "net.weights", *words]) == 2
        assert capsys.readouterr().err.endswith(f"{words[0]} is for int8; add --precision int8\n")


@pytest.mark.parametrize(
    ("missing", "backend", "extra"),
    [
        ("onnxruntime", "onnxruntime", "int8"),
        ("openvino", "openvino", "openvino"),
        ("faster_coco_eval", "openvino", "int8"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(here, capsys, monkeypatch, missing, backend, extra):
    import importlib.util

    find = importlib.util.find_spec
    for module in ("yolo3.export.quantising", "yolo3.runtime.engines", "yolo3.cli.evaluation_data"):
        monkeypatch.setattr(f"{module}.find_spec", lambda name, *rest: None if name == missing else find(name, *rest))
    assert _export("--calibrate", "shapes", "--backend", backend) == 2
    error = capsys.readouterr().err
    assert missing in error
    assert f'pip install "yolo3-torch[{extra}]"' in error
    assert len(error.splitlines()) == 1


def test_a_run_is_measured_on_what_its_training_held_out(here, capsys):
    words = ["train", "shapes", "--model", "net.cfg", "--epochs", "1", "--output", "run", "--batch-size", "6"]
    assert main(words) == 0
    shutil.move("shapes", "moved")
    assert main(["export", "run", "--precision", "int8", "--calibrate", "moved"]) == 2
    assert "shapes" in capsys.readouterr().err
    shutil.move("moved", "shapes")
    assert main(["export", "run", "--precision", "int8", "--calibrate", "shapes/JPEGImages", "--max-drop", "1"]) == 0
    assert "split 'test': 6 images" in capsys.readouterr().out
