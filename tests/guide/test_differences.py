"""The how-to for who comes from OTPme tells every difference, and the chapters show each."""

from __future__ import annotations

import re

import pytest

from tests.guide import test_chapters
from tests.guide.replay import REPLAYED
from tests.stage import TREE

PAGE = TREE / "docs/howto/from-otpme.md"
RULES = range(1, 16)
assert test_chapters  # its chapters say which rules they replay


def rows() -> list[tuple[str, str, str, str]]:
    """Return name, OTPme's way, ours and the reason of each difference."""
    table = PAGE.read_text(encoding="utf-8").partition("## What is different")[2]
    table = table.partition("\n## ")[0]
    return re.findall(r"^\| (\d+[a-z]?) \| (.+?) \| (.+?) \| (.+?) \|$", table, re.MULTILINE)


def test_every_rule_is_replayed() -> None:
    """Each of the guide's rules has a chapter."""
    assert {int(each.rstrip("abc")) for each in REPLAYED} == set(RULES)


def test_every_difference_is_shown() -> None:
    """Each difference is of a rule, in the guide's order, and a chapter shows it; no other does."""
    names = [row[0] for row in rows()]
    assert len(names) > 10
    assert names == sorted(set(names), key=lambda each: (int(each.rstrip("abc")), each))
    assert [each for each in names if each not in REPLAYED] == []
    assert [each for each in REPLAYED if not each.isdecimal() and each not in names] == []


@pytest.mark.parametrize(
    "reason",
    sorted({each for row in rows() for each in re.findall(r"`(AUTH_[A-Z_]+)`", " ".join(row[1:]))}),
)
def test_reasons_are_shown(reason: str) -> None:
    """A result code that a difference names is one that a chapter shows, or one of OTPme's."""
    shown = test_chapters.__file__
    with open(shown, encoding="utf-8") as file:
        assert reason in file.read() or reason in GONE


GONE = {"AUTH_SESSION_NO_VALID_GROUP"}  # a result code of OTPme's that ours does not have
