"""Scratch codes: each once, typed as people type them, kept as keyed hashes only."""

from __future__ import annotations

import pytest

from otpauth import answer, token
from otpauth.kinds import ACCEPTED, USED, WRONG, Match, scratch
from otpauth.state import State
from tests import samples
from tests.samples import MARKS, SCRATCH_CODES

NOTHING = State()
(TOKEN,) = samples.account(samples.scratch_draft()).ordered()


def match(typed: str, held: State = NOTHING) -> Match:
    """Compare an answer as it was typed."""
    found = scratch.match(TOKEN, held, answer.code(typed), marks=MARKS)
    assert found is not None
    return found


def left(held: State) -> int:
    """Return how many codes are left."""
    return token.left(TOKEN, held.used.get(TOKEN.id, 0))


@pytest.mark.parametrize("code", SCRATCH_CODES)
def test_each_once(code: str) -> None:
    """Each code is accepted once and never again, the others are not touched by it."""
    found = match(code)
    assert found.result == ACCEPTED
    assert match(code, found.state).result == USED
    others = [each for each in SCRATCH_CODES if each != code]
    assert [match(each, found.state).result for each in others] == [ACCEPTED] * len(others)
    assert left(found.state) == len(SCRATCH_CODES) - 1


def test_all() -> None:
    """After the last code none is left."""
    held = State()
    for gone, code in enumerate(reversed(SCRATCH_CODES)):
        assert left(held) == len(SCRATCH_CODES) - gone
        held = match(code, held).state
    assert left(held) == 0
    assert {match(code, held).result for code in SCRATCH_CODES} == {USED}


@pytest.mark.parametrize(
    "typed",
    ["0123-abcd", "0123ABCD", "O123abcd", "oi23abcd", "0L23ABCD", " 0123 abcd\n", "0I23-ABCD"],
)
def test_look_alikes(typed: str) -> None:
    """Dash, blanks, capitals and letters that look like digits do not matter."""
    assert match(typed).result == ACCEPTED


@pytest.mark.parametrize("typed", ["0123abce", "00000000", "zzzzzzzz", "12345678"])
def test_wrong(typed: str) -> None:
    """Another code of the right shape is wrong."""
    assert match(typed).result == WRONG


@pytest.mark.parametrize("typed", ["", "0123abc", "0123abcde", "0123abcu", "123456", "hunter2!"])
def test_shape(typed: str) -> None:
    """What cannot be a scratch code is not compared: other lengths, a u, a sign."""
    assert scratch.match(TOKEN, State(), answer.code(typed), marks=MARKS) is None


def test_alphabet() -> None:
    """A code of eight characters has 40 bits, and no two characters that look alike."""
    assert len(token.SCRATCH_ALPHABET) == len(set(token.SCRATCH_ALPHABET)) == 32
    assert not set(token.SCRATCH_ALPHABET) & set("ilou")
    assert token.SCRATCH_LENGTH * 5 == token.SCRATCH_STRONG == 40


def test_only_hashes_are_kept() -> None:
    """A token holds no code in the clear, and hashes that another host's key would not make."""
    assert not set(TOKEN.params["codes"]) & set(SCRATCH_CODES)
    other = MARKS._replace(key=bytes(32))
    found = scratch.match(TOKEN, State(), SCRATCH_CODES[0], marks=other)
    assert found
    assert found.result == WRONG


def test_drafts_are_typable() -> None:
    """A draft's code that nobody could ever type is refused when it is read, or accepted."""
    from otpauth import changes, record
    from otpauth.errors import FormatError, RefusedError

    for code in ("ooooiiii", "uuuuuuuu", "0123456789"):
        draft = samples.scratch_draft("scratch", code)
        try:
            read = changes.decode(changes.encode(changes.Change(add=(draft,))))
            held = changes.apply(record.Record("alice", 1), read, samples.ground())
        except (FormatError, RefusedError):
            continue
        assert samples.decide(held, code).verdict == "accept", code
