"""The page as a person meets it, in a real browser."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import torch
from fastapi import FastAPI
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, NoSuchFrameException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from yolo3 import Predictor, YOLOv3
from yolo3.draw import class_colour
from yolo3.serve import Limits, create_app

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*no_silent_downcasting"),  # Gradio sets it, pandas deprecates it
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),  # likewise
]
_PATIENCE = 30  # seconds


class Visitor:
    """Someone at the page, and what their browser asks for."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver, self.address = driver, address
        self._asked: list[tuple[str, str]] = []
        driver.get_log("performance"), driver.get_log("browser")  # of those before
        driver.get(address)
        self.wait(lambda: self.all("#image input[type=file]"))

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def wait(self, condition) -> None:
        WebDriverWait(self.driver, _PATIENCE, poll_frequency=0.05).until(lambda _: condition())

    def upload(self, file: Path) -> None:
        self.one("#image input[type=file]").send_keys(str(file))

    def slide(self, slider: str, key: str) -> None:
        self.one(f"#{slider} input[type=range]").send_keys(key)

    def read(self, text: str) -> None:
        """Wait until the words under the image are these."""
        self.wait(lambda: any(element.text == text for element in self.all("#summary")))

    def requests(self) -> list[tuple[str, str]]:
        """(method, address) of everything that was asked for up to now."""
        for entry in self.driver.get_log("performance"):  # gives each but once
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._asked.append((message["params"]["request"]["method"], message["params"]["request"]["url"]))
            elif message["method"] == "Network.webSocketCreated":
                self._asked.append(("SOCKET", message["params"]["url"]))
        return self._asked


