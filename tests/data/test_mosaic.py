import numpy as np
import pytest

from yolo3.data import AnnotatedImage, ImageReader, Key, Mixup, Mosaic

SIZE = (64, 64)


def plain(value: int) -> AnnotatedImage:
    """An image of one grey whose one object is all of it."""
    image = np.full((48, 64, 3), value, np.uint8)
    return AnnotatedImage(image, np.array([[0, 0, 64, 48]], np.float32), np.array([value]), np.ones(1, np.float32))


IMAGES = [plain(value) for value in (10, 60, 200, 250)]


def same(one: AnnotatedImage, other: AnnotatedImage) -> bool:
    return np.array_equal(one.image, other.image) and np.array_equal(one.boxes, other.boxes)


def test_a_mosaic_is_four_windows_around_a_point() -> None:
    made = Mosaic(IMAGES, scales=(1, 1), least_share=0).load(Key(1, SIZE))
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


def test_images_too_small_for_their_field_lie_against_the_point() -> None:
    made = Mosaic(IMAGES, scales=(0.25, 0.25)).load(Key(0, SIZE))
    sizes = made.boxes[:, 2:] - made.boxes[:, :2]
    assert sizes.tolist() == [[16, 12]] * 4
    point = made.boxes[0, 2:].tolist()
    assert [made.boxes[1, [0, 3]].tolist(), made.boxes[2, [2, 1]].tolist()] == [point, point]
    assert made.image[0, 0].tolist() == [128] * 3


def test_slivers_of_objects_are_dropped() -> None:
    assert len(Mosaic(IMAGES, scales=(1, 1), least_share=0.9).load(Key(0, SIZE)).boxes) == 0


def test_mosaics_stop_for_the_last_epochs() -> None:
    source, mosaic = ImageReader(IMAGES), Mosaic(IMAGES, epochs=2)
    assert not same(mosaic.load(Key(0, SIZE, epoch=1)), source.load(Key(0, SIZE)))
    assert same(mosaic.load(Key(0, SIZE, epoch=2)), source.load(Key(0, SIZE)))


@pytest.mark.parametrize("kind", [Mosaic, Mixup])
def test_the_key_says_all_and_probability_is_a_share_of_the_keys(kind: type[Mosaic] | type[Mixup]) -> None:
    alone = ImageReader(IMAGES)
    keys = [Key(0, SIZE, epoch) for epoch in range(200)]
    for key in keys[:5]:
        assert same(kind(IMAGES, probability=1).load(key), kind(IMAGES, probability=1).load(key))
        assert same(kind(IMAGES, probability=0).load(key), alone.load(key))
    left = sum(same(kind(IMAGES, probability=0.5).load(key), alone.load(key)) for key in keys)
    assert 70 < left < 130
    assert len(kind(IMAGES)) == 4


def test_mixup_blends_pixels_and_shares_weights() -> None:
    made = Mixup(IMAGES, probability=1).load(Key(0, SIZE, epoch=1))
    one, other = made.labels
    share = made.weights[0]
    assert one == 10
    assert made.weights[1] == pytest.approx(1 - share)
    assert made.image[32, 32].tolist() == [pytest.approx(share * one + (1 - share) * other, abs=1)] * 3
    assert made.image[0, 0].tolist() == [128] * 3  # the bars of both


def test_mixup_of_mosaics_keeps_every_object() -> None:
    made = Mixup(Mosaic(IMAGES, least_share=0), probability=1).load(Key(0, SIZE))
    assert len(made.boxes) == 8
    assert made.weights.sum() == pytest.approx(4)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match=r"probability is 2; it must lie in \[0, 1\]"):
        Mosaic(IMAGES, probability=2)
    with pytest.raises(ValueError, match="least_share is -1"):
        Mosaic(IMAGES, least_share=-1)
    with pytest.raises(ValueError, match=r"scales is \(1, 0.5\); give \(least, most\)"):
        Mosaic(IMAGES, scales=(1, 0.5))
    with pytest.raises(ValueError, match="alpha is 0; give a number above 0"):
        Mixup(IMAGES, alpha=0)
