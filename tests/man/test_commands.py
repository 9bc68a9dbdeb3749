"""The pages of the two commands hold the verbs and options that the commands have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from otpauth import challenge, formats, oath, token
from otpauth.cli import admin, paper, report, user
from tests.man import pages

if TYPE_CHECKING:
    import argparse

PARSERS = {"otpauth.1": user.parser, "otpauth-admin.8": admin.parser}
both = pytest.mark.parametrize("page", PARSERS)


@both
def test_options(page: str) -> None:
    """Every option of a command is described in its page, and the page names no other."""
    there = {flag for one in _grammar(page).values() for flags in one for flag in flags}
    assert pages.flags(pages.subsection(page, "Options")) == there
    assert pages.flags(pages.source(page)) == there


@both
def test_verbs(page: str) -> None:
    """Every verb of a command has its paragraph in the page, and nothing else has."""
    described = re.findall(r"^\.It Cm (.*)$", pages.source(page), re.MULTILINE)
    names = {re.sub(r" (Ar|Op).*", "", line) for line in described}
    words = {word.strip() for name in names for word in name.split(",")}
    assert words == set(_grammar(page)) - {"", "key"}


@both
def test_synopsis(page: str) -> None:
    """Each verb's line in the synopsis has the options that the verb has, and no other."""
    for verb, options in _grammar(page).items():
        for synopsis in _synopses(page, verb):
            found = pages.flags(synopsis)
            if verb in admin.TOKEN_VERBS and page == "otpauth-admin.8":
                assert found <= {"--sheets"}, "the others are described in otpauth(1)"
                continue
            known = {flag for flags in options for flag in flags}
            assert found <= known, verb
            assert all(flags & found for flags in options if "--help" not in flags), verb


@both
def test_operands(page: str) -> None:
    """Each verb's operands are in its line of the synopsis, by the names that --help gives."""
    for verb, parser in _parsers(PARSERS[page]()).items():
        names = [action.metavar for action in _actions(parser) if _operand(action)]
        for synopsis in _synopses(page, verb):
            if "USER ..." not in synopsis.replace(".Ar ", ""):
                shown = re.findall(r"\bAr ((?:[A-Z]+ ?)+)", re.sub(r"Fl \S+ Ar \S+", "", synopsis))
                assert " ".join(shown).split() == names, verb


@both
def test_exit_status(page: str) -> None:
    """The page promises exactly the exit statuses that the commands give."""
    statuses = {int(word) for word in re.findall(r"^\.It (\d)$", pages.source(page), re.MULTILINE)}
    assert statuses == {report.DONE, report.FAILED, report.USAGE}


def test_numbers() -> None:
    """Numbers and words that otpauth(1) names are the bounds of the code."""
    text = " ".join(pages.source("otpauth.1").split())
    for sentence in (
        f"{oath.DIGITS[0]}, {oath.DIGITS[1]} or {oath.DIGITS[2]}.",
        f".Li {oath.ALGORITHMS[0]} , {oath.ALGORITHMS[1]} or .Li {oath.ALGORITHMS[2]} .",
        f"a code is shown, {oath.PERIOD_MIN} to {oath.PERIOD_MAX}.",
        f"How many scratch codes, 0 to {token.SCRATCH_MAX}.",
        f"How many passwords, 1 to {token.LIST_MAX}; {paper.COUNT} if not given.",
        f"entropy of each password, {token.LIST_BITS[0]} to {token.LIST_BITS[1]}; {paper.BITS} if",
        f"At most {challenge.ASKED_MAX} numbers are asked for at once",
        f"Up to {token.LIST_MAX} of its passwords",
        f"passwords of lists under {token.LIST_STRONG} bits",
        f"Up to {token.NOTE_MAX} bytes",
        f"{token.PASSWORD_LENGTH} digits and small letters, {5 * token.PASSWORD_LENGTH} bits",
        f"every {oath.MOTP_PERIOD} seconds it makes six",
        f"up to {oath.MOTP_SECRET_MAX} digits.",
        f"Then the PIN, {oath.PIN_MIN} to {oath.PIN_MAX} digits",
        f"groups alone, up to {token.GROUPS_MAX} of them",
        f"1 to {token.NAME_MAX} letters",
    ):
        assert sentence in text
    for kind in token.KINDS:
        assert f".Cm {kind}" in text


def test_formats() -> None:
    """The table of formats has those that are read, and export's option those that are written."""
    named = [row[0] for row in pages.table("otpauth.1", "formats")[1:]]
    assert named == list(formats.READ)
    assert set(admin.EXPORTS) == set(formats.WRITTEN)
    option = pages.source("otpauth-admin.8").partition(".It Fl -format Ar F")[2].partition(".It")[0]
    assert set(re.findall(r"^\.Li (\S+)", option, re.MULTILINE)) == set(formats.WRITTEN)


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001 -- argparse tells its grammar nowhere else


def _operand(action: argparse.Action) -> bool:
    return not action.option_strings and not isinstance(action.choices, dict)


def _grammar(page: str) -> dict[str, list[set[str]]]:
    """Return for each verb (`` for the command itself) the spellings of each of its options."""
    return {
        verb: [set(each.option_strings) for each in _actions(parser) if each.option_strings]
        for verb, parser in _parsers(PARSERS[page]()).items()
    }


def _parsers(parser: argparse.ArgumentParser, name: str = "") -> dict[str, argparse.ArgumentParser]:
    found = {name: parser}
    for action in _actions(parser):
        if isinstance(action.choices, dict):
            for word, below in action.choices.items():
                found |= _parsers(below, f"{name} {word}".strip())
    return found


def _synopses(page: str, verb: str) -> list[str]:
    """Return the lines of the synopsis that begin with this verb; each verb must have one."""
    forms = pages.section(page, "SYNOPSIS").split(".Nm\n")[1:]
    found = []
    for form in forms:
        first = form.partition("\n")[0]
        names = first.removeprefix(".Cm ").split(" | ") if first.startswith(".Cm ") else [""]
        if verb in names:
            found.append(form)
    assert found or verb == "key", f"no synopsis of {verb!r}"
    return found
