"""Provisioning URIs, as authenticator apps scan them: otpauth://totp/ISSUER:ACCOUNT?secret=...

Google's Key-Uri-Format; pyotp reads and writes them, the bounds are ours. Only the setup tool and
imports come here, never a login.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, NamedTuple

from otpauth import oath, token
from otpauth.errors import FormatError
from otpauth.token import Draft

URI_MAX = 2048  # characters


class Read(NamedTuple):
    """What a URI says: a token with its secret, and what the app would call it."""

    draft: Draft
    issuer: str
    account: str

    def __repr__(self) -> str:
        return f"Read({self.draft!r})"


def build(draft: Draft, *, issuer: str, account: str) -> str:
    """Return the URI of a TOTP or HOTP token, with every parameter that is not the default."""
    import pyotp

    params = draft.params
    secret = base32(bytes.fromhex(params["secret"]))
    options: dict[str, Any] = {"digits": params["digits"], "digest": _digest(params["algorithm"])}
    one: Any = (
        pyotp.HOTP(secret, initial_count=draft.seen, **options)
        if draft.kind == "hotp"
        else pyotp.TOTP(secret, interval=params["period"], **options)
    )
    return str(one.provisioning_uri(name=account, issuer_name=issuer or None))


def parse(text: str, *, name: str) -> Read:
    """Read a URI into a draft with that token name. Raises FormatError, which quotes nothing."""
    import pyotp

    text = text.strip()
    if len(text) > URI_MAX or not text.startswith("otpauth://"):
        raise FormatError("this is no otpauth:// URI")
    try:
        one: Any = pyotp.parse_uri(text)
        kind = {"TOTP": "totp", "HOTP": "hotp"}[type(one).__name__]
        counter = one.initial_count if kind == "hotp" else 0
        period = one.interval if kind == "totp" else 0
        algorithm = one.digest().name.upper()
        secret, digits, issuer, account = one.secret, one.digits, one.issuer, one.name
    except Exception:  # noqa: BLE001 -- pyotp raises many kinds, with the secret in some texts
        raise FormatError("the URI is not one that an authenticator app would read") from None
    params = {"secret": from_base32(secret).hex(), "algorithm": algorithm, "digits": digits}
    if kind == "totp":
        params["period"] = period
    if not 0 <= counter <= oath.COUNTER_MAX:
        raise FormatError("the URI's counter is out of range")
    draft = Draft(kind, name, token.check_params(kind, params, hashed=False), seen=counter)
    return Read(draft, issuer or "", account or "")


def base32(secret: bytes) -> str:
    """Return a secret in base32, upper case, without padding. RFC 4648 section 6."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def from_base32(text: str) -> bytes:
    """Read a base32 secret as people write it: in groups, in small letters, with padding or not.

    Raises FormatError.
    """
    plain = re.sub(r"[\s-]", "", text).upper().rstrip("=")
    try:
        secret = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except (binascii.Error, ValueError):
        raise FormatError("the secret is not base32") from None
    if not oath.SECRET_MIN <= len(secret) <= oath.SECRET_MAX:
        raise FormatError(
            f"the secret has {len(secret)} bytes, not {oath.SECRET_MIN} to {oath.SECRET_MAX}"
        )
    return secret


def groups(text: str, size: int = 4) -> list[str]:
    """Cut a text into groups for reading aloud or typing."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def _digest(algorithm: str) -> Any:
    import hashlib

    return getattr(hashlib, algorithm.lower())
