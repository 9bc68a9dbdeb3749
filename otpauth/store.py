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

import os

from otpauth import copies, guard, home, hostcopy, record, seal, secretfile
from otpauth.account import Deputy
from otpauth.errors import (
    BusyError,
    FormatError,
    RecordError,
    SealError,
    UnknownVersionError,
    UnsafeFileError,
)
from otpauth.secretfile import Damaged, Proposal, SealedRecord, SecretFile
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from otpauth import changes
    from otpauth.account import Account
    from otpauth.arrivals import Arrival
    from otpauth.home import Home, Place
    from otpauth.host import Host
    from otpauth.keys import RecordKey
    from otpauth.kinds.sent import Route
    from otpauth.policy import Policy, Rule
    from otpauth.record import Record
    from otpauth.seal import Fingerprints

    Acting = Callable[[Record | None, Fingerprints], "Act"]

HOME_SECONDS = 2  # for reading or writing a home, beside its lock, before it counts as not there
MOVED = "-"  # in the place of a proposal's digest: a move from other software
RACES_MAX = 8  # times that a transaction is tried again whose only copy, the home's, changed


class Terms(NamedTuple):
    """What a transaction goes by. `now` is in Unix seconds.

    `approved` and `rejected` are digests of proposals that root decided about.
    `place` is where the user's file is; None for where otpauth.conf says. `adopt` is the format and
    the path of other software's file, from which users without a record are moved.
    """

    host: Host
    policy: Policy
    rule: Rule
    now: int
    approved: tuple[str, ...] = ()
    place: Place | None = None
    adopt: tuple[str, str] = ("", "")
    rejected: tuple[str, ...] = ()


class Act(NamedTuple):
    """What is to come of a transaction: the record to write, a value for the caller.

    `home` says whether the home's copy is to be written, too.
    """

    record: Record
    value: Any
    home: bool


class Done(NamedTuple):
    """What came of a transaction.

    `recorded` is whether the record is durable, `on_host` whether the host's copy of it is;
    `adopted` are changes.Adoption's results; `home_fault` says why the home's copy could not be
    written or read.
    """

    value: Any
    recorded: bool
    adopted: tuple[tuple[str, str, str, str], ...] = ()
    home_fault: str = ""
    on_host: bool = True


class _Known(NamedTuple):
    """The joined record, or None, and whether the host's copy must be set aside before a write."""

    account: Record | None
    aside: bool


def transact(account: Account, terms: Terms, act: Acting) -> Done:
    """Run one transaction on an account.

    `act` gets the joined record after adoption, None if there is none, and the host's keyed hashes;
    it must be pure. Raises GuardError, HostKeyError, BusyError, RecordError; then nothing was
    compared or changed.
    """
    with guard.shielded():
        for _ in range(RACES_MAX):
            with _deputy(account, terms) as deputy:
                done = _once(account, terms, act, deputy)
            if done is not None:
                return done
        raise BusyError("the home changed whenever it was to be written")


def _once(account: Account, terms: Terms, act: Acting, deputy: Deputy) -> Done | None:
    """Try once; None if the home was the only place to write to, and it changed meanwhile."""
    deputy.ask(home.LOOK)
    seal.prepare()  # while the deputy looks
    keys = terms.host.record_key()
    marks = seal.Fingerprints(keys.ids)
    found = home.understand(deputy.reply(HOME_SECONDS))
    opened = _opened(account, terms, found.content.proposals)
    arrival = _arrival(account, terms, deputy)
    with hostcopy.locked(terms.host, account):
        known = _gather(account, terms.host, keys, found)
        before = known.account or record.Record(account.name, account.uid)
        adopted, results = _adopt(account, before, opened, terms, marks)
        there = known.account is not None or adopted.enrolled
        if arrival and not there:
            if found.condition == "unfit" and not _is_theirs(arrival, terms):
                arrival = arrival._replace(fault=f"the user's own file: {found.fault}")
            elif arrival.user_may_write and routes_of(account, terms):
                arrival = arrival._replace(fault="codes are sent to the user already")
            adopted, moved = _moved(adopted, arrival, terms, marks)
            results = (*results, moved)
            there = adopted.enrolled
        did = act(adopted if there else None, marks)
        if did.record == before:
            return Done(did.value, recorded=True, adopted=results)
        section = copies.sealed(keys, did.record)
        if not hostcopy.write(account, terms.host, section, aside=known.aside):
            fault = _write_home(deputy, keys, did.record, found, insist=True)
            if fault == home.CHANGED:
                return None
            why = fault.decode(errors="replace")
            return Done(did.value, not fault, results, why, on_host=False)
    settled = any(d != MOVED and r != secretfile.PENDING for d, _, _, r in results)
    fault = b""
    if did.home or settled:
        fault = _write_home(deputy, keys, did.record, found, insist=False)
    return Done(
        did.value, recorded=True, adopted=results, home_fault=fault.decode("utf-8", "replace")
    )


