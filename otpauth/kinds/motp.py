"""Codes of mOTP phones (motp.sourceforge.net): a new one each 10 s, made of a secret and a PIN.

`rule.window` counts steps of 30 s, so three times as many codes are good at a time: of 3 those of
40 s before and 40 s after, which is what TOTP has and what mOTP's own servers allow a typist, 60 s
and a little for the clocks. A phone that is minutes off is found as a TOTP phone is, by two codes;
since nobody types two codes of 10 s in a row, others may lie between them.

The code of such a phone is hexadecimal. Right behind a password nobody could tell where it begins:
it needs a comma before it.
"""

from __future__ import annotations

from otpauth import oath, token
from otpauth.kinds import timed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.answer import Candidate
    from otpauth.kinds import Match
    from otpauth.policy import Rule
    from otpauth.state import State
    from otpauth.token import Token

FOLLOWING = timed.RESYNC_LIFE // oath.MOTP_PERIOD


def match(each: Token, state: State, code: Candidate, *, now: int, rule: Rule) -> Match | None:
    """Compare a code with a mOTP token at `now`, in Unix seconds."""
    if not code.fits(oath.MOTP_LENGTH, oath.MOTP_DIGITS) or code.prefix.endswith(","):
        return None

    def at(step: int) -> str:
        return oath.motp(each.params["secret"], each.params["pin"], step)

    window = token.steps(each, rule.window)
    clock = timed.Clock(each.id, at, oath.MOTP_PERIOD, window, FOLLOWING)
    return timed.match(clock, state, code, now=now, rule=rule)
