"""Builds the documentation and checks it: `python scripts/site.py [FOLDER]`, by default into `site`.

Sphinx's warnings are errors. Then, page by page: every link inside the site leads somewhere, nothing is asked of
another host, and in Chromium at 1280 and 390 pixels, light and dark, nothing overflows and axe-core finds no barrier.
On the narrow screen tables, formulas and blocks of code may scroll, each for itself.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
AXE = ROOT / ".venv/axe/node_modules/axe-core/axe.min.js"
_LOADING_TAGS = {"script", "img", "iframe", "source", "video", "audio", "embed"}
_LOADING_LINKS = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "modulepreload",
    "manifest",
}
_IN_STYLES = re.compile(r"""(?:@import\s+|url\()\s*["']?((?:https?:)?//[^"')\s]+)""")
_SIZES = ((1280, "light"), (390, "dark"))
_OVERFLOWING = """
    const wide = document.documentElement.scrollWidth > innerWidth + 1;
    const scrolls = innerWidth < 1000 ? '' : ', article pre, .math-wrapper, .table-wrapper';
    const parts = 'article .sig, article img' + scrolls;
    const leaves = e => e.getBoundingClientRect().right > innerWidth + 1;
    const found = [...document.querySelectorAll(parts)].filter(e => e.scrollWidth > e.clientWidth + 2 || leaves(e));
    return [...(wide ? ['the page'] : []), ...found.map(e => e.tagName + ': ' + e.textContent.slice(0, 60))];
"""
_RULES = {"runOnly": ["wcag2a", "wcag2aa"], "resultTypes": ["violations"]}


class Page(HTMLParser):
    """What a page loads, links to, and may be linked at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)
        self.loads += _IN_STYLES.findall(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note the addresses and anchors of an element."""
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in _LOADING_TAGS and given.get("src"):
            self.loads.append(given["src"])
        if tag == "link" and _LOADING_LINKS & set(given.get("rel", "").split()):
            self.loads.append(given.get("href", ""))


def requests_elsewhere(site: Path) -> Iterator[str]:
    """Scripts, styles, fonts and images of other hosts, in pages and style sheets."""
    for path in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        text = path.read_text("utf-8")
        loads = Page(text).loads if path.suffix == ".html" else _IN_STYLES.findall(text)
        for address in loads:
            if urlsplit(address).netloc:
                yield f"{path.relative_to(site)} asks for {address}"


def broken_links(site: Path) -> Iterator[str]:
    """Links inside the site that lead to no file, or to no place in it."""
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                yield f"{path.relative_to(site.resolve())} links to {link}, which is not there"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{path.relative_to(site.resolve())} links to {link}: no such place"


def missing_tools() -> str | None:
    """What the check in a browser lacks."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        return "chromium and its driver are not installed; scripts/browser installs them"
    if not AXE.is_file():
        return f"{AXE.relative_to(ROOT)} is not there; scripts/browser installs it where there is npm"
    return None


def seen_in_a_browser(site: Path) -> Iterator[str]:
    """What overflows, and the barriers that axe-core finds, on each page but the sources of modules."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(120)
    axe = AXE.read_text("utf-8")
    try:
        for path in sorted(site.rglob("*.html")):
            if "_modules" in path.parts or "_static" in path.parts:
                continue
            driver.get(path.resolve().as_uri())
            driver.execute_script(axe)
            for width, theme in _SIZES:  # on one loaded page: the second run of axe-core there costs half of the first
                size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
                driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
                driver.execute_script("document.body.dataset.theme = arguments[0]", theme)
                place = f"{path.relative_to(site)} at {width} pixels, {theme}"
                for what in driver.execute_script(_OVERFLOWING):
                    yield f"{place}: overflows: {what}"
                found = driver.execute_async_script(
                    "axe.run(document, JSON.parse(arguments[0])).then(arguments[1])", json.dumps(_RULES)
                )
                for violation in found["violations"]:
                    nodes = violation["nodes"]
                    yield f"{place}: {violation['id']} ({len(nodes)} times), such as {nodes[0]['html'][:160]}"
    finally:
        driver.quit()


def main(site: Path) -> int:
    """Build and check; the exit code says whether all is well."""
    if (site / ".buildinfo").is_file():
        shutil.rmtree(site)  # pages that are gone
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-E", str(ROOT / "docs"), str(site)]
    if subprocess.run(command, check=False).returncode:
        return 1
    faults = [*requests_elsewhere(site), *broken_links(site)]
    missing = missing_tools()
    if missing is None:
        faults += seen_in_a_browser(site)
    else:
        print(f"scripts/site.py: not looked at in a browser: {missing}", file=sys.stderr)
    for fault in faults:
        print(f"scripts/site.py: {fault}", file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "site"))
