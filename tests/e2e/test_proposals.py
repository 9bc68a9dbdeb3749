"""Changes by the user's own command: each takes effect at the next login, with its proof."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.faults import logins
from tests.parts import enrolment, log, pam
from tests.parts.dialogue import Dialogue
from tests.parts.phone import Fob, Phone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.parts.accounts import Person

PROOF = "to show that it is you: "


@pytest.fixture
def service(stage: Path) -> Iterator[str]:
    """Give a service that wants a code."""
    assert stage.is_dir()
    with pam.service(enrolment.STACK) as name:
        yield name


def logs_in(service: str, person: Person, code: str) -> bool:
    """Say whether a code logs in."""
    return pam.pamtester(service, person.name, [code]).ok


def adopted(service: str, person: Person) -> Fob:
    """Enrol a fob and log in with it once."""
    fob = enrolment.fob(person)
    assert logs_in(service, person, fob.next())
    return fob


def results(since: int) -> list[str]:
    """Return what the log says of proposals."""
    return [line.text.rpartition("result=")[2] for line in log.lines(since, containing="proposal=")]


def command(person: Person, *words: str) -> Dialogue:
    """Run the user's command on a terminal."""
    return Dialogue(person, [enrolment.OTPAUTH, *words])


def test_an_added_token_with_a_proof_is_adopted(person: Person, service: str) -> None:
    """A token added with a code of a present one works from the login after."""
    fob = adopted(service, person)
    with command(person, "add", "totp", "tablet") as dialogue:
        dialogue.until(PROOF)
        dialogue.type(fob.next())
        dialogue.until("Code: ")
        tablet = Phone(dialogue.secret())
        dialogue.type(tablet.next())
        dialogue.until("ready at your next login")
        assert dialogue.end() == 0
    start = log.position()
    assert logs_in(service, person, tablet.next())  # adopted first, then compared
    assert results(start) == ["adopted"]
    assert logs_in(service, person, fob.next())


def test_the_proofs_code_is_burnt(person: Person, service: str) -> None:
    """A code that went into a proposal does not log in after its adoption."""
    fob = adopted(service, person)
    proof = fob.next()
    enrolment.propose(
        person,
        f"{enrolment.uri('hotp', enrolment.new_secret())}\n{proof}",
        *("add", "hotp", "second"),
    )
    assert not logs_in(service, person, proof)
    assert logs_in(service, person, fob.next())


@pytest.mark.parametrize("proof", ["wrong", "none"])
def test_without_the_right_proof_nothing_is_adopted(
    person: Person, service: str, proof: str
) -> None:
    """A wrong proof drops the change and is charged, none lets it wait; the token never works."""
    fob = adopted(service, person)
    other = Fob(enrolment.new_secret())
    uri = enrolment.uri("hotp", other.secret, counter=0)
    text = f"{uri}\n{fob.wrong()}" if proof == "wrong" else uri
    enrolment.propose(person, text, "add", "hotp", "second")
    start = log.position()
    assert not logs_in(service, person, other.next())
    said = "its%20code%20is%20not%20one%20of%20a%20present%20token"
    assert results(start) == [said if proof == "wrong" else "pending"]
    assert logs_in(service, person, fob.next())
    assert not logs_in(service, person, other.next())
    listed = person.run(enrolment.OTPAUTH, "list").stdout
    assert ("\nsecond " in listed) == (proof == "none"), listed
    assert ("refused by this host" in listed) == (proof == "wrong"), listed


def test_wrong_proofs_are_limited(person: Person, service: str) -> None:
    """After three wrong proofs no more is compared: a right one waits instead of passing."""
    fob = adopted(service, person)
    for number in range(4):
        text = f"{enrolment.uri('hotp', enrolment.new_secret())}\n{fob.wrong()}"
        enrolment.propose(person, text, "add", "hotp", f"try{number}")
    start = log.position()
    for _ in range(5):
        assert logs_in(service, person, fob.next())
    said = results(start)
    dropped = [each for each in said if each.startswith("its%20code")]
    assert len(dropped) == 3
    assert said[-1] == "pending"


def test_replace_ends_the_old_phone(person: Person, service: str) -> None:
    """After a replacement and a login the old secret is worth nothing, the new one works."""
    fob = adopted(service, person)
    with command(person, "replace", "phone") as dialogue:
        dialogue.until(PROOF)
        dialogue.type(fob.next())
        dialogue.until("Code: ")
        new = Fob(dialogue.secret())
        dialogue.type(new.next())
        assert dialogue.end() == 0
    assert logs_in(service, person, new.next())
    assert not logs_in(service, person, fob.next())
    assert logs_in(service, person, new.next())


