"""A decision step by step, in sentences for the administrator: `verify --explain`.

Nothing is decided here. What was decided by, and what came of it, are given; each step is told by
the functions that decide (login.usable_tokens and compare, limits, wishes) and by what became of
the record. No sentence has a secret or a code in it. Clock times come from the caller.
"""

from __future__ import annotations

from otpauth import answer, kinds, limits, login, state, token, wishes
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from otpauth.kinds import Match
    from otpauth.login import Asked, Outcome, Request, Typed
    from otpauth.policy import Rule
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from otpauth.state import State
    from otpauth.token import Token

# What became of a token, beside the results of kinds.
OFF, EXPIRED, KIND, GROUP = "off", "expired", "kind", "group"
LIMITED, SHAPE = "limited", "shape"
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


class _Case(NamedTuple):
    """A decision about a record: its state is pruned, its user's wishes are in the rule.

    `wait` is for how many seconds answers are not compared.
    """

    held: Record
    after: Record
    request: Request
    candidates: tuple[answer.Candidate, ...]
    rule: Rule
    seen: Seen
    clock: Callable[[int], str]
    wait: int


def steps(
    seen: Seen | None,
    request: Request,
    rule: Rule,
    outcome: Outcome,
    *,
    clock: Callable[[int], str],
) -> tuple[Step, ...]:
    """Tell a decision; the last step is its verdict. `seen` is None if nothing was looked at.

    `outcome` is the one that stands, `clock` makes a text of Unix seconds.
    """
    return (*_told(seen, request, rule, clock=clock), verdict(outcome))


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
    case = _Case(
        held,
        seen.outcome.record or held,
        request,
        seen.typed if isinstance(seen.typed, tuple) else answer.alone(seen.typed),
        narrow,
        seen,
        clock,
        limits.wait(pruned, limits.bucket(pruned, request.place), narrow, request.now),
    )
    yield from _user(case, rule)
    yield from _place(case)
    yield from _tokens(case)
    yield from _consequences(case)


def _user(case: _Case, rule: Rule) -> Iterable[Step]:
    held = case.held
    yield Step("user", f"{held.user}, uid {held.uid}, is enrolled; era {held.era}")
    for line in wishes.told(rule, held.wishes):
        yield Step("user", f"wishes, in force: {line}")


def _place(case: _Case) -> Iterable[Step]:
    where, now = case.request.place, case.request.now
    known = case.held.state.known.get(where)
    if known:
        text = f"{where} is known: a code was accepted from there at {case.clock(known)}"
    elif limits.may_be_known(where):
        text = f"{where} is not known: no code was accepted from there in 90 days"
    else:
        text = "a name, a loopback address or root's own process is never known"
    yield Step("place", text)
    bucket = limits.bucket(case.held.state, where)
    wrong = _charged(case.held.state, bucket)
    late = case.clock(now + case.wait)
    then = f"nothing is compared until {late}" if case.wait else "codes are compared"
    yield Step("limit", f"{_many(wrong, 'wrong answer')} in a week from {_from(bucket)}: {then}")


def _from(bucket: str) -> str:
    return "all places that are not known" if bucket == state.STRANGERS else bucket


def _charged(held: State, bucket: str) -> int:
    return sum(event.bucket == bucket for event in held.events)


