"""setup --sheets: many users enrolled in one go, each with a page to print.

Nobody is ever enrolled without a sheet, whenever this is killed. A sheet is first a hidden file
whose name has the id of its token, whole and on disk before the record is written; then it gets
its name. The next run gives it that if its token is in the record, and removes it if not.
"""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import pwd
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple

from otpauth import account, changes, host, store, token
from otpauth.changes import Change
from otpauth.cli import flags, progress, report, setup, verbs, wizard
from otpauth.cli.at_once import AtOnce
from otpauth.errors import ConfigError, HostKeyError, OtpauthError, RefusedError, UsageError
from otpauth.formats import sheet
from otpauth.formats.sheet import Owner

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from otpauth.changes import Ground
    from otpauth.record import Record

PROGRAM = "otpauth-admin"
ENROLLED, SKIPPED, FAILED = "enrolled", "skipped", "failed"
AGAIN = "run it again to go on"


class Sheet(NamedTuple):
    """A page that is written: its user's file name and the id of its token."""

    file: str
    ident: str

    @property
    def hidden(self) -> str:
        """Its name until its user is enrolled."""
        return f".{self.file}.{self.ident}.new"

    @property
    def name(self) -> str:
        """Its name afterwards."""
        return f"{self.file}.html"


class Result(NamedTuple):
    """How it went with one user."""

    what: str
    told: str
    hint: str = ""


class Folder:
    """The folder of the sheets: root's alone, and in use by one run at a time."""

    def __init__(self, path: str) -> None:
        """Open it; make it if there is none. Raises RefusedError, OSError."""
        self.path = path
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        found = os.fstat(self._folder)
        if found.st_uid != 0 or stat.S_IMODE(found.st_mode) & 0o077:
            mend = "name a folder that is not there yet: it is made so"
            raise RefusedError(f"{path!r} must be root's alone", hint=mend)
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(f"{path!r} is in use by another run", hint=AGAIN) from None
        self._left = self._unfinished()

    def _unfinished(self) -> dict[str, list[Sheet]]:
        found: dict[str, list[Sheet]] = {}
        for name in os.listdir(self._folder):
            file, dot, ident = name.removeprefix(".").removesuffix(".new").rpartition(".")
            one = Sheet(file, ident)
            if dot and name == one.hidden and len(ident) == 2 * token.ID_SIZE:
                found.setdefault(file, []).append(one)
        return found

    def settle(self, file: str, tokens: dict[str, object]) -> bool:
        """Finish what a killed run left of a user's; say whether a sheet became his."""
        settled = False
        for each in self._left.pop(file, []):
            if each.ident in tokens:
                self.publish(each)
                settled = True
            else:
                self.drop(each)
        return settled

    def write(self, one: Sheet, page: bytes) -> None:
        """Write a page under its hidden name, on disk when this returns."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(one.hidden, flags, 0o600, dir_fd=self._folder)
        with open(descriptor, "wb") as file:
            file.write(page)
            file.flush()
            os.fsync(file.fileno())
        os.fsync(self._folder)

    def publish(self, one: Sheet) -> None:
        """Give a sheet its name. Raises FileExistsError: another is never replaced."""
        try:
            os.link(one.hidden, one.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except FileExistsError:
            if self._inode(one.hidden) != self._inode(one.name):
                raise
        self.drop(one)

    def _inode(self, name: str) -> int:
        return os.stat(name, dir_fd=self._folder, follow_symlinks=False).st_ino

    def drop(self, one: Sheet) -> None:
        """Remove what has the hidden name of a sheet."""
        os.unlink(one.hidden, dir_fd=self._folder)
        os.fsync(self._folder)

    def has(self, one: Sheet) -> bool:
        """Say whether there is something of a sheet's name."""
        with contextlib.suppress(FileNotFoundError):
            return bool(self._inode(one.name))
        return False

    def place(self, file: str) -> str:
        """Return the path of a user's sheet."""
        return os.path.join(self.path, Sheet(file, "").name)


