"""Limits: who is charged for what, who waits how long, and what a guesser gets in a month."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otpauth import limits, policy, state
from otpauth.kinds import hotp
from otpauth.state import STRANGERS, Event, State
from tests import samples
from tests.samples import ADDRESS, NOW, RULE

if TYPE_CHECKING:
    from otpauth.record import Record

HELD = samples.account(samples.totp_draft(), samples.scratch_draft())
ATTACKER = "198.51.100.9"
DAY = 86400


def failures(*ago: int, bucket: str = STRANGERS) -> State:
    """Return a state with wrong answers so many seconds ago."""
    return State(
        events=frozenset(Event(NOW - each, f"{n:016x}", bucket) for n, each in enumerate(ago))
    )


@pytest.mark.parametrize(
    ("ago", "wait"),
    [
        ((), 0),
        ((1, 2), 0),
        ((0, 1, 2), 28),
        ((0, 0, 0), 30),
        ((10, 20, 29), 1),
        ((10, 20, 30), 0),
        ((0, 10, 20, 29), 10),
        (tuple(range(40, 49)), 0),
        (tuple(range(40, 50)), 260),
        ((*range(3000, 3009), 301), 0),
        ((*range(3000, 3009), 299), 1),
        ((*range(3600, 3609), 100), 0),
        (tuple(range(400, 449)), 0),
        (tuple(range(4000, 4050)), 0),
        (tuple(range(3599, 3649)), 1),
        ((*range(500_000, 500_049), 1000), 2600),
        ((*range(604_800, 604_849), 1000), 0),
    ],
)
def test_wait(ago: tuple[int, ...], wait: int) -> None:
    """3 in 30 s; after 10 in an hour one in 5 minutes; after 50 in a week one an hour."""
    assert limits.wait(failures(*ago), STRANGERS, RULE, NOW) == wait


def test_buckets_are_apart() -> None:
    """Failures in one bucket are none in another."""
    held = failures(*range(60), bucket=ATTACKER)
    assert limits.wait(held, ATTACKER, RULE, NOW) > 0
    assert limits.wait(held, STRANGERS, RULE, NOW) == 0
    assert limits.wait(held, limits.PROPOSALS, RULE, NOW) == 0


def test_rate_of_the_rule() -> None:
    """The rule's own rate holds."""
    rule = RULE._replace(rate_limit=(1, 600))
    assert limits.wait(failures(1), STRANGERS, rule, NOW) == 599


@pytest.mark.parametrize(
    ("rhost", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:DB8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("host.example.org", "name"),
        ("192.0.2.7 x", "name"),
        ("192.0.2.7%.example.org", "name"),
        ("192.0.2.7\n", "name"),
        ("192.0.2.07", "name"),
        ("3221225991", "name"),
        ('"', "name"),
        ("x" * 10_000, "name"),
        ("", "local:1000"),
    ],
)
def test_place(rhost: str, place: str) -> None:
    """A place is an IPv4 address, an IPv6 /64, a local caller, or just some name."""
    assert limits.place(rhost, 1000) == place
    assert len(place) <= state.PLACE_MAX


ADDRESSES = {
    "192.0.2.7": "192.0.2.7",
    "::ffff:192.0.2.7": "192.0.2.7",
    "2001:DB8::1": "2001:db8::1",
    "fe80::1%eth0": "fe80::1",
    "127.0.0.1": "",
    "::ffff:127.0.0.1": "",
    "::1": "",
    "::": "",
    "host.example": "",
    "192.0.2.7 x": "",
    "192.0.2.7%.example.org": "",
    "": "",
}


@pytest.mark.parametrize("rhost", ADDRESSES)
def test_address(rhost: str) -> None:
    """A literal address is itself, of IPv6 the whole; names and loopback addresses are none."""
    assert limits.address(rhost) == ADDRESSES[rhost]


