"""~/.google_authenticator: one token, its scratch codes and all its state, in plain text.

Line 1 is the secret; lines `" NAME value` are options, in any order, the first of a name counts;
lines of 8 digits are scratch codes. As google-authenticator does, unknown options are ignored, and
scratch codes below a line that is neither are dead. DIGITS and ALGORITHM of the hardened fork are
honoured. What it would refuse at every login is refused here.

DISALLOW_REUSE lists used time steps one by one; the highest is what is kept, so codes before it
that were not used are refused as well. RATE_LIMIT and WINDOW_SIZE become wishes. Stamps of past
attempts, LASTn places of grace_period and RESETTING_TIME_SKEW are not carried.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from otpauth import oath
from otpauth.formats import imported
from otpauth.formats.imported import FormatError, Imported, at, number
from otpauth.formats.written import Written, left_out, one_time, spare_codes
from otpauth.token import DRIFT_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otpauth.formats.imported import Reading

SIZE_MAX = 65536  # bytes, what google-authenticator reads
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_TYPOS = str.maketrans({"0": "O", "1": "L", "8": "B", " ": "", "\t": "", "\r": "", "-": ""})
_CARRIED = (
    *("TOTP_AUTH", "HOTP_COUNTER", "STEP_SIZE", "WINDOW_SIZE", "DISALLOW_REUSE", "RATE_LIMIT"),
    *("TIME_SKEW", "RESETTING_TIME_SKEW", "DIGITS", "ALGORITHM"),
)


class Option(NamedTuple):
    """The value of an option, and its line."""

    value: str
    line: int


def parse(data: bytes, reading: Reading) -> list[Imported]:
    """Read the file. Raises FormatError."""
    if len(data) > SIZE_MAX or b"\0" in data:
        raise FormatError("the file is longer than 64 KiB or holds a NUL")
    lines = data.decode("latin-1").split("\n")
    options = options_of(lines)
    if "OTP_DISABLED" in options:
        raise FormatError(
            "the token is switched off by OTP_DISABLED",
            line=options["OTP_DISABLED"].line,
            hint="take that line out, or set the user up anew",
        )
    with at(1):
        secret = decode_secret(lines[0])
    token = _token(secret, options, reading, time_based=b'" TOTP_AUTH' in data)
    codes, notes = _scratch(lines)
    sets = imported.spare(codes, line=1, notes=notes) if codes else []
    items = [token, *sets] if token else sets
    if not items:
        raise FormatError(
            "neither TOTP_AUTH nor HOTP_COUNTER nor a scratch code is in the file",
            hint="it lets nobody in; set the user up anew",
        )
    if not token:
        wishes = {**_window(options), **rate_limit(options)}
        note = "without TOTP_AUTH or HOTP_COUNTER only the scratch codes were good"
        items[0] = items[0]._replace(wishes=wishes, notes=(*items[0].notes, note))
    return items


def write(items: Sequence[Imported], *, issuer: str, account: str) -> Written:  # noqa: ARG001
    """Write the file, as the setup tool orders it. Raises FormatError."""
    token, *others = one_time(items)
    params = token.draft.params
    if others:
        raise FormatError(
            "a google-authenticator file holds one token, not several", hint="--format uris"
        )
    if params["algorithm"] != "SHA1" or params["digits"] != 6 or params.get("period", 30) > 60:
        raise FormatError(
            "google-authenticator has no codes but of SHA1, 6 digits and at most 60 s",
            hint="--format uris",
        )
    codes, notes = spare_codes(items)
    notes += left_out(items)
    good = [code for code in codes if re.fullmatch(r"[1-9][0-9]{7}", code)]
    if len(good) < len(codes):
        notes.append("google-authenticator has no scratch codes but of 8 digits: not exported")
    lines = [_encode(bytes.fromhex(params["secret"])), *_options(token, notes), *good]
    return Written("".join(f"{line}\n" for line in lines).encode("ascii"), tuple(notes))


def options_of(lines: list[str]) -> dict[str, Option]:
    """Return the options of a file; the first of a name counts."""
    found: dict[str, Option] = {}
    for place, line in enumerate(lines[1:], 2):
        match = re.match(r'" ([^ \t\r]+)[ \t]*([^\r]*)', line)
        if match and match[1] not in found:
            found[match[1]] = Option(match[2], place)
    return found


def decode_secret(text: str) -> bytes:
    """Read base32 as google-authenticator does: look-alikes mapped, odd bits dropped, no padding.

    Raises FormatError.
    """
    bits = size = 0
    secret = bytearray()
    for letter in text.upper().translate(_TYPOS):
        place = _ALPHABET.find(letter)
        if place < 0:
            raise FormatError("the secret is not base32", hint="restore the file from a backup")
        bits, size = (bits << 5 | place) & 0xFFF, size + 5
        if size >= 8:
            size -= 8
            secret.append(bits >> size & 0xFF)
    return bytes(secret)


def rate_limit(options: dict[str, Option]) -> dict[str, str]:
    """Return the wish that RATE_LIMIT is: tries and seconds; what follows are stamps."""
    if "RATE_LIMIT" not in options:
        return {}
    value, line = options["RATE_LIMIT"]
    words = value.split()
    with at(line):
        if len(words) < 2:
            raise FormatError("RATE_LIMIT has not its two numbers")
        tries = number(words[0], 1, 100, "number of tries in RATE_LIMIT")
        seconds = number(words[1], 1, 3600, "number of seconds in RATE_LIMIT")
        for stamp in words[2:]:
            number(stamp, 0, 2**63 - 1, "time of an attempt in RATE_LIMIT")
    return {"rate_limit": f"{tries}/{seconds}s"}


def _token(
    secret: bytes, options: dict[str, Option], reading: Reading, *, time_based: bool
) -> Imported | None:
    counter = _counter(options)
    if not counter and not time_based:
        return None
    if counter:
        period, seen, drift = 30, counter, 0
    else:
        period = _number(options, "STEP_SIZE", 1, 60, 30)
        seen, drift = _used(options), _drift(options)
    line = options["STEP_SIZE"].line if "STEP_SIZE" in options else 1
    with at(line):
        draft = imported.one_time(
            "hotp" if counter else "totp",
            reading.name,
            secret,
            algorithm=_algorithm(options),
            digits=_number(options, "DIGITS", 6, 8, 6),
            period=period,
            seen=seen,
        )
    wishes = {**_window(options), **rate_limit(options)}
    notes = _notes(options, counter_based=bool(counter))
    unknown = 0 if "DISALLOW_REUSE" in options else _number(options, "WINDOW_SIZE", 1, 100, 3)
    draft = draft._replace(drift=drift)
    return Imported("", draft, wishes, line=1, notes=notes, window=unknown)


def _number(options: dict[str, Option], name: str, low: int, high: int, default: int) -> int:
    if name not in options:
        return default
    value, line = options[name]
    with at(line):
        return number(value.strip(), low, high, name)


def _counter(options: dict[str, Option]) -> int:
    """Return the next counter; 0 for none, which is also what garbage and numbers below 1 are."""
    value = options["HOTP_COUNTER"].value.strip() if "HOTP_COUNTER" in options else ""
    if not re.fullmatch(r"[0-9]{1,19}", value):
        return 0
    return _number(options, "HOTP_COUNTER", 0, oath.COUNTER_MAX, 0)


def _used(options: dict[str, Option]) -> int:
    """Return the highest time step that DISALLOW_REUSE lists."""
    value, line = options.get("DISALLOW_REUSE", Option("", 0))
    with at(line):
        steps = [number(each, 0, oath.COUNTER_MAX, "used step") for each in value.split()]
    return max(steps, default=0)


def _drift(options: dict[str, Option]) -> int:
    return _number(options, "TIME_SKEW", -DRIFT_MAX, DRIFT_MAX, 0)


def _algorithm(options: dict[str, Option]) -> str:
    value, line = options.get("ALGORITHM", Option("SHA1", 0))
    if value.strip().upper() not in oath.ALGORITHMS:
        raise FormatError("the ALGORITHM is none of " + " ".join(oath.ALGORITHMS), line=line)
    return value.strip().upper()


def _window(options: dict[str, Option]) -> dict[str, str]:
    if "WINDOW_SIZE" not in options:
        return {}
    return {"window": imported.window_wish(_number(options, "WINDOW_SIZE", 1, 100, 3))}


def _notes(options: dict[str, Option], *, counter_based: bool) -> tuple[str, ...]:
    notes = []
    if not counter_based and "DISALLOW_REUSE" not in options:
        notes.append("a code could be used twice (no DISALLOW_REUSE): all up to now are used up")
    if "WINDOW_SIZE" in options:
        wide = _number(options, "WINDOW_SIZE", 1, 100, 3)
        if imported.window_wish(wide) != str(wide):
            notes.append(f"the window of {wide} is cut to {imported.window_wish(wide)}")
    if "DIGITS" in options or "ALGORITHM" in options:
        notes.append("DIGITS and ALGORITHM are honoured: only the hardened fork does that")
    for name, option in options.items():
        known = name in _CARRIED or re.fullmatch(r"LAST[0-9]", name)
        if not known and re.fullmatch(r"[A-Z][A-Z0-9_]{0,31}", name):
            notes.append(f"line {option.line}: the unknown option {name} is ignored")
    return tuple(notes)


def _scratch(lines: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return the scratch codes down to the first line that is none, with a note if one is left."""
    codes: list[str] = []
    for place, line in enumerate(lines[1:], 2):
        plain = line.rstrip("\r")
        if re.fullmatch(r"[1-9][0-9]{7}", plain, re.ASCII):
            codes.append(plain)
        elif plain and not plain.startswith('"'):
            if any(re.fullmatch(r"[1-9][0-9]{7}\r?", each) for each in lines[place:]):
                return codes, (f"line {place} ends the scratch codes; those below never worked",)
            return codes, ()
    return codes, ()


