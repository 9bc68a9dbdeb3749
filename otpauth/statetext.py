"""A state as a value for canonical JSON, and back; otpauth(5) has its fields.

Whatever is read is within the limits of state.py, or it is a FormatError.
"""

from __future__ import annotations

from otpauth import canonical, oath, state, token
from otpauth.errors import FormatError
from otpauth.state import Bypass, Due, Event, Notice, Session, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_HEX = "0123456789abcdef"


def value(held: State) -> dict[str, Any]:
    """Return a state as a value for canonical JSON."""
    return {
        **held._asdict(),
        "used": {ident: f"{bits:x}" for ident, bits in held.used.items()},
        "drifts": {ident: list(pair) for ident, pair in held.drifts.items()},
        "resyncs": {ident: list(pair) for ident, pair in held.resyncs.items()},
        "events": _by_bucket(held.events),
        "due": {mark: list(due) for mark, due in held.due.items()},
        "sends": _by_bucket(held.sends),
        "notices": [list(notice) for notice in sorted(held.notices)],
        "bypass": list(held.bypass),
        "locked": {group: list(pair) for group, pair in held.locked.items()},
        "sessions": {mark: list(session) for mark, session in held.sessions.items()},
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
        removed=_numbers(got["removed"], _ident, most=state.REMOVED_MAX),
        events=_events(got["events"], state.PLACES_EVENTS_MAX + 1, most=state.EVENTS_MAX),
        known=_numbers(got["known"], _place, most=state.KNOWN_MAX),
        wrong=_numbers(got["wrong"], _answer_mark, most=state.WRONG_MAX),
        tries=_numbers(got["tries"], _place, most=state.TRIES_MAX),
        graces=_numbers(got["graces"], _digest, most=state.GRACES_MAX),
        done=_numbers(got["done"], _digest, most=state.DONE_MAX),
        due={
            _digest(mark): _due(row)
            for mark, row in canonical.mapping(got["due"], most=state.DUE_MAX).items()
        },
        sends=_events(got["sends"], 2 * state.SENDS_MAX, most=state.SENDS_MAX),
        notices=frozenset(
            _notice(each) for each in canonical.array(got["notices"], most=state.NOTICES_MAX)
        ),
        told=canonical.integer(got["told"]),
        bypass=Bypass(*(canonical.integer(each) for each in _row(got["bypass"], 5))),
        fails=_numbers(got["fails"], _fail, most=state.FAILS_MAX),
        locked={
            _group(key): _seconds(pair)
            for key, pair in canonical.mapping(got["locked"], most=state.LOCKS_MAX).items()
        },
        cleared=_numbers(got["cleared"], _group, most=state.LOCKS_MAX),
        sessions={
            _digest(mark): _session(row)
            for mark, row in canonical.mapping(got["sessions"], most=state.SESSIONS_MAX).items()
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
    return canonical.text(key, most=state.PLACE_MAX)


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
    canonical.text(row.service, most=state.SHOWN_MAX)
    canonical.text(row.address, most=state.SHOWN_MAX)
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


def _events(item: Any, buckets: int, *, most: int) -> frozenset[Event]:
    events = set()
    for bucket, found in canonical.mapping(item, most=buckets).items():
        for ident, second in _numbers(found, _random, most=most).items():
            events.add(Event(second, ident, _place(bucket)))
    return frozenset(events)


def _random(key: str) -> str:
    return canonical.hexadecimal(key, size=8)


def _notice(item: Any) -> Notice:
    second, what, name, reason = _row(item, 4)
    return Notice(
        canonical.integer(second),
        canonical.choice(what, state.WHATS),
        token.check_name(name),
        canonical.text(reason, most=state.PLACE_MAX),
    )
