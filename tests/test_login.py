"""The login decision: what is accepted, what is charged, what is told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import answer, changes, limits, login, record, state, token
from otpauth.kinds import hotp
from otpauth.record import Record
from tests import samples
from tests.samples import ADDRESS, NOW, RULE, after, code_at, code_of, decide, wrong_code

HELD = samples.account(samples.totp_draft(), samples.hotp_draft(), samples.scratch_draft())
PHONE, FOB = HELD.named("phone"), HELD.named("fob")
BOTH = (samples.SECRET, samples.OTHER_SECRET)


def test_totp_once() -> None:
    """A code is accepted once; a second time it is told apart from a wrong one, and not charged."""
    first = decide(HELD, code_at(NOW))
    assert (first.verdict, first.reason, first.token) == ("accept", "AUTH_OK_OTP", "phone")
    assert first.record is not None
    for later in (0, 29, 45):
        again = decide(first.record, code_at(NOW), now=NOW + later)
        assert (again.verdict, again.reason) == ("refuse", "AUTH_OTP_ALREADY_USED")
        assert samples.events_of(after(again, first.record)) == 0


def test_hotp_once() -> None:
    """A counter-based code is accepted once."""
    first = decide(HELD, code_of(0))
    assert (first.reason, first.token) == ("AUTH_OK_OTP", "fob")
    assert first.record is not None
    assert decide(first.record, code_of(0)).reason == "AUTH_OTP_ALREADY_USED"


def test_scratch_once() -> None:
    """A scratch code is accepted once, and the person hears how many are left."""
    first = decide(HELD, "0123-ABCD", first_factor="publickey")
    assert (first.reason, first.token) == ("AUTH_OK_SCRATCH", "scratch")
    assert first.record is not None
    assert "3 of 4 scratch codes left" in first.say[-1]
    again = decide(first.record, "0123-ABCD")
    assert again.reason == "AUTH_OTP_ALREADY_USED"
    assert samples.events_of(after(again, first.record)) == 0


def test_few_scratch_codes() -> None:
    """Below the rule's number the person is told to make new ones."""
    held = HELD
    told = []
    for code in samples.SCRATCH_CODES:
        outcome = decide(held, code, first_factor="password")
        told.append("otpauth codes" in outcome.say[-1])
        held = after(outcome, held)
    assert told == [False, True, True, True]


def test_password_with_a_code() -> None:
    """A code at the end of a password is accepted, once, and what stands before it is handed on."""
    typed = answer.tails(f"hunter2{code_at(NOW)}", bare=True)
    first = decide(HELD, typed)
    assert (first.reason, first.forward) == ("AUTH_OK_OTP", "hunter2")
    assert decide(after(first, HELD), typed).reason == "AUTH_OTP_ALREADY_USED"
    scratch = decide(HELD, answer.tails("hunter2-0123-ABCD", bare=False))
    assert (scratch.reason, scratch.forward) == ("AUTH_OK_SCRATCH", "hunter2-")


def test_first_candidate_wins() -> None:
    """Of two codes that an answer may hold, the first is used up, and the other one is not."""
    scratch = f"12{code_at(NOW)}"
    held = samples.account(samples.totp_draft(), samples.scratch_draft("scratch", scratch))
    first = decide(held, answer.tails(scratch, bare=True))
    assert (first.reason, first.forward) == ("AUTH_OK_OTP", "12")
    second = decide(after(first, held), answer.tails(scratch, bare=True))
    assert (second.reason, second.forward) == ("AUTH_OK_SCRATCH", "")
    again = decide(after(second, held), answer.tails(scratch, bare=True))
    assert again.reason == "AUTH_OTP_ALREADY_USED"


