"""Wishes: a user may be stricter than the host, never laxer, and never locks himself out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import canonical, limits, wishes
from otpauth.policy import Rule
from otpauth.wishes import Wishes
from tests import samples
from tests.samples import NOW, PERIOD, RULE, code_at, code_of

windows = st.integers(1, wishes.WINDOW_MAX)
rules = st.builds(
    Rule, window=windows, rate_limit=st.tuples(st.integers(1, 100), st.integers(1, 3600))
)
HELD = samples.account(samples.totp_draft(), samples.hotp_draft())


@settings(max_examples=200, deadline=None)
@given(rules, samples.wishes, st.lists(st.integers(0, 4000), max_size=12))
def test_never_laxer(rule: Rule, wished: Wishes, ages: list[int]) -> None:
    """Whatever is wished, no more codes fit and no wait is shorter than by the host's rule."""
    found = wishes.effective(rule, wished)
    assert found.window <= rule.window
    state = HELD.state
    for age in ages:
        state = limits.charge(state, "*", f"{age:08x}", now=NOW - age, ident=samples.fresh_id())
    assert limits.wait(state, "*", found, NOW) >= limits.wait(state, "*", rule, NOW)
    kept = {"window", "wished_window", "wished_limit"}
    assert found._asdict().items() - rule._asdict().items() <= {
        (key, value) for key, value in found._asdict().items() if key in kept
    }


@settings(max_examples=100, deadline=None)
@given(rules, samples.wishes)
def test_never_locks_out(rule: Rule, wished: Wishes) -> None:
    """Whatever is wished, the code of now is accepted, and so is the next counter's."""
    held = HELD._replace(wishes=wished)
    assert samples.decide(held, code_at(NOW), rule=rule).verdict == "accept"
    assert samples.decide(held, code_of(0), rule=rule).verdict == "accept"


def test_none_changes_nothing() -> None:
    """Without wishes the host's rule holds as it is, and nothing is told."""
    assert wishes.effective(RULE, wishes.NONE) == RULE
    assert wishes.told(RULE, wishes.NONE) == []


@pytest.mark.parametrize(("window", "wished", "fits"), [(3, 1, 1), (3, 17, 3), (17, 3, 3)])
def test_window(window: int, wished: int, fits: int) -> None:
    """Of the host's window and the wished one the narrower decides which codes are accepted."""
    held = HELD._replace(wishes=Wishes(window=wished))
    rule = RULE._replace(window=window, resync=0)
    verdicts = [
        samples.decide(held, code_at(NOW + steps * PERIOD), rule=rule).verdict
        for steps in range(-9, 10)
    ]
    assert verdicts.count("accept") == fits


@pytest.mark.parametrize("resync", [0, 600])
def test_look_ahead(resync: int) -> None:
    """A wished window is also how many counters ahead a counter-based code is accepted at once."""
    rule = RULE._replace(resync=resync)
    for window, ahead, fine in ((1, 0, True), (1, 1, False), (2, 1, True), (21, 5, False)):
        held = HELD._replace(wishes=Wishes(window=window))
        assert (samples.decide(held, code_of(ahead), rule=rule).verdict == "accept") == fine


def test_no_resync_around_a_wish() -> None:
    """Where the host has no resync, two codes beyond a wished window are two wrong ones."""
    held = HELD._replace(wishes=Wishes(window=1))
    rule = RULE._replace(resync=0)
    for ahead in (2, 3):
        outcome = samples.decide(held, code_of(ahead), rule=rule)
        assert outcome.verdict == "refuse"
        held = samples.after(outcome, held)


def test_limit() -> None:
    """A wished limit holds besides the host's: after one wrong answer nothing for ten minutes."""
    held = HELD._replace(wishes=Wishes(rate_limit=(1, 600)))
    wrong = samples.wrong_code(0, now=NOW, drafts=(samples.SECRET, samples.OTHER_SECRET))
    held = samples.after(samples.decide(held, wrong), held)
    later = NOW + 590
    assert samples.decide(held, code_at(later), now=later).reason == "AUTH_RATE_LIMITED"
    later = NOW + 600
    assert samples.decide(held, code_at(later), now=later).verdict == "accept"


def test_no_limit_and_reuse_change_nothing() -> None:
    """Without a limit is not to be had, and a code works once, whatever is wished."""
    held = HELD._replace(wishes=Wishes(unlimited=True, reuse=True))
    used = samples.after(samples.decide(held, code_at(NOW)), held)
    assert samples.decide(used, code_at(NOW)).reason == "AUTH_OTP_ALREADY_USED"
    for number in range(3):
        wrong = samples.wrong_code(number, now=NOW, drafts=(samples.SECRET, samples.OTHER_SECRET))
        used = samples.after(samples.decide(used, wrong, place="192.0.2.99"), used)
    refused = samples.decide(used, code_of(0), place="192.0.2.99")
    assert refused.reason == "AUTH_RATE_LIMITED"


@pytest.mark.parametrize(
    ("wished", "line"),
    [
        (Wishes(window=1), "window 1"),
        (Wishes(window=3), "window 3"),
        (Wishes(window=17), "window 3, the host's rule; wished 17"),
        (Wishes(rate_limit=(3, 30)), "rate_limit 3/30s"),
        (Wishes(rate_limit=(1, 60)), "rate_limit 1/60s"),
        (Wishes(rate_limit=(10, 15)), "rate_limit 3/30s, the host's rule; wished 10/15s"),
        (Wishes(rate_limit=(5, 600)), "rate_limit 5/600s, and the host's 3/30s"),
        (Wishes(unlimited=True), "rate_limit 3/30s, the host's rule; wished none"),
        (Wishes(reuse=True), "each code works once; wished reuse"),
    ],
)
def test_told(wished: Wishes, line: str) -> None:
    """What is in force is told, and where the host's rule stands above the wish."""
    assert wishes.told(RULE, wished) == [line]


@settings(max_examples=100, deadline=None)
@given(samples.wishes, samples.wishes, samples.wishes)
def test_join(one: Wishes, two: Wishes, three: Wishes) -> None:
    """Copies of wishes merge to the latest, whatever the order, and nothing is mixed."""
    both = wishes.join(one, two)
    assert both == wishes.join(two, one)
    assert both in (one, two)
    assert wishes.join(both, three) == wishes.join(one, wishes.join(two, three))


@settings(max_examples=100, deadline=None)
@given(samples.wishes)
def test_round_trip(wished: Wishes) -> None:
    """Wishes that are written are read, as the same wishes."""
    data = canonical.dumps(wishes.value(wished))
    assert wishes.read(canonical.loads(data, limit=1000)) == wished
