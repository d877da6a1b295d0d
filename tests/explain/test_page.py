"""The page: whole in one file, safe with any name, and not endless."""

import re

import pytest
import torch

from yolo3.explain import explain_prediction, explanation_page


@pytest.fixture
def explained(told, predictor_of, image, truth):
    told.put((40, 20, 32, 32), 0.8, (0.9, 0.1, 0.1))
    told.put((10, 50, 16, 16), 0.2, (0.1, 0.9, 0.1), scale=1)
    known = truth((0, 24, 4, 56, 36), (1, 2, 42, 18, 58))
    return explain_prediction(predictor_of(told), image, known, why="dog", model="runs/cats")


def test_it_tells_the_numbers(explained) -> None:
    page = explanation_page(explained)
    for text in (
        "Why dog?",
        "below threshold",
        "P(dog)",
        "Stride 32, row 0, column 1, anchor 0 (32 x 32)",
        "1 of 2 are found",
        "Stride 16: 4 × 4 cells, anchors 8 × 8, 16 × 16, 8 × 24: 48 slots.",
        "0.720",
    ):
        assert text in page
    assert page.count("LayerCAM of dog, stride") >= 2  # one caption per scale


def test_it_needs_nothing_else(explained) -> None:
    page = explanation_page(explained)
    assert "<script" not in page
    assert "@import" not in page
    assert {address[:5] for address in re.findall(r'(?:href|src)="([^"]*)"', page)} == {"data:", "#inpu"}
    assert not re.findall(r"url\(", page)


def test_names_are_text(told, predictor_of, image) -> None:
    told.put((40, 20, 32, 32), 0.8, (0.9, 0.1, 0.1))
    predictor = predictor_of(told)
    predictor.names = ("<script>alert(1)</script>", "b", "c & d")
    page = explanation_page(explain_prediction(predictor, image, model='<img src="http://elsewhere">'))
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_weak_network_gives_no_endless_page(told, predictor_of, image) -> None:
    for logits in (told.coarse, told.fine):
        logits.copy_(torch.randn(logits.shape))
    predictor = predictor_of(told, min_score=0.0, iou_threshold=1.0)
    explained = explain_prediction(predictor, image)
    assert len(explained.detections) == 3 * (2 * 4 + 3 * 16)
    page = explanation_page(explained)
    assert "… and 68 more detections" in page  # of 168, in the table
    assert "… and 128 more detections" in page  # the cards
    assert page.count("<details") == 40
    assert len(page) < 1_000_000
    assert "and 138 more" in str(explained)


def test_nothing_found(told, predictor_of, image) -> None:
    page = explanation_page(explain_prediction(predictor_of(told), image))
    assert "Nothing is detected." in page
    assert "Detection by detection" not in page
