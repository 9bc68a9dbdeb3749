"""Time-based tokens: windows, phones that are off, used codes, clocks that go back."""

from __future__ import annotations

import pytest

from otpauth import oath, policy
from otpauth.answer import Candidate
from otpauth.kinds import ACCEPTED, CLOCK, SKEWED, USED, WRONG, Match, totp
from otpauth.state import State
from tests import samples
from tests.samples import NOW, PERIOD, RULE, STEP

TOKEN = samples.a_token()
NOTHING = State()


def match(code: str, held: State = NOTHING, *, now: int = NOW, **rule: int) -> Match:
    """Compare a code, with some keys of the rule set."""
    found = totp.match(TOKEN, held, Candidate(code), now=now, rule=RULE._replace(**rule))
    assert found is not None
    return found


def phone(offset: int, *, now: int = NOW) -> str:
    """Return what a phone shows that is so many steps fast."""
    return oath.hotp(samples.SECRET, now // PERIOD + offset)


EDGES = {1: (0, 0), 2: (0, 1), 3: (-1, 1), 4: (-1, 2), 5: (-2, 2), 6: (-2, 3)}


@pytest.mark.parametrize("window", EDGES)
def test_window(window: int) -> None:
    """A window of n steps takes exactly the n codes around now, the later half being larger."""
    low, high = EDGES[window]
    accepted = [
        offset for offset in range(-8, 9) if match(phone(offset), window=window).result == ACCEPTED
    ]
    assert accepted == list(range(low, high + 1))
    assert (low, high) == (-((window - 1) // 2), window // 2)


@pytest.mark.parametrize("second", [0, 1, 15, 29])
def test_any_second_of_a_period(second: int) -> None:
    """It is the period that counts, not the second in it."""
    for offset in (-1, 0, 1):
        found = match(phone(offset), now=NOW + second)
        assert found.state.steps == {TOKEN.id: STEP + offset}
    assert match(phone(-2), now=NOW + second).result != ACCEPTED
    assert match(phone(2), now=NOW + second).result != ACCEPTED


def test_used_code() -> None:
    """A code that was accepted is used for as long as it is in the window."""
    held = match(phone(0)).state
    for later in (0, 29, 30, 59):
        assert match(phone(0), held, now=NOW + later).result == USED
    assert match(phone(0), held, now=NOW + 60).result != ACCEPTED


def test_older_after_newer() -> None:
    """After a code the one before it is refused, though it was never typed."""
    held = match(phone(1)).state
    assert match(phone(0), held).result == USED
    assert match(phone(-1), held).result == USED
    assert match(phone(2), held, now=NOW + PERIOD).result == ACCEPTED


def test_wait_for_the_next_code() -> None:
    """A used code's answer says in how many seconds a new one will be taken."""
    held = match(phone(0), now=NOW + 18).state
    assert match(phone(0), held, now=NOW + 18).wait == 12
    assert match(phone(1), held, now=NOW + 30).result == ACCEPTED


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "abcdef", "12345678"])
def test_shape(code: str) -> None:
    """What has another shape than this token's codes is not compared."""
    assert totp.match(TOKEN, State(), Candidate(code), now=NOW, rule=RULE) is None


@pytest.mark.parametrize("code", ["\u0661\u0662\u0663\u0664\u0665\u0666", "\u00b2" * 6])
def test_digits_of_other_scripts(code: str) -> None:
    """Six digits that are not ASCII are not compared, and do no harm."""
    assert totp.match(TOKEN, State(), Candidate(code), now=NOW, rule=RULE) is None


@pytest.mark.parametrize("offset", [-20, -5, -2, 2, 3, 19, 20])
def test_resync(offset: int) -> None:
    """Two consecutive codes of a phone up to ten minutes off are accepted, and its drift kept."""
    first = match(phone(offset))
    assert (first.result, first.off) == (SKEWED, offset * PERIOD)
    assert first.state.steps == {}
    later = NOW + PERIOD
    second = match(phone(offset, now=later), first.state, now=later)
    assert second.result == ACCEPTED
    assert second.state.steps == {TOKEN.id: STEP + offset + 1}
    assert second.state.drifts[TOKEN.id] == (later, offset)
    third = match(phone(offset, now=NOW + 300), second.state, now=NOW + 300)
    assert third.result == ACCEPTED
    assert match(phone(offset + 2, now=NOW + 600), third.state, now=NOW + 600).result != ACCEPTED


def test_resync_within_one_period() -> None:
    """The two codes may be typed in one period of the host, if the phone's changed meanwhile."""
    first = match(phone(7), now=NOW)
    second = match(phone(8), first.state, now=NOW + 20)
    assert second.result == ACCEPTED


@pytest.mark.parametrize("offset", [-21, 21, 40, -1000])
def test_resync_too_far(offset: int) -> None:
    """A phone that is more than ten minutes off is not believed."""
    first = match(phone(offset))
    assert first.result == WRONG
    later = NOW + PERIOD
    assert match(phone(offset, now=later), first.state, now=later).result == WRONG


def test_resync_refused() -> None:
    """Neither the same code twice, nor a gap, nor the older code second is a resync."""
    first = match(phone(9))
    for offset in (9, 11, 8):
        assert match(phone(offset), first.state, now=NOW + 5).result == SKEWED
    skipped = match(phone(9, now=NOW + 60), first.state, now=NOW + 60)
    assert skipped.result == SKEWED
    assert match(phone(10), first.state, now=NOW + 5).result == ACCEPTED


@pytest.mark.parametrize("later", [3 * PERIOD, 5 * PERIOD, 600, 601, 86400])
def test_resync_at_another_pace(later: int) -> None:
    """Two consecutive codes typed further apart than the phone makes them are no resync."""
    first = match(phone(-15))
    code = oath.hotp(samples.SECRET, STEP - 14)
    assert match(code, first.state, now=NOW + later).result != ACCEPTED


def test_resync_before_the_first() -> None:
    """A first code from the future of a clock that went back is no first code."""
    first = match(phone(9))
    assert match(phone(10), first.state, now=NOW - 1).result == SKEWED
    later = match(phone(9), now=NOW + 20)
    assert match(phone(10), later.state, now=NOW + 5).result == SKEWED


def test_resync_too_late() -> None:
    """The second code must come within ten minutes, however long the token's period is."""
    slow = TOKEN._replace(params=samples.totp_params(period=300))
    rule = RULE._replace(resync=policy.RESYNC_MAX)
    codes = [oath.hotp(samples.SECRET, NOW // 300 + offset) for offset in (10, 11)]
    first = totp.match(slow, NOTHING, Candidate(codes[0]), now=NOW, rule=rule)
    assert first
    for later, result in ((600, ACCEPTED), (601, SKEWED)):
        found = totp.match(slow, first.state, Candidate(codes[1]), now=NOW + later, rule=rule)
        assert found
        assert found.result == result


def test_resync_replayed() -> None:
    """Two codes that were used, or are older than one that was, are worth nothing."""
    held = State(steps={TOKEN.id: STEP - 5})
    for offset in (-9, -8, -7, -6, -5):
        held = match(phone(offset), held).state
        found = match(phone(offset), held)
        assert found.result == WRONG
        assert found.state.resyncs == {}
    after = match(phone(-4), held)
    assert match(phone(-3), after.state, now=NOW + 30).result == ACCEPTED
    again = match(phone(-4), match(phone(-3), after.state, now=NOW + 30).state, now=NOW + 60)
    assert again.result == WRONG


@pytest.mark.parametrize("offset", [-5, 2, 3, 20])
def test_resync_off(offset: int) -> None:
    """With `resync = no` a code outside of the window is wrong, and nothing is kept of it."""
    found = match(phone(offset), resync=0)
    assert found.result == WRONG
    assert found.state == State()


def test_resync_off_after_a_drift() -> None:
    """With `resync = no` the drift learned before holds, and no other is learned."""
    held = State(drifts={TOKEN.id: (NOW - 9999, 5)})
    assert match(phone(5), held, resync=0).result == ACCEPTED
    first = match(phone(0), held, resync=0)
    assert match(phone(1), first.state, now=NOW + 30, resync=0).result == WRONG


def test_clock_went_back() -> None:
    """With the host's clock behind the last accepted code, right codes are refused by a reason."""
    held = State(steps={TOKEN.id: STEP + 10 * 365 * 2880})
    found = match(phone(0), held)
    assert found.result == CLOCK
    assert found.state == held
    assert match(samples.wrong_code(0, now=NOW), held).result == WRONG


def test_one_period_back_is_used() -> None:
    """A clock corrected by less than the window gives "used", not an alarm."""
    held = match(phone(0), now=NOW).state
    assert match(phone(0), held, now=NOW - PERIOD).result == USED


def test_start_of_time() -> None:
    """Near the epoch no step is negative."""
    assert match(oath.hotp(samples.SECRET, 0), now=0).state.steps == {TOKEN.id: 0}


@pytest.mark.parametrize("digits", oath.DIGITS)
@pytest.mark.parametrize("period", [5, 60, 300])
def test_other_params(digits: int, period: int) -> None:
    """Length and period are the token's own."""
    params = samples.totp_params(digits=digits, period=period, algorithm="SHA512")
    each = TOKEN._replace(params=params)
    code = oath.hotp(samples.SECRET, NOW // period, digits=digits, algorithm="SHA512")
    found = totp.match(each, State(), Candidate(code), now=NOW, rule=RULE)
    assert found
    assert found.result == ACCEPTED


def test_resync_is_bounded_with_any_drift() -> None:
    """Codes in a row from days away are no way in, however far the phone was said to be off."""
    held = NOTHING._replace(drifts={TOKEN.id: (NOW, 20_000)})
    for offset in (12_000, 12_001):
        found = match(phone(offset), held)
        assert found.result == WRONG
        held = found.state
    assert match(phone(20_000), held).result == ACCEPTED
