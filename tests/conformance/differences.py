"""Where ours answers otherwise than google-authenticator's module, each with its reason.

A difference that is not here fails its test; one that is here and does not appear fails, too.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.conformance.anchor import Seen


class Why(NamedTuple):
    """A reason, and under which of its items pam_otpauth(8) tells of it."""

    item: str
    text: str


class Difference(NamedTuple):
    """Steps (`scenario.number`, with wildcards) and modes in which the modules differ, and why.

    `google` and `ours` are PAM's codes, or lines of state; `prompts` are their numbers, None where
    they are equal. Steps of random sequences, `random.kind`, may be equal or as in one of their
    rows, and each of these must be met.
    """

    steps: str
    modes: tuple[str, ...]
    google: str
    ours: str
    why: Why
    prompts: tuple[int, int] | None = None


OK, NO, IGNORE = "PAM_SUCCESS", "PAM_AUTH_ERR", "PAM_IGNORE"
PROMPTED, PASSED, TRIED = ("M0", "M1", "M6", "M7"), ("M2", "M3"), ("M4", "M5")
SOME = ("M0", "M3", "M4")

REUSE = Why("codes once", "a code is good once, always: theirs only if the user had chosen so")
OLDER = Why(
    "codes once",
    "once a code was accepted, older ones are not good any more: somebody may have seen them",
)
ASKS_ON = Why(
    "asked again",
    "PAM_AUTHTOK ended in a code that is used, or right for another time: theirs gives up, ours "
    "asks for another",
)
STRANGER = Why(
    "enumeration", "unknown and unenrolled users are asked like all others, so that nobody can tell"
)
COUNTS = Why(
    "limits", "only wrong answers count against the limit, so its owner does not lock himself out"
)
PROMPT_LIMITED = Why("limits", "a limited login looks like any other refusal: asked, then refused")
ALWAYS_LIMITED = Why("limits", "limits are always on")
HOST_LIMIT = Why("limits", "a file's RATE_LIMIT is a wish: the host's limit holds as well")
PROBING = Why("limits", "what is tried while a limit holds does not prolong it")
WISH = Why("windows", "a file's WINDOW_SIZE is a wish: never wider than the host's window")
LITTER = Why("own state", "state that a stray blank makes unreadable does not exist here")
STAMPS = Why("own state", "the times of attempts are no part of what is exported")
TWO_CODES = Why("skew", "two consecutive codes show how far a phone is off, so the second lets in")
FAR_OFF = Why("skew", "a phone more than 10 minutes off stays refused, unless the host says more")
NO_BUMP = Why("counters", "wrong answers move no counter, or strangers could push it away")
AHEAD = Why("counters", "the next counter and 4 beyond it are looked at, theirs 2 beyond")
SPELLING = Why("spelling", "blanks around a code are not part of it")
DASH = Why("spelling", "a scratch code may be typed with a dash in its middle")
SPARE = Why(
    "asked again",
    "a used code is passed over: the eight digits are a scratch code that was not used",
)
NO_ANSWER = Why("no answer", "a conversation that failed is not begun again")
NO_FACTOR = Why("nullok", "nullok needs a first factor that is known to have been proved")


def _both_ways(steps: str, google: str, ours: str, why: Why) -> tuple[Difference, Difference]:
    """Return the rows of some modes in which only ours asks again where the code came with."""
    return (
        Difference(steps, ("M0", "M3"), google, ours, why),
        Difference(steps, ("M4",), google, ours, why, (0, 1)),
    )


DIFFERENCES: tuple[Difference, ...] = (
    Difference("T6.1", (*TRIED, "M6", "M7"), NO, NO, STRANGER, (0, 1)),
    Difference("T7.1", (*PROMPTED, *TRIED), IGNORE, NO, NO_FACTOR, (0, 1)),
    Difference("T7.1", PASSED, IGNORE, NO, NO_FACTOR),
    *(
        Difference(step, TRIED, NO, NO, ASKS_ON, (0, 1))
        for step in ("T9.[14]", "T10.[14]", "T11.[14]", "T13.2", "T20.[12]")
    ),
    *(
        Difference(step, ("M4",), NO, NO, ASKS_ON, (0, 1))
        for step in (
            "window-1.[13]",
            "window-2.[14]",
            "window-4.[14]",
            "window-17.[14]",
            "late-scratch.5",
            "skew-near.1",
        )
    ),
    Difference("T11.[23]", (*PROMPTED, *PASSED), OK, NO, WISH),
    Difference("T11.[23]", TRIED, OK, NO, WISH, (0, 1)),
    *_both_ways("window-4.2", OK, NO, WISH),
    *_both_ways("window-17.[23]", OK, NO, WISH),
    *_both_ways("hotp-wide.1", OK, NO, WISH),
    Difference("T12.2", (*PROMPTED, *PASSED), OK, NO, REUSE),
    Difference("T12.2", TRIED, OK, NO, REUSE, (0, 1)),
    *_both_ways("older.2", OK, NO, OLDER),
    Difference("T17.5", (*PASSED, *TRIED), NO, OK, COUNTS),
    Difference("T17.5", PROMPTED, NO, OK, COUNTS, (0, 1)),
    Difference(
        "T17.6.state",
        SOME,
        "RATE_LIMIT 4 120 600060 600090 600120 600180",
        "RATE_LIMIT 4 120",
        STAMPS,
    ),
    Difference("T19.1", (*PASSED, *TRIED), NO, OK, LITTER),
    Difference("T19.1", PROMPTED, NO, OK, LITTER, (0, 1)),
    Difference("T20.[34]", (*PROMPTED, *PASSED), OK, NO, FAR_OFF),
    Difference("T20.[34]", TRIED, OK, NO, FAR_OFF, (0, 1)),
    Difference("skew-near.2", SOME, NO, OK, TWO_CODES),
    Difference("T25.2.state", SOME, "HOTP_COUNTER 3", "HOTP_COUNTER 2", NO_BUMP),
    Difference("limit.[456]", ("M0",), NO, NO, PROMPT_LIMITED, (0, 1)),
    Difference("limit.7", ("M0",), NO, OK, PROBING, (0, 1)),
    Difference("limit-wished.2", ("M0", "M4"), NO, NO, PROMPT_LIMITED, (0, 1)),
    Difference("limit-wished.3", ("M0",), NO, OK, PROBING, (0, 1)),
    Difference("limit-wished.3", ("M3", "M4"), NO, OK, PROBING),
    Difference("limit-wider.4", ("M0", "M3"), OK, NO, HOST_LIMIT),
    Difference("guessing.4", ("M0",), OK, NO, ALWAYS_LIMITED),
    Difference("hotp-bump.4", ("M0",), NO, OK, NO_BUMP),
    Difference("hotp-ahead.1", ("M0", "M3"), NO, OK, AHEAD),
    Difference("hotp-ahead.1", ("M4",), NO, OK, AHEAD, (1, 0)),
    Difference("blank-*.1", ("M0", "M6"), NO, OK, SPELLING),
    Difference("scratch-dash.1", ("M0", "M3"), NO, OK, DASH),
    Difference("scratch-dash.1", ("M4",), NO, OK, DASH, (1, 0)),
    Difference("six-wins.2", ("M1", "M2", "M3", "M7"), NO, OK, SPARE),
    Difference("six-wins.2", TRIED, NO, OK, SPARE),
    Difference("nobody-answers.1", ("M0",), NO, NO, NO_ANSWER, (2, 1)),
    Difference("random.used", (*PROMPTED, *PASSED), OK, NO, OLDER),
    Difference("random.used", TRIED, OK, NO, OLDER, (0, 1)),
    Difference("random.used", TRIED, NO, NO, ASKS_ON, (0, 1)),
    Difference("random.far", (*PROMPTED, *PASSED), OK, NO, WISH),
    Difference("random.far", TRIED, OK, NO, WISH, (0, 1)),
    Difference("random.blank", ("M0", "M6"), NO, OK, SPELLING),
    Difference("random.dash", (*PROMPTED, *PASSED), NO, OK, DASH),
    Difference("random.dash", TRIED, NO, OK, DASH, (1, 0)),
)


RANDOM = "random."


def expected(step: str, mode: str) -> list[Difference]:
    """Return the rows about a step in a mode."""
    return [each for each in DIFFERENCES if fnmatchcase(step, each.steps) and mode in each.modes]


def fault(step: str, mode: str, google: Seen, ours: Seen) -> str:
    """Return what is wrong with a pair of results, empty if nothing is."""
    rows = expected(step, mode)
    if not rows:
        return "" if google == ours else f"{step} {mode}: {google} but ours {ours}"
    (row,) = rows
    told = "" if as_told(row, google, ours) else f", not as in {row}"
    return told and f"{step} {mode}: {google} and ours {ours}{told}"


def as_told(row: Difference, google: Seen, ours: Seen) -> bool:
    """Say whether a pair of results differs, and as its row says."""
    prompts = (google.prompts, ours.prompts)
    fits = prompts == row.prompts if row.prompts else prompts[0] == prompts[1]
    return fits and (google.code, ours.code) == (row.google, row.ours) and google != ours
