"""Throw-away people: a Unix account, a home, a key pair; and homes in odd states.

Keys lie in the workspace, not in the home, so that a person can log in with a home that is full,
read-only or gone.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from otpauth import host
from tests import stage
from tests.parts import processes, secrets
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """An account of the stage and what its owner knows."""

    name: str
    uid: int
    gid: int
    home: Path
    key_path: Path
    password: str | None = field(default=None, repr=False)

    def run(self, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command as this person, without root's groups, descriptors or environment."""
        return subprocess.run(
            command,
            input=text,
            user=self.uid,
            group=self.gid,
            extra_groups=os.getgrouplist(self.name, self.gid),
            env=self.environment(),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """Return what a login shell of this person would find."""
        return {
            "HOME": str(self.home),
            "USER": self.name,
            "LOGNAME": self.name,
            "PATH": stage.SYSTEM_PATH,
            "LANG": "C.UTF-8",
            "TERM": "xterm",
        }


@contextmanager
def make(
    name: str | None = None,
    *,
    password: str | None = None,
    shell: str = "/bin/bash",
    groups: Sequence[str] = (),
    uid: int | None = None,
    home: str = "made",
) -> Iterator[Person]:
    """Make an account, and remove it with everything of it afterwards.

    `home` is `made`, or `missing`: named in passwd but never there. A name of its own is given if
    none is. Groups are made if there are none of that name.
    """
    person = add(name, password=password, shell=shell, groups=groups, uid=uid, home=home)
    try:
        yield person
    finally:
        remove(person)
        _forget(person.name)


def add(
    name: str | None = None,
    *,
    password: str | None = None,
    shell: str = "/bin/bash",
    groups: Sequence[str] = (),
    uid: int | None = None,
    home: str = "made",
) -> Person:
    """Make an account as `make` does, and leave its removal to the caller."""
    stage.workspace()
    name = name or f"person{next(_numbers)}"
    words = ["--create-home" if home == "made" else "--no-create-home", "--shell", shell]
    words += ["--user-group"]
    if uid is not None:
        words += ["--uid", str(uid)]
    for group in groups:
        _run("groupadd", "--force", group)
    if groups:
        words += ["--groups", ",".join(groups)]
    _run("useradd", *words, name)
    if password is not None:
        _run("chpasswd", text=f"{name}:{secrets.remember(password)}\n")
    entry = pwd.getpwnam(name)
    key_path = _make_key(name)
    return Person(name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir), key_path, password)


def remove(person: Person) -> None:
    """End the person's processes, look into the files left for secrets, and remove the account.

    Raises:
        AssertionError: if a file of the product holds a secret in clear.

    """
    _end_processes(person)
    state = Path("/var/lib/otpauth/users", person.name)
    leaks = secrets.registry.leaks_in_files([*person.home.glob(".otpauth*"), state])
    wait_until(lambda: _is_deleted(person), 10)
    shutil.rmtree(person.home, ignore_errors=True)
    for path in _key_files(person.name):
        path.unlink(missing_ok=True)
    assert not leaks, leaks


def _is_deleted(person: Person) -> bool:
    """Delete the account, which userdel refuses while one of its processes is there."""
    _end_processes(person)
    subprocess.run(("userdel", "--remove", person.name), capture_output=True, check=False)
    return all(each.pw_name != person.name for each in pwd.getpwall())


def _end_processes(person: Person) -> None:
    for pid in processes_of(person.uid):
        processes.end(pid)


def _forget(name: str) -> None:
    """Take away what the host keeps of an account, so that the next of its name starts afresh."""
    users = Path("/var/lib/otpauth/users")
    copy = host.file_name(name)
    for path in (*users.glob(f"=aside-{copy}-*"), users / copy):
        path.unlink(missing_ok=True)


@contextmanager
def small_home(person: Person, kib: int, *, options: str = "") -> Iterator[None]:
    """Put the home on a file system of its own of so many KiB, with mount options."""
    more = f",{options}" if options else ""
    aside = stage.workspace() / "tmp" / f"home-of-{person.name}"
    _run("cp", "-a", str(person.home), str(aside))
    status = person.home.stat()
    _run(
        *("mount", "-t", "tmpfs", "otpauth-home", str(person.home)),
        *("-o", f"size={kib}k,uid={status.st_uid},gid={status.st_gid},mode=0700{more}"),
    )
    try:
        _run("cp", "-a", f"{aside}/.", str(person.home))
        yield
    finally:
        _run("umount", "--lazy", str(person.home))
        shutil.rmtree(aside)


@contextmanager
def full_home(person: Person, kib_left: int = 0) -> Iterator[None]:
    """Leave so many KiB free in the home, for the person and for root."""
    with small_home(person, 512 + kib_left):
        ballast = person.home / "ballast"
        with ballast.open("wb", buffering=0) as file:
            _fill(file.fileno())
        if kib_left:
            os.truncate(ballast, ballast.stat().st_size - kib_left * 1024)
        yield


@contextmanager
def read_only_home(person: Person) -> Iterator[None]:
    """Make the home read-only, for root too."""
    _run("mount", "--bind", str(person.home), str(person.home))
    try:
        _run("mount", "-o", "remount,bind,ro", str(person.home))
        yield
    finally:
        _run("umount", "--lazy", str(person.home))


@contextmanager
def missing_home(person: Person) -> Iterator[None]:
    """Take the home away, as an unmounted disk does."""
    aside = person.home.with_name(f".{person.name}-aside")
    person.home.rename(aside)
    try:
        yield
    finally:
        shutil.rmtree(person.home, ignore_errors=True)
        aside.rename(person.home)


def _fill(descriptor: int) -> None:
    for size in (65536, 4096):
        try:
            while True:
                os.write(descriptor, bytes(size))
        except OSError:
            continue


def _make_key(name: str) -> Path:
    private, public, authorized = _key_files(name)
    for path in (private, public):
        path.unlink(missing_ok=True)
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(private))
    shutil.copyfile(public, authorized)
    authorized.chmod(0o644)
    return private


def _key_files(name: str) -> tuple[Path, Path, Path]:
    keys = stage.workspace() / "keys"
    return keys / name, keys / f"{name}.pub", stage.workspace() / "authorized" / name


def processes_of(uid: int) -> list[int]:
    """Return the pids of a user's processes."""
    found = []
    for pid in processes.pids():
        try:
            owner = Path(f"/proc/{pid}").stat().st_uid
        except FileNotFoundError:
            continue
        if owner == uid:
            found.append(pid)
    return found


def _run(*command: str, text: str | None = None) -> None:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise stage.StageError(f"{command[0]} {command[-1]}: {done.stderr.strip()}")
