"""Files of other software where they lie: each user's own, read and removed with his rights.

What must hold, each with its test in tests/test_originals.py:

 1. Root follows no path that somebody else may turn elsewhere: such a path is walked by a deputy
    with the user's rights (test_foreign_folder).
 2. No link, FIFO or device is read, and none delays for longer than SECONDS (test_unfit).
 3. A file is removed only if it is what was read (test_changed_is_kept).
"""

from __future__ import annotations

import os
import stat

from otpauth import home, host, secretfile
from otpauth.account import Deputy
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from otpauth.account import Account

GOOGLE = "~/.google_authenticator"
USUAL = {"otpw": "~/.otpw", "totp-key": "~/.totp-key"}  # where other formats lie, by their names
SECONDS = 2  # for a home to answer
REMOVE = b"remove"


class Original(NamedTuple):
    """What was found: data, or neither data nor fault where no such file is."""

    path: str
    data: bytes | None = None
    fault: str = ""

    def __repr__(self) -> str:
        return f"Original({self.path!r})"


def usual(named: str | None) -> str:
    """Return where a user's file of a format lies, if nobody says where."""
    return USUAL.get(named or "", GOOGLE)


def is_pattern(text: str) -> bool:
    """Say whether a path is one for each user, not that of one file."""
    return text.startswith("~/") or any(word in text for word in ("{user}", "${USER}", "${HOME}"))


def path_of(pattern: str, account: Account) -> str:
    """Return a user's path; {user} is ${USER}, too. Raises UnknownUserError as home.path_of."""
    return os.path.abspath(home.path_of(account, pattern.replace("{user}", "${USER}")))


class Keeper:
    """One user's file, open to be read and then perhaps removed; a context manager."""

    def __init__(self, account: Account, path: str) -> None:
        self.path = path
        trusted = _only_root_leads_to(path)
        serve = _Server(account, path, trusted=trusted)
        self._deputy = None if trusted else Deputy(account, serve)
        self._ask: Callable[[bytes], bytes | None] = serve if self._deputy is None else self._send

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._deputy is not None:
            self._deputy.__exit__()

    def read(self) -> Original:
        """Return the file's content, or what is wrong with it."""
        reply = self._ask(home.LOOK)
        if reply is None:
            return Original(self.path, fault="the home did not answer")
        if reply.startswith(home.FOUND):
            return Original(self.path, reply.removeprefix(home.FOUND))
        fault = "" if reply == home.ABSENT else reply.removeprefix(home.UNFIT).decode()
        return Original(self.path, fault=fault)

    def remove(self) -> str:
        """Remove the file if it is what was read; return why not, or nothing."""
        reply = self._ask(REMOVE)
        return "the home did not answer" if reply is None else reply.decode()

    def _send(self, request: bytes) -> bytes | None:
        assert self._deputy is not None  # noqa: S101 -- it is what was chosen
        self._deputy.ask(request)
        return self._deputy.reply(SECONDS)


class _Server:
    """Looks at a file and removes it, with the rights of the process.

    `trusted` says that only root leads to it: then it may be anybody's.
    """

    def __init__(self, account: Account, path: str, *, trusted: bool) -> None:
        self._account, self._path, self._trusted = account, path, trusted
        self._seen = b""

    def __call__(self, request: bytes) -> bytes:
        reply = self._look()
        if request == home.LOOK:
            self._seen = reply
            return reply
        if not reply.startswith(home.FOUND) or reply != self._seen:
            return b"it was changed meanwhile"
        try:
            os.unlink(self._path)
            home.sync_folder(os.path.dirname(self._path))
        except OSError as error:
            return (error.strerror or "unknown").encode()
        return b""

    def _look(self) -> bytes:
        if self._trusted and not self._path.startswith(f"{self._account.home}/"):
            return home.told(self._path, self._read)
        return home.look(self._account, self._path)

    def _read(self) -> bytes:
        owner = os.lstat(self._path).st_uid
        return host.trusted(self._path, owner, most=secretfile.SIZE_MAX)


def _only_root_leads_to(path: str) -> bool:
    """Say whether root owns every folder above, alone may write it, and none is a link."""
    folder = "/"
    for name in ["", *path.split("/")[1:-1]]:
        folder = os.path.join(folder, name)
        try:
            found = os.lstat(folder)
        except OSError:
            return False
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
            return False
    return True
