"""The Python of the README and of the pages runs as written, and the figures are those of today's library."""

import importlib.util
import re
import runpy
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

import yolo3
from yolo3 import YOLOv3, open_dataset, save_checkpoint
from yolo3.checkpoint import ModelCard
from yolo3.data.shapes import write_shapes

_ROOT = Path(__file__).parents[1]
_PAGES = sorted(
    str(page.relative_to(_ROOT))
    for page in [_ROOT / "README.md", *(_ROOT / "docs").rglob("*.md")]
    if "```python" in page.read_text(encoding="utf-8")
)


def python_blocks(page: Path) -> str:
    """All Python of a page as one program, each line where it stands in the page so that errors point there."""
    inside, indent, program = False, 0, []
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = re.match(r"( *)```(.*)", line)
        if fence:
            inside = fence[2] == "python" and not inside
            indent = len(fence[1])  # of a block in a list
            program.append("")
        else:
            program.append(line[indent:] if inside else "")
    return "\n".join(program)


@pytest.fixture
def after_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with what `yolo3 demo` leaves and the pages go on from."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "runs/demo/shapes"
    write_shapes(data, num_train=4, num_test=2, image_size=(96, 96))
    shutil.copy(data / "JPEGImages/shapes_0000.jpg", data / "JPEGImages/shapes_1000.jpg")  # the demo's first to test on
    card = ModelCard(open_dataset(data).names, image_size=(64, 64))
    save_checkpoint("runs/demo/model", YOLOv3(3, width=0.125), card)
    return tmp_path


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one where it is installed with the torchvision that it needs; else what stands in for it."""
    if find_spec("timm") is None or find_spec("torchvision") is None:
        path = Path(__file__).with_name("timm_stand_in.py")
        spec = importlib.util.spec_from_file_location("timm", path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setitem(sys.modules, "timm", module)


@pytest.mark.parametrize("page", _PAGES)
@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("timm")
def test_python_of_a_page_runs(page: str, after_the_demo: Path) -> None:
    """The blocks of a page together, from top to bottom, with no name but those they make themselves."""
    exec(compile(python_blocks(_ROOT / page), str(_ROOT / page), "exec"), {"__name__": "page"})


@pytest.mark.parametrize(("script", "folder"), [("drawings.py", "images"), ("badges.py", "images/badges")])
def test_figures_are_drawn_from_the_library(script: str, folder: str, tmp_path: Path) -> None:
    """They lie beside the pages, so that a code host shows them; `python docs/drawings.py` draws them anew."""
    runpy.run_path(str(_ROOT / "docs" / script))["draw_all"](tmp_path)
    drawn = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text(encoding="utf-8") for path in (_ROOT / "docs" / folder).glob("*.svg")}
    assert kept == drawn


def test_the_image_of_the_front_page_is_drawn_from_a_demo(after_the_demo: Path) -> None:
    """`python docs/front.py runs/demo` draws it; training that model takes minutes, so this draws with another."""
    front = runpy.run_path(str(_ROOT / "docs/front.py"))
    write_shapes(Path("more/shapes"), num_train=1, num_test=front["COUNT"], image_size=(64, 64))
    shutil.copytree("runs/demo/model", "more/model")
    front["draw"](Path("more"), Path("front.jpg"))
    with Image.open("front.jpg") as drawn, Image.open(_ROOT / "docs/images/front.jpg") as kept:
        assert drawn.size == kept.size == (front["COUNT"] * front["SHOWN"], front["SHOWN"])
    assert (_ROOT / "docs/images/front.jpg").stat().st_size < 100_000


def test_the_citation_names_this_version() -> None:
    """In the file for reference managers and in the BibTeX of the README."""
    assert f"\nversion: {yolo3.__version__}\n" in (_ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version = {{{yolo3.__version__}}}" in (_ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "page",
    [_ROOT / "README.md", *(_ROOT / "docs").rglob("*.md")],
    ids=lambda page: str(page.relative_to(_ROOT)),
)
def test_links_and_figures_are_there(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing


def test_formulas_have_an_ordinary_font_to_fall_back_on() -> None:
    """Without a font for mathematics Chromium sets subscripts on the line, unless an ordinary font is named too."""
    style = re.sub(r"/\*.*?\*/", "", (_ROOT / "docs/static/formulas.css").read_text(encoding="utf-8"), flags=re.S)
    fonts = re.search(r"math \{\s*font-family: (.*);", style)
    assert fonts
    assert fonts[1].split(", ")[-2:] == ["math", "serif"]
    assert 'html_css_files = ["formulas.css", ' in (_ROOT / "docs/conf.py").read_text(encoding="utf-8")
