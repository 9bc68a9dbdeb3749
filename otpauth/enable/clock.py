"""The clock of trials: it goes on in suspend, and nobody can set it.

A trial's end is a second of CLOCK_BOOTTIME of one boot. After another boot it is over.
"""

from __future__ import annotations

import time

TICK = 0.02  # seconds, after which what is started is later than now as /proc/PID/stat counts
_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def now() -> float:
    """Return the seconds since the machine started, as /proc/PID/stat counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot() -> str:
    """Return the id of this boot."""
    with open(_BOOT_ID, encoding="ascii") as file:
        return file.read().strip()
