"""Random sequences of logins through both modules: equal, but for the table of differences.

Neither record is put back between the steps of a sequence, except where the modules have just
differed as the table says: then google-authenticator's file is moved to ours anew. A row that is
met in no run, or not in one of its modes, fails: SHOWN goes through all of them.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from otpauth import oath
from tests.conformance.anchor import MODES, Pair, file_text, imported
from tests.conformance.differences import DIFFERENCES, RANDOM, TRIED, as_told, expected
from tests.conformance.scenarios import ALONE
from tests.parts import accounts, pam
from tests.parts.faketime import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.anchor import Seen
    from tests.conformance.differences import Difference

pytestmark = pytest.mark.stage

START = 900_000  # far from the codes in TEXTS
SCRATCH = ("12345678", "23456789", "98765432")
KINDS = {
    "totp": file_text("DISALLOW_REUSE", "TOTP_AUTH", scratch=SCRATCH),
    "wide": file_text("WINDOW_SIZE 17", "DISALLOW_REUSE", "TOTP_AUTH"),
    "hotp": file_text("HOTP_COUNTER 7", "WINDOW_SIZE 10", scratch=SCRATCH[:1]),
}


class Login(NamedTuple):
    """One step: how long after the last, in which mode, and what is typed as the code.

    `what` is code (the one `offset` steps or counters away), wrong, scratch (the one of that
    number) or text.
    """

    later: int
    mode: str
    what: str
    offset: int


class Typed(NamedTuple):
    """A code, and what the table calls it behind RANDOM."""

    name: str
    code: str


logins = st.builds(
    Login,
    st.sampled_from([0, 1, 7, 29, 30, 31, 60, 95]),
    st.sampled_from(sorted(MODES)),
    st.sampled_from(["code", "code", "code", "code", "wrong", "scratch", "text"]),
    st.integers(-3, 4),
)
WORDS = ("no_increment_hotp", "noskewadj")
TEXTS = ("", "abcdef", "05054", "0050548", "00000000", "x" * 300, "12345678 ", "1234-5678")
BLANK, DASH = 6, 7
SHOWN = [
    Login(later, mode, what, offset)
    for mode in MODES
    for later, what, offset in ((95, "code", 1), (0, "code", 0), (95, "code", 4), (0, "text", DASH))
]
SHOWN += [Login(95, mode, "text", BLANK) for mode in ALONE]
SHOWN += [Login(later, mode, "code", 1) for mode in TRIED for later in (95, 0)]


@pytest.fixture(scope="module")
def pairs(stage: Path) -> Iterator[dict[str, Pair]]:
    """Give one person of each kind, enrolled with both modules, all on one clock."""
    assert stage.is_dir()
    for name in ("pamdrive", "pam_probe.so", "true_sleep.so"):  # before several threads want it
        pam.compiled(name)
    with ExitStack() as rest:
        clock = rest.enter_context(Clock())
        yield {kind: Pair(rest.enter_context(accounts.make()), clock) for kind in KINDS}


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def test_random(pairs: dict[str, Pair]) -> None:
    """SHOWN and random sequences, more than 200 logins in all, go as through theirs, or as told."""
    _check(pairs, st.lists(logins, min_size=20, max_size=24), examples=2)


@pytest.mark.soak
def test_random_soak(pairs: dict[str, Pair]) -> None:
    """More than 2,000 random logins go as through theirs, or as told."""
    _check(pairs, st.lists(logins, min_size=60, max_size=70), examples=13)


def _check(
    pairs: dict[str, Pair], sequences: st.SearchStrategy[list[Login]], *, examples: int
) -> None:
    met: set[tuple[Difference, str]] = set()

    @_settings(examples)
    @example(SHOWN)
    @given(sequences)
    def run(steps: list[Login]) -> None:
        met.update(_run(pairs, steps))

    run()
    rows = [row for row in DIFFERENCES if row.steps.startswith(RANDOM)]
    assert met == {(row, mode) for row in rows for mode in row.modes}


def _run(pairs: dict[str, Pair], steps: list[Login]) -> set[tuple[Difference, str]]:
    """Do the same steps with all kinds, side by side; return which rows were met in which modes."""
    met = set()
    now = START
    (clock,) = {pair.clock for pair in pairs.values()}
    clock.freeze(now)
    for kind, pair in pairs.items():
        pair.install(KINDS[kind])
    with ThreadPoolExecutor(len(pairs)) as threads:
        for number, each in enumerate(steps):
            now += each.later
            clock.freeze(now)
            typed = {kind: _typed(pair, each, now) for kind, pair in pairs.items()}
            running = {
                kind: threads.submit(pair.both, each.mode, typed[kind].code, words=WORDS)
                for kind, pair in pairs.items()
            }
            for kind, pair in pairs.items():
                google, ours = running[kind].result()
                if google != ours:
                    where = f"{kind}, step {number}, {each}, {typed[kind]}"
                    met.add((_row(where, typed[kind].name, each.mode, google, ours), each.mode))
                    pair.install(pair.google_file.read_text(), ago=0)
                pair.forgive()
    return met


def _row(where: str, name: str, mode: str, google: Seen, ours: Seen) -> Difference:
    """Return the row that tells of a difference; fail if there is none, or more than one."""
    rows = [row for row in expected(RANDOM + name, mode) if as_told(row, google, ours)]
    assert len(rows) == 1, f"{where}: {google} but ours {ours}, {rows}"
    return rows[0]


def _typed(pair: Pair, each: Login, now: int) -> Typed:
    """Return what stands for a code, by google-authenticator's present file.

    `used` is a code that was, or one older than such; `far` one outside of our window.
    """
    draft = imported(pair.google_file.read_text())[0].draft
    if each.what == "scratch":
        return Typed("scratch", SCRATCH[each.offset % len(SCRATCH)])
    if each.what == "wrong":
        return Typed("wrong", "000000")
    if each.what == "text":
        text = TEXTS[each.offset]
        return Typed("dash" if "-" in text else "blank" if " " in text else "text", text)
    step = max((draft.seen if draft.kind == "hotp" else now // 30) + each.offset, 0)
    code = oath.hotp(bytes.fromhex(draft.params["secret"]), step)
    if draft.kind == "hotp":
        return Typed("used" if step < draft.seen else "code", code)
    far = "far" if abs(each.offset) > 1 else "code"
    return Typed("used" if step <= draft.seen else far, code)
