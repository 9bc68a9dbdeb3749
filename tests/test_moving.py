"""Imports into a record: a second one joins, nothing removed comes back, nothing used is good."""

from __future__ import annotations

import pytest

from otpauth import changes, moving
from otpauth.errors import RefusedError
from otpauth.formats import Imported
from otpauth.record import Record
from otpauth.token import Draft
from tests import samples
from tests.samples import NOW, STEP, code_at, ground

SPARE = ("12345678", "23456789", "34567890")
BLANK = Record("alice", 1000)


def google(*codes: str, window: int = 0, seen: int = 0) -> tuple[Imported, ...]:
    """Return what a file of google-authenticator yields."""
    spare = Imported("", samples.scratch_draft("scratch", *codes, bits=26))
    phone = Imported("", samples.totp_draft(seen=seen), window=window)
    return (phone, spare) if codes else (phone,)


def move(held: Record, items: tuple[Imported, ...], now: int = NOW) -> moving.Moved:
    """Join an import to a record."""
    return moving.move(held, items, ground(now))


def accepted(held: Record, *codes: str) -> list[str]:
    """Return those of the codes that would let in."""
    return [code for code in codes if samples.decide(held, code).verdict == "accept"]


def test_once_more() -> None:
    """A second import of the same file is whole and changes nothing."""
    first = move(BLANK, google(*SPARE, window=3))
    assert first.whole
    assert move(first.record, google(*SPARE, window=3), NOW + 86400) == first


def test_removed_token() -> None:
    """A token that was removed is not moved again, which is said; the others are."""
    other = Imported("", samples.hotp_draft())
    held = move(BLANK, (*google(), other)).record
    phone = held.named("phone")
    assert phone
    held = changes.remove(held, phone.id, NOW)
    again = move(held, (*google(), other))
    assert (again.record, again.whole) == (held, False)


def test_removed_codes() -> None:
    """Scratch codes that were removed do not come back, though a used one is gone of the list."""
    held = move(BLANK, google(*SPARE)).record
    spare = held.named("scratch")
    assert spare
    held = changes.remove(held, spare.id, NOW)
    again = move(held, google(*SPARE[1:]))
    assert again.record == held
    assert accepted(again.record, *SPARE) == []


def test_removed_phone_brings_no_codes() -> None:
    """Where both were removed, neither comes back."""
    held = move(BLANK, google(*SPARE)).record
    for ident in tuple(held.tokens):
        held = changes.remove(held, ident, NOW)
    assert move(held, google(*SPARE[:2])).record == held


def test_reset_account() -> None:
    """After a reset the old file enrols nobody."""
    held = changes.reset(move(BLANK, google(*SPARE)).record, NOW)
    again = move(held, google(*SPARE))
    assert not again.record.enrolled
    assert not again.whole


@pytest.mark.parametrize(("window", "good"), [(0, [0, 1]), (1, [1]), (3, [])])
def test_codes_used_lately(window: int, good: list[int]) -> None:
    """Where a file does not tell which codes were used, none is good that may have been."""
    held = move(BLANK, google(window=window)).record
    codes = [code_at(NOW + 30 * step) for step in (0, 1)]
    assert accepted(held, *codes) == [codes[step] for step in good]


def test_codes_used_lately_once() -> None:
    """A second import does not use up the code of that moment as well."""
    held = move(BLANK, google(window=3), NOW - 3600).record
    held = move(held, google(window=3)).record
    assert accepted(held, code_at(NOW)) == [code_at(NOW)]


def test_a_slow_phone_and_codes_used_lately() -> None:
    """What may have been used is reckoned by the phone's own clock."""
    draft = samples.totp_draft(drift=-40)
    closed = moving.closed(Imported("", draft, window=3), NOW)
    assert closed.seen == STEP - 39
    assert moving.closed(Imported("", samples.hotp_draft(seen=3), window=3), NOW).seen == 3


def test_kinds() -> None:
    """Scratch codes that are not allowed are left out with a note, other kinds refuse it all."""
    kept, notes = moving.allowed(google(*SPARE), ("totp",))
    assert [item.draft.kind for item in kept] == ["totp"]
    assert notes == ["scratch codes are not allowed on this host and left out"]
    with pytest.raises(RefusedError, match="kind totp is not allowed"):
        moving.allowed(google(*SPARE), ("hotp", "scratch"))
    with pytest.raises(RefusedError, match="kind scratch is not allowed"):
        moving.allowed(google(*SPARE)[1:], ("totp",))


def test_weak_is_told() -> None:
    """A secret under 128 bits is worth a warning, scratch codes of 8 digits are not."""
    weak = Draft("totp", "phone", samples.totp_params(bytes(10)))
    _, notes = moving.allowed((Imported("", weak), *google(*SPARE)), ("totp", "scratch"))
    assert notes == ["the secret of phone is weak, 80 bits: replace it soon"]


LIMITS = {"window": "5", "rate_limit": "3/30s"}


def test_wishes_come_along() -> None:
    """Window and limit of elsewhere are wishes here, with the first import, and never again."""
    (phone,) = google()
    held = move(BLANK, (phone._replace(wishes=LIMITS),)).record
    assert (held.wishes.window, held.wishes.rate_limit) == (5, (3, 30))
    wider = phone._replace(wishes={"window": "17"})
    assert move(held, (wider,)).record == held
    assert moving.wished(google(*SPARE)) is None
