"""Fonts that have the letters of a text: the names of classes and files may be in any script.

Every drawing and chart takes its font from here. What a font can write is looked up in its character map.
"""

import os
import re
import sys
import warnings
from collections.abc import Collection, Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SUFFIXES = frozenset({".ttf", ".otf", ".ttc"})
# in the name of a file: a face for something else than plain text
_SPECIAL = re.compile(
    "italic|oblique|bold|black|heavy|light|thin|condensed|narrow|mono|serif|display|emoji|symbol|math"
)
_LAST_RESORT = re.compile("last.?resort", re.IGNORECASE)  # has a box for whatever there is


def font_for(text: str, size: int) -> Font:
    """A font to write a text on an image with: Pillow's own if it has the letters, else one of this machine that has.

    Where no font has them all it is the one that has most, and a warning names the others, once.

    Args:
        text: The text to write.
        size: The size in pixels.
    """
    return _font(_best(_letters(text)), size)


def save_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure of matplotlib, in fonts that have its letters.

    A warning names the letters that no font of the machine has, once; they are drawn as boxes.

    Args:
        figure: The ``matplotlib.figure.Figure``.
        path: The file; its suffix tells the format.
    """
    from matplotlib.font_manager import FontProperties, findfont, fontManager
    from matplotlib.text import Text

    texts = figure.findobj(Text)
    missing = _letters("".join(text.get_text() for text in texts)) - _coverage(findfont(FontProperties()))
    others = []
    for file in _covering(missing):
        if all(known.fname != file for known in fontManager.ttflist):
            fontManager.addfont(file)
        others.append(FontProperties(fname=file).get_name())
    for text in texts:
        text.set_fontfamily([*text.get_fontfamily(), *others])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")  # we have said so
        figure.savefig(path)


def _letters(text: str) -> frozenset[int]:
    """The code points that a font must have to write a text."""
    return frozenset(ord(letter) for letter in text if letter.isprintable())


@cache
def _best(letters: frozenset[int]) -> str | None:
    """The file of the font to write these letters with; None is Pillow's own."""
    missing = letters - _coverage(None)
    if not missing:
        return None
    best = None
    most = len(letters) - len(missing)
    for file in _files():
        count = len(letters & _coverage(file))
        if count > most:
            best = file
            most = count
        if most == len(letters):
            return best
    _warn(letters - _coverage(best))
    return best


def _covering(missing: frozenset[int]) -> list[str]:
    """The files of the fonts that it takes to write these letters."""
    files = []
    for file in _files():
        if not missing:
            break
        if found := missing & _coverage(file):
            files.append(file)
            missing -= found
    _warn(missing)
    return files


_told: set[int] = set()  # letters: each is warned of once in a process


def _warn(missing: Collection[int]) -> None:
    if new := set(missing) - _told:
        _told.update(new)
        shown = " ".join(f"{chr(letter)} (U+{letter:04X})" for letter in sorted(new)[:10])
        more = " and others" if len(new) > 10 else ""
        warnings.warn(
            f"no fitting font on this machine has {shown}{more}: drawn as boxes; install one, such as Noto Sans",
            stacklevel=4,
        )


@lru_cache(maxsize=64)
def _font(file: str | None, size: int) -> Font:
    return ImageFont.load_default(size) if file is None else ImageFont.truetype(file, size)


@cache
def _coverage(file: str | None) -> frozenset[int]:
    """The code points in the character map of a font; none of one that has no outlines, or cannot be read."""
    from fontTools.ttLib import TTFont, TTLibError

    source: Any = file
    if file is None:
        own = _font(None, 10)
        if not isinstance(own, ImageFont.FreeTypeFont):
            return frozenset(range(32, 256))  # without FreeType Pillow has a font of pixels, of Latin-1
        assert isinstance(own.path, BytesIO)
        source = BytesIO(own.path.getvalue())
    try:
        with TTFont(source, lazy=True, fontNumber=0) as font:
            has_outlines = not {"glyf", "CFF ", "CFF2"}.isdisjoint(font.keys())
            return frozenset(font.getBestCmap() or ()) if has_outlines else frozenset()
    except (OSError, TTLibError, ValueError, KeyError, AssertionError):
        return frozenset()


@cache
def _files() -> tuple[str, ...]:
    """The files of this machine's fonts, those for plain text first."""
    found = (path for place, pattern in _places() for path in place.rglob(pattern) if path.suffix.lower() in _SUFFIXES)
    return tuple(sorted({str(path) for path in found if not _LAST_RESORT.search(path.stem)}, key=_plainness))


def _plainness(file: str) -> tuple[int, bool, int, str]:
    name = Path(file).stem.lower()
    return len(_SPECIAL.findall(name)), "sans" not in name, len(name), file


def _places() -> Iterator[tuple[Path, str]]:
    """The folders of a machine's fonts, and how those in it are called."""
    home = Path(os.path.expanduser("~"))  # unlike Path.home() it never fails
    if sys.platform == "win32":
        folders = [
            Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts",
            home / "AppData/Local/Microsoft/Windows/Fonts",
        ]
    elif sys.platform == "darwin":
        folders = [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    else:
        shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
        own = os.environ.get("XDG_DATA_HOME") or home / ".local/share"
        folders = [Path(folder) / "fonts" for folder in (*shared.split(":"), own)] + [home / ".fonts"]
    for folder in folders:
        yield folder, "*"
    if (matplotlib := find_spec("matplotlib")) is not None:  # brings fonts along; the letters of some are mathematics
        for place in matplotlib.submodule_search_locations or ():
            yield Path(place) / "mpl-data/fonts/ttf", "DejaVu*"
            yield Path(place) / "mpl-data/fonts/ttf", "STIXGeneral*"
