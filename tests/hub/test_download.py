"""Checkpoints opened from a Hub on loopback."""

import shutil
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch

from yolo3 import Predictor, load_checkpoint
from yolo3.checkpoint import read_card


@pytest.fixture
def pushed(hub, run: Path) -> str:
    """The commit of a repository with a checkpoint, and files beside it that nobody should fetch."""
    files = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    return hub.add(
        "user/bccd", files | {"model-000000000000.safetensors": b"of an earlier push", "model.pt": b"pickle"}
    )


def same_weights(one, other) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(left, right) for left, right in pairs)


def test_the_checkpoint_is_the_one_that_was_pushed(hub, run: Path, pushed: str) -> None:
    detector, card = load_checkpoint("hf://user/bccd")
    own, own_card = load_checkpoint(run)
    assert same_weights(detector, own)
    assert card == own_card
    assert Predictor.from_checkpoint("hf://user/bccd").names == ("RBC", "WBC")


def test_nothing_is_printed_where_there_is_no_terminal(hub, pushed: str, capfd: pytest.CaptureFixture[str]) -> None:
    load_checkpoint("hf://user/bccd")
    assert capfd.readouterr() == ("", "")


def test_two_files_are_fetched_and_once(hub, run: Path, pushed: str) -> None:
    load_checkpoint("hf://user/bccd")
    weights = next(run.glob("*.safetensors")).name
    fetched = [request for request in hub.requests if request.startswith("GET /user")]
    assert fetched == [f"GET /user/bccd/resolve/{pushed}/{name}" for name in ("model.json", weights)]
    hub.requests.clear()
    load_checkpoint(f"hf://user/bccd@{pushed}")
    assert hub.requests == []  # a commit that is in the cache: nothing is asked


def test_the_card_alone(hub, pushed: str) -> None:
    assert read_card("hf://user/bccd").names == ("RBC", "WBC")
    assert not [request for request in hub.requests if "safetensors" in request]


def test_revisions(hub, run: Path, pushed: str) -> None:
    hub.add("user/bccd", {"README.md": b"nothing yet"}, "v0")
    load_checkpoint(f"hf://user/bccd@{pushed}")
    with pytest.raises(ValueError, match=r"^hf://user/bccd@v0 is no checkpoint of yolo3: it has no model\.json$"):
        load_checkpoint("hf://user/bccd@v0")
    with pytest.raises(ValueError, match=r"^hf://user/bccd@v9: the repository has no revision 'v9'$"):
        load_checkpoint("hf://user/bccd@v9")


def test_repositories_that_are_not_there_or_not_for_all(hub, pushed: str, token: str, monkeypatch) -> None:
    hub.private.add("user/bccd")
    load_checkpoint("hf://user/bccd")  # with the token
    monkeypatch.delenv("HF_TOKEN")
    hub.add("user/other", {})
    hub.private.add("user/other")
    for repo in ("user/none", "user/other"):
        with pytest.raises(ValueError, match=rf"^hf://{repo}: no such repository, or a private one: .* hf auth login"):
            load_checkpoint(f"hf://{repo}")
    hub.gated.add("user/other")
    with pytest.raises(ValueError, match=r"^hf://user/other: ask for access on the page of this repository"):
        load_checkpoint("hf://user/other")


def test_without_the_hub_the_cache_is_used(hub, run: Path, pushed: str, monkeypatch) -> None:
    load_checkpoint("hf://user/bccd")
    hub.add("user/other", {"model.json": b"{}"})
    gone = "http://127.0.0.1:9"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", gone)
    assert load_checkpoint("hf://user/bccd")[1].names == ("RBC", "WBC")
    with pytest.raises(
        ConnectionError, match=r"^hf://user/other: model\.json is not in the cache .* be reached \(.+\)$"
    ):
        load_checkpoint("hf://user/other")


@pytest.mark.parametrize("variable", ["YOLO3_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_by_choice(hub, pushed: str, variable: str, monkeypatch) -> None:
    load_checkpoint("hf://user/bccd")
    hub.add("user/other", {"model.json": b"{}"})
    hub.requests.clear()
    if variable == "HF_HUB_OFFLINE":  # read once, when the library is imported
        monkeypatch.setattr(huggingface_hub.constants, variable, True)
    else:
        monkeypatch.setenv(variable, "1")
    load_checkpoint("hf://user/bccd")
    with pytest.raises(
        ConnectionError, match=rf"^hf://user/other: model\.json is not in the cache .* {variable} is set$"
    ):
        load_checkpoint("hf://user/other")
    assert hub.requests == []


def test_a_hub_under_repair(hub, pushed: str, monkeypatch) -> None:
    hub.status = 418
    with pytest.raises(ConnectionError, match=r"^hf://user/bccd: .*418"):
        load_checkpoint("hf://user/bccd")


def test_a_cache_that_is_damaged(hub, tmp_path: Path, pushed: str) -> None:
    load_checkpoint("hf://user/bccd")
    weights = next((tmp_path / "cache").rglob("snapshots/*/model-*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.resolve().write_bytes(content)
    with pytest.raises(ValueError, match="truncated or damaged"):
        load_checkpoint(f"hf://user/bccd@{pushed}")
    shutil.rmtree(tmp_path / "cache")
    load_checkpoint(f"hf://user/bccd@{pushed}")


def test_a_card_that_names_a_file_elsewhere_fetches_nothing(hub, run: Path) -> None:
    card = (run / "model.json").read_text(encoding="utf-8")
    name = next(run.glob("*.safetensors")).name
    hub.add("user/evil", {"model.json": card.replace(name, "model.pt").encode(), "model.pt": b"pickle"})
    with pytest.raises(ValueError, match="'weights' cannot be"):
        load_checkpoint("hf://user/evil")
    assert not [request for request in hub.requests if "model.pt" in request]
