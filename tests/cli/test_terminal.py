import errno
import io
import os
import sys
import warnings

import pytest

from yolo3.cli.terminal import Forgiving, printing


@pytest.fixture
def unread():
    """A stream into a pipe whose reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering=1) as stream:
        yield stream


def test_what_nobody_reads_goes_nowhere(unread):
    stream = Forgiving(unread)
    for _ in range(3):
        print("words", file=stream, flush=True)
    assert stream.fileno() == unread.fileno()


def test_what_is_read_arrives():
    plain = io.StringIO()
    print("words", file=Forgiving(plain), flush=True)
    assert plain.getvalue() == "words\n"


def test_other_troubles_are_told(monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError(errno.ENOSPC, "no space left")

        flush = write

    stream = Forgiving(Full())
    with pytest.raises(OSError, match="no space left"):
        stream.write("words")


def test_a_command_s_output_is_forgiving_while_it_runs(capsys, unread, monkeypatch):
    monkeypatch.setattr(sys, "stdout", unread)
    with printing("detect"):
        print("words")
        sys.stdout.flush()
    assert sys.stdout is unread


def test_a_warning_is_one_line(capsys):
    def warned(*words):
        return warnings.formatwarning(*words)

    with printing("detect"):
        text = warned("no font\nhas it", UserWarning, "file.py", 7)
    assert text == "yolo3 detect: warning: no font has it\n"
    assert "file.py:7: UserWarning" in warned("no font", UserWarning, "file.py", 7)
