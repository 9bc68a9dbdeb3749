"""The host's files: trusted if its owner alone may write them; no name leaves the folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import changes, host, keyfiles, process, seal, secretfile
from otpauth.errors import ConfigError, HostKeyError, UnsafeFileError
from otpauth.host import Host
from tests import samples

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Host:
    """Give a host of our own with fresh keys."""
    made = Host(str(tmp_path / "etc"), str(tmp_path / "var"), os.getuid())
    keyfiles.init(made)
    return made


@pytest.mark.parametrize("name", ["alice", "_apt", "a.b-c_1", "0x", "x" * 64])
def test_plain_names(name: str) -> None:
    """A plain name is its own file name."""
    assert host.file_name(name) == name


ODD = ["", ".", "..", "../x", "a/b", "/etc", "Alice", "a b", "a\n", "ä", "-x", ".x", "x" * 65, "=a"]


@pytest.mark.parametrize("name", [*ODD, "\udc80", "x" * 255, 'a"b'])
def test_odd_names(name: str) -> None:
    """Any other name becomes a hash: no separator, no dot in front, no other user's file (C5)."""
    found = host.file_name(name)
    assert len(found) == 33
    assert found[0] == "="
    assert set(found[1:]) <= set("0123456789abcdef")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_names_are_apart(one: str, two: str) -> None:
    """Two names have one file only if they are the same."""
    try:
        assert (host.file_name(one) == host.file_name(two)) == (one == two)
    except UnicodeEncodeError:  # a surrogate that no file system gives
        assert not (one + two).isprintable()


def write(folder: Path, mode: int = 0o600, data: bytes = b"x") -> str:
    """Write a file with a mode, return its path."""
    path = folder / "file"
    path.write_bytes(data)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o604])
def test_trusted(tmp_path: Path, mode: int) -> None:
    """A file that only its owner may write is read; as a key only if nobody else may read it."""
    path = write(tmp_path, mode)
    assert host.trusted(path, os.getuid(), most=1) == b"x"
    if mode & 0o077:
        with pytest.raises(UnsafeFileError):
            host.trusted(path, os.getuid(), most=1, private=True)
    else:
        assert host.trusted(path, os.getuid(), most=1, private=True) == b"x"


@pytest.mark.parametrize("mode", [0o660, 0o620, 0o602, 0o666])
def test_others_may_write(tmp_path: Path, mode: int) -> None:
    """A file that others may write is not trusted."""
    with pytest.raises(UnsafeFileError):
        host.trusted(write(tmp_path, mode), os.getuid(), most=1)


def test_not_trusted(tmp_path: Path) -> None:
    """Nor is another's file, a symlink, a FIFO, a folder or one over its size."""
    path = write(tmp_path)
    with pytest.raises(UnsafeFileError):
        host.trusted(path, os.getuid() + 1, most=1)
    with pytest.raises(UnsafeFileError):
        host.trusted(path, os.getuid(), most=0)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(OSError, match="symbolic"):
        host.trusted(str(tmp_path / "link"), os.getuid(), most=1)
    os.mkfifo(tmp_path / "fifo", 0o600)
    for odd in ("fifo", "."):
        with pytest.raises(UnsafeFileError):
            host.trusted(str(tmp_path / odd), os.getuid(), most=1)


def test_missing_keys(place: Host) -> None:
    """A missing or damaged key is a HostKeyError that says what to do."""
    os.unlink(place.path("record.key"))
    with pytest.raises(HostKeyError) as caught:
        place.record_key()
    assert "otpauth-admin init" in caught.value.hint
    write_to = place.path("host.key")
    with open(write_to, "ab") as file:
        file.write(b"x")
    with pytest.raises(HostKeyError):
        place.host_key()
    os.chmod(place.path("host.pub"), 0o666)  # noqa: S103 -- what is refused
    with pytest.raises(HostKeyError):
        place.public_key()


