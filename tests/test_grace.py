"""The grace period: whom an accepted code spares the next, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otpauth import changes, grace, login, record, state
from otpauth.login import Request
from otpauth.wishes import Wishes
from tests import samples
from tests.samples import MARKS, NOW, after, code_at

if TYPE_CHECKING:
    from otpauth.login import Outcome
    from otpauth.policy import Rule
    from otpauth.record import Record

RULE = samples.RULE._replace(grace=3600)
HERE = Request("alice", "sshd", "192.0.2.7", "192.0.2.7", "publickey", NOW, "ssh")
SUDO = Request("alice", "sudo", "", "local:1000", "password", NOW, "/dev/pts/3")
HELD = samples.account(samples.totp_draft(), samples.scratch_draft())


def accepted(asked: Request = HERE, typed: str = "") -> Record:
    """Return the record after a login with a code."""
    chance = login.Chance(MARKS, "0" * 16)
    outcome = login.decide(HELD, asked, typed or code_at(NOW), RULE, chance=chance)
    assert outcome.verdict == "accept"
    return after(outcome, HELD)


def spared(held: Record, asked: Request, rule: Rule = RULE) -> Outcome | None:
    """Return what a login without a code comes to."""
    return login.spared(held, asked, rule, marks=MARKS)


@pytest.mark.parametrize("asked", [HERE, SUDO])
def test_spares(asked: Request) -> None:
    """The same user, service and place need no code until the period is over, and not before it."""
    held = accepted(asked)
    assert spared(HELD, asked) is None
    for later in (0, 1, 3599):
        outcome = spared(held, asked._replace(now=NOW + later))
        assert outcome
        assert (outcome.verdict, outcome.reason, outcome.token) == (
            "accept", "AUTH_OK_GRACE", "phone",
        )  # fmt: skip
    assert spared(held, asked._replace(now=NOW + 3600)) is None


OTHERS = {
    "address": HERE._replace(rhost="192.0.2.8", place="192.0.2.8"),
    "service": HERE._replace(service="imap"),
    "user": HERE._replace(user="bob"),
    "no_address": HERE._replace(rhost="", place="local:0"),
    "no_first_factor": HERE._replace(first_factor=""),
    "tty": SUDO._replace(tty="/dev/pts/4"),
    "no_tty": SUDO._replace(tty=""),
    "caller": SUDO._replace(place="local:1001"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_spares_nobody_else(name: str) -> None:
    """Another place, service, user, terminal, caller, or no first factor: a code is asked for."""
    other = OTHERS[name]
    held = accepted(SUDO if other.service == "sudo" else HERE)
    assert spared(held, other) is None


NOWHERE = {
    "name": HERE._replace(rhost="host.example", place="name"),
    "loopback": HERE._replace(rhost="127.0.0.1", place="127.0.0.1"),
    "loopback6": HERE._replace(rhost="::1", place="::/64"),
    "newline": HERE._replace(rhost="192.0.2.7\nLAST", place="name"),
    "root": SUDO._replace(place="local:0"),
}


@pytest.mark.parametrize("name", NOWHERE)
def test_no_grace_for_places_that_many_share(name: str) -> None:
    """Names, loopback addresses and root's terminals begin no grace period."""
    held = accepted(NOWHERE[name])
    assert not held.state.graces
    assert spared(held, NOWHERE[name]) is None


def test_known_first_factor() -> None:
    """Without a first factor before it, only a line that says one follows may spare a code."""
    bare = HERE._replace(first_factor="")
    held = accepted(bare)
    assert spared(held, bare) is None
    outcome = spared(held, bare, RULE._replace(before_password=True))
    assert outcome
    assert outcome.say == ()


def test_does_not_prolong_itself() -> None:
    """A login that was spared is among the outcomes, and the period ends when it would have."""
    held = accepted()
    outcome = spared(held, HERE._replace(now=NOW + 3000))
    assert outcome
    assert after(outcome, held).outcomes[-1].reason == "AUTH_OK_GRACE"
    assert spared(after(outcome, held), HERE._replace(now=NOW + 3600)) is None


