import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from yolo3.images.jpeg import MOST_SCANS, count_scans


def _jpeg(**options) -> bytes:
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(content, "JPEG", **options)
    return content.getvalue()


def test_scans_are_counted(with_scans: Callable[[bytes, int], bytes]) -> None:
    assert count_scans(_jpeg()) == 1
    progressive = _jpeg(progressive=True)
    assert count_scans(progressive) == 10  # libjpeg's own script for colour
    assert count_scans(with_scans(progressive, 100)) == 100
    assert count_scans(with_scans(progressive, 101)) == 101
    assert count_scans(with_scans(progressive, 700)) == 101 > MOST_SCANS


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}])
def test_what_other_segments_and_what_follows_hold_is_no_scan(options: dict[str, object]) -> None:
    marks = b"\xff\xda" * 3000
    inside = _jpeg(comment=marks, exif=b"Exif\0\0" + marks, icc_profile=marks, **options)
    behind = _jpeg(**options) + marks  # as phones append a film
    assert count_scans(inside) == count_scans(behind) == (10 if "progressive" in options else 1)
