"""The how-to for who comes from OTPme tells every difference, and the chapters show each."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.guide import test_chapters
from tests.guide.replay import REPLAYED
from tests.stage import TREE

PAGE = TREE / "docs/howto/from-otpme.md"
RULES = range(1, 16)


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


@pytest.mark.parametrize("trust", test_chapters.TRUSTED)
def test_the_shell_makes_client_trust_passwords(trust: str) -> None:
    """The command that the page shows makes what a trusted client sends, the guide's among it."""
    program = "openssl dgst" if trust == "sha256" else "md5sum"
    made = shell(program, SECRET=test_chapters.CLIENT_SECRET, CODE="3a5e9d")
    assert test_chapters.TRUSTED[trust] in made.split()


def test_the_shell_makes_logout_passwords() -> None:
    """The command that the page shows makes a logout password."""
    made = shell("otpauth logout", CODE="5f0735").split()[-1]
    assert made[:16] == test_chapters.logout_password("5f0735")


def shell(part: str, **words: str) -> str:
    """Run the command of the page that has this part, with words put in, and return its output."""
    spans = re.findall(r"`(printf [^`]+)`", PAGE.read_text(encoding="utf-8"))
    (text,) = [each for each in spans if part in each and set(words) <= set(each.split())]
    for name, word in words.items():
        text = text.replace(name, word)
    command = ("/bin/sh", "-c", text.replace("\\|", "|"))
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


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