@pytest.fixture
def visitor(driver: webdriver.Chrome, address: str) -> Iterator[Visitor]:
    """Whose browser asks nobody but our server, and has nothing to complain of."""
    visitor = Visitor(driver, address)
    yield visitor
    web = [url for _, url in visitor.requests() if not url.startswith(("data:", "blob:"))]
    assert web
    assert {urlsplit(url).netloc for url in web} == {urlsplit(address).netloc}
    assert [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.fixture
def image(tmp_path: Path, encoded) -> Path:
    (tmp_path / "patch.png").write_bytes(encoded((80, 80, 400, 320), (640, 960)))
    return tmp_path / "patch.png"


def test_an_image_gets_boxes_and_sliders_change_them(visitor, image):
    visitor.upload(image)
    visitor.read("2 × red, 1 × blue")
    visitor.wait(lambda: visitor.all("#result img"))
    row = ["red", "0.9", "80", "80", "400", "320"]
    visitor.wait(lambda: visitor.one("#table").text.split("\n")[6:12] == row)  # after the heads of its columns

    def shown() -> Image.Image:
        return Image.open(BytesIO(httpx.get(visitor.one("#result img").get_attribute("src")).content))

    assert shown().size == (960, 640)
    assert shown().getpixel((500, 81)) == pytest.approx(class_colour(1), abs=40)  # edge of the second red box
    before = visitor.one("#result img").get_attribute("src")

    visitor.slide("min-score", Keys.END)
    visitor.read("nothing")
    visitor.wait(lambda: visitor.one("#result img").get_attribute("src") != before)
    assert shown().getpixel((500, 81)) == pytest.approx((100, 100, 100), abs=10)
    visitor.slide("min-score", Keys.HOME)
    visitor.read("2 × red, 1 × blue")
    visitor.slide("iou-threshold", Keys.HOME)
    visitor.read("1 × red, 1 × blue")
    uploads = [url for method, url in visitor.requests() if method == "POST" and "/upload" in url]
    assert len(uploads) == 1  # the sliders needed no other


def test_the_page_works_in_another_application(driver, served, predictor, image):
    outer = FastAPI()
    outer.mount("/yolo", create_app(predictor, "patches", Limits(megabytes=1)))
    with served(outer) as address:
        visitor = Visitor(driver, f"{address}/yolo/")
        visitor.upload(image)
        visitor.read("2 × red, 1 × blue")
        visitor.slide("min-score", Keys.END)
        visitor.read("nothing")
        asked = [url for _, url in visitor.requests() if not url.startswith(("data:", "blob:"))]
        others = {url.removeprefix(address) for url in asked if not url.startswith(f"{address}/yolo/")}
        assert others <= {"/manifest.json", "/favicon.ico"}  # an icon, which browsers look for there
        visitor.driver.get(f"{address}/yolo/docs")
        visitor.wait(
            lambda: (
                [block.text for block in visitor.all(".opblock-summary-path")]
                == ["/detect", "/health", "/ready", "/metrics"]
            )
        )
        severe = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        assert [
            message for message in severe if "/manifest.json" not in message and "/favicon.ico" not in message
        ] == []


def test_what_is_no_image_gets_a_clear_error(visitor, image, tmp_path):
    visitor.upload(image)
    visitor.read("2 × red, 1 × blue")
    (tmp_path / "renamed.png").write_text("just some words")
    visitor.one("#image button[aria-label='Remove Image'], #image button[aria-label='Clear']").click()
    visitor.wait(lambda: not visitor.all("#result img"))
    visitor.upload(tmp_path / "renamed.png")
    visitor.read("not an image that can be read; send one of BMP, GIF, JPEG, NPY, PNG, TIFF, WEBP")
    assert not visitor.all("#result img")


def test_a_text_file_gets_a_clear_error(visitor, tmp_path):
    (tmp_path / "notes.txt").write_text("just some words")
    visitor.upload(tmp_path / "notes.txt")
    visitor.wait(lambda: "Invalid file type" in "".join(toast.text for toast in visitor.all(".toast-body")))


def test_the_documentation_opens(visitor):
    visitor.driver.get(f"{visitor.address}/docs")
    visitor.wait(
        lambda: (
            [block.text for block in visitor.all(".opblock-summary-path")]
            == ["/detect", "/health", "/ready", "/metrics"]
        )
    )


@pytest.fixture(scope="module")
def anchored(served) -> Iterator[str]:
    """The address of a server whose detector has anchors; it finds something everywhere."""
    torch.manual_seed(0)
    predictor = Predictor(YOLOv3(2, width=0.125), ("cat", "dog"), 64, "fp32", min_score=0.05)
    with served(create_app(predictor, "small", Limits(megabytes=1))) as address:
        yield address


def test_the_inside_of_a_prediction(driver, anchored, image):
    visitor = Visitor(driver, anchored)
    visitor.upload(image)
    visitor.wait(lambda: visitor.all("#result img"))
    (tab,) = (each for each in visitor.all("button[role=tab]") if each.text == "Inside")
    tab.click()
    visitor.one("#explain").click()

    def heading() -> str:
        try:
            driver.switch_to.frame(visitor.one("#inside iframe"))
            return "".join(each.text for each in visitor.all("h1, section:nth-of-type(2) h2"))
        except (NoSuchElementException, StaleElementReferenceException, NoSuchFrameException):  # on its way
            return ""
        finally:
            driver.switch_to.default_content()

    visitor.wait(lambda: heading().startswith("Inside one prediction: the imageWhy"))
    driver.switch_to.frame(visitor.one("#inside iframe"))
    assert visitor.one("figure svg").size["width"] > 100
    assert visitor.all("figure svg use, figure svg image")
    driver.switch_to.default_content()
    visitor.one("#why input").send_keys("dog", Keys.ENTER)
    visitor.one("#explain").click()
    visitor.wait(lambda: heading().endswith("Why dog?"))
    web = [url for _, url in visitor.requests() if not url.startswith(("data:", "blob:"))]
    assert {urlsplit(url).netloc for url in web} == {urlsplit(anchored).netloc}
    assert [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_detector_without_anchors_says_that_it_cannot_be_explained(visitor):
    (tab,) = (each for each in visitor.all("button[role=tab]") if each.text == "Inside")
    tab.click()
    visitor.wait(lambda: "only detectors with anchors can be explained" in visitor.one("#inside").text)
