import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from yolo3.data import read_image
from yolo3.sources import count_frames, find_frames


class _Silent(SimpleHTTPRequestHandler):
    seen: ClassVar[list[str | None]] = []

    def do_GET(self):
        self.seen.append(self.headers["Authorization"])
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def site(tmp_path):
    """A folder, and its address."""
    (tmp_path / "site").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Silent, directory=tmp_path / "site")) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path / "site", f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_image_by_its_address_is_an_image(site, tmp_path):
    folder, address = site
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((40, 30), 90).convert("RGB").save(folder / "a dog.jpg", exif=exif)
    source = f"{address}/a%20dog.jpg?size=full"
    assert count_frames(source) == 1
    (frame,) = find_frames(source)
    assert (frame.video, frame.name, frame.stem, frame.size) == (None, source, "a dog", (40, 30))
    np.testing.assert_array_equal(frame.pixels(), read_image(folder / "a dog.jpg"))
    assert [frame.name for frame in find_frames([source])] == [source]


def test_what_cannot_be_fetched_or_read(site, tmp_path):
    folder, address = site
    (folder / "words.png").write_text("words")
    for name, message in (
        (f"{address}/nothing.jpg", "cannot be fetched .404 File not found."),
        (f"{address}/words.png", "not an image that can be read"),
        ("http://me:secret@127.0.0.1:1/a.jpg", "cannot be fetched"),
    ):
        (frame,) = find_frames(name)
        with pytest.raises(ValueError, match=message) as raised:
            frame.pixels()
        assert str(raised.value).startswith(name.replace("me:secret@", ""))
        assert "secret" not in str(raised.value)


def test_a_password_goes_to_the_server_alone(site):
    folder, address = site
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    _Silent.seen.clear()
    (frame,) = find_frames(f"{address.replace('//', '//me:a%20secret@')}/a.png")
    assert frame.size == (30, 40)
    assert (frame.name, _Silent.seen) == (f"{address}/a.png", ["Basic bWU6YSBzZWNyZXQ="])


def test_a_file_too_large_is_not_fetched(site, monkeypatch):
    folder, address = site
    Image.new("RGB", (40, 30)).save(folder / "a.png")
    monkeypatch.setattr("yolo3.sources.web._MOST", 20)
    (frame,) = find_frames(f"{address}/a.png")
    with pytest.raises(ValueError, match="has more than 0 MB; download it"):
        frame.pixels()
