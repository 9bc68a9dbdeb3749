"""Sessions: where an accepted code stays good, how long and how often, and what ends it."""

from __future__ import annotations

import itertools
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import answer, changes, limits, login, record, sessions, state, token
from otpauth.kinds import sent
from otpauth.login import Request
from otpauth.policy import Span
from otpauth.state import Session, State
from tests import samples
from tests.man import pages
from tests.samples import MARKS, NOW, after, code_at, code_of, wrong_code

if TYPE_CHECKING:
    from otpauth.login import Outcome, Typed
    from otpauth.policy import Rule
    from otpauth.record import Record

HELD = samples.account(
    samples.totp_draft(),
    samples.hotp_draft(),
    samples.motp_draft(),
    samples.scratch_draft(),
    samples.list_draft(),
    samples.password_draft(),
)
SPAN = Span(timeout=600, idle=120, logins=3)
RULE = samples.RULE._replace(session=SPAN, group="imap", logout=True)
HERE = Request("alice", "imap", "192.0.2.7", "192.0.2.7", "", NOW)
CODE = code_at(NOW)


def decide(
    held: Record, typed: Typed = CODE, asked: Request = HERE, rule: Rule = RULE, *, later: int = 0
) -> Outcome:
    """Decide one login so many seconds later."""
    chance = login.Chance(MARKS, samples.fresh_id())
    return login.decide(held, asked._replace(now=NOW + later), typed, rule, chance=chance)


def begun(typed: Typed = CODE, asked: Request = HERE, rule: Rule = RULE) -> Record:
    """Return the record after a login that began a session."""
    outcome = decide(HELD, typed, asked, rule)
    assert outcome.verdict == "accept"
    return after(outcome, HELD)


def reasons(held: Record, *laters: int, rule: Rule = RULE, typed: Typed = CODE) -> list[str]:
    """Return why each of some logins with one answer ended as it did."""
    found = []
    for later in laters:
        outcome = decide(held, typed, rule=rule, later=later)
        held = after(outcome, held)
        found.append(outcome.reason.removeprefix("AUTH_"))
    return found


def test_same_code_again() -> None:
    """The same code is good until the time is over, and is a used one afterwards, never charged."""
    held = begun(rule=RULE._replace(session=Span(600, 0, 0)))
    rule = RULE._replace(session=Span())  # the rule of the session is that of its beginning
    assert reasons(held, 1, 599, rule=rule) == ["OK_SESSION"] * 2
    assert reasons(held, 600, 3600, 86400) == ["OTP_ALREADY_USED"] * 3
    for later in (600, 3600, 86400):
        outcome = decide(held, later=later)
        assert samples.events_of(after(outcome, held), HERE.place) == 0


def test_idle() -> None:
    """Unused for as long as the rule says it is over; each use makes it last anew."""
    rule = RULE._replace(session=SPAN._replace(logins=0))
    assert reasons(begun(rule=rule), 119, 238, 357) == ["OK_SESSION"] * 3
    assert reasons(begun(rule=rule), 119, 239) == ["OK_SESSION", "OTP_ALREADY_USED"]


def test_as_often_as_it_may() -> None:
    """The first login counts; one too many is refused, told so, and not charged."""
    held = begun()
    assert reasons(held, 1, 2, 3, 4) == [*["OK_SESSION"] * 2, *["SESSION_MAX_LOGIN"] * 2]
    once = begun(rule=RULE._replace(session=SPAN._replace(logins=1)))
    outcome = decide(once, later=1)
    assert (outcome.verdict, outcome.reason) == ("refuse", "AUTH_SESSION_MAX_LOGIN")
    assert outcome.token == "phone"
    assert after(outcome, once).state.events == frozenset()
    assert after(outcome, once).outcomes[-1].reason == "AUTH_SESSION_MAX_LOGIN"


