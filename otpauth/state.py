"""What has happened to an account's tokens, as a lattice: copies merge, nothing is undone.

Two copies of a record exist, and either may be older: a restored backup, a home that was not
mounted, a crash between two writes. `join` keeps of both whatever refuses more: the later step,
the higher counter, every used code, every removed token. It is commutative, associative and
idempotent. Time is in Unix seconds.
"""

from __future__ import annotations

from otpauth import canonical, oath, token
from otpauth.errors import FormatError
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T", int, tuple[int, int], "Due")

REMOVED_MAX = 256  # ids; the oldest are dropped
EVENTS_MAX = 64  # wrong answers kept for strangers, and again for known places
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
_HEX = "0123456789abcdef"
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
        events=_newest_events(one.events | two.events, EVENTS_MAX),
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


def _newest_events(events: frozenset[Event], most: int) -> frozenset[Event]:
    """Keep the newest of strangers and of known places apart, so that neither crowds the other."""
    strangers = sorted(event for event in events if event.bucket == STRANGERS)
    places = sorted(event for event in events if event.bucket != STRANGERS)
    return frozenset(strangers[-most:] + places[-most:])


def value(state: State) -> dict[str, Any]:
    """Return a state as a value for canonical JSON."""
    return {
        **state._asdict(),
        "used": {ident: f"{bits:x}" for ident, bits in state.used.items()},
        "drifts": {ident: list(pair) for ident, pair in state.drifts.items()},
        "resyncs": {ident: list(pair) for ident, pair in state.resyncs.items()},
        "events": _by_bucket(state.events),
        "due": {mark: list(due) for mark, due in state.due.items()},
        "sends": _by_bucket(state.sends),
        "notices": [list(notice) for notice in sorted(state.notices)],
        "bypass": list(state.bypass),
        "locked": {group: list(pair) for group, pair in state.locked.items()},
        "sessions": {mark: list(session) for mark, session in state.sessions.items()},
    }


def read(item: Any) -> State:
    """Read a state from decoded JSON. Raises FormatError."""
    got = canonical.fields(item, State._fields)
    return State(
        steps=_numbers(got["steps"], _ident, most=token.MERGED_MAX),
        counters=_numbers(got["counters"], _ident, most=token.MERGED_MAX),
        used={
            _ident(key): _bits(bits)
            for key, bits in canonical.mapping(got["used"], most=token.MERGED_MAX).items()
        },
        last=_numbers(got["last"], _ident, most=token.MERGED_MAX),
        drifts=_pairs(got["drifts"]),
        resyncs=_pairs(got["resyncs"]),
        removed=_numbers(got["removed"], _ident, most=REMOVED_MAX),
        events=_events(got["events"], most=EVENTS_MAX),
        known=_numbers(got["known"], _place, most=KNOWN_MAX),
        wrong=_numbers(got["wrong"], _answer_mark, most=WRONG_MAX),
        tries=_numbers(got["tries"], _place, most=TRIES_MAX),
        graces=_numbers(got["graces"], _digest, most=GRACES_MAX),
        done=_numbers(got["done"], _digest, most=DONE_MAX),
        due={
            _digest(mark): _due(row)
            for mark, row in canonical.mapping(got["due"], most=DUE_MAX).items()
        },
        sends=_events(got["sends"], most=SENDS_MAX),
        notices=frozenset(
            _notice(each) for each in canonical.array(got["notices"], most=NOTICES_MAX)
        ),
        told=canonical.integer(got["told"]),
        bypass=Bypass(*(canonical.integer(each) for each in _row(got["bypass"], 5))),
        fails=_numbers(got["fails"], _fail, most=FAILS_MAX),
        locked={
            _group(key): _seconds(pair)
            for key, pair in canonical.mapping(got["locked"], most=LOCKS_MAX).items()
        },
        cleared=_numbers(got["cleared"], _group, most=LOCKS_MAX),
        sessions={
            _digest(mark): _session(row)
            for mark, row in canonical.mapping(got["sessions"], most=SESSIONS_MAX).items()
        },
        ended=canonical.integer(got["ended"]),
    )


def _ident(key: str) -> str:
    return canonical.hexadecimal(key, size=token.ID_SIZE)


def _digest(key: str) -> str:
    return canonical.hexadecimal(key, size=8)


def _answer_mark(key: str) -> str:
    return canonical.hexadecimal(key, size=4)


def _place(key: str) -> str:
    return canonical.text(key, most=PLACE_MAX)


def _group(key: str) -> str:
    return token.check_name(key) if key else key


def _fail(key: str) -> str:
    group, slash, mark = key.rpartition("/")
    if not slash:
        raise FormatError("sealed data has a failure that is none")
    _answer_mark(mark)
    _group(group)
    return key


def _session(item: Any) -> Session:
    row = Session(*_row(item, len(Session._fields)))
    for number in (*row[:4], row.last, row.uses):
        canonical.integer(number)
    _ident(row.token)
    _group(canonical.text(row.group, most=token.NAME_MAX))
    canonical.text(row.service, most=SHOWN_MAX)
    canonical.text(row.address, most=SHOWN_MAX)
    if row.logout != "":
        _digest(row.logout)
    canonical.integer(row.over, 0, 1)
    return row


def _bits(digits: Any) -> int:
    most = token.LIST_MAX // 4
    if not isinstance(digits, str) or not 0 < len(digits) <= most or digits.strip(_HEX):
        raise FormatError("sealed data has a set of used codes that is none")
    return int(digits, 16)


def _numbers(item: Any, key: Callable[[str], str], *, most: int) -> dict[str, int]:
    table = canonical.mapping(item, most=most)
    return {key(name): canonical.integer(number) for name, number in table.items()}


def _pairs(item: Any) -> dict[str, tuple[int, int]]:
    pairs = {}
    for key, pair in canonical.mapping(item, most=token.MERGED_MAX).items():
        second, number = _row(pair, 2)
        low, high = -oath.COUNTER_MAX, oath.COUNTER_MAX + 1000  # a phone's step, a counter ahead
        pairs[_ident(key)] = (canonical.integer(second), canonical.integer(number, low, high))
    return pairs


def _seconds(item: Any) -> tuple[int, int]:
    since, until = _row(item, 2)
    return canonical.integer(since), canonical.integer(until)


def _row(item: Any, size: int) -> list[Any]:
    row = canonical.array(item, most=size)
    if len(row) != size:
        raise FormatError("sealed data has a row of another length than it should")
    return row


def _by_bucket(events: frozenset[Event]) -> dict[str, dict[str, int]]:
    buckets: dict[str, dict[str, int]] = {}
    for event in events:
        buckets.setdefault(event.bucket, {})[event.id] = event.second
    return buckets


def _due(item: Any) -> Due:
    second, number, over = _row(item, 3)
    return Due(canonical.integer(second), _random(number), canonical.integer(over, 0, 1))


def _events(item: Any, *, most: int) -> frozenset[Event]:
    events = set()
    for bucket, found in canonical.mapping(item, most=2 * most).items():
        for ident, second in _numbers(found, _random, most=most).items():
            events.add(Event(second, ident, _place(bucket)))
    return frozenset(events)


def _random(key: str) -> str:
    return canonical.hexadecimal(key, size=8)


def _notice(item: Any) -> Notice:
    second, what, name, reason = _row(item, 4)
    return Notice(
        canonical.integer(second),
        canonical.choice(what, WHATS),
        token.check_name(name),
        canonical.text(reason, most=PLACE_MAX),
    )
