"""The usersfile of pam_oath, /etc/users.oath: a token a line.

`TYPE USER PASSWORD HEXKEY [COUNTER [LASTOTP [LASTTIME]]]`, divided by blanks or tabs. Lines that
begin with # are ignored. LASTTIME is local time, so this must be read in the time zone of the host
that wrote it. Several lines of one user are several tokens.

COUNTER of an HOTP line is that of the last code accepted, or the next one of a line never used;
LASTOTP tells which. For TOTP the step of LASTOTP is looked for around LASTTIME: it becomes the last
used step, and how far it is off becomes the phone's drift, because pam_oath takes wide windows and
learns nothing. The password column is not carried; the first factor is the stack's affair.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from otpauth import oath
from otpauth.formats import imported
from otpauth.formats.imported import FormatError, Imported, at, decoded, hexadecimal, number
from otpauth.formats.written import Written, one_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otpauth.formats.imported import Reading
    from otpauth.token import Draft

_TYPE = re.compile(r"HOTP(?:/(E|T30|T60)(?:/([678]))?)?")
_TIME = "%Y-%m-%dT%H:%M:%SL"
REACH = 100  # time steps around LASTTIME; windows of pam_oath go up to 50


class Line(NamedTuple):
    """A line cut into its fields."""

    number: int
    fields: list[str]


class Last(NamedTuple):
    """What the last login tells: last used step or next counter, drift, and a note."""

    seen: int
    drift: int = 0
    note: str = ""


_NOT_WRITTEN = {
    "list": "lists",
    "motp": "mOTP tokens",
    "password": "app passwords",
    "scratch": "scratch codes",
}


def parse(data: bytes, reading: Reading) -> list[Imported]:
    """Read the lines of all users, or of one. Raises FormatError."""
    items: list[Imported] = []
    count: dict[str, int] = {}
    for line in _lines(data):
        user = _user(line)
        if reading.user and user != reading.user:
            continue
        place = count[user] = count.get(user, -1) + 1
        with at(line.number):
            name = imported.numbered(reading.name, place)
            items.append(_item(line, name))
    return items


def users(data: bytes) -> list[str]:
    """Return whom the lines name."""
    return [_user(line) for line in _lines(data)]


def write(items: Sequence[Imported], *, issuer: str, account: str) -> Written:  # noqa: ARG001
    """Write a line for each token. Raises FormatError."""
    notes = [
        f"{item.draft.name!r}: a usersfile has no {_NOT_WRITTEN[item.draft.kind]}"
        for item in items
        if item.draft.kind in _NOT_WRITTEN
    ]
    lines = [_line(item, account) for item in one_time(items)]
    return Written("".join(f"{line}\n" for line in lines).encode(), tuple(notes))


def _lines(data: bytes) -> list[Line]:
    lines = enumerate(decoded(data).split("\n"), 1)
    return [
        Line(place, re.split(r"[ \t\r]+", text.strip(" \t\r")))
        for place, text in lines
        if text.strip(" \t\r") and not text.startswith("#")
    ]


def _user(line: Line) -> str:
    with at(line.number):
        return imported.user_name(line.fields[1]) if len(line.fields) > 1 else ""


def _item(line: Line, name: str) -> Imported:
    if not 4 <= len(line.fields) <= 7:
        raise FormatError(
            "the line has not 4 to 7 fields",
            hint="TYPE USER PASSWORD HEXKEY COUNTER LASTOTP LASTTIME",
        )
    kind, user, first_factor, key, counter, code, when = line.fields + [""] * (7 - len(line.fields))
    match = _TYPE.fullmatch(kind)
    if not match:
        raise FormatError(
            "the type is none of HOTP HOTP/E HOTP/T30 HOTP/T60, with /6 /7 or /8",
            hint="pam_oath ignores such a line; correct it or put a # before it",
        )
    hashed, digits = match[1] or "E", int(match[2] or 6)
    secret = hexadecimal(key)
    if hashed == "E":
        draft = imported.one_time("hotp", name, secret, digits=digits)
        last = _last_counter(draft, counter, code)
    else:
        draft = imported.one_time("totp", name, secret, digits=digits, period=int(hashed[1:]))
        last = _last_step(draft, code, when)
    notes = [last.note] if last.note else []
    if first_factor != "-":
        notes.append("the password beside the code is not carried: the code alone is asked for")
    draft = draft._replace(seen=last.seen, drift=last.drift)
    guarded = first_factor not in ("-", "+")  # + is a password that the stack asks for
    return Imported(user, draft, line=line.number, notes=tuple(notes), guarded=guarded)


def _last_counter(draft: Draft, counter: str, code: str) -> Last:
    """Return the next counter: past LASTOTP, if that is the code of COUNTER."""
    here = number(counter, 0, oath.COUNTER_MAX - 1, "counter") if counter else 0
    used = bool(code) and _code(draft, here) == code
    return Last(here + used)


def _last_step(draft: Draft, code: str, when: str) -> Last:
    """Find the time step whose code was LASTOTP, near LASTTIME."""
    if not code:
        return Last(0)
    if not when:
        raise FormatError("the last code is there, but not its time")
    steps = _steps(when, draft.params["period"])
    for distance in range(REACH + 1):
        found = {
            (step + off, off)
            for step in steps
            for off in (distance, -distance)
            if step + off >= 0 and _code(draft, step + off) == code
        }
        if found:
            step, off = max(found)
            return Last(step, off if abs(off) > 1 else 0)
    note = "the last code is not one of its time; all codes up to that time are refused"
    return Last(max(steps), note=note)


def _steps(when: str, period: int) -> set[int]:
    """Return the time steps of a local time: two in the hour that comes twice in autumn."""
    try:
        local = datetime.strptime(when, _TIME)  # noqa: DTZ007 -- it is local time
        seconds = [int(local.replace(fold=fold).timestamp()) for fold in (0, 1)]
    except (ValueError, OverflowError, OSError):
        raise FormatError("the last time is not like 2026-11-21T19:43:24L") from None
    if not all(0 <= second // period < oath.COUNTER_MAX - REACH for second in seconds):
        raise FormatError("the last time is out of range")
    return {second // period for second in seconds}


def _code(draft: Draft, factor: int) -> str:
    return oath.hotp(bytes.fromhex(draft.params["secret"]), factor, digits=draft.params["digits"])


def _line(item: Imported, account: str) -> str:
    draft, user = item.draft, item.user or account
    params, name = draft.params, item.draft.name
    if not re.fullmatch(r"[^\s#]\S*", user):
        raise FormatError(f"{name!r}: a usersfile needs the name of its user, without blanks")
    if params["algorithm"] != "SHA1" or params.get("period", 30) not in (30, 60):
        raise FormatError(
            f"{name!r}: pam_oath has no codes but of SHA1 and 30 or 60 s", hint="--format uris"
        )
    period = params.get("period", 0)
    kind = f"HOTP/T{period}" if period else "HOTP/E"
    fields = [f"{kind}/{params['digits']}", user, "-", params["secret"]]
    if not period:
        fields.append(str(draft.seen))
    elif draft.seen:
        local = datetime.fromtimestamp((draft.seen - draft.drift) * period)  # noqa: DTZ006 -- local
        fields += ["0", _code(draft, draft.seen), local.strftime(_TIME)]
    return "\t".join(fields)
