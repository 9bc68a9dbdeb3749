"""The list numbers that logins are being asked for: held by locks that end with their process.

A byte of a file beside the account's lock stands for each number; whoever asks for a number holds
its byte (an open file description lock, fcntl(2)). The kernel lets go of it when the login ends,
however that is: no killed sshd leaves a number behind. The file is empty and tells nothing.
"""

from __future__ import annotations

import fcntl
import os
import struct

from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

_FLOCK = "hhqqi0q"  # struct flock, fcntl(2): type, whence, start, length, pid
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Holder(NamedTuple):
    """A login's hold on numbers; a context manager that lets go of them. No file, no hold."""

    descriptor: int

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.descriptor >= 0:
            _lock(self.descriptor, fcntl.F_UNLCK, 0, 0)  # of copies in children, too
            os.close(self.descriptor)

    def first(self, wanted: Iterable[int]) -> int:
        """Hold the first of these numbers that nobody else holds, and return it; -1 for none."""
        if self.descriptor >= 0:
            for number in wanted:
                if _lock(self.descriptor, fcntl.F_WRLCK, number, 1):
                    return number
        return -1


def holder(path: str) -> Holder:
    """Open the file that stands for an account's numbers, or make it."""
    return Holder(_opened(path, os.O_CREAT))


def free(path: str, number: int) -> bool:
    """Say whether nobody is being asked for a number now."""
    if not os.path.lexists(path):
        return True
    with Holder(_opened(path, 0)) as own:
        return own.first((number,)) >= 0


def _opened(path: str, more: int) -> int:
    """Open a file above the standard descriptors, which may be closed; -1 if it fails."""
    try:
        found = os.open(path, _OPEN | more, 0o600)
    except OSError:
        return -1
    try:
        return fcntl.fcntl(found, fcntl.F_DUPFD_CLOEXEC, 3)
    except OSError:
        return -1
    finally:
        os.close(found)


def _lock(descriptor: int, kind: int, start: int, length: int) -> bool:
    """Lock or unlock bytes without waiting; a length of 0 reaches to the end."""
    try:
        fcntl.fcntl(
            descriptor, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0)
        )
    except OSError:
        return False
    return True
