"""`otpauth-admin why`: every reason has its sentence, and what is in the way is named."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from otpauth import login
from otpauth.cli import report, why
from tests.faults import logins
from tests.parts import accounts, enrolment, log, pam

if TYPE_CHECKING:
    from tests.parts.accounts import Person

ADDRESS = "192.0.2.7"
KEY = {"SSH_AUTH_INFO_0": "publickey ssh-ed25519 AAAA"}
KNOWN = {"user", "token", "before"}


def told(person: Person, *words: str) -> list[str]:
    """Return the lines that `why` prints."""
    done = enrolment.admin("why", person.name, *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def as_value(person: Person) -> dict[str, Any]:
    """Return what `why --json` says."""
    value: dict[str, Any] = json.loads("\n".join(told(person, "--json")))
    return value


def now(person: Person) -> dict[str, str]:
    """Return what is in the way, as evidence by id."""
    return {each["id"]: each["evidence"] for each in as_value(person)["now"]}


def attempt(person: Person, code: str, *, rhost: str = ADDRESS) -> pam.Transaction:
    """Give one answer from an address."""
    with pam.service(enrolment.STACK) as name:
        return pam.drive(name, person.name, [code], rhost=rhost).one


def test_every_reason_has_a_sentence() -> None:
    """The table has every reason and no other; a refusal also says what to do."""
    assert list(why.SENTENCES) == list(login.REASONS)
    for reason, each in why.SENTENCES.items():
        fields = {f for text in each for _, f, _, _ in string.Formatter().parse(text) if f}
        assert fields <= KNOWN
        accepted = reason in why.ACCEPTED
        assert each.sentence.startswith("refused: ") != accepted
        assert accepted or each.mend


@pytest.mark.stage
def test_the_story_of_a_used_code(person: Person) -> None:
    """A used code is told with the login that used it, its time, service and address."""
    phone = enrolment.phone(person)
    code = phone.next()
    assert attempt(person, code).ok
    assert not attempt(person, code).ok
    first, second, mend, last = told(person)
    assert re.search(rf" from {ADDRESS}: accepted: a code of phone \(AUTH_OK_OTP\)$", first)
    clock, service = re.findall(r" (\d\d:\d\d:\d\d)  (\S+) from", first)[0]
    assert f"or a later one, had been used at {clock} by {service} from {ADDRESS}" in second
    assert second.endswith("(AUTH_OTP_ALREADY_USED)")
    assert "take the next code" in mend
    assert last == "now: nothing is in the way"


@pytest.mark.stage
def test_places_are_told_in_words(person: Person) -> None:
    """A login without an address is told with who ran the service; `show` tells it alike."""
    fob = enrolment.fob(person)
    assert attempt(person, fob.next(), rhost="").ok
    assert ", run by root: accepted" in told(person)[0]
    assert ", run by root: " in enrolment.admin("show", person.name).stdout
    assert report.where("su", f"local:{2**31}") == f"su, run by uid {2**31}"


@pytest.mark.stage
def test_the_latest_only(person: Person) -> None:
    """-n gives so many outcomes, the latest; a number below 1 is wrong usage."""
    fob = enrolment.fob(person)
    for _ in range(3):
        assert attempt(person, fob.next()).ok
    assert not attempt(person, fob.code(fob.counter + 20)).ok
    assert len([line for line in told(person) if "accepted" in line]) == 3
    assert "AUTH_" in told(person, "-n", "1")[0]
    assert not [line for line in told(person, "-n", "1") if "accepted" in line]
    assert enrolment.admin("why", person.name, "-n", "0").returncode == 2


@pytest.mark.stage
def test_no_code_and_no_secret(person: Person) -> None:
    """What was typed, right or wrong, is in nothing that `why` prints."""
    fob = enrolment.fob(person)
    typed = [fob.next(), fob.wrong(), "hunter2xyz"]
    for each in typed:
        attempt(person, each)
    text = "\n".join(told(person) + told(person, "--json"))
    assert not [each for each in (*typed, fob.secret) if each in text]


@pytest.mark.stage
def test_a_limit_is_told_with_its_end(person: Person) -> None:
    """Three wrong codes: what is shut, until when, and the command that opens it."""
    fob = enrolment.fob(person)
    assert attempt(person, fob.next()).ok
    for wrong in ("000001", "000002", "000003"):
        attempt(person, wrong)
    assert re.search(
        rf"from {ADDRESS} are not compared until \d\d:\d\d:\d\d", now(person)["limited"]
    )
    text = told(person)
    assert f"  otpauth-admin unlock {person.name}" in text
    enrolment.admin("unlock", person.name)
    assert "limited" not in now(person)


@pytest.mark.stage
def test_a_wished_limit_is_told(person: Person) -> None:
    """A limit that the user wished for, narrower than the host's, is told as any other."""
    fob = enrolment.fob(person)
    assert attempt(person, fob.next()).ok
    enrolment.admin("wish", person.name, "-r", "1", "-R", "600")
    attempt(person, "000001")
    assert "are not compared until" in now(person)["limited"]


@pytest.mark.stage
def test_nothing_enrolled(person: Person) -> None:
    """Who has nothing is told to enrol, by whom it can be; who has proposed, what adopts it."""
    assert told(person)[-2].endswith("nothing enrolled on this host")
    assert told(person)[-1].startswith(f"  otpauth-admin setup {person.name}; or, where")
    enrolment.fob(person)
    assert "enrols with the next login" in told(person)[-1]


@pytest.mark.stage
def test_a_record_that_does_not_open(person: Person) -> None:
    """A damaged record is in the way, with the two ways out."""
    fob = enrolment.fob(person)
    assert attempt(person, fob.next()).ok
    (person.home / ".otpauth").unlink()
    copy = logins.USERS / person.name
    copy.write_bytes(copy.read_bytes().replace(b"\nend\n", b"\nend"))
    assert "does not open" in now(person)["record"]
    enrolment.admin("reset", person.name)


@pytest.mark.stage
def test_a_change_that_waits(person: Person) -> None:
    """A change without a code waits, and its digest is in the command that adopts it."""
    fob = enrolment.fob(person)
    assert attempt(person, fob.next()).ok
    enrolment.propose(person, enrolment.uri("hotp", enrolment.new_secret()), "add", "hotp", "two")
    lines = told(person)
    (command,) = [line.strip() for line in lines if "approve" in line]
    assert enrolment.admin(*command.split()[1:]).returncode == 0
    assert "waiting" not in now(person)


@pytest.mark.stage
def test_tokens_that_may_not_be_used(person: Person) -> None:
    """An account whose only token is switched off is told so."""
    fob = enrolment.fob(person)
    assert attempt(person, fob.next()).ok
    enrolment.admin("set", person.name, "phone", "--off")
    assert "phone is switched off" in now(person)["token"]


@pytest.mark.stage
def test_a_home_that_cannot_be_read(person: Person) -> None:
    """A home that is not there is named, and the record of the host is told all the same."""
    fob = enrolment.fob(person)
    assert attempt(person, fob.next()).ok
    with accounts.missing_home(person):
        assert "the home is not there" in now(person)["home"]
        assert told(person)[0].endswith("(AUTH_OK_OTP)")


@pytest.mark.stage
def test_it_writes_nothing(person: Person) -> None:
    """`why` changes neither copy of the record, nor the log."""
    fob = enrolment.fob(person)
    assert attempt(person, fob.next()).ok
    files = [person.home / ".otpauth", logins.USERS / person.name]
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in files]
    start = log.position()
    told(person)
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in files] == before
    assert not log.lines(start, containing="otpauth")
    assert not Path(f"{files[0]}.new").exists()