def _encode(secret: bytes) -> str:
    from otpauth.uri import base32

    return base32(secret)


def _options(token: Imported, notes: list[str]) -> list[str]:
    draft, wishes = token.draft, token.wishes
    window = wishes.get("window", "")
    lines = []
    if "rate_limit" in wishes:
        from otpauth.policy import RULE_KEYS

        tries, seconds = RULE_KEYS["rate_limit"](wishes["rate_limit"])
        lines.append(f'" RATE_LIMIT {tries} {min(seconds, 3600)}')
    if window:
        lines.append(f'" WINDOW_SIZE {window}')
    if draft.kind == "hotp":
        if not draft.seen:
            notes.append("google-authenticator has no counter 0: its code is skipped")
        return [*lines, f'" HOTP_COUNTER {max(draft.seen, 1)}']
    if draft.params["period"] != 30:
        lines.append(f'" STEP_SIZE {draft.params["period"]}')
    lines.append(" ".join(['" DISALLOW_REUSE', *_used_steps(draft.seen, int(window or 3))]))
    lines.append('" TOTP_AUTH')
    return [*lines, f'" TIME_SKEW {draft.drift}'] if draft.drift else lines


def _used_steps(seen: int, window: int) -> list[str]:
    """Return the steps to list so that neither the last used one nor an older one is good."""
    return [str(step) for step in range(max(seen - window + 1, 1), seen + 1)]
