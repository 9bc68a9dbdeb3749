"""Oathtool as the authenticator app: an independent witness of every code.

The secret goes to it on stdin, never in its arguments; every code is remembered as a secret.
"""

from __future__ import annotations

import random
import subprocess
import time
from typing import TYPE_CHECKING

from tests.parts import secrets

if TYPE_CHECKING:
    from collections.abc import Callable

_EARLY = 10.0  # seconds for which a code that is given goes on being good


class Phone:
    """A phone with one TOTP entry; `skew` seconds fast, on any clock."""

    def __init__(
        self,
        secret: str,
        *,
        digits: int = 6,
        period: int = 30,
        algorithm: str = "SHA1",
        skew: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Enrol a base32 secret, as typed or scanned: blanks and lower case are welcome."""
        self.secret = secrets.remember(secret.replace(" ", ""))
        self._words = (f"--totp={algorithm}", "-d", str(digits), "-s", f"{period}s")
        self._period = period
        self._clock = clock
        self._skew = skew
        self._last = -1

    def now(self) -> float:
        """Return the Unix time that this phone believes in."""
        return self._clock() + self._skew

    def code(self, at: float | None = None, *, offset_steps: int = 0) -> str:
        """Return the code shown now, or at a Unix time, or so many steps away from it."""
        moment = self.now() if at is None else at
        step = int(moment // self._period) + offset_steps
        self._last = max(self._last, step)
        return self._compute(step)

    def next(self) -> str:
        """Return a code that is good now (window of 1 step each way) and was not given before.

        The third one within a period waits for the next; another `clock` does not wait.
        """
        step = self._unused()
        while step is None:
            time.sleep(0.2)
            step = self._unused()
        self._last = step
        return self._compute(step)

    def wrong(self) -> str:
        """Return a random code that is good at no time within 20 minutes at 30 s a step."""
        first = int(self.now() // self._period) - 40
        words = (*self._words, "-w", "80", "-N", f"@{first * self._period}")
        return _other_than(_oathtool(*words, secret=self.secret))

    def _unused(self) -> int | None:
        step, into = divmod(self.now(), self._period)
        earliest = step - 1 if into < self._period - _EARLY else step
        wanted = max(int(earliest), self._last + 1)
        return wanted if wanted <= step + 1 else None

    def _compute(self, step: int) -> str:
        words = (*self._words, "-N", f"@{step * self._period}")
        return secrets.remember(_oathtool(*words, secret=self.secret)[0])


class Fob:
    """A hardware token with one HOTP entry; each `next` is one press of its button."""

    def __init__(self, secret: str, *, digits: int = 6, counter: int = 0) -> None:
        """Start at a counter with a base32 secret."""
        self.secret = secrets.remember(secret.replace(" ", ""))
        self._digits = digits
        self.counter = counter

    def code(self, counter: int) -> str:
        """Return the code of a counter."""
        words = ("--hotp", "-d", str(self._digits), "-c", str(counter))
        return secrets.remember(_oathtool(*words, secret=self.secret)[0])

    def next(self) -> str:
        """Return the next code."""
        code = self.code(self.counter)
        self.counter += 1
        return code

    def wrong(self) -> str:
        """Return a random code that is good at none of the 200 counters around this one."""
        first = max(0, self.counter - 100)
        words = ("--hotp", "-d", str(self._digits), "-c", str(first), "-w", "200")
        return _other_than(_oathtool(*words, secret=self.secret))


def _oathtool(*words: str, secret: str) -> list[str]:
    done = subprocess.run(
        ("oathtool", "--base32", *words, "-"),
        input=secret,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def _other_than(right: list[str]) -> str:
    while True:
        code = "".join(random.choices("0123456789", k=len(right[0])))  # noqa: S311 (not secret: wrong)
        if code not in right:
            return secrets.remember(code)
