import numpy as np
import pytest

from yolo3.data import Key, Mixup, Mosaic, Picture, PictureReader

SIZE = (64, 64)


def plain(value: int) -> Picture:
    """A picture of one grey whose one object is all of it."""
    image = np.full((48, 64, 3), value, np.uint8)
    return Picture(image, np.array([[0, 0, 64, 48]], np.float32), np.array([value]), np.ones(1, np.float32))


PICTURES = [plain(value) for value in (10, 60, 200, 250)]


def same(one: Picture, other: Picture) -> bool:
    return np.array_equal(one.image, other.image) and np.array_equal(one.boxes, other.boxes)


def test_a_mosaic_is_four_windows_around_a_point() -> None:
    made = Mosaic(PICTURES, scales=(1, 1), least_share=0).picture(Key(1, SIZE))
    assert made.size == SIZE
    assert made.labels[0] == 60
    assert made.image[0, 0].tolist() == [60] * 3
    assert len(made.boxes) == 4
    point = made.boxes[0, 2:]
    assert (point >= 0.3 * 64 - 1).all()
    assert (point <= 0.7 * 64).all()
    assert made.boxes[3, :2].tolist() == point.tolist()  # the windows meet there
    for box, label in zip(made.boxes.astype(int), made.labels, strict=True):
        assert (made.image[box[1] : box[3], box[0] : box[2]] == label).all()
    covered = (made.boxes[:, 2:] - made.boxes[:, :2]).prod(1).sum()
    assert covered + (made.image == 128).all(2).sum() == 64 * 64  # the rest is grey


def test_pictures_too_small_for_their_field_lie_against_the_point() -> None:
    made = Mosaic(PICTURES, scales=(0.25, 0.25)).picture(Key(0, SIZE))
    sizes = made.boxes[:, 2:] - made.boxes[:, :2]
    assert sizes.tolist() == [[16, 12]] * 4
    point = made.boxes[0, 2:].tolist()
    assert [made.boxes[1, [0, 3]].tolist(), made.boxes[2, [2, 1]].tolist()] == [point, point]
    assert made.image[0, 0].tolist() == [128] * 3


def test_slivers_of_objects_are_dropped() -> None:
    assert len(Mosaic(PICTURES, scales=(1, 1), least_share=0.9).picture(Key(0, SIZE)).boxes) == 0


def test_mosaics_stop_for_the_last_epochs() -> None:
    source, mosaic = PictureReader(PICTURES), Mosaic(PICTURES, epochs=2)
    assert not same(mosaic.picture(Key(0, SIZE, epoch=1)), source.picture(Key(0, SIZE)))
    assert same(mosaic.picture(Key(0, SIZE, epoch=2)), source.picture(Key(0, SIZE)))


@pytest.mark.parametrize("kind", [Mosaic, Mixup])
def test_the_key_says_all_and_probability_is_a_share_of_the_keys(kind: type[Mosaic] | type[Mixup]) -> None:
    alone = PictureReader(PICTURES)
    keys = [Key(0, SIZE, epoch) for epoch in range(200)]
    for key in keys[:5]:
        assert same(kind(PICTURES, probability=1).picture(key), kind(PICTURES, probability=1).picture(key))
        assert same(kind(PICTURES, probability=0).picture(key), alone.picture(key))
    left = sum(same(kind(PICTURES, probability=0.5).picture(key), alone.picture(key)) for key in keys)
    assert 70 < left < 130
    assert len(kind(PICTURES)) == 4


def test_mixup_blends_pixels_and_shares_weights() -> None:
    made = Mixup(PICTURES, probability=1).picture(Key(0, SIZE, epoch=1))
    one, other = made.labels
    share = made.weights[0]
    assert one == 10
    assert made.weights[1] == pytest.approx(1 - share)
    assert made.image[32, 32].tolist() == [pytest.approx(share * one + (1 - share) * other, abs=1)] * 3
    assert made.image[0, 0].tolist() == [128] * 3  # the bars of both


def test_mixup_of_mosaics_keeps_every_object() -> None:
    made = Mixup(Mosaic(PICTURES, least_share=0), probability=1).picture(Key(0, SIZE))
    assert len(made.boxes) == 8
    assert made.weights.sum() == pytest.approx(4)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match=r"probability is 2; it must lie in \[0, 1\]"):
        Mosaic(PICTURES, probability=2)
    with pytest.raises(ValueError, match="least_share is -1"):
        Mosaic(PICTURES, least_share=-1)
    with pytest.raises(ValueError, match=r"scales is \(1, 0.5\); give \(least, most\)"):
        Mosaic(PICTURES, scales=(1, 0.5))
    with pytest.raises(ValueError, match="alpha is 0; give a number above 0"):
        Mixup(PICTURES, alpha=0)
