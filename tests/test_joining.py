"""Drafts that come again: what either side refuses stays refused, and nothing else changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpauth import changes, oath, state, token
from otpauth.changes import Change
from otpauth.errors import RefusedError
from otpauth.joining import AHEAD_MAX
from otpauth.token import Draft
from tests import samples
from tests.samples import NOW, SECRET, STEP, code_at, code_of, ground

if TYPE_CHECKING:
    from otpauth.record import Record

OLD_CODES = tuple(str(10_000_001 * place) for place in range(1, 6))  # as google-authenticator's


def again(held: Record, *drafts: Draft, now: int = NOW) -> Record:
    """Add drafts to an account."""
    return changes.apply(held, Change(add=drafts), ground(now))


def listed(*codes: str) -> Draft:
    """Return a set of scratch codes of 8 digits."""
    return samples.scratch_draft("scratch", *codes, bits=26)


def used(held: Record, codes: tuple[str, ...]) -> list[str]:
    """Return those of the codes that a login says were used."""
    reasons = {code: samples.decide(held, code).reason for code in codes}
    return [code for code in codes if reasons[code] == "AUTH_OTP_ALREADY_USED"]


def test_the_same_changes_nothing() -> None:
    """What is added a second time leaves the record as it is, to the byte."""
    drafts = (
        samples.totp_draft(seen=STEP, drift=-3),
        samples.hotp_draft(seen=7),
        listed(*OLD_CODES),
    )
    held = samples.account(*drafts, now=NOW)
    assert again(held, *drafts, now=NOW + 5) == held


@pytest.mark.parametrize(("here", "there"), [(STEP, STEP - 9), (STEP - 9, STEP), (0, STEP)])
def test_later_step_counts(here: int, there: int) -> None:
    """Of two last used steps the later one is kept."""
    held = again(samples.account(samples.totp_draft(seen=here), now=NOW), samples.totp_draft())
    held = again(held, samples.totp_draft("other", seen=there))
    assert list(held.state.steps.values()) == [STEP]
    assert [each.name for each in held.ordered()] == ["phone"]
    assert samples.decide(held, code_at(NOW)).reason == "AUTH_OTP_ALREADY_USED"


@pytest.mark.parametrize(("here", "there"), [(7, 3), (3, 7), (7, 0)])
def test_higher_counter_counts(here: int, there: int) -> None:
    """Of two counters the higher one is kept."""
    held = again(samples.account(samples.hotp_draft(seen=here)), samples.hotp_draft(seen=there))
    assert list(held.state.counters.values()) == [7]
    assert samples.decide(held, code_of(6)).verdict == "refuse"
    assert samples.decide(held, code_of(7)).verdict == "accept"


@pytest.mark.parametrize("drift", [-40, 40, 1500])
def test_drift_comes_along(drift: int) -> None:
    """A phone whose clock is far off goes on as it is, and the code it showed last is refused."""
    held = samples.account(samples.totp_draft(seen=STEP + drift, drift=drift), now=NOW)
    assert samples.decide(held, oath.hotp(SECRET, STEP + drift)).verdict == "refuse"
    assert samples.decide(held, oath.hotp(SECRET, STEP + drift + 1)).verdict == "accept"


def test_a_list_that_comes_again() -> None:
    """A list whose file lost passwords since is the same list, and used is what either says."""
    words = dict(samples.LIST_PASSWORDS)
    held = samples.account(samples.list_draft(passwords=words))
    outcome = samples.decide(held, f"7 {words[7]}")
    assert outcome.verdict == "accept"
    lost = words.pop(71)
    held = again(samples.after(outcome, held), samples.list_draft(passwords=words))
    assert [each.name for each in held.ordered()] == ["paper"]
    words[71] = lost
    reasons = {n: samples.decide(held, f"{n} {text}").reason for n, text in words.items()}
    used_up, good = "AUTH_OTP_ALREADY_USED", "AUTH_OK_OTP"
    assert reasons == {0: good, 7: used_up, 71: used_up, 100: good}


def test_lists_are_counted_apart() -> None:
    """Two lists fit beside sixteen tokens, a third does not, and a removed one stays removed."""
    drafts = [samples.totp_draft(f"t{n}", secret=bytes([n]) * 20) for n in range(token.TOKENS_MAX)]
    held = samples.account(*drafts)
    for prefix in ("a", "b"):
        held = again(held, samples.list_draft(prefix=prefix))
    with pytest.raises(RefusedError, match="there are 2 lists already"):
        again(held, samples.list_draft(prefix="c"))
    with pytest.raises(RefusedError, match="there are 16 tokens already"):
        again(held, samples.hotp_draft())
    gone = held.named("paper")
    assert gone
    held = changes.apply(held, Change(remove=(gone.id,)), ground())
    with pytest.raises(RefusedError, match="was removed"):
        again(held, samples.list_draft(prefix="a"))


def test_drift_learned_here_stays() -> None:
    """What was learned here of a phone's clock is not replaced by what was once known elsewhere."""
    held = samples.account(samples.totp_draft(drift=5))
    ((second, _),) = held.state.drifts.values()
    after = again(held, samples.totp_draft(drift=-9))
    assert list(after.state.drifts.values()) == [(second, 5)]


