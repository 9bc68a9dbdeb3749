"""The transaction: what it hands to its caller, what it writes where, and what it leaves alone.

Faults beneath it are in tests/faults, racing transactions in tests/attacks.
"""

from __future__ import annotations

import fcntl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from otpauth import account, changes, copies, handover, hostcopy, secretfile, store
from otpauth.errors import BusyError, RecordError
from otpauth.host import Host
from otpauth.policy import Policy
from otpauth.secretfile import SealedRecord, SecretFile
from tests import samples
from tests.faults.logins import Saved
from tests.parts import accounts, enrolment

if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.account import Account
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage
FOREIGN = SealedRecord("11AA-22BB", 3, "somebody", 0, True, (), (), b"sealed by another host")


def who(person: Person) -> Account:
    """Return a person as the product sees him."""
    return account.lookup(person.name)


def terms() -> store.Terms:
    """Return what the stage's host goes by."""
    policy = Policy()
    return store.Terms(Host(), policy, policy.login, int(time.time()))


def enrolled(person: Person) -> Record:
    """Give a person a token in both copies, and return the record."""

    def act(held: Record | None, marks: Fingerprints) -> store.Act:
        blank = held or store.record.Record(person.name, person.uid)
        drafts = (samples.hotp_draft(), samples.scratch_draft())
        return store.Act(
            changes.apply(blank, changes.Change(add=drafts), store.ground(terms(), marks)),
            None,
            home=True,
        )

    assert store.transact(who(person), terms(), act).recorded
    return seen(person)


def counted(person: Person, number: int, *, home: bool = True) -> store.Done:
    """Record that the fob's counter is at a number."""

    def act(held: Record | None, _: Fingerprints) -> store.Act:
        assert held is not None
        (ident,) = [each.id for each in held.tokens.values() if each.kind == "hotp"]
        state = held.state._replace(counters={**held.state.counters, ident: number})
        return store.Act(held._replace(state=state), "did", home=home)

    return store.transact(who(person), terms(), act)


def counter(held: Record) -> int:
    """Return the fob's counter."""
    return max(held.state.counters.values())


def seen(person: Person) -> Record:
    """Return the joined record."""
    held, _ = store.peek(who(person), terms())
    assert held is not None
    return held


def host_copy(person: Person) -> Path:
    """Return the path of the host's copy."""
    return Path(Host().copy_of(person.name))


def home_copy(person: Person) -> Path:
    """Return the path of the home's file."""
    return person.home / ".otpauth"


def test_who_has_nothing_is_none_and_nothing_is_written(person: Person) -> None:
    """Without a record `act` gets None, and an unchanged record makes no file anywhere."""

    def act(held: Record | None, _: Fingerprints) -> store.Act:
        assert held is None
        return store.Act(store.record.Record(person.name, person.uid), "no", home=True)

    done = store.transact(who(person), terms(), act)
    assert (done.value, done.recorded) == ("no", True)
    assert not host_copy(person).exists()
    assert not home_copy(person).exists()


def test_both_copies_hold_the_record_each_its_owners(person: Person) -> None:
    """The host's copy is root's alone, the home's the person's, and they are one record."""
    held = enrolled(person)
    for path, uid in ((host_copy(person), 0), (home_copy(person), person.uid)):
        assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (uid, 0o600)
        (section,) = secretfile.parse(path.read_bytes()).records
        assert copies.opened(Host().record_key(), section, person.name) == held


def test_what_is_for_the_host_alone_leaves_the_home_alone(person: Person) -> None:
    """With `home` false, as after a failure, not a byte of the home changes."""
    enrolled(person)
    before = home_copy(person).stat()
    assert counted(person, 5, home=False).recorded
    assert home_copy(person).stat() == before
    assert counter(seen(person)) == 5


def test_either_copy_alone_is_enough(person: Person) -> None:
    """With one copy gone the other is the record, and the next transaction makes both."""
    enrolled(person)
    for path in (host_copy(person), home_copy(person)):
        number = counter(seen(person)) + 1
        path.unlink()
        assert counted(person, number).recorded
        assert path.exists()
        assert counter(seen(person)) == number


def test_an_old_copy_undoes_nothing(person: Person) -> None:
    """An older copy in either place, or in both but one, is joined and not believed."""
    enrolled(person)
    old = Saved.of(person).files
    assert counted(person, 7).recorded
    for path in (home_copy(person), host_copy(person)):
        newer = path.read_bytes()
        path.write_bytes(old[path])
        assert counter(seen(person)) == 7
        path.write_bytes(newer)


