"""Checkpoints put on a Hub on loopback, and what their page says."""

import json
from pathlib import Path

import huggingface_hub.constants
import pytest
import yaml
from torch import nn

from yolo3 import YOLOv3, load_checkpoint, save_checkpoint
from yolo3.checkpoint import ModelCard, push_to_hub
from yolo3.checkpoint.hub_card import _data_name, measurements, readme
from yolo3.hub import HubAddress

# of httpx, about the way that huggingface_hub calls it
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


def header(page: bytes) -> dict:
    _, text, _ = page.decode().split("---\n", 2)
    return yaml.safe_load(text)


def test_three_files_in_one_commit(hub, run: Path, token: str, tmp_path: Path) -> None:
    url = push_to_hub(run, "user/bccd", license="mit")
    files = hub.repos["user/bccd"]["main"]
    weights = next(run.glob("*.safetensors"))
    assert files.keys() == {".gitattributes", "model.json", weights.name, "README.md"}  # no pickle, no configuration
    assert files["model.json"] == (run / "model.json").read_bytes()
    assert files[weights.name] == weights.read_bytes()
    assert str(tmp_path) not in files["README.md"].decode()
    assert len([request for request in hub.requests if "/commit/" in request]) == 1
    assert url == f"{hub.url}/user/bccd/commit/{hub.commit_of('user/bccd', 'main')}"
    assert load_checkpoint("hf://user/bccd")[1] == load_checkpoint(run)[1]


def test_header_as_the_hub_reads_it(hub, run: Path, token: str) -> None:
    push_to_hub(run, "user/bccd", license="mit", dataset="user/blood")
    assert header(hub.repos["user/bccd"]["main"]["README.md"]) == {
        "library_name": "yolo3",
        "pipeline_tag": "object-detection",
        "tags": ["yolo"],
        "license": "mit",
        "datasets": ["user/blood"],
        "model-index": [
            {
                "name": "bccd",
                "results": [
                    {
                        "task": {"type": "object-detection"},
                        "dataset": {"type": "user/blood", "name": "user/blood", "split": "test"},
                        "metrics": [  # AP75 is -1: not measured
                            {"type": "AP", "name": "AP", "value": 0.4124},
                            {"type": "AP50", "name": "AP50", "value": 0.7},
                        ],
                    }
                ],
            }
        ],
    }


def test_page_tells_how_to_use_it(hub, run: Path, token: str) -> None:
    push_to_hub(run, "user/bccd")
    page = hub.repos["user/bccd"]["main"]["README.md"].decode()
    assert "$ yolo3 detect hf://user/bccd photo.jpg\n" in page
    assert 'Predictor.from_checkpoint("hf://user/bccd")("photo.jpg")[0]' in page
    assert "It detects `RBC`, `WBC`. Its input is 64 × 96 pixels (height × width)" in page
    assert "trained on" not in page
    assert "| bccd | test | 72 | 0.412 | 0.700 |  |" in page
    assert "license" not in header(page.encode())


def test_second_push_replaces_the_weights(hub, run: Path, token: str) -> None:
    push_to_hub(run, "user/bccd")
    old = next(run.glob("*.safetensors")).name
    hub.add("user/bccd", hub.repos["user/bccd"]["main"] | {"notes.txt": b"kept"})
    save_checkpoint(run, YOLOv3(2, width=0.125), ModelCard(("RBC", "WBC"), (64, 96)))
    push_to_hub(run, "user/bccd")
    files = hub.repos["user/bccd"]["main"]
    assert old not in files
    assert files["notes.txt"] == b"kept"
    load_checkpoint("hf://user/bccd")


def test_page_of_ones_own_is_taken(hub, run: Path, token: str) -> None:
    (run / "README.md").write_text("---\nlicense: mit\n---\nMine.\n", encoding="utf-8")
    push_to_hub(run, "user/bccd")
    assert hub.repos["user/bccd"]["main"]["README.md"] == (run / "README.md").read_bytes()


def test_private_repositories_and_branches(hub, run: Path, token: str) -> None:
    push_to_hub(run, "user/bccd", private=True)
    assert hub.private == {"user/bccd"}
    hub.add("user/bccd", {"README.md": b""}, "v2")
    push_to_hub(run, "hf://user/bccd@v2")
    load_checkpoint("hf://user/bccd@v2")
    with pytest.raises(ValueError, match=r"^hf://user/bccd@v3: the repository has no revision 'v3'$"):
        push_to_hub(run, "hf://user/bccd@v3")


