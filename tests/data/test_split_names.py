"""What a split's name means; the names are those of data sets that were met."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo3.data.faults import DataError
from yolo3.data.split_names import (
    find_split,
    is_split_word,
    may_share,
    names_a_split,
    of_meaning,
    same_split,
    split_meaning,
)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("train", "train"),
        ("Train", "train"),
        ("TRAINING", "train"),
        ("train2017", "train"),
        ("custom_train", "train"),
        ("train_annotations", "train"),
        ("myTrain", "train"),
        ("TrainImages", "train"),
        ("RGBTrain", "train"),
        ("val", "val"),
        ("Validation", "val"),
        ("valid-2", "val"),
        ("custom_val", "val"),
        ("dev", "val"),
        ("test", "test"),
        ("Testing", "test"),
        ("test-dev2017", "test"),
        ("trainval", "trainval"),
        ("TrainVal", "trainval"),
        ("train_val", "trainval"),
        ("train_test", None),
        ("strain", None),
        ("interval", None),
        ("contest", None),
        ("étrain", None),
        ("latest", None),
        ("default", None),
        ("", None),
    ],
)
def test_what_a_name_means(name: str, meaning: str | None) -> None:
    assert split_meaning(name) == meaning


def test_a_name_of_two_splits_names_one_all_the_same() -> None:
    assert names_a_split("train_test")
    assert not names_a_split("camera1")


@pytest.mark.parametrize(("name", "is_word"), [("Val", True), ("val2017", True), ("my_val", False), ("names", False)])
def test_a_key_that_is_a_split_and_nothing_else(name: str, is_word: bool) -> None:
    assert is_split_word(name) == is_word


@pytest.mark.parametrize(
    ("splits", "asked", "found"),
    [
        (["trainval", "train2017", "valid"], "train", "train2017"),
        (["trainval", "train2017", "valid"], "val", "valid"),
        (["Train", "Validation"], "train", "Train"),
        (["Train", "Validation"], "val", "Validation"),
        (["mini_train", "train2017"], "train", "train2017"),
        (["custom_train", "custom_val"], "val", "custom_val"),
        (["cat_train", "train"], "cat_train", "cat_train"),
    ],
)
def test_the_split_that_is_asked_for(splits: list[str], asked: str, found: str) -> None:
    assert find_split(splits, asked, "here") == found


def test_a_split_that_may_be_several_is_asked_for_by_its_whole_name() -> None:
    with pytest.raises(DataError, match="here: split 'train' may be train2014 or train2017; give the full name"):
        find_split(["train2014", "train2017"], "train", "here")


def test_the_plainest_name_counts() -> None:
    assert of_meaning(["train", "mini_train", "train2017"], "train") == ["train"]
    assert of_meaning(["mini_train", "train2017"], "train") == ["train2017"]
    assert of_meaning(["a_train", "b_train"], "train") == ["a_train", "b_train"]
    assert of_meaning(["a_train", "b_train"], "test") == []


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        ("train", "trainval", True),
        ("trainval", "val2012", True),
        ("train", "mini_train", True),
        ("train", "val", False),
        ("trainval", "test", False),
        ("all", "all_small", True),
        ("fold1", "fold10", False),
        ("fold1", "train", False),
    ],
)
def test_splits_that_are_meant_to_share(one: str, other: str, may: bool) -> None:
    assert may_share(one, other) == may_share(other, one) == may


@pytest.mark.parametrize(
    ("folder", "split", "others", "same"),
    [
        ("train_images", "val", ["train"], False),
        ("val_images", "val", ["train"], True),
        ("Train", "train", ["val"], True),
        ("train2014", "train2017", ["train2014"], False),
        ("train_images", "train_annotations", ["val_annotations"], True),
        ("images", "val", ["train"], None),
        ("train", "default", [], None),  # all of the set may lie there
        ("train", "default", ["train2017"], False),
        ("fold1_images", "fold1", ["fold10"], True),
        ("fold10", "fold1", ["fold10"], False),
        ("mini_train", "train", ["mini_train"], False),
        ("train", "mini_train", ["train"], False),
        ("images_train2014", "train2017", ["train2014"], False),
        ("train_val", "train", ["val"], None),
        ("train", "trainval", ["test"], None),
        ("test", "trainval", [], False),
    ],
)
def test_whose_folder_it_is(folder: str, split: str, others: list[str], same: bool | None) -> None:
    assert same_split(folder, split, others) is same


@given(st.sampled_from(["train", "val", "test", "trainval"]), st.sampled_from(["_", "-", ".", " ", "1"]), st.data())
def test_case_and_what_stands_around_change_nothing(word: str, gap: str, data: st.DataObject) -> None:
    cased = data.draw(st.sampled_from([word, word.upper(), word.title()]))
    assert split_meaning(f"set{gap}{cased}{gap}a") == word
