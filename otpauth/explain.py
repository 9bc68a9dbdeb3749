"""A decision step by step, in sentences for the administrator: `verify --explain`.

Nothing is decided here. What was decided by, and what came of it, are given; each step is told by
the functions that decide (login.usable_tokens and compare, limits, failures, sessions, wishes), and
what follows by what became of the record. No sentence has a secret or a code in it.
"""

from __future__ import annotations

from otpauth import (
    answer,
    bypass,
    consequences,
    failures,
    kinds,
    limits,
    login,
    sessions,
    token,
    wishes,
)
from otpauth.consequences import charged, many, of_bucket, of_group, until_when
from otpauth.state import LOCKS_MAX
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from otpauth.kinds import Match
    from otpauth.login import Asked, Outcome, Request, Typed
    from otpauth.policy import Rule
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from otpauth.sessions import Found
    from otpauth.token import Token

# What became of a token, beside the results of kinds.
OFF, EXPIRED, KIND, GROUP = "off", "expired", "kind", "group"
LOCKED, SESSION, LIMITED, SHAPE = "locked", "session", "limited", "shape"
REACH_MAX = 200  # steps by which a window is widened to find out how far outside a code is


class Step(NamedTuple):
    """One step: what it is about, a sentence; of a token its name and what became of it."""

    about: str
    text: str
    token: str = ""
    result: str = ""


class Seen(NamedTuple):
    """What a decision went by, as attempt.Watch is told. `outcome` has its record."""

    before: Record | None
    typed: Typed
    asked: Asked
    marks: Fingerprints
    outcome: Outcome

    def __repr__(self) -> str:
        """Tell nothing of what was typed."""
        return f"Seen({self.outcome!r})"


class _Case(NamedTuple):
    """A decision about a record: its state is pruned, its user's wishes are in the rule.

    `wait` is for how many seconds answers are not compared, `is_locked` whether none is at all.
    """

    held: Record
    request: Request
    candidates: tuple[answer.Candidate, ...]
    rule: Rule
    seen: Seen
    clock: Callable[[int], str]
    wait: int
    is_locked: bool


def steps(
    seen: Seen | None,
    request: Request,
    rule: Rule,
    outcome: Outcome,
    *,
    clock: Callable[[int], str],
    dry_run: bool = False,
) -> tuple[Step, ...]:
    """Tell a decision; the last step is its verdict. `seen` is None if nothing was looked at.

    `outcome` is the one that stands, `clock` makes a text of Unix seconds.
    """
    found = list(_told(seen, request, rule, clock=clock))
    if outcome.reason == login.CONFIG_BROKEN:
        found.append(Step("then", "what it is and what mends it: otpauth-admin config"))
    if dry_run or outcome.reason == login.NOT_RECORDED:
        found.append(Step("then", "none of this is written" + " in a dry run" * dry_run))
    return (*found, verdict(outcome))


def verdict(outcome: Outcome) -> Step:
    """Return the verdict as a step."""
    words = "accepted" if outcome.verdict == login.ACCEPT else "refused"
    text = f"{words}: {login.REASONS[outcome.reason]} ({outcome.reason})"
    return Step("verdict", text, outcome.token, outcome.verdict)


def _told(
    seen: Seen | None, request: Request, rule: Rule, *, clock: Callable[[int], str]
) -> Iterable[Step]:
    if seen is None:
        return
    if seen.before is None or not seen.before.enrolled:
        yield Step("user", f"{request.user} has nothing enrolled on this host")
        return
    pruned = limits.prune(seen.before.state, request.now)
    held = seen.before._replace(state=pruned)
    narrow = wishes.effective(rule, held.wishes)
    typed = seen.typed if isinstance(seen.typed, tuple) else answer.alone(seen.typed)
    case = _Case(
        held,
        request,
        answer.known(typed),
        narrow,
        seen,
        clock,
        limits.wait(pruned, limits.bucket(pruned, request.place), narrow, request.now),
        limits.locked(pruned, request.place, narrow, request.now),
    )
    yield from _user(case, rule)
    yield from _answer(typed, rule)
    if seen.outcome.reason == login.NTLM_OFF:
        return
    yield from _place(case)
    yield from _lock(case)
    yield from _session(case)
    yield from _tokens(case)
    after, reason = seen.outcome.record or held, seen.outcome.reason
    for text in consequences.told(held, after, request, case.rule, reason=reason, clock=clock):
        yield Step("then", text)


def _is_own(each: Token) -> bool:
    """Say whether a token is in the record, and not one of the host's ways beside it."""
    return each.kind not in token.SENT or each.params.get("id", each.id) == each.id


