import builtins
import struct
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

from yolo3.sources import Frame, count_frames, find_frames
from yolo3.sources.video import describe_video, is_live, is_video
from yolo3.sources.web import shown


def test_frames_come_in_order_with_names_and_times(film):
    path = film("street.mp4", num_frames=12)
    frames = list(find_frames(path))
    assert [frame.name for frame in frames[:2]] == [f"{path} frame 000000", f"{path} frame 000001"]
    assert [frame.stem for frame in frames[:2]] == ["street/000000", "street/000001"]
    assert [frame.number for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == pytest.approx([number / 25 for number in range(12)])
    assert [frame.pixels()[40, 70].mean() for frame in frames] == pytest.approx([10 + 2 * i for i in range(12)], abs=3)
    assert frames[0].pixels()[5, 5].mean() > 240
    assert all(frame.size == (64, 96) for frame in frames)
    assert all(frame.video is frames[0].video for frame in frames)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "h264"), ("a.mov", "mpeg4"), ("a.mkv", "h264"), ("a.AVI", "mpeg4"), ("a.webm", "vp8")]
)
def test_common_kinds_of_files(film, name, codec):
    path = film(name, num_frames=9, codec="libvpx" if codec == "vp8" else codec, sound=False)
    assert len(list(find_frames(path))) == count_frames(path) == 9


def test_a_video_tells_its_pace_and_sound(film):
    video = describe_video(str(film("a.mp4", sound=True)), "a")
    assert (video.rate, video.num_frames, video.has_sound, video.stem) == (Fraction(25), 12, True, "a")
    assert not describe_video(str(film("b.mp4"))).has_sound


def test_several_threads_may_read_one_frame(film):
    frames = list(find_frames(film("a.mp4", num_frames=4)))
    expected = [frame.read() for frame in frames]
    with ThreadPoolExecutor(8) as threads:  # without a lock this ends the process
        for number, pixels in threads.map(lambda number: (number, frames[number % 4].read()), range(800)):
            assert np.array_equal(pixels, expected[number % 4])


@pytest.mark.parametrize(
    ("name", "codec", "start", "sound"),
    [
        ("later.mkv", "h264", 125, False),
        ("later.mkv", "mpeg4", 125, True),
        ("later.mp4", "h264", 125, False),
        ("stream.mpg", "mpeg1video", 0, False),
        ("stream.mts", "h264", 0, False),
        ("a.avi", "mpeg4", 0, False),
    ],
)
def test_time_begins_with_the_video(film, name, codec, start, sound):
    """Whatever its clock shows then: an MPEG program stream begins at 0.54 s, a recording that was cut anywhere."""
    path = film(name, num_frames=30, codec=codec, start=start, sound=sound)
    times = [frame.time for frame in find_frames(path)]
    assert times == pytest.approx([number / 25 for number in range(30)], abs=1e-3)
    assert describe_video(str(path)).num_frames == 30
    assert count_frames(path, every=7) == 5


@pytest.mark.parametrize(
    ("name", "aspect"),
    [("a.mp4", 2), ("a.mkv", Fraction(16, 15)), ("a.avi", 1), ("a.mp4", 1)],
)
def test_the_shape_of_pixels(film, name, aspect):
    path = film(name, codec="h264", aspect=aspect)
    assert describe_video(str(path)).pixel_aspect == aspect
    assert next(find_frames(path)).video.pixel_aspect == aspect


def test_the_shape_of_pixels_is_that_of_the_upright_frame(film):
    path = film("lying.mp4", codec="h264", aspect=2)
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd") + 4
    matrix = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    data[header + 40 : header + 76] = struct.pack(">9i", *matrix)
    path.write_bytes(data)
    assert next(find_frames(path)).video.pixel_aspect == Fraction(1, 2)


@pytest.mark.parametrize("colours", [(1, 1, 1, 1), (6, 6, 6, 1), (9, 9, 14, 1), (1, 1, 1, 2), (2, 2, 2, 0)])
def test_colours_are_told_and_kept_to(film, colours):
    frame = next(find_frames(film("a.mkv", codec="h264", colours=colours)))
    video = frame.video.colours
    assert (video.matrix, video.primaries, video.transfer, video.range) == colours
    expected = (10, 10, 10) if colours[0] == 2 else (200, 40, 60)
    assert frame.pixels()[16, 72] == pytest.approx(expected, abs=6)


@pytest.mark.parametrize(("every", "expected"), [(1, 12), (5, 3), (12, 1), (100, 1)])
def test_only_the_first_of_so_many(film, every, expected):
    path = film("a.mp4", num_frames=12)
    assert [frame.number for frame in find_frames(path, every)] == list(range(0, 12, every))
    assert count_frames(path, every) == expected


