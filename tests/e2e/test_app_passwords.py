"""App passwords: shown once, good again and again at their services, and worth nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_pam_exec import stack
from tests.parts import accounts, client, enrolment, log, pam, secrets
from tests.parts.dialogue import Dialogue
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person
    from tests.parts.phone import Fob

SHOWN = re.compile(r"\b(?:[0-9a-z]{5}-){3}[0-9a-z]{5}\b")
PROOF = "to show that it is you: "


@pytest.fixture(scope="module")
def imap(stage: object) -> Iterator[str]:
    """Give a service that wants a code, or an app password."""
    assert stage
    with pam.service(enrolment.STACK, "otpauth-test-imap") as name:
        yield name


@pytest.fixture
def fob(person: Person, imap: str) -> Fob:
    """Give an account its first token, adopted."""
    fob = enrolment.fob(person)
    assert pam.drive(imap, person.name, [fob.next()]).one.ok
    return fob


def made(person: Person, proof: str, *words: str) -> str:
    """Have a person make an app password on his terminal; return it as it is shown."""
    with Dialogue(person, [enrolment.OTPAUTH, *words], size=(24, 80)) as screen:
        screen.until(PROOF)
        screen.type(proof)
        screen.until("Enter when you have it")
        (password,) = SHOWN.findall(screen.text())
        screen.type("")
        assert screen.end() == 0, screen.text()
        assert password not in screen.text()
    return secrets.remember(password)


def test_a_program_logs_in(person: Person, imap: str, fob: Fob) -> None:
    """It logs in through PAM, pam_exec and ssh's service where it is for; nowhere else."""
    with (
        Sshd(enrolment.STACK) as sshd,
        pam.service(stack()) as narrow,
        pam.service(enrolment.STACK) as other,
    ):
        names = f"{imap},{sshd.service},{narrow}"
        password = made(person, fob.next(), "add", "password", "laptop", "--for", names)
        assert pam.drive(imap, person.name, [fob.next()]).one.ok  # adopts it
        for typed in (password, password.replace("-", ""), f" {password.upper()} "):
            assert pam.drive(imap, person.name, [typed]).one.ok
        assert pam.pamtester(narrow, person.name, [password]).ok
        assert client.login(person, sshd, [password]).ok
        start = log.position()
        assert not pam.drive(other, person.name, [password]).one.ok
        assert log.lines(start, containing="reason=AUTH_NOT_HERE")
    listed = person.run(enrolment.OTPAUTH, "list").stdout
    limit = " ".join(sorted(names.split(",")))
    assert re.search(rf"^laptop +password +today +today +ready, for {limit}$", listed, re.MULTILINE)


def test_many_logins(person: Person, imap: str, fob: Fob) -> None:
    """Forty logins in one process leave the home's file alone and crowd out no outcome."""
    password = made(person, fob.next(), "add", "password", "laptop", "--for", imap)
    assert not pam.drive(imap, person.name, [fob.wrong()]).one.ok
    assert pam.drive(imap, person.name, [fob.next()]).one.ok
    assert pam.drive(imap, person.name, [password]).one.ok
    before = (person.home / ".otpauth").read_bytes()
    done = pam.drive(imap, person.name, [password], times=40, rhost="192.0.2.7")
    assert [each.ok for each in done.transactions] == [True] * 40
    assert (person.home / ".otpauth").read_bytes() == before
    shown = json.loads(enrolment.admin("show", person.name, "--json").stdout)
    reasons = [row["reason"] for row in shown["outcomes"]]
    assert reasons.count("AUTH_OK_STATIC") == 2
    assert "AUTH_FAILED" in reasons
    why = enrolment.admin("why", person.name).stdout
    assert "accepted: the app password laptop" in why


def test_replaced_switched_off_removed(person: Person, imap: str, fob: Fob) -> None:
    """The old password ends with `replace`, any with `set --off` and `remove`; the limit stays."""
    old = made(person, fob.next(), "add", "password", "laptop", "--for", imap)
    assert pam.drive(imap, person.name, [fob.next()]).one.ok
    new = made(person, fob.next(), "replace", "laptop")
    assert pam.drive(imap, person.name, [fob.next()]).one.ok
    assert not pam.drive(imap, person.name, [old]).one.ok
    assert pam.drive(imap, person.name, [new]).one.ok
    with pam.service(enrolment.STACK) as other:
        assert not pam.drive(other, person.name, [new]).one.ok
    for switch, good in (("--off", False), ("--on", True)):
        assert enrolment.admin("set", person.name, "laptop", switch).returncode == 0
        assert pam.drive(imap, person.name, [new]).one.ok == good
    done = enrolment.admin("set", person.name, "laptop", "--for", "everywhere")
    assert (done.returncode, "named services alone" in done.stderr) == (1, True)
    assert enrolment.admin("remove", person.name, "laptop").returncode == 0
    assert not pam.drive(imap, person.name, [new]).one.ok


