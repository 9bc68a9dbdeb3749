"""A decision told step by step: each step is what the decision did, and nothing secret is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import answer, bypass, explain, kinds, login, ntlm, policy, sessions, state, trust
from otpauth.kinds import sent
from otpauth.policy import Span
from otpauth.state import State
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
    typed: login.Typed,
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


def test_a_code_behind_a_password() -> None:
    """Of the codes that one answer may hold each token is told that of its shape."""
    steps, outcome = told(HELD, answer.tails(f"4455{code_at(NOW)}", bare=True))
    assert outcome.reason == login.OK_OTP
    assert results(steps) == {"phone": "accepted", "fob": "wrong", "scratch": "wrong"}


def test_a_used_code() -> None:
    """A used code is told apart from a wrong one, with the time of its use, and nothing counts."""
    first = decide(HELD, code_at(NOW))
    steps, _ = told(first.record, code_at(NOW), now=NOW + 20)
    assert f"phone (totp): right, but that code, or a later one, was used at {NOW}" in texts(
        steps, "token"
    )
    assert texts(steps, "then") == ["nothing is used up, and nothing counts"]
    spare = after(decide(HELD, "k7mq-x2vd"), HELD)
    steps, _ = told(spare, "k7mq-x2vd")
    assert "scratch (scratch): right, but that code was used before" in texts(steps, "token")


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


def test_who_is_sent_codes() -> None:
    """Who has nothing but what the host sends is told so; whoever has more is enrolled."""
    for drafts, how in (
        ((), "has nothing enrolled, but is sent codes"),
        ((samples.address_draft(),), "is enrolled"),
    ):
        held = samples.account(*drafts)
        routes = (sent.Route("mail", "bob@example.org", 6, 300, (3, 3600)),)
        routes += sent.own(held, samples.OWN)
        given = sent.given(held, routes, samples.request(NOW, ADDRESS), MARKS)
        steps, _ = told(given, "123456")
        assert how in texts(steps, "user")[0]


def test_an_address_that_no_channel_takes() -> None:
    """A user's own address is told to be refused where otpauth.conf takes none of them."""
    held = samples.account(samples.totp_draft(), samples.address_draft())
    steps, _ = told(held, code_at(NOW))
    assert results(steps) == {"phone": "accepted", "work": explain.KIND}
    (text,) = [each for each in texts(steps, "token") if each.startswith("work (mail): ")]
    assert text.endswith("lets no codes be sent to addresses of users' own (own)")


def test_wishes_are_told_as_they_are_in_force() -> None:
    """A user's own wish is told, and where the host's rule cuts it short."""
    steps, _ = told(HELD._replace(wishes=Wishes(window=9, set=1)), code_at(NOW))
    assert "wishes, in force: window 3, the host's rule; wished 9" in texts(steps, "user")


def test_a_lock() -> None:
    """How far the lock is, that it holds, for whom it does not, and till when are told."""
    held, rule = HELD, RULE._replace(lock=(2, 3600), group="ssh")
    held = after(decide(held, code_at(NOW), place="192.0.2.1", rule=rule), held)
    for number, then in ((0, "1 of 2 for the lock of group ssh"), (1, "group ssh is locked until")):
        code = wrong_code(number, now=NOW, drafts=BOTH)
        steps, outcome = told(held, code, now=NOW + 60 + number, rule=rule)
        held = after(outcome, held)
        assert texts(steps, "lock") == [
            f"{number} of 2 distinct wrong answers until group ssh is locked"
        ]
        assert [each for each in texts(steps, "then") if each.startswith(then)]
    late = f"group ssh is locked until {NOW + 61 + 3600}"
    steps, outcome = told(held, code_of(0), now=NOW + 90, rule=rule)
    assert outcome.reason == login.USER_LOCKED
    assert texts(steps, "lock") == [f"{late}: nothing is compared"]
    assert set(results(steps).values()) == {explain.LOCKED}
    steps, outcome = told(held, code_of(0), now=NOW + 90, place="192.0.2.1", rule=rule)
    assert outcome.verdict == login.ACCEPT
    assert texts(steps, "lock") == [f"{late}, but not for a known place"]


