"""The bypass: whom the administrator lets in without a code, how often, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import bypass, changes, login, record
from otpauth.login import Request
from otpauth.state import Bypass
from tests import samples
from tests.samples import MARKS, NOW, after, code_at

if TYPE_CHECKING:
    from otpauth.login import Outcome
    from otpauth.policy import Rule
    from otpauth.record import Record

HERE = Request("alice", "sshd", "192.0.2.7", "192.0.2.7", "publickey", NOW, "ssh")
HELD = samples.account(samples.totp_draft(), samples.scratch_draft())
TOLD = "otpauth: no code was asked: your administrator lets you in without one until"


def let_in(held: Record = HELD, *, now: int = NOW, hours: int = 4, uses: int = 2) -> Record:
    """Return the record with a grant."""
    return held._replace(state=bypass.granted(held.state, now, hours=hours, uses=uses))


def spared(held: Record, asked: Request = HERE, rule: Rule = samples.RULE) -> Outcome | None:
    """Return what a login without a code comes to."""
    return login.spared(held, asked, rule, marks=MARKS)


def passes(held: Record, asked: Request = HERE) -> bool:
    """Say whether a login passes without a code."""
    outcome = spared(held, asked)
    assert outcome is None or (outcome.verdict, outcome.reason) == ("accept", "AUTH_OK_BYPASS")
    return outcome is not None


def test_so_often() -> None:
    """A grant of two logins lets in two, tells after each how many are left, and no third."""
    held = let_in()
    for left in ("1 login left", "0 logins left"):
        outcome = spared(held)
        assert outcome
        assert outcome.say[0].startswith(TOLD)
        assert outcome.say[0].endswith(f" UTC, {left}")
        held = after(outcome, held)
        assert held.outcomes[-1].reason == "AUTH_OK_BYPASS"
    assert not passes(held)


@pytest.mark.parametrize(("later", "good"), [(-121, 0), (-120, 1), (0, 1), (3599, 1), (3600, 0)])
def test_so_long(later: int, good: int) -> None:
    """It holds from its second on until its end, and never on a clock that is behind its begin."""
    assert passes(let_in(hours=1), HERE._replace(now=NOW + later)) == bool(good)


@pytest.mark.parametrize("hours", [1, 72])
def test_says_the_day_where_it_is_another(hours: int) -> None:
    """The end is a time of day, with its date if that is not today's in UTC."""
    day = "" if hours == 1 else "2027-01-18 "  # NOW is 2027-01-15 08:00 UTC
    time = "09:00" if hours == 1 else "08:00"
    text = bypass.told(let_in(hours=hours).state, NOW)
    assert text == f"until {day}{time} UTC, 2 logins left"


def test_only_with_another_factor() -> None:
    """Without a first factor nobody is spared, but where the line says that a password follows."""
    bare = HERE._replace(first_factor="")
    assert not passes(let_in(), bare)
    outcome = spared(let_in(), bare, samples.RULE._replace(before_password=True))
    assert outcome
    assert outcome.say == ()


def test_only_who_is_enrolled() -> None:
    """A record without enrolment is spared nothing; one whose tokens were all removed is."""
    assert not passes(let_in(record.Record("alice", 1000)))
    held = HELD
    for ident in HELD.tokens:
        held = changes.remove(held, ident, NOW)
    assert passes(let_in(held))


def test_a_limit_neither_holds_it_up_nor_is_lifted() -> None:
    """Whom strangers shut out is let in; wrong codes are not compared before or after (A)."""
    held = HELD
    for number in range(3):
        wrong = samples.wrong_code(number, now=NOW)
        held = after(samples.decide(held, wrong), held)
    outcome = spared(let_in(held))
    assert outcome
    for later in (held, after(outcome, held)):
        assert samples.decide(later, code_at(NOW)).reason == "AUTH_RATE_LIMITED"


def test_grace_goes_first() -> None:
    """A login that its grace period spares uses nothing up."""
    rule = samples.RULE._replace(grace=3600)
    chance = login.Chance(MARKS, "0" * 16)
    held = after(login.decide(let_in(), HERE, code_at(NOW), rule, chance=chance), HELD)
    outcome = spared(held, HERE, rule)
    assert outcome
    assert outcome.reason == "AUTH_OK_GRACE"
    assert bypass.left(after(outcome, held).state, NOW) == 2


def test_a_code_uses_nothing_up() -> None:
    """Who gives a code though he need not keeps his logins."""
    held = let_in()
    held = after(samples.decide(held, code_at(NOW)), held)
    assert bypass.left(held.state, NOW) == 2


def test_an_old_copy_gives_nothing_back() -> None:
    """Joined with any older copy, a used login stays used, and an ended grant stays ended."""
    first = let_in()
    outcome = spared(first)
    assert outcome
    once = after(outcome, first)
    off = once._replace(state=bypass.ended(once.state))
    again = let_in(off, now=NOW - 50, uses=1)  # the clock went back a little
    for old in (HELD, first, once):
        assert bypass.left(record.join(once, old).state, NOW) == 1
        assert bypass.left(record.join(old, off).state, NOW) == 0
        assert record.join(again, old).state.bypass == again.state.bypass


def test_what_the_administrator_does_besides() -> None:
    """`unlock` leaves a grant and its used logins, `reset` ends it, for every old copy, too."""
    outcome = spared(let_in())
    assert outcome
    held = after(outcome, HELD)
    unlocked = changes.unlock(held, NOW)
    assert bypass.left(unlocked.state, NOW) == 1
    assert bypass.left(record.join(unlocked, let_in()).state, NOW) == 1
    for ended in (changes.reset(held, NOW), record.join(changes.reset(held, NOW), let_in())):
        assert not passes(ended)
    ahead = changes.unlock(let_in(now=NOW + 9999), NOW)
    assert ahead.state.bypass == Bypass()


granting = st.tuples(st.just("grant"), st.integers(0, 3), st.integers(1, 3))
doing = st.lists(granting | st.tuples(st.sampled_from(["use", "old", "end"]), st.integers(0, 9)))


@settings(max_examples=200, deadline=None)
@given(doing)
def test_never_more_logins_than_granted(steps: list[tuple[object, ...]]) -> None:
    """Whatever old copies are put back in between, a grant lets in no more often than it says."""
    held, copies, allowed = HELD, [HELD], 0
    for step in steps:
        if step[0] == "grant":
            held = let_in(held, hours=1, uses=int(str(step[2])))
            allowed = int(str(step[2]))
        elif step[0] == "end":
            held = held._replace(state=bypass.ended(held.state))
            allowed = 0
        elif step[0] == "old":
            held = record.join(held, copies[int(str(step[1])) % len(copies)])
        else:
            outcome = spared(held)
            assert bool(outcome) == (allowed > 0)
            held = after(outcome, held) if outcome else held
            allowed -= bool(outcome)
        copies.append(held)
