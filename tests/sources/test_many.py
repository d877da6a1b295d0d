"""Sources of many images: lists, tar shards, Parquet tables, addresses."""

import gzip
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo3.sources import count_frames, find_frames
from yolo3.sources.kinds import numbered

_PIXELS = [np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8) for number in range(5)]


def _png(number: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(_PIXELS[number]).save(file, "PNG")
    return file.getvalue()


def _write(path: Path, number: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_png(number))
    return path


def _tar(path: Path, numbers: list[int], mode: str = "w") -> Path:
    """As WebDataset has it: the image and its annotation one after the other."""
    with tarfile.open(path, mode) as archive:
        for number in numbers:
            for name, content in ((f"train/{number:06d}.png", _png(number)), (f"train/{number:06d}.json", b"{}")):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


def _seen(source: object, **options: object) -> list[tuple[str, int]]:
    """The name of each frame and which of the images it is."""
    frames = list(find_frames(source, **options))  # read after the source has ended
    return [
        (frame.name, next(number for number in range(5) if (frame.pixels() == _PIXELS[number]).all()))
        for frame in frames
    ]


def test_a_list_names_images_videos_and_folders(tmp_path, film, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / "a b.png", 0)
    _write(tmp_path / "folder/c.png", 1)
    film("film.mp4", 2)
    Path("list.txt").write_bytes(b"\xef\xbb\xbfa b.png\r\n\n   \nfolder\nfilm.mp4\nfolder/c.png")
    names = [frame.name for frame in find_frames("list.txt")]
    assert names == ["a b.png", "folder/c.png", "film.mp4 frame 000000", "film.mp4 frame 000001", "folder/c.png"]
    assert count_frames("list.txt") is None
    Path("images.txt").write_text("a b.png\nfolder/c.png\n")
    assert count_frames("images.txt") == 2


def test_a_list_has_file_names_that_are_no_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_bytes(b"caf\xe9.png\n")
    (frame,) = find_frames("list.txt")
    assert frame.name == "caf\udce9.png"


def test_a_list_is_read_lazily(tmp_path):
    """It is a pipe that nobody closes: what comes after the first lines is never waited for."""
    import os

    pipe = tmp_path / "list.txt"
    os.mkfifo(pipe)

    def feed() -> None:
        with open(pipe, "wb", buffering=0) as file:
            file.write(b"".join(b"%d.png\n" % number for number in range(2000)))
            done.wait()

    done = threading.Event()
    feeder = threading.Thread(target=feed)
    feeder.start()
    assert [frame.name for frame in islice(find_frames(str(pipe)), 3)] == ["0.png", "1.png", "2.png"]
    done.set()
    feeder.join()


def test_standard_input_is_a_list(tmp_path, monkeypatch):
    file = _write(tmp_path / "a.png", 3)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{file}\n".encode())))
    assert count_frames("-") is None
    assert _seen("-") == [(str(file), 3)]


def test_what_is_missing_in_a_list_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / "b.png", 1)
    Path("list.txt").write_text("a.png\nnowhere\nlist.txt\nb.png\n")
    with pytest.raises(ValueError, match=r"list\.txt: nowhere: no such file or folder"):
        list(find_frames("list.txt"))
    frames = list(find_frames("list.txt", on_error="skip"))
    assert [frame.name for frame in frames] == ["a.png", "nowhere", "list.txt", "b.png"]
    for frame, message in zip(frames, ("no such image", "no such file", "a list in the list"), strict=False):
        with pytest.raises(ValueError, match=message):
            frame.pixels()


