"""The lattice: `join` is commutative, associative, idempotent, and undoes nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import canonical, state, statetext, token
from otpauth.errors import FormatError
from otpauth.limits import BACKOFF
from otpauth.state import Due, Event, State
from tests import samples

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMITS = (
    "EVENTS_MAX",
    "PLACE_EVENTS_MAX",
    "PLACES_EVENTS_MAX",
    "KNOWN_MAX",
    "WRONG_MAX",
    "TRIES_MAX",
    "GRACES_MAX",
    "DONE_MAX",
    "NOTICES_MAX",
    "FAILS_MAX",
    "LOCKS_MAX",
    "SESSIONS_MAX",
)
BY_TOKEN = ("steps", "counters", "used", "last", "drifts", "resyncs")
states = samples.states()
full = samples.states(filled=2)
examples = settings(max_examples=200, deadline=None)


@contextlib.contextmanager
def small_limits(*more: str) -> Iterator[None]:
    """Set limits to 2, so that what is drawn goes over them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (*LIMITS, *more):
            patch.setattr(state, name, 2)
        yield


@examples
@given(states, states)
def test_commutative(one: State, two: State) -> None:
    """Which copy comes first makes no difference, within the limits and over them."""
    assert state.join(one, two) == state.join(two, one)
    with small_limits("REMOVED_MAX"):
        assert state.join(one, two) == state.join(two, one)


@examples
@given(full | states, full | states, full | states)
def test_associative(one: State, two: State, three: State) -> None:
    """In which order three copies meet makes no difference, within the limits and over them."""
    for limits in (contextlib.nullcontext(), small_limits()):
        with limits:
            left = state.join(state.join(one, two), three)
            right = state.join(one, state.join(two, three))
            assert left == right


@examples
@given(full | states, full | states, full | states)
def test_associative_removed_overflow(one: State, two: State, three: State) -> None:
    """With more removed tokens than are kept, the same are kept in any order, as is all else."""
    with small_limits("REMOVED_MAX"):
        left = state.join(state.join(one, two), three)
        right = state.join(one, state.join(two, three))
    kept = {name: {} for name in BY_TOKEN}
    assert left._replace(**kept) == right._replace(**kept)


@examples
@given(states, states)
def test_idempotent(one: State, two: State) -> None:
    """Joining what was joined before changes nothing."""
    for limits in (contextlib.nullcontext(), small_limits("REMOVED_MAX")):
        with limits:
            both = state.join(one, two)
            assert state.join(both, both) == both
            assert state.join(both, state.bounded(one)) == both
            assert state.bounded(both) == both


@examples
@given(states, states)
def test_nothing_undone(one: State, two: State) -> None:
    """What either copy refuses, the joined one refuses: steps, counters, codes, removed tokens."""
    both = state.join(one, two)
    for old in (one, two):
        assert set(old.removed) <= set(both.removed)
        gone = both.removed
        for ident in set(old.steps) - set(gone):
            assert both.steps[ident] >= old.steps[ident]
        for ident in set(old.counters) - set(gone):
            assert both.counters[ident] >= old.counters[ident]
        for ident in set(old.used) - set(gone):
            assert both.used[ident] & old.used[ident] == old.used[ident]
        for name in ("known", "wrong", "tries", "done", "removed"):
            ours, theirs = getattr(both, name), getattr(old, name)
            assert all(ours[key] >= value for key, value in theirs.items())
        assert old.events <= both.events
        assert old.sends <= both.sends
        assert all(both.due[mark] >= each for mark, each in old.due.items())
        lost = old.notices - both.notices
        assert not lost or (max(lost) < min(both.notices) and len(both.notices) == 8)
        assert both.told >= old.told
        assert both.ended >= old.ended
        for name in ("fails", "locked", "cleared"):
            ours, theirs = getattr(both, name), getattr(old, name)
            assert all(ours[key] >= value for key, value in theirs.items())
        for mark, session in old.sessions.items():
            kept = both.sessions[mark]
            assert kept.until >= session.until
            if kept[:-3] == session[:-3]:
                assert kept[-3:] >= session[-3:]
                assert kept.uses >= session.uses
                assert kept.over >= session.over


@examples
@given(states, states)
def test_removed_leaves_nothing(one: State, two: State) -> None:
    """Of a removed token no state is left."""
    both = state.join(one, two)
    for name in BY_TOKEN:
        assert not set(getattr(both, name)) & set(both.removed)