def test_notices_are_shown() -> None:
    """Who is spared a code hears of a token that was added meanwhile, once."""
    held = accepted()
    more = changes.Change(add=(samples.totp_draft("tablet", samples.OTHER_SECRET),))
    held = changes.apply(held, more, samples.ground(NOW + 5))
    outcome = spared(held, HERE._replace(now=NOW + 6))
    assert outcome
    assert "token 'tablet' was added" in outcome.say[0]
    again = spared(after(outcome, held), HERE._replace(now=NOW + 7))
    assert again
    assert again.say == ()


def test_scratch_code_begins_none() -> None:
    """A scratch code spares no code."""
    assert not accepted(typed=samples.SCRATCH_CODES[0]).state.graces


def test_future_entry_is_ignored() -> None:
    """An entry from later than two minutes from now, of a clock gone back, spares nothing (W3)."""
    held = accepted()
    assert spared(held, HERE._replace(now=NOW - 121)) is None


def test_limit_goes_first() -> None:
    """While a place is limited, its grace spares nothing (W13)."""
    held = accepted()
    for number in range(3):
        wrong = samples.wrong_code(number, now=NOW)
        held = after(samples.decide(held, wrong, place="192.0.2.7"), held)
    assert spared(held, HERE) is None
    assert spared(held, HERE._replace(now=NOW + 60)) is not None


def test_ends_with_its_token() -> None:
    """A grace goes with the token that began it, and only with that: removed, off, or expired."""
    held = accepted()
    phone = held.named("phone")
    assert phone
    later = HERE._replace(now=NOW + 9)
    assert spared(changes.remove(held, phone.id, NOW + 5), later) is None
    for label in ({"enabled": False}, {"expires": NOW + 5}):
        tokens = {**held.tokens, phone.id: phone._replace(**label)}
        assert spared(held._replace(tokens=tokens), later) is None
    assert spared(held, later, RULE._replace(kinds=("hotp", "scratch"))) is None
    scratch = held.named("scratch")
    assert scratch
    assert spared(changes.remove(held, scratch.id, NOW + 5), later)


def test_switched_off_and_on() -> None:
    """A token that is switched off and on again, even within a second, asks for a code first."""
    held = accepted()
    phone = held.named("phone")
    assert phone
    ground = samples.ground(NOW)
    for switched in (False, True):
        change = changes.Change(relabel={phone.id: {"enabled": switched}})
        held = changes.apply(held, change, ground)
    assert spared(held, HERE._replace(now=NOW + 60)) is None
    assert spared(accepted(), HERE._replace(now=NOW + 60))


def test_unlock_and_reset_end_it() -> None:
    """What the administrator does to an account ends its grace periods, and no old copy begins."""
    held = accepted()
    for ended in (changes.unlock(held, NOW + 5), changes.reset(held, NOW + 5)):
        assert spared(ended, HERE._replace(now=NOW + 6)) is None
        assert spared(record.join(ended, held), HERE._replace(now=NOW + 6)) is None


def test_off_by_default() -> None:
    """Without the rule nothing is kept, and what is kept spares nothing."""
    held = accepted()
    assert login.spared(held, HERE, samples.RULE, marks=MARKS) is None
    outcome = samples.decide(HELD, code_at(NOW))
    assert outcome.record is not None
    assert not outcome.record.state.graces


def test_bounded() -> None:
    """The newest sources are kept, no more than the limit."""
    held = HELD.state
    for number in range(20):
        asked = HERE._replace(rhost=f"192.0.2.{number}", now=NOW + number)
        held = grace.begin(held, asked, RULE, HELD.ordered()[0], MARKS)
    kept = state.bounded(held).graces
    assert sorted(kept.values()) == list(range(NOW + 20 - state.GRACES_MAX, NOW + 20))


def test_joined_by_the_later() -> None:
    """Of two copies the later login counts."""
    early, late = {"0" * 16: NOW}, {"0" * 16: NOW + 9}
    assert state.join(state.State(graces=late), state.State(graces=early)).graces == late


def test_not_while_a_wished_limit_holds() -> None:
    """A limit that its user wished for ends no grace, and holds it back as the host's own does."""
    held = accepted()
    wrong = samples.wrong_code(0, now=NOW + 60)
    asked = HERE._replace(now=NOW + 60)
    for wished, free in ((Wishes(), True), (Wishes(rate_limit=(1, 600)), False)):
        mine = held._replace(wishes=wished)
        chance = login.Chance(MARKS, samples.fresh_id())
        mine = after(login.decide(mine, asked, wrong, RULE, chance=chance), mine)
        assert bool(spared(mine, asked)) == free
