"""The documentation site: what its reference describes, and the checks that `scripts/site.py` makes of its pages."""

import importlib.util
import inspect
import re
import runpy
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, get_args

import pytest

import yolo3

_ROOT = Path(__file__).parents[1]
_DOCS = _ROOT / "docs"


@pytest.fixture(scope="module", autouse=True)
def extensions() -> Iterator[None]:
    """The folder of the pages, from which Sphinx imports what is added to it."""
    sys.path.insert(0, str(_DOCS))
    yield
    sys.path.remove(str(_DOCS))


@pytest.fixture(scope="module")
def site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_script", _ROOT / "scripts/site.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _packages() -> list[str]:
    """Every package with a list of public names."""
    source = Path(yolo3.__file__).parent
    found = [path for path in sorted(source.rglob("__init__.py")) if "__all__" in path.read_text(encoding="utf-8")]
    return [".".join(("yolo3", *path.parent.relative_to(source).parts)) for path in found]


@pytest.mark.parametrize("package", _packages())
def test_every_public_name_is_in_the_reference(package: str) -> None:
    from extensions.public_names import documented_modules, names_of, owners

    described = owners(documented_modules(_DOCS / "api"))
    missing = [name.path for name in names_of(package) if name.identity not in described]
    assert not missing
    paths = {described[name.identity].path for name in names_of(package)}
    assert all(path.count(".") <= package.count(".") + 1 for path in paths)  # none by a path below the package


def test_names_are_described_by_the_path_nearest_to_the_root() -> None:
    from extensions.public_names import documented_modules, names_of, owners

    described = owners(documented_modules(_DOCS / "api"))
    by_name = {name.name: described[name.identity].path for name in names_of("yolo3.structures")}
    assert by_name["GroundTruth"] == "yolo3.GroundTruth"
    anchors = {name.name: described[name.identity].path for name in names_of("yolo3.boxes")}
    assert anchors["COCO_ANCHORS"] == "yolo3.COCO_ANCHORS"
    assert anchors["box_iou"] == "yolo3.boxes.box_iou"


def test_what_pages_import_is_in_the_reference() -> None:
    """Under this path or a shorter one."""
    from extensions.public_names import PublicName, documented_modules, owners

    described = owners(documented_modules(_DOCS / "api"))
    missing = []
    for page in [_ROOT / "README.md", *_DOCS.rglob("*.md")]:
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for module, names in re.findall(r"^ *from (yolo3[\w.]*) import ([^(\n#]+)", block, re.MULTILINE):
                for name in (each.split(" as ")[0].strip() for each in names.split(",")):
                    value = getattr(import_module(module), name)
                    known = isinstance(value, ModuleType) or PublicName(module, name, value).identity in described
                    missing += [] if known else [f"{page.name}: {module}.{name}"]
    assert not missing


def test_constants_have_their_description() -> None:
    from extensions.public_names import PublicName, description_of_data, documented_modules, home_of_data, owners

    anchors = PublicName("yolo3", "COCO_ANCHORS", yolo3.COCO_ANCHORS)
    assert home_of_data("yolo3", "COCO_ANCHORS")[0] == "yolo3.boxes.anchors"
    assert any(description_of_data(anchors))
    constants = [
        name
        for name in owners(documented_modules(_DOCS / "api")).values()
        if not isinstance(name.value, type) and not inspect.isfunction(name.value)
    ]
    assert [name.path for name in constants if not any(description_of_data(name))] == []


def test_a_colon_in_the_description_of_a_property_is_no_type() -> None:
    """Napoleon takes what stands before it for a type, unless the first line is a comment."""
    from extensions.reference import _keep_colons
    from sphinx.ext.napoleon import Config, GoogleDocstring

    text = ["Pixels: the width and height of the image."]
    assert ":type: Pixels" in str(GoogleDocstring(text, Config(), what="property", name="size"))
    kept = list(text)
    _keep_colons(None, "property", "size", None, None, kept)
    shown = str(GoogleDocstring(kept, Config(), what="property", name="size"))
    assert ":type:" not in shown
    assert text[0] in shown


def test_functions_as_defaults_are_names_in_a_signature() -> None:
    from extensions.reference import name_defaults

    signature = "(read: Callable[[Path], int] = <function no_layout at 0x7f>, name: str = 'a')"
    assert name_defaults(signature) == "(read: Callable[[Path], int] = no_layout, name: str = 'a')"