def test_what_is_refused(hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"^hf://user/bccd: writing to the Hub needs a token; log in with: hf auth"):
        push_to_hub(run, "user/bccd")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ValueError, match=r"^hf://user/bccd.* hf auth login"):
        push_to_hub(run, "user/bccd")
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_tests")
    with pytest.raises(ValueError, match=r"^hf://boss/bccd may not be written with this token \(403 .*rights"):
        push_to_hub(run, "boss/bccd")
    with pytest.raises(ValueError, match=r"'bccd' is no repository of the Hugging Face Hub; write it as user/name"):
        push_to_hub(run, "bccd")
    with pytest.raises(ValueError, match=r'hf://user/bccd: .*"license" must be one of \[mit'):
        push_to_hub(run, "user/bccd", license="mine")
    with pytest.raises(ValueError, match="is no checkpoint"):
        push_to_hub(tmp_path, "user/bccd")
    next(run.glob("*.safetensors")).write_bytes(b"")
    with pytest.raises(ValueError, match="truncated or damaged"):
        push_to_hub(run, "user/bccd")


def test_upload_that_breaks_off(hub, run: Path, token: str) -> None:
    hub.refuses_uploads = True
    with pytest.raises(ConnectionError, match=r"^hf://user/bccd: Error while uploading 'model-.*safetensors'.*418"):
        push_to_hub(run, "user/bccd")
    assert hub.repos["user/bccd"]["main"].keys() == {".gitattributes"}


def test_offline(hub, run: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConnectionError, match=r"^hf://user/bccd: the Hub cannot be reached \(.+\)$"):
        push_to_hub(run, "user/bccd")
    monkeypatch.setenv("YOLO3_OFFLINE", "1")
    with pytest.raises(ConnectionError, match=r"^hf://user/bccd: YOLO3_OFFLINE is set"):
        push_to_hub(run, "user/bccd")


def test_network_with_parts_of_its_own(tmp_path: Path) -> None:
    detector = YOLOv3(1, width=0.125)
    detector.backbone.register_module("mine", nn.Linear(1, 1))
    save_checkpoint(tmp_path, detector, ModelCard(("a",)))
    _, card = load_checkpoint(tmp_path, detector=detector)
    page = readme(HubAddress("user/own"), card, [])
    assert "yolo3 detect" not in page
    assert 'load_checkpoint("hf://user/own", detector=build_your_network())' in page
    assert "model-index" not in page
    assert "model_name" not in page


def test_names_that_are_markdown_or_many() -> None:
    card = ModelCard(("a`b", "<b>"), architecture={"network": "YOLOv3"})
    assert "It detects `a'b`, `<b>`." in readme(HubAddress("user/x"), card, [])
    assert "It was trained on blood." in readme(HubAddress("user/x"), card, [], dataset="blood")
    card = ModelCard([f"class {number}" for number in range(1000)], architecture={"network": "YOLOv3"})
    assert "`class 99` and 900 more." in readme(HubAddress("user/x"), card, [])


def test_what_was_measured(run: Path) -> None:
    card = load_checkpoint(run)[1]
    (found,) = measurements(run, card, None)
    assert (found.data, found.split, found.num_images) == ("bccd", "test", 72)
    (run / "evaluation").mkdir()
    evaluated = {
        "AP": 0.1,
        "AP50": 0.2,
        "data": "COCO data set other, split 'val'",
        "num_images": 9,
        "trained_on": "x",
    }
    (run / "evaluation/metrics.json").write_text(json.dumps(evaluated), encoding="utf-8")
    assert [(each.data, each.scores["AP"]) for each in measurements(run, card, None)] == [
        ("other", 0.1),
        ("bccd", 0.41236),
    ]
    named = [each.data for each in measurements(run, card, "user/blood")]
    assert named == ["other", "user/blood"]  # it was not trained on the other
    for name in ("metrics.json", "evaluation/metrics.json"):
        (run / name).write_text("[", encoding="utf-8")
    (found,) = measurements(run, card, None)  # what the card says
    assert (found.data, dict(found.scores)) == ("the data held out in training", {"AP": 0.5})


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Pascal VOC data set /home/me/my data/bccd, split 'test'", ("bccd", "test")),
        ("COCO data set C:\\data\\fruits\\annotations\\instances_val.json, split 'val'", ("fruits", "val")),
        ("/data/fruits/annotations/instances_val.json", ("fruits", None)),
        ("YOLO data set planes/data.yaml, split 'train'", ("planes", "train")),
        ("bccd", ("bccd", None)),
        ("", ("unnamed", None)),
    ],
)
def test_a_data_set_is_named_without_its_folders(said: str, expected: tuple[str, str | None]) -> None:
    assert _data_name(said) == expected