def test_buckets_crowd_apart() -> None:
    """However many failures strangers or a known place have, those of other places stay."""
    many = {Event(n, f"{n:016x}", state.STRANGERS) for n in range(100, 100 + 2 * state.EVENTS_MAX)}
    few = {Event(n, f"{n:016x}", "192.0.2.1") for n in range(5)}
    most = state.PLACE_EVENTS_MAX
    other = {Event(n, f"{n:016x}", "192.0.2.2") for n in range(100, 100 + 2 * most)}
    kept = state.bounded(State(events=frozenset(many | few | other))).events
    assert few <= kept
    assert len(kept) == state.EVENTS_MAX + most + len(few)
    assert max(other) in kept
    assert max(many) in kept
    assert min(many) not in kept


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("removed", state.REMOVED_MAX),
        ("known", state.KNOWN_MAX),
        ("wrong", state.WRONG_MAX),
        ("tries", state.TRIES_MAX),
        ("done", state.DONE_MAX),
        ("fails", state.FAILS_MAX),
        ("cleared", state.LOCKS_MAX),
    ],
)
def test_oldest_gives_way(field: str, most: int) -> None:
    """A table over its limit loses its oldest entry and no other."""
    table = {f"{n:016x}": 1000 - n for n in range(most + 1)}
    kept = getattr(state.bounded(State()._replace(**{field: table})), field)
    assert set(table) - set(kept) == {f"{most:016x}"}


def test_session_that_ends_first_gives_way() -> None:
    """Of sessions over the limit those that end first go, and no old copy brings one back."""
    most = state.SESSIONS_MAX
    every = {f"{n:016x}": SESSION._replace(until=1000 - n, since=n) for n in range(most + 1)}
    over = {mark: each._replace(over=1) for mark, each in every.items()}
    kept = state.bounded(State(sessions=over))
    assert set(over) - set(kept.sessions) == {f"{most:016x}"}
    again = state.join(kept, State(sessions=every)).sessions
    assert set(again) == set(kept.sessions)
    assert all(each.over for each in again.values())


def test_oldest_sent_gives_way() -> None:
    """Of codes and messages over their limits the oldest are forgotten."""
    due = {f"{n:016x}": Due(1000 - n, "0" * 16, 0) for n in range(state.DUE_MAX + 1)}
    sends = {Event(n, f"{n:016x}", "192.0.2.1") for n in range(state.SENDS_MAX + 1)}
    kept = state.bounded(State(due=due, sends=frozenset(sends)))
    assert set(due) - set(kept.due) == {f"{state.DUE_MAX:016x}"}
    assert sends - kept.sends == {min(sends)}


@examples
@given(states)
def test_round_trip(one: State) -> None:
    """A state that is written is read, as the same state."""
    data = canonical.dumps(statetext.value(one))
    assert statetext.read(canonical.loads(data, limit=2**20)) == one


