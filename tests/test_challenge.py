"""What is asked before anything is typed: numbers for those whose first factor is known."""

from __future__ import annotations

import pytest

from otpauth import changes
from otpauth.challenge import ASKED_MAX, Challenge, challenge
from otpauth.kinds import paper
from otpauth.login import Asked
from otpauth.record import Record
from tests import samples
from tests.samples import NOW, RULE

PLAIN = "Verification code: "
OTHERS = {n: f"{'bdfgh'[n % 5]}usab {'klmnp'[n // 5]}abad" for n in range(25)}
HELD = samples.account(samples.list_draft("home", OTHERS))
(HOME,) = HELD.ordered()


def ask(held: Record | None, *, first_factor: str = "publickey", **rule: object) -> Challenge:
    """Return what a login is asked."""
    asked = samples.request(NOW, first_factor=first_factor)
    return challenge(held, asked, RULE._replace(**rule), PLAIN)


def alone(found: Challenge) -> Asked:
    """Return what is asked if nobody else is asked anything."""
    return found.asked({each.id: each.numbers[0] for each in found.papers})


def test_a_list_alone() -> None:
    """A user with a list is asked for the first number that is left, and for nothing else."""
    number = paper.order(HOME, HELD.state)[0]
    assert alone(ask(HELD)) == Asked(f"Password {number:03} from list 'home': ", {HOME.id: number})


def test_beside_a_phone() -> None:
    """With a phone or two lists the prompt asks for any of them."""
    held = changes.apply(
        HELD,
        changes.Change(add=(samples.totp_draft(), samples.list_draft("bag"))),
        samples.ground(),
    )
    found = alone(ask(held))
    assert found.numbers
    bag, home = (found.numbers[held.named(name).id] for name in ("bag", "home"))  # type: ignore[union-attr]
    words = f"password {bag:03} from list 'bag', or password {home:03} from list 'home': "
    assert found.prompt == f"Verification code, or {words}"
    assert alone(ask(held, kinds=("list",))).prompt == words[0].upper() + words[1:]


@pytest.mark.parametrize(
    "held",
    [
        None,
        Record("alice", 1000),
        samples.account(samples.totp_draft(), samples.scratch_draft()),
        samples.account(samples.list_draft(expires=NOW)),
    ],
)
def test_nothing_to_ask(held: Record | None) -> None:
    """Who has no list that may be used is asked as everybody."""
    assert alone(ask(held)) == Asked(PLAIN, {})


def test_a_stranger() -> None:
    """Without a first factor, or where the rule has no lists, nobody is asked for more."""
    assert alone(ask(HELD, first_factor="")).prompt == PLAIN
    assert alone(ask(HELD, kinds=("totp", "scratch"))).prompt == PLAIN


def test_none_is_free() -> None:
    """Of a list no more than a few numbers are asked for at once; then none of it counts."""
    found = ask(HELD)
    assert found.papers[0].numbers == paper.order(HOME, HELD.state)[:ASKED_MAX]
    asked = found.asked({HOME.id: -1})
    assert asked == Asked(PLAIN, {})
    outcome = samples.decide(HELD, f"7 {OTHERS[7]}", asked=asked, first_factor="publickey")
    assert outcome.reason == "AUTH_NO_CODE"


def test_used_up() -> None:
    """When every password of a list was used, nothing of it is asked for."""
    state = HELD.state._replace(used={HOME.id: 2 ** len(OTHERS) - 1})
    assert alone(ask(HELD._replace(state=state))).prompt == PLAIN
