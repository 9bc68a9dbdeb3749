"""Processes: who descends from whom, and ending them by pid."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.parts.waiting import wait_until


def descendants(pid: int) -> list[int]:
    """Return the pids of all children, their children and so on."""
    children: dict[int, list[int]] = {}
    for other in pids():
        children.setdefault(_parent(other), []).append(other)
    found, rest = [], [pid]
    while rest:
        below = children.get(rest.pop(), [])
        found += below
        rest += below
    return found


def pids() -> list[int]:
    """Return every process that this namespace can see."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def alive(pid: int) -> bool:
    """Return whether the process runs still; a zombie does not."""
    return _state(pid) not in {"", "Z", "X"}


def end(pid: int, seconds: float = 3.0) -> None:
    """End a process and its descendants: TERM to all, then KILL to those who stay."""
    family = [pid, *descendants(pid)]
    _send(family, signal.SIGTERM)
    try:
        wait_until(lambda: not any(map(alive, family)), seconds)
    except TimeoutError:
        _send([member for member in family if alive(member)], signal.SIGKILL)
        wait_until(lambda: not any(map(alive, family)), seconds)


def _send(family: list[int], number: signal.Signals) -> None:
    for pid in family:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, which may hold blanks and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ["", "0"]
    return text.rpartition(")")[2].split()


def _state(pid: int) -> str:
    return _stat(pid)[0]


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])
