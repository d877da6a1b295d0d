from dataclasses import replace

import numpy as np
import pytest
import torch

from yolo3.results import drawn_videos
from yolo3.sources import Colours, Frame, find_frames
from yolo3.sources.video import describe_video
from yolo3.structures import Detections

av = pytest.importorskip("av")

_FOUND = Detections(torch.tensor([[40.0, 30, 90, 60]]), torch.tensor([0.5]), torch.tensor([0]), ("cat",))


@pytest.mark.parametrize("encoder", ["libx264", "mpeg4"])
def test_a_video_keeps_its_size_and_pace(film, tmp_path, monkeypatch, encoder):
    if encoder not in av.codecs_available:
        pytest.skip(f"this PyAV has no {encoder}")
    monkeypatch.setattr("yolo3.results.video._ENCODERS", (encoder,))
    path = film("street.mp4", num_frames=20, sound=True, size=(128, 192))
    with drawn_videos(tmp_path / "out") as add:
        for frame in find_frames(path):
            add(frame, _FOUND)
    before, after = (list(find_frames(file)) for file in (path, tmp_path / "out/street.mp4"))
    assert len(after) == 20
    assert [frame.time for frame in after] == pytest.approx([frame.time for frame in before], abs=1e-3)
    assert all(frame.size == (128, 192) for frame in after)
    described = describe_video(str(tmp_path / "out/street.mp4"))
    assert float(described.rate) == pytest.approx(25, abs=0.1)
    assert not described.has_sound
    for number in (0, 19):
        drawn = np.asarray(_FOUND.draw(before[number].pixels()), dtype=float)
        compression = abs(drawn - after[number].pixels()).mean()
        drawing = abs(drawn - before[number].pixels()).mean()
        assert compression < 0.5 * drawing


def test_videos_of_a_folder_are_written_one_by_one_and_images_left_out(film, tmp_path):
    film("in/a.mp4", num_frames=3)
    film("in/b.mp4", num_frames=2, size=(48, 80))
    with drawn_videos(tmp_path / "out") as add:
        add(Frame("dog.jpg", "dog", lambda: None), _FOUND)
        for frame in find_frames(tmp_path / "in"):
            add(frame, _FOUND)
    counts = {path.name: len(list(find_frames(path))) for path in (tmp_path / "out").iterdir()}
    assert counts == {"a.mp4": 3, "b.mp4": 2}


def test_odd_sizes_and_standing_clocks(film, tmp_path):
    video = describe_video(str(film("a.mp4")), "odd")
    with drawn_videos(tmp_path / "out") as add:
        for number in range(4):
            add(Frame("x", "x", lambda: np.zeros((33, 51, 3), np.uint8), video, number, 1.0), _FOUND[:0])
    frames = list(find_frames(tmp_path / "out/odd.mp4"))
    assert [frame.size for frame in frames] == [(33, 51)] * 4


def test_what_was_written_before_an_error_can_be_played(film, tmp_path):
    path = film("a.mp4", num_frames=10)
    with pytest.raises(KeyboardInterrupt), drawn_videos(tmp_path / "out") as add:  # noqa: PT012
        for frame in find_frames(path):
            if frame.number == 6:
                raise KeyboardInterrupt
            add(frame, _FOUND)
    assert len(list(find_frames(tmp_path / "out/a.mp4"))) == 6


@pytest.mark.parametrize("encoder", ["libx264", "mpeg4"])
@pytest.mark.parametrize("colours", [(1, 1, 1, 1), (6, 6, 6, 1), (9, 9, 14, 1), (1, 1, 1, 2), (2, 2, 2, 0)])
def test_a_video_keeps_its_colours(film, tmp_path, monkeypatch, encoder, colours):
    """Truth: the frames of the original, and what it says of its colours."""
    if encoder not in av.codecs_available:
        pytest.skip(f"this PyAV has no {encoder}")
    monkeypatch.setattr("yolo3.results.video._ENCODERS", (encoder,))
    path = film("street.mkv", num_frames=6, codec="h264", colours=colours, size=(128, 192))
    with drawn_videos(tmp_path / "out") as add:
        for frame in find_frames(path):
            add(frame, _FOUND[:0])
    before, after = next(find_frames(path)), next(find_frames(tmp_path / "out/street.mp4"))
    said = replace(before.video.colours, range=before.video.colours.range or after.video.colours.range)
    assert after.video.colours == said
    for row, column in ((30, 30), (30, 150), (100, 100)):
        assert after.pixels()[row, column] == pytest.approx(before.pixels()[row, column], abs=6)


def test_colours_that_no_video_has_are_written_as_others(film, tmp_path):
    """RGB, as a screen recording may be: its frames are right, and nothing wrong is said of them."""
    path = film("screen.mkv", num_frames=4, codec="h264", colours=(1, 1, 1, 1))
    frames = list(find_frames(path))
    video = replace(frames[0].video, colours=Colours(matrix=0))
    with drawn_videos(tmp_path / "out") as add:
        for frame in frames:
            add(replace(frame, video=video), _FOUND[:0])
    after = next(find_frames(tmp_path / "out/screen.mp4"))
    assert after.video.colours.matrix == 2
    assert after.pixels()[16, 72] == pytest.approx(frames[0].pixels()[16, 72], abs=6)


@pytest.mark.parametrize("encoder", ["libx264", "mpeg4"])
def test_a_video_keeps_the_shape_of_its_pixels(film, tmp_path, monkeypatch, encoder):
    """One of 2:1 would otherwise play at half its width."""
    if encoder not in av.codecs_available:
        pytest.skip(f"this PyAV has no {encoder}")
    monkeypatch.setattr("yolo3.results.video._ENCODERS", (encoder,))
    path = film("wide.mkv", num_frames=4, codec="h264", aspect=2)
    with drawn_videos(tmp_path / "out") as add:
        for frame in find_frames(path):
            add(frame, _FOUND)
    with av.open(str(tmp_path / "out/wide.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == 2


def test_a_video_that_begins_later_keeps_its_pace(film, tmp_path):
    path = film("later.mkv", num_frames=20, codec="h264", start=125)
    with drawn_videos(tmp_path / "out") as add:
        for frame in find_frames(path, every=3):
            add(frame, _FOUND)
    times = [frame.time for frame in find_frames(tmp_path / "out/later.mp4")]
    assert times == pytest.approx([number * 3 / 25 for number in range(7)], abs=1e-3)
