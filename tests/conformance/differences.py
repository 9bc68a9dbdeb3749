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

    `google` and `ours` are PAM's codes; `prompts` are their numbers, None where they are equal.
    """

    steps: str
    modes: tuple[str, ...]
    google: str
    ours: str
    why: Why
    prompts: tuple[int, int] | None = None


OK, NO = "PAM_SUCCESS", "PAM_AUTH_ERR"
PROMPTED, PASSED, TRIED = ("M0", "M1", "M6", "M7"), ("M2", "M3"), ("M4", "M5")
ALL = (*PROMPTED, *PASSED, *TRIED)

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
LITTER = Why("own state", "state that a stray blank makes unreadable does not exist here")
TWO_CODES = Why("skew", "two consecutive codes show how far a phone is off, so the second lets in")
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

DIFFERENCES: tuple[Difference, ...] = (
    Difference("T6.1", TRIED, NO, NO, STRANGER, (0, 1)),
    Difference("T6.1", ("M6", "M7"), NO, NO, STRANGER, (0, 1)),
    *(
        Difference(step, TRIED, NO, NO, ASKS_ON, (0, 1))
        for step in ("T9.[14]", "T10.[14]", "T11.[14]", "T13.2", "T20.1")
    ),
    *(
        Difference(step, ("M4",), NO, NO, ASKS_ON, (0, 1))
        for step in (
            "window-1.[13]",
            "window-2.[14]",
            "window-4.[14]",
            "window-17.[14]",
            "late-scratch.5",
        )
    ),
    Difference("T12.2", (*PROMPTED, *PASSED), OK, NO, REUSE),
    Difference("T12.2", TRIED, OK, NO, REUSE, (0, 1)),
    Difference("older.2", ("M0", "M3"), OK, NO, OLDER),
    Difference("older.2", ("M4",), OK, NO, OLDER, (0, 1)),
    Difference("T17.5", (*PASSED, *TRIED), NO, OK, COUNTS),
    Difference("T17.5", PROMPTED, NO, OK, COUNTS, (0, 1)),
    Difference("T19.1", (*PASSED, *TRIED), NO, OK, LITTER),
    Difference("T19.1", PROMPTED, NO, OK, LITTER, (0, 1)),
    Difference("T20.2", (*PROMPTED, *PASSED), NO, OK, TWO_CODES),
    Difference("T20.2", TRIED, NO, OK, TWO_CODES),
    Difference("limit.4", ("M0",), NO, NO, PROMPT_LIMITED, (0, 1)),
    Difference("guessing.4", ("M0",), OK, NO, ALWAYS_LIMITED),
    Difference("hotp-bump.4", ("M0",), NO, OK, NO_BUMP),
    Difference("hotp-ahead.1", ("M0", "M3"), NO, OK, AHEAD),
    Difference("hotp-ahead.1", ("M4",), NO, OK, AHEAD, (1, 0)),
    Difference("blank-*.1", ("M0", "M6"), NO, OK, SPELLING),
    Difference("scratch-dash.1", ("M0", "M3"), NO, OK, DASH),
    Difference("scratch-dash.1", ("M4",), NO, OK, DASH, (1, 0)),
    Difference("six-wins.2", ("M1", "M2", "M3", "M7"), NO, OK, SPARE),
    Difference("six-wins.2", TRIED, NO, OK, SPARE),
    Difference("nobody-answers.1", ("M0",), "PAM_AUTH_ERR", NO, NO_ANSWER, (2, 1)),
    Difference("nullok-alone.1", ("M0",), "PAM_IGNORE", NO, NO_FACTOR, (0, 1)),
)


def expected(step: str, mode: str) -> list[Difference]:
    """Return the rows about a step in a mode."""
    return [each for each in DIFFERENCES if fnmatchcase(step, each.steps) and mode in each.modes]


def fault(step: str, mode: str, google: Seen, ours: Seen) -> str:
    """Return what is wrong with a pair of results, empty if nothing is."""
    rows = expected(step, mode)
    if not rows:
        return "" if google == ours else f"{step} {mode}: {google} but ours {ours}"
    (row,) = rows
    prompts = (google.prompts, ours.prompts)
    as_told = prompts == row.prompts if row.prompts else prompts[0] == prompts[1]
    if (google.code, ours.code) == (row.google, row.ours) and as_told and google != ours:
        return ""
    return f"{step} {mode}: {google} and ours {ours}, not as in {row}"
