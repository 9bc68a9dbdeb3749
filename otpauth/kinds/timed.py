"""Codes of a clock: one a period, each accepted once, phones fast or slow.

The window is some steps wide around where the phone's clock was last seen to be. A step at or below
the last accepted one is refused, so neither a used code nor an older one is ever good again.

Resynchronisation: a code outside of the window, within `rule.resync` seconds, is remembered; if a
code of the same phone follows and the time between the two answers is what it would be, the phone
is accepted and its drift learned (RFC 6238 section 6). Both must be newer than anything accepted,
so recorded codes that were used are worth nothing.
"""

from __future__ import annotations

from otpauth import oath
from otpauth.kinds import ACCEPTED, CLOCK, SKEWED, USED, WRONG, Match
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.answer import Candidate
    from otpauth.policy import Rule
    from otpauth.state import State

RESYNC_LIFE = 600  # seconds within which the second code must come


class Clock(NamedTuple):
    """What codes a token shows: `code` of a step, a new one each `period` seconds.

    `window` is in steps. `following` is by how many steps the second code of a resynchronisation
    may be behind the first.
    """

    id: str
    code: Callable[[int], str]
    period: int
    window: int
    following: int = 1


def match(clock: Clock, state: State, code: Candidate, *, now: int, rule: Rule) -> Match:
    """Compare a code that has the shape of the token's with those of the times around `now`."""
    period, window = clock.period, clock.window
    here = oath.time_step(now, period=period)
    centre = here + state.drifts.get(clock.id, (0, 0))[1]
    first, last = centre - (window - 1) // 2, centre + window // 2
    reach = rule.resync // period
    near = {step for at in (here, centre) for step in range(at - reach, at + reach + 1)}
    steps = _fitting(clock, code, sorted(near.union(range(first, last + 1))))
    accepted = state.steps.get(clock.id, -1)
    fresh = [step for step in steps if step > accepted]
    inside = [step for step in fresh if first <= step <= last]
    wait = max(period - now % period, (accepted - last + 1) * period)
    if inside:
        return Match(ACCEPTED, _advance(clock, state, inside[0]))
    if any(step <= accepted and first <= step <= last for step in steps):
        return Match(CLOCK if accepted > last else USED, state, wait=wait)
    if fresh and rule.resync:
        return _skewed(clock, state, fresh, here=here, now=now)
    return Match(WRONG, state, wait=wait)


def _fitting(clock: Clock, code: Candidate, steps: list[int]) -> list[int]:
    """Return those of the steps with this code; every one is computed."""
    return [step for step in steps if step >= 0 and code.equals(clock.code(step))]


def _advance(clock: Clock, state: State, step: int) -> State:
    return state._replace(steps={**state.steps, clock.id: step})


def _skewed(clock: Clock, state: State, fresh: list[int], *, here: int, now: int) -> Match:
    """Deal with a code that is right for another time: the second such in a row decides."""
    seen_at, seen = state.resyncs.get(clock.id, (0, -1))
    if now - RESYNC_LIFE <= seen_at <= now:
        expected = oath.time_step(seen_at, period=clock.period)
        for step in fresh:
            later = 1 <= step - seen <= clock.following
            if later and abs((step - here) - (seen - expected)) <= 1:
                drifts = {**state.drifts, clock.id: (now, step - here)}
                return Match(ACCEPTED, _advance(clock, state._replace(drifts=drifts), step))
    step = min(fresh, key=lambda each: abs(each - here))
    resyncs = {**state.resyncs, clock.id: (now, step)}
    return Match(SKEWED, state._replace(resyncs=resyncs), off=(step - here) * clock.period)
