"""Grace periods: what theirs makes of places and forwarded passwords, and what ours does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.conformance.anchor import ADDRESS, GOOGLE, OURS, PASSWORD, TOTP, file_text, seen
from tests.conformance.scenarios import PERIOD
from tests.parts import log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.anchor import Pair
    from tests.parts import pam

pytestmark = pytest.mark.stage

NOW = 10000 * PERIOD
OK = "PAM_SUCCESS"
WORDS = {GOOGLE: ("grace_period=600",), OURS: ("grace_period=600", "after_password")}


def test_name_with_a_blank(pair: Pair) -> None:
    """A host's name with a blank spares its users the next code in theirs, in ours none does."""
    for module, words in WORDS.items():
        asked = []
        for step in (10000, 10001):
            pair.clock.freeze(step * PERIOD)
            done = pair.drive(module, words, [TOTP[step]], service="blank", rhost="host example")
            assert done.one.ok
            asked.append(len(done.one.asked))
        assert asked == [1, 0 if module == GOOGLE else 1]


def test_name_with_a_newline(pair: Pair) -> None:
    """A newline in a host's name makes a line in their file; in ours, and in our log, none."""
    name = 'x\n" WINDOW_SIZE 99'
    since = log.position()
    for module, words in WORDS.items():
        assert pair.drive(module, words, [TOTP[10000]], rhost=name).one.ok
    assert f'" WINDOW_SIZE 99 {NOW}' in pair.google_file.read_text().split("\n")
    assert "WINDOW_SIZE" not in pair.our_file.read_text()
    (line,) = log.lines(since, containing=f"user={pair.name} ")
    assert "x%0A" in line.text


def test_eleventh_place(pair: Pair) -> None:
    """Beside ten places of the future theirs writes one more as LAST/; ours takes none of them."""
    slots = [f"LAST{number} 198.51.100.{number} {NOW + 60}" for number in range(10)]
    pair.install(file_text(*slots, "DISALLOW_REUSE", "TOTP_AUTH"))
    for module, words in WORDS.items():
        assert pair.drive(module, words, [TOTP[10000]], service="place").one.ok
    assert f'" LAST/ {ADDRESS} {NOW}' in pair.google_file.read_text()
    spared = {
        place: not pair.drive(OURS, WORDS[OURS], [], service="place", rhost=place).one.asked
        for place in (ADDRESS, "198.51.100.0", "198.51.100.9")
    }
    assert spared == {ADDRESS: True, "198.51.100.0": False, "198.51.100.9": False}


@pytest.fixture
def terminals() -> Iterator[tuple[str, str]]:
    """Two terminals that exist."""
    opened = [end for _ in range(2) for end in os.openpty()]
    yield os.ttyname(opened[1]), os.ttyname(opened[3])
    for end in opened:
        os.close(end)


def test_grace_without_an_address(pair: Pair, terminals: tuple[str, str]) -> None:
    """Without an address theirs has no grace (#161); ours has, by caller and terminal."""
    words = ("grace_period=600", "after_password")
    here: pam.Options = {"rhost": "", "ruser": pair.name, "tty": terminals[0]}
    for module, mine in ((GOOGLE, words[:1]), (OURS, words)):
        assert pair.drive(module, mine, [TOTP[10000]], service="local", **here).one.ok
        spared = pair.drive(module, mine, [], service="local", **here).one
        assert spared.ok is (module == OURS)
    for other in (
        *({"tty": terminals[1]}, {"tty": ""}, {"tty": "/dev/pts/no-such"}),
        *({"ruser": "daemon"}, {"ruser": "root"}),
    ):
        there: pam.Options = {**here, **other}  # type: ignore[typeddict-item]
        assert not pair.drive(OURS, words, [], service="local", **there).one.ok, other


def test_grace_and_forwarding(pair: Pair) -> None:
    """With grace, theirs leaves the next module without a password; ours asks (#181, #262).

    Where the line does not say that a password follows, there is no grace.
    """
    words = ("grace_period=600", "forward_pass")
    mine = (*words, "before_password")
    combined = [f"{PASSWORD}{TOTP[10000]}"]
    for module, arguments in ((GOOGLE, words), (OURS, mine)):
        first = seen(pair.drive(module, arguments, combined, service="fwd"), first=False)
        assert first == (OK, 1, PASSWORD)
    assert seen(pair.drive(GOOGLE, words, [], service="fwd"), first=False) == (OK, 0, None)
    again = pair.drive(OURS, mine, [PASSWORD], service="fwd")
    assert again.one.asked == ["Password: "]
    assert seen(again, first=False) == (OK, 1, PASSWORD)
    given = pair.drive(OURS, mine, [PASSWORD], service="fwd", first=True)
    assert seen(given, first=True) == (OK, 0, PASSWORD)
    nobody = pair.drive(OURS, mine, [], service="fwd")
    assert seen(nobody, first=False) == (OK, 1, None)
    bare = pair.drive(OURS, words, [PASSWORD], service="fwd")
    assert bare.one.asked == ["Password & verification code: "]
    assert not bare.one.ok
