"""`otpauth-admin verify`: the decision of a login, in one line, as JSON, or step by step."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_commands import as_root, enrolled
from tests.faults import logins
from tests.parts import enrolment, log, secrets

if TYPE_CHECKING:
    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage
admin = enrolment.admin


def test_at_a_terminal(person: Person) -> None:
    """Whoever runs it at a terminal is asked for the code, which is not shown."""
    fob = enrolled(person)
    code = fob.next()
    with as_root("verify", person.name) as dialogue:
        dialogue.until("Code: ")
        dialogue.type(code)
        assert dialogue.end() == 0
        assert code.encode() not in dialogue.output


def test_decides_as_a_login(person: Person) -> None:
    """A code is accepted once; a dry run burns, charges and logs nothing; JSON has it all."""
    fob = enrolled(person)
    code, start, before = fob.next(), log.position(), logins.Saved.of(person)
    assert admin("verify", person.name, "--dry-run", text=code).returncode == 0
    dry = admin("verify", person.name, "--dry-run", text=fob.wrong())
    assert (dry.returncode, "AUTH_FAILED" in dry.stdout) == (1, True)
    assert logins.Saved.of(person) == before
    assert not log.lines(start)
    done = admin("verify", person.name, "--json", "--service", "mail", text=f"{code}\n")
    assert json.loads(done.stdout) == {
        "accepted": True,
        "verdict": "accept",
        "reason": "AUTH_OK_OTP",
        "sentence": "a one-time code was right",
        "token": "phone",
        "group": None,
        "service": "mail",
        "say": [],
    }
    assert log.lines(start, containing="service=mail")
    again = admin("verify", person.name, text=f"{code}\n")
    assert (again.returncode, again.stdout) == (
        1,
        "refused: the code had been used before (AUTH_OTP_ALREADY_USED) phone\n",
    )


def test_nobody(stage: object) -> None:
    """Who has no account is refused as everybody, in the same time; root is told why."""
    assert stage
    took = {}
    for name in ("no-such-user", "nobody"):
        since = time.monotonic()
        done = admin("verify", name, text="123456\n")
        took[name] = time.monotonic() - since
        assert done.returncode == 1
    assert min(took.values()) >= 0.25
    assert "UNKNOWN_USER" in admin("verify", "no-such-user", text="1\n").stdout


def test_what_is_no_line(person: Person) -> None:
    """What is not one line costs one clear line and status 2; nothing counts."""
    start = log.position()
    for data, words in (
        (b"", "no code"),
        (b"123456\n654321\n", "more than one line"),
        (b"1" * 2**20, "at most 512 characters"),
        (b"\n" * 2**20, "at most 512 characters"),
    ):
        done = _verified(person, data)
        assert (done.returncode, done.stdout) == (2, b"")
        assert words in done.stderr.decode()
        assert len(done.stderr.splitlines()) == 2, "an error and a hint"
    assert not log.lines(start)


def test_what_is_no_code(person: Person) -> None:
    """A line that is no code is refused and not charged."""
    enrolled(person)
    for data in (b"\n", b"\xff\xfe\x00\n", b"\x1b[31m\n", b"1 2 3"):
        done = _verified(person, data)
        assert (done.returncode, b"AUTH_NO_CODE" in done.stdout) == (1, True)


def _verified(person: Person, data: bytes) -> subprocess.CompletedProcess[bytes]:
    command = (enrolment.ADMIN, "verify", person.name)
    return subprocess.run(command, input=data, capture_output=True, check=False)


def test_explained(person: Person) -> None:
    """The steps go from the user to the verdict, of a dry run too, and tell no secret or code."""
    fob = enrolled(person)
    codes = [fob.wrong(), fob.next()]
    wrong = admin("verify", person.name, "--explain", "--rhost", "192.0.2.7", text=codes[0])
    assert "phone (hotp): wrong\n" in wrong.stdout
    assert "then: charged to all places that are not known, 1 wrong answer now" in wrong.stdout
    assert wrong.stdout.splitlines()[-1] == "refused: the code was wrong (AUTH_FAILED) phone"
    dry = admin("verify", person.name, "--explain", "--json", "--dry-run", text=codes[1])
    right = admin("verify", person.name, "--explain", "--after-password", text=codes[1])
    steps = json.loads(dry.stdout)["steps"]
    assert {
        "about": "token",
        "text": "phone (hotp): right",
        "token": "phone",
        "result": "accepted",
    } in steps
    assert steps[-1]["result"] == "accept"
    assert steps[-2]["text"] == "none of this is written in a dry run"
    told = [f"{each['about']}: {each['text']}" for each in steps[:-2]]
    assert right.stdout.splitlines()[: len(told)] == told
    assert "say: otpauth: token 'phone' was added" in right.stdout
    used = admin("verify", person.name, "--explain", text=codes[1])
    assert re.search(r"right, but that code, or a later one, was used at \d{4}-", used.stdout)
    everything = wrong.stdout + dry.stdout + right.stdout + used.stdout
    assert not secrets.registry.found_in(everything.encode())


CONF = """[login]
rate_limit = 5/1m
[group mail]
children = imap
[group imap]
kinds = totp hotp
[service imap]
pam = dovecot
group = imap
who = root
"""


def test_explained_by_which_lines(person: Person) -> None:
    """The lines of otpauth.conf that fit are named, and nothing that is not set."""
    path = Path("/etc/otpauth/otpauth.conf")
    path.write_text(CONF)
    try:
        words = ("verify", person.name, "--service", "dovecot", "--explain")
        lines = admin(*words, text="123456").stdout.splitlines()
    finally:
        path.unlink()
    assert lines[:7] == [
        f"rule: dovecot is [service imap], {path}:7",
        f"rule: its group is [group imap], {path}:5",
        "rule: a limited token may be used if it is for one of: dovecot imap mail",
        f"rule: kinds = totp hotp, {path}:6",
        f"rule: rate_limit = 5/1m, {path}:2",
        f"rule: who = root, {path}:10",
        f"rule: where another factor is proved {person.name} is asked for no code, by who",
    ]
    assert not lines[7].startswith("rule")


def test_explained_without_a_record(person: Person) -> None:
    """Who has nothing is explained, too, and a user whom there is not has a verdict alone."""
    lines = admin("verify", person.name, "--explain", text="123456").stdout.splitlines()
    assert lines[-2] == f"user: {person.name} has nothing enrolled on this host"
    nobody = admin("verify", "no-such-user", "--explain", text="123456").stdout.splitlines()
    assert nobody[-1] == "refused: there is no such account (UNKNOWN_USER)"
    assert [line for line in nobody[:-1] if not line.startswith("rule: ")] == []


def test_a_secret_that_is_not_there(person: Person) -> None:
    """Without its secret what a client made of a code is refused, and what tells more is named."""
    enrolled(person)
    path = Path("/etc/otpauth/otpauth.conf")
    path.write_text("[service webmail]\nclient_secret = {secret.nowhere}\n", encoding="utf-8")
    try:
        told = admin("verify", person.name, "--service", "webmail", "--explain", text="0" * 64)
    finally:
        path.unlink()
    then, verdict = told.stdout.splitlines()[-2:]
    assert then == "then: what it is and what mends it: otpauth-admin config"
    assert verdict.endswith("(CONFIG_BROKEN)")