def _arrival(account: Account, terms: Terms, deputy: Deputy) -> Arrival | None:
    """Look at what a user without a record may bring from other software."""
    if not terms.adopt[0] or os.path.lexists(terms.host.copy_of(account.name)):
        return None
    return _brought(account, terms, deputy)


def _is_theirs(arrival: Arrival, terms: Terms) -> bool:
    """Say whether the place of our file has that of the other software still, and no record."""
    return terms.place is not None and terms.place.path == arrival.path


def _brought(account: Account, terms: Terms, deputy: Deputy) -> Arrival | None:
    if not terms.adopt[0]:
        return None
    from otpauth import arrivals

    return arrivals.look(terms.adopt, account, deputy, terms.host)


def _moved(
    account: Record, arrival: Arrival, terms: Terms, marks: Fingerprints
) -> tuple[Record, tuple[str, str, str, str]]:
    from otpauth import arrivals

    moved, fault = arrivals.move(account, arrival, ground(terms, marks))
    return moved, (MOVED, "adopt", arrival.path, fault or secretfile.ADOPTED)


def peek(account: Account, terms: Terms) -> tuple[Record | None, Home]:
    """Read the joined record and the home file without lock or change. Raises as transact()."""
    with guard.shielded():
        found = _look(account, terms)
        keys = terms.host.record_key()
        return _gather(account, terms.host, keys, found, dry=True).account, found


def joined(account: Account, terms: Terms, found: Home) -> Record | None:
    """Join the host's copy with what was found in a home, as peek(). Raises as transact()."""
    with guard.shielded():
        return _gather(account, terms.host, terms.host.record_key(), found, dry=True).account


def unenrolled(account: Account, terms: Terms) -> bool:
    """Say whether an account certainly has nothing here: no host copy, no file in its home.

    A host copy that `reset` left counts as nothing. Where it cannot be told, the answer is no, and
    so it is of one to whom codes are sent. Raises GuardError, HostKeyError, RecordError.
    """
    if routes_of(account, terms):
        return False
    with guard.shielded():
        if not os.path.isdir(os.path.dirname(terms.host.copy_of(account.name))):
            return False
        with _deputy(account, terms) as deputy:
            found = _seen(deputy)
            if found.condition != "absent":
                return False
            brought = _brought(account, terms, deputy)
        if not os.path.lexists(terms.host.copy_of(account.name)):
            return not brought
        held = _gather(account, terms.host, terms.host.record_key(), found, dry=True).account
        was_reset = held is not None and held.era > 0
        return held is not None and not held.enrolled and (was_reset or not brought)


def _deputy(account: Account, terms: Terms) -> Deputy:
    """Start the child that reads and writes the home; it never holds a key."""
    place = terms.place or home.Place(home.path_of(account, terms.policy.setup.file), account)
    return Deputy(place.owner, home.Server(place))


def _look(account: Account, terms: Terms) -> Home:
    with _deputy(account, terms) as deputy:
        return _seen(deputy)


def _seen(deputy: Deputy) -> Home:
    deputy.ask(home.LOOK)
    return home.understand(deputy.reply(HOME_SECONDS))


