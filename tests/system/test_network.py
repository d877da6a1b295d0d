import pytest

from yolo3.system.network import is_offline


@pytest.mark.parametrize(("value", "expected"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)])
def test_offline_by_choice(value: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv("YOLO3_OFFLINE", raising=False)
    else:
        monkeypatch.setenv("YOLO3_OFFLINE", value)
    assert is_offline() is expected
