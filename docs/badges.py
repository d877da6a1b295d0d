"""Draws the badges of the README from what the project states: `python docs/badges.py`.

Badges of a service would be a request to elsewhere, and may say what is not so. These say what `pyproject.toml` and
`scripts/check` say, and a test draws them anew.
"""

import re
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LETTER = 6.6  # pixels, of the widest usual font at size 11
_COLOURS = {"ink": "#24292f", "value": "#0b6b3a"}


def facts() -> dict[str, str]:
    """What each badge says, by its file name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    classifiers = " ".join(project["project"]["classifiers"])
    minors = [int(minor) for minor in re.findall(r"Python :: 3\.(\d+)", classifiers)]
    coverage = re.search(r"--cov-fail-under=(\d+)", (ROOT / "scripts/check").read_text("utf-8"))
    version = re.search(r'__version__ = "(.+)"', (ROOT / "src/yolo3/__init__.py").read_text("utf-8"))
    assert coverage
    assert version
    assert project["tool"]["mypy"]["strict"]
    return {
        "version": version[1],
        "python": f"3.{min(minors)} to 3.{max(minors)}",
        "license": project["project"]["license"],
        "types": "mypy, strict",
        "coverage": f"at least {coverage[1]} %",
    }


def badge(label: str, value: str) -> str:
    """An SVG of two words side by side."""
    left, right = (round(_LETTER * len(text)) + 12 for text in (label, value))
    text = '<text y="14" fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{escape(label)}: {escape(value)}">\n'
        f'<rect width="{left}" height="20" fill="{_COLOURS["ink"]}"/>\n'
        f'<rect x="{left}" width="{right}" height="20" fill="{_COLOURS["value"]}"/>\n'
        f'{text} x="6">{escape(label)}</text>\n{text} x="{left + 6}">{escape(value)}</text>\n</svg>\n'
    )


def draw_all(folder: Path) -> None:
    """Write every badge."""
    folder.mkdir(parents=True, exist_ok=True)
    for label, value in facts().items():
        (folder / f"{label}.svg").write_text(badge(label, value), encoding="utf-8")


if __name__ == "__main__":
    draw_all(ROOT / "docs/images/badges")
