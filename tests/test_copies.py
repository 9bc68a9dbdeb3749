"""Sealed copies: the clear header is the record's own, and of nobody else's."""

from __future__ import annotations

import pytest

from otpauth import copies, keys, seal
from otpauth.errors import OtpauthError, SealError
from tests import samples
from tests.samples import NOW, RECORD_KEY, ROTATED_KEY

HELD = samples.account(samples.totp_draft(), samples.scratch_draft())
SEALED = copies.sealed(RECORD_KEY, HELD)


def test_round_trip() -> None:
    """A record that is sealed is opened, as the same record, also after a rotation."""
    assert copies.opened(RECORD_KEY, SEALED, "alice") == HELD
    assert copies.opened(ROTATED_KEY, SEALED, "alice") == HELD
    newer = copies.sealed(ROTATED_KEY, HELD)
    assert newer.generation == 2
    assert copies.opened(ROTATED_KEY, newer, "alice") == HELD


EDITS = {
    "era": {"era": 5},
    "enrolled": {"enrolled": False},
    "generation": {"generation": 2},
    "host": {"host": "00AA-11BB"},
    "user": {"user": "bob"},
    "no_tokens": {"tokens": ()},
    "token_off": {"tokens": tuple(each._replace(switch="off") for each in SEALED.tokens)},
    "token_order": {"tokens": SEALED.tokens[::-1]},
    "no_notices": {"notices": ()},
    "seal": {"sealed": SEALED.sealed[:-1] + b"\0"},
}


@pytest.mark.parametrize("name", EDITS)
def test_edited(name: str) -> None:
    """A copy of which one clear line was edited does not open (B4)."""
    for user in ("alice", "bob"):
        with pytest.raises(SealError):
            copies.opened(ROTATED_KEY, SEALED._replace(**EDITS[name]), user)


def test_moved() -> None:
    """A copy opens for no other user and on no other host (B4)."""
    with pytest.raises(SealError):
        copies.opened(RECORD_KEY, SEALED, "bob")
    other = keys.RecordKey(bytes(32), (("0000-0000", bytes(32)),))
    with pytest.raises(SealError):
        copies.opened(other, SEALED, "alice")


def test_clear_lines_are_compared() -> None:
    """Clear lines that are sealed with the record, but are not its own, are refused."""
    from otpauth import record

    liar = SEALED._replace(enrolled=False)
    sealed = seal.seal_record(RECORD_KEY, "alice", liar.header(), record.encode(HELD))
    with pytest.raises(OtpauthError):
        copies.opened(RECORD_KEY, liar._replace(sealed=sealed), "alice")


def test_listed() -> None:
    """The header shows when a token was last used and how many scratch codes are left."""
    held = samples.after(samples.decide(HELD, samples.code_at(NOW)), HELD)
    held = samples.after(samples.decide(held, samples.SCRATCH_CODES[0], now=NOW + 1), held)
    shown = {each.name: each for each in copies.sealed(RECORD_KEY, held).tokens}
    assert (shown["phone"].used, shown["phone"].left) == (NOW, -1)
    assert (shown["scratch"].used, shown["scratch"].left) == (NOW + 1, 3)
    assert shown["phone"].added == NOW - 86400
