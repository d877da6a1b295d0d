import csv
import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.cli import main
from yolo3.cli.check import check
from yolo3.cli.detect import detect
from yolo3.cli.evaluate import evaluate
from yolo3.cli.options import defaults
from yolo3.cli.train import train
from yolo3.data import open_dataset
from yolo3.images import MAX_MEGAPIXELS
from yolo3.models import YOLOv3
from yolo3.predictor import Predictor
from yolo3.sources import find_frames
from yolo3.structures import Detections

_NOTHING = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_evaluate_reads_what_detect_wrote(scene):
    """Truth: what was found, in a COCO file that numbers images and classes in its own way."""
    card = ModelCard(("cat", "dog"), image_size=(64, 64), category_ids=(18, 17))
    save_checkpoint("run", YOLOv3(2, width=0.1), card)
    for name, number in ("a.jpg", 2), ("b.png", 1), ("c.bmp", 3):
        (scene / "images" / name).rename(scene / "images" / f"{number}.png")
    words = ["--formats", "coco", "--min-score", "0", "--max-detections", "20"]
    assert main(["detect", "run", "images", *words, "--output", "found"]) == 0
    found = json.loads((scene / "found/coco.json").read_text())
    assert {item["category_id"] for item in found} == {17, 18}
    content = {
        "images": [{"id": 4 - number, "file_name": f"{number}.png", "width": 80, "height": 60} for number in (1, 2, 3)],
        "categories": [{"id": 17, "name": "dog"}, {"id": 18, "name": "cat"}],
        "annotations": [
            {"id": count, "image_id": 4 - item["image_id"], "category_id": item["category_id"], "bbox": item["bbox"]}
            for count, item in enumerate(found, start=1)
        ],
    }
    (scene / "truth.json").write_text(json.dumps(content))
    assert main(["evaluate", "truth.json", "--detections", "found/coco.json", "--output", "measured"]) == 0
    metrics = json.loads((scene / "measured/metrics.json").read_text())
    assert (metrics["AP"], metrics["AR100"]) == (1, 1)


