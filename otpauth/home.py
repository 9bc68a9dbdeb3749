"""`~/.otpauth` on disk: read it without being fooled, replace it without ever losing it.

What must hold, each with its test in tests/test_home.py and tests/faults:

 1. No symlink, hard link, FIFO, device, folder or other person's file is read (test_unsafe_*).
 2. No open or read blocks: not on a FIFO, not on a lease (test_fifo, test_lease).
 3. The home itself must be the user's, so that "no file" means something (test_foreign_home);
    outside of it each folder, his or root's and nobody else's to write (test_folder_elsewhere).
 4. A write leaves the old file or the new one, whole, whatever fails or is killed when
    (tests/faults/test_home_faults.py), and nothing that stops the next one.
 5. A file that changed since it was read is not overwritten (test_changed_meanwhile).
 6. A lock that its owner holds for ever delays the host by a second, and nobody else
    (test_lock_held).

All functions act with the rights of the process: the user's, for the host in a child process.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time

from otpauth import secretfile
from otpauth.errors import (
    BusyError,
    ChangedError,
    FormatError,
    UnknownUserError,
    UnsafeFileError,
    WriteError,
)
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otpauth.account import Account
    from otpauth.secretfile import SecretFile

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
UNCHANGED = "nothing was changed, your old tokens work"
LOOK, READ, WRITE, INSIST = b"look", b"read:", b"write:", b"insist:"
DONE, CHANGED = b"", b"changed"
WRITE_LOCK_SECONDS = 1  # then the host goes on without the lock
INSIST_LOCK_SECONDS = 5
ABSENT = b"absent"
FOUND = b"found:"
UNFIT = b"unfit:"


class Checks(NamedTuple):
    """What makes a file unfit: mode bits, and, unless `any_owner`, that it is another's."""

    forbidden: int = 0o022
    any_owner: bool = False


USUAL = Checks()


class Place(NamedTuple):
    """Where a file is, with whose rights it is read and written, and what makes it unfit."""

    path: str
    owner: Account
    checks: Checks = USUAL


class Home(NamedTuple):
    """What was found: `condition` is absent, found or unfit.

    Absent means that the home is there, is the user's, and has no such file. `data` is
    what was read. `fault` says why a file is unfit.
    """

    condition: str
    content: SecretFile = secretfile.SecretFile()
    data: bytes | None = None
    fault: str = ""


def path_of(account: Account, template: str) -> str:
    """Return the path of an account's file, from policy.Setup's or arguments.Line's template.

    In it `~` as a whole part of the path, ${HOME} and ${USER} are each replaced, once. Raises
    UnknownUserError for a user's name that could lead out of its folder.
    """
    if "${USER}" in template and ("/" in account.name or account.name in (".", "..")):
        raise UnknownUserError(f"the account's name {account.name!r} is no file name")
    return _VARIABLES.sub(
        lambda found: account.name if found[0] == "${USER}" else account.home, template
    )


_VARIABLES = re.compile(r"(?:^|(?<=/))~(?=/|$)|\$\{HOME\}|\$\{USER\}")


