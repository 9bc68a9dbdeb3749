"""One line a decision: escaped, unforgeable, and lost rather than waited for."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpauth import log
from tests.parts import log as syslog

if TYPE_CHECKING:
    from pathlib import Path


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_no_value_makes_a_field_a_line_or_a_quote(values: list[str]) -> None:
    """Whatever the values, the line has exactly these fields and printable ASCII only."""
    fields = {f"key{number}": value for number, value in enumerate(values)}
    line = log.line(**fields)
    shown = [key for key, value in fields.items() if value]
    words = line.split(" ") if line else []
    assert [word.partition("=")[0] for word in words] == shown
    assert re.fullmatch(r"[ -~]*", line)
    assert '"' not in line
    assert all(word.count("=") == 1 for word in words)


def test_values_are_percent_escaped_and_cut() -> None:
    """Blanks, quotes, equals signs and bytes beyond ASCII are escaped, at most 256 are kept."""
    assert log.line(user='a b="c"%\n\udcff') == "user=a%20b%3D%22c%22%25%0A%FF"
    assert len(log.line(user="é" * 400)) == len("user=") + 3 * log.VALUE_MAX
    assert log.line(user="alice", rhost="", tries=0) == "user=alice tries=0"


@pytest.mark.stage
def test_a_line_arrives_with_facility_and_severity(stage: Path) -> None:
    """Lines go to authpriv, as info or warning, under our own name and pid."""
    assert stage.is_dir()
    start = syslog.position()
    log.send("one=1")
    log.send("two=2", warning=True)
    lines = syslog.lines(start)
    assert lines == [
        (10, 6, f"otpauth[{os.getpid()}]: one=1"),
        (10, 4, f"otpauth[{os.getpid()}]: two=2"),
    ]


def test_without_a_log_the_line_is_lost_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A host without a log, or with a file in its place, costs neither an error nor time."""
    begin = time.monotonic()
    for place in (tmp_path / "none", tmp_path):
        monkeypatch.setattr(log, "SOCKET", str(place))
        log.send("one=1")
    assert time.monotonic() - begin < 0.5


def test_a_log_that_nobody_reads_delays_and_no_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A full queue costs seconds at most, and the descriptors are closed again."""
    place = str(tmp_path / "log")
    monkeypatch.setattr(log, "SOCKET", place)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(place)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            other.connect(place)
            with contextlib.suppress(BlockingIOError):
                while other.send(b"x" * 1000):
                    pass
        before = len(os.listdir("/proc/self/fd"))
        begin = time.monotonic()
        log.send("one=1")
        assert time.monotonic() - begin < 4
        assert len(os.listdir("/proc/self/fd")) == before


def test_a_log_that_is_a_stream_gets_the_line_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where /dev/log is a stream socket, the line comes with its end."""
    place = str(tmp_path / "log")
    monkeypatch.setattr(log, "SOCKET", place)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(place)
        listener.listen()
        log.send("one=1")
        connection, _ = listener.accept()
        with connection:
            data = connection.recv(4096)
    assert re.fullmatch(rb"<86>\w{3} [ \d]\d [\d:]{8} otpauth\[\d+\]: one=1\0", data)
