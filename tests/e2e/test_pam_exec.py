"""The narrower way in: pam_exec runs our program, as root or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.parts import client, enrolment, log, pam, privilege
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from tests.parts.accounts import Person

PROGRAM = "/usr/local/lib/otpauth/otpauth-pam-exec"
OPTIONS = "expose_authtok seteuid quiet"
KEY = {"SSH_AUTH_INFO_0": "publickey ssh-ed25519 AAAA"}


def stack(words: str = "", options: str = OPTIONS) -> str:
    """Return a stack of the program and pam_permit: pam_exec alone has no answer to setcred."""
    return f"auth required pam_exec.so {options} {PROGRAM} {words}\nauth required pam_permit.so"


def test_a_code_lets_in_once(person: Person) -> None:
    """The right code is a success, a used and a wrong one are not."""
    fob = enrolment.fob(person)
    with pam.service(stack()) as name:
        code = fob.next()
        assert pam.pamtester(name, person.name, [code]).ok
        assert not pam.pamtester(name, person.name, [code]).ok
        assert not pam.pamtester(name, person.name, [fob.wrong()]).ok
        assert pam.pamtester(name, person.name, [f"{fob.next()} "]).ok


def test_behind_a_key_over_ssh(person: Person) -> None:
    """Sshd with a key and this program asks one question and lets the right code in."""
    fob = enrolment.fob(person)
    with Sshd(stack()) as sshd:
        done = client.login(person, sshd, [fob.next()])
        assert (done.ok, len(done.prompts)) == (True, 1)
        assert not client.login(person, sshd, [fob.wrong()]).ok


def test_without_seteuid_it_refuses(person: Person) -> None:
    """From a set-uid program without seteuid it refuses the right code, and burns nothing."""
    fob = enrolment.fob(person)
    code = fob.next()
    without = stack(options="expose_authtok quiet")
    start = log.position()
    with pam.service(without, "su"):
        assert not privilege.su(person, person, [code]).ok
    assert log.lines(start, containing="reason=NOT_PRIVILEGED")
    with pam.service(stack(), "su"):
        assert f"IN-{person.name}" in privilege.su(person, person, [code]).output


def test_it_lets_nobody_in_as_anything_but_authentication(person: Person) -> None:
    """In an account or session line it fails: it never is a success by accident."""
    lines = (
        f"auth required pam_permit.so\naccount required pam_exec.so seteuid quiet {PROGRAM}\n"
        "session required pam_permit.so"
    )
    with pam.service(lines) as name:
        assert not pam.pamtester(name, person.name, ops=("acct_mgmt",)).ok


@pytest.mark.parametrize(("first", "passes"), [(True, True), (False, False)])
def test_nullok_needs_a_first_factor(person: Person, *, first: bool, passes: bool) -> None:
    """Who has nothing passes with nullok behind a key, and not without one."""
    with pam.service(stack("nullok")) as name:
        done = pam.drive(name, person.name, ["123456"], env=KEY if first else {})
        assert done.one.ok == passes


@pytest.mark.parametrize("words", ["no_such_word", "window=99", "kinds=none"])
def test_an_argument_not_understood_refuses(person: Person, words: str) -> None:
    """A word that is no argument is logged and refused, in both ways in."""
    fob = enrolment.fob(person)
    for text in (stack(words), f"{enrolment.STACK} {words}"):
        start = log.position()
        with pam.service(text) as name:
            assert not pam.pamtester(name, person.name, [fob.next()]).ok
        (line,) = log.lines(start, containing="reason=CONFIG_BROKEN")
        assert words.split("=", maxsplit=1)[0] in line.text
