"""Lists on paper before a real sshd: our own, and one that otpw-gen printed."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from tests.parts import accounts, client, enrolment, pam, paper
from tests.parts.dialogue import Dialogue
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person
    from tests.parts.paper import Paper

PREFIX = "Blue Horse"


@pytest.fixture(scope="module")
def sshd(stage: object) -> Iterator[Sshd]:
    """Give a server that wants a key and a code."""
    assert stage
    with Sshd(enrolment.STACK) as server:
        yield server


def printed(person: Person, code: str, *words: str) -> Paper:
    """Have a person print a list on his terminal, with a prefix."""
    command = [enrolment.OTPAUTH, *words, "--prefix"]
    with Dialogue(person, command, size=(60, 80)) as screen:
        for question, answer in (
            ("to show that it is you: ", code),
            ("Prefix, to be typed before each password: ", PREFIX),
            ("The same again: ", "blue-horse"),
        ):
            screen.until(question)
            screen.type(answer)
        screen.until("Enter when you have it")
        mine = paper.Paper(screen.text(), PREFIX)
        screen.type("")
        assert screen.end() == 0, screen.text()
        assert mine.passwords[0] not in screen.text()
        shown = screen.output.decode().lower()
    assert "blue" not in shown
    return mine


def test_our_own_list(person: Person, sshd: Sshd) -> None:
    """A list beside a fob is asked for by number; without its prefix it is worth nothing."""
    fob = enrolment.fob(person)
    assert client.login(person, sshd, [fob.next()]).ok
    mine = printed(person, fob.next(), "add", "list", "--count", "30")
    assert len(mine.passwords) == 30
    assert client.login(person, sshd, [fob.next()]).ok  # adopts it
    thief = client.login(person, sshd, lambda prompt: mine.passwords[mine.asked(prompt)])
    assert not thief.ok
    assert re.search(r"Verification code, or password \d{3} from list 'paper': $", thief.prompts[0])
    assert thief.prompts[1].split(") ")[-1] == "Wrong code. " + thief.prompts[0].split(") ")[-1]
    assert client.login(person, sshd, mine.answer).ok
    assert client.login(person, sshd, [fob.next()]).ok  # good at the same prompt
    listed = person.run(enrolment.OTPAUTH, "list").stdout
    assert re.search(r"^paper +list .* ready, 29 of 30 left$", listed, re.MULTILINE)


def test_replaced(sshd: Sshd) -> None:
    """After `replace` the new list is asked for and the old one is worth nothing."""
    with accounts.make(shell="/usr/bin/true") as person:  # noqa: S604 (a login shell)
        old = paper.add(person, "home", "--count", "20", "--alphabet", "base32")
        first = client.login(person, sshd, old.answer, command="")
        told = (
            "otpauth: 19 of 20 passwords left on list 'home'; print a new one: otpauth replace home"
        )
        assert told in first.messages
        number = min(set(old.passwords) - {old.asked(first.prompts[0])})
        new = printed(person, old.numbered(number), "replace", "home", "--alphabet", "digits")
        assert client.login(person, sshd, new.answer, command="").ok
        unused = max(set(old.passwords) - {old.asked(first.prompts[0]), number})
        late = [old.password(unused), old.numbered(unused)]
        assert not client.login(person, sshd, late, command="").ok


@pytest.mark.parametrize("words", [(), ("-p1",)])
def test_otpws_paper_goes_on_working(person: Person, sshd: Sshd, words: tuple[str, ...]) -> None:
    """The paper of otpw-gen logs in after its file was imported; what it had used stays used."""
    path = person.home / ".otpw"
    old = paper.otpw(path, "my prefix1", *words)
    lines = path.read_text().split("\n")
    used = int(lines[2][:3])
    lines[2] = "-" * len(lines[2])
    path.write_text("\n".join(lines))
    os.chown(path, person.uid, person.gid)
    done = person.run(enrolment.OTPAUTH, "import", "--format", "otpw")
    assert done.returncode == 0, done.stderr
    assert "remove it once the list is in use" in done.stderr
    with pam.service(enrolment.STACK) as service:
        assert not pam.drive(service, person.name, [old.numbered(used)]).one.ok
    first = client.login(person, sshd, old.answer)
    assert (first.ok, old.asked(first.prompts[0]) == used) == (True, False)
    again = old.asked(first.prompts[0])
    moved = enrolment.admin("import", person.name, "--format", "otpw")
    assert "here already" in moved.stdout, moved
    with pam.service(enrolment.STACK) as service:
        assert not pam.drive(service, person.name, [old.numbered(again)]).one.ok
    assert client.login(person, sshd, old.answer).ok
