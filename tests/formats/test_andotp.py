"""Backups of andOTP: plain, and encrypted in the new and the old way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from otpauth import formats
from otpauth.formats import FormatError, Imported, PassphraseError
from tests.formats import vaults
from tests.formats.vaults import PASSWORD, andotp_encrypted, andotp_encrypted_old, andotp_entry

if TYPE_CHECKING:
    from collections.abc import Callable

ENTRIES = (
    andotp_entry(),
    andotp_entry(algorithm="SHA512", digits=8, period=50),
    andotp_entry("HOTP", counter=50),
)


def read(data: bytes, password: str | None = None, only: str = "") -> tuple[Imported, ...]:
    """Parse a backup."""
    return formats.parse(data, name="phone", format="andotp", passphrase=password, only=only)


def check(items: tuple[Imported, ...]) -> None:
    """Compare what was read with ENTRIES."""
    assert [item.draft.params for item in items] == [
        {"secret": vaults.KEY, "algorithm": "SHA1", "digits": 6, "period": 30},
        {"secret": vaults.KEY, "algorithm": "SHA512", "digits": 8, "period": 50},
        {"secret": vaults.KEY, "algorithm": "SHA1", "digits": 6},
    ]
    assert items[2].draft.seen == 50
    assert items[0].draft.note == "web1:alice"


def test_plain() -> None:
    """A plain backup is recognised and read."""
    data = json.dumps(ENTRIES).encode()
    assert formats.detect(data, "otp_accounts.json") == "andotp"
    check(read(data))


def test_old_entries() -> None:
    """An entry without issuer, type and digits, as old versions wrote it, is TOTP of 6 digits."""
    (item,) = read(json.dumps([{"secret": vaults.BASE32, "label": "web1 - alice"}]).encode())
    assert item.draft.note == "web1 - alice"
    assert (item.draft.kind, item.draft.params["digits"]) == ("totp", 6)


@pytest.mark.parametrize("seal", [andotp_encrypted, andotp_encrypted_old])
def test_encrypted(seal: Callable[..., bytes]) -> None:
    """An encrypted backup is read with its password, and only with that."""
    data = seal(*ENTRIES)
    assert formats.detect(data, "otp_accounts.json.aes") == "andotp"
    check(read(data, PASSWORD))
    for wrong in (None, "", "wrong"):
        with pytest.raises(PassphraseError):
            read(data, wrong)


def test_every_byte_flipped() -> None:
    """An encrypted backup with any byte changed, or cut, is a FormatError."""
    data = bytearray(andotp_encrypted_old(andotp_entry()))
    for place in range(len(data)):
        data[place] ^= 1
        with pytest.raises(FormatError):
            read(bytes(data), PASSWORD)
        data[place] ^= 1
        with pytest.raises(FormatError):
            read(bytes(data[:place]) or b"x", PASSWORD)


def test_too_much_work() -> None:
    """A backup that names more iterations than are reasonable is not tried with them."""
    data = (2**31).to_bytes(4, "big") + andotp_encrypted(*ENTRIES)[4:]
    with pytest.raises(PassphraseError):
        read(data, PASSWORD)


@pytest.mark.parametrize(("kind", "why"), [("MOTP", "without its PIN"), ("STEAM", "of a kind")])
def test_other_kinds(kind: str, why: str) -> None:
    """Entries of kinds we have not, or without PIN, refuse the backup, unless others are chosen."""
    data = json.dumps([andotp_entry(kind, issuer="Steam"), andotp_entry()]).encode()
    with pytest.raises(FormatError, match=f"entry 1: .* {why}"):
        read(data)
    assert [item.line for item in read(data, only="web1")] == [2]


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [5],
        {},
        [andotp_entry(secret="")],
        [andotp_entry(digits=6.5)],
        [andotp_entry(period="30")],
    ],
)
def test_refused(entries: Any) -> None:
    """A backup that is not understood is refused."""
    with pytest.raises(FormatError):
        read(
            b"[" + json.dumps(entries).encode()[1:]
            if entries == {}
            else json.dumps(entries).encode()
        )
