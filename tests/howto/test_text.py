"""What the how-tos name is there: commands, arguments, files, and the same sections in order."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from otpauth import arguments, policy
from otpauth.cli import admin, user
from tests.howto import page
from tests.howto.test_pages import PAGES, RUN

if TYPE_CHECKING:
    from pathlib import Path

PARSERS = {"otpauth": user.parser, "otpauth-admin": admin.parser}
SECTIONS = [
    *("What you get", "Before you begin", "Steps", "Try it"),
    *("When it does not work", page.BACK),
]
INDEX = PAGES[0].with_name("README.md")
_COMMAND = r"(otpauth(?:-admin)?)(?= |$)([^|;&()<>'\n]*)"
_ANYWHERE = re.compile(rf"(?<![\w./-])(?<!-t ){_COMMAND}")
_AT_THE_BEGINNING = re.compile(rf"^{_COMMAND}", re.MULTILINE)
_LINE = re.compile(r"(?:pam_otpauth\.py|pam_exec\.so .*otpauth-pam-exec)(?= |$)([^`\n]*)")
every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


@every_page
def test_sections(path: Path) -> None:
    """A page has the sections that each has, in their order."""
    found = page.sections(path)
    assert [each for each in found if each in SECTIONS] == SECTIONS
    assert found[0] == SECTIONS[0]
    assert found[-1] == SECTIONS[-1]


@every_page
def test_is_run_or_says_so(path: Path) -> None:
    """A page has steps that are run, or says below its title, and in the index, that it is not."""
    (row,) = re.findall(rf"^\| \[{path.stem}\]\({path.name}\) \| (.*) \|$", _index(), re.MULTILINE)
    assert (path in RUN) is (page.NOT_RUN not in row)
    assert not page.is_run(path) or any(page.steps(path))


def test_index() -> None:
    """The index lists each page, and what the reader types in brackets is told in it."""
    listed = re.findall(r"^\| \[.*?\]\((.*?)\)", _index(), re.MULTILINE)
    assert sorted(listed) == [path.name for path in PAGES]
    for prompt in page.PROMPTS:
        assert f"`{prompt.strip()}`" in _index()


@every_page
def test_commands(path: Path) -> None:
    """Each command of ours that a page names is in the grammar, with its options."""
    commands = _commands(path)
    assert commands
    for program, words in commands:
        try:
            PARSERS[program]().parse_args(words)
        except SystemExit:
            pytest.fail(f"no such command: {program} {' '.join(words)}")


@every_page
def test_pam_arguments(path: Path) -> None:
    """Each line of a PAM file that a page shows is one that the module understands."""
    for text in (*page.blocks(path), *page.spans(path)):
        for words in _LINE.findall(text):
            arguments.read(policy.Rule(), words.split())


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_a_code_is_refused(path: Path) -> None:
    """A page that lets a service ask for codes tries one that must be refused."""
    steps = list(page.steps(path))
    asks = any(isinstance(each, page.Edit) and "pam_otpauth.py" in each.text for each in steps)
    typed = {word for each in steps if isinstance(each, page.Turn) for word in each.pieces()[1::2]}
    assert not asks or any(word.endswith(("wrong code", "same code")) for word in typed)


@every_page
def test_links(path: Path) -> None:
    """What a page links to is there."""
    for target in re.findall(r"\]\((?!http)([^)]+)\)", path.read_text(encoding="utf-8")):
        assert path.with_name(target).is_file(), target


def test_a_block_that_no_convention_covers_is_an_error(tmp_path: Path) -> None:
    """No block of a page goes unread."""
    path = tmp_path / "page.md"
    for text in ("Do this:\n\n```\nx\n```\n", "```console\nno prompt\n```\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(page.PageError):
            list(page.steps(path))


def _index() -> str:
    return INDEX.read_text(encoding="utf-8")


def _commands(path: Path) -> list[tuple[str, list[str]]]:
    """Return the commands of ours that are typed, stand in a script, or are named in the text."""
    typed, scripts = [], page.spans(path)
    for block in page.blocks(path):
        try:
            typed += [turn.command.replace("\\\n", " ") for turn in page.turns(block)]
        except page.PageError:
            scripts.append(block)
    found = [each for text in typed for each in _ANYWHERE.findall(text)]
    found += [each for text in scripts for each in _AT_THE_BEGINNING.findall(text)]
    return [(program, shlex.split(words)) for program, words in found]
