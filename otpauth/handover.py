"""Records that change hands or are given up: what an administrator does outside of any login."""

from __future__ import annotations

import os

from otpauth import copies, guard, home, hostcopy, record, secretfile
from otpauth.account import Account, Deputy
from otpauth.errors import FormatError, RecordError, SealError, UnsafeFileError
from otpauth.secretfile import Damaged, SealedRecord, SecretFile
from otpauth.store import HOME_SECONDS, is_litter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.host import Host
    from otpauth.policy import Policy


def rename(place: Host, old: str, account: Account) -> None:
    """Give an account's host copy to its new name, or its new uid. Raises RecordError.

    The caller is root.
    """
    keys = place.record_key()
    stale = Account(old, account.uid, account.gid, account.home)
    try:
        held, _ = hostcopy.read(stale, place, keys, any_uid=True)
    except (FormatError, SealError, OSError, UnsafeFileError) as error:
        raise RecordError(f"the record of {old!r} does not open: {error}") from None
    if held is None:
        raise RecordError(f"there is no record of {old!r}")
    moved = held._replace(user=account.name, uid=account.uid, era=held.era + 1)
    with guard.shielded(), hostcopy.locked(place, account):
        if not hostcopy.write(account, place, copies.sealed(keys, moved), aside=False):
            raise RecordError(f"the record of {account.name!r} was not written")
    if old != account.name:
        os.unlink(place.copy_of(old))


def discard(place: Host, policy: Policy, account: Account) -> None:
    """Set the host's copy aside, and take this host's records out of the home file.

    For a record that does not open any more; the caller is root. Raises HostKeyError, BusyError.
    """
    where = home.Place(home.path_of(account, policy.setup.file), account)
    with guard.shielded(), Deputy(account, home.Server(where)) as deputy:
        deputy.ask(home.LOOK)
        found = home.understand(deputy.reply(HOME_SECONDS))
        keys = place.record_key()
        kept = tuple(
            each
            for each in found.content.sections
            if not (isinstance(each, SealedRecord) and each.user == account.name)
            and not (isinstance(each, Damaged) and is_litter(each.data, keys))
        )
        with hostcopy.locked(place, account):
            blank = record.Record(account.name, account.uid, era=1)  # for adopt=, as after a reset
            if not hostcopy.write(account, place, copies.sealed(keys, blank), aside=True):
                raise RecordError(f"the record of {account.name!r} was not written")
        if found.condition == "found":
            deputy.ask(home.INSIST + secretfile.serialize(SecretFile(kept)))
            deputy.reply(HOME_SECONDS + home.INSIST_LOCK_SECONDS)
