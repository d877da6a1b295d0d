"""`yolo3 detect` in parts, as a user runs it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.cli import main
from yolo3.models import YOLOv3
from yolo3.predictor import Predictor

_WORDS = ["--min-score", "0", "--max-detections", "3"]


def _started(*words: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "yolo3", "detect", "run", "images", *_WORDS, *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _num_parts(folder: Path) -> int:
    return len(list(folder.glob("part-*")))


def _checked(rows: list[dict], expected: list[dict]) -> None:
    """Equal but for the rounding of batches of another size, which change with where a run was killed."""
    assert [row["path"] for row in rows] == [row["path"] for row in expected]
    for row, other in zip(rows, expected, strict=True):
        assert row["labels"] == other["labels"]
        assert row["scores"] == pytest.approx(other["scores"], abs=1e-4)
        assert np.array(row["boxes"]) == pytest.approx(np.array(other["boxes"]), abs=1e-2)


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_like_one_that_is_not(scene, make_images, rows_of):
    make_images(scene / "images", 600)
    assert main(["detect", "run", "images", *_WORDS, "--part-size", "20", "--output", "whole"]) == 0
    dice = random.Random(0)
    kills = 0
    while kills < 5:
        before = len(list((scene / "out").glob("part-*")))
        process = _started("--part-size", "20", "--output", "out", "--resume")
        end = time.monotonic() + 60
        while (
            len(list((scene / "out").glob("part-*"))) < before + 2 and time.monotonic() < end and process.poll() is None
        ):
            time.sleep(0.01)
        time.sleep(dice.random() / 10)
        process.kill()
        process.communicate()
        kills += 1
    process = _started("--part-size", "20", "--output", "out", "--resume")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert 0 < output.count("\npart ") + output.startswith("part ") < 30  # some were finished before
    assert sorted(path.name for path in (scene / "out").iterdir()) == [
        "config.yaml",
        *(f"part-{number:06d}.jsonl" for number in range(30)),
        "run.json",
    ]
    _checked(rows_of(scene / "out"), rows_of(scene / "whole"))


@pytest.mark.slow
def test_a_process_that_is_killed_is_replaced(scene, make_images, rows_of):
    make_images(scene / "images", 400)
    assert main(["detect", "run", "images", *_WORDS, "--part-size", "20", "--output", "whole"]) == 0
    with _started("--part-size", "20", "--output", "out", "--devices", "2") as process:
        while not _num_parts(scene / "out") and process.poll() is None:
            time.sleep(0.01)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        workers = [pid for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
        assert len(workers) == 2
        os.kill(int(workers[0]), signal.SIGKILL)
        output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output
    _checked(rows_of(scene / "out"), rows_of(scene / "whole"))
    assert not list((scene / "out").glob(".*"))


@pytest.mark.slow
def test_bad_images_are_named_without_parts_too(scene, make_images, capfd):
    make_images(scene / "images", 98)
    (scene / "images/00040x.png").write_bytes((scene / "images/00040.png").read_bytes()[:200])
    (scene / "images/empty.jpg").touch()
    with pytest.warns(UserWarning, match=r"2 of 100 images could not be read; out/errors\.jsonl names them"):
        assert main(["detect", "run", "images", *_WORDS, "--formats", "jsonl", "--output", "out"]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == "294 objects in 98 images, 2 could not be read: out"
    errors = [json.loads(line) for line in (scene / "out/errors.jsonl").read_text().splitlines()]
    assert [error["path"] for error in errors] == ["images/00040x.png", "images/empty.jpg"]
    found = [json.loads(line) for line in (scene / "out/detections.jsonl").read_text().splitlines()]
    assert [Path(row["image"]).name for row in found] == [f"{number:05d}.png" for number in range(98)]
    assert all(len(row["detections"]) == 3 for row in found)


@pytest.mark.slow
@pytest.mark.parametrize("devices", ["1", "2"])
def test_bad_images_are_named_and_the_others_are_there(scene, make_images, rows_of, capfd, devices):
    make_images(scene / "images", 98)
    (scene / "images/00040x.png").write_bytes((scene / "images/00040.png").read_bytes()[:200])
    (scene / "images/empty.jpg").touch()
    words = ["--part-size", "30", "--devices", devices, "--formats", "jsonl", "--output", "out"]
    with pytest.warns(UserWarning, match=r"2 of 100 images could not be read; out/errors\.jsonl names them"):
        assert main(["detect", "run", "images", *_WORDS, *words]) == 0
    assert capfd.readouterr().out.splitlines()[-1] == ("294 objects in 98 images in 4 parts, 2 could not be read: out")
    errors = [json.loads(line) for line in (scene / "out/errors.jsonl").read_text().splitlines()]
    assert [error["path"] for error in errors] == ["images/00040x.png", "images/empty.jpg"]
    assert errors[1]["reason"] == "the file is empty; replace or remove it"
    rows = rows_of(scene / "out")
    assert len(rows) == 100
    assert [row["path"] for row in rows if row["error"]] == [error["path"] for error in errors]
    assert all(len(row["scores"]) == 3 for row in rows if not row["error"])


def test_the_shards_together_are_the_whole(scene, make_images, rows_of):
    make_images(scene / "images", 25)
    assert main(["detect", "run", "images", *_WORDS, "--part-size", "4", "--output", "whole"]) == 0
    for number in (2, 1, 3):
        words = ["--part-size", "4", "--output", "out", "--shard", f"{number}/3"]
        assert main(["detect", "run", "images", *_WORDS, *words]) == 0
    assert len(list((scene / "out").glob("part-*"))) == 7
    _checked(rows_of(scene / "out"), rows_of(scene / "whole"))


def test_what_a_resumed_run_refuses(scene, make_images, capsys):
    make_images(scene / "images", 5)
    words = ["detect", "run", "images", "--part-size", "2", "--output", "out"]
    assert main(words) == 0
    for more, complaint in (
        (["--min-score", "0.5", "--resume"], "out was begun with --min-score 0.25, not 0.5"),
        (["--part-size", "3", "--resume"], "out was begun with --part-size 2, not 3"),
        (["--formats", "parquet", "--resume"], "out was begun with --formats ['jsonl'], not ['parquet']"),
        ([], "output folder out exists; go on with --resume, name another with --output, or pass --overwrite"),
    ):
        assert main([*words, *more]) == 2
        error = capsys.readouterr().err
        assert complaint in error
        assert error.count("\n") == 1
    save_checkpoint("run", YOLOv3(2, width=0.1), ModelCard(("cat", "dog"), image_size=(64, 64)))
    assert main([*words, "--resume"]) == 2
    assert "out was begun with another model" in capsys.readouterr().err
    (scene / "images/00000a.png").write_bytes((scene / "images/00000.png").read_bytes())
    assert main([*words, "--overwrite"]) == 0
    (scene / "images/00000a.png").unlink()
    assert main([*words, "--resume"]) == 2
    assert "the source has changed" in capsys.readouterr().err


def test_a_finished_run_is_not_done_again(scene, make_images, monkeypatch):
    make_images(scene / "images", 5)
    words = ["detect", "run", "images", "--part-size", "2", "--output", "out", "--resume"]
    assert main(words) == 0

    def never(self, frames):
        assert list(frames) == []
        return iter(())

    monkeypatch.setattr(Predictor, "outcomes", never)
    assert main(words) == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--part-size", "0"], "part_size is 0; it must be at least 1"),
        (["--devices", "0"], "devices is 0; it must be at least 1"),
        (["--shard", "17/16", "--output", "out"], "shard 17/16 does not exist; shards are counted from 1/16"),
        (["--shard", "1/2"], "--shard continues in a folder; name it with --output"),
        (["--resume"], "--resume continues in a folder; name it with --output"),
        (["--resume", "--output", "images"], "images holds no run in parts to go on with; name another folder"),
        (
            ["--part-size", "5", "--formats", "images,jsonl"],
            "--formats images cannot be written in parts; choose jsonl",
        ),
    ],
)
def test_mistakes_are_said_in_one_line(scene, make_images, capsys, words, complaint):
    make_images(scene / "images", 2)
    assert main(["detect", "run", "images", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"yolo3 detect: error: {complaint}")
    assert error.count("\n") == 1
    assert sorted(path.name for path in scene.iterdir()) == ["images", "run"]


def test_nothing_could_be_read(scene, capsys):
    (scene / "images").mkdir()
    (scene / "images/a.png").touch()
    for more in ([], ["--part-size", "2"]):
        assert main(["detect", "run", "images", *more, "--output", f"out{len(more)}"]) == 3
        error = capsys.readouterr().err
        assert error.startswith("yolo3 detect: error: no image could be read, images/a.png: the file is empty")
        assert error.count("\n") == 1
        assert (scene / f"out{len(more)}/errors.jsonl").exists()
    assert main(["detect", "run", "images/a.png"]) == 2  # a single image is an error


def test_a_list_on_standard_input(scene, make_images, rows_of, monkeypatch):
    import io

    make_images(scene / "images", 3)
    lines = "images/00002.png\nimages/nowhere.png\nimages/00000.png\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    with pytest.warns(UserWarning, match="1 of 3 images could not be read"):
        assert main(["detect", "run", "-", "--part-size", "2", "--output", "out"]) == 0
    assert [row["path"] for row in rows_of(scene / "out")] == lines.split()


def test_detections_in_parts_are_measured_as_a_file_of_them_is(scene, make_images):
    """One image is in no part: its object is missed in both."""
    make_images(scene / "images", 7)
    assert main(["detect", "run", "images", *_WORDS, "--formats", "coco", "--output", "coco"]) == 0
    found = json.loads((scene / "coco/coco.json").read_text())
    content = {
        "images": [{"id": number, "file_name": f"{number:05d}.png", "width": 40, "height": 30} for number in range(7)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(("cat", "dog"))],
        "annotations": [
            {"id": number, "image_id": item["image_id"], "category_id": item["category_id"], "bbox": item["bbox"]}
            for number, item in enumerate(found[::2], start=1)
        ],
    }
    (scene / "truth.json").write_text(json.dumps(content))
    (scene / "images/00006.png").unlink()
    for formats in ("jsonl", "parquet"):
        parts = ["--formats", formats, "--part-size", "2", "--output", formats]
        assert main(["detect", "run", "images", *_WORDS, *parts]) == 0
        assert main(["evaluate", "truth.json", "--detections", formats, "--output", f"of_{formats}"]) == 0
    kept = [item for item in found if item["image_id"] != 6]
    (scene / "found.json").write_text(json.dumps(kept))
    assert main(["evaluate", "truth.json", "--detections", "found.json", "--output", "of_file"]) == 0
    metrics = [json.loads((scene / f"of_{name}/metrics.json").read_text()) for name in ("jsonl", "parquet", "file")]
    assert metrics[0]["AP"] == metrics[1]["AP"] == pytest.approx(metrics[2]["AP"])
    assert metrics[0]["AP"] > 0.5