def test_graces_are_pruned() -> None:
    """A grace period of the future, or older than any may be, is dropped."""
    kept = {"1" * 16: NOW, "2" * 16: NOW - policy.GRACE_MAX + 1, "3" * 16: NOW + 120}
    gone = {"4" * 16: NOW + 121, "5" * 16: NOW - policy.GRACE_MAX}
    assert limits.prune(State(graces={**kept, **gone}), NOW).graces == kept


@pytest.mark.parametrize(
    ("rhost", "caller", "may"),
    [
        ("192.0.2.7", 0, True),
        ("2001:db8::1", 0, True),
        ("", 1000, True),
        ("", 0, False),
        ("127.0.0.1", 0, False),
        ("127.1.2.3", 0, False),
        ("::1", 0, False),
        ("::ffff:127.0.0.1", 0, False),
        ("localhost", 0, False),
    ],
)
def test_may_be_known(rhost: str, caller: int, *, may: bool) -> None:
    """Names, loopback and root's own processes never become known places."""
    assert limits.may_be_known(limits.place(rhost, caller)) == may


def test_prune() -> None:
    """What is old or of the future has no effect any more."""
    slack = limits.CLOCK_SLACK
    old = limits.WEEK
    held = failures(0, -slack, -slack - 1, old - 1, old)
    assert {NOW - e.second for e in limits.prune(held, NOW).events} == {0, -slack, old - 1}
    life = limits.KNOWN_LIFE
    known = State(known={"a": NOW - life, "b": NOW - life + 1, "c": NOW, "d": NOW + slack + 1})
    assert set(limits.prune(known, NOW).known) == {"b", "c"}
    wrong = State(wrong={"0" * 8: NOW - 60, "1" * 8: NOW - 59, "2" * 8: NOW + slack + 1})
    assert set(limits.prune(wrong, NOW).wrong) == {"1" * 8}


def test_three_in_thirty_seconds() -> None:
    """Of forty tries in one second three are compared, the right code after them is not."""
    held, reasons = HELD, []
    for number in range(40):
        outcome = samples.decide(held, samples.wrong_code(number, now=NOW))
        reasons.append(outcome.reason)
        held = samples.after(outcome, held)
    assert reasons == ["AUTH_FAILED"] * 3 + ["AUTH_RATE_LIMITED"] * 37
    assert samples.decide(held, samples.code_at(NOW)).reason == "AUTH_RATE_LIMITED"
    later = NOW + 30
    assert samples.decide(held, samples.code_at(later), now=later).verdict == "accept"


def test_limited_writes_nothing() -> None:
    """A limited try leaves no trace in the record, right or wrong."""
    held = HELD._replace(state=failures(1, 1, 1))
    for typed in (samples.code_at(NOW), samples.wrong_code(0, now=NOW), "", None, "hunter2"):
        assert samples.decide(held, typed).record is None


def flooded(seconds: int = 1) -> Record:
    """Return the record of an account that knows ADDRESS while strangers flood it."""
    known = State(known={ADDRESS: NOW - DAY})
    events = frozenset(Event(NOW - seconds, f"{n:016x}", STRANGERS) for n in range(64))
    return HELD._replace(state=known._replace(events=events))


def test_known_place_is_apart() -> None:
    """Strangers that flood an account do not shut out a known place (C2)."""
    assert samples.decide(flooded(), samples.code_at(NOW)).verdict == "accept"
    there = samples.decide(flooded(), samples.code_at(NOW), place=ATTACKER)
    assert there.reason == "AUTH_RATE_LIMITED"


def test_known_place_has_its_own_limit() -> None:
    """Failures from a known place shut out that place, and no stranger."""
    held = HELD._replace(state=State(known={ADDRESS: NOW - DAY}))
    for number in range(3):
        held = samples.after(samples.decide(held, samples.wrong_code(number, now=NOW)), held)
    assert samples.decide(held, samples.code_at(NOW)).reason == "AUTH_RATE_LIMITED"
    assert samples.decide(held, samples.code_at(NOW), place=ATTACKER).verdict == "accept"