def test_for_programs(person: Person, imap: str) -> None:
    """Root's --json shows it once; who has nothing else may have one from root, not by himself."""
    first = person.run(enrolment.OTPAUTH, "add", "password", "x", "--for", imap, "--json")
    assert (first.returncode, "otpauth setup" in first.stderr) == (1, True)
    done = enrolment.admin("add", person.name, "password", "laptop", "--for", imap, "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["name"], shown["groups"]) == ("laptop", [imap])
    password = secrets.remember(shown["password"])
    assert SHOWN.fullmatch(password)
    assert pam.drive(imap, person.name, [password]).one.ok
    again = enrolment.admin("show", person.name, "laptop")
    assert (again.returncode, "kept as a hash" in again.stderr) == (1, True)


def test_who_has_nothing_else(person: Person, imap: str) -> None:
    """Root is warned that the user has no token for the other services; he proves no change."""
    with pam.service(enrolment.STACK, "sshd"):
        done = enrolment.admin("add", person.name, "password", "laptop", "--for", imap, "--json")
        told = f"warning: no token of {person.name} is good for ssh then"
        assert told in done.stderr
        assert enrolment.admin("add", person.name, "list").returncode == 0
        again = enrolment.admin("set", person.name, "laptop", "--for", f"{imap},sudo")
        assert "is good for" not in again.stderr
    password = secrets.remember(json.loads(done.stdout)["password"])
    assert pam.drive(imap, person.name, [password]).one.ok
    assert enrolment.admin("set", person.name, "paper", "--off").returncode == 0
    assert pam.drive(imap, person.name, [password]).one.ok
    with Dialogue(person, [enrolment.OTPAUTH, "remove", "laptop"]) as screen:
        assert screen.end() == 1
        assert "no token whose code would prove" in screen.output.decode()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "good for named services alone"),
        (("--for", "everywhere"), "good for named services alone"),
        (("--for", "a b/c"), "not 1 to 16 names"),
        (("--for", ""), "not 1 to 16 names"),
        (("--for", "sshd", "--digits", "8"), "--digits is not for app passwords"),
        (("--for", "sshd", "--uri", "-"), "--uri is not for app passwords"),
        (("--for", "sshd", "--count", "5"), "--count is for lists"),
    ],
)
def test_usage(person: Person, words: tuple[str, ...], told: str) -> None:
    """Without services, or with options of other kinds, nothing is made, and it says what to do."""
    done = person.run(enrolment.OTPAUTH, "add", "password", "laptop", *words)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert done.stdout == ""


def test_a_name_that_this_host_has_not(person: Person) -> None:
    """A service that is not there is warned of with the nearest name, and kept."""
    conf = Path("/etc/otpauth/otpauth.conf")
    conf.write_text("[group mail]\nchildren = imap\n[group imap]\n", encoding="utf-8")
    try:
        fob = enrolment.fob(person)
        assert enrolment.admin("approve", person.name).returncode == 0
        done = enrolment.admin("set", person.name, "phone", "--for", "imap,mial,sshd")
    finally:
        conf.unlink()
    assert done.returncode == 0, done.stderr
    assert "no service or group 'mial'" in done.stderr
    assert "mail ?" in done.stderr
    assert "'imap'" not in done.stderr
    with pam.service(enrolment.STACK) as other, pam.service(enrolment.STACK, "sshd") as sshd:
        start = log.position()
        assert not pam.drive(other, person.name, [fob.next()]).one.ok
        assert log.lines(start, containing="reason=AUTH_TOKEN_MISSING")
        assert pam.drive(sshd, person.name, [fob.next()]).one.ok


def test_of_a_group(person: Person, imap: str) -> None:
    """A token for a parent group is good at the services of its children, and not the other way."""
    conf = Path("/etc/otpauth/otpauth.conf")
    groups = "[group mail]\nchildren = imap\n[group imap]\n"
    conf.write_text(f"{groups}[service dovecot]\npam = {imap}\ngroup = imap\n", encoding="utf-8")
    try:
        for group, good in (("mail", True), ("imap", True), ("dovecot", True), ("smtp", False)):
            words = ("add", person.name, "password", f"p-{group}", "--for", group, "--json")
            done = enrolment.admin(*words)
            password = secrets.remember(json.loads(done.stdout)["password"])
            assert pam.drive(imap, person.name, [password]).one.ok == good, group
    finally:
        conf.unlink()


def test_killed_before_it_is_shown(imap: str) -> None:
    """A command that is killed while it shows a password leaves the old one as it was."""
    with accounts.make() as person:
        fob = enrolment.fob(person)
        assert pam.drive(imap, person.name, [fob.next()]).one.ok
        old = made(person, fob.next(), "add", "password", "laptop", "--for", imap)
        assert pam.drive(imap, person.name, [fob.next()]).one.ok
        with Dialogue(person, [enrolment.OTPAUTH, "replace", "laptop"]) as screen:
            screen.until(PROOF)
            screen.type(fob.next())
            screen.until("Enter when you have it")
            (new,) = SHOWN.findall(screen.text())
            assert screen.hang_up() == 129
        assert pam.drive(imap, person.name, [old]).one.ok
        assert not pam.drive(imap, person.name, [secrets.remember(new)]).one.ok
