"""`otpauth doctor`: what a user is told of his own account, with no more than his own rights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.parts import enrolment, pam

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person
    from tests.parts.phone import Fob

pytestmark = pytest.mark.stage
CLOCK = "clock"  # is the machine's


@pytest.fixture(name="asking", autouse=True)
def _asking(stage: Path) -> Iterator[None]:
    """Have ssh ask for codes."""
    assert stage.is_dir()
    with pam.service(enrolment.STACK, "sshd"):
        yield


def enrolled(person: Person) -> Fob:
    """Enrol a fob and log in with it."""
    fob = enrolment.fob(person)
    with pam.service(enrolment.STACK) as name:
        assert pam.drive(name, person.name, [fob.next()]).one.ok
    return fob


def faults(person: Person) -> dict[str, tuple[str, str]]:
    """Return state and evidence of what is not ok; the exit status must fit."""
    done = person.run(enrolment.OTPAUTH, "doctor", "--json")
    assert not done.stderr
    found = json.loads(done.stdout)
    assert done.returncode == any(each["state"] == "fail" for each in found)
    assert all(each["mend"] for each in found if each["state"] != "ok")
    return {
        each["id"]: (each["state"], each["evidence"])
        for each in found
        if each["state"] != "ok" and each["id"] != CLOCK
    }


def test_all_is_well(person: Person) -> None:
    """Who is enrolled has no fault; who waits to be adopted has none either."""
    fob = enrolment.fob(person)
    assert faults(person) == {}
    with pam.service(enrolment.STACK) as name:
        assert pam.drive(name, person.name, [fob.next()]).one.ok
    assert faults(person) == {}


def test_not_enrolled(person: Person) -> None:
    """Who has nothing, where codes are asked for, is told so; where none are, that none are."""
    assert faults(person)["enrolled"][0] == "warn"
    with pam.service("auth required pam_permit.so", "sshd"):
        assert set(faults(person)) == {"pam"}


@pytest.mark.parametrize(
    ("ident", "state", "words"),
    [
        ("home", "warn", "chmod 600"),
        ("home-mode", "warn", "may be written by others"),
        ("damaged", "warn", "1 sections"),
        ("policy", "fail", "otpauth.conf:1"),
        ("host", "fail", "host.pub"),
        ("token", "fail", "is switched off"),
        ("token-limits", "warn", "is good for ssh"),
        ("waiting", "warn", "hotp two"),
    ],
)
def test_a_fault_is_named(person: Person, ident: str, state: str, words: str) -> None:
    """Each fault that a user can see is named, with what is wrong."""
    enrolled(person)
    file, conf = person.home / ".otpauth", Path("/etc/otpauth/otpauth.conf")
    public = Path("/etc/otpauth/host.pub")
    data = public.read_bytes()
    if ident == "home":
        file.chmod(0o666)
    elif ident == "home-mode":
        person.home.chmod(0o777)
    elif ident == "damaged":
        file.write_bytes(file.read_bytes() + b"garbage\n")
    elif ident == "policy":
        conf.write_text("nonsense\n")
    elif ident == "host":
        public.unlink()
    elif ident == "token":
        assert enrolment.admin("set", person.name, "phone", "--off").returncode == 0
    elif ident == "token-limits":
        done = enrolment.admin("set", person.name, "phone", "--for", "imap")
        assert "is good for ssh then" in done.stderr
    elif ident == "waiting":
        uri = enrolment.uri("hotp", enrolment.new_secret())
        enrolment.propose(person, uri, "add", "hotp", "two")
    try:
        found = faults(person)
    finally:
        conf.unlink(missing_ok=True)
        public.write_bytes(data)
        public.chmod(0o644)
    assert found[ident][0] == state
    assert words.replace("hotp two", "two") in found[ident][1]