def test_candidates_are_one_answer() -> None:
    """An answer that was compared with several tokens is charged once, and not when repeated."""
    long = samples.totp_draft("long", b"x" * 20)._replace(
        params=samples.totp_params(b"x" * 20, digits=8)
    )
    held = samples.account(samples.totp_draft(), long, samples.scratch_draft())
    wrong = wrong_code(0, now=NOW)
    for _ in range(2):
        outcome = decide(held, answer.tails(f"hunter22{wrong}", bare=True))
        assert outcome.reason == "AUTH_FAILED"
        held = after(outcome, held)
        assert samples.events_of(held) == 1
    other = decide(held, answer.tails(f"hunter33{wrong}", bare=True))
    assert samples.events_of(after(other, held)) == 2


def test_password_alone_is_not_charged() -> None:
    """A password with no code at its end is no code."""
    outcome = decide(HELD, answer.tails("hunter2", bare=True))
    assert (outcome.reason, outcome.record) == ("AUTH_NO_CODE", None)


def test_outcome_shows_no_password() -> None:
    """What is handed on is in no repr."""
    outcome = decide(HELD, answer.tails(f"hunter2{code_at(NOW)}", bare=True))
    assert outcome.forward == "hunter2"
    assert "hunter2" not in repr(outcome)


NO_CODES = [None, "", "hunter2", "12345", "123456789", "1" * 10_240, "\x00", "correct horse", "äöü"]


@pytest.mark.parametrize("typed", NO_CODES)
def test_no_code_is_not_charged(typed: str | None) -> None:
    """An answer that cannot be a code, like sshd's dummy password, is refused uncharged (D10)."""
    outcome = decide(HELD, typed)
    assert (outcome.verdict, outcome.reason) == ("refuse", "AUTH_NO_CODE")
    assert outcome.record is None


def test_shape_of_present_tokens_counts() -> None:
    """Six digits are charged only to who has a token with six digits."""
    held = samples.account(samples.scratch_draft())
    assert decide(held, "123456").reason == "AUTH_NO_CODE"
    assert decide(held, "12345678").reason == "AUTH_FAILED"


def test_wrong_code_is_charged() -> None:
    """A wrong code is charged once, to strangers, and the record says so."""
    outcome = decide(HELD, wrong_code(0, now=NOW, drafts=BOTH))
    assert (outcome.verdict, outcome.reason) == ("refuse", "AUTH_FAILED")
    assert outcome.record is not None
    assert samples.events_of(outcome.record) == 1
    assert outcome.record.state._replace(events=frozenset(), wrong={}) == HELD.state


def test_wrong_code_moves_no_counter() -> None:
    """Failures leave steps and counters alone: strangers cannot push a device away."""
    held = HELD
    for number in range(20):
        now = NOW + 3600 * number
        wrong = wrong_code(number, now=now, drafts=BOTH)
        held = after(decide(held, wrong, now=now), held)
    assert (held.state.steps, held.state.counters) == (HELD.state.steps, HELD.state.counters)


