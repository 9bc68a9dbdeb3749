"""One account: what is in the way of its next login. Seen by root, or by its owner.

Root sees the record itself, the owner what the clear lines of his file say.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from otpauth import copies, home, hostcopy, propose, services, store, wishes
from otpauth.account import Deputy
from otpauth.errors import (
    FormatError,
    GuardError,
    HostKeyError,
    RecordError,
    SealError,
    UnsafeFileError,
)
from otpauth.policy import anywhere, of_records
from otpauth.secretfile import Damaged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otpauth.account import Account
    from otpauth.home import Home
    from otpauth.host import Host
    from otpauth.keys import PublicKey
    from otpauth.policy import Policy, Rule
    from otpauth.record import Record
    from otpauth.secretfile import Listed, Proposal, SecretFile
    from otpauth.token import Token

ADMIN = "otpauth-admin"
KEYS = (".ssh/authorized_keys", ".ssh/authorized_keys2")


class Person(NamedTuple):
    """An account as far as one may look into it.

    `rule` is the host's; where root looks, with the user's own wishes. `record` is root's only.
    `fault` says why the record could not be read, `home_fault` why the file in the home could not.
    `uid` is the one in the host's copy. `by_root` says who looks. `sent` are the channels by which
    codes are sent to it, enrolled or not, `shut` the services at which none of its tokens is good.
    """

    account: Account
    rule: Rule
    now: int
    by_root: bool
    enrolled: bool = False
    tokens: tuple[Listed, ...] = ()
    waiting: tuple[Proposal, ...] = ()
    foreign: tuple[str, ...] = ()
    damaged: int = 0
    home_fault: str = ""
    record: Record | None = None
    fault: str = ""
    uid: int | None = None
    sent: tuple[str, ...] = ()
    shut: tuple[str, ...] = ()

    def command(self, verb: str, words: str = "") -> str:
        """Return the command for a verb that both commands have, as whoever looks would type it."""
        parts = (
            (ADMIN, verb, self.account.name, words) if self.by_root else ("otpauth", verb, words)
        )
        return " ".join(part for part in parts if part)


class Seen(NamedTuple):
    """What is in a home: the file, and whether a key there logs its owner in."""

    home: Home
    has_key: bool


def look(account: Account, policy: Policy) -> Seen:
    """Look into a home with its owner's rights. To be done before any key is loaded: this forks."""
    path = home.path_of(account, policy.setup.file)

    def serve(request: bytes) -> bytes:
        if request == home.LOOK:
            return home.look(account, path)
        keys = (os.path.join(account.home, name) for name in KEYS)
        return b"yes" if any(os.path.isfile(p) and os.path.getsize(p) for p in keys) else b"no"

    with Deputy(account, serve) as deputy:
        deputy.ask(home.LOOK)
        reply = deputy.reply(store.HOME_SECONDS)
        if reply is None:
            return Seen(home.understand(None), has_key=False)
        deputy.ask(b"keys")
        return Seen(home.understand(reply), deputy.reply(store.HOME_SECONDS) == b"yes")


def seen_by_root(account: Account, found: Home, host: Host, policy: Policy, now: int) -> Person:
    """Return an account, by its home and its record."""
    rule = of_records(policy)
    terms = store.Terms(host, policy, anywhere(policy), now)
    blank = Person(account, rule, now, by_root=True, home_fault=found.fault)
    blank = blank._replace(sent=store.sent_to(account, policy, host))
    try:
        held = store.joined(account, terms, found)
        blank = blank._replace(uid=_uid(account, host))
        public = host.public_key()
    except (RecordError, HostKeyError, GuardError, FormatError, OSError) as error:
        return blank._replace(fault=str(error))
    person = _with_file(blank, found, public)
    if held is None:
        return person
    return person._replace(
        rule=wishes.effective(rule, held.wishes),
        record=held,
        enrolled=held.enrolled,
        tokens=tuple(copies.listed(held, each) for each in held.ordered()),
        shut=_shut(policy, [each for each in held.ordered() if each.live(now)]),
        waiting=tuple(each for each in person.waiting if each.digest() not in held.state.done),
    )


def seen_by_owner(account: Account, host: Host, policy: Policy, now: int) -> Person:
    """Look into the caller's own account."""
    public = host.public_key()
    found = home.understand(home.look(account, home.path_of(account, policy.setup.file)))
    person = _with_file(Person(account, of_records(policy), now, by_root=False), found, public)
    mine = propose.sorted_out(account, found.content, public).record
    tokens = mine.tokens if mine else ()
    return person._replace(
        enrolled=bool(mine and mine.enrolled),
        tokens=tokens,
        shut=_shut(policy, [each for each in tokens if each.live(now)]),
        sent=store.sent_to(account, policy, host),
    )


def _shut(policy: Policy, live: Sequence[Token | Listed]) -> tuple[str, ...]:
    """Return where none of these is good; /etc/pam.d is read only if one is limited."""
    if not any(each.groups for each in live):
        return ()
    return tuple(services.shut(services.doors(policy), live))


def _with_file(person: Person, found: Home, public: PublicKey) -> Person:
    """Note what the file in the home has besides the record."""
    own = propose.sorted_out(person.account, found.content, public)
    return person._replace(
        waiting=own.waiting,
        foreign=_foreign(found.content, public),
        damaged=sum(isinstance(each, Damaged) for each in found.content.sections),
        home_fault=found.fault,
    )


def _foreign(content: SecretFile, public: PublicKey) -> tuple[str, ...]:
    ids = {each.host for each in content.records} | {each.key for each in content.proposals}
    return tuple(sorted(ids - {public.id, *public.retired}))


def _uid(account: Account, host: Host) -> int | None:
    """Return the uid that the host's copy was made for."""
    try:
        held, _ = hostcopy.read(account, host, host.record_key(), any_uid=True, dry=True)
    except (FormatError, SealError, RecordError, UnsafeFileError, OSError):
        return None
    return held.uid if held else None
