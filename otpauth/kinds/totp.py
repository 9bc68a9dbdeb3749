"""Time-based codes, RFC 6238: one code a period, each accepted once, phones fast or slow.

The window is `rule.window` steps wide (3: the step before, this one, the next), around where the
phone's clock was last seen to be. A step at or below the last accepted one is refused, so neither
a used code nor an older one is ever good again.

Resynchronisation: a code outside of the window, within `rule.resync` seconds, is remembered; if
the very next code of the same phone follows and the time between the two answers is what it would
be, the phone is accepted and its drift learned (RFC 6238 section 6). Both must be newer than
anything accepted, so recorded codes that were used are worth nothing.
"""

from __future__ import annotations

from otpauth import oath
from otpauth.kinds import ACCEPTED, CLOCK, SKEWED, USED, WRONG, Match

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.answer import Candidate
    from otpauth.policy import Rule
    from otpauth.state import State
    from otpauth.token import Token

RESYNC_LIFE = 600  # seconds within which the second code must come


def match(token: Token, state: State, code: Candidate, *, now: int, rule: Rule) -> Match | None:
    """Compare a code with a time-based token at `now`, in Unix seconds."""
    if not code.fits(token.params["digits"]):
        return None
    period = token.params["period"]
    here = oath.time_step(now, period=period)
    centre = here + state.drifts.get(token.id, (0, 0))[1]
    first, last = centre - (rule.window - 1) // 2, centre + rule.window // 2
    reach = rule.resync // period
    near = {step for at in (here, centre) for step in range(at - reach, at + reach + 1)}
    steps = _fitting(token, code, sorted(near.union(range(first, last + 1))))
    accepted = state.steps.get(token.id, -1)
    fresh = [step for step in steps if step > accepted]
    inside = [step for step in fresh if first <= step <= last]
    wait = max(period - now % period, (accepted - last + 1) * period)
    if inside:
        return Match(ACCEPTED, _advance(token, state, inside[0]))
    if any(step <= accepted and first <= step <= last for step in steps):
        return Match(CLOCK if accepted > last else USED, state, wait=wait)
    if fresh and rule.resync:
        return _skewed(token, state, fresh, here=here, now=now)
    return Match(WRONG, state, wait=wait)


def _fitting(token: Token, code: Candidate, steps: list[int]) -> list[int]:
    """Return those of the steps with this code; every one is computed."""
    params = token.params
    secret = bytes.fromhex(params["secret"])
    return [
        step
        for step in steps
        if step >= 0
        and code.equals(
            oath.hotp(secret, step, digits=params["digits"], algorithm=params["algorithm"])
        )
    ]


def _advance(token: Token, state: State, step: int) -> State:
    return state._replace(steps={**state.steps, token.id: step})


def _skewed(token: Token, state: State, fresh: list[int], *, here: int, now: int) -> Match:
    """Deal with a code that is right for another time: the second such in a row decides."""
    period = token.params["period"]
    seen_at, seen = state.resyncs.get(token.id, (0, -1))
    if now - RESYNC_LIFE <= seen_at <= now:
        expected = oath.time_step(seen_at, period=period)
        for step in fresh:
            if step == seen + 1 and abs((step - here) - (seen - expected)) <= 1:
                drifts = {**state.drifts, token.id: (now, step - here)}
                return Match(ACCEPTED, _advance(token, state._replace(drifts=drifts), step))
    step = min(fresh, key=lambda each: abs(each - here))
    resyncs = {**state.resyncs, token.id: (now, step)}
    return Match(SKEWED, state._replace(resyncs=resyncs), off=(step - here) * period)
