"""Another clock for the programs under test, through libfaketime.

Only wall-clock time is faked; sleeps and time-outs stay true. The clock is the stage's own
/etc/faketimerc, because sshd empties the environment of the process that runs PAM, and
libfaketime then looks there.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests import stage
from tests.parts import pam

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_RULE = Path("/etc/faketimerc")
_PRELOAD = Path("/etc/ld.so.preload")


class Clock:
    """A clock that a test moves while programs run: `environment` goes to them, `now` to a phone.

    It differs from the true one by `offset` seconds, or stands still at a Unix time.
    """

    def __init__(self, offset: int = 0) -> None:
        """Start so many seconds ahead of true time, or behind it."""
        self._offset = offset
        self._frozen: int | None = None

    def __enter__(self) -> Self:
        """Set it up.

        Raises:
            StageError: if the stage has another such clock already.

        """
        stage.workspace()
        if _RULE.exists():
            raise stage.StageError("the stage has one faked clock at a time")
        self._write()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let true time return; programs that run still keep this clock's last offset."""
        _RULE.unlink()

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that put a program on this clock."""
        return {
            "LD_PRELOAD": f"{pam.compiled('true_sleep.so')} {library()}",
            "FAKETIME_TIMESTAMP_FILE": str(_RULE),
            "FAKETIME_FMT": "%s",
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    @contextmanager
    def everywhere(self) -> Iterator[None]:
        """Put every program started from now on upon this clock, set-uid ones and helpers too.

        For short-lived programs and a clock that is not frozen: what has an empty environment
        reads the offset once, and fakes its monotonic clock by the same amount. Run
        su as `su -l` (`login=True`): what inherits root's environment cannot open root's
        libfaketime semaphore and ends.
        """
        _PRELOAD.write_text(f"{library()}\n", encoding="ascii")
        try:
            yield
        finally:
            _PRELOAD.unlink()

    def now(self) -> float:
        """Return the Unix time of this clock."""
        return time.time() + self._offset if self._frozen is None else self._frozen

    def advance(self, seconds: int) -> None:
        """Move the clock, backwards if negative."""
        if self._frozen is None:
            self._offset += seconds
        else:
            self._frozen += seconds
        self._write()

    def freeze(self, at: int) -> None:
        """Stop the clock at a Unix time."""
        self._frozen = at
        self._write()

    def _write(self) -> None:
        text = f"{self._offset:+d}" if self._frozen is None else str(self._frozen)
        fresh = _RULE.with_suffix(".new")
        fresh.write_text(f"{text}\n", encoding="ascii")
        fresh.chmod(0o644)
        fresh.rename(_RULE)


def library() -> Path:
    """Return libfaketime's path; the multi-thread build, which is right for every program.

    Raises:
        StageError: if the package is missing.

    """
    for path in Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"):
        return path
    raise stage.StageError("no libfaketime: apt-get install libfaketime")
