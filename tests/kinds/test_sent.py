"""Codes that are sent: one that is due, for one user, service and place, once, for its time."""

from __future__ import annotations

import pytest

from otpauth import grace, limits, login, policy, state
from otpauth.kinds import sent
from otpauth.kinds.sent import Reserved, Route
from otpauth.login import Chance, Outcome, Request
from otpauth.record import Record, decode, encode, join
from tests.samples import MARKS, NOW

HERE = "192.0.2.7"
ROUTE = Route("mail", "bob@example.org", 6, 300, (3, 3600))
BLANK = Record("bob", 1000)
RULE = policy.Rule()


def asking(now: int = NOW, service: str = "sshd", place: str = HERE, user: str = "bob") -> Request:
    """Return a request with a first factor."""
    return Request(user, service, place, place, "publickey", now)


def reserve(
    held: Record,
    request: Request,
    *,
    again: bool = False,
    route: Route = ROUTE,
    number: int = 1,
    group: str = "",
    rule: policy.Rule = RULE,
) -> Reserved:
    """Reserve a code, and return what is to be written without the route."""
    seen = sent.given(held, (route,), request, MARKS, group)
    found = sent.reserve(
        seen, route, request, rule, marks=MARKS, number=f"{number:016x}", again=again
    )
    return found._replace(record=sent.stripped(found.record, held))


def answer(
    held: Record, code: str, request: Request, route: Route = ROUTE, *, group: str = ""
) -> Outcome:
    """Decide an answer; the record of the outcome is as it is written."""
    seen = sent.given(held, (route,), request, MARKS, group)
    chance = Chance(MARKS, f"{request.now:016x}")
    outcome = login.decide(seen, request, code, RULE, chance=chance)
    after = sent.stripped(outcome.record, held) if outcome.record else held
    return outcome._replace(record=after)


def written(outcome: Outcome | Reserved) -> Record:
    """Return the record of an outcome as the next login reads it."""
    assert outcome.record
    return decode(encode(outcome.record))


@pytest.mark.parametrize("digits", [6, 7, 8])
def test_once(digits: int) -> None:
    """A code that is due lets in once, is then told as used, and leaves no token behind."""
    route = ROUTE._replace(digits=digits)
    found = reserve(BLANK, asking(), route=route)
    assert (len(found.code), found.until, found.send) == (digits, NOW + 300, True)
    first = answer(written(found), found.code, asking(NOW + 299), route)
    assert (first.reason, first.token) == ("AUTH_OK_OTP", "mail")
    held = written(first)
    assert (held.enrolled, held.tokens, held.state.last) == (False, {}, {})
    assert answer(held, found.code, asking(NOW + 299), route).reason == "AUTH_OTP_ALREADY_USED"


def test_nothing_due() -> None:
    """Where no code was sent, no answer has the shape of one: nothing is compared or charged."""
    outcome = answer(BLANK, "123456", asking())
    assert (outcome.reason, outcome.record) == ("AUTH_NO_CODE", BLANK)


def test_its_time() -> None:
    """A code is wrong from the end of its life on."""
    found = reserve(BLANK, asking())
    assert answer(written(found), found.code, asking(NOW + 300)).reason == "AUTH_FAILED"


@pytest.mark.parametrize(
    "other",
    [
        {"service": "sudo"},
        {"place": "192.0.2.8"},
        {"place": "local:1000"},
        {"user": "eve"},
    ],
)
def test_bound(other: dict[str, str]) -> None:
    """A code is none for another service, place or user."""
    found = reserve(BLANK, asking())
    held = written(found)._replace(user=other.get("user", "bob"))
    assert answer(held, found.code, asking(**other)).verdict == "refuse"  # type: ignore[arg-type]


def test_group() -> None:
    """Within an access group a code is good for each of its services once, for no other group."""
    found = reserve(BLANK, asking(service="imap"), group="mail")
    held = written(found)
    assert answer(held, found.code, asking(service="smtp"), group="files").verdict == "refuse"
    assert answer(held, found.code, asking(service="imap")).verdict == "refuse"
    assert answer(held, found.code, asking(service="mail")).verdict == "refuse"
    first = answer(held, found.code, asking(service="smtp"), group="mail")
    assert first.reason == "AUTH_OK_OTP"
    again = answer(written(first), found.code, asking(service="imap"), group="mail")
    assert again.reason == "AUTH_OTP_ALREADY_USED"


