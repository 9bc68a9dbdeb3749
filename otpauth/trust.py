"""What a trusted client hands on instead of a code: proof that it is who it says, too.

A webmail that shares a secret with this host sends HMAC-SHA-256(secret, code), or where the rule
says md5, MD5(secret code), both in hexadecimal. What it sends is compared at its own service alone;
a session that it began is its group's, as any other. The code that was typed is worth nothing then.
The code itself is accepted as everywhere.
"""

from __future__ import annotations

from otpauth.answer import Candidate, code
from otpauth.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.login import Typed
    from otpauth.policy import Rule

LENGTHS = {"sha256": 64, "md5": 32}  # hexadecimal digits
_HEX = "0123456789abcdef"


def handed_on(typed: Typed, rule: Rule) -> str:
    """Return what looks as if a trusted client made it, empty if nothing does."""
    whole = (Candidate(code(typed)),) if isinstance(typed, str) else typed or ()
    length = LENGTHS[rule.trust]
    codes = (each.code for each in whole)
    return next((each for each in codes if len(each) == length and not each.strip(_HEX)), "")


def candidate(text: str, rule: Rule, secrets: dict[str, str]) -> Candidate:
    """Return what a client handed on, as it is compared. Raises ConfigError without its secret."""
    secret = secrets.get(rule.client_secret)
    if not secret:
        raise ConfigError(f"client_secret: /etc/otpauth/secrets has no {rule.client_secret!r}")
    return Candidate(text, form=form(rule.trust, secret), trusted=True)


def form(trust: str, secret: str) -> Callable[[str], str]:
    """Return what makes of a code what a client with this secret hands on."""
    key = secret.encode()

    def sha256(text: str) -> str:
        import hmac

        return hmac.digest(key, text.encode(), "sha256").hex()

    def md5(text: str) -> str:
        import hashlib

        return hashlib.md5(key + text.encode(), usedforsecurity=False).hexdigest()

    return md5 if trust == "md5" else sha256
