"""What went to /dev/log, line by line, as the stage's collector wrote it down.

A datagram queue keeps its order: `lines` sends a marker and waits for it, so that everything sent
before is there, without a sleep.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from typing import TYPE_CHECKING, NamedTuple

from tests import stage
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

_MARK = "otpauth-log-mark-"
_LINE = re.compile(r"<(\d+)>(?:\w{3} [ \d]\d \d\d:\d\d:\d\d )?(.*)")


class Line(NamedTuple):
    """One datagram: facility and severity are syslog's numbers, text starts with the ident."""

    facility: int
    severity: int
    text: str


def path() -> Path:
    """Return the file that the collector appends to."""
    return stage.workspace() / stage.SYSLOG


def position() -> int:
    """Return where the log ends now; `lines(since=…)` takes it."""
    _flush()
    return path().stat().st_size


def lines(since: int = 0, *, containing: str = "") -> list[Line]:
    """Return the lines that were sent after that position, optionally those with a text."""
    _flush()
    with path().open("rb") as file:
        file.seek(since)
        raw = file.read().decode("utf-8", "backslashreplace")
    texts = (line for line in raw.split("\n") if line and _MARK not in line)
    return [_parse(line) for line in texts if containing in line]


def _parse(raw: str) -> Line:
    match = _LINE.fullmatch(raw)
    if not match:
        return Line(-1, -1, raw)
    priority = int(match[1])
    return Line(priority >> 3, priority & 7, match[2])


def _flush() -> None:
    mark = f"{_MARK}{os.getpid()}-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("/dev/log")
        sender.send(f"<15>{mark}".encode())
    wait_until(lambda: mark in _tail(), what="the log collector answers")


def _tail() -> str:
    with path().open("rb") as file:
        file.seek(max(0, path().stat().st_size - 4096))
        return file.read().decode("utf-8", "replace")