class Server:
    """What a deputy does for the host: look at the file, and replace what it saw."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._seen: bytes | None = None

    def __call__(self, request: bytes) -> bytes:
        """Answer LOOK, or WRITE or INSIST followed by bytes: DONE, CHANGED or what went wrong.

        READ, followed by a path, is answered as LOOK, of a file of other software.
        """
        if request == LOOK:
            reply = look(self._place.owner, self._place.path, self._place.checks)
            self._seen = reply.removeprefix(FOUND) if reply.startswith(FOUND) else None
            return reply
        if request.startswith(READ):
            path = os.fsdecode(request.removeprefix(READ))
            checks = self._place.checks
            if checks.forbidden == USUAL.forbidden:  # its secrets are in the clear
                checks = checks._replace(forbidden=0o077)
            return look(self._place.owner, path, checks)
        insist = request.startswith(INSIST)
        data = request.removeprefix(INSIST if insist else WRITE)
        seconds = INSIST_LOCK_SECONDS if insist else WRITE_LOCK_SECONDS
        path, owner, checks = self._place
        try:
            with locked(path, seconds=seconds, insist=insist) as alone:
                replace(path, data, uid=owner.uid, before=self._seen, alone=alone, checks=checks)
        except ChangedError:
            return CHANGED
        except (BusyError, WriteError) as error:
            return str(error).encode()
        return DONE


def look(account: Account, path: str, checks: Checks = USUAL) -> bytes:
    """Read the file and say what it is: ABSENT, FOUND + bytes, or UNFIT + why."""
    try:
        _check_folder(account, path)
    except UnsafeFileError as error:
        return UNFIT + str(error).encode()
    return told(path, lambda: read(path, account.uid, checks))


def told(path: str, reading: Callable[[], bytes]) -> bytes:
    """Read a file in some way and say what it is: ABSENT, FOUND + bytes, or UNFIT + why."""
    try:
        return FOUND + reading()
    except FileNotFoundError:
        return ABSENT if os.path.isdir(os.path.dirname(path)) else UNFIT + b"its folder is missing"
    except (OSError, UnsafeFileError) as error:
        fault = error.strerror or "unknown" if isinstance(error, OSError) else str(error)
        if os.path.islink(path):
            fault = "it is a symbolic link, which is not followed"
        return UNFIT + fault.encode()


def _check_folder(account: Account, path: str) -> None:
    """Raise UnsafeFileError unless only the account, or root, says what lies at the path."""
    inside = path.startswith(account.home + "/")
    try:
        if not inside:
            _check_elsewhere(account, os.path.dirname(path))
        elif os.stat(account.home).st_uid != account.uid:
            raise UnsafeFileError("the home is not the user's")
    except OSError as error:
        what = "home" if inside else "folder"
        raise UnsafeFileError(f"the {what} is not there: {error.strerror}") from None


def _check_elsewhere(account: Account, folder: str) -> None:
    """Raise UnsafeFileError if others may write a folder, or put another one in its place.

    Above the folder itself those who share a sticky one, as /tmp, cannot.
    """
    sticky = 0
    while True:
        found = os.stat(folder)
        shared = found.st_mode & 0o022 and not found.st_mode & sticky
        if shared or found.st_uid not in (account.uid, 0):
            raise UnsafeFileError("a folder of it is another user's, or others may write it")
        if folder == os.path.dirname(folder):
            return
        folder, sticky = os.path.dirname(folder), stat.S_ISVTX


def understand(reply: bytes | None) -> Home:
    """Make sense of what look() returned, or of None if it did not return."""
    if reply is None:
        return Home("unfit", fault="the home did not answer")
    if reply == ABSENT:
        return Home("absent")
    if not reply.startswith(FOUND):
        return Home("unfit", fault=reply.removeprefix(UNFIT).decode(errors="replace"))
    data = reply.removeprefix(FOUND)
    try:
        return Home("found", secretfile.parse(data), data)
    except FormatError as error:
        return Home("unfit", fault=str(error))


def replace(
    path: str,
    data: bytes,
    *,
    uid: int,
    before: bytes | None,
    alone: bool,
    checks: Checks = USUAL,
) -> None:
    """Replace the file if it still is what it was before (None: not there), durably.

    `alone` says whether the caller holds the lock: then what a killed writer left is cleared away.
    Raises WriteError; then the old file is as it was.
    """
    try:
        now = read(path, uid, checks)
    except FileNotFoundError:
        now = None
    except (OSError, UnsafeFileError) as error:
        raise WriteError(f"{path!r} not written: {_plain(error)}", hint=UNCHANGED) from None
    if now != before:
        raise ChangedError(f"{path!r} was changed by another program meanwhile", hint=UNCHANGED)
    try:
        write(path, data, temporary=f"{path}.new" if alone else f"{path}.{os.getpid()}.new")
    except OSError as error:
        raise WriteError(f"{path!r} not written: {_plain(error)}", hint=UNCHANGED) from None


@contextlib.contextmanager
def locked(path: str, *, seconds: float, insist: bool) -> Iterator[bool]:
    """Hold the courtesy lock beside the file; say whether it was had in time.

    If not: BusyError if `insist` (WriteError if there can be no lock), else go on without.
    """
    descriptor = -1
    try:
        descriptor = _lock(path + ".lock", seconds, insist=insist)
        yield descriptor >= 0
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _lock(path: str, seconds: float, *, insist: bool) -> int:
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        if insist:
            raise WriteError(f"{path!r} not opened: {_plain(error)}") from None
        return -1
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() < deadline:
                time.sleep(0.01)
                continue
            os.close(descriptor)
            if insist:
                raise BusyError(f"{path!r} is held by another program") from None
            return -1
        return descriptor


def read(path: str, uid: int, checks: Checks = USUAL) -> bytes:
    """Read a small file that passes the checks. Raises OSError, UnsafeFileError."""
    descriptor = os.open(path, _READ)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise UnsafeFileError("it is not a regular file")
        if (found.st_uid != uid and not checks.any_owner) or found.st_nlink != 1:
            raise UnsafeFileError("it is another user's, or has several names")
        if found.st_mode & checks.forbidden:
            raise UnsafeFileError("its mode lets others at it (chmod 600)")
        data = b""
        while len(data) <= secretfile.SIZE_MAX:
            part = os.read(descriptor, 65536)
            if not part:
                return data
            data += part
    finally:
        os.close(descriptor)
    raise UnsafeFileError("it is larger than its limit")


def write(path: str, data: bytes, *, temporary: str) -> None:
    """Write beside, sync, rename, sync the folder.

    Raises OSError; the old file is then in place. WriteError if the new one is, but not durably.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    try:
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    try:
        sync_folder(os.path.dirname(path))
    except OSError as error:
        raise WriteError(
            f"{path!r} is written, but may not outlive a crash: {_plain(error)}"
        ) from None


def sync_folder(path: str) -> None:
    """Make a rename in a folder durable; file systems that cannot are let be."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EROFS, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _plain(error: OSError | UnsafeFileError) -> str:
    if isinstance(error, UnsafeFileError):
        return str(error)
    words = {errno.ENOSPC: "no space left", errno.EDQUOT: "quota is used up"}
    return words.get(error.errno or 0, error.strerror or "unknown")
