"""Lists on paper: who watches a prompt, races it, kills it or has an old file wins nothing."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from tests.attacks import victim as victims
from tests.attacks.victim import ELSEWHERE, HERE, KNOWN_FIRST
from tests.parts import log, pam, paper

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parts.accounts import Person
    from tests.parts.pam import Attempt, Drive
    from tests.parts.paper import Paper

PLAIN = "Verification code: "


@pytest.fixture
def list_of(person: Person) -> Paper:
    """Give the list of a person who has nothing else."""
    return paper.add(person, "--count", "20")


def order(person: Person) -> tuple[int, ...]:
    """Return the numbers in the order in which they will be asked for."""
    from otpauth.kinds import paper as kind

    held = victims.known(person.name)
    assert held is not None
    (each,) = held.tokens.values()
    return kind.order(each, held.state)


def asking(service: str, person: Person, answer: str, rhost: str = HERE) -> Attempt:
    """Begin a login after a public key, up to its prompt."""
    return pam.attempt(service, person.name, [answer], rhost=rhost, env=KNOWN_FIRST)


def known(service: str, person: Person, *answers: str) -> Drive:
    """Log in after a public key."""
    return pam.drive(service, person.name, answers, rhost=HERE, env=KNOWN_FIRST)


def test_a_watched_password_cannot_be_raced(service: str, person: Person, list_of: Paper) -> None:
    """Who sees a password typed and is quicker is asked for another, with a key and without."""
    number, other = order(person)[:2]
    typed = list_of.password(number)
    with asking(service, person, typed) as owner:
        owner.ready()
        for answers in ([typed, typed], [list_of.numbered(number)] * 2):
            raced = known(service, person, *answers).one
            assert not raced.ok
            assert [list_of.asked(prompt) for prompt in raced.asked] == [other, other]
        stranger = pam.drive(service, person.name, [list_of.numbered(number)], rhost=ELSEWHERE)
        assert not stranger.one.ok
        done = owner.result().one
    assert (done.ok, list_of.asked(done.asked[0])) == (True, number)


def test_two_at_once_are_both_let_in(service: str, person: Person, list_of: Paper) -> None:
    """Two logins at the same time are asked for two numbers, and both are good."""
    first, second = order(person)[:2]
    with (
        asking(service, person, list_of.password(first)) as one,
        one_ready(one),
        asking(service, person, list_of.password(second)) as two,
        one_ready(two),
    ):
        assert [each.result().one.ok for each in (one, two)] == [True, True]
    assert set(order(person)).isdisjoint({first, second})


def one_ready(attempt: Attempt) -> Attempt:
    """Return a login that stands at its prompt."""
    attempt.ready()
    return attempt


def test_a_killed_login_leaves_no_number_behind(
    service: str, person: Person, list_of: Paper
) -> None:
    """After a login was killed at its prompt the next is asked for the same number, alone."""
    number = order(person)[0]
    with asking(service, person, "nothing") as killed:
        killed.ready()
        os.kill(killed.pid, signal.SIGKILL)
        killed.end()
    done = known(service, person, list_of.password(number)).one
    assert (done.ok, list_of.asked(done.asked[0])) == (True, number)


def test_only_the_number_asked_counts(service: str, person: Person, list_of: Paper) -> None:
    """The password of another number is wrong, also with its number, and is not used up by it."""
    number, other = order(person)[:2]
    since = log.position()
    done = known(service, person, list_of.password(other), list_of.numbered(other)).one
    assert not done.ok
    assert [list_of.asked(prompt) for prompt in done.asked] == [number, number]
    assert victims.reasons(since, person.name) == ["AUTH_FAILED"] * 2
    assert order(person)[:2] == (number, other)
    assert known(service, person, list_of.numbered(number)).one.ok


def test_a_stranger_is_asked_as_everybody(service: str, person: Person, list_of: Paper) -> None:
    """Without a first factor nobody learns from the prompt who has a list."""
    for name in (person.name, "nobody-here"):
        asked = pam.drive(service, name, ["x"], rhost=ELSEWHERE).one.asked
        assert asked == [PLAIN]
    number = order(person)[3]
    assert pam.drive(service, person.name, [list_of.numbered(number)], rhost=ELSEWHERE).one.ok


@pytest.mark.parametrize("known_first", [True, False])
def test_c3_one_password_is_one_login(
    service: str,
    person: Person,
    list_of: Paper,
    known_first: bool,  # noqa: FBT001
) -> None:
    """Of 12 logins that answer with the same password at one instant, one gets in; and again."""
    for _ in range(2):
        number = order(person)[0]
        drives = pam.storm(
            service,
            person.name,
            [[list_of.numbered(number)]] * 12,
            rhost=HERE,
            env=KNOWN_FIRST if known_first else {},
        )
        assert sum(one.ok for drive in drives for one in drive.transactions) == 1
        victims.admin("unlock", person.name)


def test_an_old_file_brings_no_password_back(
    service: str, person: Person, list_of: Paper, tmp_path: Path
) -> None:
    """A password that was used stays used when the file of before is put back, and alone."""
    number = order(person)[0]
    old = tmp_path / "old"
    shutil.copy2(person.home / ".otpauth", old)
    assert known(service, person, list_of.password(number)).one.ok
    shutil.copy2(old, person.home / ".otpauth")
    for answer in (list_of.numbered(number), list_of.password(number)):
        assert not pam.drive(service, person.name, [answer], rhost=HERE).one.ok
    assert number not in order(person)


def test_without_a_place_for_locks_no_list_counts(
    service: str, person: Person, list_of: Paper
) -> None:
    """Where numbers cannot be held none is asked for, and no password of a list is good."""
    number = order(person)[0]
    place = victims.LOCKS / f"=asked-{person.name}"
    place.unlink(missing_ok=True)
    place.symlink_to("/etc/passwd")
    try:
        done = known(service, person, list_of.numbered(number), list_of.password(number)).one
        assert (done.ok, done.asked[0]) == (False, PLAIN)
        assert not pam.drive(service, person.name, [list_of.numbered(number)]).one.ok
    finally:
        place.unlink()
    assert known(service, person, list_of.password(number)).one.ok


def test_closed_descriptors(service: str, person: Person, list_of: Paper) -> None:
    """A caller who closed its standard descriptors is asked and let in as others are."""
    number = order(person)[0]
    words = [list_of.password(number)]
    done = pam.drive(service, person.name, words, rhost=HERE, env=KNOWN_FIRST, close=[0, 2]).one
    assert done.ok
    assert (victims.LOCKS / f"=asked-{person.name}").read_bytes() == b""
