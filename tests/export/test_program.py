import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from yolo3.checkpoint import ModelCard
from yolo3.export import export_program

_CARD = ModelCard(("cat", "dog"), image_size=(32, 48), letterbox="darknet")


def test_a_program_gives_what_the_detector_gives(small, tmp_path):
    small.train()
    receipt = export_program(small, tmp_path / "model.pt2", _CARD, "decoded")
    assert receipt.largest_difference < 1e-4
    assert small.training
    small.eval()

    extra_files = {"yolo3.json": ""}
    loaded = torch.export.load(tmp_path / "model.pt2", extra_files=extra_files).module()
    for shape in ((1, 1, 32, 32), (3, 1, 64, 48)):  # neither is a trial input
        images = torch.rand(shape)
        expected, found = small.decode(small(images)), loaded(images)
        torch.testing.assert_close(found["boxes"], expected.boxes, rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(found["scores"], expected.scores, rtol=1e-5, atol=1e-6)
    about = json.loads(extra_files["yolo3.json"])
    assert about["names"] == ["cat", "dog"]
    assert about["anchors"]["strides"] == [16, 8]
    assert about["verified"]["differences"] == receipt.differences


def test_a_program_runs_without_this_library(one_size, tmp_path):
    one_size.eval()
    export_program(one_size, tmp_path / "model.pt2", _CARD, dynamic_size=False)
    images = torch.rand(3, 1, 32, 48)
    torch.save(images, tmp_path / "images.pt")
    script = (
        "import sys, torch; sys.modules['yolo3'] = None\n"
        "found = torch.export.load('model.pt2').module()(torch.load('images.pt'))\n"
        "torch.save(dict(found), 'found.pt')"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    found = torch.load(tmp_path / "found.pt")
    assert list(found) == ["logits_0", "logits_1"]
    for logits, expected in zip(found.values(), one_size(images), strict=True):
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)


def test_a_full_disk_is_an_error_and_no_abort(small, tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        export_program(small, tmp_path / "model.pt2", _CARD, dynamic_size=False)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_refused(small, one_size, changeling, tmp_path):
    path = tmp_path / "model.pt2"
    for arguments, message in [
        ((small, tmp_path / "model.pth", _CARD), r"model\.pth does not end in \.pt2"),
        ((small, path, _CARD, "detections"), "cannot hold 'detections'; choose logits or decoded"),
        ((small, path, ModelCard(("cat",), image_size=(32, 48))), "the card has 1 names, the detector 2 classes"),
        ((small, path, ModelCard(image_size=(32, 50))), "32 x 50 is not a multiple of 16"),
        ((torch.rand, path, _CARD), r"a detector is an nn\.Module"),
        ((one_size, path, _CARD), r"OneSize cannot be exported for images of any size \(dynamic_size=False may do\)"),
        ((changeling, path, _CARD), "the exported file is wrong and was not kept: .* logits_0"),
    ]:
        with pytest.raises(ValueError, match=message):
            export_program(*arguments)
    assert list(tmp_path.iterdir()) == []
