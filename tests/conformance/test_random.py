"""Random sequences of logins through both modules: equal, or for one of the reasons below.

Neither record is put back between the steps of a sequence, except where the modules have just
differed for a reason: then ours is made anew from google-authenticator's file.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from otpauth import oath
from tests.conformance.anchor import MODES, PASSWORD, Pair, Seen, drafts, file_text
from tests.parts import accounts, log, pam
from tests.parts.faketime import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conformance.anchor import Mode

pytestmark = pytest.mark.stage

START = 300_000
SCRATCH = ("12345678", "23456789", "98765432")
KINDS = {
    "totp": file_text("DISALLOW_REUSE", "TOTP_AUTH", scratch=SCRATCH),
    "wide": file_text("WINDOW_SIZE 17", "DISALLOW_REUSE", "TOTP_AUTH"),
    "hotp": file_text("HOTP_COUNTER 7", "WINDOW_SIZE 10", scratch=SCRATCH[:1]),
}


class Excuse(NamedTuple):
    """A reason that ours gives where it may differ, and what else must be so."""

    reason: str
    holds: Callable[[str, Seen, Seen], bool]
    why: str


EXCUSES = (
    Excuse(
        "AUTH_OTP_ALREADY_USED",
        lambda _, google, ours: google.code == "PAM_SUCCESS" or ours.prompts > google.prompts,
        "a code that is used, or older than a used one, is not good; an earlier module's answer "
        "with one is no reason not to ask",
    ),
    Excuse(
        "AUTH_OK_SCRATCH",
        lambda typed, google, _: google.code == "PAM_AUTH_ERR" and bool({"-", " "} & set(typed)),
        "a dash inside a scratch code and blanks around it are not part of it",
    ),
)


class Login(NamedTuple):
    """One step: how long after the last, in which mode, and what is typed as the code.

    `what` is code (the one `offset` steps or counters away), wrong, scratch (the one of that
    number) or text.
    """

    later: int
    mode: str
    what: str
    offset: int


logins = st.builds(
    Login,
    st.sampled_from([0, 1, 7, 29, 30, 31, 60, 95]),
    st.sampled_from(sorted(MODES)),
    st.sampled_from(["code", "code", "code", "code", "wrong", "scratch", "text"]),
    st.integers(-3, 4),
)
TEXTS = ("", "abcdef", "05054", "0050548", "00000000", "x" * 300, "12345678 ", "1234-5678")


@pytest.fixture(scope="module")
def pairs(stage: Path) -> Iterator[dict[str, Pair]]:
    """Give one person of each kind, enrolled with both modules, all on one clock."""
    assert stage.is_dir()
    for name in ("pamdrive", "pam_probe.so", "true_sleep.so"):  # before several threads want it
        pam.compiled(name)
    with ExitStack() as rest:
        clock = rest.enter_context(Clock())
        yield {kind: Pair(rest.enter_context(accounts.make()), clock) for kind in KINDS}


@settings(
    max_examples=3,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(logins, min_size=20, max_size=24))
def test_random(pairs: dict[str, Pair], steps: list[Login]) -> None:
    """Random sequences of logins, some 200 in all, go as through google-authenticator's module."""
    _run(pairs, steps)


@pytest.mark.soak
@settings(
    max_examples=12,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(logins, min_size=60, max_size=70))
def test_random_soak(pairs: dict[str, Pair], steps: list[Login]) -> None:
    """More than 2,000 random logins go as through theirs."""
    _run(pairs, steps)


def _run(pairs: dict[str, Pair], steps: list[Login]) -> None:
    """Do the same steps with all kinds, side by side."""
    now = START
    (clock,) = {pair.clock for pair in pairs.values()}
    clock.freeze(now)
    for kind, pair in pairs.items():
        pair.install(KINDS[kind])
    with ThreadPoolExecutor(len(pairs)) as threads:
        for number, each in enumerate(steps):
            now += each.later
            clock.freeze(now)
            codes = {kind: _typed(pair, each, now) for kind, pair in pairs.items()}
            since = log.position()
            running = {
                kind: threads.submit(_both, pair, MODES[each.mode], codes[kind], kind)
                for kind, pair in pairs.items()
            }
            for kind, pair in pairs.items():
                google, ours = running[kind].result()
                if google != ours:
                    lines = log.lines(since, containing=f"user={pair.name} ")
                    _excuse(f"{kind}, step {number}, {each}", codes[kind], google, ours, lines)
                    pair.install(pair.google_file.read_text())  # ours anew, from theirs
                pair.forgive()


def _excuse(where: str, code: str, google: Seen, ours: Seen, lines: list[log.Line]) -> None:
    """Fail unless ours told a reason for which it may differ."""
    text = "".join(line.text for line in lines if " reason=" in line.text)
    excused = any(
        f"reason={excuse.reason} " in text and excuse.holds(code, google, ours)
        for excuse in EXCUSES
    )
    assert excused, f"{where}, {code!r}: {google} but ours {ours} {text}"


def _both(pair: Pair, mode: Mode, code: str, kind: str) -> tuple[Seen, Seen]:
    more = ("no_increment_hotp",) if kind == "hotp" else ("noskewadj",)
    authtok = mode.authtok and mode.authtok.format(password=PASSWORD, code=code)
    answers = [] if mode.answer is None else [mode.answer.format(password=PASSWORD, code=code)]
    words = (*mode.words, *more)
    return pair.google(words, authtok, answers), pair.ours((*words, "noskewadj"), authtok, answers)


def _typed(pair: Pair, each: Login, now: int) -> str:
    """Return the text that stands for a code, made from google-authenticator's present file."""
    (token, *_) = drafts(pair.google_file.read_text())
    here = token.seen if token.kind == "hotp" else now // 30
    if each.what == "code":
        return oath.hotp(bytes.fromhex(token.params["secret"]), max(here + each.offset, 0))
    if each.what == "scratch":
        return SCRATCH[each.offset % len(SCRATCH)]
    return "000000" if each.what == "wrong" else TEXTS[each.offset]
