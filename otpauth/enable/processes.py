"""What /proc says of processes: whose child one is, since when it runs, and which program it is."""

from __future__ import annotations

import os
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")


class Origin(NamedTuple):
    """A process's parent, and when it was started, in seconds of clock.now()."""

    parent: int
    started: float


def pids() -> list[int]:
    """Return all processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def origin(pid: int) -> Origin | None:
    """Return where a process comes from; None if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # a name may hold blanks and brackets
    except OSError:
        return None
    return Origin(int(fields[1]), int(fields[19]) / _TICKS)


def program(pid: int) -> str:
    """Return the file name of root's program that runs as root in a process, else nothing."""
    try:
        path = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
        owner = os.stat(f"/proc/{pid}/exe").st_uid
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            ids = next(line for line in file if line.startswith("Uid:")).split()
    except (OSError, StopIteration):
        return ""
    return os.path.basename(path) if owner == 0 and ids[2] == "0" else ""


def words(pid: int) -> list[str]:
    """Return a process's words, or how it shows itself instead."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read().replace("\0", " ").split()
    except OSError:
        return []


def shares_files(pid: int) -> bool:
    """Say whether a process sees the same files as this one."""
    try:
        spaces = {os.readlink(f"/proc/{each}/ns/mnt") for each in (pid, "self")}
        return len(spaces) == 1 and os.readlink(f"/proc/{pid}/root") == "/"
    except OSError:
        return False
