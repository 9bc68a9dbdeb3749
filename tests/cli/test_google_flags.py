"""google-authenticator's command line on `otpauth setup`, beside the real program.

Every option and every combination is run through both and compared: accepted, that is exit
status 0 and a file, or refused. What is meant to differ is in DIFFERENCES, each with its reason.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from otpauth.cli import flags
from tests.cli.screen import THEMES, Screen, read_qr
from tests.faults import logins
from tests.parts import accounts, enrolment, secrets
from tests.parts.dialogue import Dialogue
from tests.parts.phone import Fob, Phone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage
GOOGLE = "/usr/bin/google-authenticator"
ANSWERS = "y\n" * 12  # to whatever google-authenticator asks
SILENT = ("-t", "-d", "-f", "-r", "3", "-R", "30", "-w", "3", "-C")
KEY = "Your new secret key is: "

OPTIONS: list[tuple[str, ...]] = [
    *(("-t",), ("-c",), ("-C",), ("-d",), ("-D",), ("-f",), ("-q",), ("-u",), ("-W",)),
    *(("-w", "3"), ("-r", "3"), ("-R", "30"), ("-e", "5"), ("-S", "60"), ("-Q", "utf8")),
    *(("-l", "somebody"), ("-i", "somewhere"), ("-s", "otp")),
]
LONG = {
    "-t": "--time-based", "-c": "--counter-based", "-C": "--no-confirm", "-d": "--disallow-reuse",
    "-D": "--allow-reuse", "-f": "--force", "-q": "--quiet", "-u": "--no-rate-limit",
    "-W": "--minimal-window", "-w": "--window-size", "-r": "--rate-limit", "-R": "--rate-time",
    "-e": "--emergency-codes", "-S": "--step-size", "-Q": "--qr-mode", "-l": "--label",
    "-i": "--issuer", "-s": "--secret",
}  # fmt: skip
RANGES = {"-w": (1, 21), "-r": (1, 10), "-R": (15, 600), "-S": (1, 60), "-e": (0, 10)}
NO_NUMBERS = ("", "x", "3x", "3.0", "-1", "+3", " 3", "99999999999999999999")
BESIDE = {"-r": ("-R", "30"), "-R": ("-r", "3")}  # what a range needs so that it is the range

NUMBERS = "a number is digits"
DIFFERENCES: dict[tuple[str, ...], str] = {
    ("-S", "1"): "nobody types a code in under 5 seconds",
    ("-e", "11"): "up to 20 scratch codes are to be had",
    **{(flag, text): NUMBERS for flag in ("-w", "-r", "-S", "-e") for text in ("+3", " 3")},
    **{
        ("-Q", mode): "a later google-authenticator's"
        for mode in ("ANSI_INVERSE", "ANSI-GREY", "UTF8_INVERSE", "utf8-grey")
    },
    ("-i", "a:b"): "an app would show another name",
    ("-i", "a\x1bb"): "an app would show another name",
    ("--lab=x",): "no abbreviated options: the next version may have another one",
    ("--time",): "no abbreviated options: the next version may have another one",
    ("--hotp",): "another spelling of -c",
    ("--codes", "3"): "another spelling of -e",
    ("--digits", "8"): "google-authenticator has 6 digits only",
    ("--algorithm", "SHA256"): "google-authenticator has SHA1 only",
    ("--algorithm", "SHA512"): "google-authenticator has SHA1 only",
    ("--json",): "google-authenticator has no output for programs",
}


def lines() -> Iterator[tuple[str, ...]]:
    """Return all command lines that are compared."""
    yield ()
    yield SILENT
    yield ("-tdfu", "-w3", "-Cq")
    for one in OPTIONS:
        yield one
        yield (f"{LONG[one[0]]}={one[1]}",) if one[1:] else (LONG[one[0]],)
    for one, two in itertools.combinations_with_replacement(OPTIONS, 2):
        yield (*one, *two)
        yield ("-t", *one, *two)
    for flag, (low, high) in RANGES.items():
        for text in (*NO_NUMBERS, str(low - 1), str(low), str(high), str(high + 1)):
            yield (flag, text, *BESIDE.get(flag, ()))
    for mode in ("NONE", "none", "Ansi", "UTF8", "", "bogus", "ANSI_INVERSE", "ANSI-GREY"):
        yield ("-Q", mode)
    yield from [("-Q", "UTF8_INVERSE"), ("-Q", "utf8-grey"), ("-s", ""), ("-i", ""), ("-l", "")]
    yield from [("-t", "-d", "-D"), ("-t", "-r", "3", "-R", "30", "-u"), ("-c", "-d", "-t")]
    yield from [("-h",), ("--help",), ("-x",), ("--nothing",), ("word",), ("-t", "word")]
    yield from [("-w",), ("-w", "3", "-r"), ("-t=1",), ("--time-based=1",), ("-l", "a:b")]
    yield from (tuple(each) for each in DIFFERENCES)


def distinct() -> list[tuple[str, ...]]:
    """Return the lines, none twice."""
    return list(dict.fromkeys(lines()))


def kept(line: tuple[str, ...]) -> tuple[str, ...]:
    """Return a line without what BESIDE put in it: the key in DIFFERENCES."""
    return line[:2] if line[:1] and line[2:] == BESIDE.get(line[0], "-") else line


def accepted(person: Person, command: tuple[str, ...], default: str) -> bool:
    """Run a command; say whether it ended well with a file, and take that away."""
    done = person.run(*command, text=ANSWERS)
    for found in re.findall(r"[A-Z2-7]{26,}", done.stdout):
        secrets.remember(found)
    made = [path for path in (person.home / default, person.home / "otp") if path.exists()]
    for path in made:
        path.unlink()
    return done.returncode == 0 and len(made) == 1


def test_the_grammar_is_google_authenticators(person: Person) -> None:
    """Both programs take and refuse the same lines, but for those in the table, and all of those."""
    differ = {}
    place = {"otp": str(person.home / "otp")}
    for line in distinct():
        words = tuple(place.get(word, word) for word in line)
        theirs = accepted(person, (GOOGLE, "-C", *words), ".google_authenticator")
        ours = accepted(person, (enrolment.OTPAUTH, "setup", "-C", *words), ".otpauth")
        if theirs != ours:
            differ[kept(line)] = "ours" if ours else "theirs"
    assert set(differ) == set(DIFFERENCES), {
        "unlisted": {line: differ[line] for line in set(differ) - set(DIFFERENCES)},
        "no difference": set(DIFFERENCES) - set(differ),
    }