def test_known_place_expires() -> None:
    """A place that was not used for 90 days is a stranger again."""
    held = flooded()
    known = {ADDRESS: NOW - limits.KNOWN_LIFE}
    held = held._replace(state=held.state._replace(known=known))
    assert samples.decide(held, samples.code_at(NOW)).reason == "AUTH_RATE_LIMITED"


def test_scratch_while_flooded() -> None:
    """A scratch code of 40 bits is compared from anywhere, however limited the account is."""
    outcome = samples.decide(flooded(), samples.SCRATCH_CODES[0], place=ATTACKER)
    assert outcome.reason == "AUTH_OK_SCRATCH"


def test_weak_scratch_while_flooded() -> None:
    """Scratch codes of fewer bits are limited as all else."""
    weak = samples.account(samples.totp_draft(), samples.scratch_draft(bits=26))
    held = weak._replace(state=flooded().state)
    outcome = samples.decide(held, samples.SCRATCH_CODES[0], place=ATTACKER)
    assert outcome.reason == "AUTH_RATE_LIMITED"


def test_scratch_once_a_second() -> None:
    """While limited, one scratch code a second and place is compared, others are let be."""
    first = samples.decide(flooded(), "zzzzzzzz", place=ATTACKER)
    assert first.record is not None
    second = samples.decide(first.record, samples.SCRATCH_CODES[0], place=ATTACKER)
    assert second.reason == "AUTH_RATE_LIMITED"
    assert second.record is None
    elsewhere = samples.decide(first.record, samples.SCRATCH_CODES[0], place="203.0.113.1")
    assert elsewhere.verdict == "accept"
    later = samples.decide(first.record, samples.SCRATCH_CODES[0], place=ATTACKER, now=NOW + 1)
    assert later.verdict == "accept"


def test_tries_are_bounded() -> None:
    """However many places try scratch codes in one second, 16 are compared."""
    held, compared = flooded(), 0
    for number in range(40):
        outcome = samples.decide(held, "zzzzzzzz", place=f"203.0.113.{number}")
        compared += outcome.record is not None
        held = samples.after(outcome, held)
    assert compared == state.TRIES_MAX


def test_success_forgives_its_own_bucket_alone() -> None:
    """An accepted code forgives the fresh failures of its place, not those of strangers."""
    events = failures(1, 1, bucket=ADDRESS).events | failures(2, 3).events
    held = HELD._replace(state=State(known={ADDRESS: NOW - DAY}, events=events))
    outcome = samples.decide(held, samples.code_at(NOW))
    assert outcome.record is not None
    held = outcome.record
    for number in range(2):
        held = samples.after(samples.decide(held, samples.wrong_code(number, now=NOW)), held)
    assert limits.wait(held.state, ADDRESS, RULE, NOW) == 0
    assert samples.events_of(held) == 2


def test_week_outlives_a_success() -> None:
    """The week's count is not forgiven: who guesses from its owner's own address gets no more."""
    ago = range(7200, 7200 + 49)
    held = State(known={ADDRESS: NOW - 60}, events=failures(10, *ago, bucket=ADDRESS).events)
    assert limits.wait(held, ADDRESS, RULE, NOW) == 3590
    fewer = State(known={ADDRESS: NOW - 60}, events=failures(10, *ago[1:], bucket=ADDRESS).events)
    assert limits.wait(fewer, ADDRESS, RULE, NOW) == 0


def test_a_stranger_success_forgives_no_stranger() -> None:
    """A login from a new place leaves the strangers' failures as they are."""
    held = HELD._replace(state=failures(1, 2))
    outcome = samples.decide(held, samples.code_at(NOW))
    assert outcome.record is not None
    assert samples.events_of(outcome.record) == 2
    assert ADDRESS in outcome.record.state.known