@pytest.mark.parametrize(("suffix", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz"), (".tar", "w:gz")])
def test_tar_shards(tmp_path, suffix, mode):
    for shard, numbers in enumerate(([0, 1], [2])):
        _tar(tmp_path / f"shard-{shard:03d}{suffix}", numbers, mode)
    expected = [
        (f"{tmp_path}/shard-000{suffix}/train/000000.png", 0),
        (f"{tmp_path}/shard-000{suffix}/train/000001.png", 1),
        (f"{tmp_path}/shard-001{suffix}/train/000002.png", 2),
    ]
    assert _seen(f"{tmp_path}/shard-*{suffix}") == expected
    assert _seen(f"{tmp_path}/shard-{{000..001}}{suffix}") == expected
    assert [frame.stem for frame in find_frames(f"{tmp_path}/shard-*{suffix}")] == ["000000", "000001", "000002"]


def test_ranges_in_braces():
    assert numbered("a-{08..11}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar", "a-11.tar"]
    assert numbered("{0..1}/{0..1}.tar") == ["0/0.tar", "0/1.tar", "1/0.tar", "1/1.tar"]
    assert numbered("a{b..c}.tar") == ["a{b..c}.tar"]


def _cut(path: Path, num_bytes: int) -> None:
    path.write_bytes(path.read_bytes()[:num_bytes])


@pytest.mark.parametrize(
    ("length", "num_intact"),
    [(100, 0), (512 + 20, 0), (2048 + 300, 1), (2560, 1), (4096, 2)],
    ids=["header", "image", "next header", "between members", "end mark"],
)
def test_a_tar_that_is_cut_off_gives_what_is_whole_and_then_an_error(tmp_path, length, num_intact):
    path = _tar(tmp_path / "a.tar", [0, 1])
    _cut(path, length)
    frames = list(find_frames(str(path), on_error="skip"))
    for frame in frames[:num_intact]:
        frame.pixels()
    assert len(frames) > num_intact
    for frame in frames[num_intact:]:
        with pytest.raises(ValueError, match=r"cut off|not a tar file"):
            frame.pixels()
    with pytest.raises(ValueError, match=r"a\.tar"):
        [frame.pixels() for frame in find_frames(str(path))]


def test_a_tar_whose_compression_is_cut_off(tmp_path):
    path = _tar(tmp_path / "a.tar.gz", [0, 1], "w:gz")
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content[:2048]) + b"")
    _cut(path, len(path.read_bytes()) - 10)
    with pytest.raises(ValueError, match=r"a\.tar\.gz: .*(cut off|not a tar file)"):
        list(find_frames(str(path)))


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path):
    path = _tar(tmp_path / "a.tar", [0, 1])
    content = bytearray(path.read_bytes())
    content[2048:2060] = b"\xff" * 12
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.tar: is damaged or cut off after 1 images"):
        list(find_frames(str(path)))


def test_what_is_no_tar(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"nonsense" * 1000)
    (tmp_path / "b.tar").touch()
    _tar(tmp_path / "c.tar", [])
    for name, message in (("a", "not a tar file"), ("b", "not a tar file"), ("c", "no images in it")):
        with pytest.raises(ValueError, match=rf"{name}\.tar: {message}"):
            list(find_frames(str(tmp_path / f"{name}.tar")))


def _table(file: Path, **columns: list[object]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), file)
    return file


def test_tables_of_paths_of_bytes_and_of_both(tmp_path):
    """The last is how the data sets of Hugging Face have them."""
    file = str(_write(tmp_path / "a.png", 0))
    paths = _table(tmp_path / "paths.parquet", label=[1, 2], path=[file, file])
    assert _seen(str(paths)) == [(file, 0), (file, 0)]
    assert count_frames(str(paths)) == 2
    encoded = _table(tmp_path / "bytes.parquet", bytes=[_png(1), _png(2)])
    assert _seen(str(encoded)) == [(f"{encoded}/row 00000000", 1), (f"{encoded}/row 00000001", 2)]
    both = _table(
        tmp_path / "both.parquet",
        image=[{"bytes": _png(3), "path": "000003.png"}, {"bytes": None, "path": file}],
        label=[0, 1],
    )
    assert _seen(str(both)) == [(f"{both}/000003.png", 3), (file, 0)]
    other = _table(tmp_path / "other.parquet", image=["wrong", "wrong"], photo=[file, file])
    assert _seen(str(other), column="photo") == [(file, 0), (file, 0)]


