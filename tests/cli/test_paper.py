"""Lists on paper as they are made and printed: entropy, pages, and nothing half done."""

from __future__ import annotations

import math
import re
import stat
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from otpauth import token
from otpauth.cli import grammar, paper
from otpauth.cli.paper import Printed
from tests.parts import enrolment
from tests.parts.dialogue import Dialogue
from tests.parts.paper import Paper

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parts.accounts import Person

SHEET = Printed("alice on web1: list 'paper'", tuple(f"lusab b{n:03}d" for n in range(100)), ("x",))


@pytest.mark.parametrize("form", paper.FORMS)
@pytest.mark.parametrize("bits", [24, 40, 57, 128])
def test_entropy(form: str, bits: int) -> None:
    """Passwords have at least the bits asked for, and what is written of them is not more."""
    size = paper._size(form, bits)  # noqa: SLF001 -- what options ask for
    made = paper._passwords(form, size, 50)  # noqa: SLF001
    letters = [each.replace(" ", "") for each in made]
    assert len(set(made)) == 50
    draft = paper._draft("paper", made, "", form, size)  # noqa: SLF001
    params = token.check_params("list", draft.params, hashed=False)
    assert {len(each) for each in letters} == {params["length"]}
    real = 16 * size if form == "words" else size * math.log2(32 if form == "base32" else 10)
    assert bits <= real
    assert params["bits"] == min(int(real), 128)


def test_words_are_proquints() -> None:
    """Words are those of the proquint paper, every 16 bits another one."""
    known = {0x7F00: "lusab", 0x0001: "babad", 0x3F54: "gutih", 0xDCC1: "tugad"}
    assert {number: paper._word(number) for number in known} == known  # noqa: SLF001
    assert len({paper._word(number) for number in range(2**16)}) == 2**16  # noqa: SLF001


@pytest.mark.parametrize("width", [79, 132, 40, 10])
def test_page(width: int) -> None:
    """A page has every password at its number, in columns no wider than it."""
    lines = paper.as_text(SHEET, width)
    found = Paper("\n".join(lines))
    assert found.passwords == dict(enumerate(SHEET.passwords))
    assert max(len(line) for line in lines[1:-1]) <= max(width, 15)


class Tags(HTMLParser):
    """What a browser would fetch or run, and the text of the entries."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.entries: list[str] = []
        self.odd: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an entry, or what is not to be there."""
        if tag == "li":
            self.entries.append("")
        if tag in ("script", "img", "link", "iframe") or any(name == "src" for name, _ in attrs):
            self.odd.append(tag)

    def handle_data(self, data: str) -> None:
        """Add to the entry."""
        if self.entries:
            self.entries[-1] += data


@pytest.mark.parametrize("kind", paper.SHEETS)
def test_html(kind: str) -> None:
    """A sheet has every password, escaped, and fetches and runs nothing."""
    text = paper.as_html(SHEET._replace(title="<b>&"), kind)
    tags = Tags(text)
    assert [each.strip() for each in tags.entries[:-1]] == [
        f"{number:03} {password}" for number, password in list(enumerate(SHEET.passwords))[:-1]
    ]
    assert not tags.odd
    assert "&lt;b&gt;&amp;" in text
    assert f"size: {paper.SHEETS[kind][0]}" in text


def test_choices_of_the_grammar() -> None:
    """The grammar, which does not load the sheets and alphabets, offers all of them."""
    top, verbs = grammar.top("otpauth", "", "", required=True)
    grammar.token_verbs(verbs, user=False)
    for sheet in paper.SHEETS:
        for form in paper.FORMS:
            words = ["add", "list", "--html", "F", "--sheet", sheet, "--alphabet", form]
            assert top.parse_args(words).sheet == sheet


# As people run it


@pytest.mark.stage
def test_options_of_other_kinds(person: Person) -> None:
    """An option that a kind has not is refused, and so is a token without a name."""
    for words, fault in (
        (("list", "--digits", "8"), "--digits is not for lists"),
        (("list", "--sheet", "card"), "--sheet is the page of --html FILE"),
        (("list", "--bits", "23"), "a number from 24 to 128"),
        (("totp", "phone", "--bits", "40"), "--bits is for lists"),
        (("totp",), "a NAME is missing\notpauth: hint: otpauth add totp phone"),
        (("mail",), "a NAME is missing\notpauth: hint: otpauth add mail work me@example.org"),
    ):
        done = person.run(enrolment.OTPAUTH, "add", *words)
        assert (done.returncode, fault in done.stderr) == (2, True), done.stderr
    assert not (person.home / ".otpauth").exists()


@pytest.mark.stage
def test_html_file(person: Person) -> None:
    """A sheet is written for its owner alone, never over a file, and goes if nothing came of it."""
    path = person.home / "sheet.html"
    words = (enrolment.OTPAUTH, "add", "list", "--html", str(path), "--sheet", "card")
    done = person.run(*words, "--expires", "2099-12-31")
    assert (done.returncode, done.stdout) == (0, "")
    assert "paper, 100 passwords of 48 bits, is ready at your next login" in done.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(Tags(path.read_text()).entries) == 100
    assert re.search(
        r"<h1>.* list &#x27;paper&#x27; of [-\d]+, until 2099-12-31</h1>", path.read_text()
    )
    again = person.run(enrolment.OTPAUTH, "add", "list", "other", "--html", str(path))
    assert (again.returncode, "exists already" in again.stderr) == (1, True)
    (person.home / ".otpauth").unlink()
    (person.home / ".otpauth").mkdir()
    other = person.home / "other.html"
    failed = person.run(enrolment.OTPAUTH, "add", "list", "--html", str(other))
    assert (failed.returncode, other.exists()) == (1, False)


@pytest.mark.stage
def test_stopped_at_the_screen(person: Person) -> None:
    """Who stops while the list is shown has changed nothing, and has no password on his screen."""
    with Dialogue(person, [enrolment.OTPAUTH, "add", "list", "--count", "12"]) as screen:
        screen.until("Enter when you have it")
        shown = Paper(screen.text())
        screen.key("\x03")
        assert screen.end() == 1
        assert len(shown.passwords) == 12
        assert not re.search(r"\d{3} [a-z]{5}", screen.text())
    assert not (person.home / ".otpauth").exists()


@pytest.mark.stage
def test_by_root(person: Person, tmp_path: Path) -> None:
    """Root makes a list for somebody at once, and sees how many passwords are left of it."""
    path = tmp_path / "list"
    done = enrolment.admin(
        "add", person.name, "list", "bag", "--count", "5", "--alphabet", "base32"
    )
    assert done.returncode == 0, done.stderr
    path.write_text(done.stdout)
    assert len(Paper(done.stdout).passwords) == 5
    shown = enrolment.admin("show", person.name)
    assert re.search(r"^bag +list .* ready, 5 of 5 left$", shown.stdout, re.MULTILINE)
    again = enrolment.admin("show", person.name, "bag")
    assert (again.returncode, f"replace {person.name} bag" in again.stderr) == (1, True)
