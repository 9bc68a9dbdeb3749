"""What has happened to an account's tokens, as a lattice: copies merge, nothing is undone.

Two copies of a record exist, and either may be older: a restored backup, a home that was not
mounted, a crash between two writes. `join` keeps of both whatever refuses more: the later step,
the higher counter, every used code, every removed token. It is commutative, associative and
idempotent. Time is in Unix seconds.
"""

from __future__ import annotations

from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T", int, tuple[int, int], "Due")

REMOVED_MAX = 256  # ids; the oldest are dropped
EVENTS_MAX = 64  # wrong answers kept for strangers
PLACE_EVENTS_MAX = 50  # and for each known place: as many as limits.BACKOFF counts
PLACES_EVENTS_MAX = 850  # and for all of them together, with proofs inside proposals
KNOWN_MAX = 16  # places that logged in with a one-time code
WRONG_MAX = 16  # keyed hashes of the latest wrong answers
TRIES_MAX = 16  # places whose latest scratch try is remembered
GRACES_MAX = 16  # marks of codes that spare the next one for a while
DONE_MAX = 32  # digests of proposals that were dealt with
NOTICES_MAX = 8
DUE_MAX = 16  # codes that were sent, of the latest minutes
SENDS_MAX = 12  # messages to strangers' places, and again to known ones
FAILS_MAX = 64  # distinct wrong answers that count towards a lock
LOCKS_MAX = 32  # groups whose latest lock, and whose latest reset, is kept
SESSIONS_MAX = 64
PLACE_MAX = 64  # characters
SHOWN_MAX = 45  # characters of a service or address that is shown; the longest address
STRANGERS = "*"  # the bucket of all places that are not known


class Event(NamedTuple):
    """One wrong answer: when, a random 64-bit id, and the bucket it was charged to."""

    second: int
    id: str
    bucket: str


class Due(NamedTuple):
    """A code that was sent: when, the random number it is made of, 1 if it is over."""

    second: int
    number: str
    over: int


class Notice(NamedTuple):
    """Something its owner should hear of: a token was added, removed or refused."""

    second: int
    what: str
    name: str
    reason: str


class Bypass(NamedTuple):
    """How long and how often a user is let in without a code; bypass.py says what it is.

    A greater number goes before a smaller one; of one number the greater `spent` counts.
    """

    number: int = 0
    since: int = 0
    until: int = 0
    uses: int = 0
    spent: int = 0


class Session(NamedTuple):
    """Where the answer that a login was accepted with stays good; sessions.py says how.

    Of two of one id the one that ends later counts, of the same one what either copy knows of its
    use: `last` when, `uses` how often, `over` 1 if it was ended. `idle` and `logins` are 0 for no
    bound. `token` is the id of the token that began it; `group`, `service` and `address` say where.
    `logout` is the mark of the password that ends it, empty for none.
    """

    until: int
    since: int
    idle: int
    logins: int
    token: str
    group: str
    service: str
    address: str
    logout: str
    last: int
    uses: int
    over: int = 0

    def joined(self, other: Session) -> Session:
        """Return this session with what another copy of it knows."""
        if self == other:
            return self
        if self._replace(last=0, uses=0, over=0) != other._replace(last=0, uses=0, over=0):
            return max(self, other)
        return self._replace(
            last=max(self.last, other.last),
            uses=max(self.uses, other.uses),
            over=max(self.over, other.over),
        )


WHATS = ("added", "changed", "refused", "removed", "wished")


class State(NamedTuple):
    """All that changes by logging in.

    Maps are by token id where not said otherwise. `steps` last accepted TOTP step; `counters`
    next HOTP counter; `used` bit n set: code n of a set was used; `last` when it was last
    accepted; `drifts` (learned at, steps the phone is off); `resyncs` (when, step or counter) of
    a code that fits a skewed phone; `removed` ids and when; `events` wrong answers; `known`
    place to last accepted code; `wrong` answer hash to when; `tries` place to its last scratch
    try; `graces` mark of a token and where it was accepted to when; `done` proposal digest to
    when (at least: they are in the order of the values); `due` codes that were sent, by mark;
    `sends` messages that went out, by the bucket they were asked from; `told` notices up to then
    were shown; `bypass` the latest grant of logins without a code. `fails` is GROUP/MARK of a wrong
    answer to when it was counted; `locked` a group to since when it is, and until; `cleared` a
    group to when an accepted code reset what was counted; failures.py says what that means.
    `sessions` are by mark; those begun up to `ended` are over.
    """

    steps: dict[str, int] = {}
    counters: dict[str, int] = {}
    used: dict[str, int] = {}
    last: dict[str, int] = {}
    drifts: dict[str, tuple[int, int]] = {}
    resyncs: dict[str, tuple[int, int]] = {}
    removed: dict[str, int] = {}
    events: frozenset[Event] = frozenset()
    known: dict[str, int] = {}
    wrong: dict[str, int] = {}
    tries: dict[str, int] = {}
    graces: dict[str, int] = {}
    done: dict[str, int] = {}
    due: dict[str, Due] = {}
    sends: frozenset[Event] = frozenset()
    notices: frozenset[Notice] = frozenset()
    told: int = 0
    bypass: Bypass = Bypass()
    fails: dict[str, int] = {}
    locked: dict[str, tuple[int, int]] = {}
    cleared: dict[str, int] = {}
    sessions: dict[str, Session] = {}
    ended: int = 0


