"""Sudo that remembers nothing itself, and su: how far one code goes, with sessions and without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_onebox import BOX, PASSWORD, QUICK, SETTINGS, STACKS, UNIX
from tests.parts import accounts, client, enrolment, pam, privilege
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

SESSION = "session = 5m"
SUDO = "sudo sh -c 'echo IN-$(id -un)'"
RULE = "{name} ALL=(ALL) ALL\nDefaults:{name} timestamp_timeout=0\n"


@pytest.fixture
def alice(stage: Path) -> Iterator[Person]:
    """Give somebody who becomes root by sudo with password and code, each time anew."""
    assert stage.is_dir()
    rule = Path("/etc/sudoers.d/becoming")
    with accounts.make(password=PASSWORD) as made, pam.service(quick("sudo"), "sudo"):
        rule.write_text(RULE.format(name=made.name), encoding="utf-8")
        rule.chmod(0o440)
        try:
            yield made
        finally:
            rule.unlink()


def quick(name: str) -> str:
    """Return the manual's stack, without the delay after a refusal."""
    return STACKS[name].replace("@include common-auth", UNIX)


def times(person: Person, command: str, code: str, *, tries: int, whom: str = "root") -> int:
    """Return how many of some commands in a row, on one terminal, become somebody with a code."""
    words = ("/bin/sh", "-c", "; ".join([command] * tries))
    talk = privilege.at_terminal(person, words, [PASSWORD, code] * tries)
    return talk.output.count(f"IN-{whom}\r\n")


def test_sudo_without_a_session(alice: Person) -> None:
    """One code is good for one sudo."""
    assert times(alice, SUDO, enrolment.fob(alice).next(), tries=2) == 1


def test_sudo_with_a_session(alice: Person, conf: Path) -> None:
    """One code is good for as many sudos in a row on one terminal as the session has logins."""
    conf.write_text(f"[service sudo]\npam = sudo\n{SESSION} logins=3\n", encoding="utf-8")
    assert times(alice, SUDO, enrolment.fob(alice).next(), tries=4) == 3


def test_another_terminal(alice: Person, conf: Path) -> None:
    """The session of one terminal is none of another."""
    conf.write_text(f"[service sudo]\npam = sudo\n{SESSION}\n", encoding="utf-8")
    code = enrolment.fob(alice).next()
    given: list[str] = []
    elsewhere: list[int] = []

    def answer(prompt: str) -> str:
        if len(given) == 2:  # the first terminal has its session, and is there still
            elsewhere.append(times(alice, SUDO, code, tries=1))
        given.append(prompt)
        return PASSWORD if "password" in prompt else code

    talk = privilege.at_terminal(alice, ("/bin/sh", "-c", f"{SUDO}; {SUDO}"), answer)
    assert (talk.output.count("IN-root\r\n"), elsewhere) == (2, [0])


@pytest.mark.parametrize(("text", "found"), [("", 1), (f"[service su]\npam = su\n{SESSION}\n", 2)])
def test_su(alice: Person, conf: Path, text: str, found: int) -> None:
    """A code of whom one becomes is good for one su, and for more with a session."""
    conf.write_text(text, encoding="utf-8")
    with accounts.make() as other, pam.service(quick("su"), "su"):
        su = f"su {alice.name} -c 'echo IN-$(id -un)'"
        code = enrolment.fob(alice).next()
        assert times(other, su, code, tries=2, whom=alice.name) == found


@pytest.mark.parametrize(("group", "found"), [("local", 0), ("remote", 1)])
def test_another_group(alice: Person, conf: Path, group: str, found: int) -> None:
    """A session that began in sshd's group is good in sudo if that is of the same group only."""
    code = enrolment.fob(alice).next()
    with Sshd(QUICK, SETTINGS) as sshd:
        conf.write_text(
            f"[group remote]\n{SESSION} from=any\n[group local]\n{SESSION} from=any\n"
            f"[service ssh]\npam = {sshd.service}\ngroup = remote\n"
            f"[service sudo]\npam = sudo\ngroup = {group}\n",
            encoding="utf-8",
        )
        for _ in range(2):
            answer = f"{PASSWORD},{code}"
            assert client.login(alice, sshd, [answer], methods=BOX, key=False).ok
        assert times(alice, SUDO, code, tries=1) == found
