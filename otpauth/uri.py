"""Provisioning URIs, as authenticator apps scan them: otpauth://totp/ISSUER:ACCOUNT?secret=...

Google's Key-Uri-Format; pyotp writes them, and is an oracle of the tests in reading them. Those of
mOTP are motp://SITE:USER?secret=HEX, and otpauth://motp/ with the same secret, as andOTP writes
them; neither has the PIN. Only the setup tool and imports come here, never a login.
"""

from __future__ import annotations

import base64
import binascii
import re
import urllib.parse
from typing import Any, NamedTuple

from otpauth import oath, token
from otpauth.errors import FormatError
from otpauth.token import Draft

URI_MAX = 2048  # characters
MOTP = "motp://"
PARAMETERS = ("secret", "issuer", "algorithm", "digits", "period", "counter", "encoder")


class Read(NamedTuple):
    """What a URI says: a token with its secret, and what the app would call it."""

    draft: Draft
    issuer: str
    account: str

    def __repr__(self) -> str:
        return f"Read({self.draft!r})"


def build(draft: Draft, *, issuer: str, account: str) -> str:
    """Return the URI of a token, with every parameter that is not the default; without a PIN."""
    params = draft.params
    if draft.kind == "motp":
        site, user = (urllib.parse.quote(each, safe="") for each in (issuer or account, account))
        return f"{MOTP}{site}:{user}?secret={params['secret']}"
    from pyotp.utils import build_uri

    return str(
        build_uri(
            base32(bytes.fromhex(params["secret"])),
            account,
            initial_count=draft.seen if draft.kind == "hotp" else None,
            issuer=issuer or None,
            algorithm=params["algorithm"].lower(),
            digits=params["digits"],
            period=params.get("period"),
        )
    )


def parse(text: str, *, name: str) -> Read:
    """Read a URI into a draft with that token name; a mOTP token then lacks its PIN.

    Raises FormatError, which quotes nothing.

    pyotp is not asked: it refuses the 80-bit secrets that google-authenticator made for years, and
    periods over two minutes, which some hardware tokens have.
    """
    text = text.strip()
    if len(text) > URI_MAX or not text.startswith(("otpauth://", MOTP)):
        raise FormatError("this is no otpauth:// URI")
    text = text.replace(MOTP, "otpauth://motp/", 1) if text.startswith(MOTP) else text
    try:
        parts = urllib.parse.urlsplit(text)
        pairs = urllib.parse.parse_qsl(parts.query, keep_blank_values=True, max_num_fields=32)
        label = urllib.parse.unquote(parts.path.removeprefix("/"), errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise FormatError("the URI is not one that an authenticator app would read") from None
    known = [(key, value) for key, value in pairs if key in PARAMETERS]
    if len(dict(known)) != len(known):
        raise FormatError("the URI has a parameter twice")
    given = dict(known)
    prefix, colon, account = label.partition(":")
    issuer = prefix if colon else given.get("issuer", "")
    return Read(_draft(parts.netloc, given, name), issuer, (account if colon else label).strip())


def _draft(kind: str, given: dict[str, str], name: str) -> Draft:
    if kind not in token.ONE_TIME or "encoder" in given:
        raise FormatError("the URI is not of a TOTP, HOTP or mOTP token")
    if "secret" not in given or (kind == "hotp" and "counter" not in given):
        raise FormatError("the URI lacks its secret or its counter")
    if kind == "motp":
        return Draft(kind, name, {"secret": motp_secret(given["secret"]), "pin": ""})
    params: dict[str, Any] = {
        "secret": from_base32(given["secret"]).hex(),
        "algorithm": given.get("algorithm", "SHA1").upper(),
        "digits": _number(given.get("digits", "6")),
    }
    if kind == "totp":
        params["period"] = _number(given.get("period", "30"))
    seen = _number(given["counter"]) if kind == "hotp" else 0
    return Draft(kind, name, token.check_params(kind, params, hashed=False), seen=seen)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10) or int(text) > oath.COUNTER_MAX:
        raise FormatError("the URI has a number that is none or is out of range")
    return int(text)


def key(draft: Draft) -> str:
    """Return a secret as an app shows it and takes it: base32, of mOTP its digits."""
    secret: str = draft.params["secret"]
    return secret if draft.kind == "motp" else base32(bytes.fromhex(secret))


def motp_secret(text: str) -> str:
    """Read an init-secret as people write it: in groups, in capitals. Raises FormatError."""
    plain = re.sub(r"[\s-]", "", text).lower()
    low, high = oath.MOTP_SECRET_MIN, oath.MOTP_SECRET_MAX
    if not low <= len(plain) <= high or plain.strip(oath.MOTP_DIGITS):
        raise FormatError(f"an init-secret has {low} to {high} digits, 0 to 9 and a to f")
    return plain


def base32(secret: bytes) -> str:
    """Return a secret in base32, upper case, without padding. RFC 4648 section 6."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def from_base32(text: str, least: int = oath.SECRET_MIN) -> bytes:
    """Read a base32 secret as people write it: in groups, in small letters, with padding or not.

    It has at least so many bytes. Raises FormatError.
    """
    plain = re.sub(r"[\s-]", "", text).upper().rstrip("=")
    try:
        secret = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except (binascii.Error, ValueError):
        raise FormatError("the secret is not base32") from None
    if not least <= len(secret) <= oath.SECRET_MAX:
        raise FormatError(f"the secret has {len(secret)} bytes, not {least} to {oath.SECRET_MAX}")
    return secret


def groups(text: str, size: int = 4) -> list[str]:
    """Cut a text into groups for reading aloud or typing."""
    return [text[start : start + size] for start in range(0, len(text), size)]