def test_a_repeated_guess() -> None:
    """That a code is right by now, but counts as a wrong answer, is told."""
    rule, late = RULE._replace(lock=(5, 0)), NOW + 86400
    held = after(decide(HELD, code_at(late), rule=rule), HELD)
    steps, outcome = told(held, code_at(late), now=late, rule=rule)
    assert outcome.reason == login.FAILED
    assert results(steps)["phone"] == kinds.WRONG
    assert "phone (totp): right, but it was wrong before and counts towards the lock" in texts(
        steps, "token"
    )


def test_a_guess_at_a_session() -> None:
    """What no token was compared with, but was a guess at a session's code, is told as that."""
    held = samples.account(samples.list_draft())
    rule = RULE._replace(session=Span(600))
    asked = login.Asked("?", {each.id: 71 for each in held.ordered()})
    _, begun = told(held, "damuh hidum", rule=rule, asked=asked)
    steps, outcome = told(after(begun, held), "damuh hidam", rule=rule)
    assert outcome.reason == login.FAILED
    assert texts(steps, "session") == [_GUESS]


def test_locked_everywhere() -> None:
    """Who is locked in as many groups as are kept is told to be locked in all."""
    names = [f"g{number}" for number in range(state.LOCKS_MAX)]
    held = HELD._replace(state=State(locked=dict.fromkeys(names, (NOW, policy.ALWAYS))))
    steps, outcome = told(held, code_at(NOW + 60), now=NOW + 60, rule=RULE._replace(lock=(5, 0)))
    assert outcome.reason == login.USER_LOCKED
    assert texts(steps, "lock") == [
        "the user is locked in 32 groups, hence in all: nothing is compared"
    ]


def test_a_session() -> None:
    """Which session an answer belongs to, what it is worth, what begins and ends are told."""
    rule = RULE._replace(
        session=Span(600, 0, 2), group="imap", family=(("smtp", Span(60)),), logout=True
    )
    steps, outcome = told(HELD, code_at(NOW), rule=rule)
    assert texts(steps, "session") == [
        "the answer belongs to none that began for this group and address"
    ]
    begun = [text for text in texts(steps, "then") if "session" in text]
    assert begun == [
        f"a session begins in imap for {ADDRESS}, until {NOW + 600}",
        f"a session begins in smtp for {ADDRESS}, until {NOW + 60}",
    ]
    held = after(outcome, HELD)
    of = f"of imap, begun at {NOW}"
    for logins, reason, worth in (
        ("1 login of 2", login.OK_SESSION, "it lasts"),
        ("2 logins of 2", login.SESSION_MAX_LOGIN, "it had all its logins"),
    ):
        steps, outcome = told(held, code_at(NOW), now=NOW + 40, rule=rule)
        assert outcome.reason == reason
        assert texts(steps, "session") == [f"{of}, {logins}, until {NOW + 600}: {worth}"]
        assert set(results(steps).values()) == {explain.SESSION}
        held = after(outcome, held)
    logout = sessions.logout_password(code_at(NOW))
    steps, outcome = told(held, logout, now=NOW + 50, rule=rule)
    assert outcome.reason == login.SESSION_LOGOUT
    assert texts(steps, "session") == ["the answer is a logout password of sessions that last"]
    assert sum(text.endswith("is over") for text in texts(steps, "then")) == 2
    held = after(outcome, held)
    steps, _ = told(held, code_at(NOW), now=NOW + 55, rule=rule)
    assert texts(steps, "session")[0].endswith(": it is over")
    steps, _ = told(held, code_at(NOW), now=NOW + 56, rule=rule._replace(kinds=("hotp",)))
    assert texts(steps, "session")[0].endswith(": its token may not be used here")


def test_what_a_trusted_client_sends() -> None:
    """That an answer is compared as what a client made of a code is told, without the secret."""
    rule = RULE._replace(client_secret="webmail", trust="md5")
    made = trust.form("md5", "hush")(code_at(NOW))
    candidates = (trust.candidate(made, rule, {"webmail": "hush"}),)
    steps, outcome = told(HELD, candidates, rule=rule)
    assert outcome.reason == login.OK_TRUST
    (text,) = texts(steps, "answer")
    assert text.startswith("it has the shape of what a client with {secret.webmail} made of a code")
    assert results(steps)["phone"] == "accepted"
    assert "hush" not in str(steps)


