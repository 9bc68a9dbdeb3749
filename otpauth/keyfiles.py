"""Making, backing up, restoring and rotating the host's keys: what `otpauth-admin` does with them.

Files are written beside and renamed, private ones with mode 0600. A backup is one text, sealed
with a passphrase (scrypt, RFC 7914; ChaCha20-Poly1305, RFC 8439).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from otpauth import home, host, keys, secretfile
from otpauth.errors import FormatError, HostKeyError, RefusedError, SealError, UnsafeFileError
from otpauth.keys import KEY_SIZE, HostKey, PublicKey, RecordKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    from otpauth.host import Host

SCRYPT_LOG_N = 15  # 32 MiB, 0.1 s: a backup may lie anywhere
PASSPHRASE_MIN = 8  # characters
_BEGIN, _END = "-----BEGIN OTPAUTH KEYS-----", "-----END OTPAUTH KEYS-----"
_CONTEXT = b"otpauth keys 1"


def init(place: Host) -> tuple[PublicKey, bool]:
    """Make folders and keys where there are none; return the public key and whether it is new.

    Raises HostKeyError if only some of the keys are there: then a backup is needed, not new keys.
    """
    _folders(place)
    names = ("host.key", "host.pub", "record.key")
    there = [name for name in names if os.path.lexists(place.path(name))]
    if not there:
        host_key, record_key = _new_generation(HostKey(host.machine(), ()), None)
        save(place, host_key, record_key)
        return public_of(host_key), True
    if there == ["host.key", "record.key"]:
        _write(place.path("host.pub"), keys.write_public(public_of(place.host_key())), 0o644)
    elif len(there) != len(names):
        missing = ", ".join(name for name in names if name not in there)
        raise HostKeyError(
            f"{place.etc!r} has only some of its keys, {missing} is missing",
            hint="restore them: otpauth-admin key import FILE",
        )
    place.record_key()
    public = public_of(place.host_key())
    if public != place.public_key():
        raise HostKeyError(f"{place.path('host.pub')!r} is not the public half of host.key")
    return public, False


def rotate(place: Host) -> PublicKey:
    """Add a generation: new keys seal from now on, the old ones still open.

    Each record is sealed anew at its owner's next login.
    """
    host_key, record_key = _new_generation(place.host_key(), place.record_key())
    save(place, host_key, record_key)
    return public_of(host_key)


def public_of(host_key: HostKey) -> PublicKey:
    """Return the public half of the newest host key."""
    (ident, secret), *older = host_key.secrets
    return PublicKey(ident, _public_bytes(secret), tuple(each for each, _ in older))


def save(place: Host, host_key: HostKey, record_key: RecordKey) -> None:
    """Write all three key files. Raises HostKeyError."""
    try:
        _write(place.path("record.key"), keys.write_record(record_key), 0o600)
        _write(place.path("host.key"), keys.write_host(host_key), 0o600)
        _write(place.path("host.pub"), keys.write_public(public_of(host_key)), 0o644)
    except OSError as error:
        raise HostKeyError(f"{place.etc!r} cannot be written: {error.strerror}") from None


def export(place: Host, passphrase: str) -> str:
    """Return all keys as one text that opens with the passphrase. Raises RefusedError."""
    if len(passphrase) < PASSPHRASE_MIN:
        raise RefusedError(f"the passphrase has fewer than {PASSPHRASE_MIN} characters")
    plain = keys.write_host(place.host_key()) + keys.write_record(place.record_key())
    salt = secrets.token_bytes(16)
    sealed = salt + _cipher(passphrase, salt).encrypt(bytes(12), plain, _CONTEXT)
    text = base64.b64encode(sealed).decode("ascii")
    rows = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([_BEGIN, *rows, _END]) + "\n"


def note_export(place: Host) -> None:
    """Note which key was exported last, for the doctor. Where nothing can be noted, never mind."""
    with contextlib.suppress(OSError):
        _write(place.exported, f"{place.record_key().host}\n".encode(), 0o600)


def exported(place: Host) -> str:
    """Return the id of the key that was exported last, or nothing."""
    try:
        return host.trusted(place.exported, place.owner, most=64).decode("ascii").strip()
    except (OSError, UnicodeDecodeError, UnsafeFileError):
        return ""


def restore(place: Host, text: str, passphrase: str, *, force: bool) -> tuple[PublicKey, bool]:
    """Put exported keys in place; return the public key and whether anything changed.

    Raises FormatError, SealError, and RefusedError if records here do not open with them and not
    `force`. Other keys that were there are kept beside, as host.key.ID and record.key.ID.
    """
    host_key, record_key = _opened(text, passphrase)
    _folders(place)
    with contextlib.suppress(HostKeyError):
        if place.host_key() == host_key and place.record_key() == record_key:
            save(place, host_key, record_key)
            note_export(place)
            return public_of(host_key), False
    if not force and _shut_out(place, record_key):
        raise RefusedError(
            "this host has records that are sealed to other keys, and would not open",
            hint="if those users shall enrol again: otpauth-admin key import --force FILE",
        )
    _keep_old(place)
    save(place, host_key._replace(machine=host.machine()), record_key)
    note_export(place)
    return public_of(host_key), True


def _opened(text: str, passphrase: str) -> tuple[HostKey, RecordKey]:
    from cryptography.exceptions import InvalidTag

    body = text.partition(_BEGIN)[2].partition(_END)[0]
    try:
        sealed = base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("this is not what key export wrote") from None
    if len(sealed) < 16 + 16 + 3 * KEY_SIZE:
        raise FormatError("this is not what key export wrote, or a part of it is missing")
    try:
        plain = _cipher(passphrase, sealed[:16]).decrypt(bytes(12), sealed[16:], _CONTEXT)
    except InvalidTag:
        raise SealError("the passphrase is wrong, or the text was changed") from None
    cut = plain.index(b"otpauth record key")
    return keys.read_host(plain[:cut]), keys.read_record(plain[cut:])


def _new_generation(host_key: HostKey, record_key: RecordKey | None) -> tuple[HostKey, RecordKey]:
    secret = secrets.token_bytes(KEY_SIZE)
    ident = keys.key_id(_public_bytes(secret))
    ids = record_key.ids if record_key else secrets.token_bytes(KEY_SIZE)
    older = record_key.generations if record_key else ()
    return (
        host_key._replace(secrets=((ident, secret), *host_key.secrets)),
        RecordKey(ids, (*older, (ident, secrets.token_bytes(KEY_SIZE)))),
    )


def _public_bytes(secret: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def _cipher(passphrase: str, salt: bytes) -> ChaCha20Poly1305:
    """Return a cipher for one message: the key is as random as its salt, so the nonce is zero."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    kdf = Scrypt(salt=salt, length=32, n=2**SCRYPT_LOG_N, r=8, p=1)
    return ChaCha20Poly1305(kdf.derive(passphrase.encode()))


