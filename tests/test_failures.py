"""The lock: what counts towards it, whom it keeps out, and what opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import changes, failures, limits, login, record, state
from otpauth.policy import ALWAYS
from otpauth.state import STRANGERS, State
from tests import samples
from tests.samples import ADDRESS, NOW, after, code_at, decide, wrong_code

if TYPE_CHECKING:
    from otpauth.policy import Rule
    from otpauth.record import Record

HELD = samples.account(samples.totp_draft(), samples.scratch_draft())
EASY = samples.RULE._replace(rate_limit=(100, 30))  # so that the back-off alone is in the way
HOUR = EASY._replace(lock=(5, 3600))
ADMIN = EASY._replace(lock=(5, 0))
KNOWN = HELD._replace(state=State(known={ADDRESS: NOW - 60}))
ATTACKER = "198.51.100.9"


def failed(
    times: int,
    held: Record = HELD,
    *,
    rule: Rule = HOUR,
    now: int = NOW,
    place: str = ATTACKER,
) -> Record:
    """Return the record after so many different wrong answers, one a second."""
    for number in range(times):
        wrong = wrong_code(number, now=NOW)
        held = after(decide(held, wrong, now=now + number, rule=rule, place=place), held)
    return held


@pytest.mark.parametrize("typed", [code_at(NOW + 60), samples.SCRATCH_CODES[0], "000000", None])
def test_locked_user_is_refused(typed: str | None) -> None:
    """At the fifth wrong answer even right codes are refused; nothing is compared or written."""
    open_, locked = failed(4), failed(5)
    assert decide(open_, code_at(NOW + 60), now=NOW + 60, rule=HOUR).verdict == "accept"
    outcome = decide(locked, typed, now=NOW + 60, rule=HOUR)
    assert (outcome.verdict, outcome.reason) == ("refuse", "AUTH_USER_LOCKED")
    assert outcome.record is None


def test_opens_by_itself() -> None:
    """An hour after the last counted failure the user may log in, and is counted from nothing."""
    held, last = failed(5), NOW + 4
    assert failures.locked(held.state, last + 3599) == {"": last + 3600}
    assert failures.locked(held.state, last + 3600) == {}
    held = failed(4, held, now=last + 3600)
    assert failures.locked(held.state, last + 3700) == {}
    late = last + 3800
    assert decide(held, code_at(late), now=late, rule=HOUR).verdict == "accept"


def test_admin_opens() -> None:
    """A lock without an end lasts until the administrator unlocks; no old copy locks again."""
    held = failed(5, rule=ADMIN)
    late = NOW + 10 * 365 * 86400
    assert failures.locked(held.state, late) == {"": ALWAYS}
    mended = changes.unlock(held, NOW + 60)
    assert decide(mended, code_at(NOW + 60), now=NOW + 60, rule=ADMIN).verdict == "accept"
    assert record.join(mended, held) == mended


def test_each_answer_counts_once() -> None:
    """The same wrong answer again, a minute or a day later, is no further failure."""
    held = HELD
    for day in range(20):
        now = NOW + day * 86400
        held = after(decide(held, "999999", now=now, rule=ADMIN), held)
    assert failures.number(held.state, "") == 1
    assert samples.events_of(held) > 1


def test_repeated_guess_is_worth_nothing() -> None:
    """An answer that counts is refused when it comes again, though right by then, like any other.

    So nobody has more guesses by giving one of them for ever. From a known place it is a code.
    """
    late = NOW + 86400
    guess = code_at(late)
    held = after(decide(HELD, guess, rule=ADMIN, place=ATTACKER), HELD)
    again = decide(held, guess, now=late, rule=ADMIN, place=ATTACKER)
    assert (again.verdict, again.reason, again.token) == ("refuse", "AUTH_FAILED", "phone")
    assert failures.number(after(again, held).state, "") == 1
    assert samples.events_of(after(again, held)) == 2
    known = held._replace(state=held.state._replace(known={ADDRESS: NOW}))
    assert decide(known, guess, now=late, rule=ADMIN).verdict == "accept"
    assert (
        decide(held, code_at(late + 30), now=late, rule=ADMIN, place=ATTACKER).verdict == "accept"
    )
    assert decide(held, guess, now=late, rule=EASY, place=ATTACKER).verdict == "accept"


def test_many_groups_hide_no_failure() -> None:
    """Who guesses in turn at more groups than failures are kept is locked in spite of that."""
    held = State()
    for number in range(state.FAILS_MAX):
        rule = HOUR._replace(group=f"g{number % 32}")
        held = state.bounded(failures.counted(held, STRANGERS, f"{number:08x}", rule, NOW))
    assert failures.locked(held, NOW)


def test_failures_that_are_over_hide_none() -> None:
    """What a group's locks left behind crowds out nothing that counts in another."""
    other = HOUR._replace(group="mail")
    held = failures.counted(State(), STRANGERS, "f" * 8, HOUR, NOW)
    for number in range(2 * state.FAILS_MAX):
        now = NOW + 3601 * number
        held = state.bounded(failures.counted(held, STRANGERS, f"{number:08x}", other, now))
    assert failures.number(held, "") == 1


def test_many_locks_open_none() -> None:
    """Who is locked in as many groups as are kept is locked in all: a further one opens none."""
    held = State()
    for number in range(state.LOCKS_MAX):
        rule = ADMIN._replace(lock=(1, 0), group=f"g{number}")
        assert not limits.locked(held, ATTACKER, rule, NOW)
        held = state.bounded(failures.counted(held, STRANGERS, f"{number:08x}", rule, NOW))
    assert limits.locked(held, ATTACKER, ADMIN._replace(group="another"), NOW)


