"""google-authenticator's options of setup: the same letters, long names, ranges and refusals.

What they mean here, and where that differs, is a table in otpauth(1).
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from otpauth import oath, wishes
from otpauth.errors import UsageError
from otpauth.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from otpauth.cli.grammar import Parser

# What -Q takes, and how that is drawn: always black on white, whatever the colours were.
QR_MODES = {
    "NONE": "none",
    "ANSI": "ansi",
    "ANSI_INVERSE": "ansi",
    "ANSI_GREY": "ansi",
    "UTF8": "utf8",
    "UTF8_INVERSE": "utf8",
    "UTF8_GREY": "utf8",
}
MINIMAL = -1  # what -W puts in the place of a number
MINIMAL_WINDOWS = {"totp": 3, "hotp": 1, "motp": 3}
STEP_MAX = 60  # seconds


class Once(argparse.Action):
    """An option that is given once at most; options of one `dest` exclude each other.

    With `const` it is a flag, and that is its value.
    """

    def __init__(self, option_strings: Sequence[str], dest: str, **more: Any) -> None:
        if more.get("const") is not None:
            more["nargs"] = 0
        super().__init__(option_strings, dest, **more)

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 -- argparse's interface
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,  # noqa: ARG002
    ) -> None:
        """Take the value. Raises ArgumentError if there is one already."""
        if getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "given twice, or beside one that excludes it")
        setattr(namespace, self.dest, values if self.const is None else self.const)


def number(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of numbers from `low` to `high`."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"a number from {low} to {high}")
        return int(text)

    return read


def qr_mode(text: str) -> str:
    """Read a mode of -Q: in small or capital letters, with dash or underscore."""
    mode = QR_MODES.get(text.upper().replace("-", "_"))
    if mode is None:
        raise argparse.ArgumentTypeError("one of " + ", ".join(QR_MODES))
    return mode


def file(text: str) -> str:
    """Read the path of -s."""
    if not text:
        raise argparse.ArgumentTypeError("the path of a file")
    return text


Table = tuple[tuple[tuple[str, ...], dict[str, Any]], ...]
# fmt: off
WISHES: Table = (
    (("-w", "--window-size"), {
        "dest": "window", "metavar": "N", "type": number(1, 21),
        "help": "codes accepted at a time, 1 to 21; the host's rule may be narrower",
    }),
    (("-r", "--rate-limit"), {
        "dest": "tries", "metavar": "N", "type": number(1, 10),
        "help": "wrong answers, 1 to 10, in the time of -R; the host's limit holds, too",
    }),
    (("-R", "--rate-time"), {
        "dest": "seconds", "metavar": "S", "type": number(15, 600), "help": "seconds, 15 to 600",
    }),
    (("-u", "--no-rate-limit"), {
        "dest": "unlimited", "const": True, "help": "wish for no limit; the host's limit holds",
    }),
)
SETUP: Table = (
    (("-t", "--time-based"), {
        "dest": "kind", "const": "totp", "help": "codes that change with the time",
    }),
    (("-c", "--counter-based", "--hotp"), {
        "dest": "kind", "const": "hotp", "help": "codes that change when a button is pressed",
    }),
    (("-d", "--disallow-reuse"), {
        "dest": "reuse", "const": "no", "help": "each code works once: always so",
    }),
    (("-D", "--allow-reuse"), {"dest": "reuse", "const": "yes", "help": "has no effect"}),
    (("-f", "--force"), {"const": True, "help": "has no effect"}),
    (("-q", "--quiet"), {"const": True, "help": "show no key and no codes, ask for no code"}),
    (("-Q", "--qr-mode"), {
        "metavar": "MODE", "type": qr_mode, "help": "NONE, ANSI (large) or UTF8 (small)",
    }),
    (("-s", "--secret"), {
        "metavar": "FILE", "type": file,
        "help": "instead of ~/.otpauth, as secret= on the PAM line",
    }),
    (("-S", "--step-size"), {
        "metavar": "S", "type": number(1, STEP_MAX),
        "help": "as --period, 5 to 60; nothing for a counter",
    }),
    (("-W", "--minimal-window"), {
        "dest": "window", "const": MINIMAL, "help": "-w 3, of counter-based codes -w 1",
    }),
)
# fmt: on


def add_wishes(one: Parser) -> None:
    """Add the options that say what a user wishes for his logins."""
    for words, more in WISHES:
        one.add_argument(*words, action=Once, **more)


def add_setup(one: Parser) -> None:
    """Add the options of setup beyond those that other verbs have, too."""
    for words, more in SETUP:
        one.add_argument(*words, action=Once, **more)
    one.add_argument("-C", "--no-confirm", action="store_true", help="ask nothing, print all")
    add_json(one)


def add_json(one: Parser) -> None:
    """Add the option for front ends."""
    one.add_argument("--json", action="store_true", help="one object on stdout, for programs")


def check(options: argparse.Namespace) -> None:
    """Raise UsageError if options of setup make no sense together."""
    if options.reuse and options.kind != "totp":
        raise UsageError("-d and -D are about time-based codes", hint="-t, too")
    if options.step_size and options.period:
        raise UsageError("-S and --period are the same", hint="give one of them")
    if options.step_size and options.kind != "hotp" and options.step_size < oath.PERIOD_MIN:
        raise UsageError(
            f"-S {options.step_size}: nobody types a code in that time",
            hint=f"{oath.PERIOD_MIN} to {STEP_MAX} seconds",
        )
    if options.json and (options.quiet or options.qr_mode):
        raise UsageError("--json shows key and codes, and no QR", hint="without -q and -Q")


def wished(options: argparse.Namespace, kind: str) -> Wishes | None:
    """Return the wishes in the options, None if there are none. Raises UsageError."""
    if (options.tries is None) != (options.seconds is None):
        raise UsageError("-r and -R belong together", hint="like -r 3 -R 30")
    if options.unlimited and options.tries:
        raise UsageError("-u excludes -r and -R")
    window = options.window or 0
    found = Wishes(
        window=MINIMAL_WINDOWS[kind] if window == MINIMAL else window,
        rate_limit=(options.tries or 0, options.seconds or 0),
        unlimited=bool(options.unlimited),
        reuse=getattr(options, "reuse", None) == "yes",
    )
    return None if found == wishes.NONE else found
