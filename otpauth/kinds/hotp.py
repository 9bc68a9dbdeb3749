"""Counter-based codes, RFC 4226: look-ahead and resynchronisation, never a bump on failure.

A code is accepted at the next LOOK_AHEAD counters (section 7.4), or fewer if its user wishes. Two
consecutive codes within RESYNC of it bring a device back whose button was pressed too often. A
wrong code leaves the counter alone, so strangers cannot push it away.
"""

from __future__ import annotations

from otpauth import oath
from otpauth.kinds import ACCEPTED, SKEWED, USED, WRONG, Match

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.answer import Candidate
    from otpauth.policy import Rule
    from otpauth.state import State
    from otpauth.token import Token

LOOK_AHEAD = 5  # 766 tries in 30 days (SECURITY.md) shall find a code with less than 0.5 %
RESYNC = 50
LOOK_BACK = 10  # used codes that are told apart from wrong ones
RESYNC_LIFE = 600  # seconds within which the second code must come


def match(token: Token, state: State, code: Candidate, *, now: int, rule: Rule) -> Match | None:
    """Compare a code with a counter-based token."""
    if not code.fits(token.params["digits"]):
        return None
    following = state.counters.get(token.id, 0)
    window = min(LOOK_AHEAD, rule.wished_window)
    reach = RESYNC if rule.resync else window
    counters = _fitting(token, code, max(following - LOOK_BACK, 0), following + reach)
    ahead = [counter for counter in counters if counter >= following]
    if ahead and ahead[0] < following + window:
        return Match(ACCEPTED, _advance(token, state, ahead[0]))
    if any(counter < following for counter in counters):
        return Match(USED, state)
    if not ahead:
        return Match(WRONG, state)
    seen_at, seen = state.resyncs.get(token.id, (0, -1))
    if now - RESYNC_LIFE <= seen_at <= now and seen + 1 in ahead:
        return Match(ACCEPTED, _advance(token, state, seen + 1))
    resyncs = {**state.resyncs, token.id: (now, ahead[0])}
    return Match(SKEWED, state._replace(resyncs=resyncs))


def _fitting(token: Token, code: Candidate, first: int, end: int) -> list[int]:
    """Return all counters from `first` to before `end` with this code; every one is computed."""
    params = token.params
    secret = bytes.fromhex(params["secret"])
    return [
        counter
        for counter in range(first, end)
        if code.equals(
            oath.hotp(secret, counter, digits=params["digits"], algorithm=params["algorithm"])
        )
    ]


def _advance(token: Token, state: State, counter: int) -> State:
    return state._replace(counters={**state.counters, token.id: counter + 1})