def test_a_colon_in_what_a_function_returns_is_no_type() -> None:
    from extensions.reference import _keep_colons
    from sphinx.ext.napoleon import Config, GoogleDocstring

    text = ["Do it.", "", "Returns:", "    (B, A, S, S): logits per scale."]
    assert ":rtype: (B, A, S, S)" in str(GoogleDocstring(text, Config(), what="function", name="do"))
    _keep_colons(None, "function", "do", None, None, text)
    shown = str(GoogleDocstring(text, Config(), what="function", name="do"))
    assert ":rtype:" not in shown
    assert ":returns: (B, A, S, S): logits per scale." in shown


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("torch.Tensor", "https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor"),
        ("nn.Module", "https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module"),
        (
            "lightning.pytorch.callbacks.callback.Callback",
            "https://lightning.ai/docs/pytorch/stable/api/lightning.pytorch.callbacks.Callback.html"
            "#lightning.pytorch.callbacks.Callback",
        ),
        ("ValueError", "https://docs.python.org/3/library/exceptions.html#ValueError"),
        ("numpy.int64", "https://numpy.org/doc/stable/reference/arrays.scalars.html#numpy.int64"),
    ],
)
def test_names_of_other_libraries_have_a_page_without_a_network(name: str, page: str) -> None:
    """By the inventories beside the pages, which Sphinx reads where the libraries' own cannot be fetched."""
    from extensions.links import documented

    assert page in _inventories()[documented(name)]


@pytest.mark.parametrize("package", _packages())
def test_types_in_signatures_have_a_page(package: str) -> None:
    """Each class of a library with an inventory that a public function takes or returns."""
    from extensions.links import documented
    from extensions.public_names import names_of

    known = _inventories()
    roots = {name.partition(".")[0] for name in known} - {"numpy"}  # numpy's arrays are aliases
    missing = set()
    for name in names_of(package):
        for kind in _types_of(name.value):
            full = documented(f"{kind.__module__}.{kind.__qualname__}")
            if full.partition(".")[0] in roots and full not in known:
                missing.add(f"{name.path}: {full}")
    assert not missing


def _types_of(value: object) -> set[type]:
    """Classes that the annotations of a function, or of what makes a class, consist of."""
    try:
        signature = inspect.signature(value, eval_str=True) if callable(value) else None
    except (NameError, TypeError, ValueError):
        return set()  # types that are imported for type checkers only
    found: set[type] = set()
    left = (
        [each.annotation for each in signature.parameters.values()] + [signature.return_annotation] if signature else []
    )
    while left:
        kind = left.pop()
        left += get_args(kind)
        if isinstance(kind, type) and kind is not inspect.Parameter.empty and not get_args(kind):
            found.add(kind)
    return found


def _inventories() -> dict[str, str]:
    """Every name in the inventories, with its address."""
    from sphinx.util.inventory import InventoryFile

    addresses = _conf()["intersphinx_mapping"]
    found = {}
    for address, (_, file) in addresses.values():
        for kind in InventoryFile.loads((_DOCS / file).read_bytes(), uri=address).data.values():
            found |= {name: item.uri for name, item in kind.items()}
    return found


def _conf() -> dict[str, Any]:
    return runpy.run_path(str(_DOCS / "conf.py"))


def test_formulas_of_a_line_may_stand_below_each_other() -> None:
    from docutils import nodes

    page = SimpleNamespace(body=[])
    with pytest.raises(nodes.SkipNode):
        _conf()["_formula"](page, nodes.math_block("", r"a = 1 \qquad b = 2"))
    assert page.body[0].count("<math ") == 2


def test_notebooks_become_pages(tmp_path: Path) -> None:
    from extensions.notebooks import copy, led_to_pages

    (tmp_path / "examples").mkdir()
    (tmp_path / "examples/one.ipynb").write_text("see [the grid](../docs/learn/grid.md)")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/gone.ipynb").write_text("")
    copy(tmp_path / "examples", tmp_path / "pages")
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["one.ipynb"]
    assert (tmp_path / "pages/one.ipynb").read_text() == "see [the grid](../learn/grid.md)"
    assert (
        led_to_pages("[a](../../examples/one.ipynb), [b](../other.md)") == "[a](/notebooks/one.ipynb), [b](../other.md)"
    )


def test_every_notebook_is_listed_and_linked_from_a_page() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in _DOCS.rglob("*.md"))
    for notebook in (_ROOT / "examples").glob("*.ipynb"):
        assert f"\nnotebooks/{notebook.stem}\n" in pages
        assert pages.count(f"examples/{notebook.name})") >= 2  # the list, and the page that it belongs to


