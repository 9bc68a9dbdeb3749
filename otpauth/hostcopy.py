"""The host's copy of a record, and the lock of an account: what lies in /var/lib/otpauth."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time

from otpauth import copies, home, host, secretfile
from otpauth.errors import (
    BusyError,
    FormatError,
    RecordError,
    UnknownVersionError,
    UnsafeFileError,
    WriteError,
)
from otpauth.secretfile import SealedRecord, SecretFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.account import Account
    from otpauth.host import Host
    from otpauth.keys import RecordKey
    from otpauth.record import Record

LOCK_SECONDS = 5


@contextlib.contextmanager
def locked(place: Host, account: Account) -> Iterator[None]:
    """Hold the account's lock. Without a place for locks the home's own lock must do.

    Raises BusyError.
    """
    descriptor = _open_lock(place.lock_of(account.name))
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while descriptor >= 0:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise BusyError(f"the lock of {account.name!r} is held") from None
                time.sleep(0.005)
        yield
    finally:
        if descriptor >= 0:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # for children that hold a copy of it, too
            os.close(descriptor)


def _open_lock(path: str) -> int:
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    for more in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        with contextlib.suppress(OSError):
            return os.open(path, flags | more, 0o600)
    return -1


def read(
    account: Account, place: Host, keys: RecordKey, *, any_uid: bool = False, dry: bool = False
) -> tuple[Record | None, int]:
    """Read the host's copy and its key generation; one of another uid, a namesake's, is set aside.

    Raises RecordError for one that a newer key generation sealed.
    """
    path = place.copy_of(account.name)
    try:
        data = host.trusted(path, place.owner, most=secretfile.SIZE_MAX, private=True)
    except (FileNotFoundError, NotADirectoryError):
        return None, 1
    (section,) = secretfile.parse(data).records or (None,)
    if section is None:
        raise FormatError("it holds no record")
    if keys.owns(section.host) and section.generation > keys.newest:
        raise RecordError("the host's copy of the record needs a newer record.key than this host's")
    held = copies.opened(keys, section, account.name)
    if held.uid != account.uid and not any_uid:
        if not dry:
            set_aside(path)
        return None, 1
    return held, section.generation


def kinds(account: Account, place: Host) -> frozenset[str]:
    """Return the kinds of tokens that the clear lines of the host's copy list."""
    lines = _unopened(account, place).partition(b"\nsealed\n")[0].split(b"\n")
    words = [line.split(b" ") for line in lines if line.startswith(b"token ")]
    return frozenset(each[2].decode("ascii", "replace") for each in words if len(each) > 2)


def hints_at_bypass(account: Account, place: Host, now: int) -> bool:
    """Say whether the clear lines tell of logins without a code."""
    try:
        records = secretfile.parse(_unopened(account, place)).records
    except (FormatError, UnknownVersionError):
        return False
    return any(now < each.bypass[0] and each.bypass[1] for each in records)


def _unopened(account: Account, place: Host) -> bytes:
    """Return the host's copy as it lies there; nothing, if there is none that is fit.

    Read without a key, before a deputy is started: it says what to look into, and decides nothing.
    """
    try:
        path = place.copy_of(account.name)
        return host.trusted(path, place.owner, most=secretfile.SIZE_MAX, private=True)
    except (OSError, UnsafeFileError):
        return b""


def set_aside(path: str) -> None:
    """Move a host copy out of the way without losing it, if it is there."""
    folder, name = os.path.split(path)
    with contextlib.suppress(OSError):
        os.rename(path, os.path.join(folder, f"=aside-{name}-{time.time_ns()}"))


def write(account: Account, place: Host, section: SealedRecord, *, aside: bool) -> bool:
    """Write the host's copy; say whether it is durable."""
    path = place.copy_of(account.name)
    folder, name = os.path.split(path)
    if aside:
        set_aside(path)
    try:
        data = secretfile.serialize(SecretFile((section,)))
        home.write(path, data, temporary=os.path.join(folder, f".{name}.new"))
    except (OSError, FormatError, WriteError):
        return False
    return True
