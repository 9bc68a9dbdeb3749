"""Counter-based tokens: look-ahead, resynchronisation, no bump on failure."""

from __future__ import annotations

import pytest

from otpauth.answer import Candidate
from otpauth.kinds import ACCEPTED, SKEWED, USED, WRONG, Match, hotp
from otpauth.state import State
from tests import samples
from tests.samples import NOW, RULE, code_of

TOKEN = samples.a_token(kind="hotp", params=samples.hotp_params())
HELD = State(counters={TOKEN.id: 100})


def match(code: str, held: State = HELD, *, now: int = NOW, resync: int = 600) -> Match:
    """Compare a code."""
    found = hotp.match(TOKEN, held, Candidate(code), now=now, rule=RULE._replace(resync=resync))
    assert found is not None
    return found


def test_look_ahead() -> None:
    """Exactly the next LOOK_AHEAD codes are accepted, and move the counter past themselves."""
    for ahead in range(hotp.LOOK_AHEAD):
        found = match(code_of(100 + ahead))
        assert found.result == ACCEPTED
        assert found.state.counters == {TOKEN.id: 101 + ahead}
    assert match(code_of(100 + hotp.LOOK_AHEAD)).result == SKEWED


def test_used() -> None:
    """A code at or below the counter is used, a skipped one too."""
    held = match(code_of(104)).state
    for counter in range(105 - hotp.LOOK_BACK, 105):
        assert match(code_of(counter), held).result == USED
    assert match(code_of(104 - hotp.LOOK_BACK), held).result == WRONG
    assert match(code_of(105), held).result == ACCEPTED


@pytest.mark.parametrize("held", [HELD, State()])
def test_no_bump(held: State) -> None:
    """Wrong codes, however many, leave the counter alone."""
    state = held
    for number in range(100):
        found = match(samples.wrong_code(number, now=0, drafts=()), state)
        if found.result == WRONG:
            state = found.state
    assert state.counters == held.counters


@pytest.mark.parametrize("ahead", [10, 30, 48])
def test_resync(ahead: int) -> None:
    """Two consecutive codes further ahead are accepted."""
    first = match(code_of(100 + ahead))
    assert first.result == SKEWED
    assert first.state.counters == HELD.counters
    second = match(code_of(101 + ahead), first.state, now=NOW + 600)
    assert second.result == ACCEPTED
    assert second.state.counters == {TOKEN.id: 102 + ahead}


def test_resync_refused() -> None:
    """Neither the same code twice, nor a gap, nor the earlier one second, nor too late."""
    first = match(code_of(120))
    for counter in (120, 122, 119):
        assert match(code_of(counter), first.state, now=NOW + 1).result == SKEWED
    assert match(code_of(121), first.state, now=NOW + 601).result == SKEWED
    assert match(code_of(121), first.state, now=NOW - 1).result == SKEWED
    assert match(code_of(121), first.state, now=NOW + 600).result == ACCEPTED


def test_resync_too_far() -> None:
    """A code fifty or more ahead is wrong."""
    assert match(code_of(149)).result == SKEWED
    assert match(code_of(150)).result == WRONG


def test_resync_off() -> None:
    """With `resync = no` what is beyond the look-ahead is wrong, and nothing is kept of it."""
    found = match(code_of(110), resync=0)
    assert found.result == WRONG
    assert found.state == HELD


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "\u0661" * 6])
def test_shape(code: str) -> None:
    """What has another shape than this token's codes is not compared."""
    assert hotp.match(TOKEN, HELD, Candidate(code), now=NOW, rule=RULE) is None


def test_first_code() -> None:
    """A new token begins at counter 0 of RFC 4226."""
    assert match(code_of(0), State()).state.counters == {TOKEN.id: 1}