def _opened(
    account: Account, terms: Terms, proposals: tuple[Proposal, ...]
) -> tuple[secretfile.Opened, ...]:
    wanted = tuple(each for each in proposals if each.digest() not in terms.rejected)
    opened = terms.host.open_proposals(wanted, account.name)
    return tuple(
        each._replace(approved=each.proposal.digest() in terms.approved) for each in opened
    )


def _adopt(
    who: Account,
    account: Record,
    opened: tuple[secretfile.Opened, ...],
    terms: Terms,
    marks: Fingerprints,
) -> tuple[Record, tuple[tuple[str, str, str, str], ...]]:
    if not opened:
        return account, ()
    from otpauth import changes

    idents = tuple(os.urandom(8).hex() for _ in opened)
    on = ground(terms, marks)._replace(sent_to=bool(routes_of(who, terms)))
    adoption = changes.adopt(account, opened, on, idents)
    return adoption.record, adoption.results


def routes_of(account: Account, terms: Terms) -> tuple[Route, ...]:
    """Return the ways by which codes are sent to an account, enrolled or not."""
    if not terms.policy.channels:
        return ()
    from otpauth import routes

    return routes.of(account, terms.policy, terms.host)


def sent_to(account: Account, policy: Policy, place: Host) -> tuple[str, ...]:
    """Return the kinds of the codes that are sent to an account, enrolled or not.

    Where it cannot be found out, or not by whoever asks, whether any are, they are not among them.
    """
    if not policy.channels:
        return ()
    from otpauth import routes
    from otpauth.policy import anywhere

    kinds, found = anywhere(policy).kinds, routes.of(account, policy, place)
    return tuple(each.kind for each in found if each.to and each.kind in kinds)


def ground(terms: Terms, marks: Fingerprints) -> changes.Ground:
    """Return what a change goes by."""
    from otpauth import changes

    return changes.Ground(
        terms.policy.setup, terms.rule, terms.now, marks, channels=terms.policy.channels
    )


def fingerprints(place: Host) -> Fingerprints:
    """Return the host's keyed hashes. Raises HostKeyError."""
    return seal.Fingerprints(place.record_key().ids)


def _gather(
    account: Account, place: Host, keys: RecordKey, found: Home, *, dry: bool = False
) -> _Known:
    """Join the copies that open. Raises RecordError if one is there and none opens."""
    broken = ""
    held, least = None, 1
    try:
        held, least = hostcopy.read(account, place, keys, dry=dry)
    except UnknownVersionError as error:
        raise RecordError(f"the host's copy of the record: {error}") from None
    except OSError as error:  # it may be whole, and newer than the home's
        raise RecordError(f"the host's copy of the record: {error.strerror}") from None
    except (FormatError, SealError, UnsafeFileError) as error:
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


def _write_home(
    deputy: Deputy, keys: RecordKey, held: Record, found: Home, *, insist: bool
) -> bytes:
    """Have the home's copy written as the user; return why not, or nothing.

    If `insist`, it must be locked and unchanged: it is the only copy.
    """
    if found.condition == "unfit":
        return found.fault.encode()
    section = copies.sealed(keys, held._replace(outcomes=()))
    try:
        data = secretfile.serialize(_rewritten(found.content, section, keys, held))
    except FormatError as error:
        return str(error).encode()
    deputy.ask((home.INSIST if insist else home.WRITE) + data)
    wait = home.INSIST_LOCK_SECONDS if insist else home.WRITE_LOCK_SECONDS
    reply = deputy.reply(HOME_SECONDS + wait)
    return b"the home did not answer" if reply is None else reply


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
        if isinstance(each, Damaged) and is_litter(each.data, keys):
            continue
        kept.append(each)
    return SecretFile((*kept, section))


def is_litter(data: bytes, keys: RecordKey) -> bool:
    """Say whether a damaged section is nobody's: not a record that another host may understand."""
    words = data.split(b"\n", 1)[0].split(b" ")
    return words[0] != b"record" or len(words) < 2 or keys.owns(words[1].decode("ascii", "replace"))
