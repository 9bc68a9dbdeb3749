"""Making, backing up and rotating keys: nothing is lost, nothing is overwritten unasked."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from otpauth import copies, home, host, keyfiles, secretfile
from otpauth.errors import FormatError, HostKeyError, OtpauthError, RefusedError, SealError
from otpauth.host import Host
from tests import samples

if TYPE_CHECKING:
    from pathlib import Path

PASSPHRASE = "correct horse battery"


def at(folder: Path) -> Host:
    """Return a host that lies in a folder."""
    return Host(str(folder / "etc"), str(folder / "var"), os.getuid())


@pytest.fixture
def place(tmp_path: Path) -> Host:
    """Give a host with fresh keys."""
    made = at(tmp_path)
    keyfiles.init(made)
    return made


def everything(place: Host) -> dict[str, bytes]:
    """Return all files of the configuration folder."""
    found = {}
    for name in sorted(os.listdir(place.etc)):
        with open(place.path(name), "rb") as file:
            found[name] = file.read()
    return found


def test_init(tmp_path: Path) -> None:
    """Keys are made once, private ones for root alone, and belong together."""
    place = at(tmp_path)
    public, new = keyfiles.init(place)
    assert new
    modes = {
        name: stat.S_IMODE(os.stat(place.path(name)).st_mode) for name in os.listdir(place.etc)
    }
    assert modes == {"host.key": 0o600, "record.key": 0o600, "host.pub": 0o644}
    assert place.public_key() == public
    assert keyfiles.public_of(place.host_key()) == public
    assert place.record_key().host == public.id


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_umask(tmp_path: Path, mask: int) -> None:
    """Whatever the caller's umask, modes are the same, and it is put back (A4)."""
    before = os.umask(mask)
    try:
        keyfiles.init(at(tmp_path))
    finally:
        assert os.umask(before) == mask
    modes = {stat.S_IMODE(os.stat(at(tmp_path).path(n)).st_mode) for n in ("host.key", "host.pub")}
    assert modes == {0o600, 0o644}


def test_init_twice(place: Host) -> None:
    """A second time changes nothing."""
    before = everything(place)
    _, new = keyfiles.init(place)
    assert not new
    assert everything(place) == before


def test_keys_differ(tmp_path: Path, place: Host) -> None:
    """Two hosts have different keys."""
    other = at(tmp_path / "other")
    os.mkdir(tmp_path / "other")
    keyfiles.init(other)
    assert other.public_key().key != place.public_key().key
    assert other.record_key().ids != place.record_key().ids


@pytest.mark.parametrize("name", ["host.key", "record.key"])
def test_some_keys(place: Host, name: str) -> None:
    """With one private key gone, no new one is made beside the other."""
    os.unlink(place.path(name))
    before = everything(place)
    with pytest.raises(HostKeyError) as caught:
        keyfiles.init(place)
    assert "key import" in caught.value.hint
    assert everything(place) == before


def test_public_key_comes_back(place: Host) -> None:
    """host.pub is derived from host.key if it is gone, and refused if it is another's."""
    before = everything(place)
    os.unlink(place.path("host.pub"))
    keyfiles.init(place)
    assert everything(place) == before


def test_rotate(place: Host) -> None:
    """A rotation adds a generation: new keys seal, old ones stay, token ids stay."""
    before, old = place.record_key(), place.host_key()
    public = keyfiles.rotate(place)
    after, new = place.record_key(), place.host_key()
    assert after.generations[:-1] == before.generations
    assert after.ids == before.ids
    assert (after.host, after.newest) == (public.id, 2)
    assert new.secrets[1:] == old.secrets


def test_export_and_restore(tmp_path: Path, place: Host) -> None:
    """Exported keys restore a new host, and change nothing on the same one (D9)."""
    keyfiles.rotate(place)
    text = keyfiles.export(place, PASSPHRASE)
    _, changed = keyfiles.restore(place, text, PASSPHRASE, force=False)
    assert not changed
    os.mkdir(tmp_path / "other")
    other = at(tmp_path / "other")
    public, changed = keyfiles.restore(other, text, PASSPHRASE, force=False)
    assert changed
    assert public == place.public_key() == other.public_key()
    assert other.record_key() == place.record_key()
    assert other.host_key().secrets == place.host_key().secrets
    assert other.host_key().machine == host.machine()


def test_export_is_sealed(place: Host) -> None:
    """A backup shows no key, and opens with its passphrase only."""
    text = keyfiles.export(place, PASSPHRASE)
    for line in place.record_key().generations[0][1].hex(), place.host_key().secrets[0][1].hex():
        assert line not in text
    assert keyfiles.export(place, PASSPHRASE) != text
    for passphrase in ("", PASSPHRASE + " ", PASSPHRASE.upper()):
        with pytest.raises(SealError):
            keyfiles.restore(place, text, passphrase, force=True)
    with pytest.raises(RefusedError):
        keyfiles.export(place, "short")


def test_damaged_backup(place: Host) -> None:
    """A backup that was changed or cut is an error, and the keys are as they were."""
    text = keyfiles.export(place, PASSPHRASE)
    before = everything(place)
    lines = text.splitlines()
    swapped = "\n".join([lines[0], *lines[2:]])
    damaged = ["", "hello", lines[0], text.replace(lines[2], ""), swapped, text[: len(text) // 2]]
    for each in damaged:
        with pytest.raises(OtpauthError) as caught:
            keyfiles.restore(place, each, PASSPHRASE, force=True)
        assert type(caught.value) in (SealError, FormatError)
        assert everything(place) == before


def test_restore_over_keys_in_use(tmp_path: Path, place: Host) -> None:
    """Keys that records are sealed with are replaced only by force, and kept beside."""
    os.mkdir(tmp_path / "other")
    other = at(tmp_path / "other")
    keyfiles.init(other)
    with open(other.copy_of("alice"), "wb") as file:
        file.write(b"a record")
    text = keyfiles.export(place, PASSPHRASE)
    before = everything(other)
    with pytest.raises(RefusedError):
        keyfiles.restore(other, text, PASSPHRASE, force=False)
    assert everything(other) == before
    old = other.public_key().id
    keyfiles.restore(other, text, PASSPHRASE, force=True)
    after = everything(other)
    assert after[f"host.key.{old}"] == before["host.key"]
    assert after[f"record.key.{old}"] == before["record.key"]
    assert other.public_key() == place.public_key()


def test_restore_beside_the_records_that_these_keys_sealed(tmp_path: Path, place: Host) -> None:
    """A backup of records may come before that of their keys, with no force, keys or not."""
    text = keyfiles.export(place, PASSPHRASE)
    section = copies.sealed(place.record_key(), samples.account(samples.totp_draft()))
    data = secretfile.serialize(secretfile.SecretFile((section,)))
    for name, has_keys in (("without", False), ("with", True)):
        os.mkdir(tmp_path / name)
        other = at(tmp_path / name)
        keyfiles.init(other)
        home.write(other.copy_of("alice"), data, temporary=other.copy_of(".new"))
        if not has_keys:
            for key in everything(other):
                os.unlink(other.path(key))
        public, changed = keyfiles.restore(other, text, PASSPHRASE, force=False)
        assert (public, changed) == (place.public_key(), True)