def test_a_damaged_copy_is_replaced_where_the_other_opens(person: Person) -> None:
    """A copy with a changed byte counts for nothing; the other decides and mends it."""
    enrolled(person)
    for path in (host_copy(person), home_copy(person)):
        number = counter(seen(person)) + 1
        damage(path)
        assert counted(person, number).recorded
        assert counter(seen(person)) == number
        content = secretfile.parse(path.read_bytes())
        assert copies.opened(Host().record_key(), content.records[0], person.name)
    aside = list(host_copy(person).parent.glob(f"=aside-{person.name}-*"))
    assert len(aside) == 1


def damage(path: Path) -> None:
    """Change a byte of the sealed part."""
    data = bytearray(path.read_bytes())
    place = data.index(b"sealed\n") + 100
    data[place] = ord("A") if data[place] != ord("A") else ord("B")
    path.write_bytes(data)


def test_copies_that_do_not_open_are_never_overwritten(person: Person) -> None:
    """Where no copy opens there is an error, `act` is not called, and all bytes stay."""
    enrolled(person)
    damage(host_copy(person))
    damage(home_copy(person))
    before = Saved.of(person)
    with pytest.raises(RecordError):
        counted(person, 9)
    assert Saved.of(person) == before


@pytest.mark.parametrize("data", [b"otpauth 2\nunknown\n", b"otpauth 99\n"])
def test_a_newer_hosts_copy_is_left_alone(person: Person, data: bytes) -> None:
    """A host copy of a newer format version is refused, though the home's copy opens."""
    enrolled(person)
    host_copy(person).write_bytes(data)
    with pytest.raises(RecordError, match="newer"):
        counted(person, 9)
    assert host_copy(person).read_bytes() == data


def test_a_hosts_copy_that_others_may_read_is_not_trusted(person: Person) -> None:
    """A host copy with another mode than it is written with is not believed nor kept in place."""
    enrolled(person)
    host_copy(person).chmod(0o644)
    assert counted(person, 3).recorded
    assert host_copy(person).stat().st_mode & 0o777 == 0o600


def test_a_namesakes_record_is_set_aside(person: Person) -> None:
    """A record of another uid is not the account's, and is kept where it can be found."""
    enrolled(person)
    home_copy(person).unlink()
    other = who(person)._replace(uid=person.uid + 1)

    def act(held: Record | None, _: Fingerprints) -> store.Act:
        assert held is None
        return store.Act(store.record.Record(person.name, other.uid), None, home=False)

    store.transact(other, terms(), act)
    assert not host_copy(person).exists()
    assert list(host_copy(person).parent.glob(f"=aside-{person.name}-*"))


