"""Accounts of the host, and doing something with the rights of one of them, for a limited time."""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import signal
import time

from otpauth.errors import UnknownUserError
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

MESSAGE_MAX = 256 * 1024  # bytes


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
        entry = pwd.getpwnam(native(name))
        known = os.fsencode(entry.pw_name).decode()
    except (KeyError, ValueError, UnicodeError):
        raise UnknownUserError(f"no account {name!r}") from None
    if not known.isprintable():
        raise UnknownUserError("the account's name is not printable")
    return Account(known, entry.pw_uid, entry.pw_gid, entry.pw_dir)


def native(name: str) -> str:
    """Return a name as Python's system calls want it, whatever the host program's locale is.

    In a program that set none, Python takes names for ASCII, and other bytes for surrogates.
    """
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def of_uid(uid: int) -> Account:
    """Return the account of a uid. Raises UnknownUserError."""
    try:
        return lookup(os.fsencode(pwd.getpwuid(uid).pw_name).decode())
    except (KeyError, UnicodeError):
        raise UnknownUserError(f"no account has uid {uid}") from None


def in_group(who: Account, name: str) -> bool:
    """Say whether an account is in a group, its own one included."""
    return _member(who, name) is True


def is_meant(who: Account, words: tuple[str, ...], *, in_doubt: bool) -> bool:
    """Say whether a list of names and groups means an account; its last word that fits decides.

    Of a group that the host does not know, or not at present, nobody is certainly a member or
    certainly none: it is taken for what makes the answer `in_doubt`.
    """
    for word in reversed(words):
        name, means = word.removeprefix("!"), not word.startswith("!")
        fits = name in ("*", who.name)
        if name.startswith("%"):
            member = _member(who, name[1:])
            fits = means == in_doubt if member is None else member
        if fits:
            return means
    return False


def is_known(word: str) -> bool:
    """Say whether a word of such a list, without its !, means anybody on this host."""
    if not word.startswith("%"):
        try:
            return word == "*" or lookup(word).name == word
        except UnknownUserError:
            return False
    return _gid(word[1:]) is not None


def _member(who: Account, name: str) -> bool | None:
    """Say whether an account is in a group; None if there is no such group."""
    gid = _gid(name)
    return None if gid is None else gid in os.getgrouplist(native(who.name), who.gid)


def _gid(name: str) -> int | None:
    import grp

    try:
        return grp.getgrnam(native(name)).gr_gid
    except (KeyError, ValueError, UnicodeError):
        return None


class Deputy:
    """A child process with a user's ids and groups, which answers requests one after another.

    What hangs or fails in it is its own affair: an answer that does not come in time is None, and
    the child is killed at the end. It cannot be traced by the user, since a change of ids makes a
    process undumpable. Whoever starts it is root, and does so before loading keys.
    """

    def __init__(self, account: Account, serve: Callable[[bytes], bytes]) -> None:
        inner_in, self._out = os.pipe()
        self._in, inner_out = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(self._in)
            os.close(self._out)  # so that its other end tells when the parent is gone
            _be(account, serve, inner_in, inner_out)
        os.close(inner_in)
        os.close(inner_out)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._in)
        os.close(self._out)
        with contextlib.suppress(ProcessLookupError):  # a host program may ignore its children
            os.kill(self._child, signal.SIGKILL)
        _reap(self._child)

    def ask(self, request: bytes) -> None:
        """Send a request; the reply is to be taken before the next one."""
        with contextlib.suppress(BrokenPipeError):
            _send(self._out, request)

    def reply(self, seconds: float) -> bytes | None:
        """Return the reply, None if it failed or does not come within so many seconds."""
        return _collect(self._in, time.monotonic() + seconds)


def _be(account: Account, serve: Callable[[bytes], bytes], source: int, sink: int) -> None:
    """Become the user, serve, and leave without running anything of the host process."""
    try:
        _drop_all_but(source, sink)
        os.umask(0o077)
        os.setgroups(os.getgrouplist(account.name, account.gid))
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
        while (request := _collect(source, float("inf"))) is not None:
            _send(sink, serve(request))
    finally:
        os._exit(1)


def _drop_all_but(*kept: int) -> None:
    """Close the host process's descriptors: what hangs must not hold a connection open."""
    last = -1
    for descriptor in sorted(kept):
        os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, os.sysconf("SC_OPEN_MAX"))
    while os.open(os.devnull, os.O_RDWR) < 2:  # no file of the user's becomes standard error
        pass


def _send(descriptor: int, data: bytes) -> None:
    data = len(data).to_bytes(4, "big") + data
    while data:
        data = data[os.write(descriptor, data) :]


def _collect(descriptor: int, deadline: float) -> bytes | None:
    """Read one message; None if it does not come before the deadline, or is too long."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    data, size = b"", 4
    while len(data) < size:
        left = deadline - time.monotonic()
        ready = left > 0 and waiting.poll(None if left == float("inf") else left * 1000)
        part = os.read(descriptor, 65536) if ready else b""
        if not part:
            return None
        data += part
        if len(data) >= 4:
            size = 4 + int.from_bytes(data[:4], "big")
        if size > 4 + MESSAGE_MAX:
            return None
    return data[4:]


def _reap(child: int) -> None:
    """Collect a killed child; one that hangs in the kernel is left to init."""
    for _ in range(1000):
        try:
            if os.waitpid(child, os.WNOHANG)[0]:
                return
        except ChildProcessError:
            return
        time.sleep(0.0005)
