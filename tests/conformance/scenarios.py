"""google-authenticator's own test list T1 to T26, and what else its module was seen to do.

A step is one code at one time, handed over in every mode of its scenario; its name is
`scenario.number`, and tests/conformance/differences.py names steps and modes by that.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.conformance.anchor import HOTP, MODES, TOTP, file_text

ALL = tuple(MODES)
SOME = ("M0", "M3", "M4")
ALONE = ("M0", "M6")  # where the code is the whole answer
PERIOD = 30


class Step(NamedTuple):
    """A code at a time, in Unix seconds; `fresh` puts both records back to the start before."""

    code: str
    now: int = 10000 * PERIOD
    fresh: bool = False


class Scenario(NamedTuple):
    """A file of google-authenticator (None: there is none), and steps in order.

    `words` are arguments of both modules, `ours` of ours alone.
    """

    file: str | None
    steps: tuple[Step, ...]
    modes: tuple[str, ...] = ALL
    words: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()


PLAIN = file_text("TOTP_AUTH")
STRICT = file_text("DISALLOW_REUSE", "TOTP_AUTH")


def at(step: int, code: str | None = None, *, period: int = PERIOD, fresh: bool = False) -> Step:
    """Return a step of the clock with its own code, or another."""
    return Step(TOTP[step] if code is None else code, step * period, fresh)


def window(*steps: int, period: int = PERIOD) -> tuple[Step, ...]:
    """Return the code of step 10000 at each of these steps, always from the start."""
    return tuple(at(step, TOTP[10000], period=period, fresh=True) for step in steps)


def hotp(*counters: int) -> tuple[Step, ...]:
    """Return counter-based codes, one after another."""
    return tuple(Step(HOTP[counter]) for counter in counters)


SCENARIOS = {
    "T1": Scenario(PLAIN, (Step("123456"),)),
    "T2": Scenario(PLAIN, (Step("50548"),), ALONE),
    "T3": Scenario(PLAIN, (Step("0050548"),), ALONE),
    "T4": Scenario(PLAIN, (Step("00050548"),), ALONE),
    "T5": Scenario(PLAIN, (Step(""),)),
    "T6": Scenario(None, (Step("050548"),)),
    "T7": Scenario(None, (Step("050548"),), words=("nullok",), ours=("after_password",)),
    "T8": Scenario(PLAIN, (Step("050548"),)),
    "T9": Scenario(
        file_text("STEP_SIZE 60", "TOTP_AUTH"), window(9998, 9999, 10001, 10002, 10000, period=60)
    ),
    "T10": Scenario(PLAIN, window(9998, 9999, 10001, 10002, 10000)),
    "T11": Scenario(
        file_text("WINDOW_SIZE 6", "TOTP_AUTH"), window(9996, 9997, 10002, 10003, 10000)
    ),
    "T12": Scenario(PLAIN, (Step("050548"), Step("050548"))),
    "T13": Scenario(STRICT, (Step("050548"), Step("050548"))),  # and T14
    "T15": Scenario(STRICT, tuple(at(step) for step in range(10001, 10008))),  # and T16
    "T17": Scenario(  # and T18
        file_text("RATE_LIMIT 4 120", "DISALLOW_REUSE", "TOTP_AUTH"),
        tuple(at(step) for step in (20000, 20001, 20002, 20003, 20004, 20006)),
    ),
    "T19": Scenario(file_text("RATE_LIMIT 4 120 300000 ", "TOTP_AUTH"), (Step("050548"),)),
    "T20": Scenario(
        PLAIN,
        tuple(at(12000 + n, TOTP[11000 + n]) for n in range(4)),
        ours=("resync=12h",),
    ),
    "T21": Scenario(PLAIN, (at(12020, TOTP[11010]),), words=("noskewadj",)),
    "T22": Scenario(PLAIN, (Step("12345678"),)),
    "T23": Scenario(  # and T24
        file_text("TOTP_AUTH", scratch=("12345678",)), (Step("12345678"), Step("12345678"))
    ),
    "T25": Scenario(file_text("HOTP_COUNTER 1"), hotp(1, 1, 5)),  # and T26
    "window-1": Scenario(file_text("WINDOW_SIZE 1", "TOTP_AUTH"), window(9999, 10000, 10001), SOME),
    "window-2": Scenario(
        file_text("WINDOW_SIZE 2", "TOTP_AUTH"), window(9998, 9999, 10000, 10001), SOME
    ),
    "window-4": Scenario(
        file_text("WINDOW_SIZE 4", "TOTP_AUTH"), window(9997, 9998, 10001, 10002), SOME
    ),
    "window-17": Scenario(
        file_text("WINDOW_SIZE 17", "TOTP_AUTH"), window(9991, 9992, 10008, 10009), SOME
    ),
    "older": Scenario(STRICT, (at(10001), at(10001, TOTP[10000]), at(10001, TOTP[10002])), SOME),
    "limit": Scenario(
        file_text("RATE_LIMIT 3 30", "TOTP_AUTH"),
        tuple(Step("000000", 300000 + second) for second in (0, 5, 10, 15, 69)),
        ("M0",),
        ours=("rate_limit=3/30s",),
    ),
    "hotp-bump": Scenario(file_text("HOTP_COUNTER 1"), (*[Step("000000")] * 3, *hotp(1)), ("M0",)),
    "hotp-no-bump": Scenario(
        file_text("HOTP_COUNTER 1"),
        (Step("000000"), Step("abcdef"), Step(""), Step("87654321"), *hotp(1)),
        modes=SOME,
        words=("no_increment_hotp",),
    ),
    "hotp-ahead": Scenario(
        file_text("HOTP_COUNTER 1"), hotp(4), SOME, words=("no_increment_hotp",)
    ),
    "hotp-window": Scenario(
        file_text("HOTP_COUNTER 1", "WINDOW_SIZE 10"),
        hotp(4, 3, 8),
        SOME,
        words=("no_increment_hotp",),
    ),
    "no-otp": Scenario(file_text(scratch=("12345678",)), (Step("050548"), Step("12345678")), SOME),
    "blank-before": Scenario(PLAIN, (Step(" 050548"),), ("M0", "M6")),
    "blank-after": Scenario(PLAIN, (Step("050548 "),), ("M0", "M1", "M3", "M4", "M6")),
    "scratch-dash": Scenario(
        file_text("TOTP_AUTH", scratch=("12345678",)), (Step("1234-5678"),), ("M0", "M3", "M4")
    ),
    "letters": Scenario(PLAIN, (Step("05O548"),), SOME),
    "six-wins": Scenario(
        file_text("DISALLOW_REUSE", "TOTP_AUTH", scratch=("12050548",)),
        (Step("12050548"), Step("12050548")),
    ),
    "late-scratch": Scenario(
        file_text("DISALLOW_REUSE", "TOTP_AUTH", scratch=("12345678", "23456789")),
        (Step("23456789"), Step("050548"), Step("12345678"), Step("23456789"), Step("050548")),
        SOME,
    ),
    "nullok-enrolled": Scenario(PLAIN, (Step("123456"), Step("050548")), SOME, words=("nullok",)),
    "guessing": Scenario(
        PLAIN,
        (Step("000000"), Step("000001"), Step("000002"), Step("050548")),
        ("M0",),
        ours=("rate_limit=3/30s",),
    ),
    "nullok-alone": Scenario(None, (Step("050548"),), ("M0",), words=("nullok",)),
}
_NAMED = [
    (f"{name}.{number}", mode)
    for name, each in SCENARIOS.items()
    for number in range(1, len(each.steps) + 1)
    for mode in each.modes
]
STEPS = (*_NAMED, ("nobody-answers.1", "M0"))
