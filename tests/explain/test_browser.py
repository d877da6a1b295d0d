"""The page as a reader meets it, in a real browser."""

import json
from pathlib import Path

import pytest

from yolo3.explain import explain_prediction, explanation_page


@pytest.fixture
def page(told, predictor_of, image, truth, tmp_path: Path) -> str:
    told.put((40, 20, 32, 32), 0.8, (0.9, 0.1, 0.1))
    told.put((36, 20, 32, 32), 0.7, (0.9, 0.1, 0.1), anchor=1)
    known = truth((0, 24, 4, 56, 36), (1, 2, 42, 18, 58))
    explained = explain_prediction(predictor_of(told), image, known, why="dog", model="a rather long name " * 6)
    (tmp_path / "page.html").write_text(explanation_page(explained), encoding="utf-8")
    return (tmp_path / "page.html").as_uri()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_asks_nobody(driver, page: str, width: int, scheme: str) -> None:
    driver.get_log("performance"), driver.get_log("browser")  # of those before
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    driver.get(page)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    for drawing in driver.find_elements("css selector", "figure svg"):
        if drawing.is_displayed():
            assert 100 < drawing.size["width"] <= width
            assert drawing.size["height"] > 50
    ground = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    ink = driver.execute_script("return getComputedStyle(document.body).color")
    assert (_light(ground) > _light(ink)) == (scheme == "light")
    assert abs(_light(ground) - _light(ink)) > 150
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    assert {url.split(":")[0] for url in asked} <= {"file", "data"}
    assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_cards_open_at_a_click(driver, page: str) -> None:
    driver.get(page)
    found, missed, *_ = driver.find_elements("css selector", "details")
    assert "found" in found.text  # the cat
    assert not found.find_element("css selector", "table").is_displayed()
    assert missed.find_element("css selector", "table").is_displayed()  # the dog, which was missed
    found.find_element("css selector", "summary").click()
    assert found.find_element("css selector", "table").is_displayed()


def _light(colour: str) -> float:
    """Mean of red, green and blue in ``rgb(20, 24, 29)``."""
    return sum(map(int, colour.partition("(")[2].rstrip(")").split(", "))) / 3
