"""Detection in a Ray pipeline: the callable class alone, and under Ray where it is installed."""

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from yolo3.bulk import COLUMNS
from yolo3.checkpoint import ModelCard, save_checkpoint
from yolo3.models import YOLOv3
from yolo3.predictor import Predictor

pytest.importorskip("pyarrow")
from yolo3.ray import Detect

_ROOT = Path(__file__).parents[1]
_with_ray = pytest.mark.skipif(find_spec("ray") is None, reason='ray is not installed: pip install "yolo3-torch[ray]"')


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a checkpoint ``run`` and 98 good and 2 bad ``images``; the current one."""
    save_checkpoint(tmp_path / "run", YOLOv3(2, width=0.1), ModelCard(("cat", "dog"), image_size=(64, 64)))
    (tmp_path / "images").mkdir()
    for number in range(98):
        Image.effect_noise((40, 30), 50).convert("RGB").save(tmp_path / f"images/{number:05d}.png")
    (tmp_path / "images/00040x.png").write_bytes((tmp_path / "images/00040.png").read_bytes()[:200])
    (tmp_path / "images/empty.png").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def detect(scene: Path) -> Detect:
    return Detect("run", min_score=0.0, max_detections=2)


def test_rows_of_paths(detect):
    paths = ["images/00001.png", "images/empty.png", "images/00002.png"]
    table = detect({"path": paths, "other": [1, 2, 3]})
    assert tuple(table.column_names) == COLUMNS
    rows = table.to_pylist()
    assert [row["path"] for row in rows] == paths
    assert [row["error"] for row in rows] == [None, "the file is empty; replace or remove it", None]
    (found,) = Predictor.from_checkpoint("run", min_score=0.0, max_detections=2)("images/00002.png")
    assert rows[2]["boxes"] == [pytest.approx(box, abs=1e-3) for box in found.boxes.tolist()]
    assert (rows[2]["width"], rows[2]["height"], rows[2]["names"]) == (40, 30, found.names)


def test_rows_of_bytes(detect):
    content = Path("images/00001.png").read_bytes()
    rows = detect({"bytes": [content, b"nonsense"]}).to_pylist()
    assert [row["path"] for row in rows] == ["row 0", "row 1"]
    assert rows[0]["boxes"] == detect({"path": ["images/00001.png"]}).to_pylist()[0]["boxes"]
    assert rows[1]["error"].startswith("not an image that can be read")
    (named,) = detect({"bytes": [content], "path": ["a.png"]}).to_pylist()
    assert (named["path"], named["error"]) == ("a.png", None)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        (None, "neither a path nor bytes"),
        (5, "neither a path nor bytes"),
        ("images", "not a single image"),
        ("nowhere", "no such file or folder"),
        ("nowhere.png", "no such file or folder"),
        ("-", "not a single image"),
        ("street.mp4", "not a single image"),
        ("caf\udce9.png", "no such file or folder"),
    ],
)
def test_no_image_raises(detect, path, error):
    bad, good = detect({"path": [path, "images/00001.png"]}).to_pylist()
    assert error in bad["error"]
    assert good["error"] is None


def test_the_types_do_not_depend_on_the_batch(detect):
    bad = detect({"path": ["nowhere.png"]})
    good = detect({"path": ["images/00001.png"]})
    assert bad.schema == good.schema
    assert len(detect({"path": []})) == 0


def test_a_batch_without_either(detect):
    with pytest.raises(ValueError, match="rows need a column path or bytes; these have image"):
        detect({"image": ["a.png"]})


@pytest.mark.slow
@_with_ray
def test_the_example_names_the_bad_ones(scene):
    from pyarrow import parquet

    command = [sys.executable, _ROOT / "examples/detect_ray.py", "run", "images", "--output", "out"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "100 images, 2 of them could not be read: out"
    rows = parquet.read_table("out").to_pylist()
    errors = {Path(row["path"]).name: row["error"] for row in rows if row["error"] is not None}
    assert errors.keys() == {"00040x.png", "empty.png"}
    assert errors["empty.png"] == "the file is empty; replace or remove it"
    assert sum(len(row["boxes"]) == len(row["scores"]) and row["width"] == 40 for row in rows) == 98
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].endswith("out exists, and Ray would add to it; name another with --output")


_KILLED = """
import ray, sys
from yolo3.ray import Detect
class Slow(Detect):
    def __call__(self, batch):
        import time
        time.sleep(0.2)
        return super().__call__(batch)
ray.init(num_cpus=4, include_dashboard=False)
ray.data.DataContext.get_current().enable_progress_bars = False
paths = [{"path": f"IMAGES/{number % 98:05d}.png"} for number in range(500)]
images = ray.data.from_items(paths, override_num_blocks=25)
found = images.map_batches(
    Slow, compute=ray.data.ActorPoolStrategy(size=2), batch_size=20, fn_constructor_args=["RUN"]
)
print("begun", flush=True)
rows = found.take_all()
print(len(rows), len({row["path"] for row in rows}), sum(row["error"] is not None for row in rows))
"""


@pytest.mark.slow
@_with_ray
def test_an_actor_that_dies_loses_nothing(scene):
    import psutil

    (scene / "main.py").write_text(_KILLED.replace("IMAGES", str(scene / "images")).replace("RUN", str(scene / "run")))
    killed = 0
    environment = {**os.environ, "PYTHONPATH": str(scene)}
    with subprocess.Popen(
        [sys.executable, "main.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as driver:
        end = time.monotonic() + 120
        while not killed and time.monotonic() < end and driver.poll() is None:
            for process in psutil.Process(driver.pid).children(recursive=True):
                if "MapWorker" in " ".join(process.cmdline()) and "submit" in " ".join(process.cmdline()):
                    process.kill()
                    killed += 1
                    break
            time.sleep(0.05)
        output, error = driver.communicate(timeout=200)
    assert killed == 1, error
    assert "500 98 0" in output.splitlines(), error  # Ray tells of the actor in its own time
