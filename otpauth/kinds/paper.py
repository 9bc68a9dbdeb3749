"""Lists on paper: numbered passwords, each good once, and only when it is asked for by number.

A list may have a prefix that its owner knows by heart and types before each password, so that the
paper alone is worth nothing. The host keeps a keyed hash of a digest of both together, beside the
password's number.

Of our own lists blanks, dashes and capitals do not matter, in the prefix neither, nor in base32 and
digits whether one reads a letter or the digit that looks like it. Those of `form` otpw were printed
by otpw-gen of OTPW 1.5: the password is read from the end of what was typed, as its conv_base64
does, what stands before it counts as it is, and the digest is RIPEMD-160's.
"""

from __future__ import annotations

import hmac

from otpauth import answer, token
from otpauth.kinds import ACCEPTED, USED, WRONG, Match

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.seal import Fingerprints
    from otpauth.state import State
    from otpauth.token import Token

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
ALPHABETS = {"base32": token.SCRATCH_ALPHABET, "digits": "0123456789", "words": _LETTERS}
_OTPW = _LETTERS + _LETTERS.upper() + "0123456789+/%:="
_OTPW_ALIKES = str.maketrans("l1|0\\", "IIIO/")
_RUBOUT = "\b\x7f"


def match(
    each: Token, state: State, typed: str, *, numbers: dict[str, int] | None, marks: Fingerprints
) -> Match | None:
    """Compare an answer with the password of the number that was asked for.

    `numbers` are those that were asked for, by the id of their list. None: nobody asked, and the
    number stands in front of the password. That of an asked one may, too.
    """
    named = answer.numbered(typed)
    number = named[0] if numbers is None and named else (numbers or {}).get(each.id, -1)
    place = _places(each).get(number)
    if place is None:
        return None
    texts = [typed] if numbers else []
    texts += [named[1]] if named and named[0] == number else []
    marked = [
        marks.code(each.id, made)
        for text in texts
        if (
            made := code(
                number, digest(text, form=each.params["form"], length=each.params["length"])
            )
        )
    ]
    if not marked:
        return None
    used, bit = state.used.get(each.id, 0), 1 << place
    known = each.params["codes"][place][token.NUMBER_SIZE :]
    if not [True for mark in marked if hmac.compare_digest(known, mark)]:
        return Match(WRONG, state)
    if used & bit:
        return Match(USED, state)
    return Match(ACCEPTED, state._replace(used={**state.used, each.id: used | bit}))


def order(each: Token, state: State) -> tuple[int, ...]:
    """Return the numbers that are left, in the order to ask for them: that of their hashes."""
    used, codes = state.used.get(each.id, 0), each.params["codes"]
    rest = [text for place, text in enumerate(codes) if not used >> place & 1]
    rest.sort(key=lambda text: text[token.NUMBER_SIZE :])
    return tuple(int(text[: token.NUMBER_SIZE]) for text in rest)


def code(number: int, made: str) -> str:
    """Return a password's digest behind its number, as a draft has it; nothing without digest."""
    return f"{number:0{token.NUMBER_SIZE}}{made}" if made else ""


def digest(text: str, *, form: str, length: int) -> str:
    """Return the digest of a prefix and the password behind it: 72 bits, hex.

    Nothing, if the text does not end in as many characters as such a password has.
    """
    if form == "otpw":
        return _otpw(text, length)
    typed = plain(text, form)
    tail = typed[-length:]
    if len(tail) < length or tail.strip(ALPHABETS[form]):
        return ""
    made = hmac.digest(b"otpauth list", typed.encode("utf-8", "surrogatepass"), "sha256")
    return made[: token.DIGEST_SIZE].hex()


def plain(text: str, form: str) -> str:
    """Return what was typed in the one form in which it counts."""
    if not text.isascii():
        import unicodedata

        text = unicodedata.normalize("NFKC", text).replace("\u2010", "-").replace("\u2013", "-")
    text = "".join(text.split()).replace("-", "").lower()
    return text if form == "words" else text.translate(token.LOOK_ALIKES)


def _otpw(text: str, length: int) -> str:
    """Return what ~/.otpw keeps of a prefix and a password, in hex instead of its own base 64."""
    import hashlib

    prefix, found = _split(text, length)
    if len(found) < length:
        return ""
    try:
        made = hashlib.new("ripemd160", (prefix + found).encode("utf-8", "surrogatepass"))
    except ValueError:  # an OpenSSL without it
        return ""
    return made.digest()[: token.DIGEST_SIZE].hex()


def _split(text: str, length: int) -> tuple[str, str]:
    """Read a password from the end, skipping what is none of its characters; a rubout rubs out."""
    found, rubbed, place = "", 0, len(text)
    while place and len(found) < length:
        place -= 1
        each = text[place].translate(_OTPW_ALIKES)
        if each in _RUBOUT:
            rubbed += 1
        elif rubbed:
            rubbed -= 1
        elif each in _OTPW:
            found = each + found
    return text[:place], found


def _places(each: Token) -> dict[int, int]:
    return {
        int(text[: token.NUMBER_SIZE]): place for place, text in enumerate(each.params["codes"])
    }