def test_accepted_code_resets() -> None:
    """An accepted one-time code resets the count, in its own group alone, and within a second."""
    mail = HOUR._replace(group="mail")
    held = failed(4, failed(4), rule=mail)
    now = NOW + 30
    held = after(decide(held, code_at(now), now=now, rule=mail, place=ADDRESS), held)
    assert failures.number(held.state, "mail") == 0
    assert failures.number(held.state, "") == 4
    held = after(decide(held, "999999", now=now, rule=mail, place=ATTACKER), held)
    assert failures.number(held.state, "mail") == 1


def test_scratch_code_resets_nothing() -> None:
    """A scratch code is accepted before the lock, and leaves the count alone."""
    held = failed(4)
    outcome = decide(held, samples.SCRATCH_CODES[0], now=NOW + 60, rule=HOUR)
    assert outcome.reason == "AUTH_OK_SCRATCH"
    assert failures.number(after(outcome, held).state, "") == 4


def test_known_place_stays_open() -> None:
    """Who logged in from an address before is neither locked out there nor counted from there."""
    held = failed(5, KNOWN)
    own = failed(5, KNOWN, place=ADDRESS)
    assert not own.state.fails
    late = NOW + 60
    assert decide(held, code_at(late), now=late, rule=ADMIN, place=ATTACKER).verdict == "refuse"
    assert decide(held, code_at(late), now=late, rule=ADMIN, place=ADDRESS).verdict == "accept"


def test_known_place_does_not_unlock() -> None:
    """A code accepted from a known place leaves the lock for all others."""
    held = failed(5, KNOWN, rule=ADMIN)
    late = NOW + 60
    held = after(decide(held, code_at(late), now=late, rule=ADMIN, place=ADDRESS), held)
    outcome = decide(held, code_at(late + 30), now=late + 30, rule=ADMIN, place=ATTACKER)
    assert outcome.reason == "AUTH_USER_LOCKED"


def test_later_reset_goes_before_a_lock() -> None:
    """Of two copies, one locked and one with a later reset, the later counts."""
    locked, reset = State(locked={"": (NOW, ALWAYS)}), State(cleared={"": NOW + 1})
    assert failures.locked(state.join(locked, reset), NOW + 9) == {}
    again = State(locked={"": (NOW + 2, ALWAYS)})
    assert failures.locked(state.join(again, reset), NOW + 9) == {"": ALWAYS}


def test_groups_are_apart() -> None:
    """A user who is locked in one group may log in to another."""
    held = failed(5, rule=HOUR._replace(group="mail"))
    late = NOW + 60
    for group, verdict in (("mail", "refuse"), ("", "accept"), ("imap", "accept")):
        rule = HOUR._replace(group=group)
        assert decide(held, code_at(late), now=late, rule=rule).verdict == verdict


def test_off_writes_nothing() -> None:
    """Without the rule nothing is counted, and what was counted keeps nobody out."""
    held = failed(5, rule=EASY)
    assert (held.state.fails, held.state.locked) == ({}, {})
    late = NOW + 60
    held = after(decide(held, code_at(late), now=late, rule=HOUR), held)
    assert not held.state.cleared
    assert decide(failed(5), code_at(late), now=late, rule=EASY).verdict == "accept"


def test_not_compared_is_not_counted() -> None:
    """Answers that are limited, used, or no codes count nothing."""
    strict = HOUR._replace(rate_limit=(1, 30))
    held = after(decide(HELD, code_at(NOW), rule=strict), HELD)
    for typed in (code_at(NOW), "hunter2", None, "99999"):
        held = after(decide(held, typed, rule=strict), held)
    assert not held.state.fails
    held = failed(1, rule=strict)
    assert decide(held, "999999", rule=strict).reason == "AUTH_RATE_LIMITED"
    assert failures.number(held.state, "") == 1


def test_no_grace_for_the_locked() -> None:
    """No grace period spares a locked user a code."""
    rule = HOUR._replace(grace=86400)
    now = NOW + 100 * 86400  # the place is known no more
    held = after(decide(HELD, code_at(now), now=now, rule=rule, first_factor="publickey"), HELD)
    held = held._replace(state=held.state._replace(known={}))
    asked = samples.request(now + 60, first_factor="publickey")
    assert login.spared(held, asked, rule, marks=samples.MARKS)
    held = failed(5, held, rule=rule, now=now)
    assert not login.spared(held, asked, rule, marks=samples.MARKS)


def test_lock_of_the_future_is_ignored() -> None:
    """What a clock that was ahead locked or reset is no more when the clock is right."""
    future = NOW + 86400
    held = State(
        fails={"/" + "0" * 8: future}, locked={"": (future, ALWAYS)}, cleared={"mail": future}
    )
    assert limits.prune(held, NOW) == State()


def test_wide_lock_still_locks() -> None:
    """A lock at more answers than are kept locks at as many as are kept."""
    held = State()
    for number in range(state.FAILS_MAX):
        held = state.bounded(
            failures.counted(held, STRANGERS, f"{number:08x}", HOUR._replace(lock=(100, 60)), NOW)
        )
    assert held.locked


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), max_size=30))
def test_model(events: list[tuple[int, int]]) -> None:
    """Locked is who gave three different wrong answers since the last lock, reset or unlock."""
    rule, held, seen, until = EASY._replace(lock=(3, 10)), State(), set(), 0
    now = NOW
    for pause, what in events:
        now += pause
        assert ("" in failures.locked(held, now)) == (now < until)
        if now < until:
            continue
        if what == 0:
            held, seen = failures.reset(held, rule, now), set()
            continue
        held = state.bounded(failures.counted(held, STRANGERS, f"{what:08x}", rule, now))
        seen.add(what)
        if len(seen) == 3:
            until, seen = held.locked[""][1], set()
            assert now <= until - 10 <= now + 1 + len(events)
