import os
from pathlib import Path

import pytest

from yolo3.data.faults import DataError
from yolo3.data.locating import ListedFile, Located, Locator, disagreements


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set among others: two cameras, a copy of one, and an image of its own."""
    for name in ("set/cam1/0.png", "set/cam2/1.png", "set/images/0.png", "set/top.png", "copy/0.png", "secret.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / "set"


def _found(data: Path, listed: str, *roots: str, allow_outside: bool = False) -> tuple[str, tuple[str, ...]] | None:
    place = Locator(data, allow_outside).locate(listed, [data / root for root in roots or [""]])
    return None if place is None else (os.path.relpath(place.path, data), place.dropped)


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("cam1/0.png", ("cam1/0.png", ())),
        ("./cam1/../cam1/0.png", ("cam1/0.png", ())),
        ("cam1", ("cam1", ())),
        ("/old/data/cam1/0.png", ("cam1/0.png", ("old", "data"))),
        ("old/cam1/0.png", ("cam1/0.png", ("old",))),
        ("C:\\old\\cam1\\0.png", ("cam1/0.png", ("old",))),
        ("..\\cam1\\0.png", ("cam1/0.png", ())),
        ("../images", ("images", ())),
        ("/x/top.png", ("top.png", ("x",))),
        ("cam2/0.png", None),  # cam2 is here, without that image; cam1 has one of that name
        ("/old/cam2/0.png", None),
        ("cam2/top.png", None),
        ("/home/x/val/top.png", None),  # never another split's
        ("../valid/images", None),
        ("my_test/top.png", None),
        ("../copy/top.png", None),  # the copy is here too, without that image
        ("nothing.png", None),
    ],
)
def test_what_a_path_means(data: Path, listed: str, found: tuple[str, tuple[str, ...]] | None) -> None:
    assert _found(data, listed) == found


def test_a_path_of_a_folder_that_is_on_this_machine_means_that_folder(data: Path) -> None:
    assert _found(data, f"{data.parent}/copy/top.png") is None


def test_a_backslash_may_be_part_of_a_name(data: Path) -> None:
    (data / "a\\b.png").touch()
    assert _found(data, "a\\b.png") == ("a\\b.png", ())


@pytest.mark.parametrize("listed", ["../secret.txt", "../copy/0.png", "{parent}/secret.txt", "cam1/../../secret.txt"])
def test_nothing_outside_is_read_unless_it_is_allowed(data: Path, listed: str) -> None:
    listed = listed.format(parent=data.parent)
    with pytest.raises(DataError, match="outside the data set; copy it into the data set, or pass --allow-outside"):
        _found(data, listed)
    found = _found(data, listed, allow_outside=True)
    assert found is not None
    assert found[0].startswith("../")


def test_links_lead_where_they_lead(data: Path) -> None:
    (data / "link").symlink_to(data.parent / "copy")
    (data / "linked.png").symlink_to(data.parent / "copy/0.png")
    assert _found(data, "link/0.png") == ("link/0.png", ())
    assert _found(data, "linked.png") == ("linked.png", ())


def test_the_first_root_counts_unless_it_is_an_image(data: Path) -> None:
    locator, roots = Locator(data), [data / "cam1", data / "images"]
    place = locator.locate("0.png", roots)
    assert place is not None
    assert place.path == str(data / "cam1/0.png")
    with pytest.raises(DataError, match=r"0\.png may be .*cam1/0\.png or .*images/0\.png; put \./ before it"):
        locator.locate("0.png", roots, is_image=True)
    assert locator.locate("./0.png", roots, is_image=True) == place
    (data / "again").symlink_to(data / "cam1")
    assert locator.locate("0.png", [data / "cam1", data / "again"], is_image=True) == place


def test_patterns_stay_inside(data: Path) -> None:
    locator = Locator(data)
    assert locator.matches("cam*/*.png", [data]) == [f"{data}/cam1/0.png", f"{data}/cam2/1.png"]
    assert locator.matches("*.png", [data / "none", data]) == [f"{data}/top.png"]
    assert locator.matches("/nowhere/**/*.png", [data]) == []
    for pattern in ("/**/*.png", "../copy/*.png", f"{data.parent}/**"):
        with pytest.raises(DataError, match="outside the data set"):
            locator.matches(pattern, [data])
    assert Locator(data, allow_outside=True).matches("../copy/*.png", [data]) == [f"{data.parent}/copy/0.png"]


def _listed(listed: str, path: str, *dropped: str) -> ListedFile:
    return ListedFile(f"{listed} here", listed, Located(path, dropped, path if dropped else ""))


def test_one_file_never_stands_for_two_paths() -> None:
    files = [_listed("/x/cam1/0.png", "0.png", "x", "cam1"), _listed("/x/cam2/0.png", "0.png", "x", "cam2")]
    assert disagreements(files).keys() == {0, 1}
    files = [_listed("/old/a/0.png", "a/0.png", "old"), _listed("a/0.png", "a/0.png")]
    assert disagreements(files) == {
        0: "/old/a/0.png does not exist as written; it leads to a/0.png, which may also be a/0.png (a/0.png here): "
        "add its folder, or correct the path"
    }


def test_a_path_that_leads_nowhere_may_be_the_one_that_is_meant() -> None:
    files = [_listed("cam1/0.png", "0.png", "cam1"), ListedFile("there", "val/0.png", None)]
    assert disagreements(files).keys() == {0}
    assert disagreements([files[0], ListedFile("there", "val/1.png", None)]) == {}


def test_a_path_may_be_listed_again() -> None:
    assert disagreements([_listed("/old/0.png", "0.png", "old"), _listed("/old/./0.png", "0.png", "old")]) == {}
    assert disagreements([_listed("a.png", "a.png"), _listed("./a.png", "a.png")]) == {}


def test_lost_folders_must_agree() -> None:
    """Else images of one name might be each other's: of two cameras, or of a set and its copy."""
    agreeing = [_listed("data/a.png", "a.png", "data"), _listed("/home/me/data/b.png", "b.png", "home", "me", "data")]
    assert disagreements([*agreeing, _listed("c.png", "c.png")]) == {}
    for other in (("cam2",), ("old", "cam2"), ("cam1", "old")):
        files = [_listed("old/cam1/0.png", "0.png", "old", "cam1"), _listed("x/1.png", "1.png", *other)]
        assert disagreements(files).keys() == {0, 1}


def test_an_image_without_its_folders_is_looked_for_in_the_main_folder_alone(data: Path) -> None:
    """A list that lies in one camera's folder may name another camera's images."""
    locator = Locator(data)
    assert locator.locate("/x/cam1/1.png", [data / "cam2", data], is_image=True) is None
    assert locator.locate("/x/y/1.png", [data / "cam2", data], is_image=True) is None
    assert locator.locate("/x/cam2/y/1.png", [data / "cam2", data], is_image=True) is None  # cam2 is here
    found = locator.locate("/x/cam2/y/1.png", [data / "cam2"], is_image=True)
    assert found == Located(f"{data}/cam2/1.png", ("x", "cam2", "y"), "1.png")
    found = locator.locate("/x/y/top.png", [data / "cam2", data], is_image=True)
    assert found == Located(f"{data}/top.png", ("x", "y"), "top.png")
    assert Locator(data / "cam2").locate("/x/cam1/1.png", [data / "cam2"], is_image=True) is None
