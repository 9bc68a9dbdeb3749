"""The lock: after so many distinct wrong answers a user is let in no more, for a while or at all.

Counted are wrong answers that were compared, from places that are not known, for each access group
apart: each once, however often it is repeated, so that a client which goes on with an old password
locks nobody out. An accepted code of a daily kind resets its group's count. What is locked is
logging in from places that are not known: the right code, and a scratch code, too, is refused
there, and nothing is compared or written. A known place stays open, or strangers could keep a user
out of everywhere. What is counted is a keyed hash. Time is in Unix seconds.
"""

from __future__ import annotations

from otpauth.policy import ALWAYS, NEVER
from otpauth.state import FAILS_MAX, STRANGERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.policy import Rule
    from otpauth.state import State


def locked(state: State, rule: Rule, now: int) -> int:
    """Return until when a rule's group is locked, NEVER if it is open, ALWAYS without an end."""
    most, seconds = rule.lock
    since = state.locked.get(rule.group, NEVER)
    if not most or since <= state.cleared.get(rule.group, NEVER):
        return NEVER
    until = since + seconds if seconds else ALWAYS
    return until if now < until else NEVER


def counted(state: State, name: str, mark: str, rule: Rule, now: int) -> State:
    """Count a wrong answer, by its mark, in a rule's group; `name` is the bucket it came from."""
    most, group = min(rule.lock[0], FAILS_MAX), rule.group
    key, begin = f"{group}/{mark}", _begin(state, group)
    if not most or name != STRANGERS or state.fails.get(key, NEVER) > begin:
        return state
    second = max(now, begin + 1)
    state = state._replace(fails={**state.fails, key: second})
    if number(state, group) < most:
        return state
    return state._replace(locked={**state.locked, group: second})


def number(state: State, group: str) -> int:
    """Return how many wrong answers count in a group."""
    begin = _begin(state, group)
    return sum(
        second > begin and key.rpartition("/")[0] == group for key, second in state.fails.items()
    )


def reset(state: State, rule: Rule, now: int) -> State:
    """Count from nothing after an accepted code; what is locked stays so."""
    group = rule.group
    if not rule.lock[0] or not number(state, group) or locked(state, rule, now):
        return state
    of_group = (second for key, second in state.fails.items() if key.rpartition("/")[0] == group)
    return state._replace(cleared={**state.cleared, group: max(now, *of_group)})


def _begin(state: State, group: str) -> int:
    """Return since when wrong answers count: the latest lock, or the latest reset."""
    return max(state.locked.get(group, NEVER), state.cleared.get(group, NEVER))
