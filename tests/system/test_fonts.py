"""Drawings and charts are written in fonts that have their letters."""

from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from yolo3.draw import draw_boxes
from yolo3.system import fonts
from yolo3.system.fonts import font_for, save_figure

pytestmark = pytest.mark.usefixtures("_nothing_told")


@pytest.fixture
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_told", set())
    fonts._best.cache_clear()


@pytest.fixture(scope="module")
def nobody_s() -> str:
    """A letter that no font of this machine has."""
    known = set().union(*map(fonts._coverage, [None, *fonts._files()]))
    return next(chr(number) for number in range(0x20000, 0x2F000) if number not in known)


def _own() -> str:
    return ImageFont.load_default(20).getname()[0]


@pytest.fixture(scope="module")
def rare() -> tuple[str, str]:
    """A letter that of this machine's families only STIXGeneral has, which matplotlib brings along."""
    letters: dict[str, set[int]] = {}
    for file in fonts._files():
        with TTFont(file, fontNumber=0) as font:
            letters.setdefault(font["name"].getDebugName(1), set()).update(font.getBestCmap())
    others = set().union(*(found for name, found in letters.items() if name != "STIXGeneral"))
    return chr(min(letters["STIXGeneral"] - others)), "STIXGeneral"


def test_pillow_s_own_font_writes_english_and_no_more():
    """Truth: whether a letter looks like what the font draws for those it lacks, its first glyph."""
    own = ImageFont.load_default(30)

    def drawn(letter: str) -> bytes:
        canvas = Image.new("L", (60, 60))
        ImageDraw.Draw(canvas).text((5, 5), letter, fill=255, font=own)
        return canvas.tobytes()

    lacking = drawn("\U000f0000")  # of private use
    for number in [*range(0x21, 0x7F), *range(0xA1, 0x180)]:
        assert (number in fonts._coverage(None)) == (drawn(chr(number)) != lacking), chr(number)


@pytest.mark.parametrize("text", ["cell 0.97", "", "tv monitor", "a\tb"])
def test_english_is_written_in_pillow_s_own_font(text):
    assert font_for(text, 20).getname()[0] == _own()
    assert font_for(text, 20).size == 20


@pytest.mark.parametrize("text", ["Überraschung", "Straße", "café", "piñata", "3 × 4", "кот", "γάτα"])
def test_other_letters_are_written_in_a_font_that_has_them(text):
    font = font_for(text, 20)
    assert font.getname()[0] != _own()
    with TTFont(font.path, fontNumber=0) as file:
        assert {ord(letter) for letter in text} <= file.getBestCmap().keys()


def test_the_plainest_of_them(rare):
    letter, family = rare
    assert font_for("кот", 20).getname() == ("DejaVu Sans", "Book")
    assert font_for(f"cat {letter}", 20).getname()[0] == family


def test_a_letter_that_nobody_has_is_told_once(recwarn, nobody_s):
    message = rf"no fitting font on this machine has {nobody_s} \(U\+{ord(nobody_s):X}\): drawn as boxes; install one"
    with pytest.warns(UserWarning, match=message):
        assert font_for(f"кот {nobody_s}", 20).getname()[0] == "DejaVu Sans"
    font_for(f"кот {nobody_s} again", 20)
    assert len(recwarn) == 0


def test_a_file_that_is_no_font_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts/a.ttf").write_bytes(b"no font")
    (tmp_path / "fonts/b.ttf").symlink_to("nowhere")
    (tmp_path / "fonts/c.txt").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    fonts._files.cache_clear()
    try:
        files = fonts._files()
        assert {Path(file).name for file in files if file.startswith(str(tmp_path))} == {"a.ttf", "b.ttf"}
        assert font_for("кот", 20).getname()[0] == "DejaVu Sans"
    finally:
        monkeypatch.undo()
        fonts._files.cache_clear()


def test_captions_of_drawings_have_their_letters():
    """Letters that the font lacks all look the same."""
    canvas = Image.new("RGB", (300, 200))
    one, other = (np.asarray(draw_boxes(canvas, [(20, 60, 250, 150)], [text], [0])) for text in ("Mö", "Mß"))
    assert (one != other).any()
    one, other = (np.asarray(draw_boxes(canvas, [(20, 60, 250, 150)], [text], [0])) for text in ("кот", "кит"))
    assert (one != other).any()


def test_charts_are_written_in_them_without_other_warnings(rare, nobody_s, tmp_path):
    letter, family = rare
    figure = Figure()
    text = figure.text(0.5, 0.5, f"cat {letter} {nobody_s}\t")

    with pytest.warns(UserWarning, match="no fitting font on this machine has") as told:
        save_figure(figure, tmp_path / "chart.png")

    assert len(told) == 1
    assert text.get_fontfamily()[-1] == family
    with Image.open(tmp_path / "chart.png") as chart:
        assert chart.format == "PNG"
    plain = Figure()
    text = plain.text(0.5, 0.5, "cat")
    before = text.get_fontfamily()
    save_figure(plain, tmp_path / "plain.png")
    assert text.get_fontfamily() == before
