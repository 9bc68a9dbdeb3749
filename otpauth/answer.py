"""What a person typed, as a code, or as a password with a code at its end.

People type codes with spaces or a dash inside, paste them with a line end, or have a keyboard
that makes full-width digits. None of that changes a code; nothing else is mended.
"""

from __future__ import annotations

import re

from otpauth import oath, token
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.ntlm import Response

TYPED_MAX = 128  # characters; more is no code
JOINED_MAX = 512  # characters, PAM's own bound of an answer
LENGTHS = (6, 8, 7)  # of codes in digits, in the order in which they are looked for


def code(typed: str | None) -> str:
    """Return the code in what was typed: without white space and dashes, in small letters.

    Full-width forms become plain ones (Unicode NFKC). Anything that cannot be a code (nothing, too
    long, not ASCII even then) gives the empty string.
    """
    text = typed or ""
    if len(text) > TYPED_MAX:
        return ""
    if not text.isascii():
        import unicodedata

        text = unicodedata.normalize("NFKC", text).replace("\u2010", "-").replace("\u2013", "-")
    text = "".join(text.split()).replace("-", "").lower()
    return text if text.isascii() and text.isalnum() else ""


def word(typed: str) -> str:
    """Return the word in what was typed, by which a code is sent: in small letters."""
    return typed.strip().lower()


def numbered(typed: str) -> tuple[int, str] | None:
    """Return the number in front of a list password, and the rest: `071 word word`, `71:word`."""
    found = re.match(r"\s*([0-9]{1,3})(?:\s*:|\s)\s*(?=\S)", typed)
    return (int(found[1]), typed[found.end() :]) if found else None


class Candidate(NamedTuple):
    """A code that was perhaps typed, and what stood before it: the password, if the rest is one.

    `whole` is the answer as it was typed, where it can be nothing but one code. `form`, if there is
    one, is what a trusted client makes of a code before it hands it on: then `code` is that.
    Of a client that speaks NTLM `code` is the response, and `ntlm` what it is compared by.
    """

    code: str
    prefix: str = ""
    whole: str = ""
    form: Callable[[str], str] | None = None
    trusted: bool = False
    ntlm: Response | None = None

    def __repr__(self) -> str:
        """Tell neither."""
        return f"Candidate({len(self.code)})"

    def fits(self, length: int, digits: str = "0123456789") -> bool:
        """Say whether this has the shape of a code of so many digits, by default decimal ones."""
        plain = len(self.code) == length and not self.code.strip(digits)
        return plain or self.form is not None

    def equals(self, code: str) -> bool:
        """Compare this with the code that a token shows."""
        import hmac  # here, because commands want the shapes alone

        return hmac.compare_digest(self.form(code) if self.form else code, self.code)

    def equals_hashed(self, nt_hash: str) -> bool:
        """Compare this with a code of which only the NT hash is known, empty for unknown."""
        if self.ntlm is None or not nt_hash:
            return False
        import hmac

        return hmac.compare_digest(self.ntlm.of_hash(nt_hash), self.code)


def alone(typed: str | None) -> tuple[Candidate, ...]:
    """Return the one candidate of an answer that must be a code and nothing else."""
    text = typed or ""
    return (Candidate(code(text), whole=text),) if 0 < len(text) <= JOINED_MAX else ()


def known(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """Return candidates with the codes that responses of NTLM were made of, as far as known."""
    return tuple(
        Candidate(each.ntlm.code) if each.ntlm and each.ntlm.code else each for each in candidates
    )


def tails(typed: str | None, *, bare: bool) -> tuple[Candidate, ...]:
    """Return the candidates of a password with a code at its end, in the order to decide in.

    Six digits, eight, seven, then a scratch code: with its dash, and if `bare` without it, too.
    Any password of eight letters has the shape of that, so it is not looked for in a text
    that may well be a password alone. Behind a comma six hexadecimal digits are a code, and so is
    an app password, which may stand alone, too. At last what is a hash as a whole: a client made
    it.
    """
    text = typed or ""
    if len(text) > JOINED_MAX:
        return ()
    found: dict[Candidate, None] = {}
    for shape in (*_TAILS, *((_BARE,) if bare else ())):
        tail = re.search(rf"{shape}\Z", text)
        if tail:
            found[Candidate(code(tail[0].removeprefix(",")), text[: tail.start()])] = None
    if re.fullmatch(_HASH, text):
        found[Candidate(text.lower())] = None
    return tuple(found)


_DASHED = "[0-9A-Za-z]{4}-[0-9A-Za-z]{4}"
_BARE = "[0-9A-Za-z]{8}"
_HEX = ",[0-9A-Fa-f]{6}"
_STATIC = rf"(?:\A|,)(?:[0-9A-Za-z]-?){{{token.PASSWORD_LENGTH}}}"
_TAILS = (*(f"[0-9]{{{length}}}" for length in LENGTHS), _DASHED, _HEX, _STATIC)
_HASH = "(?:[0-9A-Fa-f]{16}){1,2}|[0-9A-Fa-f]{64}"  # see sessions and trust


class Shapes(NamedTuple):
    """What somebody's codes look like: how many digits, and whether there are others.

    The first of the lengths is that of a code right behind a password. `words` ask for a code to be
    sent, in small letters. `scratch` codes, those of mOTP (`hexadecimal`), app passwords (`static`)
    and what a client makes of a code, of so many hexadecimal digits (`hashes`), need a comma.
    """

    digits: tuple[int, ...]
    scratch: bool
    words: tuple[str, ...] = ()
    hexadecimal: bool = False
    static: bool = False
    hashes: tuple[int, ...] = ()

    def fit(self, text: str) -> bool:
        """Say whether a text looks like one of these codes: a scratch code has its dash."""
        if word(text) in self.words:
            return True
        plain = code(text)
        if len(plain) in self.hashes and re.fullmatch(_HASH, plain):
            return True
        if self.hexadecimal and Candidate(plain).fits(oath.MOTP_LENGTH, oath.MOTP_DIGITS):
            return True
        if self.static and token.is_password(plain.translate(token.LOOK_ALIKES)):
            return True
        if plain.isdigit():
            return len(plain) in self.digits or (self.scratch and len(plain) == _SCRATCH)
        return self.scratch and re.fullmatch(_DASHED, text.strip()) is not None


_SCRATCH = token.SCRATCH_LENGTH


def parted(typed: str, shapes: Shapes) -> Candidate | None:
    """Return the code that was typed behind a password, by its shape alone; None if there is none.

    Behind a comma any of the shapes is one. Right behind the password only digits are, and there
    must be a password.
    """
    if len(typed) > JOINED_MAX:
        return None
    password, comma, tail = typed.rpartition(",")
    if comma and shapes.fit(tail):
        return Candidate(word(tail) if word(tail) in shapes.words else code(tail), password)
    found = shapes.digits and re.fullmatch(rf"(.+)([0-9]{{{shapes.digits[0]}}})", typed, re.DOTALL)
    return Candidate(found[2], found[1]) if found else None
