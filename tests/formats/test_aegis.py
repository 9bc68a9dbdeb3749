"""Vaults of Aegis, plain and encrypted."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from otpauth import formats
from otpauth.formats import FormatError, Imported, PassphraseError
from tests.formats import vaults
from tests.formats.vaults import PASSWORD, aegis, aegis_encrypted, aegis_entry


def read(vault: Any, password: str | None = None, only: str = "") -> tuple[Imported, ...]:
    """Parse a vault."""
    data = json.dumps(vault, indent=4).encode()
    assert formats.detect(data, "backup.json") == "aegis"
    return formats.parse(data, name="phone", format="aegis", passphrase=password, only=only)


ENTRIES = (
    aegis_entry(),
    aegis_entry(algo="SHA256", digits=7, period=20),
    aegis_entry("hotp", algo="SHA512", digits=8, counter=10300),
)


def check(items: tuple[Imported, ...]) -> None:
    """Compare what was read with ENTRIES."""
    assert [item.draft.params for item in items] == [
        {"secret": vaults.KEY, "algorithm": "SHA1", "digits": 6, "period": 30},
        {"secret": vaults.KEY, "algorithm": "SHA256", "digits": 7, "period": 20},
        {"secret": vaults.KEY, "algorithm": "SHA512", "digits": 8},
    ]
    assert [item.draft.seen for item in items] == [0, 0, 10300]
    assert {item.draft.note for item in items} == {"web1:alice"}


@pytest.mark.parametrize("version", [1, 2, 3])
def test_plain(version: int) -> None:
    """A plain vault of each database version is read."""
    check(read(aegis(*ENTRIES, version=version)))


def test_encrypted() -> None:
    """An encrypted vault is read with its password, past a slot of another kind."""
    check(read(aegis_encrypted(aegis(*ENTRIES)), PASSWORD))


@pytest.mark.parametrize("password", [None, "", "wrong"])
def test_wrong_password(password: str | None) -> None:
    """Without the password, or with another, it is a PassphraseError."""
    with pytest.raises(PassphraseError):
        read(aegis_encrypted(aegis(*ENTRIES)), password)


@pytest.mark.parametrize("kind", ["steam", "yandex"])
def test_other_kinds(kind: str) -> None:
    """Entries of kinds we have not refuse the vault, unless others are chosen."""
    other = aegis_entry(kind) | {"issuer": "Steam"}
    with pytest.raises(FormatError, match="entry 2: the token is of a kind"):
        read(aegis(aegis_entry(), other))
    assert len(read(aegis(aegis_entry(), other), only="web1")) == 1


def test_motp() -> None:
    """The bytes of a mOTP secret become the text that the phone hashes; the PIN comes along."""
    secret = base64.b32encode(bytes.fromhex("e3152afee62599c8")).decode().rstrip("=")
    entry = aegis_entry("motp", algo="MD5", secret=secret, period=10, pin="1234")
    (item,) = read(aegis(entry))
    assert item.draft.params == {"secret": "e3152afee62599c8", "pin": "1234"}
    assert (item.draft.kind, item.weak) == ("motp", False)
    for pin in ({}, {"pin": ""}, {"pin": "12"}, {"pin": "abcd"}):
        with pytest.raises(FormatError, match="entry 1: a mOTP"):
            read(aegis(aegis_entry("motp", secret=secret, **pin)))
    with pytest.raises(FormatError, match="entry 1"):
        read(aegis(aegis_entry("motp", secret="GEZDG", pin="1234")))


@pytest.mark.parametrize(
    "work",
    [
        {"n": 2**21},
        {"n": 2**30},
        {"n": 32767},
        {"n": 1},
        {"n": 0},
        {"n": -2},
        {"r": 2**20},
        {"r": 0},
        {"p": 2**20},
        {"p": 0},
    ],
)
def test_too_much_work(work: dict[str, int]) -> None:
    """A vault cannot make us spend memory or time without bound."""
    with pytest.raises(FormatError, match="more work than is reasonable"):
        read(aegis_encrypted(aegis(*ENTRIES), **work), PASSWORD)


def test_changed() -> None:
    """A vault whose database or key was changed is refused."""
    for where in ("db", "key"):
        vault = aegis_encrypted(aegis(*ENTRIES))
        if where == "db":
            sealed = bytearray(base64.b64decode(vault["db"]))
            sealed[5] ^= 1
            vault["db"] = base64.b64encode(sealed).decode()
        else:
            key = vault["header"]["slots"][1]["key"]
            vault["header"]["slots"][1]["key"] = key[:-1] + ("0" if key[-1] != "0" else "1")
        with pytest.raises(FormatError, match="was changed"):
            read(vault, PASSWORD)


@pytest.mark.parametrize(
    "vault",
    [
        {**aegis(), "version": 2},
        {**aegis_encrypted(aegis(*ENTRIES)), "db": "?"},
        {**aegis_encrypted(aegis(*ENTRIES)), "db": aegis()["db"]},
        {**aegis(), "header": []},
        {**aegis(), "db": 5},
        {**aegis(), "db": {}},
        aegis(version=4),
        aegis(),
        aegis(aegis_entry(secret="0189")),
        aegis(aegis_entry(secret=5)),
        aegis(aegis_entry(digits="6")),
        aegis(aegis_entry(digits=True)),
        aegis(aegis_entry(algo="MD5")),
        aegis(aegis_entry(period=0)),
        aegis(aegis_entry("hotp", counter=None)),
        aegis(aegis_entry("hotp", counter=-1)),
        aegis({"type": "totp"}),
        {**aegis(), "header": {"slots": [{"type": 1}] * 9, "params": None}},
        {**aegis(), "header": {"slots": [{"type": 1}], "params": {}}, "db": "AA=="},
    ],
)
def test_refused(vault: Any) -> None:
    """A vault that is not understood is refused."""
    with pytest.raises(FormatError):
        read(vault, PASSWORD)


@pytest.mark.parametrize(("key", "value"), [("nonce", "xy"), ("nonce", "00"), ("tag", "00")])
def test_bad_parameters(key: str, value: str) -> None:
    """A nonce or tag of another form than Aegis writes is refused."""
    for where in ("slot", "header"):
        vault = aegis_encrypted(aegis(*ENTRIES))
        slot = vault["header"]["slots"][1]
        (slot["key_params"] if where == "slot" else vault["header"]["params"])[key] = value
        with pytest.raises(FormatError, match=r"hexadecimal|wrong length"):
            read(vault, PASSWORD)