def join(one: State, two: State) -> State:
    """Merge two copies so that nothing which either of them refuses becomes good again."""
    removed = _newest(_later(one.removed, two.removed), REMOVED_MAX)
    return State(
        steps=_without(_later(one.steps, two.steps), removed),
        counters=_without(_later(one.counters, two.counters), removed),
        used=_without(_either(one.used, two.used), removed),
        last=_without(_later(one.last, two.last), removed),
        drifts=_without(_later(one.drifts, two.drifts), removed),
        resyncs=_without(_later(one.resyncs, two.resyncs), removed),
        removed=removed,
        events=_counted_events(one.events | two.events),
        known=_newest(_later(one.known, two.known), KNOWN_MAX),
        wrong=_newest(_later(one.wrong, two.wrong), WRONG_MAX),
        tries=_newest(_later(one.tries, two.tries), TRIES_MAX),
        graces=_newest(_later(one.graces, two.graces), GRACES_MAX),
        done=_newest(_later(one.done, two.done), DONE_MAX),
        due=_newest(_later(one.due, two.due), DUE_MAX),
        sends=_newest_events(one.sends | two.sends, SENDS_MAX),
        notices=frozenset(sorted(one.notices | two.notices)[-NOTICES_MAX:]),
        told=max(one.told, two.told),
        bypass=max(one.bypass, two.bypass),
        fails=_newest(_later(one.fails, two.fails), FAILS_MAX),
        locked=_newest(_later(one.locked, two.locked), LOCKS_MAX),
        cleared=_newest(_later(one.cleared, two.cleared), LOCKS_MAX),
        sessions=_lasting(_joined(one.sessions, two.sessions)),
        ended=max(one.ended, two.ended),
    )


def with_notice(state: State, now: int, what: str, name: str, reason: str = "-") -> State:
    """Return the state with one more thing that the owner should hear of."""
    return state._replace(notices=state.notices | {Notice(now, what, name, reason)})


def bounded(state: State) -> State:
    """Return the state within its limits: the oldest entries give way."""
    return join(state, state)


def _later(one: dict[str, T], two: dict[str, T]) -> dict[str, T]:
    """Merge two maps, keeping the greater value."""
    merged = dict(one)
    for key, value in two.items():
        if key not in merged or merged[key] < value:
            merged[key] = value
    return merged


def _either(one: dict[str, int], two: dict[str, int]) -> dict[str, int]:
    """Merge two maps of bit sets."""
    merged = dict(one)
    for key, value in two.items():
        merged[key] = merged.get(key, 0) | value
    return merged


def _without(items: dict[str, T], removed: dict[str, int]) -> dict[str, T]:
    return {key: value for key, value in items.items() if key not in removed}


def _newest(items: dict[str, T], most: int) -> dict[str, T]:
    if len(items) <= most:
        return items
    return dict(sorted(items.items(), key=lambda item: (item[1], item[0]))[-most:])


def _joined(one: dict[str, Session], two: dict[str, Session]) -> dict[str, Session]:
    merged = dict(one)
    for key, session in two.items():
        merged[key] = merged[key].joined(session) if key in merged else session
    return merged


def _lasting(items: dict[str, Session]) -> dict[str, Session]:
    """Keep the sessions that end last: one that gives way ends before any that is kept.

    So an old copy of it, in which it was not over, gives way as well for as long as it would live.
    """
    if len(items) <= SESSIONS_MAX:
        return items
    kept = sorted(items.items(), key=lambda item: (item[1].until, item[0]))[-SESSIONS_MAX:]
    return dict(kept)


def _counted_events(events: frozenset[Event]) -> frozenset[Event]:
    """Keep the newest wrong answers of each bucket, so that no place crowds out another's.

    Whoever has several known places gets at each of them no more tries than at one.
    """
    kept: dict[str, list[Event]] = {}
    for event in sorted(events, reverse=True):
        most = EVENTS_MAX if event.bucket == STRANGERS else PLACE_EVENTS_MAX
        held = kept.setdefault(event.bucket, [])
        if len(held) < most:
            held.append(event)
    strangers = kept.pop(STRANGERS, [])
    places = sorted(event for held in kept.values() for event in held)
    return frozenset(strangers + places[-PLACES_EVENTS_MAX:])


def _newest_events(events: frozenset[Event], most: int) -> frozenset[Event]:
    """Keep the newest of strangers and of known places apart, so that neither crowds the other."""
    strangers = sorted(event for event in events if event.bucket == STRANGERS)
    places = sorted(event for event in events if event.bucket != STRANGERS)
    return frozenset(strangers[-most:] + places[-most:])
