"""The host's keys as text: what is in host.key, host.pub and record.key.

`host.key` is an X25519 pair: proposals are sealed to it. Its id is the first 32 bits of SHA-256 of
the public key, written like 7F3A-91C2. `record.key` seals records and makes token ids; a file of
its own, so that a login loads only what it needs. Both keep what a rotation retires. The formats
are described in otpauth(5).
"""

from __future__ import annotations

import binascii

from otpauth import canonical
from otpauth.errors import FormatError
from otpauth.value import NamedTuple

KEY_SIZE = 32  # bytes, of every key here
GENERATIONS_MAX = 64
_HOST, _PUBLIC, _RECORD = "otpauth host key 1", "otpauth public key 1", "otpauth record key 1"


class PublicKey(NamedTuple):
    """The public half that users' tools seal proposals to, and the ids of those before it."""

    id: str
    key: bytes
    retired: tuple[str, ...] = ()


class HostKey(NamedTuple):
    """The X25519 private keys, newest first; `machine` is a hash of the machine id, or -."""

    machine: str
    secrets: tuple[tuple[str, bytes], ...]

    def __repr__(self) -> str:
        return f"HostKey({[ident for ident, _ in self.secrets]})"


class RecordKey(NamedTuple):
    """What seals records: `ids` makes token ids and code hashes and never changes.

    `generations` are (host key id, key), oldest first; the generation's number is its place,
    counted from 1.
    """

    ids: bytes
    generations: tuple[tuple[str, bytes], ...]

    def __repr__(self) -> str:
        return f"RecordKey({[ident for ident, _ in self.generations]})"

    @property
    def newest(self) -> int:
        """The number of the generation that seals now."""
        return len(self.generations)

    @property
    def host(self) -> str:
        """The host key id of the newest generation."""
        return self.generations[-1][0]

    def owns(self, ident: str) -> bool:
        """Say whether a host key id is one of this host's, of whatever generation."""
        return any(ident == each for each, _ in self.generations)


def key_id(public: bytes) -> str:
    """Return the id of an X25519 public key."""
    import hashlib

    digest = hashlib.sha256(public).hexdigest()[:8].upper()
    return f"{digest[:4]}-{digest[4:]}"


def is_id(text: str) -> bool:
    """Say whether a text is written like the id of a host key."""
    digits = text[:4] + text[5:]
    return len(text) == 9 and text[4] == "-" and not digits.strip("0123456789ABCDEF")


def write_public(public: PublicKey) -> bytes:
    """Return the text of host.pub."""
    retired = [f"retired {ident}" for ident in public.retired]
    return _text([_PUBLIC, f"x25519 {public.id} {_encoded(public.key)}", *retired])


def read_public(data: bytes) -> PublicKey:
    """Read host.pub. Raises FormatError."""
    first, *rows = _rows(data, _PUBLIC, most=1 + GENERATIONS_MAX)
    ident, key = _named_key(first, "x25519")
    retired = [row.removeprefix("retired ") for row in rows if row.startswith("retired ")]
    if len(retired) != len(rows) or not all(is_id(each) for each in retired):
        raise FormatError("the public key file has a line that is no 'retired' line")
    return PublicKey(ident, key, tuple(retired))


def write_host(host: HostKey) -> bytes:
    """Return the text of host.key."""
    rows = [f"x25519 {ident} {_encoded(key)}" for ident, key in host.secrets]
    return _text([_HOST, f"machine {host.machine}", *rows])


def read_host(data: bytes) -> HostKey:
    """Read host.key. Raises FormatError."""
    machine, *rows = _rows(data, _HOST, most=1 + GENERATIONS_MAX)
    word, _, ident = machine.partition(" ")
    if word != "machine" or not rows:
        raise FormatError("the host key file lacks its machine line or its key")
    if ident != "-":
        canonical.hexadecimal(ident, size=8)
    return HostKey(ident, tuple(_named_key(row, "x25519") for row in rows))


def write_record(record: RecordKey) -> bytes:
    """Return the text of record.key."""
    rows = [f"generation {ident} {_encoded(key)}" for ident, key in record.generations]
    return _text([_RECORD, f"ids {record.host} {_encoded(record.ids)}", *rows])


def read_record(data: bytes) -> RecordKey:
    """Read record.key. Raises FormatError."""
    first, *rows = _rows(data, _RECORD, most=1 + GENERATIONS_MAX)
    if not rows:
        raise FormatError("the record key file has no generation")
    _, ids = _named_key(first, "ids")
    return RecordKey(ids, tuple(_named_key(row, "generation") for row in rows))


def _text(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("ascii")


def _rows(data: bytes, title: str, *, most: int) -> list[str]:
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise FormatError("a key file is not ASCII text") from None
    if lines[0] != title or lines[-1] != "" or not 2 < len(lines) <= 2 + most:
        raise FormatError(f"a key file does not hold what its first line should say, {title!r}")
    return lines[1:-1]


def _encoded(key: bytes) -> str:
    return binascii.b2a_base64(key, newline=False).decode("ascii")


def _named_key(row: str, word: str) -> tuple[str, bytes]:
    parts = row.split(" ")
    if len(parts) != 3 or parts[0] != word or not is_id(parts[1]):
        raise FormatError(f"a key file has a line that is no {word!r} line")
    try:
        key = binascii.a2b_base64(parts[2], strict_mode=True)
    except (binascii.Error, ValueError):
        raise FormatError("a key file has a key that is not base64") from None
    if len(key) != KEY_SIZE or _encoded(key) != parts[2]:
        raise FormatError("a key file has a key of another length than it should")
    return parts[1], key