OTHERS = {
    "address": (HERE._replace(rhost="192.0.2.8", place="192.0.2.8"), RULE),
    "user": (HERE._replace(user="bob"), RULE),
    "group": (HERE, RULE._replace(group="smtp")),
    "no_group": (HERE, RULE._replace(group="")),
    "name": (HERE._replace(rhost="web.example", place="name"), RULE),
    "local": (HERE._replace(rhost="", place="local:1000", tty="/dev/pts/3"), RULE),
}


@pytest.mark.parametrize("name", OTHERS)
def test_nowhere_else(name: str) -> None:
    """From another address, for another user or in another group it is a used code."""
    asked, rule = OTHERS[name]
    outcome = decide(begun(), CODE, asked, rule, later=1)
    assert (outcome.verdict, outcome.reason) == ("refuse", "AUTH_OTP_ALREADY_USED")


def test_neighbour_in_one_network() -> None:
    """A session is of one address, though a known place is of all in its /64."""
    asked = HERE._replace(rhost="2001:db8::1", place="2001:db8::/64")
    held = begun(asked=asked)
    assert decide(held, asked=asked, later=1).reason == "AUTH_OK_SESSION"
    mapped = begun()
    assert (
        decide(mapped, asked=HERE._replace(rhost="::ffff:192.0.2.7"), later=1).verdict == "accept"
    )
    assert decide(held, asked=asked._replace(rhost="2001:db8::2"), later=1).verdict == "refuse"


SOURCES = {
    "address": (HERE, True),
    "loopback": (HERE._replace(rhost="127.0.0.1", place="127.0.0.1"), True),
    "loopback6": (HERE._replace(rhost="::1", place="::/64"), True),
    "caller": (HERE._replace(rhost="", place="local:1000", tty="/dev/pts/3"), True),
    "name": (HERE._replace(rhost="web.example", place="name"), False),
    "unspecified": (HERE._replace(rhost="0.0.0.0", place="0.0.0.0"), False),  # noqa: S104
    "root": (HERE._replace(rhost="", place="local:0"), False),
}


@pytest.mark.parametrize("name", SOURCES)
def test_sources(name: str) -> None:
    """Addresses and callers bind a session; names and root's processes need from=any."""
    asked, serves = SOURCES[name]
    again = decide(begun(asked=asked), asked=asked, later=1)
    assert (again.verdict == "accept") == serves
    anywhere = RULE._replace(session=SPAN._replace(anywhere=True))
    assert decide(begun(asked=asked, rule=anywhere), asked=asked, later=1).verdict == "accept"


def test_anywhere() -> None:
    """With from=any the code is good from every address, and its logins are counted together."""
    rule = RULE._replace(session=SPAN._replace(anywhere=True))
    held = begun(rule=rule)
    for number, verdict in ((8, "accept"), (9, "accept"), (10, "refuse")):
        asked = HERE._replace(rhost=f"192.0.2.{number}", place=f"192.0.2.{number}")
        outcome = decide(held, CODE, asked, rule, later=1)
        held = after(outcome, held)
        assert outcome.verdict == verdict


def test_without_a_group() -> None:
    """Without a group a session is the PAM service's own."""
    rule = RULE._replace(group="")
    held = begun(rule=rule)
    assert decide(held, rule=rule, later=1).verdict == "accept"
    other = HERE._replace(service="ftp")
    assert decide(held, CODE, other, rule, later=1).reason == "AUTH_OTP_ALREADY_USED"


def test_ends_with_its_token() -> None:
    """Removed, switched off, expired, or of a kind that is not accepted: the code is a used one."""
    held = begun()
    phone = held.named("phone")
    assert phone
    assert decide(held, later=1).verdict == "accept"
    assert decide(changes.remove(held, phone.id, NOW), later=1).verdict == "refuse"
    for label in ({"enabled": False}, {"expires": NOW}):
        tokens = {**held.tokens, phone.id: phone._replace(**label)}
        assert decide(held._replace(tokens=tokens), later=1).verdict == "refuse"
    kinds = RULE._replace(kinds=("hotp", "scratch"))
    assert decide(held, rule=kinds, later=1).verdict == "refuse"