SESSION = state.Session(9, 1, 0, 0, "0" * 16, "mail", "imap", "192.0.2.1", "", 5, 1)
BAD = {
    "field_missing": lambda v: v.pop("told"),
    "field_more": lambda v: v.update(more=1),
    "step_negative": lambda v: v["steps"].update({"0" * 16: -1}),
    "step_true": lambda v: v["steps"].update({"0" * 16: True}),
    "id_upper": lambda v: v["steps"].update({"A" * 16: 1}),
    "id_short": lambda v: v["removed"].update({"0" * 15: 1}),
    "bits_number": lambda v: v["used"].update({"0" * 16: 1}),
    "bits_empty": lambda v: v["used"].update({"0" * 16: ""}),
    "bits_signed": lambda v: v["used"].update({"0" * 16: "-1"}),
    "bits_long": lambda v: v["used"].update({"0" * 16: "1" * (token.LIST_MAX // 4 + 1)}),
    "pair_of_three": lambda v: v["drifts"].update({"0" * 16: [1, 2, 3]}),
    "pair_huge": lambda v: v["resyncs"].update({"0" * 16: [1, 2**35]}),
    "events_of_a_list": lambda v: v["events"].update({"*": [1]}),
    "event_id_short": lambda v: v["events"].update({"*": {"0": 1}}),
    "events_many": lambda v: v["events"].update({"*": {f"{n:016x}": 1 for n in range(65)}}),
    "due_of_two": lambda v: v["due"].update({"0" * 16: [1, "0" * 16]}),
    "due_number_short": lambda v: v["due"].update({"0" * 16: [1, "0", 0]}),
    "due_over_twice": lambda v: v["due"].update({"0" * 16: [1, "0" * 16, 2]}),
    "due_many": lambda v: v["due"].update({f"{n:016x}": [1, "0" * 16, 0] for n in range(17)}),
    "sends_many": lambda v: v["sends"].update({"*": {f"{n:016x}": 1 for n in range(13)}}),
    "known_many": lambda v: v["known"].update({str(n): 1 for n in range(17)}),
    "place_escape": lambda v: v["known"].update({"\x1b[2J": 1}),
    "place_long": lambda v: v["tries"].update({"a" * 65: 1}),
    "removed_many": lambda v: v["removed"].update({f"{n:016x}": 1 for n in range(257)}),
    "done_short": lambda v: v["done"].update({"00": 1}),
    "notice_unknown": lambda v: v["notices"].append([1, "stolen", "phone", "-"]),
    "notice_name": lambda v: v["notices"].append([1, "added", "a b", "-"]),
    "fail_without_group": lambda v: v["fails"].update({"0" * 8: 1}),
    "fail_of_a_bad_group": lambda v: v["fails"].update({"a b/" + "0" * 8: 1}),
    "fail_mark_long": lambda v: v["fails"].update({"mail/" + "0" * 9: 1}),
    "fails_many": lambda v: v["fails"].update({f"/{n:08x}": 1 for n in range(65)}),
    "locked_long": lambda v: v["locked"].update({"g" * 33: [1, 2]}),
    "locked_since": lambda v: v["locked"].update({"": 1}),
    "locked_of_three": lambda v: v["locked"].update({"": [1, 2, 3]}),
    "cleared_negative": lambda v: v["cleared"].update({"": -1}),
    "session_short": lambda v: v["sessions"].update({"0" * 16: list(SESSION[:-1])}),
    "session_mark": lambda v: v["sessions"].update({"0" * 15: list(SESSION)}),
    "session_over_twice": lambda v: v["sessions"].update({"0" * 16: [*SESSION[:-1], 2]}),
    "session_token": lambda v: v["sessions"].update({"0" * 16: [*SESSION[:4], "x", *SESSION[5:]]}),
    "session_group": lambda v: v["sessions"].update({"0" * 16: [*SESSION[:5], 7, *SESSION[6:]]}),
    "session_logout": lambda v: v["sessions"].update({"0" * 16: [*SESSION[:8], "f", *SESSION[9:]]}),
    "session_uses": lambda v: v["sessions"].update({"0" * 16: [*SESSION[:10], -1, 0]}),
    "sessions_many": lambda v: v["sessions"].update(
        {f"{n:016x}": list(SESSION) for n in range(65)}
    ),
    "ended_true": lambda v: v.update(ended=True),
    "told_text": lambda v: v.update(told="1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_state(name: str) -> None:
    """A state with one defect is a FormatError."""
    value = canonical.loads(canonical.dumps(statetext.value(State())), limit=2**20)
    assert statetext.read(value) == State()
    BAD[name](value)
    with pytest.raises(FormatError):
        statetext.read(canonical.loads(canonical.dumps(value), limit=2**20))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**33) | st.sampled_from(["", "0" * 16, "*", "ä"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["0" * 16, "f" * 16, "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@examples
@given(st.dictionaries(st.sampled_from(State._fields), json_values))
def test_arbitrary_fields(fields: dict[str, object]) -> None:
    """Any JSON in any field gives a state or FormatError."""
    value = {**statetext.value(State()), **fields}
    with contextlib.suppress(FormatError):
        assert isinstance(statetext.read(value), State)


def test_limits_of_decisions() -> None:
    """The limits are those of the design; a place's wrong answers last for its back-off."""
    assert max(number for number, _, _ in BACKOFF) <= state.PLACE_EVENTS_MAX
    assert state.PLACES_EVENTS_MAX >= (state.KNOWN_MAX + 1) * state.PLACE_EVENTS_MAX
    assert (state.REMOVED_MAX, state.EVENTS_MAX, state.KNOWN_MAX) == (256, 64, 16)
    assert token.TOKENS_MAX == 16