def test_scratch_makes_no_place_known() -> None:
    """A scratch code lets in, but makes no place known and resets nothing."""
    held = HELD._replace(state=failures(1, 2))
    outcome = samples.decide(held, samples.SCRATCH_CODES[0])
    assert outcome.record is not None
    assert outcome.record.state.known == {}
    assert samples.events_of(outcome.record) == 2


def test_loopback_never_known() -> None:
    """An accepted code from loopback makes no place known."""
    outcome = samples.decide(HELD, samples.code_at(NOW), place="127.0.0.1")
    assert outcome.record is not None
    assert outcome.record.state.known == {}


def test_future_events_are_ignored() -> None:
    """Failures dated by a clock that was ahead limit nobody (D1)."""
    held = HELD._replace(state=failures(*[-DAY] * 60))
    assert samples.decide(held, samples.code_at(NOW)).verdict == "accept"


def test_same_answer_charged_once() -> None:
    """The same wrong answer again within a minute is charged once, after it again."""
    wrong = samples.wrong_code(0, now=NOW)
    held = HELD
    for second in (0, 10, 59):
        held = samples.after(samples.decide(held, wrong, now=NOW + second), held)
        assert samples.events_of(held) == 1
    held = samples.after(samples.decide(held, wrong, now=NOW + 60), held)
    assert samples.events_of(held) == 2


# C1: what a guesser gets


def guesses(days: int) -> tuple[int, Record]:
    """Guess as often as is allowed; return how many answers were compared."""
    held, now, compared = HELD, NOW, 0
    while now < NOW + days * DAY:
        held = held._replace(state=limits.prune(held.state, now))
        wait = limits.wait(held.state, STRANGERS, RULE, now)
        if wait:
            now += wait
            continue
        wrong = samples.wrong_code(compared % 90, now=now)
        outcome = samples.decide(held, wrong, now=now, place=ATTACKER)
        assert outcome.reason == "AUTH_FAILED"
        held = samples.after(outcome, held)
        held = held._replace(state=state.bounded(held.state), outcomes=())
        compared += 1
        assert compared < 2000
    return compared, held


def test_thirty_days_of_guessing() -> None:
    """Who guesses for 30 days finds a code, of TOTP or HOTP, in 0.5 % or less (C1)."""
    compared, held = guesses(30)
    codes = len({samples.code_at(NOW + each * 30) for each in (-1, 0, 1)})
    by_code = compared * codes / 10**6
    by_scratch = state.TRIES_MAX * 30 * DAY * len(samples.SCRATCH_CODES) * 2.5 / 2**40
    print(f"compared {compared}, chance {by_code:.6f} + scratch {by_scratch:.6f}")
    assert 700 < compared < 850
    assert by_code + by_scratch <= 0.005
    assert compared * hotp.LOOK_AHEAD / 10**6 + by_scratch <= 0.005
    assert samples.events_of(held) <= state.EVENTS_MAX


@pytest.mark.parametrize("places", [2, 6])
def test_known_places_share_no_memory(places: int) -> None:
    """Who guesses from several known places at once gets at each as few tries as from one alone."""

    def tries(names: list[str]) -> dict[str, int]:
        held, now = State(known=dict.fromkeys(names, NOW)), NOW
        found = dict.fromkeys(names, 0)
        while now < NOW + 10 * DAY:
            held = limits.prune(held, now)
            for name in names:
                if not limits.wait(held, name, RULE, now):
                    ident = f"{now:08x}{names.index(name):08x}"
                    held = limits.charge(held, name, ident[4:8] + ident[12:], now=now, ident=ident)
                    held = state.bounded(held)
                    found[name] += 1
            now += min(
                filter(None, (limits.wait(held, name, RULE, now) for name in names)), default=1
            )
        return found

    names = [f"192.0.2.{n}" for n in range(places)]
    alone = tries(names[:1])[names[0]]
    assert 200 < alone < 400
    assert all(abs(number - alone) <= places for number in tries(names).values())
