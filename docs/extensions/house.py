"""The drawing of the code: rooms in the order of their layers, and who imports whom, drawn at every build."""

import ast
import tomllib
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
_ROW, _LEFT, _TOP = 20, 190, 100  # pixels


def rooms(pyproject: Path) -> list[str]:
    """Modules and packages, the highest layer first, as import-linter is told."""
    contract = tomllib.loads(pyproject.read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
    return [name.strip().removeprefix("yolo3.") for layer in contract["layers"] for name in layer.split("|")]


def imports(source: Path) -> Counter[tuple[str, str]]:
    """Number of import statements from one room to another."""
    found: Counter[tuple[str, str]] = Counter()
    for path in source.rglob("*.py"):
        room = path.relative_to(source).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("yolo3."):
                other = str(node.module).split(".")[1]
                if other != room:
                    found[room, other] += 1
    return found


def lines_of(source: Path, room: str) -> int:
    """Lines of code of a room."""
    files = [*(source / room).rglob("*.py")] if (source / room).is_dir() else [source / f"{room}.py"]
    return sum(len(file.read_text("utf-8").splitlines()) for file in files)


def draw(names: Sequence[str], found: Counter[tuple[str, str]], lines: dict[str, int]) -> str:
    """An SVG in the colour of the text around it."""
    size = _ROW * len(names)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + size + 10} {_TOP + size + 10}" role="img" '
        'aria-label="Imports between the rooms of yolo3: all point to lower layers" font-family="sans-serif" '
        'font-size="12" fill="currentColor">'
    ]
    for row, room in enumerate(names):
        middle = _TOP + row * _ROW + _ROW / 2
        across = _LEFT + row * _ROW + _ROW / 2
        parts.append(f'<text x="{_LEFT - 54}" y="{middle + 4}" text-anchor="end">{escape(room)}</text>')
        parts.append(
            f'<text x="{_LEFT - 8}" y="{middle + 4}" text-anchor="end" opacity="0.75">{lines.get(room, 0):,}</text>'
        )
        parts.append(f'<text transform="translate({across + 4} {_TOP - 6}) rotate(-60)">{escape(room)}</text>')
        line = f'stroke="currentColor" stroke-opacity="0.15" d="M{_LEFT} {middle}h{size}M{across} {_TOP}v{size}"'
        parts.append(f"<path {line}/>")
        parts.append(f'<rect x="{across - 6}" y="{middle - 6}" width="12" height="12" fill-opacity="0.35"/>')
        for column, other in enumerate(names):
            count = found[room, other]
            if count:
                place = f'cx="{_LEFT + column * _ROW + _ROW / 2}" cy="{middle}" r="{min(8, 2 + count**0.5):.1f}"'
                title = f"<title>{escape(room)} imports from {escape(other)}: {count}</title>"
                parts.append(f'<circle {place} fill="#3b82f6">{title}</circle>')
    return "\n".join([*parts, "</svg>"])


class House(SphinxDirective):
    """``.. house::``: the drawing, inside the page so that it follows light and dark."""

    def run(self) -> list[nodes.Node]:
        """Draw today's code."""
        source = ROOT / "src/yolo3"
        names = rooms(ROOT / "pyproject.toml")
        svg = draw(names, imports(source), {room: lines_of(source, room) for room in names})
        return [nodes.raw("", f'<figure class="house inlined" tabindex="0">{svg}</figure>', format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("house", House)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