def test_bound_to_its_address() -> None:
    """A code for one address is none for another, so a map that changed takes it back."""
    found = reserve(BLANK, asking())
    other = ROUTE._replace(to="eve@example.org")
    assert answer(written(found), found.code, asking(), other).verdict == "refuse"


def test_reused() -> None:
    """A code that is due is neither made anew nor sent again, but on demand: then the same."""
    found = reserve(BLANK, asking())
    later = reserve(written(found), asking(NOW + 200), number=2)
    assert (later.code, later.until, later.send) == (found.code, found.until, False)
    again = reserve(written(found), asking(NOW + 200), number=2, again=True)
    assert (again.code, again.until, again.send) == (found.code, found.until, True)
    short = reserve(written(found), asking(NOW + 241), number=2)
    assert (short.code != found.code, short.until, short.send) == (True, NOW + 541, True)


def test_behind_by_a_second() -> None:
    """A login that waited for the lock sees what was reserved after it began."""
    found = reserve(BLANK, asking(NOW + 2))
    assert not reserve(written(found), asking(), number=2).send


def test_limit() -> None:
    """So many are sent in the time, to known places apart from all others together."""
    held = BLANK
    for number in range(3):
        found = reserve(held, asking(NOW + number), again=True, number=number)
        assert found.send
        held = written(found)
    for place in (HERE, "192.0.2.8"):
        assert reserve(held, asking(NOW + 3, place=place), again=True, number=9).code == ""
    known = held._replace(state=held.state._replace(known={"192.0.2.9": NOW}))
    assert reserve(known, asking(NOW + 3, place="192.0.2.9"), again=True, number=9).send
    assert reserve(held, asking(NOW + 3601), again=True, number=9).send