def test_new_codes_end_the_old_ones(person: Person, service: str) -> None:
    """Scratch codes can be made anew with a code; the old set is worth nothing then."""
    fob = adopted(service, person)
    old = new_codes(person, fob.next())
    assert logs_in(service, person, old[0])
    new = new_codes(person, fob.next())
    assert logs_in(service, person, new[0])
    assert not logs_in(service, person, old[1])
    assert not logs_in(service, person, new[0])


def new_codes(person: Person, proof: str) -> list[str]:
    """Make new scratch codes with a proof."""
    with command(person, "codes") as dialogue:
        dialogue.until(PROOF)
        dialogue.type(proof)
        dialogue.until("Enter when you have them")
        codes = dialogue.scratch_codes()
        assert len(codes) == 10
        dialogue.type("")
        assert dialogue.end() == 0
    return codes


def test_a_removed_token_is_gone(person: Person, service: str) -> None:
    """A token removed with a code of another does not log in any more."""
    fob = adopted(service, person)
    second = Fob(enrolment.new_secret())
    text = f"{enrolment.uri('hotp', second.secret, counter=0)}\n{fob.next()}"
    enrolment.propose(person, text, "add", "hotp", "second")
    assert logs_in(service, person, second.next())
    with command(person, "remove", "phone") as dialogue:
        dialogue.until(PROOF)
        dialogue.type(second.next())
        assert dialogue.end() == 0
    assert logs_in(service, person, second.next())
    assert not logs_in(service, person, fob.next())


def test_a_change_that_waits_can_be_withdrawn(person: Person, service: str) -> None:
    """Removing what was never adopted takes it out of the file and asks for nothing."""
    fob = adopted(service, person)
    uri = enrolment.uri("hotp", enrolment.new_secret())
    enrolment.propose(person, uri, "add", "hotp", "second")
    done = person.run(enrolment.OTPAUTH, "remove", "second")
    assert (done.returncode, "withdrawn" in done.stdout) == (0, True), done.stderr
    start = log.position()
    assert logs_in(service, person, fob.next())
    assert results(start) == []


def test_set_switches_off_and_on(person: Person, service: str) -> None:
    """A token switched off does not log in; renamed it is listed under its new name."""
    fob = adopted(service, person)
    second = Fob(enrolment.new_secret())
    text = f"{enrolment.uri('hotp', second.secret, counter=0)}\n{fob.next()}"
    enrolment.propose(person, text, "add", "hotp", "second")
    assert logs_in(service, person, second.next())
    for words in (("second", "--off"), ("phone", "--name", "fob", "--note", "the blue one")):
        with command(person, "set", *words) as dialogue:
            dialogue.until(PROOF)
            dialogue.type(fob.next())
            assert dialogue.end() == 0
        assert logs_in(service, person, fob.next())
    assert not logs_in(service, person, second.next())
    listed = person.run(enrolment.OTPAUTH, "list").stdout
    assert "switched off" in listed
    assert "\nfob " in listed
    assert "blue" not in listed


def race(service: str, person: Person, rounds: int) -> None:
    """Let a proposal and a login race, and see that both count."""
    fob = adopted(service, person)
    prover = Fob(enrolment.new_secret())  # not the one that logs in: its order would matter
    text = f"{enrolment.uri('hotp', prover.secret, counter=0)}\n{fob.next()}"
    enrolment.propose(person, text, "add", "hotp", "prover")
    assert logs_in(service, person, prover.next())
    for number in range(rounds):
        other = Fob(enrolment.new_secret())
        text = f"{enrolment.uri('hotp', other.secret, counter=0)}\n{prover.next()}\n"
        words = (enrolment.OTPAUTH, "add", "hotp", f"n{number}", "--uri", "-")
        with ThreadPoolExecutor(1) as pool:
            proposing = pool.submit(person.run, *words, text=text)
            time.sleep(random.uniform(0, 0.1))  # noqa: S311 (when the two meet)
            code = fob.next()
            first = logs_in(service, person, code)
        assert proposing.result().returncode == 0
        assert not (first and logins.accepted(person.name, code)), number
        assert logins.accepted(person.name, other.next()), f"round {number}: the proposal is lost"
        assert enrolment.admin("remove", person.name, f"n{number}").returncode == 0


def test_b8_a_proposal_and_a_login_race(person: Person, service: str) -> None:
    """Whenever a proposal is written during a login, neither it nor the login's state is lost."""
    race(service, person, 60)


@pytest.mark.soak
def test_b8_500_races(person: Person, service: str) -> None:
    """The same, 500 times."""
    race(service, person, 500)