def test_policy(place: Host) -> None:
    """Without otpauth.conf the defaults hold; one that others may write is an error."""
    assert place.policy().login == samples.RULE
    path = place.path("otpauth.conf")
    with open(path, "wb") as file:
        file.write(b"[login]\nwindow = 5\n")
    os.chmod(path, 0o644)
    assert place.policy().login.window == 5
    os.chmod(path, 0o666)  # noqa: S103 -- what is refused
    with pytest.raises(ConfigError):
        place.policy()
    os.chmod(path, 0o644)
    with open(path, "wb") as file:
        file.write(b"\xff")
    with pytest.raises(ConfigError):
        place.policy()


def asked(place: Host, user: str = "alice", *, number: int = 0) -> secretfile.Proposal:
    """Return a proposal sealed to a host."""
    public = place.public_key()
    clear = secretfile.Proposal("add", f"t{number}", user, public.id, samples.NOW, b"")
    plain = changes.encode(changes.Change())
    return clear._replace(sealed=seal.seal_proposal(public, user, clear.header(), plain))


def test_open_proposals(place: Host) -> None:
    """The helper opens what is sealed to this host for this user, and leaves out what is not."""
    good = asked(place)
    changed = good._replace(name="other")
    bobs = asked(place, "bob")
    foreign = good._replace(key="0000-0000")
    opened = place.open_proposals((good, changed, bobs, foreign), "alice")
    assert [each.proposal for each in opened] == [good, changed]
    assert opened[0].plain == changes.encode(changes.Change())
    assert opened[1].plain is None
    assert place.open_proposals((), "alice") == ()


def test_sixteen_large_proposals(place: Host) -> None:
    """Sixteen proposals as large as a file can hold are opened in the helper's time."""
    public = place.public_key()
    plain = b"x" * 5000
    many = []
    for number in range(16):
        clear = secretfile.Proposal("add", f"t{number}", "alice", public.id, 1, b"")
        sealed = seal.seal_proposal(public, "alice", clear.header(), plain)
        many.append(clear._replace(sealed=sealed))
    assert [each.plain for each in place.open_proposals(tuple(many), "alice")] == [plain] * 16


def test_rotated_keys_open(place: Host) -> None:
    """What was sealed before a rotation is opened after it."""
    older = asked(place)
    keyfiles.rotate(place)
    newer = asked(place, number=1)
    assert older.key != newer.key
    opened = place.open_proposals((older, newer), "alice")
    assert [each.plain is None for each in opened] == [False, False]


def test_helper_ignores_the_environment(place: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH, PYTHONPATH and the working folder of the caller do not reach the helper (A4)."""
    folder = os.path.dirname(place.etc)
    for name in ("json", "otpauth", "sitecustomize"):
        with open(os.path.join(folder, f"{name}.py"), "w") as file:
            file.write("raise SystemExit(9)\n")
    monkeypatch.setenv("PYTHONPATH", folder)
    monkeypatch.setenv("PYTHONHOME", folder)
    monkeypatch.setenv("PATH", folder)
    monkeypatch.chdir(folder)
    (opened,) = place.open_proposals((asked(place),), "alice")
    assert opened.plain is not None


def test_no_helper(place: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the helper cannot run, proposals wait."""
    waiting = asked(place)
    for program in ("/nowhere/python3", "/bin/false"):
        monkeypatch.setattr(process, "PYTHON", program)
        assert place.open_proposals((waiting,), "alice") == ()


def test_slow_helper(place: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A helper that hangs is ended in its time, and leaves no process."""
    waiting = asked(place)
    program = tmp_path / "slow"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(process, "PYTHON", str(program))
    monkeypatch.setattr(host, "HELPER_SECONDS", 0.2)
    before = children()
    assert place.open_proposals((waiting,), "alice") == ()
    assert children() == before


def children() -> str:
    """Return the pids of this process's children, ended ones not collected yet among them."""
    me = os.getpid()
    with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as file:
        return file.read()