@pytest.mark.parametrize("most", [2, 5, 12])
def test_limit_of_known_places(most: int) -> None:
    """Whoever goes from one known place to the next has no more sent than is remembered."""
    places = [f"192.0.2.{number}" for number in range(10, 18)]
    held = BLANK._replace(state=state.State(known=dict.fromkeys(places, NOW - 99)))
    route, sends = ROUTE._replace(per_user=(most, 3600)), dict.fromkeys(places, 0)
    for number in range(200):
        place = places[number // 20 % len(places)]
        found = reserve(
            held, asking(NOW + number, place=place), again=True, route=route, number=number
        )
        sends[place] += found.send
        held = written(found)
    assert max(sends.values()) == most
    assert sum(sends.values()) == state.SENDS_MAX


def test_limited_user() -> None:
    """While wrong answers limit a place, nothing is sent there."""
    events = frozenset(
        state.Event(NOW - 1, f"{number:016x}", state.STRANGERS) for number in range(3)
    )
    held = BLANK._replace(state=state.State(events=events))
    assert reserve(held, asking()).code == ""
    assert reserve(held, asking(NOW + 60)).send


def test_locked_user() -> None:
    """A locked user is sent nothing, but where he logged in before."""
    held = BLANK._replace(state=state.State(locked={"": (NOW - 1, NOW + 60)}))
    rule = RULE._replace(lock=(5, 61))
    assert reserve(held, asking(), rule=rule).code == ""
    assert reserve(held, asking(NOW + 60), rule=rule).send
    known = held._replace(state=held.state._replace(known={HERE: NOW - 9}))
    assert reserve(known, asking(), rule=rule).send


def test_wrong_answers_are_charged() -> None:
    """A guess at a code that is due counts as any other."""
    found = reserve(BLANK, asking())
    held = written(found)
    for number in range(3):
        wrong = f"{(int(found.code) + 1 + number) % 10**6:06}"
        outcome = answer(held, wrong, asking(NOW + number))
        assert outcome.reason == "AUTH_FAILED"
        held = written(outcome)
    assert answer(held, found.code, asking(NOW + 4)).reason == "AUTH_RATE_LIMITED"


def test_ended() -> None:
    """What never left is not waited for: its code is nothing, and the next is another."""
    found = reserve(BLANK, asking())
    held = written(found)
    held = held._replace(state=sent.ended(held.state, found.mark))
    assert answer(held, found.code, asking()).verdict == "refuse"
    anew = reserve(held, asking(NOW + 1), number=2)
    assert (anew.send, anew.code != found.code) == (True, True)


def test_within_a_second() -> None:
    """A second code in the same second goes before the first one, whatever an old copy has."""
    found = reserve(BLANK, asking(), number=9)
    used = written(answer(written(found), found.code, asking()))
    anew = reserve(used, asking(), number=1)
    held = written(anew)
    assert (anew.send, anew.code != found.code) == (True, True)
    for joined in (join(used, held), join(held, used)):
        assert answer(joined, found.code, asking()).verdict == "refuse"
        assert answer(joined, anew.code, asking()).verdict == "accept"


def test_session() -> None:
    """While a session makes a code good nothing is sent anew, but on demand; then it is."""
    rule = RULE._replace(session=policy.Span(timeout=600, logins=2))
    found = reserve(BLANK, asking())
    seen = sent.given(written(found), (ROUTE,), asking(), MARKS)
    outcome = login.decide(seen, asking(), found.code, rule, chance=Chance(MARKS, "0" * 16))
    assert outcome.record
    held = sent.stripped(outcome.record, BLANK)

    def again(
        request: Request,
        *,
        on_demand: bool = False,
        of: Record = held,
        route: Route = ROUTE,
        group: str = "",
    ) -> Reserved:
        seen = sent.given(of, (route,), request, MARKS, group)
        here = rule._replace(group=group)
        return sent.reserve(
            seen, route, request, here, marks=MARKS, number="0" * 16, again=on_demand
        )

    late = asking(NOW + 599)
    assert (again(late).lasts, again(late).send) == (True, False)
    assert again(late, on_demand=True).send
    for other in (asking(NOW + 600), asking(place="192.0.2.8"), asking(service="sudo")):
        assert again(other).send
    assert again(late, route=ROUTE._replace(to="bob@example.com")).send
    assert again(late, group="mail").send
    seen = sent.given(held, (ROUTE,), late, MARKS)
    second = login.decide(seen, late, found.code, rule, chance=Chance(MARKS, "1" * 16))
    assert (second.reason, second.record is not None) == ("AUTH_OK_SESSION", True)
    assert second.record
    assert again(late, of=sent.stripped(second.record, BLANK)).send


def test_old_copy() -> None:
    """An old copy of the record does not make a used code good."""
    found = reserve(BLANK, asking())
    before = written(found)
    after = written(answer(before, found.code, asking()))
    for joined in (join(before, after), join(after, before)):
        assert answer(joined, found.code, asking()).reason == "AUTH_OTP_ALREADY_USED"


def test_grace() -> None:
    """A code that was sent begins a grace period like any other, and ends with its route."""
    rule = RULE._replace(grace=3600)
    found = reserve(BLANK, asking())
    seen = sent.given(found.record, (ROUTE,), asking(), MARKS)
    chance = Chance(MARKS, "0" * 16)
    outcome = login.decide(seen, asking(), found.code, rule, chance=chance)
    assert outcome.record
    held = sent.stripped(outcome.record, BLANK)
    assert grace.source(asking())
    later = asking(NOW + 60)
    again = sent.given(held, (ROUTE,), later, MARKS)
    spared = login.spared(again, later, rule, marks=MARKS)
    assert spared
    assert spared.reason == "AUTH_OK_GRACE"
    assert login.spared(held, later, rule, marks=MARKS) is None


def test_life_is_remembered() -> None:
    """No code outlives what the record remembers of it, and no limit the messages it counts."""
    found = reserve(BLANK, asking(), route=ROUTE._replace(lifetime=limits.DUE_LIFE))
    late = asking(NOW + limits.DUE_LIFE - 1)
    route = ROUTE._replace(lifetime=limits.DUE_LIFE)
    assert answer(written(found), found.code, late, route).verdict == "accept"