def test_switched_off_and_on() -> None:
    """Sessions of a token that was switched off are over when it is on again, others are not."""
    held = begun()
    phone, fob = held.named("phone"), held.named("fob")
    assert phone
    assert fob

    def switched(ident: str) -> Record:
        now, off, on = held, *({ident: {"enabled": each}} for each in (False, True))
        for labels in (off, on):
            now = changes.apply(now, changes.Change(relabel=labels), samples.ground(NOW + 1))
        return now

    assert decide(switched(phone.id), later=2).reason == "AUTH_OTP_ALREADY_USED"
    assert decide(switched(fob.id), later=2).reason == "AUTH_OK_SESSION"


def test_ended_while_it_was_forgotten() -> None:
    """To end a session that is there no more ends nothing, and is no fault."""
    held = begun()
    assert sessions.without(held.state, ["0" * 16]) == held.state


def test_every_daily_kind() -> None:
    """Codes of devices and list passwords begin sessions; scratch codes, app passwords none."""
    daily = (CODE, code_of(0), "071 Damuh hidum", samples.motp_at(NOW).upper())
    for typed in (*daily, f" {CODE[:3]} {CODE[3:]} "):
        held = begun(typed)
        assert reasons(held, 1, typed=typed) == ["OK_SESSION"]
    assert not begun(samples.SCRATCH_CODES[0]).state.sessions
    here = RULE._replace(names=("imap",))
    assert not begun(samples.APP_PASSWORD, rule=here).state.sessions
    asked = login.Asked("?", {each.id: 71 for each in HELD.ordered() if each.kind == "list"})
    chance = login.Chance(MARKS, samples.fresh_id())
    held = after(login.decide(HELD, HERE, "damuh hidum", RULE, chance=chance, asked=asked), HELD)
    assert reasons(held, 1, typed="damuh hidum") == ["OK_SESSION"]


def test_sent_codes() -> None:
    """A code that was sent begins a session, which lasts longer than the code."""
    route = sent.Route("mail", "alice@example.org", 6, 300, (6, 3600))
    blank = record.Record("alice", 1000)
    given = sent.given(blank, (route,), HERE, MARKS)
    reserved = sent.reserve(given, route, HERE, RULE, marks=MARKS, number="0" * 16, again=True)
    rule = RULE._replace(session=SPAN._replace(idle=0))
    first = decide(reserved.record, reserved.code, rule=rule)
    assert first.reason == "AUTH_OK_OTP"
    held = sent.stripped(after(first, given), blank)
    seen = sent.given(held, (route,), HERE, MARKS)
    assert decide(seen, reserved.code, rule=rule, later=599).reason == "AUTH_OK_SESSION"
    moved = sent.given(held, (route._replace(to="bob@example.org"),), HERE, MARKS)
    assert decide(moved, reserved.code, rule=rule, later=1).verdict == "refuse"


@pytest.mark.parametrize("anywhere", [False, True])
def test_guesses_at_a_sent_code_are_charged(anywhere: bool) -> None:  # noqa: FBT001
    """Long after the message a guess at the code of its session counts, wherever it comes from."""
    route = sent.Route("mail", "alice@example.org", 6, 300, (6, 3600))
    blank = record.Record("alice", 1000)
    given = sent.given(blank, (route,), HERE, MARKS)
    reserved = sent.reserve(given, route, HERE, RULE, marks=MARKS, number="0" * 16, again=True)
    rule = RULE._replace(session=Span(7200, 0, 0, anywhere))
    held = sent.stripped(after(decide(reserved.record, reserved.code, rule=rule), given), blank)
    place = "198.51.100.9" if anywhere else HERE.place
    asked = HERE._replace(rhost=place, place=place)
    found = []
    for number in range(4):
        seen = sent.given(held, (route,), asked, MARKS)
        wrong = f"{(int(reserved.code) + 1 + number) % 10**6:06}"
        outcome = decide(seen, wrong, asked, rule, later=3600)
        found.append(outcome.reason)
        held = sent.stripped(after(outcome, seen), held)
    assert found == [*["AUTH_FAILED"] * 3, "AUTH_RATE_LIMITED"]
    seen = sent.given(held, (route,), asked, MARKS)
    assert decide(seen, "hunter2", asked, rule, later=3700).reason == "AUTH_NO_CODE"
    over = decide(seen, "000000", asked, rule, later=7200)
    assert over.reason == "AUTH_NO_CODE"


