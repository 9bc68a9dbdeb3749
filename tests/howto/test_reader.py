"""The reader of the how-tos takes them at their word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.howto import page, reader

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = "alice@web1 at 14:02:40 with 7F3A-91C2\n"
LINES = "one\ntwo  three\n"


@pytest.mark.parametrize(
    ("wanted", "shown", "same"),
    [
        (SHOWN, "alice@127.0.0.1 at 09:59:01 with 0000-FFFF\n", True),
        (SHOWN, "bob@web1 at 14:02:40 with 7F3A-91C2\n", False),
        (SHOWN, f"{SHOWN}more\n", False),
        (SHOWN, "", False),
        ("root (id 0)\n", "root (id 0)\n", True),
        ("root (id 0)\n", "root  (id 0)\n", False),
        ("in … s\n", "in 12 s\n", True),
        ("in … s\n", "in 12\n s\n", False),
        ("…\nroot\n", "root\n", True),
        ("…\nroot\n", "a line\n\nroot\n", True),
        ("…\nroot\n", "a line\n", False),
        ("from 192.0.2.7\n", "from 192.0.2.9\n", False),
    ],
)
def test_what_is_shown(wanted: str, shown: str, same: bool) -> None:  # noqa: FBT001
    """Each character counts, but for what is left out and what is another everywhere."""
    assert bool(re.fullmatch(reader.pattern(wanted), shown)) is same


@pytest.mark.parametrize(
    ("where", "left"),
    [
        (page.INSTEAD, "one\nnew\n"),
        (page.BELOW, "one\ntwo  three\nnew\n"),
        (page.ABOVE, "one\nnew\ntwo  three\n"),
    ],
)
def test_edit(tmp_path: Path, where: str, left: str) -> None:
    """Lines go where the page says, by a line that is there once; else it is an error."""
    path = tmp_path / "file"
    path.write_text(LINES, encoding="utf-8")
    reader.edit(page.Edit(str(path), where, "two three", "new\n"))
    assert path.read_text(encoding="utf-8") == left
    for text in ("one\n", f"{LINES}two three\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(reader.NotAsThePageSaysError):
            reader.edit(page.Edit(str(path), where, "two three", "new\n"))
        assert path.read_text(encoding="utf-8") == text


def test_new_file(tmp_path: Path) -> None:
    """A new file is made, and one that is there already is not overwritten."""
    step = page.Edit(str(tmp_path / "file"), page.NEW, "", "new\n")
    reader.edit(step)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "new\n"
    with pytest.raises(reader.NotAsThePageSaysError):
        reader.edit(step)
