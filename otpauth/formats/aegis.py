"""Vaults of Aegis, version 1: JSON, plain or encrypted with a password.

Encrypted: each password slot holds the master key under AES-256-GCM with a key of scrypt; the
database is under AES-256-GCM with the master key. The parameters of scrypt come from the file and
are bounded. Other slots (raw, biometric) are left alone. A motp entry has the bytes of its secret,
which mOTP hashes as text, and its PIN. Entries of the kinds steam and yandex are refused: choose
others with `only`. `line` is the number of the entry.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from otpauth import oath
from otpauth.formats import imported
from otpauth.formats.imported import FormatError, Imported, PassphraseError, loaded, member

if TYPE_CHECKING:
    from otpauth.formats.imported import Reading
    from otpauth.token import Draft

PASSWORD_SLOT = 1
SLOTS_MAX = 8
MEMORY_MAX = 128 * 2**20  # bytes for scrypt; Aegis takes 32 MiB
WORK_MAX = 2**20  # N r p; Aegis takes 2^18


def parse(data: bytes, reading: Reading) -> list[Imported]:
    """Read a vault. Raises FormatError, PassphraseError."""
    vault = loaded(data)
    if member(vault, "version", int) != 1:
        raise FormatError("the vault is of another version than 1", hint="export it again")
    header = member(vault, "header", dict)
    plain = not header.get("slots") and isinstance(vault.get("db"), dict)
    database = vault["db"] if plain else _decrypted(vault, header, reading)
    if not 1 <= member(database, "version", int) <= 3:
        raise FormatError("the database in the vault is of a version that is not known")
    return imported.listed(member(database, "entries", list), reading, "name", _draft)


def _draft(entry: Any, name: str, called: str) -> Draft:
    info, kind = member(entry, "info", dict), member(entry, "type", str)
    if kind == "motp":
        secret = imported.base32(member(info, "secret", str), oath.MOTP_SECRET_MIN // 2).hex()
        return imported.motp(name, secret, member(info, "pin", str, ""), note=called)
    return imported.one_time(
        kind,
        name,
        imported.base32(member(info, "secret", str)),
        algorithm=member(info, "algo", str, "SHA1"),
        digits=member(info, "digits", int, 6),
        period=member(info, "period", int, 30),
        seen=member(info, "counter", int) if kind == "hotp" else 0,
        note=called,
    )


def _decrypted(vault: Any, header: Any, reading: Reading) -> Any:
    slots = [
        slot
        for slot in member(header, "slots", list)
        if isinstance(slot, dict) and slot.get("type") == PASSWORD_SLOT
    ]
    if not 0 < len(slots) <= SLOTS_MAX:
        raise FormatError("the vault has no slot for a password, or too many")
    if reading.passphrase is None:
        raise PassphraseError("the vault is encrypted", hint="give its password")
    sealed = _base64(member(vault, "db", str))
    for slot in slots:
        master = _opened(_key(slot, reading.passphrase), slot, "key_params", _hex(slot, "key"))
        if master is not None:
            break
    else:
        raise PassphraseError("the password is wrong, or the vault was changed")
    plain = _opened(master, header, "params", sealed)
    if plain is None:
        raise FormatError("the vault was changed")
    return loaded(plain)


def _key(slot: Any, passphrase: str) -> bytes:
    """Derive a slot's key, within bounds."""
    n, r, p = (member(slot, key, int) for key in "nrp")
    power = n > 1 and not n & (n - 1)
    if not power or r < 1 or p < 1 or n * r * p > WORK_MAX or p > 16:
        raise FormatError("the vault asks for more work than is reasonable")
    salt = _hex(slot, "salt")
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=n, r=r, p=p, maxmem=2 * MEMORY_MAX, dklen=32
    )


def _opened(key: bytes, where: Any, params: str, sealed: bytes) -> bytes | None:
    """Open AES-256-GCM; None if it does not open with that key."""
    held = member(where, params, dict)
    nonce, tag = _hex(held, "nonce"), _hex(held, "tag")
    if len(nonce) != 12 or len(tag) != 16 or len(key) != 32:
        raise FormatError("the vault has a key, nonce or tag of the wrong length")
    return imported.opened(key, nonce, sealed + tag)


def _hex(where: Any, key: str) -> bytes:
    try:
        return bytes.fromhex(member(where, key, str))
    except ValueError:
        raise FormatError(f"{key!r} is not hexadecimal") from None


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise FormatError("the database is not base64") from None