def test_guesses_at_a_list_password_are_charged() -> None:
    """A guess without a number at the password of a list that began a session counts."""
    asked = login.Asked("?", {each.id: 71 for each in HELD.ordered() if each.kind == "list"})
    chance = login.Chance(MARKS, samples.fresh_id())
    held = after(login.decide(HELD, HERE, "damuh hidum", RULE, chance=chance, asked=asked), HELD)
    outcome = decide(held, "damuh hidam", later=1)
    assert outcome.reason == "AUTH_FAILED"
    assert samples.events_of(after(outcome, held), HERE.place) == 1
    assert decide(HELD, "damuh hidam", later=1).reason == "AUTH_NO_CODE"
    behind = (answer.Candidate("damuhhidam", "hunter2"),)  # a password
    assert decide(held, behind, later=1).reason == "AUTH_FAILED"


def test_second_comma_compares_nothing() -> None:
    """Behind two commas a mOTP code is compared with its session no more than with its token."""
    code = samples.motp_at(NOW)
    held = begun(answer.tails(f"hunter2,{code}", bare=True))
    once = decide(held, answer.tails(f"hunter2,{code}", bare=True), later=1)
    assert (once.reason, once.forward) == ("AUTH_OK_SESSION", "hunter2")
    assert decide(held, answer.tails(f"hunter2,,{code}", bare=True), later=1).verdict == "refuse"


@pytest.mark.parametrize("typed", ["x" * 512, "\udcff\udcfe", "\0", "\uff41", "💥" * 128, "\n"])
def test_odd_answers(typed: str) -> None:
    """Whatever is typed beside a session is no code, and nothing worse."""
    assert decide(begun(), typed, later=1).reason == "AUTH_NO_CODE"


def test_behind_a_password() -> None:
    """The code is what a session goes by; what stands before it is handed on each time."""
    held = begun(answer.tails(f"hunter2{CODE}", bare=True))
    outcome = decide(held, answer.tails(f"other{CODE}", bare=True), later=1)
    assert (outcome.reason, outcome.forward) == ("AUTH_OK_SESSION", "other")


def test_makes_nothing_known() -> None:
    """A session's login makes no place known, begins no grace period and no session."""
    rule = RULE._replace(grace=3600)
    held = begun(rule=rule)
    bare = held._replace(state=held.state._replace(known={}, graces={}))
    then = after(decide(bare, rule=rule, later=1), bare).state
    assert (then.known, then.graces) == ({}, {})
    assert set(then.sessions) == set(held.state.sessions)
    assert then.last == held.state.last


def test_crowds_out_no_outcome() -> None:
    """A client's many logins are one outcome, its latest, beside all others."""
    held = begun(rule=RULE._replace(session=Span(600, 0, 0)))
    for later in range(1, 50):
        held = after(decide(held, later=later), held)
    assert [(row.reason, row.second) for row in held.outcomes] == [
        ("AUTH_OK_OTP", NOW),
        ("AUTH_OK_SESSION", NOW + 49),
    ]


def test_off_by_default() -> None:
    """Without the rule no session begins."""
    held = begun(rule=samples.RULE)
    assert not held.state.sessions
    assert decide(held, rule=samples.RULE, later=1).reason == "AUTH_OTP_ALREADY_USED"


