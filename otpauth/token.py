"""A token: what a user can prove possession of, as the host knows it; and a draft of one.

A draft holds a new secret in the clear, on its way from the setup tool through a seal into the
record. A token is a draft that the host adopted: it has an id, a keyed hash of its secret, and
scratch codes and app passwords are kept as keyed hashes only. Neither shows its parameters in a
repr.
"""

from __future__ import annotations

from otpauth import canonical, oath
from otpauth.errors import FormatError
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from otpauth.secretfile import Listed

SENT = ("mail", "sms", "push")  # kinds whose codes the host sends, see channels
KINDS = ("totp", "hotp", "motp", "list", "password", "scratch", *SENT)  # kinds that a record holds
ONE_TIME = ("totp", "hotp", "motp")  # kinds of devices
OATH = ("totp", "hotp")  # those of the RFCs, which other software has, too
TIMED = ("totp", "motp")  # kinds whose codes are of a time step
DAILY = (*ONE_TIME, "list", *SENT)  # what a person uses every day; scratch codes are the spare key
SETS = ("list", "scratch")  # kinds of which the host keeps keyed hashes, each good for once
HASHED = (*SETS, "password")  # kinds of which the host keeps keyed hashes
ASKED = ("list",)  # kinds that the record must be looked at for before the prompt
TOKENS_MAX = 16  # that an account may have, besides lists
LISTS_MAX = 2
ADDRESSES_MAX = 4  # of a user's own, to which codes are sent; they count as tokens, too
MERGED_MAX = 40  # that a record may hold after two copies with different ones were merged
SCRATCH_MAX = 20  # codes in one set
SCRATCH_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # 5 bits each, no i l o u
SCRATCH_LENGTH = 8
SCRATCH_STRONG = 40  # bits; such a code may be compared even while an account is limited
LOOK_ALIKES = str.maketrans("ilo", "110")  # letters that are read as these digits
PASSWORD_LENGTH = 20  # characters of SCRATCH_ALPHABET, dashes between them are not counted
PASSWORD_STRONG = 80  # bits; such a password may be compared even while an account is limited
NT_SIZE = 16  # bytes of the hash that NTLM goes by
LIST_MAX = 280  # passwords on one list: what otpw-gen prints on a page
LIST_BITS = (24, 128)  # of each password; SECURITY.md says why no fewer
LIST_STRONG = 40
LIST_FORMS = ("base32", "digits", "otpw", "words")
LIST_LENGTH = (5, 80)  # characters of a password, without what stands before it
NUMBER_SIZE = 3  # digits of a password's number, which its hash begins with
DIGEST_SIZE = 9  # bytes that a draft keeps of a list password, and ~/.otpw, too
ADDRESS_MAX = 254  # characters, RFC 5321 4.5.3.1.3
SECRET_STRONG = 128  # bits, RFC 4226 R6
MOTP_STRONG = 64  # what its apps make
STRONG = {
    "list": LIST_STRONG,
    "motp": MOTP_STRONG,
    "password": PASSWORD_STRONG,
    "scratch": SCRATCH_STRONG,
    **dict.fromkeys(SENT, 0),
}
DRIFT_MAX = 20_000  # steps, a week of 30 s; more is no clock but a mistake
NOTE_MAX = 120  # bytes of UTF-8
NAME_MAX = 32  # characters
GROUPS_MAX = 16  # names that a token is limited to
GROUPS_TEXT_MAX = 256  # characters of these names with commas between
_SMALL = "abcdefghijklmnopqrstuvwxyz0123456789"
_NAME = _SMALL + _SMALL.upper() + "._-"
ID_SIZE = 8  # bytes of a token's id
MARK_SIZE = 8  # bytes of a scratch code's keyed hash


class Draft(NamedTuple):
    """A new token with its secret in the clear.

    `params` are those of the kind: totp secret (hex) algorithm digits period; hotp the same
    without period; motp secret and pin (text); scratch codes (list of text) and bits of entropy of
    each; list codes (number and digest of each password, see kinds.paper), bits, form and length of
    each; password codes (one text), bits and nt (its NT hash, or nothing); mail, sms and push to,
    the user's own address, and a salt (hex), by which the same address added again is another
    token. `expires` is in Unix seconds, 0 for never. `seen` is state that comes along: the last
    time step that was used, or the next HOTP counter; 0 for none. `drift` is by how many steps a
    phone is fast; negative:
    slow. `groups` are as a token's.
    """

    kind: str
    name: str
    params: dict[str, Any]
    note: str = ""
    expires: int = 0
    seen: int = 0
    drift: int = 0
    groups: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Draft({self.kind} {self.name!r})"

    def material(self) -> bytes:
        """Return the bytes that identify the token whatever it is called."""
        if self.kind in HASHED:
            return "\n".join(sorted(self.params["codes"])).encode()
        if self.kind in SENT:
            return f"{self.kind} {self.params['salt']} {self.params['to']}".encode()
        if self.kind == "motp":
            return f"motp {self.params['secret']} {self.params['pin']}".encode()
        return bytes.fromhex(self.params["secret"])


