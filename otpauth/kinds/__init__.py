"""The kinds of token: one file each, with `match()`; imported only if a record holds one.

`match(token, state, candidate, now=, rule=, marks=, numbers=)` compares what was typed with one
token and returns None if its shape cannot fit, else a Match. It is pure: the new state is in the
Match.
"""

from __future__ import annotations

from otpauth.token import SENT
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.answer import Candidate
    from otpauth.policy import Rule
    from otpauth.seal import Fingerprints
    from otpauth.state import State
    from otpauth.token import Token

ACCEPTED = "accepted"
USED = "used"  # right once, never again
CLOCK = "clock"  # of the past, because the host's clock went back
SKEWED = "skewed"  # fits a phone whose clock or counter is far off; its next code decides
WRONG = "wrong"


class Match(NamedTuple):
    """What comparing a code with one token gave.

    `state` holds what follows from it. `off` is how far a skewed phone's clock is ahead, in
    seconds. `wait` is when the token's next code comes, in seconds from now, 0 if any time.
    """

    result: str
    state: State
    off: int = 0
    wait: int = 0


def match(
    token: Token,
    state: State,
    candidate: Candidate,
    *,
    now: int,
    rule: Rule,
    marks: Fingerprints,
    numbers: dict[str, int] | None = None,
) -> Match | None:
    """Compare what was typed with a token of whatever kind; `numbers` are login.Asked's."""
    if token.kind == "list":
        from otpauth.kinds import paper

        return paper.match(token, state, candidate.whole, numbers=numbers, marks=marks)
    if not token.served():
        return None
    if token.kind in SENT:
        from otpauth.kinds import sent

        return sent.match(token, state, candidate, now=now, marks=marks)
    if token.kind == "password":
        from otpauth.kinds import password

        return password.match(token, state, candidate, marks=marks)
    if token.kind == "scratch":
        from otpauth.kinds import scratch

        return scratch.match(token, state, candidate.code, marks=marks)
    return _of_device(token.kind)(token, state, candidate, now=now, rule=rule)


def _of_device(kind: str) -> Callable[..., Match | None]:
    """Return the match() of a kind of token.ONE_TIME."""
    if kind == "totp":
        from otpauth.kinds import totp

        return totp.match
    if kind == "hotp":
        from otpauth.kinds import hotp

        return hotp.match
    from otpauth.kinds import motp

    return motp.match