def test_limited_place_compares_no_session() -> None:
    """While a place is limited its sessions are not compared, those of other places are."""
    held = begun()
    for number in range(3):
        wrong = wrong_code(number, now=NOW, drafts=(samples.SECRET, samples.OTHER_SECRET))
        held = after(decide(held, wrong, later=1), held)
        away = HERE._replace(rhost="198.51.100.9", place="198.51.100.9")
        held = after(decide(held, wrong, away, later=1), held)
    for typed in (CODE, sessions.logout_password(CODE)):
        assert decide(held, typed, later=2).reason == "AUTH_RATE_LIMITED"
    assert decide(held, later=40).reason == "AUTH_OK_SESSION"
    strangers = begun()
    for number in range(3):
        wrong = wrong_code(number, now=NOW, drafts=(samples.SECRET, samples.OTHER_SECRET))
        strangers = after(decide(strangers, wrong, away, later=1), strangers)
    assert decide(strangers, later=2).reason == "AUTH_OK_SESSION"


def test_lock_goes_first() -> None:
    """A locked user's sessions are refused with all else."""
    rule = RULE._replace(lock=(1, 3600))
    held = begun(rule=rule)
    held = held._replace(state=held.state._replace(known={}))
    wrong = wrong_code(0, now=NOW, drafts=(samples.SECRET, samples.OTHER_SECRET))
    held = after(decide(held, wrong, rule=rule, later=1), held)
    assert decide(held, rule=rule, later=2).reason == "AUTH_USER_LOCKED"


# Families


FAMILY = {"mail": SPAN._replace(timeout=900), "imap": SPAN, "smtp": SPAN._replace(logins=1)}


def in_family(group: str) -> Rule:
    """Return the rule of a group whose login begins sessions in all of the family."""
    others = tuple((name, span) for name, span in FAMILY.items() if name != group)
    return RULE._replace(group=group, session=FAMILY[group], family=others)


def test_child_sessions() -> None:
    """A login begins the family's sessions, each with its own span and its own logins."""
    held = begun(rule=in_family("mail"))
    alone = {group: RULE._replace(group=group, session=Span()) for group in FAMILY}
    ends = {each.group: each.until - NOW for each in held.state.sessions.values()}
    assert ends == {"mail": 900, "imap": 600, "smtp": 600}
    assert reasons(held, 1, 2, rule=alone["smtp"]) == ["OK_SESSION", "SESSION_MAX_LOGIN"]
    assert reasons(held, 1, 2, 3, 4, rule=alone["imap"])[2:] == ["OK_SESSION", "SESSION_MAX_LOGIN"]
    outcome = decide(held, rule=alone["smtp"], later=1)
    assert reasons(after(outcome, held), 2, 3, rule=alone["mail"]) == ["OK_SESSION"] * 2


def test_parent_off() -> None:
    """A group without sessions of its own begins those of its family, and has none itself."""
    rule = RULE._replace(group="mail", session=Span(), family=(("imap", SPAN),))
    held = begun(rule=rule)
    assert reasons(held, 1, rule=rule) == ["OTP_ALREADY_USED"]
    assert reasons(held, 1) == ["OK_SESSION"]


def test_permission_is_asked_for_at_use() -> None:
    """A family's session is worth nothing where its token may not be used."""
    held = begun(rule=in_family("mail"))
    child = RULE._replace(group="smtp", kinds=("hotp",))
    assert decide(held, rule=child, later=1).verdict == "refuse"
    assert decide(held, rule=child._replace(kinds=("totp",)), later=1).verdict == "accept"