def _folders(place: Host) -> None:
    for path, mode in (
        (place.etc, 0o755),
        (place.var, 0o700),
        (os.path.join(place.var, "users"), 0o700),
        (os.path.join(place.var, "lock"), 0o700),
    ):
        try:
            os.makedirs(path, exist_ok=True)
            os.chown(path, place.owner, -1)
            os.chmod(path, mode)
        except OSError as error:
            raise HostKeyError(f"{path!r} cannot be made: {error.strerror}") from None


def _shut_out(place: Host, record_key: RecordKey) -> bool:
    """Say whether a record lies here that these keys do not open, as far as its header tells."""
    folder = os.path.join(place.var, "users")
    names = [name for name in os.listdir(folder) if not name.startswith((".", "=aside-"))]
    return any(not _opens(os.path.join(folder, name), place, record_key) for name in names)


def _opens(path: str, place: Host, record_key: RecordKey) -> bool:
    try:
        data = host.trusted(path, place.owner, most=secretfile.SIZE_MAX, private=True)
        return all(record_key.owns(each.host) for each in secretfile.parse(data).records)
    except (OSError, UnsafeFileError, FormatError):
        return False


def _keep_old(place: Host) -> None:
    try:
        ident = place.public_key().id
    except HostKeyError:
        ident = "old"
    for name in ("host.key", "record.key"):
        with contextlib.suppress(FileNotFoundError):
            os.rename(place.path(name), place.path(f"{name}.{ident}"))


def _write(path: str, data: bytes, mode: int) -> None:
    before = os.umask(0o777 & ~mode)
    try:
        home.write(path, data, temporary=f"{path}.new")
        os.chmod(path, mode)
    finally:
        os.umask(before)