def test_a_response_of_ntlm() -> None:
    """A response is told as the code that it was made of, session and all; or that NTLM is off."""
    challenge = "d02e4386bce91226"
    made = ntlm.response(ntlm.nt_hash(code_at(NOW)), bytes.fromhex(challenge)).hex()
    rule = RULE._replace(ntlm=True, session=Span(600))
    held: Record = HELD
    for reason, result in ((login.OK_OTP, kinds.ACCEPTED), (login.OK_SESSION, explain.SESSION)):
        steps, outcome = told(held, (ntlm.Response(challenge, made).candidate(),), rule=rule)
        assert outcome.reason == reason
        assert results(steps)["phone"] == result
        alive = [each.result for each in steps if each.about == "session"] == [sessions.ALIVE]
        assert alive is (reason == login.OK_SESSION)
        assert texts(steps, "answer")[0].endswith("compared with what each code would give")
        held = after(outcome, held)
    steps, outcome = told(held, (ntlm.Response(challenge, made).candidate(),))
    assert outcome.reason == login.NTLM_OFF
    assert [each.about for each in steps] == ["user", "answer", "verdict"]


def test_what_was_not_written() -> None:
    """Where nothing can be written, or shall be, the steps say so."""
    request, outcome = samples.request(NOW), decide(HELD, code_at(NOW))
    seen = explain.Seen(HELD, code_at(NOW), login.UNASKED, MARKS, outcome)
    lost = login.Outcome(login.REFUSE, login.NOT_RECORDED)
    steps = explain.steps(seen, request, RULE, lost, clock=str)
    assert steps[-2].text == "none of this is written"
    assert steps[-1].result == login.REFUSE
    dry = explain.steps(seen, request, RULE, outcome, clock=str, dry_run=True)
    assert dry[-2].text == "none of this is written in a dry run"


def test_a_bypass_is_told() -> None:
    """That the administrator lets somebody in without a code is told, and until when."""
    held = HELD._replace(state=bypass.granted(HELD.state, NOW, hours=4, uses=2))
    words = f"is let in without a code until {NOW + 4 * 3600}, where another factor is proved"
    assert words in texts(told(held, "1")[0], "user")
    assert words not in texts(told(held, "1", now=NOW + 4 * 3600)[0], "user")


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


_GUESS = "the answer looks like the code of one, and is none of them"


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
    by_session = outcome.reason == login.OK_SESSION
    assert bool(right) is (outcome.verdict == login.ACCEPT and not by_session)
    assert not right or outcome.token in right
    worth = [each.result for each in steps if each.about == "session"]
    assert (worth == [sessions.ALIVE]) is by_session
    assert (worth == [sessions.FULL]) is (outcome.reason == login.SESSION_MAX_LOGIN)
    locked = set(found.values()) == {explain.LOCKED}
    assert locked is (outcome.reason == login.USER_LOCKED)
    if locked:
        return
    barred = {explain.OFF, explain.EXPIRED, explain.KIND, explain.GROUP}
    usable = {each.name for each in login.usable_tokens(held, request, rule)}
    assert {name for name, result in found.items() if result not in barred} == usable
    if outcome.reason == login.FAILED:
        assert kinds.WRONG in found.values() or _GUESS in texts(steps, "session")
        assert not {kinds.USED, kinds.SKEWED, kinds.CLOCK} & set(found.values())
    if outcome.reason == login.ALREADY_USED:
        assert found[outcome.token] == kinds.USED or worth == [sessions.OVER]
    if outcome.reason == login.NO_CODE:
        assert set(found.values()) <= barred | {explain.SHAPE}
    charged = len(after(outcome, held).state.events - held.state.events)
    assert charged == sum(text.startswith("charged") for text in texts(steps, "then"))
    assert (explain.LIMITED in found.values()) <= (
        outcome.reason in (login.RATE_LIMITED, login.OK_SCRATCH)
    )


def test_no_repr_has_what_was_typed() -> None:
    """What a decision went by tells neither the code nor the record in its repr."""
    outcome = login.Outcome(login.REFUSE, login.FAILED)
    seen = explain.Seen(HELD, "482913", login.UNASKED, MARKS, outcome)
    assert repr(seen) == "Seen(Outcome(refuse AUTH_FAILED ''))"
