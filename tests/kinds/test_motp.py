"""mOTP tokens: the window in steps of ten seconds, PINs, and phones that are off."""

from __future__ import annotations

import pytest

from otpauth import answer, oath, token
from otpauth.answer import Candidate
from otpauth.kinds import ACCEPTED, CLOCK, SKEWED, USED, WRONG, Match, motp
from otpauth.state import State
from tests import samples
from tests.samples import NOW, RULE, motp_at

(TOKEN,) = samples.account(samples.motp_draft()).ordered()
NOTHING = State()
STEP = NOW // 10


def match(code: str, held: State = NOTHING, *, now: int = NOW, **rule: int) -> Match:
    """Compare a code, with some keys of the rule set."""
    found = motp.match(TOKEN, held, Candidate(code), now=now, rule=RULE._replace(**rule))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("window", "low", "high"), [(1, -1, 1), (2, -2, 3), (3, -4, 4), (4, -5, 6), (21, -31, 31)]
)
def test_window(window: int, low: int, high: int) -> None:
    """A window of n steps of 30 seconds takes three times as many codes of 10 seconds."""
    accepted = [
        step
        for step in range(-40, 41)
        if match(motp_at(NOW + 10 * step), window=window, resync=0).result == ACCEPTED
    ]
    assert accepted == list(range(low, high + 1))
    assert len(accepted) == 3 * window


def test_a_code_lives_as_long_as_a_totp_code() -> None:
    """By the default rule a code is good from 40 seconds before its time until 40 after it."""
    code = motp_at(NOW)
    good = [
        second
        for second in range(-120, 121)
        if match(code, now=NOW + second, resync=0).result == ACCEPTED
    ]
    assert (good[0], good[-1], len(good)) == (-40, 49, 90)


def test_used_once() -> None:
    """A code is accepted once, and none that is older after it."""
    held = match(motp_at(NOW)).state
    assert held.steps == {TOKEN.id: STEP}
    assert match(motp_at(NOW), held).result == USED
    assert match(motp_at(NOW - 10), held).result == USED
    assert match(motp_at(NOW + 10), held, now=NOW + 5).result == ACCEPTED


def test_pin_counts() -> None:
    """A phone with another PIN shows other codes, and those are wrong."""
    assert match(motp_at(NOW, pin="1235")).result == WRONG
    assert match(motp_at(NOW, pin="12345")).result == WRONG


@pytest.mark.parametrize("code", ["", "a1b2c", "a1b2c3d", "a1b2g3", "A1B2C3", "\u0661" * 6])
def test_shape(code: str) -> None:
    """What is not six hexadecimal digits in small letters is not compared."""
    assert motp.match(TOKEN, State(), Candidate(code), now=NOW, rule=RULE) is None


def test_typed_in_capitals() -> None:
    """What is typed in capitals and with blanks is the same code."""
    code = next(each for n in range(99) if not (each := motp_at(NOW + 10 * n)).isdigit())
    when = next(NOW + 10 * n for n in range(99) if motp_at(NOW + 10 * n) == code)
    typed = f"{code[:3].upper()} {code[3:].upper()}\n"
    assert match(answer.code(typed), now=when).result == ACCEPTED


def test_comma() -> None:
    """A candidate before which a comma is left has not the shape; the one without it has."""
    when = next(NOW + 10 * n for n in range(999) if motp_at(NOW + 10 * n).isdigit())
    tails = answer.tails(f"hunter2,{motp_at(when)}", bare=False)
    found = [each for each in tails if motp.match(TOKEN, NOTHING, each, now=when, rule=RULE)]
    assert [(each.code, each.prefix) for each in found] == [(motp_at(when), "hunter2")]


@pytest.mark.parametrize("off", [-600, -300, 60, 590])
@pytest.mark.parametrize("later", [10, 30, 200, 600])
def test_resync(off: int, later: int) -> None:
    """Two codes of a phone up to ten minutes off, typed when it shows them, are believed."""
    first = match(motp_at(NOW + off))
    assert (first.result, first.off) == (SKEWED, off)
    second = match(motp_at(NOW + later + off), first.state, now=NOW + later)
    assert second.result == ACCEPTED
    assert second.state.drifts[TOKEN.id] == (NOW + later, off // 10)
    third = match(motp_at(NOW + 900 + off), second.state, now=NOW + 900)
    assert third.result == ACCEPTED


def test_resync_refused() -> None:
    """No other two codes are: the same, an older one, one at another pace, one too late."""
    first = match(motp_at(NOW + 300)).state
    for code_of, now in ((300, 20), (290, 20), (330, 5), (300, 40), (910, 610)):
        assert match(motp_at(NOW + code_of), first, now=NOW + now).result == SKEWED


def test_clock_went_back() -> None:
    """With the host's clock behind the last accepted code, a right code is refused by a reason."""
    assert match(motp_at(NOW), State(steps={TOKEN.id: STEP + 10**6})).result == CLOCK


def test_start_of_time() -> None:
    """Near the epoch no step is negative."""
    code = oath.motp(samples.MOTP_SECRET, "1234", 0)
    assert match(code, now=0).state.steps == {TOKEN.id: 0}


def test_steps() -> None:
    """A window of steps is threefold for mOTP and what it is for TOTP."""
    assert token.steps(TOKEN, 3) == 9
    assert token.steps(samples.a_token(), 3) == 3
    assert token.period(TOKEN) == 10