def test_an_empty_row_is_named(tmp_path):
    table = _table(tmp_path / "a.parquet", bytes=[_png(1), None])
    with pytest.raises(ValueError, match=r"a\.parquet/row 00000001: no image in it"):
        list(find_frames(str(table)))
    assert len(list(find_frames(str(table), on_error="skip"))) == 2


def test_tables_that_cannot_be_read(tmp_path):
    table = _table(tmp_path / "a.parquet", label=[1])
    (tmp_path / "b.parquet").write_bytes(b"PAR1 nonsense PAR1")
    numbers = _table(tmp_path / "c.parquet", image=[1.5])
    for source, column, message in (
        (table, None, r"a\.parquet: no column image, path, bytes, file_name, url; name one of label with --column"),
        (table, "photo", r"a\.parquet: no column 'photo'; it has label"),
        (tmp_path / "b.parquet", None, r"b\.parquet: not a Parquet file that can be read"),
        (numbers, None, r"c\.parquet: column image is double; it must be paths, bytes, or a struct"),
    ):
        with pytest.raises(ValueError, match=message) as raised:
            list(find_frames(str(source), column=column))
        assert "\n" not in str(raised.value)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """The address of a server of a folder, the folder, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    root = tmp_path / "served"
    root.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root))) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", root, asked
        running.shutdown()
        thread.join()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_addresses(server):
    """A list, an archive and a table at an address; nothing is fetched that was not named."""
    pytest.importorskip("aiohttp")
    address, root, asked = server
    _write(root / "a.png", 0)
    _write(root / "unnamed.png", 0)
    (root / "list.txt").write_text(f"{address}/a.png\n")
    _tar(root / "a.tar", [1, 2])
    _tar(root / "b.tar.gz", [3], "w:gz")
    _table(root / "c.parquet", bytes=[_png(4)])
    assert _seen(f"{address}/list.txt") == [(f"{address}/a.png", 0)]
    assert _seen(f"{address}/a.tar") == [
        (f"{address}/a.tar/train/000001.png", 1),
        (f"{address}/a.tar/train/000002.png", 2),
    ]
    assert _seen(f"{address}/b.tar.gz") == [(f"{address}/b.tar.gz/train/000003.png", 3)]
    assert _seen(f"{address}/c.parquet") == [(f"{address}/c.parquet/row 00000000", 4)]
    assert {path.lstrip("/") for path in asked} == {"a.png", "list.txt", "a.tar", "b.tar.gz", "c.parquet"}
    with pytest.raises(ValueError, match=r"nowhere\.tar: cannot be opened"):
        list(find_frames(f"{address}/nowhere.tar"))


def test_addresses_of_other_file_systems():
    """In the memory of fsspec: an image, a folder, a glob."""
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for number in range(3):
        memory.pipe(f"/bucket/{number}.png", _png(number))
    memory.pipe("/bucket/notes.md", b"")
    assert _seen("memory://bucket/1.png") == [("memory://bucket/1.png", 1)]
    expected = [(f"memory:///bucket/{number}.png", number) for number in range(3)]
    for source in ("memory://bucket", "memory://bucket/*.png"):
        assert [(Path(name).name, number) for name, number in _seen(source)] == [
            (Path(name).name, number) for name, number in expected
        ]
    for source, message in (
        ("memory://nothing", "no images there"),
        ("nosuch://bucket/a.png", "Protocol not known: nosuch"),
    ):
        with pytest.raises(ValueError, match=message):
            _seen(source)


def test_offline_nothing_is_fetched(monkeypatch):
    monkeypatch.setenv("YOLO3_OFFLINE", "1")
    with pytest.raises(ValueError, match="YOLO3_OFFLINE forbids fetching"):
        list(find_frames("memory://bucket"))
