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
    """A code at a time, in Unix seconds; `fresh` puts both records back to the start before.

    `state` is an option of the file whose line is compared afterwards, in SOME modes, as
    `scenario.number.state`.
    """

    code: str
    now: int = 10000 * PERIOD
    fresh: bool = False
    state: str = ""


class Scenario(NamedTuple):
    """A file of google-authenticator (None: there is none), and steps in order.

    The file is moved to ours a day before. `words` are arguments of both modules.
    """

    file: str | None
    steps: tuple[Step, ...]
    modes: tuple[str, ...] = ALL
    words: tuple[str, ...] = ()


PLAIN = file_text("TOTP_AUTH")
STRICT = file_text("DISALLOW_REUSE", "TOTP_AUTH")


def at(
    step: int,
    code: str | None = None,
    *,
    period: int = PERIOD,
    fresh: bool = False,
    state: str = "",
) -> Step:
    """Return a step of the clock with its own code, or another."""
    return Step(TOTP[step] if code is None else code, step * period, fresh, state)


def window(*steps: int, period: int = PERIOD) -> tuple[Step, ...]:
    """Return the code of step 10000 at each of these steps, always from the start."""
    return tuple(at(step, TOTP[10000], period=period, fresh=True) for step in steps)


def hotp(*counters: int, state: str = "") -> tuple[Step, ...]:
    """Return counter-based codes, one after another."""
    return tuple(Step(HOTP[counter], state=state) for counter in counters)


def seconds(codes: dict[int, str]) -> tuple[Step, ...]:
    """Return codes, each so many seconds after step 10000."""
    return tuple(Step(code, 10000 * PERIOD + after) for after, code in codes.items())


SCENARIOS = {
    "T1": Scenario(PLAIN, (Step("123456"),)),
    "T2": Scenario(PLAIN, (Step("50548"),), ALONE),
    "T3": Scenario(PLAIN, (Step("0050548"),), ALONE),
    "T4": Scenario(PLAIN, (Step("00050548"),), ALONE),
    "T5": Scenario(PLAIN, (Step(""),)),
    "T6": Scenario(None, (Step("050548"),)),
    "T7": Scenario(None, (Step("050548"),), words=("nullok",)),
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
    "T15": Scenario(  # and T16
        file_text("WINDOW_SIZE 6", "DISALLOW_REUSE", "TOTP_AUTH"),
        (*map(at, range(10001, 10007)), at(10007, state="DISALLOW_REUSE")),
    ),
    "T17": Scenario(  # and T18
        file_text("RATE_LIMIT 4 120", "DISALLOW_REUSE", "TOTP_AUTH"),
        (*map(at, range(20000, 20005)), at(20006, state="RATE_LIMIT")),
    ),
    "T19": Scenario(file_text("RATE_LIMIT 4 120 300000 ", "TOTP_AUTH"), (Step("050548"),)),
    "T20": Scenario(PLAIN, tuple(at(12000 + n, TOTP[11000 + n]) for n in range(4))),
    "T21": Scenario(PLAIN, (at(12020, TOTP[11010]),), words=("noskewadj",)),
    "T22": Scenario(PLAIN, (Step("12345678"),)),
    "T23": Scenario(  # and T24
        file_text("TOTP_AUTH", scratch=("12345678",)), (Step("12345678"), Step("12345678"))
    ),
    "T25": Scenario(file_text("HOTP_COUNTER 1"), hotp(1, 1, 5, state="HOTP_COUNTER")),  # and T26
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
    "skew-near": Scenario(PLAIN, tuple(at(10000 + n, TOTP[10005 + n]) for n in range(4)), SOME),
    "limit": Scenario(
        file_text("RATE_LIMIT 3 30", "TOTP_AUTH"),
        seconds(
            {0: "000000", 5: "000001", 10: "000002", 15: "000003"}
            | {20: "000004", 39: "000005", 44: TOTP[10001], 69: TOTP[10002]}
        ),
        ("M0",),
    ),
    "limit-wished": Scenario(
        file_text("RATE_LIMIT 1 120", "TOTP_AUTH"),
        seconds({0: "000000", 60: TOTP[10002], 130: TOTP[10004]}),
        SOME,
    ),
    "limit-wider": Scenario(
        file_text("RATE_LIMIT 10 30", "TOTP_AUTH"),
        seconds({0: "000000", 1: "000001", 2: "000002", 3: TOTP[10000]}),
        ("M0", "M3"),
    ),
    "hotp-bump": Scenario(file_text("HOTP_COUNTER 1"), (*[Step("000000")] * 3, *hotp(1)), ("M0",)),
    "hotp-no-bump": Scenario(
        file_text("HOTP_COUNTER 1"),
        seconds({0: "000000", 60: "abcdef", 120: "", 180: "87654321", 240: HOTP[1]}),
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
    "hotp-wide": Scenario(
        file_text("HOTP_COUNTER 1", "WINDOW_SIZE 10"), hotp(8), SOME, words=("no_increment_hotp",)
    ),
    "hotp-narrow": Scenario(
        file_text("HOTP_COUNTER 1", "WINDOW_SIZE 1"),
        hotp(2, 1),
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
        PLAIN, (Step("000000"), Step("000001"), Step("000002"), Step("050548")), ("M0",)
    ),
}
_NAMED = [
    (f"{name}.{number}", mode)
    for name, each in SCENARIOS.items()
    for number in range(1, len(each.steps) + 1)
    for mode in each.modes
]
_STATES = [
    (f"{name}.{number}.state", mode)
    for name, each in SCENARIOS.items()
    for number, step in enumerate(each.steps, 1)
    for mode in SOME
    if step.state
]
STEPS = (*_NAMED, *_STATES, ("nobody-answers.1", "M0"))
