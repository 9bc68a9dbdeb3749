"""App passwords: generated, for programs that can be given nothing but a password.

The host keeps a keyed hash, and where its owner wants wifi the NT hash besides. One is good again
and again, therefore only for the services that it is limited to, and being right it proves nothing
about a person: nothing is used up, forgiven or made known by it.
"""

from __future__ import annotations

import hmac

from otpauth import token
from otpauth.kinds import ACCEPTED, WRONG, Match

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.answer import Candidate
    from otpauth.seal import Fingerprints
    from otpauth.state import State
    from otpauth.token import Token


def match(each: Token, state: State, code: Candidate, *, marks: Fingerprints) -> Match | None:
    """Compare an answer with an app password; the state stays what it is."""
    if code.ntlm and each.params["nt"]:
        return Match(ACCEPTED if code.equals_hashed(each.params["nt"]) else WRONG, state)
    typed = code.code.translate(token.LOOK_ALIKES)
    if code.form is not None or not token.is_password(typed):
        return None
    right = hmac.compare_digest(each.params["codes"][0], marks.code(each.id, typed))
    return Match(ACCEPTED if right else WRONG, state)