@pytest.mark.parametrize("order", list(itertools.permutations(FAMILY)))
def test_any_order(order: tuple[str, ...]) -> None:
    """In whichever of the family's groups one logs in first, the same sessions are there."""
    first = begun(rule=in_family(order[0]))
    assert {each.group for each in first.state.sessions.values()} == set(FAMILY)
    held = first
    for later, group in enumerate(order[1:], 1):
        outcome = decide(held, rule=in_family(group), later=later)
        assert outcome.reason == "AUTH_OK_SESSION"
        held = after(outcome, held)
    assert set(held.state.sessions) == set(begun(rule=in_family("mail")).state.sessions)
    uses = {each.group: each.uses for each in held.state.sessions.values()}
    assert uses == dict.fromkeys(FAMILY, 1)


# Logout


def test_logout_password() -> None:
    """It ends the sessions of its code in the whole family, is refused, told so, and uncharged."""
    held = begun(rule=in_family("mail"))
    other = after(decide(held, code_of(0), rule=in_family("imap"), later=1), held)
    outcome = decide(other, sessions.logout_password(CODE).upper(), rule=in_family("smtp"), later=2)
    assert (outcome.verdict, outcome.reason) == ("refuse", "AUTH_SESSION_LOGOUT")
    ended = after(outcome, other)
    assert not ended.state.events
    for group in FAMILY:
        assert reasons(ended, 3, rule=in_family(group)) == ["OTP_ALREADY_USED"]
        assert reasons(ended, 3, rule=in_family(group), typed=code_of(0)) == ["OK_SESSION"]
    assert decide(record.join(held, ended), later=4).verdict == "refuse"


def test_wrong_logout_password_is_charged() -> None:
    """One that ends nothing is a wrong answer, as any guess is; without the rule it is no code."""
    held = begun()
    outcome = decide(held, "0" * 16, later=1)
    assert outcome.reason == "AUTH_FAILED"
    assert samples.events_of(after(outcome, held), HERE.place) == 1
    off = RULE._replace(logout=False)
    assert decide(held, "0" * 16, rule=off, later=1).reason == "AUTH_NO_CODE"
    right = sessions.logout_password(CODE)
    assert decide(held, right, rule=off, later=1).reason == "AUTH_NO_CODE"
    assert decide(begun(rule=off), right, later=1).reason == "AUTH_FAILED"