def _user(case: _Case, rule: Rule) -> Iterable[Step]:
    held = case.held
    own = not held.tokens or any(_is_own(each) for each in held.tokens.values())
    how = "is enrolled" if own else "has nothing enrolled, but is sent codes"
    yield Step("user", f"{held.user}, uid {held.uid}, {how}; era {held.era}")
    for line in wishes.told(rule, held.wishes):
        yield Step("user", f"wishes, in force: {line}")
    if bypass.left(held.state, case.request.now):
        until = case.clock(held.state.bypass.until)
        yield Step(
            "user", f"is let in without a code until {until}, where another factor is proved"
        )


def _answer(typed: tuple[answer.Candidate, ...], rule: Rule) -> Iterable[Step]:
    """Tell what an answer is that is not as it was typed."""
    if any(each.trusted for each in typed):
        words = f"what a client with {{secret.{rule.client_secret}}} made of a code"
        yield Step("answer", f"it has the shape of {words}, {rule.trust}, and is compared as that")
    if any(each.ntlm for each in typed):
        then = "is compared with what each code would give" if rule.ntlm else "is not compared"
        yield Step("answer", f"it is a response of NTLM, and {then}")


def _place(case: _Case) -> Iterable[Step]:
    where, now = case.request.place, case.request.now
    known = case.held.state.known.get(where)
    if known:
        text = f"{where} is known: a code was accepted from there at {case.clock(known)}"
    elif limits.may_be_known(where):
        text = f"{where} is not known: no code was accepted from there lately"
    else:
        text = "a name, a loopback address or root's own process is never known"
    yield Step("place", text)
    bucket = limits.bucket(case.held.state, where)
    wrong = charged(case.held.state, bucket)
    late = case.clock(now + case.wait)
    then = f"nothing is compared until {late}" if case.wait else "codes are compared"
    yield Step("limit", f"{many(wrong, 'wrong answer')} in a week from {of_bucket(bucket)}: {then}")


def _lock(case: _Case) -> Iterable[Step]:
    """Tell the lock of the login's group, where there is one."""
    rule, now = case.rule, case.request.now
    if not rule.lock[0]:
        return
    count = failures.number(case.held.state, rule.group)
    until = failures.locked(case.held.state, now).get(rule.group)
    if until is None and case.is_locked:
        text = f"the user is locked in {LOCKS_MAX} groups, hence in all: nothing is compared"
    elif until is None:
        most = many(rule.lock[0], "distinct wrong answer")
        text = f"{count} of {most} until {of_group(rule)} is locked"
    elif case.is_locked:
        text = f"{of_group(rule)} is locked {until_when(until, case.clock)}: nothing is compared"
    else:
        text = (
            f"{of_group(rule)} is locked {until_when(until, case.clock)}, but not for a known place"
        )
    yield Step("lock", text)


def _session(case: _Case) -> Iterable[Step]:
    """Tell which session the answer belongs to, where one was looked for."""
    if case.is_locked or not (case.rule.session.timeout or case.held.state.sessions):
        return
    if case.wait:
        yield Step("session", "none is looked for while answers are not compared")
        return
    if case.seen.outcome.reason == login.SESSION_LOGOUT:
        yield Step("session", "the answer is a logout password of sessions that last")
        return
    found = _found(case)
    if found is None and case.seen.outcome.reason == login.FAILED and _is_guess(case):
        yield Step("session", "the answer looks like the code of one, and is none of them")
        return
    if found is None:
        yield Step("session", "the answer belongs to none that began for this group and address")
        return
    one = found.session
    began = f"of {one.group or one.service}, begun at {case.clock(one.since)}"
    most = f" of {one.logins}" if one.logins else ""
    text = f"{began}, {many(one.uses, 'login')}{most}, until {case.clock(one.until)}"
    told = _WORTH[found.worth] if found.token else "its token may not be used here"
    yield Step("session", f"{text}: {told}", result=found.worth)


_WORTH = {
    sessions.ALIVE: "it lasts",
    sessions.FULL: "it had all its logins",
    sessions.OVER: "it is over",
}


def _is_guess(case: _Case) -> bool:
    usable = login.usable_tokens(case.held, case.request, case.rule)
    return sessions.is_guess(case.candidates, case.held.state, usable, case.request.now)


def _found(case: _Case) -> Found | None:
    """Find the session of an answer as the decision does."""
    state, request, rule, marks = case.held.state, case.request, case.rule, case.seen.marks
    usable = login.usable_tokens(case.held, request, rule)
    return sessions.find(state, request, rule, case.candidates, usable, marks)


