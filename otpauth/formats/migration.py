"""QR codes of the Google Authenticator app's export: otpauth-migration://offline?data=...

A line each, as text or as zbarimg prints them; big exports span several QR codes of one batch, and
all must be there. The data is base64 of a protocol buffer, read here by hand and bounded: varints
of at most 64 bits, fields that are not known skipped. The app does not say the period: 30 s.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from otpauth import oath
from otpauth.formats import imported
from otpauth.formats.imported import FormatError, Imported, at, decoded
from otpauth.formats.uris import QR_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.formats.imported import Reading

PREFIX = "otpauth-migration://offline?data="
BATCH_MAX = 100  # QR codes
_ALGORITHMS = {0: "SHA1", 1: "SHA1", 2: "SHA256", 3: "SHA512"}  # 4 is MD5
_DIGITS = {0: 6, 1: 6, 2: 8}
_KINDS = {0: "totp", 1: "hotp", 2: "totp"}


class Code(NamedTuple):
    """One QR code: its line, its tokens, and its place in a batch."""

    line: int
    tokens: tuple[bytes, ...]
    size: int
    place: int
    batch: int

    def __repr__(self) -> str:
        return f"Code(line {self.line})"


def parse(data: bytes, reading: Reading) -> list[Imported]:
    """Read all QR codes of one export. Raises FormatError."""
    items: list[Imported] = []
    for code in _whole(_codes(data)):
        for token in code.tokens:
            with at(code.line):
                name = imported.numbered(reading.name, len(items))
                items += _item(token, name, code.line, reading)
    return items


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a protocol buffer message, numbers as unsigned 64 bits.

    Raises FormatError.
    """
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        if key & 7 == 0:
            number, place = _varint(data, place)
            yield key >> 3, number
            continue
        size = {1: 8, 5: 4}.get(key & 7)
        if key & 7 == 2:
            size, place = _varint(data, place)
        if size is None or place + size > len(data):
            raise FormatError("the data of the QR code is cut or changed")
        if key & 7 == 2:
            yield key >> 3, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80 and value < 2**64:
            return value, place
    raise FormatError("the data of the QR code is cut or changed")


def _codes(data: bytes) -> list[Code]:
    codes = []
    for line, text in enumerate(decoded(data).split("\n"), 1):
        plain = text.strip().removeprefix(QR_PREFIX)
        if plain and not plain.startswith("#"):
            with at(line):
                codes.append(_code(plain, line))
    return codes


def _code(text: str, line: int) -> Code:
    if not text.startswith(PREFIX):
        raise FormatError(f"this does not begin with {PREFIX}")
    packed = re.sub(r"\s", "+", unquote(text.removeprefix(PREFIX)))
    try:
        message = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except ValueError:
        raise FormatError("the data of the QR code is not base64") from None
    numbers, tokens = {3: 1, 4: 0, 5: 0}, []
    for key, value in fields(message):
        if key == 1 and isinstance(value, bytes):
            tokens.append(value)
        elif isinstance(value, int):
            numbers[key] = value
    return Code(line, tuple(tokens), numbers[3] or 1, numbers[4], numbers[5])


def _whole(codes: list[Code]) -> list[Code]:
    """Return the codes of a batch in order, or raise FormatError if it is not whole."""
    if not codes:
        raise FormatError("there is no QR code in the file")
    first = codes[0]
    found: dict[int, Code] = {}
    for code in codes:
        if (code.batch, code.size) != (first.batch, first.size):
            raise FormatError("the QR code is of another export", line=code.line)
        if code.place in found and found[code.place].tokens != code.tokens:
            raise FormatError("two QR codes have the same place", line=code.line)
        found.setdefault(code.place, code)
    if first.size > BATCH_MAX or sorted(found) != list(range(first.size)):
        raise FormatError(
            f"the export has {first.size} QR codes, and not each of them is here",
            hint="scan them all, one a line",
        )
    return [found[index] for index in sorted(found)]


def _item(data: bytes, name: str, line: int, reading: Reading) -> list[Imported]:
    """Read one token; nothing if its label is not wanted."""
    numbers: dict[int, int] = {}
    texts: dict[int, bytes] = {}
    for key, value in fields(data):
        if isinstance(value, int):
            numbers[key] = value
        else:
            texts[key] = value
    account, issuer = (texts.get(key, b"").decode("utf-8", "replace") for key in (2, 3))
    called = imported.label(issuer if not account.startswith(f"{issuer}:") else "", account)
    if not imported.wanted(reading, called):
        return []
    counter = numbers.get(7, 0)
    if counter > oath.COUNTER_MAX:
        raise FormatError("the counter is out of range")
    kind = _KINDS.get(numbers.get(6, 0), "")
    draft = imported.one_time(
        kind,
        name,
        texts.get(1, b""),
        algorithm=_ALGORITHMS.get(numbers.get(4, 0), ""),
        digits=_DIGITS.get(numbers.get(5, 0), 0),
        seen=counter if kind == "hotp" else 0,
        note=called,
    )
    return [Imported("", draft, line=line)]
