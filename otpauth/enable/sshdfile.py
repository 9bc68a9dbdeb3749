"""The configuration of sshd with what a service that asks for codes needs, and without, as bytes.

It is a file of its own where sshd_config reads such files, since the first value of a keyword
counts (sshd_config(5)); else it goes into the main file, between two comments: keywords at its
beginning, Match blocks before the first of others. Every other byte stays what and where it is.
"""

from __future__ import annotations

import fnmatch
import os
import re
from typing import TYPE_CHECKING

from otpauth.enable.wanted import KEY, ONE_BOX
from otpauth.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.enable.wanted import Wanted

FOLDER = "/etc/ssh"
MAIN = f"{FOLDER}/sshd_config"
DROPIN = f"{FOLDER}/sshd_config.d/10-otpauth.conf"
BEGIN = "# otpauth: what follows is from otpauth-admin enable sshd; disable takes it out"
END = "# otpauth: end"
_OURS = (
    *("usepam", "passwordauthentication", "authenticationmethods"),
    *("kbdinteractiveauthentication", "challengeresponseauthentication"),
)
_MATCH = re.compile(r'\s*"?match"?[\s=]', re.IGNORECASE)
_INCLUDE = re.compile(r'\s*"?include"?[\s=]+(.*?)\s*(?:#.*)?$', re.IGNORECASE)


def methods(wanted: Wanted) -> str:
    """Return the AuthenticationMethods of those who are asked for a code."""
    if wanted.first == KEY:
        return "publickey,keyboard-interactive"
    return "password keyboard-interactive" if wanted.first == ONE_BOX else "keyboard-interactive"


def asking(wanted: Wanted) -> dict[str, str]:
    """Return the keywords that make sshd ask for a code."""
    return {
        "KbdInteractiveAuthentication": "yes",
        "PasswordAuthentication": "yes" if wanted.first == ONE_BOX else "no",
        "AuthenticationMethods": methods(wanted),
    }


def keywords(wanted: Wanted) -> list[str]:
    """Return the lines that hold for everybody."""
    words = {} if wanted.group else asking(wanted)
    return [f"{key} {value}" for key, value in {"UsePAM": "yes", **words}.items()]


def blocks(wanted: Wanted) -> list[str]:
    """Return the Match blocks: who is spared, since the first one counts, then who is asked."""
    lines = []
    if wanted.spared:
        lines += [f"Match User {','.join(wanted.spared)}", "    AuthenticationMethods publickey"]
    if wanted.group:
        lines += [f"Match Group {wanted.group}"]
        lines += [f"    {key} {value}" for key, value in asking(wanted).items()]
    return lines


def dropin(wanted: Wanted) -> bytes:
    """Return a file of its own. Where it ends, its Match blocks do."""
    return _bytes("\n".join([BEGIN, *keywords(wanted), *blocks(wanted), ""]))


def is_dropin(data: bytes | None) -> bool:
    """Say whether a file of its own is from here."""
    return data is not None and data.startswith(_bytes(BEGIN))


def reads_dropin(main: bytes) -> bool:
    """Say whether the main file reads the file of its own before anything that would outdo it."""
    for line in _text(main).split("\n"):
        if any(is_read(DROPIN, pattern) for pattern in _patterns(line)):
            return True
        if _MATCH.match(line) or _sets(line):
            return False
    return False


def put(main: bytes, wanted: Wanted) -> bytes:
    """Return the main file with what is needed in it; older lines of ours go."""
    lines = _text(take_out(main)).split("\n")
    end = len(lines) - (not lines[-1])
    place = next((n for n, line in enumerate(lines) if _MATCH.match(line)), end)
    if blocks(wanted):
        lines[place:place] = [BEGIN, *blocks(wanted), END]
    lines[0:0] = [BEGIN, *keywords(wanted), END]
    return _bytes("\n".join(lines))


def take_out(main: bytes) -> bytes:
    """Return the main file without any line of ours. Raises RefusedError if an end is missing."""
    left, ours = [], False
    for line in _text(main).split("\n"):
        if line == BEGIN and not ours:
            ours = True
        elif line == END and ours:
            ours = False
        elif not ours:
            left.append(line)
    if ours:
        raise RefusedError(
            f"{MAIN!r}: a line {END!r} is missing", hint="put it where our lines end"
        )
    return _bytes("\n".join(left))


def sense(data: bytes) -> list[str]:
    """Return what sshd makes of a file: its lines without comments and blanks."""
    lines = [" ".join(line.partition("#")[0].split()) for line in _text(data).split("\n")]
    return [line for line in lines if line]


def includes(data: bytes) -> list[str]:
    """Return the patterns of the files that a file includes, as absolute paths."""
    return [pattern for line in _text(data).split("\n") for pattern in _patterns(line)]


def has_match(data: bytes) -> bool:
    """Say whether a file has Match blocks."""
    return any(_MATCH.match(line) for line in _text(data).split("\n"))


def is_read(path: str, pattern: str) -> bool:
    """Say whether a path is one of those that a pattern of an include stands for."""
    return fnmatch.fnmatchcase(path, pattern) and path.count("/") == pattern.count("/")


def mirrored(data: bytes, place: Callable[[str], str]) -> bytes:
    """Return a file whose includes read from elsewhere: `place` gives where a path lies."""

    def moved(line: str) -> str:
        paths = _patterns(line)
        return f"Include {' '.join(place(each) for each in paths)}" if paths else line

    return _bytes("\n".join(moved(line) for line in _text(data).split("\n")))


def _patterns(line: str) -> list[str]:
    found = _INCLUDE.match(line)
    words = found[1].split() if found else []
    return [os.path.join(FOLDER, each.strip('"')) for each in words]


def _sets(line: str) -> bool:
    """Say whether a line sets what ours must set first."""
    word = re.match(r'\s*"?(\w+)"?[\s=]', line)
    return bool(word and word[1].lower() in _OURS)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
