"""Fonts of this machine that have the letters of a chart: class names may be in any script."""

import warnings
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from PIL import ImageFont

_LATIN = 0x17F
"""Letters up to it are in Pillow's own font."""


def save(figure: Any, path: Path) -> None:
    """Write a figure of matplotlib; a letter that no font of the machine has is drawn as a box."""
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    others = families_with({letter for text in texts for letter in text.get_text() if letter.isprintable()})
    for text in texts:
        text.set_fontfamily([*text.get_fontfamily(), *others])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        figure.savefig(path)


def families_with(letters: Collection[str]) -> list[str]:
    """The font families that it takes to write these letters, besides the one of matplotlib's settings."""
    (_, usual), *others = _fonts()
    missing = set(map(ord, letters)) - _letters(usual)
    families = []
    for family, file in others:
        if found := missing and missing & _letters(file):
            families.append(family)
            missing -= found
    return families


def pillow_font(words: Iterable[str], size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font to write class names on a picture with: of those of this machine the one that has most of their letters.

    Args:
        words: to write.
        size: in pixels.
    """
    letters = {ord(letter) for word in words for letter in word if letter.isprintable()}
    if max(letters, default=0) <= _LATIN:
        return ImageFont.load_default(size)
    best = max((file for _, file in _fonts()), key=lambda file: len(letters & _letters(file)))
    return ImageFont.truetype(best, size)


@cache
def _fonts() -> list[tuple[str, str]]:
    """Family and file of matplotlib's usual font, and of the others that it knows."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    usual = FontProperties()
    # the last resort draws boxes for whatever there is
    upright = [f for f in fontManager.ttflist if f.style == "normal" and not f.name.startswith("Last Resort")]
    return [(usual.get_name(), findfont(usual)), *((font.name, font.fname) for font in upright)]


@cache
def _letters(file: str) -> frozenset[int]:
    """The code points that a font has."""
    from matplotlib.font_manager import get_font

    with suppress(OSError):  # it may have gone since matplotlib made its list
        return frozenset(get_font(file).get_charmap())
    return frozenset()
