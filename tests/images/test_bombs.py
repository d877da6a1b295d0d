"""What a file may cost: each case in a process of its own, so that memory and time are its alone."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("resource", reason="memory is measured by getrusage")

_MEASURED = """
import resource, sys, time
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from yolo3.boxes import Letterbox
from yolo3.data.fitting import network_input
from yolo3.images import ImageError, opening, read_pixels
from yolo3.images.gate import Gate

def refused(path):
    try:
        read_pixels(path)
    except ImageError:
        return
    sys.exit("it was read")

def held():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)

path = sys.argv[1]
{prepare}
before, start = held(), time.perf_counter()
{work}
print(held() - before, time.perf_counter() - start)
"""
_LARGE = (6000, 5000)


def _cost(work: str, prepare: str = "", path: Path | str = "") -> tuple[float, float]:
    """Mebibytes and seconds of a piece of work."""
    script = _MEASURED.format(prepare=prepare, work=work)
    run = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    mebibytes, seconds = run.stdout.split()
    return float(mebibytes), float(seconds)


def test_an_animated_canvas_of_gigabytes_in_90_bytes(tmp_path: Path) -> None:
    canvas = (20_000 - 1).to_bytes(3, "little") * 2
    frame = bytes(16) + b"VP8L" + struct.pack("<I", 6) + b"\x2f\0\0\0\0\x88"
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\2\0\0\0" + canvas + b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    chunks += b"ANMF" + struct.pack("<I", len(frame)) + frame
    (tmp_path / "bomb.webp").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks)
    mebibytes, seconds = _cost("refused(path)", path=tmp_path / "bomb.webp")
    assert mebibytes < 20
    assert seconds < 1


def test_a_jpeg_of_700_scans(tmp_path: Path, with_scans) -> None:
    plain = io.BytesIO()
    Image.new("RGB", (5000, 5000), "gray").save(plain, "JPEG", progressive=True)
    bomb = with_scans(plain.getvalue(), 700)
    (tmp_path / "bomb.jpg").write_bytes(bomb)
    mebibytes, seconds = _cost("refused(path)", path=tmp_path / "bomb.jpg")
    assert mebibytes < len(bomb) / 2**20 + 20
    assert seconds < 2


@pytest.mark.parametrize(
    ("format", "orientation", "most"),
    [
        ("PNG", 1, 8),
        ("PNG", 6, 8),
        ("JPEG", 1, 8),
        ("JPEG", 6, 8),
        ("TIFF", 1, 8),
        ("TIFF", 6, 12),  # which Pillow turns itself
    ],
)
def test_reading_takes_seven_bytes_a_pixel(tmp_path: Path, format: str, orientation: int, most: float) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", _LARGE, "gray").save(tmp_path / "large", format, exif=exif)
    Image.new("RGB", (10, 10)).save(tmp_path / "small", format)
    prepare = f"read_pixels({str(tmp_path / 'small')!r})"  # what Pillow needs in any case
    mebibytes, _ = _cost("read_pixels(path)", prepare, tmp_path / "large")
    assert mebibytes * 2**20 < most * _LARGE[0] * _LARGE[1]


def test_threads_wait_for_each_other(tmp_path: Path) -> None:
    Image.new("RGB", (4000, 4000)).save(tmp_path / "large.png")
    prepare = "opening._DECODING = Gate(150 * 2**20)"  # one image takes 107 MiB
    work = """
def read(_):
    read_pixels(path)
with ThreadPoolExecutor(8) as pool:
    list(pool.map(read, range(16)))
"""
    mebibytes, _ = _cost(work, prepare, tmp_path / "large.png")
    assert mebibytes < 450  # eight at once would take 856


@pytest.mark.parametrize("kind", ["default", "darknet", "stretch"])
def test_fitting_a_large_image_takes_next_to_nothing(kind: str) -> None:
    prepare = f"""
image = np.zeros((5000, 6000, 3), np.uint8)
image[:] = 7
letterbox = Letterbox.fit((5000, 6000), (416, 416), {kind!r})
network_input(image[:1000, :1000], Letterbox.fit((1000, 1000), (416, 416), {kind!r}))
"""
    mebibytes, seconds = _cost("network_input(image, letterbox)", prepare)
    assert mebibytes < 40  # as floats it would be 343
    assert seconds < 1
