"""The clock: time-based codes are a matter of seconds."""

from __future__ import annotations

import ctypes
import glob
import os
import re
import time
from functools import cache
from typing import TYPE_CHECKING

from otpauth.doctor.finding import FAIL, WARN, Check, Fault
from otpauth.doctor.ground import ask
from otpauth.limits import CLOCK_SLACK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.ground import Ground

DAEMONS = frozenset(
    ("chronyd", "systemd-timesyn", "ntpd", "ntpsec", "openntpd", "ptp4l", "phc2sys")
)
UNSYNCHRONISED = 0x40  # STA_UNSYNC of adjtimex(2)
OFFSET_MAX = 5.0  # seconds; half a step of 30 s, less what a phone may be off itself
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def unsynchronised(_: Ground) -> Iterator[Fault]:
    """Give the clock that nothing keeps right: codes are a matter of seconds."""
    if not _kernel_says_so() and not _daemons():
        yield Fault(
            "no chronyd, systemd-timesyncd or ntpd runs, and the kernel's clock is not "
            "synchronised: once it is a minute off, time-based codes are refused",
            "apt-get install chrony, or: timedatectl set-ntp true",
        )


class _Timex(ctypes.Structure):
    """The first fields of struct timex, adjtimex(2), and room for the others."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        *((name, ctypes.c_long) for name in ("offset", "freq", "maxerror", "esterror")),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 64),
    )


def _kernel_says_so() -> bool:
    """Say whether the kernel's clock is synchronised; modes is 0, so nothing is set."""
    timex = _Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    return state >= 0 and not timex.status & UNSYNCHRONISED


def _daemons() -> set[str]:
    found = set()
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found.add(file.read().strip())
        except OSError:
            continue
    return found & DAEMONS


def clock_behind(ground: Ground) -> Iterator[Fault]:
    """Give the clock that is behind what this host wrote itself."""
    folder = os.path.join(ground.host.var, "users")
    times = [os.stat(os.path.join(folder, name)).st_mtime for name in ground.copies]
    newest = int(max(times, default=0))
    if newest > ground.now + CLOCK_SLACK:
        written = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(newest))
        text = f"a record was written at {written}, which is still to come: the clock went back"
        yield Fault(text, "set the clock; then otpauth-admin unlock USER for whom it is refused")


def measured(_: Ground) -> bool:
    """Say whether anything here knows by how much the clock is off."""
    return bool(_offsets())


def off(_: Ground) -> Iterator[Fault]:
    """Give the clock that what keeps it right knows to be wrong."""
    for command, seconds, mend in _offsets():
        if seconds >= OFFSET_MAX:
            yield Fault(
                f"{' '.join(command)}: this clock is {seconds:.0f} s off: codes of phones "
                "with the right time are refused, the sooner the more",
                mend,
            )


@cache
def _offsets() -> tuple[tuple[tuple[str, ...], float, str], ...]:
    """Return each program that knows, the seconds it says, and the command that mends it."""
    found = []
    for command, read, mend in MEASURES:
        said = ask(*command)
        seconds = read(said.output) if said.status == 0 else None
        if seconds is not None:
            found.append((command, abs(seconds), mend))
    return tuple(found)


def chrony(text: str) -> float | None:
    """Return the seconds that chronyc(1) says the clock is off; None if it does not know."""
    fields = text.strip().split(",")
    known = len(fields) == 14 and fields[-1] != "Not synchronised"
    return _number(fields[4]) if known else None


def timesyncd(text: str) -> float | None:
    """Return the seconds of timedatectl(1)'s line Offset, like `+1min 20.5s`; None without."""
    line = re.search(r"^\s*Offset: ([+-]?)(.*)$", text, re.MULTILINE)
    parts = re.findall(r"([0-9.]+)([a-z]+)", line[2]) if line else []
    if not parts or any(unit not in UNITS for _, unit in parts):
        return None
    return sum((_number(value) or 0) * UNITS[unit] for value, unit in parts)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text) else None


MEASURES = (
    (("chronyc", "-n", "-c", "tracking"), chrony, "chronyc makestep"),
    (("timedatectl", "timesync-status"), timesyncd, "systemctl restart systemd-timesyncd"),
)
CHECKS: tuple[Check[Ground], ...] = (
    Check("clock", WARN, "something keeps the clock right", unsynchronised),
    Check("clock-offset", WARN, "the clock is right", off, measured),
    Check("clock-went-back", FAIL, "the clock did not go back", clock_behind),
)
