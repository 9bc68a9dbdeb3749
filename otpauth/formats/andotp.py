"""Backups of andOTP: a JSON array, plain or encrypted with a password.

Encrypted (.json.aes): iterations (32 bits, big endian), 12 bytes of salt, 12 of IV, AES-256-GCM
with a key of PBKDF2-HMAC-SHA1; before 0.6.3 just the IV first, and the key SHA-256 of the password.
Nothing marks either: both are tried. STEAM entries are refused, and MOTP entries, of which there is
no PIN in the backup: choose others with `only`.
`line` is the number of the entry.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from otpauth import oath
from otpauth.formats import imported
from otpauth.formats.imported import FormatError, Imported, PassphraseError, loaded, member

if TYPE_CHECKING:
    from otpauth.formats.imported import Reading
    from otpauth.token import Draft

SALT = IV = 12  # bytes
TAG = 16  # bytes


def parse(data: bytes, reading: Reading) -> list[Imported]:
    """Read a backup. Raises FormatError, PassphraseError."""
    plain = data if data.lstrip().startswith(b"[") else _decrypted(data, reading)
    entries = loaded(plain)
    if not isinstance(entries, list):
        raise FormatError("the backup is no array of entries")
    return imported.listed(entries, reading, "label", _draft)


def _draft(entry: Any, name: str, called: str) -> Draft:
    kind = member(entry, "type", str, "TOTP").lower()
    if kind == "motp":
        text = imported.base32(member(entry, "secret", str), oath.MOTP_SECRET_MIN).decode(
            "ascii", "replace"
        )
        return imported.motp(name, text, "", note=called)
    return imported.one_time(
        kind,
        name,
        imported.base32(member(entry, "secret", str)),
        algorithm=member(entry, "algorithm", str, "SHA1"),
        digits=member(entry, "digits", int, 6),
        period=member(entry, "period", int, 30),
        seen=member(entry, "counter", int) if kind == "hotp" else 0,
        note=called,
    )


def _decrypted(data: bytes, reading: Reading) -> bytes:
    if len(data) < IV + TAG:
        raise FormatError("the backup is neither JSON nor long enough to be encrypted")
    if reading.passphrase is None:
        raise PassphraseError("the backup is encrypted, or no backup", hint="give its password")
    password = reading.passphrase.encode()
    rounds = int.from_bytes(data[:4], "big")
    plain = None
    if 1000 <= rounds <= imported.ITERATIONS_MAX:
        salt, rest = data[4 : 4 + SALT], data[4 + SALT :]
        plain = _opened(hashlib.pbkdf2_hmac("sha1", password, salt, rounds, 32), rest)
    if plain is None:
        plain = _opened(hashlib.sha256(password).digest(), data)
    if plain is None:
        raise PassphraseError("the password is wrong, or this is no backup of andOTP")
    return plain


def _opened(key: bytes, data: bytes) -> bytes | None:
    """Open IV and AES-256-GCM; None if it does not open with that key."""
    if len(data) < IV + TAG:
        return None
    return imported.opened(key, data[:IV], data[IV:])
