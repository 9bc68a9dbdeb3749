"""`~/.otpauth` on disk: odd files are not read, a write leaves the old or the new one.

The tests with other users' files, leases and failing disks need root: tests/attacks, tests/faults.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

import pytest

from otpauth import home, secretfile
from otpauth.account import Account
from otpauth.errors import BusyError, WriteError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATA = secretfile.FIRST_LINE


@pytest.fixture
def mine(tmp_path: Path) -> Account:
    """Give an account of our own uid whose home is a fresh folder."""
    return Account("alice", os.getuid(), os.getgid(), str(tmp_path))


@pytest.fixture
def path(mine: Account) -> str:
    """Give the path of its file, which is there."""
    name = home.path_of(mine, "~/.otpauth")
    with open(name, "wb") as file:
        file.write(DATA)
    os.chmod(name, 0o600)
    return name


def test_path_of(mine: Account) -> None:
    """The file lies below the account's home, whatever $HOME says."""
    assert home.path_of(mine, "~/.otpauth") == f"{mine.home}/.otpauth"
    assert home.path_of(mine, "~/.config/otpauth") == f"{mine.home}/.config/otpauth"


def test_found(mine: Account, path: str) -> None:
    """A file of the user's own is read."""
    found = home.understand(home.look(mine, path))
    assert (found.condition, found.data) == ("found", DATA)


def test_absent(mine: Account) -> None:
    """No file in a home that is the user's is absence; no folder or no home is not (B5)."""
    assert home.understand(home.look(mine, mine.home + "/.otpauth")).condition == "absent"
    assert home.understand(home.look(mine, mine.home + "/no/x")).condition == "unfit"
    gone = mine._replace(home=mine.home + "/gone")
    assert home.understand(home.look(gone, gone.home + "/.otpauth")).condition == "unfit"


def test_foreign_home(mine: Account, path: str) -> None:
    """A home that is not the user's says nothing, not even that there is no file."""
    other = mine._replace(uid=mine.uid + 1)
    assert home.understand(home.look(other, path)).condition == "unfit"
    os.unlink(path)
    assert home.understand(home.look(other, path)).condition == "unfit"


def test_folder_elsewhere(mine: Account, path: str) -> None:
    """Outside of the home a folder is believed if nobody else may write it."""
    away = mine._replace(home=mine.home + "/home")
    for mode, condition in (
        (0o700, "found"),
        (0o755, "found"),
        (0o775, "unfit"),
        (0o1777, "unfit"),
    ):
        os.chmod(mine.home, mode)
        assert home.understand(home.look(away, path)).condition == condition, oct(mode)
    for mode, condition in ((0o775, "unfit"), (0o1777, "found"), (0o755, "found")):
        os.mkdir(f"{mine.home}/{mode:o}")
        os.rename(path, f"{mine.home}/{mode:o}/x")
        os.chmod(mine.home, mode)
        found = home.look(away, f"{mine.home}/{mode:o}/x")
        assert home.understand(found).condition == condition, oct(mode)
        os.rename(f"{mine.home}/{mode:o}/x", path)
    os.chmod(mine.home, 0o700)
    os.unlink(path)
    assert home.understand(home.look(away, path)).condition == "absent"
    assert home.understand(home.look(away, mine.home + "/no/x")).condition == "unfit"


@pytest.mark.parametrize(
    ("mode", "checks", "condition"),
    [
        (0o644, home.USUAL, "found"),
        (0o644, home.Checks(forbidden=0o3177), "unfit"),
        (0o666, home.Checks(forbidden=0), "found"),
    ],
)
def test_modes(mine: Account, path: str, mode: int, checks: home.Checks, condition: str) -> None:
    """Mode bits that the checks forbid make a file unfit, to be read and to be replaced."""
    os.chmod(path, mode)
    assert home.understand(home.look(mine, path, checks)).condition == condition
    with contextlib.ExitStack() as unfit:
        if condition == "unfit":
            unfit.enter_context(pytest.raises(WriteError))
        home.replace(path, DATA + b"x", uid=mine.uid, before=DATA, alone=True, checks=checks)


def test_any_owner(mine: Account, path: str) -> None:
    """A file of another owner is unfit, unless the checks say that it may be anybody's."""
    away = mine._replace(uid=mine.uid + 1, home="/nowhere")
    checks = home.Checks(any_owner=True)
    with pytest.raises(WriteError):
        home.replace(path, DATA + b"x", uid=away.uid, before=DATA, alone=True)
    home.replace(path, DATA + b"x", uid=away.uid, before=DATA, alone=True, checks=checks)
    assert home.look(mine, path, checks) == home.FOUND + DATA + b"x"


def symlink(path: str) -> None:
    """Put a symlink to a good file in place."""
    os.rename(path, path + ".real")
    os.symlink(path + ".real", path)


def dangling(path: str) -> None:
    """Put a symlink to nothing in place."""
    os.unlink(path)
    os.symlink("/nowhere", path)


def hard_link(path: str) -> None:
    """Give the file a second name."""
    os.link(path, path + ".other")


def fifo(path: str) -> None:
    """Put a FIFO in place."""
    os.unlink(path)
    os.mkfifo(path, 0o600)


def folder(path: str) -> None:
    """Put a folder in place."""
    os.unlink(path)
    os.mkdir(path)