def test_every_is_at_least_one(film):
    with pytest.raises(ValueError, match="every is 0; it must be at least 1"):
        next(find_frames(film("a.mp4"), every=0))
    with pytest.raises(ValueError, match="every is 0; it must be at least 1"):
        count_frames(film("a.mp4"), every=0)


@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((0, 1, -1, 0), lambda pixels: np.rot90(pixels, -1)),  # a point right of the origin goes below it: clockwise
        ((-1, 0, 0, -1), lambda pixels: np.rot90(pixels, 2)),
        ((0, -1, 1, 0), lambda pixels: np.rot90(pixels, 1)),
    ],
)
def test_frames_are_upright(film, matrix, turn):
    """Source: ISO 14496-12, the matrix of a track header: (x, y) is shown at (a·x + c·y, b·x + d·y), y downward."""
    path = film("lying.mp4")
    stored = next(find_frames(path)).pixels()
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd") + 4
    a, b, c, d = (number * 0x10000 for number in matrix)
    data[header + 40 : header + 76] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(data)
    frame = next(find_frames(path))
    np.testing.assert_array_equal(frame.pixels(), turn(stored))
    assert frame.size == turn(stored).shape[:2]


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv", "cut.avi"])
def test_a_video_that_is_cut_off_gives_what_it_has(film, name):
    path = film(name, num_frames=50)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    read: list[Frame] = []
    with pytest.raises(ValueError, match=rf"{name} is (cut off|damaged .*) after frame 0000\d\d; replace it") as raised:
        read.extend(find_frames(path))
    assert 15 < len(read) < 45
    assert [frame.number for frame in read] == list(range(len(read)))
    assert [frame.time for frame in read] == pytest.approx([number / 25 for number in range(len(read))])
    assert f"after frame {len(read) - 1:06d}" in str(raised.value)


def test_a_video_that_is_damaged_tells_where(film):
    path = film("bad.mp4", num_frames=50)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = np.random.default_rng(0).bytes(2000)
    path.write_bytes(data)
    read = []
    with pytest.raises(ValueError, match=r"bad.mp4 is damaged \(Invalid data.*\) after frame 0000\d\d"):
        read.extend(find_frames(path))
    assert len(read) > 5


def test_what_is_no_video(film, tmp_path):
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(ValueError, match=r"text.mp4: not a video that can be read \(Invalid data"):
        list(find_frames(tmp_path / "text.mp4"))
    whole = film("end.mp4").read_bytes()
    (tmp_path / "start.mp4").write_bytes(whole[: whole.index(b"moov")])
    with pytest.raises(ValueError, match=r"start.mp4: not a video that can be read"):
        list(find_frames(tmp_path / "start.mp4"))
    with pytest.raises(ValueError, match=r"nowhere.mp4: no such file or folder"):
        list(find_frames(tmp_path / "nowhere.mp4"))


def test_sound_alone_has_no_images(tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        audio = container.add_stream("aac", rate=16_000)
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        tone.sample_rate = 16_000
        container.mux([*audio.encode(tone), *audio.encode(None)])
    with pytest.raises(ValueError, match=r"sound.mp4: no video stream in it"):
        list(find_frames(tmp_path / "sound.mp4"))


@pytest.mark.parametrize(
    ("source", "live", "video"),
    [
        ("camera:0", True, True),
        ("/dev/video1", True, True),
        ("rtsp://camera/stream", True, True),
        ("a.MP4", False, True),
        ("camera:front.jpg", False, False),
        ("dog.gif", False, False),
        ("http://camera/video.mjpg", True, True),
        ("https://host/dog.JPG?size=2", False, False),
    ],
)
def test_what_is_a_camera_and_what_a_video(source, live, video):
    assert is_live(source) is live
    assert is_video(source) is video


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("camera:99", "camera:99: no such camera"),
        ("/dev/video99", "/dev/video99: no such camera"),
        ("rtsp://me:secret@127.0.0.1:1/x", r"rtsp://127.0.0.1:1/x: not a camera or stream that can be read"),
    ],
)
def test_a_camera_that_is_not_there(source, message):
    pytest.importorskip("av")
    with pytest.raises(ValueError, match=message) as raised:
        list(find_frames(source))
    assert "secret" not in str(raised.value)


def test_passwords_are_not_shown():
    assert shown("rtsp://me:secret@host/x") == "rtsp://host/x"
    assert shown("street.mp4") == "street.mp4"


def test_without_pyav_the_extra_is_named(monkeypatch, tmp_path):
    (tmp_path / "a.mp4").touch()
    whole = builtins.__import__

    def without_av(name, *arguments, **options):
        if name == "av" or name.startswith("av."):
            raise ModuleNotFoundError("No module named 'av'", name="av")
        return whole(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(
        ModuleNotFoundError, match=r'a.mp4: videos and cameras need PyAV: pip install "yolo3-torch\[video\]"'
    ):
        next(find_frames(tmp_path / "a.mp4"))
