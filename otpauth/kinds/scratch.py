"""Scratch codes: each works once. The host keeps keyed hashes and which of them were used."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from otpauth.kinds import ACCEPTED, USED, WRONG, Match

if TYPE_CHECKING:
    from otpauth.seal import Fingerprints
    from otpauth.state import State
    from otpauth.token import Token

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # 5 bits each, no i l o u
LENGTH = 8
_LOOK_ALIKES = str.maketrans("ilo", "110")


def fits(code: str) -> bool:
    """Say whether an answer has the shape of a scratch code."""
    return len(code) == LENGTH and not code.translate(_LOOK_ALIKES).strip(ALPHABET)


def match(token: Token, state: State, code: str, *, marks: Fingerprints) -> Match | None:
    """Compare a code with a set of scratch codes; all are compared."""
    if not fits(code):
        return None
    mark = marks.code(token.id, code.translate(_LOOK_ALIKES))
    hits = [
        place for place, each in enumerate(token.params["codes"]) if hmac.compare_digest(each, mark)
    ]
    if not hits:
        return Match(WRONG, state)
    used, bit = state.used.get(token.id, 0), 1 << hits[0]
    if used & bit:
        return Match(USED, state)
    return Match(ACCEPTED, state._replace(used={**state.used, token.id: used | bit}))


def left(token: Token, state: State) -> int:
    """Return how many codes of a set have not been used."""
    return len(token.params["codes"]) - state.used.get(token.id, 0).bit_count()
