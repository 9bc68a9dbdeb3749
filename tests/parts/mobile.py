"""A phone with a mOTP app, played by md5sum: an independent witness of every code.

Secret and PIN go to it on stdin, never in its arguments; all of them are remembered as secrets.
"""

from __future__ import annotations

import os
import subprocess
import time

from tests.parts import secrets

_PERIOD = 10  # seconds
_REACH = 3  # steps each way that are good by the default window, with one to spare


class MobilePhone:
    """A phone with one mOTP entry whose init-secret it made itself, unless one is given."""

    def __init__(self, secret: str = "", pin: str = "24681357") -> None:
        """Take a secret of 16 hexadecimal digits and a PIN, which its owner types each time."""
        self.secret = secrets.remember(secret or os.urandom(8).hex())
        self.pin = secrets.remember(pin)
        self._last = 0

    def code(self, seconds: int = 0) -> str:
        """Return what it shows now, or so many seconds from now."""
        return self._compute(int(time.time() + seconds) // _PERIOD)

    def next(self) -> str:
        """Return a code that is good now and was not given before."""
        here = int(time.time()) // _PERIOD
        self._last = max(here - _REACH, self._last + 1)
        assert self._last <= here + _REACH, "all codes of now were given"
        return self._compute(self._last)

    def wrong(self) -> str:
        """Return a code that is good at no time within 15 minutes."""
        here = int(time.time()) // _PERIOD
        right = {self._compute(step) for step in range(here - 5, here + 6)}
        while (code := os.urandom(3).hex()) in right:
            pass
        return secrets.remember(code)

    def _compute(self, step: int) -> str:
        done = subprocess.run(
            ("md5sum",),
            input=f"{step}{self.secret}{self.pin}".encode(),
            capture_output=True,
            check=True,
        )
        return secrets.remember(done.stdout[:6].decode())
