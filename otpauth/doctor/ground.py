"""What the checks of a host look at, each read once, and only when a check wants it."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from otpauth import account, stack
from otpauth.doctor.person import look, seen_by_root
from otpauth.errors import ConfigError, HostKeyError, OtpauthError, UnknownUserError
from otpauth.host import Host, file_name
from otpauth.policy import Policy

if TYPE_CHECKING:
    from otpauth.account import Account
    from otpauth.doctor.person import Person, Seen
    from otpauth.stack import Line

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
SECONDS = 10  # for a program that is asked something
SILENT = "the home did not answer"
GONE = "the home is not there"
SILENT_MAX = 3  # homes that do not answer, after which no others are looked into
_NO_LOGIN = ("nologin", "false", "sync", "halt", "shutdown")


class Said(NamedTuple):
    """What a program said; `status` is None if it is missing or did not end in time."""

    status: int | None
    output: str
    errors: str


def ask(*command: str, seconds: float = SECONDS) -> Said:
    """Run a program of the system with a bare environment, for a limited time."""
    try:
        done = subprocess.run(  # noqa: S603 -- fixed programs
            command,
            stdin=subprocess.DEVNULL,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        return Said(None, "", f"{command[0]} is not installed")
    except subprocess.TimeoutExpired:
        return Said(None, "", f"{command[0]} did not answer in {seconds} s")
    return Said(done.returncode, done.stdout, done.stderr.strip())


class Ground:
    """A host as it stands; `sshd_config` is another file than the one that sshd reads."""

    def __init__(self, host: Host | None = None, *, sshd_config: str = "") -> None:
        self.host = host or Host()
        self.now = int(time.time())
        self._sshd = ("sshd", "-T", *(("-f", sshd_config) if sshd_config else ()))
        self._sshd_of: dict[str, dict[str, str]] = {}

    @cached_property
    def policy(self) -> Policy:
        """The policy, or the defaults if it is broken: a check of its own says so."""
        try:
            return self.host.policy()
        except ConfigError:
            return Policy()

    @cached_property
    def stacks(self) -> dict[str, tuple[Line, ...]]:
        """The auth stacks of all services that ask for codes."""
        found = {name: self.stack_of(name) for name in stack.services()}
        return {name: lines for name, lines in found.items() if any(e.ours for e in lines)}

    def stack_of(self, service: str) -> tuple[Line, ...]:
        """Return the auth stack of a service, empty if it has none."""
        try:
            return stack.read(service)
        except OSError:
            return ()

    @cached_property
    def sshd(self) -> Said:
        """What sshd says of its configuration."""
        return ask(*self._sshd)

    @cached_property
    def settings(self) -> dict[str, str]:
        """The configuration of sshd in force, keys in lower case."""
        return settings_of(self.sshd.output)

    def settings_for(self, name: str) -> dict[str, str]:
        """Return what is in force for an account, Match blocks considered; nothing if unknown."""
        if name not in self._sshd_of:
            said = ask(*self._sshd, "-C", f"user={name},host=localhost,addr=127.0.0.1")
            self._sshd_of[name] = settings_of(said.output) if said.status == 0 else {}
        return self._sshd_of[name]

    @cached_property
    def copies(self) -> list[str]:
        """The names of all host copies of records."""
        try:
            names = os.listdir(os.path.join(self.host.var, "users"))
        except OSError:
            return []
        return sorted(name for name in names if not name.startswith("."))

    @cached_property
    def logins(self) -> list[Account]:
        """Every account with a shell that people or robots log in with."""
        found = []
        for entry in pwd.getpwall():
            if (entry.pw_uid == 0 or entry.pw_uid >= 1000) and _is_shell(entry.pw_shell):
                try:
                    found.append(account.lookup(entry.pw_name))
                except UnknownUserError:
                    continue
        return sorted(set(found))

    @cached_property
    def homes(self) -> dict[Account, Seen]:
        """The homes of every account that has a record or can log in.

        After SILENT_MAX that do not answer no others are looked into.
        """
        found: dict[Account, Seen] = {}
        enrolled = {who for name in self.copies if (who := _account(name))}
        silent = 0
        for who in sorted({*enrolled, *self.logins}):
            seen = look(who, self.policy)
            silent += seen.home.fault == SILENT
            if who in enrolled or not seen.home.fault.startswith(GONE):
                found[who] = seen
            if silent >= SILENT_MAX:
                break
        return found

    @property
    def can_open(self) -> bool:
        """Whether records can be opened at all; if not, the checks of the keys say so."""
        try:
            self.host.record_key()
            self.host.public_key()
        except HostKeyError:
            return False
        return True

    @cached_property
    def people(self) -> list[Person]:
        """The accounts of these homes, each with its record."""
        return [
            seen_by_root(who, seen.home, self.host, self.policy, self.now)
            for who, seen in self.homes.items()
        ]


def settings_of(text: str) -> dict[str, str]:
    """Return the first value of each keyword of `sshd -T`."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key.lower(), value)
    return found


def _is_shell(shell: str) -> bool:
    return os.path.basename(shell) not in _NO_LOGIN


def _account(name: str) -> Account | None:
    """Return the account of a host copy whose name is that of its file."""
    try:
        who = account.lookup(name)
    except OtpauthError:
        return None
    return who if file_name(who.name) == name else None
