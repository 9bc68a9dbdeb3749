"""Moving in and out: the files of other one-time-password software.

One module a format, each with parse(data, reading), those that can be written with write(items).
detect() names the format of a file, parse() reads it, write() makes one, users() names whom a file
of many users has. None of them opens a file or reads a clock.

| format | made by | state that is carried |
|---|---|---|
| google-authenticator | google-authenticator, also its hardened fork | all |
| usersfile | pam_oath | counter, last code |
| totpcgi | totpcgi; plain, or encrypted with the PIN | counter, used codes |
| uris | otpauth:// one a line: Aegis, FreeOTP+, Ente | counter |
| migration | the Google Authenticator app, its QR codes as text | counter |
| aegis | Aegis; plain, or encrypted with a password | counter |
| andotp | andOTP; plain, or encrypted with a password, new and old | counter |
| pskc | makers of hardware tokens, RFC 6030; plain or encrypted | counter |
| totp-key | login_oath of OpenBSD | there is none |
| otpw | otpw-gen of OTPW, lists on paper | used passwords |
| csv | multiOTP, or any table with a header of our names | counter |
| sheet | (only written) a page to print | |
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from otpauth import token
from otpauth.formats.imported import (
    ENTRIES_MAX,
    FILE_MAX,
    FormatError,
    Imported,
    PassphraseError,
    Reading,
    at,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otpauth.formats.written import Written

__all__ = [
    "READ",
    "WRITTEN",
    "FormatError",
    "Imported",
    "PassphraseError",
    "Reading",
    "detect",
    "is_picture",
    "parse",
    "users",
    "write",
]

_MODULES = {
    "google-authenticator": "google_authenticator",
    "usersfile": "usersfile",
    "totpcgi": "totpcgi",
    "uris": "uris",
    "migration": "migration",
    "aegis": "aegis",
    "andotp": "andotp",
    "pskc": "pskc",
    "totp-key": "totp_key",
    "otpw": "otpw",
    "csv": "table",
    "sheet": "sheet",
}
WRITTEN = ("google-authenticator", "usersfile", "uris", "sheet")
READ = tuple(name for name in _MODULES if name != "sheet")
OF_MANY_USERS = ("usersfile", "csv", "pskc")
LABELLED = ("uris", "migration", "aegis", "andotp", "pskc", "csv")  # where `only` has a meaning

_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"%PDF", b"BM")
_BY_NAME = (
    (r"\.google_authenticator(\..*)?", "google-authenticator"),
    (r"users\.oath", "usersfile"),
    (r".*\.totp", "totpcgi"),
    (r".*\.json\.aes", "andotp"),
    (r"\.totp-key", "totp-key"),
    (r"\.otpw", "otpw"),
    (r".*\.csv", "csv"),
)
_BY_CONTENT = (
    (r"(QR-Code:)?otpauth-migration://", "migration"),
    (r"(QR-Code:)?(otpauth|motp)://", "uris"),
    (r"<(\?xml|!--|([\w.-]+:)?KeyContainer)", "pskc"),
    (r"\{", "aegis"),
    (r"\[", "andotp"),
    (r"aes256\+hmac256\$", "totpcgi"),
    (r"HOTP[/\t ]", "usersfile"),
    (r"OTPW1[\r\n]", "otpw"),
    (r"[0-9A-Fa-f]{20,256}\s*\Z", "totp-key"),
    (r"[0-9A-Za-z \t-]+[\r\n]+(\" |[0-9]{8}\s)", "google-authenticator"),
    (r"([^\n]*[;,])?\s*(?i:secret|seed)\s*[;,\n]", "csv"),
    (r"([^;\n]{0,99};){5}[^;\n]*(\n|\Z)", "csv"),
)


def detect(data: bytes, path: str = "") -> str:
    """Name the format of a file, by its name where that is telling, else by its content.

    Raises FormatError if it is none that is known.
    """
    _bounded(data)
    name = path.rpartition("/")[2]
    for pattern, known in _BY_NAME:
        if re.fullmatch(pattern, name):
            return known
    if is_picture(data):
        raise FormatError("the file is a picture", hint="zbarimg -q --raw FILE | otpauth import -")
    if b"-----BEGIN PGP MESSAGE-----" in data[:64]:
        raise FormatError(
            "the file is encrypted with OpenPGP", hint="gpg -d FILE | otpauth import -"
        )
    text = _without_comments(data.decode("utf-8-sig", "replace"))
    for pattern, known in _BY_CONTENT:
        if re.match(pattern, text):
            return known
    raise FormatError(
        "the file is of no format that is known", hint="name it: --format " + "|".join(READ)
    )


def is_picture(data: bytes) -> bool:
    """Say whether a file is a picture, which may show QR codes."""
    return data.startswith(_IMAGES)


def parse(
    data: bytes,
    *,
    name: str,
    format: str,  # noqa: A002 -- what --format names
    passphrase: str | None = None,
    user: str = "",
    only: str = "",
    state: bytes = b"",
) -> tuple[Imported, ...]:
    """Read a file, all of it or nothing; at least one token comes of it.

    `name` is what the first token is called, the others are numbered. Reading says what `user`,
    `only` and `state` are. Raises FormatError with line, reason and mend; PassphraseError.
    """
    _bounded(data)
    _bounded(state or b"{}")
    if format not in READ:
        raise FormatError(f"{format!r} is no format that is read", hint="one of: " + " ".join(READ))
    if only and format not in LABELLED:
        raise FormatError(
            f"what is in a file of format {format} has no label", hint="without --only"
        )
    with at(0):
        token.check_name(name)
    items = _module(format).parse(data, Reading(name, passphrase, user, only, state))
    if not items:
        what = " for that user or choice" if user or only else ""
        raise FormatError(f"there is no token in the file{what}")
    if len(items) > ENTRIES_MAX:
        raise FormatError(f"there are more than {ENTRIES_MAX} tokens in the file", hint="divide it")
    return tuple(items)


def users(data: bytes, *, format: str) -> tuple[str, ...]:  # noqa: A002
    """Return whom a file of many users names, each once, in its order. Raises FormatError.

    So that each can be imported for himself, and one bad line keeps nobody else out.
    """
    _bounded(data)
    if format not in OF_MANY_USERS:
        return ()
    names = _module(format).users(data)
    return tuple(dict.fromkeys(name for name in names if name))


def write(
    items: Sequence[Imported],
    *,
    format: str,  # noqa: A002
    issuer: str = "",
    account: str = "",
) -> Written:
    """Write tokens of one account as a file of that format, with notes on what it cannot hold.

    A scratch draft without codes stands for one whose codes are known as keyed hashes only.
    `issuer` and `account` are what an app is to call it. Raises FormatError if a token cannot be
    written in that format, or none is there.
    """
    if format not in WRITTEN:
        raise FormatError(
            f"{format!r} is no format that is written", hint="one of: " + " ".join(WRITTEN)
        )
    written: Written = _module(format).write(items, issuer=issuer, account=account)
    return written


def _without_comments(text: str) -> str:
    """Return the text from its first line that is neither blank nor begins with #."""
    lines = text.split("\n")
    told = (place for place, line in enumerate(lines) if line.strip() and line[0] != "#")
    return "\n".join(lines[next(told, 0) :]).lstrip()


def _bounded(data: bytes) -> None:
    if not data.strip():
        raise FormatError("the file is empty")
    if len(data) > FILE_MAX:
        raise FormatError(f"the file is longer than {FILE_MAX // 2**20} MiB")


def _module(name: str) -> Any:
    from importlib import import_module

    return import_module(f"otpauth.formats.{_MODULES[name]}")
