"""One account: what is in the way of its next login. Seen by root, or by its owner.

Root sees the record itself, the owner what the clear lines of his file say.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from otpauth import copies, home, hostcopy, limits, oath, propose, store
from otpauth.account import Deputy
from otpauth.cli import report
from otpauth.doctor.finding import FAIL, WARN, Check, Fault
from otpauth.errors import (
    FormatError,
    GuardError,
    HostKeyError,
    RecordError,
    SealError,
    UnsafeFileError,
)
from otpauth.secretfile import Damaged
from otpauth.state import STRANGERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.account import Account
    from otpauth.home import Home
    from otpauth.host import Host
    from otpauth.keys import PublicKey
    from otpauth.policy import Policy, Rule
    from otpauth.record import Record
    from otpauth.secretfile import Listed, Proposal, SecretFile

ADMIN = "otpauth-admin"
KEYS = (".ssh/authorized_keys", ".ssh/authorized_keys2")


class Person(NamedTuple):
    """An account as far as one may look into it.

    `record` is root's only. `fault` says why the record could not be read, `home_fault` why the
    file in the home could not. `uid` is the one in the host's copy. `by_root` says who looks.
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
    blank = Person(account, policy.login, now, by_root=True, home_fault=found.fault)
    try:
        held = store.joined(account, store.Terms(host, policy, policy.login, now), found)
        blank = blank._replace(uid=_uid(account, host))
        public = host.public_key()
    except (RecordError, HostKeyError, GuardError, FormatError, OSError) as error:
        return blank._replace(fault=str(error))
    person = _with_file(blank, found, public)
    if held is None:
        return person
    return person._replace(
        record=held,
        enrolled=held.enrolled,
        tokens=tuple(copies.listed(held, each) for each in held.ordered()),
        waiting=tuple(each for each in person.waiting if each.digest() not in held.state.done),
    )


def seen_by_owner(account: Account, host: Host, policy: Policy, now: int) -> Person:
    """Look into the caller's own account."""
    public = host.public_key()
    found = home.understand(home.look(account, home.path_of(account, policy.setup.file)))
    person = _with_file(Person(account, policy.login, now, by_root=False), found, public)
    mine = propose.sorted_out(account, found.content, public).record
    return person._replace(
        enrolled=bool(mine and mine.enrolled), tokens=mine.tokens if mine else ()
    )


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


# What may be in the way


def by_root(person: Person) -> bool:
    """Say whether the record itself can be seen."""
    return person.by_root


def unreadable(person: Person) -> Iterator[Fault]:
    """Give the record that does not open."""
    if person.fault:
        mend = f"{ADMIN} key import FILE if the keys were replaced, else {person.command('reset')}"
        yield Fault(f"{person.account.name}: {person.fault}", mend)


def namesake(person: Person) -> Iterator[Fault]:
    """Give the host's copy that was made for another uid: the next login sets it aside."""
    name = person.account.name
    if person.uid not in (None, person.account.uid):
        yield Fault(
            f"{name}: the record is of uid {person.uid}, the account has {person.account.uid}",
            f"{ADMIN} rename {name} {name} if it is the same person, else {ADMIN} reset {name}",
        )


def home_unfit(person: Person) -> Iterator[Fault]:
    """Give the home whose file is not used."""
    if person.home_fault:
        yield Fault(
            f"{person.account.name}: {person.account.home}/.otpauth is not used: "
            f"{person.home_fault}",
            f"ls -ld {person.account.home} {person.account.home}/.otpauth; until it is mended the "
            "host's copy decides, and changes wait",
        )


def no_token(person: Person) -> Iterator[Fault]:
    """Give the account that must give a code and has no token that may be used."""
    if not person.enrolled or any(_usable(person, each) for each in person.tokens):
        return
    why = ", ".join(f"{each.name} {_unusable(person, each)}" for each in person.tokens)
    mend = f"{ADMIN} add {person.account.name} totp phone" if person.by_root else _ask_root(person)
    yield Fault(f"{person.account.name}: no token may be used: {why or 'all were removed'}", mend)


def expired(person: Person) -> Iterator[Fault]:
    """Give tokens that ended while others are left."""
    for each in person.tokens:
        if 0 < each.expires <= person.now:
            yield Fault(
                f"{person.account.name}: {each.name} expired {report.day(each.expires - 1)}",
                person.command("set", f"{each.name} --expires DATE"),
            )


