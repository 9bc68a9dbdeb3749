"""~/.otpw of OTPW 1.5: a list of passwords on paper, of each its number and 72 bits of RIPEMD-160.

A line of hyphens is a used password. After `OTPW1` and comments a line says how many entries there
are, and the lengths of a number, a hash and a password. The file does not say how passwords were
made, so their bits are the fewest that otpw-gen makes of that length. kinds.paper compares them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from otpauth import token
from otpauth.formats.imported import FormatError, Imported, at, decoded
from otpauth.kinds import paper
from otpauth.token import Draft

if TYPE_CHECKING:
    from otpauth.formats.imported import Reading

NAME = "paper"  # of the list
_HASH = 12  # characters
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijk%mnopqrstuvwxyz:=23456789+/"
_WORDS_FROM = 12  # characters from which a password may be made of words, 11 bits in 4 letters


def parse(data: bytes, _: Reading) -> list[Imported]:
    """Read the list; of more passwords than a list may have, those asked for first.

    Raises FormatError.
    """
    lines = decoded(data).split("\n")
    count, length, start = _head(lines)
    rows = [line for line in lines[start:] if line]
    if len(rows) != count:
        raise FormatError(f"there are {len(rows)} entries, and it says {count}: it was cut short")
    found: dict[str, str] = {}
    for place, row in enumerate(rows):
        code = _code(row, line=start + place + 1)
        found.setdefault(code[: token.NUMBER_SIZE], code)  # over 1000 they begin anew
    codes = [code for code in found.values() if code]
    if not codes:
        raise FormatError("every password of the list is used", hint="otpauth add list")
    if not paper.digest("A" * length, form="otpw", length=length):
        raise FormatError(
            "this host's OpenSSL has no RIPEMD-160, so no password could be compared",
            hint="print a new list: otpauth add list",
        )
    notes = ["who reads the file can try out passwords: remove it once the list is in use"]
    if len(codes) > token.LIST_MAX:
        notes.append(f"of {len(codes)} passwords the first {token.LIST_MAX} in the file are taken")
    params = {
        "bits": _bits(length),
        "codes": sorted(codes[: token.LIST_MAX]),
        "form": "otpw",
        "length": length,
    }
    checked = token.check_params("list", params, hashed=False)
    return [Imported("", Draft("list", NAME, checked), notes=tuple(notes))]


def _head(lines: list[str]) -> tuple[int, int, int]:
    """Return how many entries there are, how long a password is, and the first entry's place."""
    if lines[0] != "OTPW1":
        raise FormatError("the first line is not OTPW1", line=1)
    place = next((n for n, line in enumerate(lines) if n and line[:1] != "#"), 0)
    with at(place + 1):
        found = re.fullmatch(r"([0-9]{1,4}) ([0-9]) ([0-9]{1,2}) ([0-9]{1,2})", lines[place])
        if not found:
            raise FormatError("that is not the line of four numbers that follows OTPW1")
        count, number, hashed, length = (int(each) for each in found.groups())
        low, high = token.LIST_LENGTH
        if (number, hashed) != (token.NUMBER_SIZE, _HASH) or not low <= length <= high:
            raise FormatError("its numbers, hashes or passwords have lengths that otpw-gen has not")
    return count, length, place + 1


def _code(row: str, *, line: int) -> str:
    """Return one entry's number and hash in hex, nothing for a used one."""
    size = token.NUMBER_SIZE
    if row == "-" * (size + _HASH):
        return ""
    number, hashed = row[:size], row[size:]
    if not re.fullmatch("[0-9]{3}", number) or len(hashed) != _HASH or hashed.strip(_ALPHABET):
        raise FormatError("that is no entry: a number and a hash, or hyphens", line=line)
    value = 0
    for letter in hashed:
        value = value << 6 | _ALPHABET.index(letter)
    return paper.code(int(number), value.to_bytes(token.DIGEST_SIZE, "big").hex())


def _bits(length: int) -> int:
    least = length * 11 // 4 if length >= _WORDS_FROM else length * 5
    return min(least, token.LIST_BITS[1])