def _many(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _tokens(case: _Case) -> Iterable[Step]:
    usable = login.usable_tokens(case.held, case.request, case.rule)
    for each in case.held.ordered():
        if each not in usable:
            yield _barred(each, case)
        else:
            yield _compared(each, case)


def _called(each: Token) -> str:
    return f"{each.name} ({each.kind})"


def _barred(each: Token, case: _Case) -> Step:
    """Say why a token may not be used."""
    if each.kind not in case.rule.kinds:
        result, why = KIND, f"the rule's kinds are {' '.join(case.rule.kinds)}"
    elif not each.enabled:
        result, why = OFF, "it is switched off"
    elif not each.live(case.request.now):
        result, why = EXPIRED, f"it expired at {case.clock(each.expires)}"
    else:
        result, why = GROUP, f"it is limited to {' '.join(each.groups)}"
    return Step("token", f"{_called(each)}: not compared, {why}", each.name, result)


def _compared(each: Token, case: _Case) -> Step:
    """Say what came of comparing what was typed with a token."""
    found = [match for one in case.candidates if (match := _match(each, one, case, case.rule))]
    best = min(found, key=lambda match: _WEIGHT.index(match.result), default=None)
    if best is None:
        result, words = SHAPE, f"not compared, {_shape(each, case)}"
    elif case.wait and not _is_compared(each, case):
        result, words = LIMITED, "not compared, too many answers were wrong"
    else:
        result, words = best.result, _came(each, best, case)
    return Step("token", f"{_called(each)}: {words}", each.name, result)


def _is_compared(each: Token, case: _Case) -> bool:
    """Say whether a token is compared while others wait, by a login of who has no other one."""
    alone = case.held._replace(tokens={each.id: each})
    chance = login.Chance(case.seen.marks, "0" * 16)
    outcome = login.decide(
        alone, case.request, case.candidates, case.rule, chance=chance, asked=case.seen.asked
    )
    return outcome.reason != login.RATE_LIMITED or outcome.record is not None


_WEIGHT = (kinds.ACCEPTED, kinds.USED, kinds.CLOCK, kinds.SKEWED, kinds.WRONG)


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
        later = ", or a later one," if each.kind in token.ONE_TIME else ""
        return f"right, but that code{later} was used {when}"
    if match.result == kinds.CLOCK:
        return f"right for now, but one of a later time was used {when}: the clock went back"
    if match.result == kinds.SKEWED:
        return f"right, but {_far(each, match, case)}; the next code of the same phone decides"
    return "wrong"


def _far(each: Token, match: Match, case: _Case) -> str:
    """Say how far outside of its window a code is."""
    if each.kind == "hotp":
        _, ahead = match.state.resyncs[each.id]
        return f"{_many(ahead - case.held.state.counters.get(each.id, 0), 'press')[:-1]}es ahead"
    outside = next(
        (
            (wide + 1) // 2
            for wide in range(1, REACH_MAX)
            if _inside(each, case, case.rule._replace(window=case.rule.window + wide))
        ),
        REACH_MAX // 2,
    )
    way = "the phone is fast" if match.off > 0 else "the phone is slow"
    return f"{_many(outside, 'step')} outside of the window: {way} by {abs(match.off)} s"


def _inside(each: Token, case: _Case, rule: Rule) -> bool:
    found = (_match(each, one, case, rule) for one in case.candidates)
    return any(match and match.result == kinds.ACCEPTED for match in found)


def _consequences(case: _Case) -> Iterable[Step]:
    """Tell what became of the record, by comparing it with what it was."""
    texts = list(_changes(case))
    for text in texts or ["nothing is used up, and nothing counts"]:
        yield Step("then", text)


def _changes(case: _Case) -> Iterable[str]:
    old, new, now = case.held.state, case.after.state, case.request.now
    for event in new.events - old.events:
        count = _many(_charged(new, event.bucket), "wrong answer")
        wait = limits.wait(new, event.bucket, case.rule, now)
        then = f"; nothing is compared until {case.clock(now + wait)}" if wait else ""
        yield f"charged to {_from(event.bucket)}, {count} now{then}"
    if case.seen.outcome.reason in (login.FAILED, login.PHONE_SKEWED) and old.events == new.events:
        yield "not charged again: the same wrong answer was charged within a minute"
    for each in case.held.ordered():
        if _progress(each, new) != _progress(each, old):
            yield f"{each.name}: {_used_up(each, new)}"
        if new.drifts.get(each.id) != old.drifts.get(each.id):
            off = _many(new.drifts[each.id][1], "step")
            yield f"{each.name}: its clock is {off} ahead, which is learned"
    where = case.request.place
    if new.known.get(where) != old.known.get(where):
        yield f"{where} is known for 90 days from now on; its wrong answers are forgiven"
    if new.graces != old.graces:
        yield f"no further code is asked for from here for {case.rule.grace} s"


def _progress(each: Token, held: State) -> tuple[object, ...]:
    """Return what of a state tells which codes of a token are used up."""
    due = held.due.get(str(each.params.get("due")))
    return (*(table.get(each.id) for table in (held.steps, held.counters, held.used)), due)


def _used_up(each: Token, after: State) -> str:
    if each.kind in token.SETS:
        rest = token.left(each, after.used.get(each.id, 0))
        return f"the code is used up, {rest} of {len(each.params['codes'])} are left"
    before = " and all before it" if each.kind in token.ONE_TIME else ""
    return f"the code{before} is used up"