def many(options: argparse.Namespace) -> int:
    """Enrol users; each is a transaction of its own, and the next run goes on."""
    _check(options)
    names = list(dict.fromkeys(_names(options.users)))
    folder = Folder(options.sheets)
    counts = dict.fromkeys((ENROLLED, SKIPPED, FAILED), 0)
    shown = not options.plain
    try:
        for name in progress.bar(names, shown=shown):
            result = _enrol(name, folder, options)
            counts[result.what] += 1
            if shown:
                progress.clear()
            _tell(result)
    except KeyboardInterrupt:
        report.say(PROGRAM, "warning", f"stopped; {AGAIN}")
        counts[FAILED] += len(names) - sum(counts.values())
    print(", ".join(f"{number} {what}" for what, number in counts.items()), flush=True)
    if counts[ENROLLED]:
        text = f"who sees a sheet can log in: print them, hand them out, rm -r {options.sheets}"
        report.say(PROGRAM, "warning", text)
    return report.FAILED if counts[FAILED] else report.DONE


def _tell(result: Result) -> None:
    if result.what != FAILED:
        print(result.told, flush=True)
        return
    report.say(PROGRAM, "error", result.told)
    if result.hint:
        report.say(PROGRAM, "hint", result.hint)


def _check(options: argparse.Namespace) -> None:
    flags.check(options)
    wrong = ("json", "quiet", "qr_mode", "qr_file", "uri", "secret", "label")
    if any(getattr(options, each) for each in wrong):
        raise UsageError("--sheets makes keys of its own and shows them nowhere else")


def _names(words: list[str]) -> Iterator[str]:
    """Give the users that the words name: a user, %GROUP, or - for those on stdin."""
    for word in words:
        if word == "-":
            yield from filter(None, (line.strip() for line in sys.stdin))
        elif word.startswith("%"):
            yield from _members(word[1:])
        else:
            yield word


def _members(name: str) -> list[str]:
    """Return who is in a group, those included whose first group it is."""
    try:
        group = grp.getgrnam(name)
    except KeyError:
        raise RefusedError(f"no group {name!r}", hint="getent group lists the groups") from None
    first = [entry.pw_name for entry in pwd.getpwall() if entry.pw_gid == group.gr_gid]
    return sorted({*group.gr_mem, *first})


def _enrol(name: str, folder: Folder, options: argparse.Namespace) -> Result:
    """Enrol one user and say how it went. What concerns all of them is raised."""
    try:
        return _with_sheet(AtOnce(account.lookup(name)), folder, options)
    except (UsageError, ConfigError, HostKeyError):
        raise
    except OtpauthError as error:
        told = str(error) if repr(name) in str(error) else f"{name!r}: {error}"
        return Result(FAILED, told, error.hint)
    except OSError as error:
        return Result(FAILED, f"{name!r}: {error.filename or folder.path}: {error.strerror}", AGAIN)


def _with_sheet(one: AtOnce, folder: Folder, options: argparse.Namespace) -> Result:
    name = one.account.name
    file = host.file_name(name)
    path = folder.place(file)
    if folder.settle(file, dict(one.record.tokens) if one.record else {}):
        return Result(ENROLLED, f"{name}: {path}, enrolled by the run before")
    if one.enrolled:
        return Result(SKIPPED, f"{name}: skipped, is enrolled already")
    if one.waiting:
        return Result(SKIPPED, f"{name}: skipped, an enrolment waits for its first login")
    kind = setup.kind_of(one, options)
    if kind == "motp":
        raise RefusedError("a mOTP token needs its user's PIN", hint="-t or -c")
    draft = verbs.blank(one, kind, setup.FIRST_NAME, options)
    codes = verbs.new_codes(one, options.codes)
    scratch = (wizard.scratch_draft(codes),) if codes else ()
    change = Change(add=(draft, *scratch), wishes=flags.wished(options, draft.kind))
    made = Sheet(file, store.fingerprints(one.host).token(draft.material()))
    if folder.has(made):
        hint = "is it of an enrolment that was reset? then remove it"
        raise RefusedError(f"{path!r} exists already", hint=hint)
    owner = Owner(*verbs.words(one, options))
    folder.write(made, sheet.enrolment(owner, draft, [wizard.spelt(code) for code in codes]))
    try:
        one.transact(lambda held, ground: _adopted(held, ground, change))
    except RefusedError:
        folder.drop(made)
        raise
    folder.publish(made)
    return Result(ENROLLED, f"{name}: {path}")


def _adopted(held: Record, ground: Ground, change: Change) -> Record:
    """Return the record with the enrolment, unless its user was faster."""
    if held.enrolled:
        raise RefusedError("was enrolled meanwhile")
    return changes.apply(held, change, ground)