def test_a_held_lock_is_busy_after_its_time(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody holds the account's lock nothing is done; the lock file itself stays."""
    enrolled(person)
    monkeypatch.setattr(hostcopy, "LOCK_SECONDS", 0.3)
    lock = Path(Host().lock_of(person.name))
    inode = lock.stat().st_ino
    with lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        begin = time.monotonic()
        with pytest.raises(BusyError):
            counted(person, 9)
        assert 0.25 < time.monotonic() - begin < 2
    assert counted(person, 9).recorded
    assert lock.stat().st_ino == inode


def test_nothing_is_locked_outside_of_a_transaction(person: Person) -> None:
    """Before, after and inside `act` of another account, an account's lock is free."""
    enrolled(person)
    with accounts.make() as other:
        lock = Path(Host().lock_of(person.name))

        def act(held: Record | None, _: Fingerprints) -> store.Act:
            with lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            assert held is None
            return store.Act(store.record.Record(other.name, other.uid), None, home=False)

        store.transact(who(other), terms(), act)

        def own(held: Record | None, _: Fingerprints) -> store.Act:
            assert held is not None
            with lock.open("rb") as file, pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return store.Act(held, None, home=False)

        store.transact(who(person), terms(), own)


def test_a_home_changed_during_a_transaction_is_left_alone(person: Person) -> None:
    """What the owner writes between read and write stays; the record is in the host's copy."""
    enrolled(person)
    theirs = b"otpauth 1\nwhat the owner wrote meanwhile\n"

    def act(held: Record | None, _: Fingerprints) -> store.Act:
        assert held is not None
        home_copy(person).write_bytes(theirs)
        return store.Act(held._replace(era=held.era + 1), None, home=True)

    done = store.transact(who(person), terms(), act)
    assert done.recorded
    assert done.home_fault
    assert home_copy(person).read_bytes() == theirs
    assert seen(person).era == 1


def test_the_only_place_is_written_even_if_it_changed(person: Person) -> None:
    """Where only the home can be written and it changed meanwhile, the whole is done again."""
    enrolled(person)
    users = host_copy(person).parent
    aside = users.with_name("users-aside")
    tries = []

    def act(held: Record | None, _: Fingerprints) -> store.Act:
        assert held is not None
        tries.append(counter(held))
        if len(tries) < 3:
            sections = (*secretfile.parse(home_copy(person).read_bytes()).sections, FOREIGN)
            home_copy(person).write_bytes(secretfile.serialize(SecretFile(sections)))
        return store.Act(held._replace(era=held.era + 1), len(tries), home=True)

    users.rename(aside)
    try:
        done = store.transact(who(person), terms(), act)
        assert (done.value, done.recorded) == (3, True)
        assert seen(person).era == 1
    finally:
        aside.rename(users)


def test_other_hosts_records_and_what_waits_are_carried(person: Person) -> None:
    """Records of other hosts stay byte for byte, and so do proposals that wait."""
    enrolled(person)
    enrolment.propose(
        person, enrolment.uri("hotp", enrolment.new_secret()), "add", "hotp", "second"
    )
    content = secretfile.parse(home_copy(person).read_bytes())
    theirs = secretfile.serialize_section(FOREIGN)
    damaged = b"record 33CC-44DD 1\nof a newer version\nend\n"
    waits = secretfile.serialize_section(content.proposals[0])
    home_copy(person).write_bytes(home_copy(person).read_bytes() + theirs + damaged)
    assert counted(person, 4).recorded
    after = home_copy(person).read_bytes()
    assert after.count(theirs) == after.count(damaged) == after.count(waits) == 1


def test_a_held_home_lock_delays_and_no_more(person: Person) -> None:
    """The owner who holds his own lock for ever costs his login a second, not its result."""
    enrolled(person)
    lock = person.home / ".otpauth.lock"
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        begin = time.monotonic()
        assert counted(person, 4).recorded
        assert time.monotonic() - begin < 3
    assert counter(seen(person)) == 4


def test_unenrolled_is_said_only_where_it_is_certain(person: Person) -> None:
    """A file of any kind, a host copy, a missing home or folder: each makes it uncertain."""
    assert store.unenrolled(who(person), terms())
    home_copy(person).mkdir()
    assert not store.unenrolled(who(person), terms())
    home_copy(person).rmdir()
    with accounts.missing_home(person):
        assert not store.unenrolled(who(person), terms())
    users = host_copy(person).parent
    users.rename(users.with_name("users-aside"))
    try:
        assert not store.unenrolled(who(person), terms())
    finally:
        users.with_name("users-aside").rename(users)
    enrolled(person)
    home_copy(person).unlink()
    assert not store.unenrolled(who(person), terms())
    host_copy(person).write_bytes(b"")
    with pytest.raises(RecordError):
        store.unenrolled(who(person), terms())


def test_a_record_moves_to_a_new_name(person: Person) -> None:
    """A moved record is the new name's, with its state, above any old copy; the old is gone."""
    enrolled(person)
    assert counted(person, 6).recorded
    with accounts.make() as other:
        handover.rename(Host(), person.name, who(other))
        assert not host_copy(person).exists()
        assert counter(seen(other)) == 6
        assert seen(other).era == 1
        with pytest.raises(RecordError):
            handover.rename(Host(), person.name, who(other))


def test_what_does_not_open_can_be_discarded(person: Person) -> None:
    """Discarding takes this host's broken records away and leaves other hosts' ones."""
    enrolled(person)
    theirs = secretfile.serialize_section(FOREIGN)
    damage(host_copy(person))
    damage(home_copy(person))
    home_copy(person).write_bytes(home_copy(person).read_bytes() + theirs)
    handover.discard(Host(), Host().policy(), who(person))
    assert home_copy(person).read_bytes() == secretfile.FIRST_LINE + theirs
    (left,) = secretfile.parse(host_copy(person).read_bytes()).records
    assert (left.era, left.enrolled, left.tokens) == (1, False, ())
    assert enrolled(person).enrolled


def test_a_disk_that_fails_decides_nothing(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the host's copy cannot be read, an older one in the home does not take its place (D2)."""
    enrolled(person)
    before = host_copy(person).read_bytes()

    def fail(path: str, *_: object, **__: object) -> bytes:
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(hostcopy.host, "trusted", fail_for_copies(fail))
    with pytest.raises(RecordError, match="Input/output error"):
        counted(person, 9)
    monkeypatch.undo()
    assert host_copy(person).read_bytes() == before
    assert counted(person, 9).recorded


def fail_for_copies(fail: Callable[..., bytes]) -> Callable[..., bytes]:
    """Return host.trusted, which fails for what is in the folder of host copies."""
    real = hostcopy.host.trusted

    def trusted(path: str, *args: Any, **options: Any) -> bytes:
        return (fail if "/users/" in path else real)(path, *args, **options)

    return trusted
