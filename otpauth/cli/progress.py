"""How far a long job is: a bar on the terminal, nothing elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")
WIDTH = 30  # characters
EVERY = 0.1  # seconds
CLEAR = "\r\x1b[2K"


def bar(items: Sequence[T], *, shown: bool) -> Iterator[T]:
    """Give the items, and show on stderr how many are done."""
    if not (shown and items and sys.stderr.isatty()):
        yield from items
        return
    painted = 0.0
    try:
        for number, each in enumerate(items):
            if time.monotonic() - painted > EVERY:
                painted = time.monotonic()
                full = "#" * (WIDTH * number // len(items))
                sys.stderr.write(f"{CLEAR}[{full:<{WIDTH}}] {number} of {len(items)}")
                sys.stderr.flush()
            yield each
    finally:
        clear()


def clear() -> None:
    """Take the bar away, so that a message has the line to itself."""
    if sys.stderr.isatty():
        sys.stderr.write(CLEAR)
        sys.stderr.flush()