class Token(NamedTuple):
    """An adopted token. All that can change is the label: name, note, expires, enabled, groups.

    `created` and `labelled` are in Unix seconds. Scratch `params` are codes (sorted keyed
    hashes, hex) and bits; a list's codes begin with their numbers, a password has one. `groups` are
    the services and groups that the token is limited to, sorted; none: it is good everywhere.
    """

    id: str
    kind: str
    name: str
    params: dict[str, Any]
    created: int
    labelled: int
    note: str = ""
    expires: int = 0
    enabled: bool = True
    groups: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Token({self.kind} {self.name!r} {self.id})"

    def live(self, now: int) -> bool:
        """Say whether the token is switched on and not expired at `now`, in Unix seconds."""
        return self.enabled and not 0 < self.expires <= now

    def served(self) -> bool:
        """Say whether its codes can be compared: of an address only where a channel serves it."""
        return self.kind not in SENT or "due" in self.params


def serves(each: Token | Listed | Draft, names: tuple[str, ...]) -> bool:
    """Say whether a token is good for a login that has these names, see policy.Rule."""
    return not each.groups or not set(each.groups).isdisjoint(names)


def bits(each: Draft | Token) -> int:
    """Return how many bits a guesser lacks: those of the secret, or of each code of a set.

    0 for an address: what is sent there is not made of it.
    """
    if each.kind in SENT:
        return 0
    return int(each.params["bits"]) if each.kind in HASHED else 4 * len(each.params["secret"])


def period(each: Draft | Token) -> int:
    """Return the seconds of a time step of a token whose codes are of such."""
    return int(each.params.get("period", oath.MOTP_PERIOD))


def steps(each: Draft | Token, window: int) -> int:
    """Return how many time steps are in a window; of motp it counts codes of 30 seconds."""
    return 30 // oath.MOTP_PERIOD * window if each.kind == "motp" else window


def is_password(code: str) -> bool:
    """Say whether a code has the shape of an app password."""
    return len(code) == PASSWORD_LENGTH and not code.strip(SCRATCH_ALPHABET)


def left(each: Token, used: int) -> int:
    """Return how many codes of a set have not been used; bit n of `used` stands for its nth."""
    return len(each.params["codes"]) - used.bit_count()


def weak(kind: str, size: int) -> bool:
    """Say whether so many bits are too few for a kind: such are moved, but not made."""
    return size < STRONG.get(kind, SECRET_STRONG)


def check_name(name: object) -> str:
    """Return a token's name, or raise FormatError if it is none."""
    if not isinstance(name, str) or not 0 < len(name) <= NAME_MAX or name.strip(_NAME):
        raise FormatError("a token's name is 1 to 32 letters, digits, dots, dashes or underscores")
    return name


def check_note(note: Any) -> str:
    """Return a note, or raise FormatError if it is too long or not printable."""
    if len(canonical.text(note, most=NOTE_MAX).encode("utf-8", "replace")) > NOTE_MAX:
        raise FormatError(f"a note is longer than {NOTE_MAX} bytes")
    return str(note)


def check_groups(value: Any) -> tuple[str, ...]:
    """Return the names that a token is limited to, or raise FormatError if they are none."""
    names = [check_name(each) for each in canonical.array(value, most=GROUPS_MAX)]
    if names != sorted(set(names)) or len(",".join(names)) > GROUPS_TEXT_MAX:
        raise FormatError("the names that a token is limited to are not sorted, or too long")
    return tuple(names)


