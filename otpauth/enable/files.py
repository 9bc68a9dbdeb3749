"""Files of the host's configuration: read, and put in place whole, with owner and mode kept.

A file is replaced by a new one beside it and a rename, both made durable: whoever reads it, at
whatever moment and after whatever crash, finds the old bytes or the new ones.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import NamedTuple

from otpauth import home
from otpauth.errors import UnsafeFileError

SIZE_MAX = 1024 * 1024  # bytes


class Look(NamedTuple):
    """What a file has besides its bytes; extended attributes hold ACLs and SELinux's context."""

    mode: int
    uid: int
    gid: int
    attributes: tuple[tuple[str, bytes], ...] = ()


def read(path: str) -> bytes | None:
    """Return a regular file's bytes, None if it is not there. Raises OSError, UnsafeFileError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafeFileError(f"{path!r} is a symbolic link") from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UnsafeFileError(f"{path!r} is not a regular file")
    with open(descriptor, "rb") as file:
        data = file.read(SIZE_MAX + 1)
    if len(data) > SIZE_MAX:
        raise UnsafeFileError(f"{path!r} is larger than {SIZE_MAX} bytes")
    return data


def look(path: str, *, mode: int) -> Look:
    """Return how a file is to look: as it does, or, if it is not there, ours and of that mode."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return Look(mode, os.geteuid(), os.getegid())
    return Look(stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, _attributes(path))


def put(path: str, data: bytes | None, shape: Look) -> None:
    """Replace a file durably, or remove it if `data` is None. Raises OSError."""
    sweep(path)
    if data is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    else:
        _write(_beside(path), data, shape)
        os.rename(_beside(path), path)
    home.sync_folder(os.path.dirname(path))


def sweep(path: str) -> None:
    """Remove what a killed `put` left beside a file."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_beside(path))


def _beside(path: str) -> str:
    """Return a name that neither PAM nor an Include of sshd_config.d/*.conf takes for its own."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.otpauth-new")


def _write(path: str, data: bytes, shape: Look) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fchown(file.fileno(), shape.uid, shape.gid)
        for name, value in shape.attributes:
            os.setxattr(file.fileno(), name, value)
        os.fchmod(file.fileno(), shape.mode)
        os.fsync(file.fileno())


def _attributes(path: str) -> tuple[tuple[str, bytes], ...]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:  # a file system without any
        return ()
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names))