def _tokens(case: _Case) -> Iterable[Step]:
    usable = login.usable_tokens(case.held, case.request, case.rule)
    for each in case.held.ordered():
        if case.is_locked:
            text = f"{_called(each)}: not compared, the user is locked"
            yield Step("token", text, each.name, LOCKED)
        elif each not in usable:
            yield _barred(each, case)
        elif case.seen.outcome.reason in _BY_SESSION:
            text = f"{_called(each)}: not compared, the session decided"
            yield Step("token", text, each.name, SESSION)
        else:
            yield _compared(each, case)


_BY_SESSION = (login.OK_SESSION, login.SESSION_MAX_LOGIN, login.SESSION_LOGOUT)


def _called(each: Token) -> str:
    return f"{each.name} ({each.kind})"


def _barred(each: Token, case: _Case) -> Step:
    """Say why a token may not be used."""
    if each.kind not in case.rule.kinds:
        result, why = KIND, f"the rule's kinds are {' '.join(case.rule.kinds)}"
    elif not each.served():
        result, why = KIND, "otpauth.conf lets no codes be sent to addresses of users' own (own)"
    elif not each.enabled:
        result, why = OFF, "it is switched off"
    elif not each.live(case.request.now):
        result, why = EXPIRED, f"it expired at {case.clock(each.expires)}"
    else:
        result, why = GROUP, f"it is limited to {' '.join(each.groups)}"
    return Step("token", f"{_called(each)}: not compared, {why}", each.name, result)


def _compared(each: Token, case: _Case) -> Step:
    """Say what came of comparing what was typed with a token."""
    tries = (_match(each, one, case, case.rule) for one in case.candidates)
    match = next(filter(None, tries), None)  # no two candidates have the shape of one token's codes
    if match is None:
        result, words = SHAPE, f"not compared, {_shape(each, case)}"
    elif not _is_compared(each, case):
        result, words = LIMITED, "not compared, too many answers were wrong"
    elif match.result == kinds.ACCEPTED and case.seen.outcome.verdict != login.ACCEPT:
        result, words = kinds.WRONG, "right, but it was wrong before and counts towards the lock"
    else:
        result, words = match.result, _came(each, match, case)
    return Step("token", f"{_called(each)}: {words}", each.name, result)


def _is_compared(each: Token, case: _Case) -> bool:
    """Say whether a token is compared now."""
    if not case.wait:
        return True
    scratch = limits.scratch_open(case.held.state, case.request.place)
    return login.always_compared(each, scratch=scratch)


def _match(each: Token, one: answer.Candidate, case: _Case, rule: Rule) -> Match | None:
    seen = case.seen
    return login.compare(each, case.held, one, case.request.now, rule, seen.marks, seen.asked)


def _shape(each: Token, case: _Case) -> str:
    if "due" in each.params and each.params["due"] not in case.held.state.due:
        return "no code was sent for this service and place"
    if each.kind == "list":
        return "no number of this list with its password behind it was typed"
    return "what was typed does not have the shape of its codes"


def _came(each: Token, match: Match, case: _Case) -> str:
    """Say what a match means."""
    used = case.held.state.last.get(each.id)
    when = f"at {case.clock(used)}" if used else "by setup"
    if match.result == kinds.ACCEPTED:
        best = case.seen.outcome.token == each.name
        return "right" if best else "right, too, but another token goes before it"
    if match.result == kinds.USED:
        if each.kind in token.ONE_TIME:
            return f"right, but that code, or a later one, was used {when}"
        return "right, but that code was used before"
    if match.result == kinds.CLOCK:
        return f"right for now, but one of a later time was used {when}: the clock went back"
    if match.result == kinds.SKEWED:
        return f"right, but {_far(each, match, case)}; the next code of the same phone decides"
    return "wrong"


def _far(each: Token, match: Match, case: _Case) -> str:
    """Say how far outside of its window a code is."""
    if each.kind == "hotp":
        _, ahead = match.state.resyncs[each.id]
        return f"{many(ahead - case.held.state.counters.get(each.id, 0), 'press')[:-1]}es ahead"
    outside = next(
        (
            (wide + 1) // 2
            for wide in range(1, REACH_MAX)
            if _inside(each, case, case.rule._replace(window=case.rule.window + wide))
        ),
        REACH_MAX // 2,
    )
    way = "the phone is fast" if match.off > 0 else "the phone is slow"
    return f"{many(outside, 'step')} outside of the window: {way} by {abs(match.off)} s"


def _inside(each: Token, case: _Case, rule: Rule) -> bool:
    found = (_match(each, one, case, rule) for one in case.candidates)
    return any(match and match.result == kinds.ACCEPTED for match in found)
