"""Records: what is written is read, what is merged loses nothing, and the largest one fits."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import canonical, changes, copies, keys, limits, oath, record, secretfile, state, token
from otpauth.errors import FormatError
from otpauth.policy import ALWAYS
from otpauth.record import Past, Record
from otpauth.state import Due, Event, Notice, Session, State
from otpauth.wishes import Wishes
from tests import samples

records = samples.records
examples = settings(max_examples=100, deadline=None)
SAMPLE = samples.account(samples.totp_draft(), samples.hotp_draft(), samples.scratch_draft())


@examples
@given(records, records)
def test_commutative(one: Record, two: Record) -> None:
    """Which copy comes first makes no difference."""
    assert record.join(one, two) == record.join(two, one)


@examples
@given(records, records, records)
def test_associative(one: Record, two: Record, three: Record) -> None:
    """In which order three copies meet makes no difference."""
    left = record.join(record.join(one, two), three)
    assert left == record.join(one, record.join(two, three))


@examples
@given(records, records)
def test_idempotent(one: Record, two: Record) -> None:
    """Joining what was joined before changes nothing."""
    both = record.join(one, two)
    assert record.join(one, one) == one
    assert record.join(both, one) == both


@examples
@given(records, records)
def test_era_wins_whole(one: Record, two: Record) -> None:
    """Of two eras the higher one is what counts, nothing of the lower one is left."""
    higher = one._replace(era=two.era + 1)
    assert record.join(higher, two) == record.join(two, higher) == higher


@examples
@given(records, records)
def test_nothing_comes_back(one: Record, two: Record) -> None:
    """A token that either copy removed is gone, every other one stays, and enrolled stays set."""
    two = two._replace(era=one.era)
    both = record.join(one, two)
    gone = set(one.state.removed) | set(two.state.removed)
    assert set(both.tokens) == (set(one.tokens) | set(two.tokens)) - gone
    assert both.enrolled == (one.enrolled or two.enrolled)


def test_latest_label_wins() -> None:
    """Of two labels of one token the later one counts."""
    older = SAMPLE
    (ident, *_) = older.tokens
    newer = changes.apply(
        older, changes.Change(relabel={ident: {"name": "renamed"}}), samples.ground(samples.NOW)
    )
    assert record.join(older, newer).tokens[ident].name == "renamed"
    assert record.join(newer, older).tokens[ident].name == "renamed"


@examples
@given(records)
def test_round_trip(one: Record) -> None:
    """A record that is written is read, as the same record, in whole steps of the padding."""
    data = record.encode(one)
    assert record.decode(data) == one
    assert len(data) % record.PADDING == 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80) | samples.mutations(record.encode(SAMPLE)))
def test_arbitrary_bytes(data: bytes) -> None:
    """Any bytes give a record that is written as those bytes, or FormatError."""
    with contextlib.suppress(FormatError):
        assert record.encode(record.decode(data)) == data


def padded(data: bytes) -> bytes:
    """Return bytes with the padding they should have."""
    return data + b" " * (-len(data) % record.PADDING)


GOOD = record.encode(SAMPLE).rstrip()
HOSTILE = {
    "empty": b"",
    "nothing_but_padding": b" " * 1024,
    "nesting": b"[" * 24_000,
    "nesting_in_a_field": GOOD.replace(b'"told":0', b'"told":' + b"[" * 9000 + b"]" * 9000),
    "nan": GOOD.replace(b'"told":0', b'"told":NaN'),
    "huge": GOOD.replace(b'"told":0', b'"told":' + b"9" * 4400),
    "fraction": GOOD.replace(b'"told":0', b'"told":0.0'),
    "duplicate": GOOD.replace(b'"told":0', b'"told":0,"told":0'),
    "version_0": GOOD.replace(b'"version":1', b'"version":0'),
    "version_2": GOOD.replace(b'"version":1', b'"version":2'),
    "version_true": GOOD.replace(b'"version":1', b'"version":true'),
    "uid_negative": GOOD.replace(b'"uid":1000', b'"uid":-1'),
    "uid_33_bits": GOOD.replace(b'"uid":1000', b'"uid":4294967296'),
    "user_escape": GOOD.replace(b'"user":"alice"', b'"user":"\\u001b[2J"'),
    "user_number": GOOD.replace(b'"user":"alice"', b'"user":1'),
    "era_text": GOOD.replace(b'"era":0', b'"era":"0"'),
    "enrolled_number": GOOD.replace(b'"enrolled":true', b'"enrolled":1'),
    "wishes_window": GOOD.replace(b'"window":0', b'"window":22'),
    "wishes_sign": GOOD.replace(b'"window":0', b'"window":-1'),
    "wishes_limit": GOOD.replace(b'"rate_limit":[0,0]', b'"rate_limit":[3]'),
    "wishes_more": GOOD.replace(b'"window":0', b'"window":0,"x":0'),
    "kind_unknown": GOOD.replace(b'"kind":"totp"', b'"kind":"motp"'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    """A record with one hostile value is a FormatError (B9)."""
    assert HOSTILE[name] != GOOD
    with pytest.raises(FormatError):
        record.decode(padded(HOSTILE[name]))


@pytest.mark.parametrize("more", [b" ", b"\n", b" " * 1024, b"\0"])
def test_padding(more: bytes) -> None:
    """Padding is exactly what it should be."""
    with pytest.raises(FormatError):
        record.decode(padded(GOOD) + more)
    with pytest.raises(FormatError):
        record.decode(padded(GOOD)[:-1])


def test_size_tells_nothing() -> None:
    """One wrong answer more does not change the size of the sealed record."""
    outcome = samples.decide(SAMPLE, samples.wrong_code(0, now=samples.NOW))
    before, after = record.encode(SAMPLE), record.encode(samples.after(outcome, SAMPLE))
    assert len(before) == len(after)
    assert before != after


# The largest record


def largest(letter: str, place: str) -> Record:
    """Return the largest record that the limits allow, its texts of this letter and place."""
    note = letter * (token.NOTE_MAX // len(letter.encode()))
    big = oath.COUNTER_MAX
    far = 2_000_000_000
    secret = "f" * 2 * oath.SECRET_MAX
    params = {"secret": secret, "algorithm": "SHA512", "digits": 8, "period": 300}
    codes = [f"{n:03}{'f' * 2 * token.MARK_SIZE}" for n in range(token.LIST_MAX)]
    numbers = {"bits": 128, "codes": codes, "form": "base32", "length": 80}
    of_kind = [("totp", params)] * token.TOKENS_MAX + [("list", numbers)] * token.LISTS_MAX
    idents = [f"{n:016x}" for n in range(len(of_kind))]
    groups = ("a" * 16, *(f"{'g' * 13}{n:02}" for n in range(15)))
    assert len(",".join(groups)) == token.GROUPS_TEXT_MAX
    assert len(groups) == token.GROUPS_MAX
    tokens = {
        ident: token.Token(
            ident, kind, f"{'n' * 30}{n:02}", of_it, far, far, note, far, groups=groups
        )
        for n, (ident, (kind, of_it)) in enumerate(zip(idents, of_kind, strict=True))
    }
    table = dict.fromkeys(idents, far)
    where = [f"{n:02}{place}"[: state.PLACE_MAX] for n in range(state.KNOWN_MAX)]
    events = {Event(far, f"{n:016x}", state.STRANGERS) for n in range(state.EVENTS_MAX)}
    events |= {
        Event(far, f"{n:016x}", bucket)
        for n in range(state.PLACE_EVENTS_MAX)
        for bucket in (*where, limits.PROPOSALS)
    }
    assert len(events) == state.EVENTS_MAX + state.PLACES_EVENTS_MAX
    reason, shown = "r" * state.PLACE_MAX, "s" * state.SHOWN_MAX
    lasting = (far, far, 999_999, 999_999, "f" * 16, "g" * 32, shown, shown, "f" * 16)
    session = Session(*lasting, far, 999_999, 1)
    return Record(
        "u" * record.NAME_MAX,
        2**32 - 1,
        era=far,
        enrolled=True,
        tokens=tokens,
        state=State(
            steps=table,
            counters=dict.fromkeys(idents, big),
            used=dict.fromkeys(idents, 2**token.LIST_MAX - 1),
            last=table,
            drifts=dict.fromkeys(idents, (far, -big)),
            resyncs=dict.fromkeys(idents, (far, big)),
            removed={f"{n:016x}": far for n in range(1000, 1000 + state.REMOVED_MAX)},
            events=frozenset(events),
            known=dict.fromkeys(where, far),
            wrong={f"{n:08x}": far for n in range(state.WRONG_MAX)},
            tries=dict.fromkeys(where[: state.TRIES_MAX], far),
            graces={f"{n:016x}": far for n in range(state.GRACES_MAX)},
            done={f"{n:016x}": far for n in range(state.DONE_MAX)},
            due={f"{n:016x}": Due(far, "f" * 16, 1) for n in range(state.DUE_MAX)},
            sends=frozenset(
                Event(far, f"{n:016x}", bucket)
                for n in range(state.SENDS_MAX)
                for bucket in (state.STRANGERS, where[n])
            ),
            notices=frozenset(
                Notice(far, "refused", f"{n:032}", reason) for n in range(state.NOTICES_MAX)
            ),
            told=far,
            fails={f"{'g' * 32}/{n:08x}": far for n in range(state.FAILS_MAX)},
            locked={f"{'g' * 30}{n:02}": (far, ALWAYS) for n in range(state.LOCKS_MAX)},
            cleared={f"{'g' * 30}{n:02}": far for n in range(state.LOCKS_MAX)},
            sessions={f"{n:016x}": session for n in range(state.SESSIONS_MAX)},
            ended=far,
        ),
        outcomes=tuple(
            Past(far + n, "CLOCK_WENT_BACK", "s" * 64, "r" * 64, "n" * 32)
            for n in range(record.OUTCOMES_MAX)
        ),
        wishes=Wishes(21, (100, 3600), reuse=True, set=far),
    )


@pytest.mark.parametrize("letter", ["x", "ä", "😀"])
def test_largest(letter: str) -> None:
    """The largest record that the limits allow is written, and read again (DECISIONS 29)."""
    biggest = largest(letter, limits.place("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 0))
    data = record.encode(biggest)
    assert len(data.rstrip()) <= record.SIZE_MAX
    assert record.decode(data) == biggest


@pytest.mark.parametrize("size", [1024, 6 * 1024, changes.SIZE_MAX])
def test_largest_file(size: int) -> None:
    """A large record beside 16 large proposals is a file, or is refused cleanly (B10)."""
    sealed = copies.sealed(samples.RECORD_KEY, largest("x", "x")._replace(outcomes=()))
    proposals = tuple(
        secretfile.Proposal("add", f"p{n}", "u" * 255, samples.HOST_ID, n, bytes(size))
        for n in range(secretfile.PROPOSALS_MAX)
    )
    content = secretfile.SecretFile((*proposals, sealed))
    if 4 * (size + len(sealed.sealed) // 16) // 3 * 16 < secretfile.SIZE_MAX:
        data = secretfile.serialize(content)
        assert secretfile.parse(data) == content
        assert copies.opened(samples.RECORD_KEY, secretfile.parse(data).records[0], "u" * 255)
    else:
        with pytest.raises(FormatError):
            secretfile.serialize(content)


def test_over_the_limit() -> None:
    """A record over its size is not written."""
    params = {"codes": ["f" * 19] * token.LIST_MAX}
    tokens = [samples.a_token(n, params=params) for n in range(token.MERGED_MAX)]
    with pytest.raises(FormatError):
        record.encode(Record("alice", 1, tokens={each.id: each for each in tokens}))


# Whatever was done, the record is readable


def test_many_places() -> None:
    """An account that logged in from more places than are kept has a record that is read."""
    held, now = SAMPLE, samples.NOW
    for number in range(state.KNOWN_MAX + 4):
        now += samples.PERIOD
        place = f"192.0.2.{number}"
        outcome = samples.decide(held, samples.code_at(now), now=now, place=place)
        assert outcome.reason == "AUTH_OK_OTP"
        assert outcome.record is not None
        held = record.decode(record.encode(outcome.record))
        assert place in held.state.known
    assert len(held.state.known) == state.KNOWN_MAX


def test_many_failures() -> None:
    """However often it was guessed at, at the pace of any rule, a record is written and read."""
    held, now = SAMPLE, samples.NOW
    rule = samples.RULE._replace(rate_limit=(100, 1))
    for number in range(9):  # the first try in each second, before the back-off
        held = samples.after(
            samples.decide(held, samples.wrong_code(number, now=now), now=now, rule=rule), held
        )
    for number in range(200):
        now += 3601
        wrong = samples.wrong_code(number, now=now)
        held = samples.after(samples.decide(held, wrong, now=now, rule=rule), held)
        held = record.decode(record.encode(held))


def test_many_failures_in_a_minute() -> None:
    """More wrong answers within a minute than are remembered leave a record that is read."""
    held = SAMPLE
    for number in range(state.WRONG_MAX + 4):
        marks = {f"192.0.2.{number}": samples.NOW}
        held = held._replace(state=held.state._replace(known={**held.state.known, **marks}))
    held = held._replace(state=state.bounded(held.state))
    for number, place in enumerate(sorted(held.state.known) * 2):
        wrong = samples.wrong_code(number, now=samples.NOW)
        held = samples.after(samples.decide(held, wrong, place=place), held)
        held = record.decode(record.encode(held))
    assert len(held.state.events) == 2 * state.KNOWN_MAX


def test_many_notices() -> None:
    """An administrator may add and remove tokens for ever; the record is read after each."""
    held = Record("alice", 1000)
    for number in range(40):
        draft = samples.totp_draft(secret=bytes([number]) * 20)
        where = samples.ground(samples.NOW + number)
        held = changes.apply(held, changes.Change(add=(draft,)), where)
        held = record.decode(record.encode(held))
        if number % 8 == 7:
            held = changes.apply(held, changes.Change(remove=tuple(held.tokens)), where)
            held = record.decode(record.encode(held))


def test_counter_at_its_end() -> None:
    """A device whose counter is at the end of its range leaves a record that is read."""
    end = oath.COUNTER_MAX - 5
    held = samples.account(samples.hotp_draft(seen=end))
    outcome = samples.decide(held, samples.code_of(end + 20))
    held = samples.after(outcome, held)
    assert record.decode(record.encode(held)) == held


def test_key_ids_of_samples() -> None:
    """The fixed keys of these tests have the ids that they say."""
    from otpauth import keyfiles

    host = keys.HostKey("-", ((samples.HOST_ID, samples.HOST_SECRET),))
    assert keys.key_id(keyfiles.public_of(host).key) == samples.HOST_ID


def test_json_is_plain() -> None:
    """Any JSON reader understands a record: there is nothing of our own in its encoding."""
    value = json.loads(record.encode(SAMPLE))
    assert value["user"] == "alice"
    assert canonical.dumps(value) == GOOD