def huge(path: str) -> None:
    """Make the file larger than its limit."""
    os.truncate(path, secretfile.SIZE_MAX + 1)


def loose(path: str) -> None:
    """Let the group write the file."""
    os.chmod(path, 0o620)


def not_ours(path: str) -> None:
    """Put other text in place."""
    with open(path, "wb") as file:
        file.write(b"hello\n")


ODD = [symlink, dangling, hard_link, fifo, folder, huge, loose, not_ours]


@pytest.mark.parametrize("make", ODD)
def test_unsafe(mine: Account, path: str, make: Callable[[str], None]) -> None:
    """Symlink, hard link, FIFO, folder, a huge or a loose file is unfit, at once (B7)."""
    make(path)
    before = time.monotonic()
    found = home.understand(home.look(mine, path))
    assert found.condition == "unfit"
    assert found.fault
    assert time.monotonic() - before < 1


@pytest.mark.parametrize("make", [each for each in ODD if each is not not_ours])
def test_unsafe_is_not_replaced(mine: Account, path: str, make: Callable[[str], None]) -> None:
    """What is unfit to be read is not replaced either."""
    make(path)
    kept = os.lstat(path)
    with pytest.raises(WriteError):
        home.replace(path, DATA + b"new", uid=mine.uid, before=DATA, alone=True)
    assert os.lstat(path) == kept


@pytest.mark.parametrize("reply", [None, b"", b"?", home.UNFIT, home.FOUND, home.FOUND + b"\xff"])
def test_odd_replies(reply: bytes | None) -> None:
    """Whatever the child replies, or if it does not, the home is unfit."""
    assert home.understand(reply).condition == "unfit"


def test_replace(mine: Account, path: str) -> None:
    """A file is replaced, with mode 0600, and nothing is left beside it."""
    for alone in (True, False):
        before = home.understand(home.look(mine, path)).data
        home.replace(path, DATA + b"x%d\n" % alone, uid=mine.uid, before=before, alone=alone)
        assert home.understand(home.look(mine, path)).data == DATA + b"x%d\n" % alone
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert os.listdir(mine.home) == [".otpauth"]


def test_first_write(mine: Account) -> None:
    """A file that was absent is made."""
    path = home.path_of(mine, "~/.otpauth")
    home.replace(path, DATA, uid=mine.uid, before=None, alone=True)
    assert home.understand(home.look(mine, path)).data == DATA


@pytest.mark.parametrize("before", [None, b"", DATA + b"older"])
def test_changed_meanwhile(mine: Account, path: str, before: bytes | None) -> None:
    """A file that is not what was read is not overwritten."""
    with pytest.raises(WriteError):
        home.replace(path, DATA + b"new", uid=mine.uid, before=before, alone=True)
    assert home.understand(home.look(mine, path)).data == DATA


def test_gone_meanwhile(mine: Account, path: str) -> None:
    """A file that was removed meanwhile is not put back."""
    os.unlink(path)
    with pytest.raises(WriteError):
        home.replace(path, DATA + b"new", uid=mine.uid, before=DATA, alone=True)
    assert not os.path.exists(path)


def test_leftovers(mine: Account, path: str) -> None:
    """What a killed writer left beside, even as a symlink, does not stop the next one."""
    victim = mine.home + "/victim"
    with open(victim, "wb") as file:
        file.write(b"precious")
    os.symlink(victim, path + ".new")
    home.replace(path, DATA + b"new", uid=mine.uid, before=DATA, alone=True)
    assert home.look(mine, path) == home.FOUND + DATA + b"new"
    with open(victim, "rb") as file:
        assert file.read() == b"precious"


def test_lock_held(path: str) -> None:
    """A lock that is held for ever costs the host its time and no more; who insists, gives up."""
    with open(path + ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = time.monotonic()
        with home.locked(path, seconds=0.2, insist=False) as had:
            assert not had
        assert 0.2 <= time.monotonic() - before < 1
        with pytest.raises(BusyError), home.locked(path, seconds=0.1, insist=True):
            raise AssertionError
    with home.locked(path, seconds=0.1, insist=True) as had:
        assert had


@pytest.mark.parametrize("make", [fifo, folder, dangling])
def test_odd_lock(path: str, make: Callable[[str], None]) -> None:
    """A lock file that is a FIFO, a folder or a symlink blocks nobody, and makes no file."""
    with open(path + ".lock", "w"):
        pass
    make(path + ".lock")
    before = time.monotonic()
    with home.locked(path, seconds=0.1, insist=False) as had:
        assert not had or make is fifo
    assert time.monotonic() - before < 1
    assert not os.path.exists("/nowhere")


def test_a_new_file_that_may_not_last_is_called_so(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If only making the rename durable fails, nobody is told that nothing was changed (D2)."""

    def fail(folder: str) -> None:
        raise OSError(5, "Input/output error", folder)

    monkeypatch.setattr(home, "sync_folder", fail)
    with pytest.raises(WriteError, match="is written, but may not outlive a crash") as caught:
        home.replace(path, DATA + b"x", uid=os.getuid(), before=DATA, alone=True)
    assert not caught.value.hint
    with open(path, "rb") as file:
        assert file.read() == DATA + b"x"
