import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest

from yolo3.checkpoint import ModelCard
from yolo3.export import export_onnx
from yolo3.export.sealing import DIGEST, read_sealed, write_sealed


@pytest.fixture
def exported(small, tmp_path: Path) -> Path:
    export_onnx(small, tmp_path / "model.onnx", ModelCard(image_size=(32, 48)), "detections")
    return tmp_path / "model.onnx"


def test_the_digest_is_that_of_the_file_with_zeros_in_its_place(exported: Path) -> None:
    content = exported.read_bytes()
    (digest,) = (entry.value for entry in onnx.load(exported).metadata_props if entry.key == DIGEST)
    assert content.count(digest.encode()) == 1
    assert hashlib.sha256(content.replace(digest.encode(), b"0" * 64)).hexdigest() == digest
    assert read_sealed(exported).graph.output[0].name == "detections"


def test_no_byte_changes_without_notice(exported: Path, tmp_path: Path) -> None:
    """Four hundred flipped bits, each alone, all over the file."""
    content = exported.read_bytes()
    random = np.random.default_rng(0)
    places = random.choice(len(content), 400, replace=False)
    for place in places:
        flipped = bytearray(content)
        flipped[place] ^= 1 << random.integers(8)
        (tmp_path / "flipped.onnx").write_bytes(flipped)
        with pytest.raises(
            ValueError, match=r"flipped\.onnx (is no ONNX file|was not written by|is not the file that)"
        ):
            read_sealed(tmp_path / "flipped.onnx")


def test_writing_again_renews_the_digest(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported)
    model.graph.name = "other"
    onnx.save(model, tmp_path / "stale.onnx")
    with pytest.raises(ValueError, match=r"stale\.onnx is not the file that yolo3 export wrote"):
        read_sealed(tmp_path / "stale.onnx")
    write_sealed(model, tmp_path / "fresh.onnx")
    assert read_sealed(tmp_path / "fresh.onnx").graph.name == "other"


def test_a_file_without_a_digest(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported)
    about = {entry.key: entry.value for entry in model.metadata_props if entry.key != DIGEST}
    onnx.helper.set_model_props(model, about)
    onnx.save(model, tmp_path / "old.onnx")
    with pytest.raises(ValueError, match="comes from a version that stored no digest; export it again"):
        read_sealed(tmp_path / "old.onnx")
