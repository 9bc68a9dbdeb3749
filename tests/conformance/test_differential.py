"""The same answers to both modules: equal, but for the table of differences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.conformance import differences
from tests.conformance.anchor import MODES, Pairs
from tests.conformance.scenarios import PLAIN, SCENARIOS, SOME, STEPS
from tests.man import pages
from tests.parts.faketime import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.anchor import Seen

pytestmark = pytest.mark.stage


@pytest.fixture(scope="module")
def clock(stage: Path) -> Iterator[Clock]:
    """Give the clock that both modules run on."""
    assert stage.is_dir()
    with Clock() as made:
        yield made


@pytest.fixture(scope="module")
def pairs(clock: Clock) -> Iterator[Pairs]:
    """Give people enrolled with both modules, one for each mode."""
    with Pairs(clock) as made:
        yield made


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, pairs: Pairs, clock: Clock) -> None:
    """PAM's code, prompts and PAM_AUTHTOK are theirs, or differ as the table says."""
    scenario = SCENARIOS[name]
    faults = []
    for number, step in enumerate(scenario.steps, 1):
        clock.freeze(step.now)
        if number == 1 or step.fresh:
            pairs.install(scenario.file)
        found = pairs.both(scenario.modes, step.code, words=scenario.words)
        faults += _faults(f"{name}.{number}", found)
        if step.state:
            states = pairs.states(SOME, step.state)
            faults += _faults(f"{name}.{number}.state", states)
    faults = [fault for fault in faults if fault]
    assert not faults, "\n".join(faults)


def _faults(step: str, found: dict[str, tuple[Seen, Seen]]) -> list[str]:
    return [differences.fault(step, mode, *both) for mode, both in found.items()]


def test_nullok_with_a_first_factor(pairs: Pairs, clock: Clock) -> None:
    """Told that a password was demanded before, ours lets who has no file pass, as theirs does."""
    clock.freeze(300000)
    pairs.install(None)
    found = pairs.both(tuple(MODES), "050548", words=["nullok"], only_ours=["after_password"])
    for mode, (google, ours) in found.items():
        assert google == ours, mode
        assert google.code == "PAM_IGNORE"


def test_nobody_answers(pairs: Pairs, clock: Clock) -> None:
    """Where a conversation fails, both refuse."""
    clock.freeze(300000)
    pairs.install(PLAIN)
    pair = pairs.pairs["M0"]
    google, ours = pair.google((), None, []), pair.ours((), None, [])
    assert not differences.fault("nobody-answers.1", "M0", google, ours)


def test_every_row_is_about_a_step() -> None:
    """Every row of the table names a step and modes that are run, here or in test_random.py."""
    for row in differences.DIFFERENCES:
        if row.steps.startswith(differences.RANDOM):
            continue
        steps = {(step, mode) for step, mode in STEPS if row in differences.expected(step, mode)}
        assert {mode for _, mode in steps} == set(row.modes), row


def test_every_reason_is_documented() -> None:
    """pam_otpauth(8) tells of every reason in the table; the rest of its items have own tests."""
    told = pages.subsection("pam_otpauth.8", "Differences from pam_google_authenticator")
    items = set(re.findall(r"^\.It Sy (.*)$", told, re.MULTILINE))
    shown = {row.why.item for row in differences.DIFFERENCES}
    assert items - shown == {"grace", "home faults", "made-up users", "malformed lines"}
    assert shown <= items
