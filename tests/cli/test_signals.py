import signal
import threading

import pytest

from yolo3.cli import main
from yolo3.cli.output import live_folder, new_folder
from yolo3.cli.signals import Terminated, terminated_like_ctrl_c


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("open_folder", [new_folder, lambda folder: live_folder(folder, lambda _: False)])
def test_a_polite_signal_ends_a_command_as_ctrl_c_does(tmp_path, number, open_folder):
    def hear_it():
        with terminated_like_ctrl_c(), open_folder(tmp_path / "out"):
            (next(tmp_path.iterdir()) / "file").touch()
            signal.raise_signal(number)

    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt, match=f"terminated by {number.name}"):
        hear_it()
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(number) is before


def test_a_second_one_ends_the_process():
    with pytest.raises(Terminated), terminated_like_ctrl_c():  # noqa: PT012
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # a terminal that is closed sends it twice


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with terminated_like_ctrl_c():
            signal.raise_signal(signal.SIGHUP)
            with terminated_like_ctrl_c():  # nor does a second one change anything
                assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_hear_none():
    heard = []

    def run():
        before = signal.getsignal(signal.SIGTERM)
        with terminated_like_ctrl_c():
            heard.append(signal.getsignal(signal.SIGTERM) is before)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert heard == [True]


def test_every_command_hears_them(monkeypatch, capsys):
    def asked_to_end(*_):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("yolo3.cli.parse_arguments", asked_to_end)
    for command in ("convert", "evaluate", "export", "serve"):
        assert main([command]) == 143
        assert capsys.readouterr().err == f"yolo3 {command}: terminated by SIGTERM\n"