def test_logout_by_the_page() -> None:
    """It is what the command in otpauth.conf(5) makes of the code."""
    (command,) = re.findall(r"(?s)\nprintf %s .*?-16\n", pages.source("otpauth.conf.5"))
    done = subprocess.run(
        ("/bin/sh", "-c", command), env={"CODE": "123456"}, capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == sessions.logout_password("123456")


# What ends sessions from outside, and what cannot bring them back


def test_unlock_and_reset_end_it() -> None:
    """What the administrator does to an account ends its sessions, and no old copy begins them."""
    held = begun()
    for ended in (changes.unlock(held, NOW + 5), changes.reset(held, NOW + 5)):
        assert decide(ended, later=6).verdict == "refuse"
        assert decide(record.join(ended, held), later=6).verdict == "refuse"


def test_ended_until_now() -> None:
    """Sessions that began before all were ended are over, in old copies, too, but no later ones."""
    held = begun()
    ended = held._replace(state=held.state._replace(ended=NOW))
    assert reasons(ended, 1) == ["OTP_ALREADY_USED"]
    assert reasons(record.join(ended, held), 1) == ["OTP_ALREADY_USED"]
    later = decide(ended, code_of(0), later=1)
    assert reasons(after(later, ended), 2, typed=code_of(0)) == ["OK_SESSION"]


def test_old_copy_revives_nothing() -> None:
    """A copy from before puts back neither a login, nor what was ended (B2)."""
    held = begun()
    used = held
    for later in (1, 2):
        used = after(decide(used, later=later), used)
    assert decide(record.join(used, held), later=3).reason == "AUTH_SESSION_MAX_LOGIN"


def test_clock_gone_back() -> None:
    """A session of the future, of a clock that was ahead, is worth nothing."""
    held = begun()
    assert limits.prune(held.state, NOW - 121).sessions == {}
    assert limits.prune(held.state, NOW - 119).sessions != {}


def test_forgotten() -> None:
    """A week after its end nothing is kept of a session."""
    held, end = begun(), NOW + SPAN.timeout
    assert limits.prune(held.state, end + 7 * 86400 - 1).sessions != {}
    assert limits.prune(held.state, end + 7 * 86400).sessions == {}


def test_ten_thousand() -> None:
    """Of 10,000 sessions offered those are kept that end last, and the record has its room."""
    held, rule = HELD.state, RULE._replace(session=SPAN._replace(idle=0))
    each = HELD.named("phone")
    assert each
    for number in range(10_000):
        where = f"192.0.{number >> 8}.{number & 255}"
        asked = HERE._replace(rhost=where, now=NOW + number)
        candidate = answer.Candidate(f"{number:06}")
        held = sessions.begin(held, asked, rule, each, candidate, MARKS)
        if number % 50 == 0:
            held = state.bounded(held)
    full = record.bounded(HELD._replace(state=held))
    ends = sorted(each.since - NOW for each in full.state.sessions.values())
    assert ends == list(range(10_000 - state.SESSIONS_MAX, 10_000))
    assert record.decode(record.encode(full)) == full
    asked = HERE._replace(rhost=where, now=NOW + 10_000)
    again = decide(full, "009999", asked, rule, later=10_000)
    assert again.reason == "AUTH_OK_SESSION"


def test_another_host() -> None:
    """With another host's keys the same answer is in no session."""
    held = begun()
    other = MARKS._replace(key=bytes(32))
    chance = login.Chance(other, samples.fresh_id())
    outcome = login.decide(held, HERE._replace(now=NOW + 1), CODE, RULE, chance=chance)
    assert outcome.reason == "AUTH_OTP_ALREADY_USED"


small = st.integers(0, 3)
copies = st.lists(
    st.dictionaries(
        st.sampled_from(["0" * 16, "1" * 16, "2" * 16]),
        st.builds(
            lambda until, since, last, uses, over: Session(
                NOW + until, NOW - since, 0, 2, "0" * 16, "", "imap", "any", "", last, uses, over
            ),
            small, small, small, small, st.integers(0, 1),
        ),
        max_size=3,
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(copies, st.randoms(use_true_random=False), st.integers(0, 2))
def test_joins_revive_nothing(held: list[dict[str, Session]], random: object, ended: int) -> None:
    """In no order of joins does a session live that a copy with the same end knows as over."""
    states = [State(sessions=each, ended=NOW - ended if n else 0) for n, each in enumerate(held)]
    random.shuffle(states)  # type: ignore[attr-defined]
    both = states[0]
    for one in states[1:]:
        both = state.join(both, one)
    for mark, session in both.sessions.items():
        same = [each[mark] for each in held if mark in each and each[mark][:2] == session[:2]]
        assert session.uses == max(each.uses for each in same)
        alive = sessions.worth(both, session, NOW) == sessions.ALIVE
        assert not alive or not any(each.over for each in same)
        assert not alive or session.since > both.ended


def test_full_table() -> None:
    """Among as many sessions as are kept a wrong answer is wrong, and costs none of them."""
    each = Session(NOW + 60, NOW, 0, 0, "0" * 16, "imap", "", "", "", NOW, 0)
    full = {f"{n:016x}": each for n in range(state.SESSIONS_MAX)}
    held = HELD._replace(state=State(sessions=full))
    wrong = wrong_code(0, now=NOW, drafts=(samples.SECRET, samples.OTHER_SECRET))
    outcome = decide(held, wrong, later=1)
    assert outcome.reason == "AUTH_FAILED"
    assert len(after(outcome, held).state.sessions) == state.SESSIONS_MAX


assert token.DAILY == ("totp", "hotp", "motp", "list", "mail", "sms", "push"), (
    "a new kind needs a test here"
)
