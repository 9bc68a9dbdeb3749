"""Canonical JSON: one spelling, everything else is a FormatError."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import canonical
from otpauth.errors import FormatError
from tests import samples

LIMIT = 2**22
leaves = (
    st.none()
    | st.booleans()
    | st.text(max_size=8)
    | st.integers(-canonical.INTEGER_MAX, canonical.INTEGER_MAX)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)

REFUSED = {
    "duplicate_key": b'{"a":1,"a":1}',
    "duplicate_key_escaped": b'{"a":1,"\\u0061":1}',
    "nan": b"NaN",
    "infinity": b"[-Infinity]",
    "fraction": b"1.0",
    "exponent": b"1e3",
    "integer_2_53": b"9007199254740992",
    "integer_huge": b"1" + b"0" * 5000,
    "integer_minus_zero": b"-0",
    "integer_leading_zero": b"01",
    "nesting_1e6": b"[" * 10**6 + b"]" * 10**6,
    "nesting_objects": b'{"a":' * 10**5 + b"1" + b"}" * 10**5,
    "white_space": b'{"a": 1}',
    "trailing_newline": b"1\n",
    "order": b'{"b":1,"a":1}',
    "not_escaped": '"ä"'.encode(),
    "escaped_upper": b'"\\u00E4"',
    "escaped_needlessly": b'"\\u0061"',
    "escaped_slash": b'"\\/"',
    "byte_order_mark": b"\xef\xbb\xbf1",
    "utf16": "1".encode("utf-16"),
    "empty": b"",
    "two_values": b"1 1",
    "control_character": b'"\x01"',
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    """What `dumps` would not have written is a FormatError (B9)."""
    with pytest.raises(FormatError):
        canonical.loads(REFUSED[name], limit=LIMIT)


@settings(max_examples=200, deadline=None)
@given(values)
def test_round_trip(value: object) -> None:
    """What is written is read, as the same value."""
    assert canonical.loads(canonical.dumps(value), limit=LIMIT) == value


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64) | values.map(canonical.dumps).flatmap(samples.mutations))
def test_arbitrary_bytes(data: bytes) -> None:
    """Any bytes give a value that is written as those bytes, or FormatError."""
    with contextlib.suppress(FormatError):
        assert canonical.dumps(canonical.loads(data, limit=LIMIT)) == data


def test_limit() -> None:
    """A byte over the limit is refused, the limit itself is not."""
    assert canonical.loads(b'"ab"', limit=4) == "ab"
    with pytest.raises(FormatError):
        canonical.loads(b'"abc"', limit=4)


CHECKS = [
    (lambda v: canonical.fields(v, ("a", "b")), {"a": 1, "b": 2}, [{"a": 1}, {"a": 1, "c": 2}, []]),
    (lambda v: canonical.mapping(v, most=1), {"a": 1}, [{"a": 1, "b": 2}, [], None]),
    (lambda v: canonical.array(v, most=1), [1], [[1, 2], {}, "a"]),
    (lambda v: canonical.integer(v, 0, 9), 9, [True, "1", -1, 10, None]),
    (canonical.boolean, False, [0, None, "false"]),
    (lambda v: canonical.text(v, most=2), "äb", ["abc", "\n", "\x1b", "\ud800", "\u202e", 1]),
    (lambda v: canonical.choice(v, (1, "a")), 1, [True, 1.0, "b", None]),
    (lambda v: canonical.hexadecimal(v, size=2), "00af", ["00AF", "00a", "00ag", " 00a", 1]),
]


@pytest.mark.parametrize(("check", "good", "bad"), CHECKS)
def test_checks(check: object, good: object, bad: list[object]) -> None:
    """Each check passes a value of its type and range as it is, and refuses all others."""
    assert callable(check)
    assert check(good) == good
    for value in bad:
        with pytest.raises(FormatError):
            check(value)
