"""What an import yields, what is refused, and the checks that all formats share.

A format module reads bytes from elsewhere into Imported values and does nothing else: it opens no
file, keeps no state and trusts nothing. What it does not understand it refuses as a whole, unless
the software that made the file ignores it too. Two bounds hold for every file: FILE_MAX, and
ENTRIES_MAX of what is in it.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from otpauth import errors, oath, token, uri
from otpauth.token import Draft
from otpauth.wishes import WINDOW_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE_MAX = 4 * 2**20  # bytes; vaults of authenticator apps hold pictures
ENTRIES_MAX = 10_000
ITERATIONS_MAX = 1_000_000  # of PBKDF2, named by a file: about a second
WINDOW = 3  # steps, that of most software
SPARE_BITS = 26  # of an 8-digit scratch code, log2(10^8)


class FormatError(errors.FormatError):
    """Raised if a file to import is not what its format demands, or holds what we have not.

    `line` is where, 0 for the whole; `hint` is the mend.
    """

    def __init__(self, message: str, *, line: int = 0, hint: str = "") -> None:
        super().__init__(f"line {line}: {message}" if line else message, hint=hint)
        self.line = line


class PassphraseError(FormatError):
    """Raised if a file is encrypted, and no passphrase or a wrong one was given."""


class Reading(NamedTuple):
    """How to read: the name of the first token, and what to take.

    Of entries that name a user only those of `user` are taken, of entries with a label only those
    that hold `only`, in large or small letters; "" takes all. `state` is the state file that
    totpcgi keeps beside the secret.
    """

    name: str = "phone"
    passphrase: str | None = None
    user: str = ""
    only: str = ""
    state: bytes = b""

    def __repr__(self) -> str:
        return f"Reading({self.name!r})"


class Imported(NamedTuple):
    """A token with the state that comes along, from a file or for one.

    `user` is "" for whoever imports. `wishes` are rules as otpauth.conf spells them: window,
    rate_limit. `line` is where it stood, in JSON the number of the entry. `notes` say what could
    not be carried. `window` is by how many steps codes could be off where the file does not tell
    which were used lately, 0 where it does or was used for no logins. `guarded` says that the
    code was asked for with a password before it.
    """

    user: str
    draft: Draft
    wishes: dict[str, str] = {}
    line: int = 0
    notes: tuple[str, ...] = ()
    window: int = 0
    guarded: bool = False

    def __repr__(self) -> str:
        return f"Imported({self.user!r} {self.draft!r} line {self.line})"

    @property
    def weak(self) -> bool:
        """Say whether the secret or the codes are shorter than what otpauth makes."""
        return token.weak(self.draft.kind, token.bits(self.draft))


@contextmanager
def at(line: int) -> Iterator[None]:
    """Name the line in what is raised inside."""
    try:
        yield
    except PassphraseError:
        raise
    except errors.FormatError as error:
        if isinstance(error, FormatError) and error.line:
            raise
        raise FormatError(str(error), line=line, hint=error.hint) from None


def decoded(data: bytes) -> str:
    """Return a text file's text. Raises FormatError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError("the file is no text in UTF-8") from None
    if "\0" in text:
        raise FormatError("the file is no text: it holds a NUL")
    return text


