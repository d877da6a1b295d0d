from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolo3.sources import Frame, count_frames, find_frames


def _image(path, colour=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (colour,) * 3).save(path)
    return path


def test_images_and_videos_of_a_folder_come_together(tmp_path, film):
    _image(tmp_path / "a.png")
    film("b/film.mp4", num_frames=3)
    _image(tmp_path / "c.png")
    (tmp_path / "notes.txt").touch()
    names = [frame.name.removeprefix(f"{tmp_path}/") for frame in find_frames(tmp_path)]
    assert names == ["a.png", *(f"b/film.mp4 frame 00000{number}" for number in range(3)), "c.png"]
    assert count_frames(tmp_path) == 5
    assert count_frames(tmp_path, every=2) == 4
    assert count_frames(str(tmp_path / "*.png")) == 2
    matches = [frame.name for frame in find_frames(str(tmp_path / "**/*"))]
    assert matches == [frame.name for frame in find_frames(tmp_path)]


def test_results_of_one_name_are_called_differently(tmp_path):
    """Also where a file system does not tell A from a."""
    files = [_image(tmp_path / name) for name in ("x/a.png", "y/a.png", "y/A.bmp", "z/a-2.png")]
    assert [frame.stem for frame in find_frames(files)] == ["a", "a-2", "A-3", "a-2-2"]


def test_videos_of_one_name_are_called_differently(film):
    stems = [frame.stem for frame in find_frames([film("x/a.mp4", 1), film("y/a.mp4", 1)])]
    assert stems == ["a/000000", "a-2/000000"]


def test_what_is_in_memory_is_numbered(tmp_path):
    file = _image(tmp_path / "a.png")
    array = np.zeros((4, 5, 3), np.uint8)
    frames = list(find_frames([array, file, Image.new("RGB", (5, 4)), torch.zeros(3, 4, 5)]))
    assert [frame.name for frame in frames] == ["image 0", str(file), "image 1", "image 2"]
    assert [frame.size for frame in frames] == [(4, 5), (6, 8), (4, 5), (4, 5)]


def test_an_endless_stream_is_taken_one_by_one():
    taken = []

    def images():
        for number in count():
            taken.append(number)
            yield np.zeros((2, 2, 3), np.uint8)

    assert [frame.name for frame in islice(find_frames(images()), 3)] == ["image 0", "image 1", "image 2"]
    assert taken == [0, 1, 2]


def test_frames_pass_as_they_are(tmp_path):
    frame = Frame.of_file(_image(tmp_path / "a.png", 7))
    assert next(find_frames([frame])) is frame
    assert frame.pixels().mean() == 7


def test_a_camera_has_no_count():
    assert count_frames(["camera:0"]) is None
    assert count_frames("rtsp://host/x") is None


def test_what_holds_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"folder .* holds no images \(.avif, .bmp, .*\) and no videos"):
        next(find_frames(tmp_path))
    with pytest.raises(ValueError, match=r"glob .*\*.jpg matches no images"):
        next(find_frames(str(tmp_path / "*.jpg")))
    with pytest.raises(ValueError, match="the source holds no images"):
        next(find_frames([]))


def test_images_that_are_not_read_are_counted(tmp_path):
    for name in ("a.png", "b.HEIC", "c/d.heic", "e.svg", "notes.txt", ".f.heic", "._a.png", ".thumbs/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name, "PNG")
    said = r"(folder|glob) .*: left out 2 \.heic, 1 \.svg: formats that are not read, convert them to JPEG or PNG$"
    for source in (tmp_path, str(tmp_path / "**/*")):
        with pytest.warns(UserWarning, match=said):
            assert [Path(frame.name).name for frame in find_frames(source)] == ["a.png"]
    (tmp_path / "a.png").unlink()
    for source in (tmp_path, str(tmp_path / "**/*")):
        with pytest.raises(ValueError, match=r"no images \(.* and no videos; left out 2 \.heic, 1 \.svg: "):
            next(find_frames(source))


def test_hidden_videos_are_passed_over(film, tmp_path):
    film("scene/a.mp4")
    film("scene/._a.mp4")
    film("scene/.cache/b.mp4")
    assert count_frames(tmp_path / "scene") == 12


def test_a_limit_of_pixels_belongs_to_the_frames(tmp_path):
    Image.new("RGB", (2000, 1000)).save(tmp_path / "a.png")
    (frame,) = find_frames(tmp_path, max_megapixels=1.9)
    for read in (frame.pixels, lambda: frame.reduced(lambda size: None)):
        with pytest.raises(ValueError, match=r"a\.png: the image has 2,000 x 1,000 pixels, more than 1\.9 megapixels"):
            read()
    with pytest.raises(ValueError, match="max_megapixels is 0; it must be above 0"):
        next(find_frames(tmp_path, max_megapixels=0))


def test_linked_folders_are_looked_into(tmp_path, film):
    """Of 6 images 3 lie behind a link, and a video does."""
    for number in range(3):
        _image(tmp_path / f"source/{number}.png")
        _image(tmp_path / f"elsewhere/{number}.png")
    film("elsewhere/film.mp4", num_frames=2)
    (tmp_path / "source/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "source/linked/back").symlink_to(tmp_path / "source")
    (tmp_path / "source/all").symlink_to("/")
    assert count_frames(tmp_path / "source") == 8
    assert count_frames(f"{tmp_path}/source/**/*.png") == 6
    assert count_frames(f"{tmp_path}/source/*/*.png") == 3
