"""Charts are written in fonts that have their letters."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font
from PIL import Image, ImageFont

from yolo3.evaluation.fonts import families_with, pillow_font, save


@pytest.fixture
def rare() -> tuple[str, str]:
    """A letter that the usual font lacks, and the only other family of this machine that has it."""
    letters: dict[str, set[int]] = {}
    for font in fontManager.ttflist:
        if not font.name.startswith("Last Resort"):
            letters.setdefault(font.name, set()).update(get_font(font.fname).get_charmap())
    others = set().union(*(found for name, found in letters.items() if name != "STIXGeneral"))
    return chr(min(letters["STIXGeneral"] - others)), "STIXGeneral"  # matplotlib brings it along


def test_finds_a_font_for_what_the_usual_one_lacks(rare: tuple[str, str]) -> None:
    letter, family = rare
    assert families_with("plain") == []
    assert families_with(f"plain {letter}") == [family]


def test_draws_in_it_and_boxes_without_a_warning(rare: tuple[str, str], tmp_path: Path) -> None:
    letter, family = rare
    figure = Figure()
    (text,) = [figure.text(0.5, 0.5, f"cat {letter} \U000f0000\t")]  # a letter that nobody has

    save(figure, tmp_path / "chart.png")

    assert text.get_fontfamily()[-1] == family
    with Image.open(tmp_path / "chart.png") as chart:
        assert chart.format == "PNG"


def test_a_font_for_pictures(rare: tuple[str, str]) -> None:
    """Pillow's own draws the same box for whatever is not Latin."""
    letter, family = rare
    assert pillow_font(["Überraschung"], 20).getname() == ImageFont.load_default(20).getname()
    assert pillow_font([], 20).getname() == ImageFont.load_default(20).getname()
    assert pillow_font(["cat", "кот"], 20).getname()[0] == "DejaVu Sans"
    assert pillow_font(["cat", letter], 20).getname()[0] == family