def few_codes(person: Person) -> Iterator[Fault]:
    """Give the account whose scratch codes run out."""
    for each in person.tokens:
        if 0 <= each.left < person.rule.warn_below:
            text = f"{person.account.name}: {each.left} scratch codes left"
            yield Fault(text, person.command("codes"))


def limited(person: Person) -> Iterator[Fault]:
    """Give places whose answers are not compared just now."""
    if person.record is None:
        return
    state = limits.prune(person.record.state, person.now)
    for bucket in sorted({event.bucket for event in state.events}):
        wait = limits.wait(state, bucket, person.rule, person.now)
        if wait:
            where = "places it never logged in from" if bucket == STRANGERS else bucket
            until = time.strftime("%H:%M:%S", time.localtime(person.now + wait))
            yield Fault(
                f"{person.account.name}: codes from {where} are not compared until {until}, "
                "after too many wrong ones; scratch codes are",
                person.command("unlock"),
            )


def clock_back(person: Person) -> Iterator[Fault]:
    """Give tokens whose last code is of a time that this host's clock has yet to reach."""
    if person.record is None:
        return
    state = person.record.state
    for each in person.record.ordered():
        period = each.params.get("period")
        if not period or each.id not in state.steps:
            continue
        ahead = state.steps[each.id] - oath.time_step(person.now, period=period)
        ahead -= state.drifts.get(each.id, (0, 0))[1]
        if ahead > person.rule.window // 2:
            yield Fault(
                f"{person.account.name}: by the last code of {each.name} it is "
                f"{ahead * period} s later than this host's clock says",
                f"set the clock, then {person.command('unlock')}",
            )


def waiting(person: Person) -> Iterator[Fault]:
    """Give changes that wait although the account is enrolled: the next login may not take them."""
    if person.enrolled:
        for each in person.waiting:
            verb = f"approve {person.account.name} {each.digest()}"
            yield Fault(
                f"{person.account.name}: {each.verb} {each.name}, of "
                f"{report.moment(each.made)}, waits",
                f"{ADMIN} {verb}" if person.by_root else "log in once, or ask the administrator",
            )


def foreign(person: Person) -> Iterator[Fault]:
    """Give what is sealed to other keys in the file of an account that has nothing here."""
    if person.foreign and not person.enrolled and not person.waiting:
        yield Fault(
            f"{person.account.name}: the file is sealed to {', '.join(person.foreign)}, "
            "not to this host",
            f"administrator: {ADMIN} key import FILE, if those keys were this host's; else, as "
            f"{person.account.name}: otpauth setup",
        )


def damaged(person: Person) -> Iterator[Fault]:
    """Give files with sections that no otpauth writes."""
    if person.damaged:
        yield Fault(
            f"{person.account.name}: {person.damaged} sections of ~/.otpauth are damaged",
            f"as {person.account.name}: otpauth list --prune",
        )


def _usable(person: Person, each: Listed) -> bool:
    return not _unusable(person, each) and each.left != 0


def _unusable(person: Person, each: Listed) -> str:
    if each.switch == "off":
        return "is switched off"
    if 0 < each.expires <= person.now:
        return f"expired {report.day(each.expires - 1)}"
    if each.kind not in person.rule.kinds:
        return f"is of kind {each.kind}, which otpauth.conf does not accept"
    return "has no codes left" if each.left == 0 else ""


def _ask_root(person: Person) -> str:
    return f"administrator: {ADMIN} reset {person.account.name}"


CHECKS: tuple[Check[Person], ...] = (
    Check("record", FAIL, "the record opens", unreadable, by_root),
    Check("record-uid", FAIL, "the record is of the account's uid", namesake, by_root),
    Check("home", WARN, "the home's file can be used", home_unfit),
    Check("token", FAIL, "there is a token that may be used", no_token),
    Check("token-expired", WARN, "no token has expired", expired),
    Check("codes", WARN, "scratch codes are left", few_codes),
    Check("limited", WARN, "codes are compared", limited, by_root),
    Check("clock-back", FAIL, "the clock is not behind the last code", clock_back, by_root),
    Check("waiting", WARN, "no change waits", waiting),
    Check("foreign", WARN, "the file is sealed to this host", foreign),
    Check("damaged", WARN, "the file is whole", damaged),
)