def loaded(data: bytes) -> Any:
    """Decode JSON from elsewhere: no key twice, no NaN, bounded. Raises FormatError."""
    try:
        return json.loads(
            data.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        raise FormatError("the file is not JSON, or has a key twice") from None


def member(value: Any, key: str, kind: type, default: Any = None) -> Any:
    """Return a member of a JSON object, if it is of that type, or the default where it is missing.

    Raises FormatError, also if it is missing without a default.
    """
    if not isinstance(value, dict):
        raise FormatError(f"an object with {key!r} is something else")
    found = value.get(key)
    if found is None and default is not None:
        return default
    if type(found) is not kind:
        raise FormatError(f"{key!r} is missing or of the wrong type")
    return found


def number(text: str, low: int, high: int, what: str) -> int:
    """Read a decimal number, maybe signed. Raises FormatError."""
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", text, re.ASCII) or not low <= int(text) <= high:
        raise FormatError(f"the {what} is no number from {low} to {high}")
    return int(text)


def hexadecimal(text: str) -> bytes:
    """Read a hexadecimal secret. Raises FormatError."""
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", text):
        raise FormatError("the secret is not hexadecimal")
    return bytes.fromhex(text)


def one_time(
    kind: str,
    name: str,
    secret: bytes,
    *,
    algorithm: str = "SHA1",
    digits: int = 6,
    period: int = 30,
    seen: int = 0,
    note: str = "",
) -> Draft:
    """Return a draft of a TOTP or HOTP token. Raises FormatError if we have no such tokens."""
    if kind not in token.OATH:
        raise FormatError(
            "the token is of a kind that otpauth has not", hint="leave it out, or out of the choice"
        )
    if not oath.SECRET_MIN <= len(secret) <= oath.SECRET_MAX:
        raise FormatError(
            f"the secret has {len(secret)} bytes, not {oath.SECRET_MIN} to {oath.SECRET_MAX}",
            hint="set the token up anew",
        )
    if algorithm not in oath.ALGORITHMS:
        raise FormatError("the algorithm is none of " + " ".join(oath.ALGORITHMS))
    if digits not in oath.DIGITS:
        raise FormatError("the codes have neither 6, 7 nor 8 digits")
    params = {"secret": secret.hex(), "algorithm": algorithm, "digits": digits}
    if kind == "totp":
        if not oath.PERIOD_MIN <= period <= oath.PERIOD_MAX:
            raise FormatError(f"the period is not {oath.PERIOD_MIN} to {oath.PERIOD_MAX} seconds")
        params["period"] = period
    if not 0 <= seen <= oath.COUNTER_MAX:
        raise FormatError("the counter or time step is out of range")
    checked = token.check_params(kind, params, hashed=False)
    return Draft(kind, token.check_name(name), checked, note=label(note), seen=seen)


def motp(name: str, secret: str, pin: str, *, note: str = "") -> Draft:
    """Return a draft of a mOTP token, its secret in hexadecimal. Raises FormatError."""
    if not pin:
        raise FormatError(
            "a mOTP token without its PIN",
            hint="leave it out, and: otpauth add motp NAME, which asks for secret and PIN",
        )
    with at(0):
        params = {"secret": uri.motp_secret(secret), "pin": pin}
        checked = token.check_params("motp", params, hashed=False)
    return Draft("motp", token.check_name(name), checked, note=label(note))


def spare(codes: list[str], *, line: int, notes: tuple[str, ...] = ()) -> list[Imported]:
    """Return sets of scratch codes of 8 digits, sorted, none twice."""
    ordered = sorted(set(codes))
    size = token.SCRATCH_MAX
    if len(ordered) > size * (token.TOKENS_MAX - 1):
        raise FormatError(f"there are {len(ordered)} scratch codes, too many for an account")
    if len(ordered) < len(codes):
        notes += ("scratch codes that were there twice count once",)
    sets = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    return [
        Imported(
            "",
            Draft("scratch", numbered("scratch", place), {"bits": SPARE_BITS, "codes": each}),
            line=line,
            notes=notes if not place else (),
        )
        for place, each in enumerate(sets)
    ]


def listed(
    entries: list[Any], reading: Reading, account: str, draft: Callable[[Any, str, str], Draft]
) -> list[Imported]:
    """Return what is wanted of an app's entries; `account` is the member beside the issuer.

    `draft` reads one entry, with the name it gets and what the app calls it. Raises FormatError
    with the number of the entry.
    """
    items: list[Imported] = []
    for place, entry in enumerate(entries, 1):
        called = label(member(entry, "issuer", str, ""), member(entry, account, str, ""))
        if not wanted(reading, called):
            continue
        name = numbered(reading.name, len(items))
        try:
            items.append(Imported("", draft(entry, name, called), line=place))
        except FormatError as error:
            raise FormatError(f"entry {place}: {error}", hint=error.hint) from None
    return items


def opened(key: bytes, nonce: bytes, sealed: bytes) -> bytes | None:
    """Open AES-256-GCM, its tag at the end; None if it does not open with that key."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(nonce, sealed, None)
    except InvalidTag:
        return None


def numbered(name: str, place: int) -> str:
    """Return the name of the token at a place in a file: NAME, NAME-2, NAME-3.

    Raises FormatError if the file has more tokens than ENTRIES_MAX, or that is no name.
    """
    if place >= ENTRIES_MAX:
        raise FormatError(f"there are more than {ENTRIES_MAX} tokens in the file", hint="divide it")
    tail = f"-{place + 1}" if place else ""
    return token.check_name(name)[: token.NAME_MAX - len(tail)] + tail


def user_name(text: str) -> str:
    """Return the name of a user as it stands, if it can be shown. Raises FormatError."""
    if not text.isprintable() or len(text) > 256:
        raise FormatError("the name of a user is not printable, or too long")
    return text


def label(*parts: str) -> str:
    """Join what an app calls an entry, as a token's note: printable and not too long."""
    text = ":".join(part for part in parts if part)
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown.encode()[: token.NOTE_MAX].decode("utf-8", "ignore")


def wanted(reading: Reading, text: str) -> bool:
    """Say whether an entry with this label is to be taken."""
    return reading.only.casefold() in text.casefold()


def window_wish(steps: int) -> str:
    """Return the wish for a window of so many time steps, at most what otpauth allows."""
    return str(min(steps, WINDOW_MAX))


def base32(text: str, least: int = oath.SECRET_MIN) -> bytes:
    """Read a base32 secret of at least so many bytes as apps write it. Raises FormatError."""
    with at(0):
        return uri.from_base32(text, least)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value


def _no_number(_: str) -> None:
    raise ValueError
