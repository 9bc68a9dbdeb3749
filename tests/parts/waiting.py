"""Waiting for something that will be true, with an end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(condition: Callable[[], object], seconds: float = 5.0, *, what: str = "") -> None:
    """Return as soon as the condition holds.

    Raises:
        TimeoutError: if it does not within so many seconds.

    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what or condition!r}")
        time.sleep(0.01)
