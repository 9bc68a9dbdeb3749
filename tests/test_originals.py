"""Files of other software: whose rights they are read with, and what is removed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import account, originals
from otpauth.account import Account
from otpauth.errors import UnknownUserError
from otpauth.originals import Keeper, Original

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

SECRET = b"the content\n"


@pytest.fixture
def places(person: Person) -> Iterator[list[Path]]:
    """Give a path in a folder of root's alone, in one of the person's, and in the home."""
    alone, his = Path("/etc/otpauth-test"), Path("/var/lib/otpauth-test")
    for folder in (alone, his):
        folder.mkdir(mode=0o755)
    os.chown(his, person.uid, person.gid)
    yield [alone / "file", his / "file", person.home / "file"]
    for folder in (alone, his):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()


def put(person: Person, path: Path, data: bytes = SECRET) -> None:
    """Write a file of the person's."""
    path.write_bytes(data)
    path.chmod(0o600)
    os.chown(path, person.uid, person.gid)


def keeper(person: Person, path: Path) -> Keeper:
    """Open a person's file as root does."""
    return Keeper(account.lookup(person.name), str(path))


@pytest.mark.stage
def test_read_and_removed(person: Person, places: list[Path]) -> None:
    """A user's file is read and removed wherever it lies; then it is absent."""
    for path in places:
        put(person, path)
        with keeper(person, path) as kept:
            assert kept.read() == Original(str(path), SECRET)
            assert kept.remove() == ""
            assert not path.exists()
            assert kept.read() == Original(str(path))
            assert kept.remove() != ""


@pytest.mark.stage
def test_changed_is_kept(person: Person, places: list[Path]) -> None:
    """A file that is not what was read is not removed."""
    for path in places:
        put(person, path)
        with keeper(person, path) as kept:
            assert kept.remove() == "it was changed meanwhile"
            kept.read()
            put(person, path, b"something else\n")
            assert kept.remove() == "it was changed meanwhile"
        assert path.read_bytes() == b"something else\n"
        path.unlink()


@pytest.mark.stage
def test_foreign_folder(person: Person, places: list[Path]) -> None:
    """Where the user may turn the path elsewhere, root's own files are out of its reach."""
    private = Path("/root/private")
    private.mkdir()
    (private / "file").write_bytes(SECRET)
    _, his, home = places
    for path in (his, home):
        link = path.with_name("link")
        link.symlink_to(private)
        with keeper(person, link / "file") as kept:
            found = kept.read()
        assert found.data is None
        assert found.fault
        link.unlink()
    (private / "file").unlink()
    private.rmdir()


@pytest.mark.stage
def test_unfit(person: Person, places: list[Path]) -> None:
    """A link, FIFO, folder, device or file that others may write is unfit, at once."""
    began = time.monotonic()
    for path in places:
        for make in (
            lambda path: path.symlink_to("/etc/passwd"),
            os.mkfifo,
            Path.mkdir,
            lambda path: os.mknod(path, 0o020600, os.makedev(1, 3)),
            lambda path: (put(person, path), path.chmod(0o622)),
        ):
            make(path)
            with keeper(person, path) as kept:
                found = kept.read()
                assert (found.data, bool(found.fault)) == (None, True)
                assert kept.remove() == "it was changed meanwhile"
            path.rmdir() if path.is_dir() else path.unlink()
    assert time.monotonic() - began < 10


@pytest.mark.stage
def test_home_that_is_not_there(person: Person) -> None:
    """A home that is missing, or only an empty mount point of root's, is a fault, not no file."""
    path = person.home / ".google_authenticator"
    aside = person.home.with_name("aside")
    person.home.rename(aside)
    with keeper(person, path) as kept:
        assert kept.read().fault == "the home is not there: No such file or directory"
    person.home.mkdir()
    with keeper(person, path) as kept:
        assert kept.read().fault == "the home is not the user's"
    person.home.rmdir()
    aside.rename(person.home)


ALICE = Account("alice", 1000, 1000, "/home/alice")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("~/.google_authenticator", "/home/alice/.google_authenticator"),
        ("${HOME}/x", "/home/alice/x"),
        ("/var/lib/ga/${USER}", "/var/lib/ga/alice"),
        ("/etc/totpcgi/totp/{user}.totp", "/etc/totpcgi/totp/alice.totp"),
        ("/a/../b/{user}", "/b/alice"),
    ],
)
def test_patterns(pattern: str, path: str) -> None:
    """Patterns are those of google-authenticator's secret= and {user}."""
    assert originals.is_pattern(pattern)
    assert originals.path_of(pattern, ALICE) == path


@pytest.mark.parametrize("name", ["../root", "..", "a/b"])
def test_a_name_that_is_no_file(name: str) -> None:
    """A user's name does not lead into another folder."""
    with pytest.raises(UnknownUserError):
        originals.path_of("/var/lib/ga/{user}", ALICE._replace(name=name))


def test_no_pattern() -> None:
    """A plain path is one file for all."""
    assert not originals.is_pattern("/etc/users.oath")