def test_every_picture_of_the_gallery_is_drawn() -> None:
    """What the page names is there; building the site draws it."""
    from figures import gallery

    page = (_DOCS / "gallery.md").read_text(encoding="utf-8")
    named = re.findall(r"\{(?:picture|drawing)\} gallery\.(\w+)", page)
    assert len(named) >= 15
    assert all(callable(getattr(gallery, name)) for name in named)
    assert page.count(":link: ") == page.count(":::{grid-item-card}")


def test_the_house_shows_who_imports_whom(tmp_path: Path) -> None:
    from extensions.house import ROOT, draw, imports, lines_of, rooms

    (tmp_path / "low").mkdir()
    (tmp_path / "low/__init__.py").write_text("x = 1\n")
    (tmp_path / "high.py").write_text("from yolo3.low import x\nfrom yolo3.low.more import y\n")
    found = imports(tmp_path)
    assert found == Counter({("high", "low"): 2})
    assert lines_of(tmp_path, "high") == 2
    assert draw(["high", "low"], found, {"high": 2}).count("<circle") == 1

    names = rooms(ROOT / "pyproject.toml")
    upward = [pair for pair in imports(ROOT / "src/yolo3") if _goes_up(pair, names)]
    exceptions = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    assert len(upward) <= len(exceptions["ignore_imports"])


def _goes_up(pair: tuple[str, str], names: list[str]) -> bool:
    return all(name in names for name in pair) and names.index(pair[0]) > names.index(pair[1])


def test_requests_to_other_hosts_are_found(site: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<link rel="stylesheet" href="https://a.example/x.css"><script src="//b.example/x.js"></script>'
        '<img src="images/own.png"><a href="https://c.example">a link is no request</a>'
        "<style>@import 'https://d.example/x.css'; @font-face { src: url(//e.example/f.woff) }</style>"
    )
    (tmp_path / "own.css").write_text("body { background: url('https://f.example/i.png') } p { fill: url(#own) }")
    hosts = sorted(re.findall(r"(\w)\.example", "\n".join(site.requests_elsewhere(tmp_path))))
    assert hosts == ["a", "b", "d", "e", "f"]


def test_links_that_lead_nowhere_are_found(site: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top">a</h1><a href="b.html#there">fine</a><a href="#top">fine</a><a href="https://example.org/x">fine</a>'
        '<a href="c.html">gone</a><a href="b.html#gone">no such place</a>'
    )
    (tmp_path / "b.html").write_text('<p id="there">b</p>')
    faults = list(site.broken_links(tmp_path))
    assert faults == [
        "a.html links to c.html, which is not there",
        "a.html links to b.html#gone: no such place",
    ]


def test_what_is_missing_is_said(site: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(site.shutil, "which", lambda name: None)
    assert "scripts/browser" in str(site.missing_tools())
    monkeypatch.setattr(site.shutil, "which", lambda name: "/usr/bin/" + name)
    monkeypatch.setattr(site, "AXE", site.ROOT / "no/axe.min.js")
    assert "npm" in str(site.missing_tools())


def test_barriers_and_overflow_are_found_in_a_browser(site: ModuleType, tmp_path: Path) -> None:
    missing = site.missing_tools()
    if missing:
        pytest.skip(missing)
    (tmp_path / "bad.html").write_text(
        '<!doctype html><html lang="en"><title>bad</title><body><main><article><img src="x.png">'
        f"<pre>{'long' * 200}</pre></article></main></body></html>"
    )
    faults = "\n".join(site.seen_in_a_browser(tmp_path))
    assert "overflows: the page" in faults
    assert "image-alt" in faults


_WORDS = (
    *("mAP", "NMS", "fine-tuning", "transfer learning", "imgsz", "confidence threshold", "data leakage", "tiling"),
    *("SAHI", "multi-GPU", "early stopping", "overfitting", "mixed precision", "int8", "webcam", "class imbalance"),
)


@pytest.mark.parametrize("words", _WORDS)
def test_the_words_of_the_field_are_on_a_page(words: str) -> None:
    """The search of the site finds what a page says, so each word must be on one."""
    pages = " ".join(page.read_text(encoding="utf-8") for page in _DOCS.rglob("*.md")).lower()
    stems = [word[:9].lower() for word in words.split()]
    assert all(stem in pages for stem in stems)
