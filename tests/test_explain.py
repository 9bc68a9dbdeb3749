"""A decision told step by step: each step is what the decision did, and nothing secret is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import explain, kinds, login
from otpauth.wishes import Wishes
from tests import samples
from tests.samples import ADDRESS, MARKS, NOW, RULE, after, code_at, code_of, decide, wrong_code

if TYPE_CHECKING:
    from otpauth.policy import Rule
    from otpauth.record import Record

HELD = samples.account(samples.totp_draft(), samples.hotp_draft(), samples.scratch_draft())
PHONE, FOB, SCRATCH = (HELD.named(name) for name in ("phone", "fob", "scratch"))
BOTH = (samples.SECRET, samples.OTHER_SECRET)


def told(
    held: Record | None,
    typed: str,
    *,
    now: int = NOW,
    place: str = ADDRESS,
    rule: Rule = RULE,
    asked: login.Asked = login.UNASKED,
) -> tuple[tuple[explain.Step, ...], login.Outcome]:
    """Decide, and explain the decision with bare seconds as times."""
    request = samples.request(now, place)
    chance = login.Chance(MARKS, samples.fresh_id())
    outcome = login.decide(held, request, typed, rule, chance=chance, asked=asked)
    seen = explain.Seen(held, typed, asked, MARKS, outcome)
    return explain.steps(seen, request, rule, outcome, clock=str), outcome


def texts(steps: tuple[explain.Step, ...], about: str) -> list[str]:
    """Return the sentences about one thing."""
    return [each.text for each in steps if each.about == about]


def results(steps: tuple[explain.Step, ...]) -> dict[str, str]:
    """Return what became of each token."""
    return {each.token: each.result for each in steps if each.about == "token"}


def test_a_right_code() -> None:
    """The token that fits is right, the others have another shape or code; the place is known."""
    steps, _ = told(HELD, code_at(NOW))
    assert results(steps) == {"phone": "accepted", "fob": "wrong", "scratch": "shape"}
    assert texts(steps, "then") == [
        "phone: the code and all before it is used up",
        f"{ADDRESS} is known for 90 days from now on; its wrong answers are forgiven",
    ]
    assert steps[-1] == explain.Step(
        "verdict", "accepted: a one-time code was right (AUTH_OK_OTP)", "phone", "accept"
    )


def test_a_used_code() -> None:
    """A used code is told apart from a wrong one, with the time of its use, and nothing counts."""
    first = decide(HELD, code_at(NOW))
    steps, _ = told(first.record, code_at(NOW), now=NOW + 20)
    assert f"phone (totp): right, but that code, or a later one, was used at {NOW}" in texts(
        steps, "token"
    )
    assert texts(steps, "then") == ["nothing is used up, and nothing counts"]


@pytest.mark.parametrize(("steps_off", "outside"), [(2, 1), (-2, 1), (9, 8), (-9, 8)])
def test_outside_of_the_window(steps_off: int, outside: int) -> None:
    """Of a code of another time it is told how many steps outside of the window it is."""
    steps, outcome = told(HELD, code_at(NOW + 30 * steps_off))
    assert outcome.reason == login.PHONE_SKEWED
    word = "step" if outside == 1 else "steps"
    way = "fast" if steps_off > 0 else "slow"
    text = f"phone (totp): right, but {outside} {word} outside of the window: the phone is {way} by"
    assert texts(steps, "token")[0].startswith(f"{text} {30 * abs(steps_off)} s")


def test_presses_ahead() -> None:
    """Of a device whose button was pressed too often it is told how often."""
    steps, outcome = told(HELD, code_of(9))
    assert outcome.reason == login.PHONE_SKEWED
    assert "fob (hotp): right, but 9 presses ahead; the next code of" in " ".join(
        texts(steps, "token")
    )


def test_wrong_codes_are_charged_until_nothing_is_compared() -> None:
    """It is told which bucket a wrong answer counts in, how many those are, and what follows."""
    held = HELD
    for number in range(3):
        steps, outcome = told(held, wrong_code(number, now=NOW, drafts=BOTH))
        held = after(outcome, held)
        (then,) = texts(steps, "then")
        count = "1 wrong answer" if number == 0 else f"{number + 1} wrong answers"
        assert then.startswith(f"charged to all places that are not known, {count} now")
        assert then.endswith(f"; nothing is compared until {NOW + 30}") is (number == 2)
    limited, outcome = told(held, code_at(NOW), now=NOW + 1)
    assert outcome.reason == login.RATE_LIMITED
    assert results(limited) == {"phone": "limited", "fob": "limited", "scratch": "shape"}
    assert f"nothing is compared until {NOW + 30}" in texts(limited, "limit")[0]


def test_a_repeated_wrong_code() -> None:
    """The same wrong answer again is said to be not charged again."""
    code = wrong_code(0, now=NOW, drafts=BOTH)
    steps, _ = told(after(decide(HELD, code), HELD), code, now=NOW + 5)
    assert texts(steps, "then") == [
        "not charged again: the same wrong answer was charged within a minute"
    ]


def test_tokens_that_may_not_be_used() -> None:
    """A token that is off, has expired or is of a kind that is not accepted is told to be so."""
    assert PHONE
    assert FOB
    held = HELD._replace(
        tokens={
            **HELD.tokens,
            PHONE.id: PHONE._replace(enabled=False),
            FOB.id: FOB._replace(expires=NOW),
            "f" * 16: PHONE._replace(id="f" * 16, name="old", groups=("smtp",)),
        }
    )
    rule = RULE._replace(kinds=("totp", "hotp"), names=("imap", "mail"))
    steps, outcome = told(held, code_at(NOW), rule=rule)
    assert outcome.reason == login.TOKEN_MISSING
    assert sorted(texts(steps, "token")) == [
        f"fob (hotp): not compared, it expired at {NOW}",
        "old (totp): not compared, it is limited to smtp",
        "phone (totp): not compared, it is switched off",
        "scratch (scratch): not compared, the rule's kinds are totp hotp",
    ]


def test_wishes_are_told_as_they_are_in_force() -> None:
    """A user's own wish is told, and where the host's rule cuts it short."""
    steps, _ = told(HELD._replace(wishes=Wishes(window=9, set=1)), code_at(NOW))
    assert "wishes, in force: window 3, the host's rule; wished 9" in texts(steps, "user")


def test_nobody() -> None:
    """Somebody without a record is told to have nothing, and where nothing was seen none is."""
    steps, outcome = told(None, "123456")
    assert [each.about for each in steps] == ["user", "verdict"]
    blind = explain.steps(None, samples.request(NOW), RULE, outcome, clock=str)
    assert blind == (explain.verdict(outcome),)


_typed = st.one_of(
    st.integers(-12, 12).map(lambda off: code_at(NOW + 30 * off)),
    st.integers(0, 12).map(code_of),
    st.sampled_from(samples.SCRATCH_CODES),
    st.integers(0, 5).map(lambda number: wrong_code(number, now=NOW, drafts=BOTH)),
    st.sampled_from(["", "hunter2", "071 lusab babad", "7 gutih tugad", "\x00", "\ud800"]),
)


@given(
    answers=st.lists(
        st.tuples(_typed, st.integers(0, 40), st.sampled_from([ADDRESS, "2001:db8::/64"])),
        min_size=1,
        max_size=8,
    ),
    rule=st.sampled_from(
        [
            RULE._replace(names=("imap",)),
            RULE._replace(window=1),
            RULE._replace(kinds=("hotp", "list")),
        ]
    ),
    expires=st.sampled_from([0, NOW + 20]),
    enabled=st.booleans(),
    limit=st.sampled_from([(), ("imap",), ("other",)]),
)
@settings(max_examples=60, deadline=None)
def test_the_steps_lead_to_the_verdict(
    *,
    answers: list[tuple[str, int, str]],
    rule: Rule,
    expires: int,
    enabled: bool,
    limit: tuple[str, ...],
) -> None:
    """What is told of tokens, limits and counts is what the decision did, whatever came before."""
    held = samples.account(
        samples.totp_draft(),
        samples.hotp_draft(expires=expires),
        samples.scratch_draft(),
        samples.list_draft(),
    )
    scratch, paper = held.named("scratch"), held.named("paper")
    assert scratch
    assert paper
    changed = (scratch._replace(enabled=enabled), paper._replace(groups=limit))
    held = held._replace(tokens={**held.tokens, **{each.id: each for each in changed}})
    now = NOW
    for typed, wait, place in answers:
        now += wait
        steps, outcome = told(held, typed, now=now, place=place, rule=rule)
        _agrees(steps, outcome, held, samples.request(now, place), rule)
        assert typed not in re.findall(r"\w+", " ".join(each.text for each in steps))
        held = after(outcome, held)


def _agrees(
    steps: tuple[explain.Step, ...],
    outcome: login.Outcome,
    held: Record,
    request: login.Request,
    rule: Rule,
) -> None:
    verdict = steps[-1]
    assert (verdict.about, verdict.result, verdict.token) == (
        "verdict",
        outcome.verdict,
        outcome.token,
    )
    assert outcome.reason in verdict.text
    found = results(steps)
    assert set(found) == {each.name for each in held.tokens.values()}
    right = {name for name, result in found.items() if result == kinds.ACCEPTED}
    assert bool(right) is (outcome.verdict == login.ACCEPT)
    assert not right or outcome.token in right
    barred = {explain.OFF, explain.EXPIRED, explain.KIND, explain.GROUP}
    usable = {each.name for each in login.usable_tokens(held, request, rule)}
    assert {name for name, result in found.items() if result not in barred} == usable
    if outcome.reason == login.FAILED:
        assert kinds.WRONG in found.values()
        assert not {kinds.USED, kinds.SKEWED, kinds.CLOCK} & set(found.values())
    if outcome.reason == login.ALREADY_USED:
        assert found[outcome.token] == kinds.USED
    if outcome.reason == login.NO_CODE:
        assert set(found.values()) <= barred | {explain.SHAPE}
    charged = len(after(outcome, held).state.events - held.state.events)
    assert charged == sum(text.startswith("charged") for text in texts(steps, "then"))
    assert (explain.LIMITED in found.values()) <= (
        outcome.reason in (login.RATE_LIMITED, login.OK_SCRATCH)
    )