def _oath_params(value: dict[str, Any]) -> None:
    secret = value["secret"]
    low, high = 2 * oath.SECRET_MIN, 2 * oath.SECRET_MAX
    if not isinstance(secret, str) or not low <= len(secret) <= high or len(secret) % 2:
        raise FormatError("a secret has too few or too many bytes")
    canonical.hexadecimal(secret, size=len(secret) // 2)
    canonical.choice(value["algorithm"], oath.ALGORITHMS)
    canonical.choice(value["digits"], oath.DIGITS)


def _list_params(value: Any, *, hashed: bool) -> dict[str, Any]:
    params = canonical.fields(value, ("bits", "codes", "form", "length"))
    canonical.integer(params["bits"], *LIST_BITS)
    canonical.choice(params["form"], LIST_FORMS)
    canonical.integer(params["length"], *LIST_LENGTH)
    numbers = []
    for code in canonical.array(params["codes"], most=LIST_MAX):
        text = canonical.text(code, most=NUMBER_SIZE + 2 * DIGEST_SIZE)
        numbers.append(text[:NUMBER_SIZE])
        if len(numbers[-1]) != NUMBER_SIZE or numbers[-1].strip("0123456789"):
            raise FormatError("a list has a password without a number")
        canonical.hexadecimal(text[NUMBER_SIZE:], size=MARK_SIZE if hashed else DIGEST_SIZE)
    if not numbers or numbers != sorted(set(numbers)):
        raise FormatError("a list's numbers are not sorted, or one is there twice")
    return params


def _address_params(value: Any) -> dict[str, Any]:
    params = canonical.fields(value, ("salt", "to"))
    canonical.hexadecimal(params["salt"], size=ID_SIZE)
    to = canonical.text(params["to"], most=ADDRESS_MAX)
    if not to or not to.isascii() or " " in to:
        raise FormatError("an address is empty, has blanks or is not ASCII")
    return params


def _scratch_params(value: Any, *, hashed: bool) -> dict[str, Any]:
    params = canonical.fields(value, ("bits", "codes"))
    canonical.integer(params["bits"], 20, 200)
    codes = canonical.array(params["codes"], most=SCRATCH_MAX)
    for code in codes:
        if hashed:
            canonical.hexadecimal(code, size=MARK_SIZE)
        elif len(canonical.text(code, most=SCRATCH_LENGTH)) < SCRATCH_LENGTH or code.strip(
            SCRATCH_ALPHABET
        ):
            raise FormatError("a scratch code is 8 digits and small letters without i l o u")
    if not codes or codes != sorted(set(codes)):
        raise FormatError("scratch codes are not sorted, or one is there twice")
    return params


def _motp_params(value: Any) -> dict[str, Any]:
    params = canonical.fields(value, ("pin", "secret"))
    for text, digits, least, most in (
        (params["secret"], oath.MOTP_DIGITS, oath.MOTP_SECRET_MIN, oath.MOTP_SECRET_MAX),
        (params["pin"], "0123456789", oath.PIN_MIN, oath.PIN_MAX),
    ):
        if len(canonical.text(text, most=most)) < least or text.strip(digits):
            raise FormatError("a mOTP secret or PIN is too short, or has other digits")
    return params


def _password_params(value: Any, *, hashed: bool) -> dict[str, Any]:
    params = canonical.fields(value, ("bits", "codes", "nt"))
    canonical.integer(params["bits"], PASSWORD_STRONG, 200)
    if params["nt"]:
        canonical.hexadecimal(params["nt"], size=NT_SIZE)
    codes = canonical.array(params["codes"], most=1)
    code = canonical.text(codes[0] if codes else None, most=PASSWORD_LENGTH)
    if hashed:
        canonical.hexadecimal(code, size=MARK_SIZE)
    elif not is_password(code):
        raise FormatError("an app password is 20 digits and small letters without i l o u")
    if not isinstance(params["nt"], str):
        raise FormatError("an app password has an NT hash that is none")
    return params


def check_params(kind: str, value: Any, *, hashed: bool) -> dict[str, Any]:
    """Return the parameters of a kind, or raise FormatError.

    `hashed` says whether codes of a set are keyed hashes (a token) or what a draft has of them.
    """
    if kind == "list":
        return _list_params(value, hashed=hashed)
    if kind in SENT:
        return _address_params(value)
    if kind == "password":
        return _password_params(value, hashed=hashed)
    if kind == "motp":
        return _motp_params(value)
    if kind == "scratch":
        return _scratch_params(value, hashed=hashed)
    if kind == "totp":
        params = canonical.fields(value, ("algorithm", "digits", "period", "secret"))
        canonical.integer(params["period"], oath.PERIOD_MIN, oath.PERIOD_MAX)
    elif kind == "hotp":
        params = canonical.fields(value, ("algorithm", "digits", "secret"))
    else:
        raise FormatError("a token is of a kind that this version does not know")
    _oath_params(params)
    return params


def _groups(kind: str, value: Any) -> tuple[str, ...]:
    if kind == "password" and not value:
        raise FormatError("an app password is not limited to any groups")
    return check_groups(value)


def draft_value(draft: Draft) -> dict[str, Any]:
    """Return a draft as a value for canonical JSON."""
    return draft._asdict()


def draft_from(value: Any) -> Draft:
    """Read a draft from decoded JSON. Raises FormatError."""
    item = canonical.fields(value, Draft._fields)
    kind = canonical.choice(item["kind"], KINDS)
    return Draft(
        kind,
        check_name(item["name"]),
        check_params(kind, item["params"], hashed=False),
        check_note(item["note"]),
        canonical.integer(item["expires"]),
        canonical.integer(item["seen"], 0, oath.COUNTER_MAX),
        canonical.integer(item["drift"], -DRIFT_MAX, DRIFT_MAX),
        _groups(kind, item["groups"]),
    )


def token_value(token: Token) -> dict[str, Any]:
    """Return a token as a value for canonical JSON. Its id is the key it is filed under."""
    value = token._asdict()
    del value["id"]
    return value


def token_from(ident: str, value: Any) -> Token:
    """Read a token from decoded JSON. Raises FormatError."""
    item = canonical.fields(value, Token._fields[1:])
    kind = canonical.choice(item["kind"], KINDS)
    return Token(
        canonical.hexadecimal(ident, size=ID_SIZE),
        kind,
        check_name(item["name"]),
        check_params(kind, item["params"], hashed=True),
        canonical.integer(item["created"]),
        canonical.integer(item["labelled"]),
        check_note(item["note"]),
        canonical.integer(item["expires"]),
        canonical.boolean(item["enabled"]),
        _groups(kind, item["groups"]),
    )
