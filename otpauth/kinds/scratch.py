"""Scratch codes: each works once. The host keeps keyed hashes and which of them were used."""

from __future__ import annotations

import hmac

from otpauth import token
from otpauth.kinds import ACCEPTED, USED, WRONG, Match

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.seal import Fingerprints
    from otpauth.state import State
    from otpauth.token import Token


def fits(code: str) -> bool:
    """Say whether an answer has the shape of a scratch code."""
    plain = code.translate(token.LOOK_ALIKES)
    return len(plain) == token.SCRATCH_LENGTH and not plain.strip(token.SCRATCH_ALPHABET)


def match(each: Token, state: State, code: str, *, marks: Fingerprints) -> Match | None:
    """Compare a code with a set of scratch codes; all are compared."""
    if not fits(code):
        return None
    mark = marks.code(each.id, code.translate(token.LOOK_ALIKES))
    hits = [
        place for place, one in enumerate(each.params["codes"]) if hmac.compare_digest(one, mark)
    ]
    if not hits:
        return Match(WRONG, state)
    used, bit = state.used.get(each.id, 0), 1 << hits[0]
    if used & bit:
        return Match(USED, state)
    return Match(ACCEPTED, state._replace(used={**state.used, each.id: used | bit}))
