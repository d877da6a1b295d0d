"""The errors of a full disk name the place."""

import errno

import pytest

from yolo3.system.full_disk import is_full_disk, naming_full_disk


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_an_error_without_a_file_gets_the_place(number):
    assert is_full_disk(OSError(number, "full"))
    with pytest.raises(OSError, match=r"^out cannot be written \(full\)$"), naming_full_disk("out"):
        raise OSError(number, "full")


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full", "a.txt"), OSError(errno.EPIPE, "broken pipe"), ValueError("wrong")]
)
def test_others_stay_as_they_are(error):
    with pytest.raises(type(error)) as caught, naming_full_disk("out"):
        raise error
    assert caught.value is error
