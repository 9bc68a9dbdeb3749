"""The transaction: read both copies, adopt, act, write. Nothing else touches those files.

What must hold, each with its test:

 1. Nothing is compared before the process is shielded and the lock is held (tests/attacks A1, A2).
 2. Two transactions of one account never overlap (C3: one code, 500 processes, one login).
 3. Nothing is locked while a person types (C2).
 4. A result counts only when it is durable: in the host copy, or, if that cannot be written, in
    the home copy under its lock; else the caller must refuse (D2, D3).
 5. What is acted on is the join of both copies, of the newest key generation ever written (B2, D8).
 6. A copy that does not open is not overwritten unless the other one opened (B4, B10).
 7. Nothing of the user's is touched as root; a hanging home delays, and no more (B7).
 8. A file that changed since it was read is left to the next login (B8).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from otpauth import changes, copies, guard, home, host, record, secretfile
from otpauth.account import Account, as_user
from otpauth.errors import (
    BusyError,
    FormatError,
    OtpauthError,
    RecordError,
    SealError,
    UnknownVersionError,
    UnsafeFileError,
)
from otpauth.secretfile import Damaged, Proposal, SealedRecord, SecretFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otpauth.home import Home
    from otpauth.host import Host
    from otpauth.keys import RecordKey
    from otpauth.policy import Policy, Rule
    from otpauth.record import Record

LOCK_SECONDS = 5
HOME_SECONDS = 2  # for reading or writing a home before it counts as not there
HOME_LOCK_SECONDS = 1
RACES_MAX = 8  # times that a degraded transaction is tried again because the home changed


class Terms(NamedTuple):
    """What a transaction goes by. `now` is in Unix seconds."""

    host: Host
    policy: Policy
    rule: Rule
    now: int
    approved: tuple[str, ...] = ()


class Act(NamedTuple):
    """What is to come of a transaction: the record to write, a value for the caller.

    `home` says whether the home's copy is to be written, too.
    """

    record: Record
    value: Any
    home: bool


class Done(NamedTuple):
    """What came of a transaction.

    `recorded` is whether the record is durable; `adopted` are changes.Adoption's results;
    `home_fault` says why the home's copy could not be written or read.
    """

    value: Any
    recorded: bool
    adopted: tuple[tuple[str, str, str, str], ...] = ()
    home_fault: str = ""


class _Known(NamedTuple):
    """The joined record, or None, and whether the host's copy must be set aside before a write."""

    account: Record | None
    aside: bool


def transact(account: Account, terms: Terms, act: Callable[[Record | None], Act]) -> Done:
    """Run one transaction on an account.

    `act` gets the joined record after adoption, None if there is none, and must be pure. Raises
    GuardError, HostKeyError, BusyError, RecordError; then nothing was compared or changed.
    """
    with guard.shielded():
        for _ in range(RACES_MAX):
            done = _once(account, terms, act)
            if done is not None:
                return done
        raise BusyError("the home changed whenever it was to be written")


def _once(account: Account, terms: Terms, act: Callable[[Record | None], Act]) -> Done | None:
    """Try once; None if the home was the only place to write to, and it changed meanwhile."""
    found, path = _look(account, terms)
    keys = terms.host.record_key()
    opened = _opened(account, terms, found.content.proposals)
    with _locked(terms.host, account):
        known = _gather(account, terms.host, keys, found)
        before = known.account or record.Record(account.name, account.uid)
        adoption = _adopt(before, opened, terms)
        there = known.account is not None or adoption.record.enrolled
        did = act(adoption.record if there else None)
        if did.record == before:
            return Done(did.value, recorded=True, adopted=adoption.results)
        section = copies.sealed(keys, did.record)
        recorded = _write_host(account, terms.host, section, aside=known.aside)
        if not recorded:
            fault = _write_home(account, path, keys, did.record, found, insist=True)
            if fault == _CHANGED:
                return None
            return Done(did.value, not fault, adoption.results, fault)
    settled = any(result != changes.PENDING for *_, result in adoption.results)
    fault = ""
    if did.home or settled:
        fault = _write_home(account, path, keys, did.record, found, insist=False)
    return Done(did.value, recorded=True, adopted=adoption.results, home_fault=fault)


def peek(account: Account, terms: Terms) -> tuple[Record | None, Home]:
    """Read the joined record and the home file without lock or change. Raises as transact()."""
    with guard.shielded():
        found, _ = _look(account, terms)
        keys = terms.host.record_key()
        return _gather(account, terms.host, keys, found, dry=True).account, found


