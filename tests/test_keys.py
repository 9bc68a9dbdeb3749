"""Key files: what is written is read, everything else is a FormatError, no key is in a repr."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import keys
from otpauth.errors import FormatError, SealError
from otpauth.keys import HostKey, PublicKey
from tests import samples

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = HostKey("0" * 16, ((samples.HOST_ID, samples.HOST_SECRET), ("00AA-11BB", bytes(32))))
RAW = X25519PrivateKey.from_private_bytes(samples.HOST_SECRET).public_key().public_bytes_raw()
PUBLIC = PublicKey(samples.HOST_ID, RAW, ("00AA-11BB",))
FILES: dict[str, tuple[Callable[[bytes], object], object, bytes]] = {
    "host": (keys.read_host, HOST, keys.write_host(HOST)),
    "public": (keys.read_public, PUBLIC, keys.write_public(PUBLIC)),
    "record": (
        keys.read_record, samples.ROTATED_KEY, keys.write_record(samples.ROTATED_KEY),
    ),
}  # fmt: skip
WRITE = {"host": keys.write_host, "public": keys.write_public, "record": keys.write_record}


@pytest.mark.parametrize("name", FILES)
def test_round_trip(name: str) -> None:
    """A key file that is written is read, as the same keys."""
    read, value, data = FILES[name]
    assert read(data) == value


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(FILES)), st.data())
def test_arbitrary_bytes(name: str, data: st.DataObject) -> None:
    """Any bytes give keys or FormatError."""
    read, _, good = FILES[name]
    with contextlib.suppress(FormatError):
        assert read(data.draw(st.binary(max_size=80) | samples.mutations(good))) is not None


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(FILES)), st.data())
def test_one_spelling(name: str, data: st.DataObject) -> None:
    """A key file that is read is written as the same bytes, but for the id before `ids`."""
    read, _, good = FILES[name]
    other = data.draw(samples.mutations(good))
    with contextlib.suppress(FormatError):
        again = WRITE[name](read(other))  # type: ignore[operator]
        rows = [
            [row for row in text.split(b"\n") if not row.startswith(b"ids ")]
            for text in (again, other)
        ]
        assert rows[0] == rows[1]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "change",
    [
        lambda d: d[:-1],
        lambda d: d + b"\n",
        lambda d: d.replace(b"\n", b"\r\n"),
        lambda d: d.replace(b" 1\n", b" 2\n", 1),
        lambda d: d.replace(b"=\n", b"\n", 1),
        lambda d: d.replace(b"-", b"_", 1),
        lambda d: d.replace(b"AAA8-FFF7", b"aaa8-fff7"),
        lambda d: d.split(b"\n")[0] + b"\n",
        lambda d: b"\xff" + d,
        lambda d: d[:0],
    ],
)
def test_defects(name: str, change: Callable[[bytes], bytes]) -> None:
    """A key file with one defect is a FormatError."""
    read, _, good = FILES[name]
    assert change(good) != good
    with pytest.raises(FormatError):
        read(change(good))


def test_id_is_of_the_key() -> None:
    """A public key with the id of another one seals nothing: nobody seals to a swapped key."""
    from otpauth import seal

    swapped = keys.read_public(keys.write_public(PUBLIC))._replace(key=bytes(32))
    with pytest.raises(SealError):
        seal.seal_proposal(swapped, "alice", b"", b"")
    assert keys.key_id(RAW) == samples.HOST_ID


def test_generations() -> None:
    """The newest generation seals, all of them are this host's."""
    key = samples.ROTATED_KEY
    assert (key.newest, key.host) == (2, "00AA-11BB")
    assert key.owns(samples.HOST_ID)
    assert key.owns("00AA-11BB")
    assert not key.owns("0000-0000")


def test_no_key_in_repr() -> None:
    """No private key is in a repr."""
    for text in (repr(HOST), repr(samples.ROTATED_KEY)):
        assert samples.HOST_ID in text
        assert "\\x" not in text
        assert samples.HOST_SECRET.hex() not in text