def test_detect_draws_and_lists_what_it_found(scene, capsys):
    assert main(["detect", "run", "images", "--min-score", "0", "--max-detections", "3", "--output", "out/found"]) == 0
    out = scene / "out/found"
    assert _files(out) == ["a.jpg", "b.png", "c.png", "config.yaml", "detections.csv", "detections.json"]
    results = json.loads((out / "detections.json").read_text())
    assert [result["image"] for result in results] == ["images/a.jpg", "images/b.png", "images/c.bmp"]
    assert all(len(result["detections"]) == 3 for result in results)
    with (out / "detections.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["score"] for row in rows] == [str(item["score"]) for result in results for item in result["detections"]]
    drawn, plain = (np.asarray(Image.open(folder / "b.png").copy()) for folder in (out, scene / "images"))
    assert drawn.shape == plain.shape
    assert (drawn != plain).any()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("images/a.jpg: ")
    assert printed[-1] == "9 objects in 3 images: out/found"


def test_a_run_can_be_repeated_from_its_configuration(scene):
    words = ["detect", "run", "images/a.jpg", "--image-size", "[64, 96]", "--min-score", "0", "--output", "first"]
    assert main(words) == 0
    configuration = yaml.safe_load((scene / "first/config.yaml").read_text())
    assert configuration["source"] == ["images/a.jpg"]
    assert configuration["image_size"] == [64, 96]
    assert configuration["letterbox"] is None
    assert main(["detect", "--config", "first/config.yaml", "--output", "second"]) == 0
    assert (scene / "first/detections.json").read_text() == (scene / "second/detections.json").read_text()


def test_images_of_one_name_are_all_kept(scene):
    (scene / "more").mkdir()
    (scene / "images/a.jpg").rename(scene / "more/b.png.tmp")
    (scene / "more/b.png.tmp").rename(scene / "more/b.png")
    assert main(["detect", "run", "more", "images", "--output", "out"]) == 0
    assert [name for name in _files(scene / "out") if name.endswith("png")] == ["b-2.png", "b.png", "c.png"]


def test_an_output_folder_is_not_overwritten_unasked(scene, capsys):
    assert main(["detect", "run", "images", "--output", "out"]) == 0
    (scene / "out/mine.txt").write_text("keep me")
    assert main(["detect", "run", "images", "--output", "out"]) == 2
    assert "output folder out exists; name another with --output, or pass --overwrite" in capsys.readouterr().err
    assert (scene / "out/mine.txt").exists()
    assert main(["detect", "run", "images/a.jpg", "--output", "out", "--overwrite"]) == 0
    assert _files(scene / "out") == ["a.jpg", "config.yaml", "detections.csv", "detections.json"]


def test_a_name_that_is_no_utf_8(scene, capsys):
    odd = os.fsdecode(b"images/d\xf6rfer.jpg")
    try:
        (scene / "images/b.png").rename(scene / odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    assert main(["detect", "run", "images", "--output", "out"]) == 0
    assert r"images/d\udcf6rfer.jpg: " in capsys.readouterr().out
    results = json.loads((scene / "out/detections.json").read_text())
    assert sorted(result["image"] for result in results) == ["images/a.jpg", "images/c.bmp", odd]


@pytest.mark.parametrize(
    ("source", "output", "message"),
    [
        ("images", "images", "source images is in the output folder images"),
        ("imag*/*.jpg", "images", "source images/a.jpg is in the output folder images"),
        ("images/a.jpg", ".", "model run is in the output folder ."),
        ("images", "run", "model run is in the output folder run"),
    ],
)
def test_what_is_read_is_never_overwritten(scene, capsys, source, output, message):
    before = sorted(scene.rglob("*"))
    assert main(["detect", "run", source, "--output", output, "--overwrite"]) == 2
    assert message in capsys.readouterr().err
    assert sorted(scene.rglob("*")) == before


def test_a_glob_of_folders_that_lead_in_circles_ends(scene, capsys):
    """Followed link by link it would name 3 times as many files at each of 40 levels."""
    for name in ("x", "y", "z"):
        (scene / "images" / name).symlink_to(scene / "images")
    for more in ([], ["--output", "out", "--overwrite"]):
        assert main(["detect", "run", "images/**/*", "--formats", "json", *more]) == 0
        assert " objects in 3 images: " in capsys.readouterr().out


def test_after_an_error_at_the_start_nothing_is_left(scene, capsys):
    (scene / "images/a.jpg").write_bytes((scene / "images/a.jpg").read_bytes()[:400])
    assert main(["detect", "run", "images", "--output", "out", "--batch-size", "1", "--on-error", "stop"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("yolo3 detect: error: images/a.jpg: ")
    assert error.count("\n") == 1
    assert _files(scene) == ["images", "run"]


def test_what_was_found_before_an_error_is_kept(scene, capsys):
    (scene / "images/z.jpg").write_bytes((scene / "images/a.jpg").read_bytes()[:400])
    assert (
        main(
            [
                "detect",
                "run",
                "images",
                "--output",
                "out",
                "--batch-size",
                "1",
                "--min-score",
                "1",
                "--on-error",
                "stop",
            ]
        )
        == 2
    )
    error = capsys.readouterr().err
    assert error.startswith("yolo3 detect: error: images/z.jpg: ")
    assert error.endswith("kept what was found until then, 0 objects in 3 images: out\n")
    results = json.loads((scene / "out/detections.json").read_text())
    assert [result["image"] for result in results] == ["images/a.jpg", "images/b.png", "images/c.bmp"]
    assert _files(scene / "out")[:3] == ["a.jpg", "b.png", "c.png"]


def test_ctrl_c_keeps_what_was_found(scene, capsys, monkeypatch):
    """The way to end with a camera."""

    def three_then_ctrl_c(self, source):
        for frame in islice(find_frames(source), 3):
            frame.pixels()
            yield frame, _NOTHING
        raise KeyboardInterrupt

    monkeypatch.setattr(Predictor, "outcomes", three_then_ctrl_c)
    assert main(["detect", "run", "images", "--output", "out"]) == 130
    assert len(json.loads((scene / "out/detections.json").read_text())) == 3
    assert _files(scene / "out") == ["a.jpg", "b.png", "c.png", "config.yaml", "detections.csv", "detections.json"]
    assert capsys.readouterr().out.splitlines()[-1] == "0 objects in 3 images: out"


def test_every_format(scene, capsys, film):
    film("images/film.mp4", num_frames=4, sound=True)
    words = ["--min-score", "0", "--max-detections", "2", "--output", "out", "--every", "2"]
    assert main(["detect", "run", "images", *words, "--formats", "images,json,jsonl,csv,coco,yolo,crops"]) == 0
    out = scene / "out"
    lists = ["coco.json", "config.yaml", "detections.csv", "detections.json", "detections.jsonl"]
    assert _files(out) == sorted(["a.jpg", "b.png", "c.png", "film.mp4", "crops", "labels", *lists])
    lines = [json.loads(line) for line in (out / "detections.jsonl").read_text().splitlines()]
    assert lines == json.loads((out / "detections.json").read_text())
    names = ["a.jpg", "b.png", "c.bmp", "film.mp4 frame 000000", "film.mp4 frame 000002"]
    assert [line["image"] for line in lines] == [f"images/{name}" for name in names]
    assert [line.get("time") for line in lines] == [None, None, None, 0, 0.08]
    assert len(json.loads((out / "coco.json").read_text())) == 10
    assert len(list((out / "crops").rglob("*.jpg"))) == 10
    labels = sorted(str(path.relative_to(out / "labels")) for path in (out / "labels").rglob("*.txt"))
    assert labels == ["a.txt", "b.txt", "c.txt", "film/000000.txt", "film/000002.txt"]
    assert len(list(find_frames(out / "film.mp4"))) == 2
    printed = capsys.readouterr().out.splitlines()
    assert printed[3].startswith("images/film.mp4, 2 frames (drawn without its sound): ")
    assert printed[4].startswith("in 5 images the limit of 2 objects was reached, and what scores less is left out; ")
    assert printed[5] == "10 objects in 5 images: out"


def test_only_the_formats_asked_for(scene):
    assert main(["detect", "run", "images", "--output", "out", "--formats", "jsonl"]) == 0
    assert _files(scene / "out") == ["config.yaml", "detections.jsonl"]


def test_a_video_that_is_cut_off_leaves_what_was_read(scene, capsys, film):
    path = film("film.mp4", num_frames=50)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert main(["detect", "run", "film.mp4", "--output", "out"]) == 2
    error = capsys.readouterr().err
    assert "film.mp4 is " in error
    num_frames = int(error.rpartition("objects in ")[2].split()[0])
    assert 15 < num_frames < 45
    assert len(list(find_frames(scene / "out/film.mp4"))) == num_frames


def test_classes_and_their_scores(scene):
    words = ["detect", "run", "images", "--output", "out", "--overwrite", "--min-score", "0", "--formats", "json"]

    def labels(*more):
        assert main([*words, *more]) == 0
        results = json.loads((scene / "out/detections.json").read_text())
        return {item["name"] for result in results for item in result["detections"]}

    assert labels() == {"cat", "dog"}
    assert labels("--classes", "dog") == {"dog"}
    assert labels("--classes", "cat,1") == {"cat", "dog"}
    assert labels("--class-scores", "dog=1") == {"cat"}


def test_what_is_not_enough_is_told(scene, capsys, film):
    film("images/film.mp4", num_frames=2)
    scores = [found.scores.max().item() for found in Predictor.from_checkpoint("run", min_score=0)("images")]
    assert main(["detect", "run", "images", "--min-score", "0.9", "--formats", "jsonl", "--output", "out"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"images/a.jpg: nothing (highest score {scores[0]:.1g})"
    assert printed[3] == f"images/film.mp4, 2 frames: nothing (highest score {max(scores[3:]):.1g})"
    assert printed[4] == f"the highest score is {max(scores):.1g}, and not enough; --min-score says what is"
    assert printed[5] == "0 objects in 5 images: out"


def test_the_best_score_of_an_evaluation(scene, capsys):
    words = ["detect", "run", "images", "--min-score", "best", "--formats", "json", "--output", "out", "--overwrite"]
    assert main(words) == 2
    assert "run/evaluation/metrics.json cannot be read (No such file" in capsys.readouterr().err
    (scene / "run/evaluation").mkdir()
    for text, message in (
        ("{}", "tells no best score; run yolo3 evaluate run again"),
        ("[1", "tells no best score"),
        ('{"best": {"score": 0, "f1": 0}}', "nothing was found at any score; give --min-score a number"),
    ):
        (scene / "run/evaluation/metrics.json").write_text(text)
        assert main(words) == 2
        assert message in capsys.readouterr().err
    everything = Predictor.from_checkpoint("run", min_score=0)("images")
    middle = torch.cat([found.scores for found in everything]).median().item()
    (scene / "run/evaluation/metrics.json").write_text(json.dumps({"best": {"score": middle, "f1": 0.5}}))
    assert main(words) == 0
    assert f"min score {middle:g}: the best of run/evaluation/metrics.json (F1 0.500)" in capsys.readouterr().out
    found = json.loads((scene / "out/detections.json").read_text())
    scores = [item["score"] for each in found for item in each["detections"]]
    assert min(scores) == pytest.approx(min(s for f in everything for s in f.scores.tolist() if s > middle), abs=1e-6)
    assert yaml.safe_load((scene / "out/config.yaml").read_text())["min_score"] == "best"


def test_a_limit_that_is_reached_is_told(scene, capsys):
    words = ["detect", "run", "images", "--min-score", "0", "--formats", "jsonl", "--output", "out", "--overwrite"]
    told = "the limit of {} was reached, and what scores less is left out; --max-detections raises it"
    for more, expected in (
        (["--max-detections", "4"], "in 3 images " + told.format("4 objects")),
        (["--tile", "32", "--max-detections", "4"], "in 3 images " + told.format("4 objects")),
        (["--max-detections", "100000"], None),
    ):
        assert main([*words, *more]) == 0
        printed = capsys.readouterr().out.splitlines()
        lines = [json.loads(line) for line in (scene / "out/detections.jsonl").read_text().splitlines()]
        assert all(line.get("limit_reached", False) == (expected is not None) for line in lines)
        assert (expected in printed) if expected else not any("limit" in line for line in printed)
    assert main([*words, "--tile", "32", "--image-size", "320"]) == 0
    assert "in 3 images " + told.format("300 objects per window") in capsys.readouterr().out


def test_lines_and_captions_as_asked_for(scene):
    words = ["detect", "run", "images/a.jpg", "--formats", "images", "--min-score", "0", "--max-detections", "1"]
    drawn = []
    for more in ([], ["--no-captions"], ["--no-captions", "--line-width", "5"]):
        assert main([*words, *more, "--output", "out", "--overwrite"]) == 0
        drawn.append(np.asarray(Image.open(scene / "out/a.jpg").copy()).astype(int))
    plain = np.asarray(Image.open(scene / "images/a.jpg")).astype(int)
    changed = [(abs(each - plain).max(axis=2) > 60).sum() for each in drawn]
    assert changed[1] < changed[0]
    assert changed[1] < changed[2]


def test_labels_to_train_on(scene):
    """Without scores they are read as they are; with scores where the description says so."""
    words = ["detect", "run", "images", "--formats", "yolo", "--min-score", "0", "--max-detections", "6"]
    for name, more in (("with", []), ("without", ["--no-label-scores"])):
        assert main([*words, *more, "--output", name]) == 0
        (scene / name / "images").symlink_to(scene / "images")
        (scene / name / "data.yaml").write_text("train: images\nnames: [cat, dog]\n")
    without = open_dataset("without")
    assert len(without.labels) == 18
    with pytest.raises(ValueError, match=r"if the sixth number is a score, set min_score in the data\.yaml"):
        open_dataset("with")
    lines = [line for path in (scene / "with/labels").iterdir() for line in path.read_text().splitlines()]
    scores = sorted(float(line.split()[5]) for line in lines)
    for least in (0, scores[-1], 1):
        (scene / "with/data.yaml").write_text(f"train: images\nnames: [cat, dog]\nmin_score: {least}\n")
        assert len(open_dataset("with").labels) == sum(score >= least for score in scores)
    for least, message in (
        ("0", "is not class cx cy w h score, as min_score in the description says"),
        ("high", "min_score is high; it must lie in"),
        ("2", "min_score is 2; it must lie in"),
    ):
        (scene / "without/data.yaml").write_text(f"train: images\nnames: [cat, dog]\nmin_score: {least}\n")
        with pytest.raises(ValueError, match=message):
            open_dataset("without")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "images"], "nowhere: no such file or folder; a model is a checkpoint folder, hf://user"),
        (["run", "nothing.jpg"], "nothing.jpg: no such file or folder"),
        (["run", "images", "--output", "run/model.json"], "output run/model.json is a file; name a folder"),
        (["run", "images", "--names", "coco.names"], "--weights and --names belong to a Darknet .cfg"),
        (["net.cfg", "images"], "net.cfg is a network without its weights; add --weights FILE"),
        (["yolov3_nano", "images"], "yolov3_nano has random weights; train it with yolo3 train DATA --model"),
        (["net.pt2", "images"], "net.pt2 is for torch.export.load alone; name an .onnx file"),
        (["run", "images", "--image-size", "100"], "image size 100 x 100 is not a multiple of 32"),
        (["run", "images", "--image-size", "0"], "image size 0 x 0 is not a multiple of 32"),
        (["run", "images", "--tile", "0"], "tile size 0 x 0 is too small; it must be at least 32 pixels"),
        (["run", "images", "--max-detections", "-1"], "max_detections is -1; it must be at least 0"),
        (["run", "images", "--min-score", "2"], "min_score is 2.0; it must lie in [0, 1]"),
        (["run", "images", "--classes", "wolf"], "no class is called 'wolf'; there are cat, dog"),
        (["run", "images", "--class-scores", "dog"], "'dog' is not a class and its score; write dog=0.5,cat=0.3"),
        (["run", "images", "--class-scores", "=0.5"], "'=0.5' is not a class and its score"),
        (["run", "images", "--formats", "xml"], "'xml' is not one of images, json, jsonl"),
        (["run", "images", "--formats", "[json"], "'[json' is not a list: write it as one,two or [one, two]"),
        (["run", "images", "--min-score", "most"], "'most' is not a number or best"),
        (["run", "images", "--line-width", "0"], "line_width is 0; it must be at least 1"),
        (["run", "images", "--every", "0"], "every is 0; it must be at least 1"),
        (["run", "camera:99"], "camera:99: no such camera"),
    ],
)
def test_mistakes_are_said_in_one_line(scene, capsys, words, message):
    assert main(["detect", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert _files(scene) == ["images", "run"]


def test_darknets_own_files_find_what_darknet_finds(shared, tmp_path, capsys):
    """Oracle: the original C program on the same network and image; BatchNorm's epsilon differs a little there."""
    network = shared / "weights/yolo-fastest-1.1.cfg"
    options = ["--weights", str(network.with_suffix(".weights")), "--names", str(shared / "weights/coco.names")]
    image = str(shared / "images/dog.jpg")
    words = ["detect", "--model", str(network), *options, image, "--output", str(tmp_path / "out")]
    assert main([*words, "--precision", "fp32"]) == 0
    (result,) = json.loads((tmp_path / "out/detections.json").read_text())
    oracle = json.loads((shared / "oracles/darknet/yolo-fastest-1.1__dog__pjreddie__letterbox.json").read_text())
    expected = sorted((item for item in oracle["detections"] if item["prob"] > 0.25), key=lambda item: -item["prob"])
    found = result["detections"]
    assert [item["label"] for item in found] == [item["class"] for item in expected]
    assert found[0]["name"] == "dog"
    for item, truth in zip(found, expected, strict=True):
        assert item["score"] == pytest.approx(truth["prob"], abs=0.005)
        cx, cy, w, h = torch.tensor(truth["cxcywh_rel"]) * torch.tensor([768, 576, 768, 576])
        edges = torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
        torch.testing.assert_close(torch.tensor(item["box"]), edges.clamp(min=0), rtol=0, atol=2)


def test_images_above_the_limit_of_pixels_need_an_option(scene, capsys):
    Image.new("RGB", (2000, 1000)).save(scene / "images" / "d.png")
    words = ["detect", "run", "images/d.png", "--output", "found"]
    assert main([*words, "--max-megapixels", "1.9"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "d.png: the image has 2,000 x 1,000 pixels, more than 1.9 megapixels; make it smaller, or allow" in error
    assert main([*words, "--max-megapixels", "2", "--tile", "640"]) == 0
    assert main([*words, "--max-megapixels", "0", "--overwrite"]) == 2
    assert "max_megapixels is 0.0; it must be above 0" in capsys.readouterr().err


def test_images_that_are_not_read_are_told_in_one_line(scene):
    (scene / "images" / "phone.heic").write_bytes(b"")
    words = [sys.executable, "-m", "yolo3", "detect", "run", "images", "--formats", "csv"]
    run = subprocess.run(words, capture_output=True, text=True, timeout=100)  # pytest would take the warning
    said = "folder images: left out 1 .heic: formats that are not read, convert them to JPEG or PNG"
    assert run.returncode == 0
    assert [line for line in run.stderr.splitlines() if "warning" in line.lower()] == [f"yolo3 detect: warning: {said}"]


def test_every_command_has_the_same_limit_of_pixels():
    for command in (check, detect, evaluate, train):
        assert defaults(command)["max_megapixels"] == MAX_MEGAPIXELS