def unenrolled(account: Account, terms: Terms) -> bool:
    """Say whether an account certainly has nothing here: no host copy, no file in its home.

    A host copy that `reset` left counts as nothing. Where it cannot be told, the answer is no.
    Raises GuardError, HostKeyError, RecordError.
    """
    with guard.shielded():
        if not os.path.isdir(os.path.dirname(terms.host.copy_of(account.name))):
            return False
        found, _ = _look(account, terms)
        if found.condition != "absent":
            return False
        if not os.path.lexists(terms.host.copy_of(account.name)):
            return True
        held = _gather(account, terms.host, terms.host.record_key(), found, dry=True).account
        return held is not None and not held.enrolled


def _look(account: Account, terms: Terms) -> tuple[Home, str]:
    """Read the home file as the user; return it and its path."""
    path = home.path_of(account, terms.policy.setup.file)
    reply = as_user(account, lambda: home.look(account, path), seconds=HOME_SECONDS)
    return home.understand(reply), path


def move_host_copy(host_: Host, old: str, account: Account) -> None:
    """Give an account's host copy to its new name, or its new uid. Raises RecordError.

    The caller is root, outside of any login.
    """
    keys = host_.record_key()
    stale = Account(old, account.uid, account.gid, account.home)
    try:
        held, _ = _read_copy(stale, host_, keys, any_uid=True)
    except (FormatError, SealError, OSError, UnsafeFileError) as error:
        raise RecordError(f"the record of {old!r} does not open: {error}") from None
    if held is None:
        raise RecordError(f"there is no record of {old!r}")
    moved = held._replace(user=account.name, uid=account.uid, era=held.era + 1)
    with guard.shielded(), _locked(host_, account):
        if not _write_host(account, host_, copies.sealed(keys, moved), aside=False):
            raise RecordError(f"the record of {account.name!r} was not written")
    if old != account.name:
        os.unlink(host_.copy_of(old))


def discard(account: Account, terms: Terms) -> None:
    """Set the host's copy aside, and take this host's records out of the home file.

    For a record that does not open any more; the caller is root.
    """
    keys = terms.host.record_key()
    path = home.path_of(account, terms.policy.setup.file)

    def drop() -> bytes:
        with home.locked(path, seconds=LOCK_SECONDS, insist=True):
            found = home.understand(home.look(account, path))
            kept = tuple(
                each
                for each in found.content.sections
                if not (isinstance(each, SealedRecord) and each.user == account.name)
                and not (isinstance(each, Damaged) and _is_litter(each.data, keys))
            )
            if found.condition == "found":
                data = secretfile.serialize(SecretFile(kept))
                home.replace(path, data, uid=account.uid, before=found.data, alone=True)
        return b""

    with guard.shielded(), _locked(terms.host, account):
        _set_aside(terms.host.copy_of(account.name))
        as_user(account, drop, seconds=HOME_SECONDS + LOCK_SECONDS)


def _opened(
    account: Account, terms: Terms, proposals: tuple[Proposal, ...]
) -> tuple[secretfile.Opened, ...]:
    opened = terms.host.open_proposals(proposals, account.name)
    return tuple(
        each._replace(approved=each.proposal.digest() in terms.approved) for each in opened
    )


def _adopt(
    account: Record, opened: tuple[secretfile.Opened, ...], terms: Terms
) -> changes.Adoption:
    if not opened:
        return changes.Adoption(account, ())
    idents = tuple(os.urandom(8).hex() for _ in opened)
    return changes.adopt(account, opened, ground(terms), idents)


def ground(terms: Terms) -> changes.Ground:
    """Return what a change goes by. Raises HostKeyError."""
    marks = fingerprints(terms.host)
    return changes.Ground(terms.policy.setup, terms.rule, terms.now, marks)


def fingerprints(host_: Host) -> Any:
    """Return the host's keyed hashes. Raises HostKeyError."""
    from otpauth.seal import Fingerprints

    return Fingerprints(host_.record_key().ids)


@contextlib.contextmanager
def _locked(host_: Host, account: Account) -> Iterator[None]:
    """Hold the account's lock. Without a place for locks the home's own lock must do.

    Raises BusyError.
    """
    descriptor = _open_lock(host_.lock_of(account.name))
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


