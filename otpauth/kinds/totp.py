"""Time-based codes, RFC 6238: `rule.window` of them are good at a time, see kinds.timed.

Of 3 that is the step before, this one and the next.
"""

from __future__ import annotations

from otpauth import oath
from otpauth.kinds import timed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.answer import Candidate
    from otpauth.kinds import Match
    from otpauth.policy import Rule
    from otpauth.state import State
    from otpauth.token import Token


def match(token: Token, state: State, code: Candidate, *, now: int, rule: Rule) -> Match | None:
    """Compare a code with a time-based token at `now`, in Unix seconds."""
    params = token.params
    if not code.fits(params["digits"]):
        return None
    secret = bytes.fromhex(params["secret"])

    def at(step: int) -> str:
        return oath.hotp(secret, step, digits=params["digits"], algorithm=params["algorithm"])

    clock = timed.Clock(token.id, at, params["period"], rule.window)
    return timed.match(clock, state, code, now=now, rule=rule)
