from pathlib import Path, PureWindowsPath

import pytest

from yolo3.hub import HubAddress, is_hub_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf://user/bccd", HubAddress("user/bccd")),
        ("hf://user/bccd@v1.0", HubAddress("user/bccd", "v1.0")),
        ("hf://user/Blood-cells_2.b@refs/pr/1", HubAddress("user/Blood-cells_2.b", "refs/pr/1")),
        (Path("hf://user/bccd@v1"), HubAddress("user/bccd", "v1")),  # with one slash
        (PureWindowsPath("hf://user/bccd@refs/pr/1"), HubAddress("user/bccd", "refs/pr/1")),
    ],
)
def test_what_an_address_stands_for(text: str | Path, expected: HubAddress) -> None:
    assert is_hub_address(text)
    assert HubAddress.parse(text) == expected


def test_written_as_it_is_typed() -> None:
    for text in ("hf://user/bccd", "hf://user/bccd@v1"):
        assert str(HubAddress.parse(Path(text))) == text
    assert str(HubAddress("user/bccd").at("v2")) == "hf://user/bccd@v2"


@pytest.mark.parametrize(
    "text",
    [
        *("hf://x", "hf://", "hf:user/bccd", "hf://user/bccd/model.json", "hf://user/", "hf:///bccd", "hf://user/b@"),
        *("hf://../bccd", "hf://user/a..b", "hf://user/a--b", "hf://user/bccd.git", "hf://.user/bccd", "hf://user/b d"),
        *("hf://user/bccd@../../x", "hf://user/bccd@/etc", "hf://user/bccd@-f", "hf://user/bccd@a\nb"),
        f"hf://user/{'x' * 92}",
    ],
)
def test_wrong_addresses(text: str) -> None:
    assert is_hub_address(text)
    with pytest.raises(ValueError, match=r"write hf://user/name or hf://user/name@revision"):
        HubAddress.parse(text)


def test_paths_are_none() -> None:
    for place in ("runs/bccd", Path("hf"), "C:/runs", "yolov3", "hf/user/bccd"):
        assert not is_hub_address(place)
