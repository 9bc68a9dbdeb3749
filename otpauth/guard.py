"""The guarded section: while a code is compared and counted, the caller cannot interfere.

A set-uid program such as su runs with limits, signals and a real uid of its caller's choice. With
them he could let the writing of failures fail and that of successes pass, or freeze a login that
holds the lock. Inside `shielded()` all signals are blocked, all ids are root's, the limits
suffice and descriptors 0 to 2 are open; else GuardError, before anything is compared.

Servers bound their own memory (vsftpd to 200 MiB) and may not raise that in a container, so a bound
that leaves room is good enough.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal

from otpauth.errors import GuardError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_MIN = 1024 * 1024  # bytes that may be written to one file
FILES_MIN = 64
ROOM_MIN = 64 * 1024 * 1024  # bytes of memory beyond what the process has; a login takes a third
_NEEDS = (
    (resource.RLIMIT_FSIZE, FILE_MIN),
    (resource.RLIMIT_NOFILE, FILES_MIN),
    (resource.RLIMIT_CPU, resource.RLIM_INFINITY),
)


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """Shield the process, run the body, put everything back. Raises GuardError."""
    with contextlib.ExitStack() as back:
        try:
            _block_signals(back)
            _take_ids(back)
            _raise_limits(back)
            _open_descriptors(back)
        except (OSError, ValueError) as error:
            raise GuardError(f"the process cannot be shielded: {type(error).__name__}") from None
        yield


def _block_signals(back: contextlib.ExitStack) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    back.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
    if signal.SIGCHLD not in signal.sigpending():
        back.callback(_forget_children)


def _forget_children() -> None:
    """Take back the signal of children of ours, all collected by now, unless others ended, too.

    vsftpd waits at a SIGCHLD for the end of its own child, which waits for an answer of vsftpd's.
    """
    if not signal.sigtimedwait({signal.SIGCHLD}, 0):
        return
    with contextlib.suppress(ChildProcessError):
        if os.waitid(os.P_ALL, 0, os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT):
            os.kill(os.getpid(), signal.SIGCHLD)


def _take_ids(back: contextlib.ExitStack) -> None:
    users, groups = os.getresuid(), os.getresgid()
    if users[1] != 0:
        raise GuardError("the process does not run as root")
    back.callback(os.umask, os.umask(0o077))
    back.callback(os.setresuid, *users)
    os.setresuid(0, 0, 0)
    back.callback(os.setresgid, *groups)
    os.setresgid(0, 0, 0)


def _raise_limits(back: contextlib.ExitStack) -> None:
    for which, need in (*_NEEDS, *_memory()):
        soft, hard = resource.getrlimit(which)
        if _enough(soft, need):
            continue
        resource.setrlimit(which, (need, hard if _enough(hard, need) else need))
        back.callback(resource.setrlimit, which, (soft, hard))


def _memory() -> tuple[tuple[int, int], ...]:
    """Return how much memory the process must be allowed; no bound will do where it is not told."""
    size = data = resource.RLIM_INFINITY
    with contextlib.suppress(OSError), open("/proc/self/statm", encoding="ascii") as file:
        pages = [int(word) for word in file.read().split()]  # proc(5): the sixth is data and stack
        size, data = (each * resource.getpagesize() + ROOM_MIN for each in (pages[0], pages[5]))
    return (resource.RLIMIT_AS, size), (resource.RLIMIT_DATA, data)


def _enough(limit: int, need: int) -> bool:
    return limit == resource.RLIM_INFINITY or (need != resource.RLIM_INFINITY and limit >= need)


def _open_descriptors(back: contextlib.ExitStack) -> None:
    """Fill closed standard descriptors, so that no file of ours gets one of their numbers."""
    while True:
        descriptor = os.open("/dev/null", os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return
        back.callback(os.close, descriptor)
