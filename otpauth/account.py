"""Accounts of the host, and doing something with the rights of one of them, for a limited time."""

from __future__ import annotations

import os
import pwd
import select
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

from otpauth.errors import UnknownUserError

if TYPE_CHECKING:
    from collections.abc import Callable

REPLY_MAX = 256 * 1024  # bytes


class Account(NamedTuple):
    """A user of the host, named as the host names him."""

    name: str
    uid: int
    gid: int
    home: str


def lookup(name: str | None) -> Account:
    """Return the account of a login name. Raises UnknownUserError.

    The name is the one that getpwnam(3) gives back: ALICE, alice and alice@dom may be one account.
    """
    if not name or not name.isprintable():
        raise UnknownUserError("no account name, or not a printable one")
    try:
        entry = pwd.getpwnam(name)
    except (KeyError, ValueError, UnicodeError):
        raise UnknownUserError(f"no account {name!r}") from None
    if not entry.pw_name.isprintable():
        raise UnknownUserError("the account's name is not printable")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


def of_uid(uid: int) -> Account:
    """Return the account of a uid. Raises UnknownUserError."""
    try:
        return lookup(pwd.getpwuid(uid).pw_name)
    except KeyError:
        raise UnknownUserError(f"no account has uid {uid}") from None


def as_user(account: Account, work: Callable[[], bytes], *, seconds: float) -> bytes | None:
    """Run `work` in a child process with the account's ids and groups; return what it returns.

    None if it failed or took longer: a hanging or hostile home is simply not there. The caller is
    root. The child cannot be traced by the user, since a change of ids makes it undumpable.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _child(account, work, writer)
    os.close(writer)
    try:
        return _collect(reader, time.monotonic() + seconds)
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        _reap(child)


def _child(account: Account, work: Callable[[], bytes], writer: int) -> None:
    """Become the user, work, reply, and leave without running anything of the host process."""
    status = 1
    try:
        os.umask(0o077)
        os.setgroups(os.getgrouplist(account.name, account.gid))
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
        reply = b"+" + work()
        while reply:
            reply = reply[os.write(writer, reply) :]
        status = 0
    finally:
        os._exit(status)


def _collect(reader: int, deadline: float) -> bytes | None:
    waiting = select.poll()
    waiting.register(reader, select.POLLIN)
    reply = b""
    while len(reply) <= REPLY_MAX:
        left = deadline - time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            return None
        part = os.read(reader, 65536)
        if not part:
            return reply[1:] if reply else None
        reply += part
    return None


def _reap(child: int) -> None:
    """Collect a killed child; one that hangs in the kernel is left to init."""
    for _ in range(50):
        try:
            if os.waitpid(child, os.WNOHANG)[0]:
                return
        except ChildProcessError:
            return
        time.sleep(0.001)
