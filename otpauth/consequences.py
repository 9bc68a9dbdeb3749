"""What a decision changed in a record, in sentences, found by comparing before with after.

The second half of explain.py, and the words that both halves use. Clock times come from the caller.
"""

from __future__ import annotations

from otpauth import failures, limits, login, policy, state, token
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from otpauth.login import Request
    from otpauth.policy import Rule
    from otpauth.record import Record
    from otpauth.state import State
    from otpauth.token import Token

    Clock = Callable[[int], str]


class _Case(NamedTuple):
    old: State
    new: State
    tokens: list[Token]
    request: Request
    rule: Rule
    reason: str
    clock: Clock


def told(
    before: Record, after: Record, request: Request, rule: Rule, *, reason: str, clock: Clock
) -> list[str]:
    """Return a sentence for each change. `before` is pruned, `rule` has its user's wishes."""
    tokens = before.ordered()
    case = _Case(before.state, after.state, tokens, request, rule, reason, clock)
    found = [*_counts(case), *_tokens(case), *_places(case), *_lock(case), *_sessions(case)]
    return found or ["nothing is used up, and nothing counts"]


def many(number: int, word: str) -> str:
    """Return a number with its word."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def of_bucket(bucket: str) -> str:
    """Return which places have a bucket."""
    return "all places that are not known" if bucket == state.STRANGERS else bucket


def of_group(rule: Rule) -> str:
    """Return what is locked where this rule's group is."""
    return f"group {rule.group}" if rule.group else "every login outside of groups"


def until_when(second: int, clock: Clock) -> str:
    """Return until when something holds."""
    return "until an administrator unlocks" if second == policy.ALWAYS else f"until {clock(second)}"


def charged(held: State, bucket: str) -> int:
    """Return how many wrong answers are charged to a bucket."""
    return sum(event.bucket == bucket for event in held.events)


def _counts(case: _Case) -> Iterable[str]:
    now = case.request.now
    for event in case.new.events - case.old.events:
        count = many(charged(case.new, event.bucket), "wrong answer")
        wait = limits.wait(case.new, event.bucket, case.rule, now)
        then = f"; nothing is compared until {case.clock(now + wait)}" if wait else ""
        yield f"charged to {of_bucket(event.bucket)}, {count} now{then}"
    wrong = case.reason in (login.FAILED, login.PHONE_SKEWED)
    if wrong and case.new.events == case.old.events:
        yield "not charged again: the same wrong answer was charged within a minute"


def _tokens(case: _Case) -> Iterable[str]:
    for each in case.tokens:
        if _progress(each, case.new) != _progress(each, case.old):
            yield f"{each.name}: {_used_up(each, case.new)}"
        if case.new.drifts.get(each.id) != case.old.drifts.get(each.id):
            off = many(case.new.drifts[each.id][1], "step")
            yield f"{each.name}: its clock is {off} ahead, which is learned"


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


def _places(case: _Case) -> Iterable[str]:
    where = case.request.place
    if case.new.known.get(where) != case.old.known.get(where):
        days = limits.KNOWN_LIFE // limits.DAY
        yield f"{where} is known for {days} days from now on; its wrong answers are forgiven"
    if case.new.graces != case.old.graces:
        yield f"no further code is asked for from here for {case.rule.grace} s"


def _lock(case: _Case) -> Iterable[str]:
    old, new, rule = case.old, case.new, case.rule
    if new.fails != old.fails:
        count = failures.number(new, rule.group)
        if new.locked == old.locked:
            yield f"{count} of {rule.lock[0]} for the lock of {of_group(rule)}"
    if new.locked != old.locked:
        until = until_when(new.locked[rule.group][1], case.clock)
        yield f"{of_group(rule)} is locked {until}, but for known places"
    if new.cleared != old.cleared:
        yield f"counting for the lock of {of_group(rule)} begins anew"


def _sessions(case: _Case) -> Iterable[str]:
    for mark, one in case.new.sessions.items():
        before = case.old.sessions.get(mark)
        where = f"in {one.group or one.service} for {one.address}"
        if before is None:
            yield f"a session begins {where}, until {case.clock(one.until)}"
        elif one.over > before.over:
            yield f"the session {where} is over"
        elif one.uses > before.uses:
            yield f"this is login {one.uses} of the session {where}"