SPELLINGS = {
    "blank": lambda code: f"{code[:3]} {code[3:]}",
    "dash": lambda code: f"{code[:3]}-{code[3:]}",
    "pasted": lambda code: f" {code}\r\n",
    "no_break_space": lambda code: f"{code[:2]}\u00a0{code[2:]}",
    "full_width": lambda code: "".join(chr(ord(each) + 0xFEE0) for each in code),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_typed_as_people_type(name: str) -> None:
    """Blanks, dash, width and line end do not matter at a login."""
    assert decide(HELD, SPELLINGS[name](code_at(NOW))).verdict == "accept"


def test_a_wrong_code_is_of_no_token() -> None:
    """A wrong code that was compared with several tokens is laid to none of them."""
    wrong = wrong_code(0, now=NOW, drafts=BOTH)
    assert decide(HELD, wrong).token == ""
    assert decide(HELD, wrong, rule=RULE._replace(kinds=("hotp", "scratch"))).token == "fob"


def test_skewed_phone() -> None:
    """A phone four minutes slow is told so, with a first factor; its next code logs in."""
    slow = code_at(NOW - 240)
    outcome = decide(HELD, slow, first_factor="password")
    assert outcome.reason == "AUTH_PHONE_SKEWED"
    assert "4 minutes slow" in outcome.again
    assert outcome.record is not None
    assert samples.events_of(outcome.record) == 1
    second = decide(outcome.record, code_at(NOW - 210), now=NOW + 30)
    assert second.reason == "AUTH_OK_OTP"
    fast = decide(HELD, code_at(NOW + 90), first_factor="password")
    assert fast.again == login.AGAIN_WRONG  # a code that will be right: a guesser learns nothing


def test_skewed_device() -> None:
    """A counter-based device far ahead is refused as by a wrong code; its next code logs in."""
    outcome = decide(HELD, code_of(30), first_factor="password")
    assert outcome.reason == "AUTH_PHONE_SKEWED"
    assert (
        outcome.again
        == decide(HELD, wrong_code(0, now=NOW, drafts=BOTH), first_factor="password").again
    )
    assert decide(after(outcome, HELD), code_of(31), now=NOW + 20).reason == "AUTH_OK_OTP"


def test_clock_went_back() -> None:
    """After a login by a clock ten years ahead codes are refused by reason, `unlock` mends (D1)."""
    future = NOW + 10 * 365 * 86400
    held = after(decide(HELD, code_at(future), now=future), HELD)
    outcome = decide(held, code_at(NOW))
    assert (outcome.verdict, outcome.reason) == ("refuse", "CLOCK_WENT_BACK")
    assert samples.events_of(after(outcome, held)) == 0
    mended = changes.unlock(held, NOW)
    assert decide(mended, code_at(NOW + 60), now=NOW + 60).verdict == "accept"


TWIN = (330859).to_bytes(20, "big")  # a secret with the same code as SECRET's at NOW


def test_one_code_two_tokens() -> None:
    """Of two tokens with one code the lowest id wins, and only that one advances."""
    held = samples.account(samples.totp_draft(), samples.totp_draft("tablet", TWIN))
    code = code_at(NOW)
    assert code == code_at(NOW, secret=TWIN)
    lowest, other = held.ordered()
    first = decide(held, code)
    assert first.token == lowest.name
    assert first.record is not None
    assert set(first.record.state.steps) == {lowest.id}
    second = decide(first.record, code)
    assert (second.verdict, second.token) == ("accept", other.name)
    assert second.record is not None
    assert decide(second.record, code).reason == "AUTH_OTP_ALREADY_USED"


def test_hotp_before_totp() -> None:
    """Of a counter-based and a time-based token with one code the former wins."""
    codes = {code_of(counter) for counter in range(hotp.LOOK_AHEAD)}
    now = next(each for each in range(NOW, NOW + 10**9, 30) if code_at(each) in codes)
    assert decide(HELD, code_at(now), now=now).token == "fob"


@pytest.mark.parametrize(
    "label", [{"enabled": False}, {"expires": NOW}, {"expires": NOW - 1}, {"expires": 1}]
)
def test_not_live(label: dict[str, int]) -> None:
    """A token that is switched off or expired opens nothing; another one still does."""
    assert PHONE
    held = changes.apply(HELD, changes.Change(relabel={PHONE.id: label}), samples.ground(NOW - 9))
    assert decide(held, code_at(NOW)).verdict == "refuse"
    assert decide(held, code_of(0)).verdict == "accept"
    only = samples.account(samples.totp_draft())
    only = changes.apply(only, changes.Change(relabel={PHONE.id: label}), samples.ground(NOW - 9))
    assert decide(only, code_at(NOW)).reason == "AUTH_TOKEN_MISSING"


def test_switched_on_again() -> None:
    """A token that was off has its used codes when it is on again."""
    assert PHONE
    held = after(decide(HELD, code_at(NOW)), HELD)
    for on in (False, True):
        change = changes.Change(relabel={PHONE.id: {"enabled": on}})
        held = changes.apply(held, change, samples.ground())
    assert decide(held, code_at(NOW)).reason == "AUTH_OTP_ALREADY_USED"


@pytest.mark.parametrize("kind", [each for each in token.KINDS if each not in token.SENT])
def test_kinds_of_the_rule(kind: str) -> None:
    """Only kinds that the rule names are compared."""
    rule = RULE._replace(kinds=(kind,))
    typed = {
        "totp": code_at(NOW),
        "hotp": code_of(0),
        "scratch": samples.SCRATCH_CODES[0],
        "motp": samples.motp_at(NOW),
        "list": f"7 {samples.LIST_PASSWORDS[7]}",
        "password": samples.APP_PASSWORD,
    }
    more = (samples.list_draft(), samples.motp_draft(), samples.password_draft())
    held = changes.apply(HELD, changes.Change(add=more), samples.ground())
    rule = rule._replace(names=("imap",))
    accepted = [each for each in typed if decide(held, typed[each], rule=rule).verdict == "accept"]
    assert accepted == [kind]


@pytest.mark.parametrize("kind", ["totp", "hotp", "scratch"])
def test_limited_tokens(kind: str) -> None:
    """A token that is limited to groups is compared at a login with one of their names alone."""
    typed = {"totp": code_at(NOW), "hotp": code_of(0), "scratch": samples.SCRATCH_CODES[0]}
    ids = [each.id for each in HELD.ordered() if each.kind == kind]
    limit = {ident: {"groups": ("imap", "smtp")} for ident in ids}
    held = changes.apply(HELD, changes.Change(relabel=limit), samples.ground())
    rule = RULE._replace(names=("submission", "smtp"))
    assert decide(held, typed[kind], rule=rule).verdict == "accept"
    for names in ((), ("sshd",), ("imaps", "SMTP")):
        outcome = decide(held, typed[kind], rule=RULE._replace(names=names))
        assert outcome.verdict == "refuse"
        assert after(outcome, held).state.used == held.state.used


def test_not_enrolled() -> None:
    """Without tokens ever, and without a record, nobody gets in and nothing is written."""
    for held in (None, Record("alice", 1000), Record("alice", 1000, era=3)):
        chance = login.Chance(samples.MARKS, "0" * 16)
        outcome = login.decide(held, samples.request(NOW), "123456", RULE, chance=chance)
        assert outcome == login.Outcome("refuse", "NOT_ENROLLED")


def test_last_token_removed() -> None:
    """Who removed his last token is refused, not unenrolled."""
    held = changes.apply(HELD, changes.Change(remove=tuple(HELD.tokens)), samples.ground())
    assert held.enrolled
    assert decide(held, code_at(NOW)).reason == "AUTH_TOKEN_MISSING"


OUTCOMES = {
    "accepted": (HELD, code_at(NOW)),
    "scratch": (HELD, samples.SCRATCH_CODES[0]),
    "used": (after(decide(HELD, code_at(NOW)), HELD), code_at(NOW)),
    "wrong": (HELD, wrong_code(0, now=NOW, drafts=BOTH)),
    "no_code": (HELD, "hunter2"),
    "skewed": (HELD, code_at(NOW - 300)),
    "limited": (
        HELD._replace(
            state=state.State(
                events=frozenset(state.Event(NOW, f"{n:016x}", "*") for n in range(3))
            )
        ),
        code_at(NOW),
    ),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_silent_without_first_factor(name: str) -> None:
    """Nothing is told to somebody who has not proved anything yet; the verdict is the same."""
    held, typed = OUTCOMES[name]
    silent = decide(held, typed)
    told = decide(held, typed, first_factor="publickey")
    assert (silent.say, silent.again) == ((), "")
    assert (silent.verdict, silent.reason) == (told.verdict, told.reason)
    assert told.say or told.again


def test_used_says_when() -> None:
    """With a first factor a used code's answer says when the next one comes."""
    held, typed = OUTCOMES["used"]
    outcome = decide(held, typed, now=NOW + 18, first_factor="publickey")
    assert outcome.again == "That code was used already. Next code (in 12 s): "


def test_limited_says_how_long() -> None:
    """With a first factor a short wait is told, a long one is not waited for."""
    held, typed = OUTCOMES["limited"]
    assert decide(held, typed, first_factor="password").again == (
        "Too many tries. Wait 30 s, then code: "
    )
    events = frozenset(state.Event(NOW, f"{n:016x}", "*") for n in range(20))
    held = held._replace(state=state.State(events=events))
    assert decide(held, typed, first_factor="password").again == ""


def test_nothing_discloses_a_code() -> None:
    """No text for the person, and no outcome in the record, holds a code or a secret."""
    for held, typed in OUTCOMES.values():
        outcome = decide(held, typed, first_factor="password")
        rows = outcome.record.outcomes if outcome.record else ()
        kept = [row[1:] for row in rows]
        text = repr((outcome.say, outcome.again, outcome.token, outcome.reason, kept))
        right = [code_at(NOW + 30 * n) for n in range(-30, 31)] + [code_of(n) for n in range(60)]
        assert not [each for each in (*right, typed, *samples.SCRATCH_CODES) if each in text]


def test_news_once() -> None:
    """A token that was added is told at the next login with a first factor, and only then."""
    first = decide(HELD, code_at(NOW), first_factor="publickey")
    assert sum("was added on" in line for line in first.say) == 3
    assert "not you?" in first.say[0]
    again = decide(after(first, HELD), code_of(0), first_factor="publickey")
    assert not again.say


def test_news_wait_for_a_first_factor() -> None:
    """A login at which nothing may be told does not swallow the news."""
    silent = decide(HELD, code_at(NOW))
    told = decide(after(silent, HELD), code_of(0), first_factor="publickey")
    assert any("was added on" in line for line in told.say)


def test_outcomes_are_kept() -> None:
    """The last twenty outcomes are kept, the newest last, control characters replaced."""
    held = HELD
    for number in range(25):
        asked = samples.request(NOW + number)._replace(service="ssh\nd", rhost="a\x1b[2J")
        chance = login.Chance(samples.MARKS, f"{number:016x}")
        scratch = samples.SCRATCH_CODES[0]
        held = after(login.decide(held, asked, scratch, RULE, chance=chance), held)
    assert len(held.outcomes) == record.OUTCOMES_MAX
    assert [row.second for row in held.outcomes] == list(range(NOW + 5, NOW + 25))
    assert held.outcomes[-1][1:] == ("AUTH_OTP_ALREADY_USED", "ssh?d", "a?[2J", "scratch")


def test_every_reason_is_explained() -> None:
    """Each reason of this module has its sentence, and nothing else has one."""
    verdicts = {login.ACCEPT, login.REFUSE, login.IGNORE, login.UNAVAILABLE}
    named = {
        value
        for name, value in vars(login).items()
        if name.isupper() and isinstance(value, str) and not name.startswith("AGAIN")
    }
    kinds = {"accepted", "used", "clock", "skewed", "wrong"}
    assert named - verdicts - kinds == set(login.REASONS)


@settings(max_examples=200, deadline=None)
@given(
    samples.records,
    st.text(st.characters(), max_size=20) | st.sampled_from(["123456", code_at(NOW), "zzzzzzzz"]),
    st.integers(0, 2**33),
    st.sampled_from([ADDRESS, "local:0", "name"]),
)
def test_any_record_any_answer(held: Record, typed: str, now: int, place: str) -> None:
    """Any record, answer and clock give a verdict and a record that refuses no less."""
    outcome = decide(held, typed, now=now, place=place)
    assert outcome.verdict in ("accept", "refuse")
    assert outcome.reason in login.REASONS
    left = after(outcome, held).state
    assert all(left.steps[ident] >= step for ident, step in held.state.steps.items())
    assert all(left.counters[ident] >= each for ident, each in held.state.counters.items())
    assert all(left.used[ident] & bits == bits for ident, bits in held.state.used.items())
    assert left.removed == held.state.removed
    assert after(outcome, held).tokens == held.tokens


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_no_code_twice(order: list[int]) -> None:
    """However codes, records and older copies of records alternate, no code is accepted twice."""
    codes = [code_at(NOW), code_at(NOW + 30), code_of(0), code_of(1), *samples.SCRATCH_CODES[:2]]
    held, old = HELD, HELD
    accepted = []
    for number in order:
        outcome = decide(record.join(held, old), codes[number], now=NOW + 29)
        if outcome.verdict == "accept":
            accepted.append(number)
        old, held = held, after(outcome, held)
        held = held._replace(state=held.state._replace(events=frozenset(), wrong={}))
    assert len(accepted) == len(set(accepted))
    assert accepted


def test_limits_are_those_told() -> None:
    """The person is never asked to wait longer than the rule's span of the rate."""
    assert RULE.rate_limit[1] == login.AGAIN_MAX
    assert limits.REPEAT_LIFE == 60


# App passwords

STATIC = samples.account(samples.totp_draft(), samples.scratch_draft(), samples.password_draft())
MAIL = RULE._replace(names=("imap",))


def test_app_password() -> None:
    """An app password lets in again and again, and nothing but its last use comes of it."""
    rule = MAIL._replace(grace=3600)
    held = STATIC
    for number in range(3):
        outcome = decide(held, "K7MQ3-x2vd9-wtr4h-c3fys", now=NOW + number, rule=rule)
        assert (outcome.verdict, outcome.reason) == ("accept", "AUTH_OK_STATIC")
        assert outcome.token == "laptop"
        held = after(outcome, held)
        laptop = held.named("laptop")
        assert laptop
        assert held.state == STATIC.state._replace(last={laptop.id: NOW + number})


def test_app_password_elsewhere() -> None:
    """At a service that it is not for it is refused, says so in the log, and counts as nothing."""
    for names in ((), ("sshd",)):
        outcome = decide(STATIC, samples.APP_PASSWORD, rule=RULE._replace(names=names))
        assert (outcome.reason, outcome.token) == ("AUTH_NOT_HERE", "laptop")
        assert after(outcome, STATIC).state == STATIC.state


@pytest.mark.parametrize("end", ["removed", "off", "expired", "limited"])
def test_app_password_after_its_end(end: str) -> None:
    """A program that goes on with a password which is over is refused and never slows its owner."""
    second = samples.password_draft("tablet", "0" * 20)
    held = changes.apply(STATIC, changes.Change(add=(second,)), samples.ground())
    laptop = held.named("laptop")
    assert laptop
    labels: dict[str, dict[str, object]] = {
        "off": {"enabled": False},
        "expired": {"expires": NOW - 5},
        "limited": {"groups": ("smtp",)},
    }
    gone = (laptop.id,) if end == "removed" else ()
    change = changes.Change(remove=gone, relabel={laptop.id: labels[end]} if not gone else {})
    held = changes.apply(held, change, samples.ground())
    before = held.state
    for number in range(60):
        outcome = decide(held, "K7MQ3-x2vd9-wtr4h-c3fys", now=NOW + 300 * number, rule=MAIL)
        assert (outcome.verdict, outcome.reason) == ("refuse", "AUTH_NOT_HERE")
        assert outcome.token == ("" if end == "removed" else "laptop")
        held = after(outcome, held)
    assert held.state == before
    assert len(held.outcomes) == 1
    assert decide(held, code_at(NOW), rule=MAIL).verdict == "accept"
    assert decide(held, "1" * 20, rule=MAIL).reason == "AUTH_FAILED"


def test_app_password_forgives_nothing() -> None:
    """After a right app password the failures of its place are what they were."""
    held = STATIC
    for number in range(2):
        held = after(decide(held, wrong_code(number, now=NOW), rule=MAIL), held)
    assert samples.events_of(held) == 2
    held = after(decide(held, samples.APP_PASSWORD, rule=MAIL), held)
    assert samples.events_of(held) == 2
    assert held.state.known == {}


def test_wrong_app_password_is_charged() -> None:
    """A wrong app password is charged as a wrong code is."""
    held = after(decide(STATIC, "0" * 20, rule=MAIL), STATIC)
    assert samples.events_of(held) == 1


def test_app_password_while_limited() -> None:
    """Whoever floods an account with wrong answers does not keep its programs out."""
    held = STATIC
    for number in range(4):
        held = after(decide(held, wrong_code(number, now=NOW), rule=MAIL), held)
    assert decide(held, code_at(NOW), rule=MAIL).reason == "AUTH_RATE_LIMITED"
    for second in (0, 0, 1):
        outcome = decide(held, samples.APP_PASSWORD, now=NOW + second, rule=MAIL)
        assert outcome.reason == "AUTH_OK_STATIC"
        held = after(outcome, held)
    wrong = decide(held, "0" * 20, rule=MAIL)
    assert (wrong.reason, wrong.record) == ("AUTH_RATE_LIMITED", None)
    assert samples.events_of(held) == 3


def test_app_password_says_nothing() -> None:
    """A program is told no news, so that its owner hears of them at his own next login."""
    rule = MAIL._replace(names=("imap", "sshd"))
    program = decide(STATIC, samples.APP_PASSWORD, rule=rule, first_factor="password")
    assert program.say == ()
    person = decide(after(program, STATIC), code_at(NOW), rule=rule, first_factor="password")
    assert any("'laptop' was added" in line for line in person.say)


def test_outcomes_of_programs() -> None:
    """Many logins of a program leave one outcome, beside those of persons."""
    held = after(decide(STATIC, wrong_code(0, now=NOW), rule=MAIL), STATIC)
    for number in range(30):
        held = after(decide(held, samples.APP_PASSWORD, now=NOW + number, rule=MAIL), held)
    assert [row.reason for row in held.outcomes] == ["AUTH_FAILED", "AUTH_OK_STATIC"]
    assert held.outcomes[1].second == NOW + 29
    other = decide(held, samples.APP_PASSWORD, rule=MAIL, place="192.0.2.9")
    assert len(after(other, held).outcomes) == 3


# mOTP


def test_motp_makes_a_place_known() -> None:
    """A mOTP code is a person's: it is used up, and makes its place known."""
    held = samples.account(samples.motp_draft())
    first = decide(held, samples.motp_at(NOW))
    assert (first.reason, first.token) == ("AUTH_OK_OTP", "motp")
    held = after(first, held)
    assert list(held.state.known) == [samples.ADDRESS]
    assert decide(held, samples.motp_at(NOW)).reason == "AUTH_OTP_ALREADY_USED"


def test_six_digits_of_motp_and_totp() -> None:
    """A mOTP code that is all digits has the shape of both: both are compared, one accepted."""
    held = samples.account(samples.totp_draft(), samples.motp_draft())
    when = next(NOW + 10 * n for n in range(999) if samples.motp_at(NOW + 10 * n).isdigit())
    mine = decide(held, samples.motp_at(when), now=when)
    assert (mine.verdict, mine.token) == ("accept", "motp")
    assert mine.record
    assert list(mine.record.state.steps) == [
        each.id for each in held.ordered() if each.kind == "motp"
    ]
    assert decide(held, code_at(when), now=when).token == "phone"
    wrong = after(decide(held, wrong_code(5, now=when), now=when), held)
    assert samples.events_of(wrong) == 1
