"""The lock: after so many distinct wrong answers a user is let in no more, for a while or at all.

Counted are wrong answers that were compared, from places that are not known, for each access group
apart: each once, however often it is repeated, so that a client which goes on with an old password
locks nobody out. One that counts is refused from such places when it comes again, though it be
right by then: nobody gets further by giving the same guess for ever. An accepted code of a daily
kind resets its group's count. What is locked is logging in from places that are not known: the
right code, and a scratch code, too, is refused there, and nothing is compared or written. A known
place stays open, or strangers could keep a user out of everywhere. What is counted is a keyed hash.
Time is in Unix seconds.
"""

from __future__ import annotations

from otpauth.policy import ALWAYS, NEVER
from otpauth.state import FAILS_MAX, STRANGERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.policy import Rule
    from otpauth.state import State


def locked(state: State, now: int) -> dict[str, int]:
    """Return the groups that are locked, each with until when; ALWAYS for no end."""
    return {
        group: until
        for group, (since, until) in state.locked.items()
        if state.cleared.get(group, NEVER) < since and now < until
    }


def told(state: State, now: int) -> list[str]:
    """Return a line for each locked group: which, and until when."""
    return [
        f"{f'group {group}' if group else 'outside of groups'} {_end(until, now)}"
        for group, until in sorted(locked(state, now).items())
    ]


def _end(until: int, now: int) -> str:
    if until == ALWAYS:
        return "until an administrator unlocks"
    from datetime import UTC, datetime

    end, today = (datetime.fromtimestamp(each, UTC) for each in (until, now))
    day = "" if end.date() == today.date() else f"{end:%Y-%m-%d} "
    return f"until {day}{end:%H:%M} UTC"


def counted(state: State, name: str, mark: str, rule: Rule, now: int) -> State:
    """Count a wrong answer, by its mark, in a rule's group; `name` is the bucket it came from."""
    (most, seconds), group = rule.lock, rule.group
    if not most or name != STRANGERS or counts(state, name, mark, rule):
        return state
    second = max(now, _begin(state, group) + 1)
    state = state._replace(fails={**_live(state), f"{group}/{mark}": second})
    if number(state, group) < most and len(state.fails) < FAILS_MAX:
        return state
    until = second + seconds if seconds else ALWAYS
    return state._replace(locked={**state.locked, group: (second, until)})


def counts(state: State, name: str, mark: str, rule: Rule) -> bool:
    """Say whether an answer from a bucket counts in a rule's group as a wrong one already."""
    begin = _begin(state, rule.group)
    return name == STRANGERS and state.fails.get(f"{rule.group}/{mark}", NEVER) > begin


def number(state: State, group: str) -> int:
    """Return how many wrong answers count in a group."""
    return sum(key.rpartition("/")[0] == group for key in _live(state))


def _live(state: State) -> dict[str, int]:
    """Return those that count, in whatever groups; what is over must not crowd them out."""
    return {
        key: second
        for key, second in state.fails.items()
        if second > _begin(state, key.rpartition("/")[0])
    }


def reset(state: State, rule: Rule, now: int) -> State:
    """Count from nothing after an accepted code; what is locked, with its count, stays so."""
    group = rule.group
    if not rule.lock[0] or not number(state, group):
        return state
    of_group = (second for key, second in state.fails.items() if key.rpartition("/")[0] == group)
    return state._replace(cleared={**state.cleared, group: max(now, *of_group)})


def _begin(state: State, group: str) -> int:
    """Return since when wrong answers count: the latest lock, or the latest reset."""
    return max(state.locked.get(group, (NEVER,))[0], state.cleared.get(group, NEVER))
