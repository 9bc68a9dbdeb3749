"""A change to one file of the host: its bytes before and after."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Edit(NamedTuple):
    """What is to become of a file; None is a file that is not there. `mode` is for a new file."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = 0o644


def diff(edits: Iterable[Edit]) -> str:
    """Return what changes, as diff -u shows it."""
    return "".join(_one(each) for each in edits if each.before != each.after)


def _one(each: Edit) -> str:
    before, after = (_lines(data) for data in (each.before, each.after))
    old = "/dev/null" if each.before is None else each.path
    new = "/dev/null" if each.after is None else each.path
    return "".join(
        line if line.endswith("\n") else line + "\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(before, after, old, new)
    )


def _lines(data: bytes | None) -> list[str]:
    return (data or b"").decode("utf-8", "backslashreplace").splitlines(keepends=True)
