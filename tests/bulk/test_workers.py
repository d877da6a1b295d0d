"""Several processes: what is dealt to whom, and what happens when one is lost."""

import importlib
import sys
from pathlib import Path

import pytest

from yolo3.bulk import Job, LostParts, PartFolder, part_numbers, run_processes
from yolo3.sources import Frame, Video

_LOOKERS = '''
import os, signal
from dataclasses import dataclass
import torch
from yolo3.sources import Unreadable
from yolo3.structures import Detections

@dataclass(frozen=True)
class Opening:
    """Ends its process at an image of some name: once for each file of that name that there is."""
    folder: str
    always: str = ""
    at_start: bool = False

    def __call__(self, number):
        if self.at_start:
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    def outcomes(self, frames):
        for frame in frames:
            if frame.name == self.always:
                os.kill(os.getpid(), signal.SIGKILL)
            marker = os.path.join(self.folder, frame.name)
            if os.path.exists(marker):
                os.remove(marker)
                os.kill(os.getpid(), signal.SIGKILL)
            if frame.name == "bad.png":
                yield frame, Unreadable(frame.name, ValueError("bad.png: damaged"))
            elif frame.name == "odd.png":
                raise RuntimeError("odd")
            else:
                frame._size = (6, 8)
                yield frame, Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
'''


@pytest.fixture
def lookers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A module that other processes can import too."""
    (tmp_path / "lookers_of_test.py").write_text(_LOOKERS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("lookers_of_test")
    sys.modules.pop("lookers_of_test")


def _frames(names: list[str]) -> list[Frame]:
    return [Frame.unreadable(name, "") for name in names]


def _run(lookers, tmp_path: Path, names: list[str], on_error: str = "skip", **options: object) -> dict[int, list[str]]:
    """The paths of each part that is written, whatever the run ends with."""
    (tmp_path / "out").mkdir()
    folder = PartFolder(tmp_path / "out", ("jsonl",))
    opening = lookers.Opening(str(tmp_path / "markers"), **options)
    job = Job(opening, "x", folder, 2, on_error)
    try:
        done = dict(run_processes(job, part_numbers(_frames(names), 2), 2))
        assert sorted(done) == sorted(folder.finished())
    finally:
        _run.parts = {number: [row.path for row in folder.read(number)] for number in sorted(folder.finished())}
    return _run.parts


_NAMES = [f"{number}.png" for number in range(9)]
_PARTS = {0: ["0.png", "1.png"], 1: ["2.png", "3.png"], 2: ["4.png", "5.png"], 3: ["6.png", "7.png"], 4: ["8.png"]}


@pytest.mark.slow
@pytest.mark.parametrize("lost_at", [[], ["3.png"], ["0.png", "8.png"]])
def test_parts_of_a_lost_process_are_done_again(lookers, tmp_path, lost_at):
    (tmp_path / "markers").mkdir()
    for name in lost_at:
        (tmp_path / "markers" / name).touch()
    assert _run(lookers, tmp_path, _NAMES) == _PARTS


@pytest.mark.slow
def test_a_part_that_loses_every_process_is_named_and_the_others_are_done(lookers, tmp_path):
    with pytest.raises(LostParts, match=r"was lost 3 times, and it is left out: part 000001 \(2\.png to 3\.png\)$"):
        _run(lookers, tmp_path, _NAMES, always="2.png")
    assert _run.parts == {number: paths for number, paths in _PARTS.items() if number != 1}


@pytest.mark.slow
def test_processes_that_never_begin(lookers, tmp_path):
    with pytest.raises(ValueError, match="processes end before they have a detector, the last with code -9"):
        _run(lookers, tmp_path, _NAMES, at_start=True)


@pytest.mark.slow
def test_an_error_of_a_process_is_that_of_the_run(lookers, tmp_path):
    with pytest.raises(ValueError, match=r"^bad\.png: damaged$"):
        _run(lookers, tmp_path, ["0.png", "1.png", "bad.png"], on_error="stop")


@pytest.mark.slow
def test_a_bug_in_a_process_is_told_with_its_place(lookers, tmp_path):
    with pytest.raises(RuntimeError, match=r'(?s)lookers_of_test.py", line .*RuntimeError: odd'):
        _run(lookers, tmp_path, ["odd.png"])


def test_frames_of_a_video_are_refused(lookers, tmp_path):
    frame = Frame("a.mp4 frame 000000", "a", lambda: None, video=Video("a.mp4", "a"))
    job = Job(lookers.Opening(""), "x", PartFolder(tmp_path), 2, "skip")
    with pytest.raises(ValueError, match=r"a\.mp4 is a video, whose frames cannot be shared among processes"):
        list(run_processes(job, [(0, frame)], 2))
