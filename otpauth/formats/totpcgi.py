"""Secrets of totpcgi, SECRETS/USER.totp: as google-authenticator's, or encrypted with the PIN.

Line 1 is the secret in base32, or `aes256+hmac256$SALT$DATA`; options as there, but WINDOW_SIZE is
in units of 10 s each way, HOTP_COUNTER alone makes it HOTP, and each line of 8 digits is a scratch
code, which totpcgi ignores beside an encrypted secret. Codes are of 30 s, 6 digits, SHA1.

What was used is in another file, STATE/USER.json, given as `state`: when a code was taken, which a
fast phone may have shown a step early. The PIN itself is not carried.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from otpauth import oath
from otpauth.formats import imported
from otpauth.formats.google_authenticator import Option, options_of, rate_limit
from otpauth.formats.imported import (
    FormatError,
    Imported,
    PassphraseError,
    at,
    decoded,
    loaded,
    member,
    number,
)

if TYPE_CHECKING:
    from otpauth.formats.imported import Reading

MARK = "aes256+hmac256"
_ROUNDS = 2000


class Used(NamedTuple):
    """What the state file says: last used step, next counter (-1: TOTP), used scratch codes."""

    step: int = 0
    counter: int = -1
    codes: frozenset[str] = frozenset()


def parse(data: bytes, reading: Reading) -> list[Imported]:
    """Read a secret and its state. Raises FormatError, PassphraseError."""
    lines = decoded(data).split("\n")
    options = options_of(lines)
    first = lines[0].strip()
    encrypted = first.startswith(MARK)
    with at(1):
        secret = imported.base32(_decrypted(first, reading) if encrypted else first)
    used = _used(reading.state) if reading.state else Used()
    counter = max(_counter(options), used.counter)
    kind, seen = ("hotp", counter) if counter >= 0 else ("totp", used.step)
    draft = imported.one_time(kind, reading.name, secret, seen=seen)
    codes = [line.strip() for line in lines[1:] if re.fullmatch(r"[0-9]{8}", line.strip())]
    notes = []
    if not reading.state:
        notes.append("the state file was not given: all codes up to now are used up")
    if encrypted and codes:
        notes.append("scratch codes beside an encrypted secret never worked and are left out")
    unknown = 0 if reading.state else imported.WINDOW
    item = Imported("", draft, _wishes(options, kind), line=1, notes=tuple(notes), window=unknown)
    good = [code for code in codes if code not in used.codes] if not encrypted else []
    return [item, *imported.spare(good, line=1)] if good else [item]


def _decrypted(text: str, reading: Reading) -> str:
    """Decrypt line 1: PBKDF2, HMAC-SHA256 over IV and AES-256-CBC, then the secret in base32."""
    if reading.passphrase is None:
        raise PassphraseError("the secret is encrypted", line=1, hint="give the user's PIN")
    parts = text.split("$")
    try:
        salt, sealed = (base64.b64decode(part, validate=True) for part in parts[1:])
    except ValueError:
        raise FormatError(f"the secret is not like {MARK}$SALT$DATA") from None
    if parts[0] != MARK or len(sealed) < 64 or len(sealed) % 16:
        raise FormatError("the encrypted secret is of another kind, or cut")
    keys = hashlib.pbkdf2_hmac("sha256", reading.passphrase.encode(), salt, _ROUNDS, 64)
    body, tag = sealed[:-32], sealed[-32:]
    if not hmac.compare_digest(hmac.digest(keys[32:], body, "sha256"), tag):
        raise PassphraseError("the PIN is wrong, or the secret was changed", line=1)
    return _unpadded(keys[:32], body)


def _unpadded(key: bytes, body: bytes) -> str:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    cipher = Cipher(algorithms.AES(key), modes.CBC(body[:16])).decryptor()
    plain = cipher.update(body[16:]) + cipher.finalize()
    if not 1 <= plain[-1] <= 16 or not plain.endswith(plain[-1:] * plain[-1]):
        raise FormatError("the encrypted secret has no padding")
    return plain[: -plain[-1]].decode("latin-1")


def _counter(options: dict[str, Option]) -> int:
    if "HOTP_COUNTER" not in options:
        return -1
    value, line = options["HOTP_COUNTER"]
    with at(line):
        return number(value.strip(), 0, oath.COUNTER_MAX, "HOTP_COUNTER")


def _wishes(options: dict[str, Option], kind: str) -> dict[str, str]:
    wishes = rate_limit(options)
    if "WINDOW_SIZE" in options:
        value, line = options["WINDOW_SIZE"]
        with at(line):
            size = number(value.strip(), 0, 1000, "WINDOW_SIZE")
        each_way = -(-max(size, 3 * bool(size)) * 10 // 30)
        steps = 1 + 2 * each_way if kind == "totp" else 1 + size
        wishes["window"] = imported.window_wish(steps)
    return wishes


def _used(data: bytes) -> Used:
    state = loaded(data)
    seconds = _numbers(state, "success_timestamps")
    codes = member(state, "used_scratch_tokens", list)
    counter = member(state, "counter", int, -1)
    if not -1 <= counter <= oath.COUNTER_MAX:
        raise FormatError("the counter of the state file is out of range")
    texts = frozenset(str(code).zfill(8) for code in codes if isinstance(code, str | int))
    return Used(max((second // 30 + 1 for second in seconds), default=0), counter, texts)


def _numbers(state: Any, key: str) -> list[int]:
    values = member(state, key, list)
    if not all(type(value) is int and 0 <= value < 2**40 for value in values):
        raise FormatError(f"{key!r} of the state file has something that is no time")
    return values  # type: ignore[no-any-return]