def _gather(
    account: Account, host_: Host, keys: RecordKey, found: Home, *, dry: bool = False
) -> _Known:
    """Join the copies that open. Raises RecordError if one is there and none opens."""
    broken = ""
    held, least = None, 1
    try:
        held, least = _read_copy(account, host_, keys, dry=dry)
    except UnknownVersionError as error:
        raise RecordError(f"the host's copy of the record: {error}") from None
    except (FormatError, SealError, OSError, UnsafeFileError) as error:
        broken = f"the host's copy of the record does not open: {error}"
    ours = [
        each for each in found.content.records if keys.owns(each.host) and each.user == account.name
    ]
    for section in sorted(ours, key=lambda each: -each.generation):
        try:
            mine = copies.opened(keys, section, account.name)
        except (FormatError, SealError) as error:
            broken = broken or f"the home's copy of the record does not open: {error}"
            continue
        if mine.uid != account.uid or section.generation < least:
            continue
        least = section.generation
        held = mine if held is None else record.join(held, mine)
    if held is None and broken:
        raise RecordError(broken)
    return _Known(held, aside=broken.startswith("the host's"))


def _read_copy(
    account: Account, host_: Host, keys: RecordKey, *, any_uid: bool = False, dry: bool = False
) -> tuple[Record | None, int]:
    """Read the host's copy and its key generation; one of another uid, a namesake's, is set aside.

    Raises RecordError for one that a newer key generation sealed.
    """
    path = host_.copy_of(account.name)
    try:
        data = host.trusted(path, host_.owner, most=secretfile.SIZE_MAX, private=True)
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
            _set_aside(path)
        return None, 1
    return held, section.generation


def _set_aside(path: str) -> None:
    folder, name = os.path.split(path)
    with contextlib.suppress(OSError):
        os.rename(path, os.path.join(folder, f"=aside-{name}-{time.time_ns()}"))


def _write_host(account: Account, host_: Host, section: SealedRecord, *, aside: bool) -> bool:
    """Write the host's copy; say whether it is durable."""
    path = host_.copy_of(account.name)
    folder, name = os.path.split(path)
    if aside:
        _set_aside(path)
    try:
        data = secretfile.serialize(SecretFile((section,)))
        home.write(path, data, temporary=os.path.join(folder, f".{name}.new"))
    except (OSError, FormatError):
        return False
    return True


_CHANGED = "changed"


def _write_home(
    account: Account, path: str, keys: RecordKey, held: Record, found: Home, *, insist: bool
) -> str:
    """Write the home's copy as the user; return why not, or nothing.

    If `insist`, it must be locked and unchanged: it is the only copy.
    """
    if found.condition == "unfit":
        return found.fault
    section = copies.sealed(keys, held._replace(outcomes=()))
    content = _rewritten(found.content, section, keys, held)

    def work() -> bytes:
        try:
            seconds = LOCK_SECONDS if insist else HOME_LOCK_SECONDS
            with home.locked(path, seconds=seconds, insist=insist) as alone:
                home.replace(
                    path,
                    secretfile.serialize(content),
                    uid=account.uid,
                    before=found.data,
                    alone=alone,
                )
        except OtpauthError as error:
            return _CHANGED.encode() if "changed by" in str(error) else str(error).encode()
        return b""

    seconds = HOME_SECONDS + (LOCK_SECONDS if insist else HOME_LOCK_SECONDS)
    reply = as_user(account, work, seconds=seconds)
    return "the home did not answer" if reply is None else reply.decode(errors="replace")


def _rewritten(
    content: SecretFile, section: SealedRecord, keys: RecordKey, held: Record
) -> SecretFile:
    """Return a home file with our new record; what is not ours stays byte for byte."""
    kept: list[secretfile.Section] = []
    for each in content.sections:
        if isinstance(each, Proposal) and each.digest() in held.state.done:
            continue
        if isinstance(each, SealedRecord) and keys.owns(each.host) and each.user == held.user:
            continue
        if isinstance(each, Damaged) and _is_litter(each.data, keys):
            continue
        kept.append(each)
    return SecretFile((*kept, section))


def _is_litter(data: bytes, keys: RecordKey) -> bool:
    """Say whether a damaged section is nobody's: not a record that another host may understand."""
    words = data.split(b"\n", 1)[0].split(b" ")
    return words[0] != b"record" or len(words) < 2 or keys.owns(words[1].decode("ascii", "replace"))