def test_step_of_the_future() -> None:
    """A used step beyond every window is refused, also of a token that is there."""
    held = samples.account(samples.totp_draft(), now=NOW)
    assert again(held, samples.totp_draft(seen=STEP + 3 + AHEAD_MAX, drift=3)).state.steps
    with pytest.raises(RefusedError, match="future"):
        again(held, samples.totp_draft(seen=STEP + 4 + AHEAD_MAX, drift=3))


@pytest.mark.parametrize(
    "draft",
    [
        Draft("hotp", "fob", samples.hotp_params(SECRET)),
        Draft("totp", "phone", samples.totp_params(period=60)),
        Draft("totp", "phone", samples.totp_params(digits=8)),
    ],
)
def test_another_kind_of_code(draft: Draft) -> None:
    """The secret of a token that is there is not taken as one of other codes."""
    with pytest.raises(RefusedError, match="'phone'"):
        again(samples.account(samples.totp_draft()), draft)


def test_used_here_stays_used() -> None:
    """A scratch code that was used here is not good again because an old list still has it."""
    held = samples.account(listed(*OLD_CODES))
    held = samples.after(samples.decide(held, OLD_CODES[1]), held)
    after = again(held, listed(*OLD_CODES))
    assert after == held
    assert used(after, OLD_CODES) == [OLD_CODES[1]]


def test_used_elsewhere_is_used_here() -> None:
    """A scratch code that a list has lost since is used; no second set is made of the rest."""
    held = samples.account(listed(*OLD_CODES))
    held = samples.after(samples.decide(held, OLD_CODES[1]), held)
    after = again(held, listed(OLD_CODES[0], OLD_CODES[1], OLD_CODES[4]))
    assert used(after, OLD_CODES) == list(OLD_CODES[1:4])
    assert len(after.tokens) == 1


def test_used_elsewhere_in_two_sets() -> None:
    """A list that fills two sets is compared as a whole: where its sets divide means nothing."""
    codes = [str(20_000_000 + place) for place in range(30)]
    held = samples.account(listed(*codes[:20]), listed(*codes[20:]))
    rest = codes[:5] + codes[6:]
    after = again(held, listed(*rest[:20]), listed(*rest[20:]))
    assert used(after, tuple(codes)) == [codes[5]]


def test_new_codes_become_a_set() -> None:
    """Codes that are in no set here become one, without those that are."""
    held = samples.account(listed(*OLD_CODES[:3]))
    after = again(held, listed(*OLD_CODES))
    assert sorted(len(each.params["codes"]) for each in after.ordered()) == [2, 3]
    assert used(after, OLD_CODES) == []


def test_removed_stays_removed() -> None:
    """A set that was removed does not come back."""
    held = samples.account(listed(*OLD_CODES))
    (each,) = held.ordered()
    held = changes.remove(held, each.id, NOW)
    with pytest.raises(RefusedError, match="removed"):
        again(held, listed(*OLD_CODES))


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
    st.integers(0, STEP + 1),
)
def test_nothing_refused_becomes_good(first: list[int], second: list[int], seen: int) -> None:
    """However often drafts come, state only grows: the record is its join with what it was."""
    held = samples.account(listed(*(str(30_000_000 + n) for n in first)), samples.totp_draft())
    added = (listed(*(str(30_000_000 + n) for n in second)), samples.totp_draft(seen=seen))
    after = again(held, *added)
    assert state.join(held.state, after.state) == after.state
    assert again(after, *added) == after


def test_app_password_again() -> None:
    """An app password that comes again is the token that is there, with its name and limit."""
    held = samples.account(samples.password_draft())
    (each,) = held.ordered()
    same = again(held, samples.password_draft("other", groups=("sshd",)))
    assert same.ordered() == [each]
    gone = changes.remove(held, each.id, NOW)
    with pytest.raises(RefusedError, match="was removed"):
        again(gone, samples.password_draft())


def test_motp_comes_with_its_step() -> None:
    """A mOTP token that was confirmed by a code has that code used."""
    held = samples.account(samples.motp_draft(seen=NOW // 10), now=NOW)
    assert samples.decide(held, samples.motp_at(NOW)).reason == "AUTH_OTP_ALREADY_USED"
    with pytest.raises(RefusedError, match="of the future"):
        samples.account(samples.motp_draft(seen=NOW // 10 + AHEAD_MAX + 1), now=NOW)
