"""What may be in the way of one account's next login."""

from __future__ import annotations

import os
import pwd
import time
from typing import TYPE_CHECKING

from otpauth import account, failures, limits, oath, services, token
from otpauth.cli import report
from otpauth.doctor import shadow
from otpauth.doctor.finding import FAIL, WARN, Check, Fault
from otpauth.doctor.person import ADMIN
from otpauth.state import STRANGERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.person import Person
    from otpauth.secretfile import Listed

DAY = 86400
NO_SHELL = ("nologin", "false")


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
    usable = person.sent or any(_usable(person, each) for each in person.tokens)
    if not person.enrolled or usable:
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


def shut_out(person: Person) -> Iterator[Fault]:
    """Give services that ask for a code, where no token that may be used is good."""
    if person.shut and not person.sent:
        name = person.account.name
        yield Fault(
            f"{name}: no token is good for {services.spoken(list(person.shut))}",
            f"take a limit off: {person.command('set', 'NAME --for everywhere')}; or add a token",
        )


def few_codes(person: Person) -> Iterator[Fault]:
    """Give the account whose scratch codes, or passwords on a list, run out."""
    rule = person.rule
    for each in person.tokens:
        if each.kind == "scratch" and each.left < rule.warn_below:
            text = f"{person.account.name}: {each.left} scratch codes left"
            yield Fault(text, person.command("codes"))
        if each.kind == "list" and each.left < rule.list_warn_below:
            text = f"{person.account.name}: {each.left} passwords left on list {each.name!r}"
            yield Fault(text, person.command("replace", each.name))


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
                "after too many wrong ones; scratch codes and app passwords are",
                person.command("unlock"),
            )


def locked(person: Person) -> Iterator[Fault]:
    """Give access groups in which nothing is compared any more, after too many wrong answers."""
    if person.record is None:
        return
    for words in failures.told(limits.prune(person.record.state, person.now), person.now):
        yield Fault(
            f"{person.account.name}: locked after too many wrong codes, {words}; places that it "
            "logged in from before are not",
            person.command("unlock"),
        )


def clock_back(person: Person) -> Iterator[Fault]:
    """Give tokens whose last code is of a time that this host's clock has yet to reach."""
    if person.record is None:
        return
    state = person.record.state
    for each in person.record.ordered():
        if each.kind not in token.TIMED or each.id not in state.steps:
            continue
        period = token.period(each)
        ahead = state.steps[each.id] - oath.time_step(person.now, period=period)
        ahead -= state.drifts.get(each.id, (0, 0))[1]
        if ahead > token.steps(each, person.rule.window) // 2:
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


def closed(person: Person) -> Iterator[Fault]:
    """Give the enrolled account that the system itself keeps out: expired, or without a shell."""
    name = person.account.name
    if not person.enrolled:
        return
    shell = pwd.getpwnam(account.native(name)).pw_shell
    if os.path.basename(shell) in NO_SHELL:
        yield Fault(f"{name}: the shell is {shell}", f"chsh -s /bin/bash {name}")
    ended = shadow.ends().get(name)
    if ended is not None and ended <= person.now // DAY:
        day = time.strftime("%Y-%m-%d", time.gmtime(ended * DAY))
        yield Fault(f"{name}: the account expired on {day}", f"chage -E -1 {name}")


CHECKS: tuple[Check[Person], ...] = (
    Check("account", FAIL, "the system lets the account in", closed, by_root),
    Check("record", FAIL, "the record opens", unreadable, by_root),
    Check("record-uid", FAIL, "the record is of the account's uid", namesake, by_root),
    Check("home", WARN, "the home's file can be used", home_unfit),
    Check("token", FAIL, "there is a token that may be used", no_token),
    Check("token-expired", WARN, "no token has expired", expired),
    Check("token-limits", WARN, "there is a token for each service that asks", shut_out),
    Check("codes", WARN, "enough scratch codes and list passwords are left", few_codes),
    Check("limited", WARN, "codes are compared", limited, by_root),
    Check("locked", FAIL, "the account is not locked", locked, by_root),
    Check("clock-back", FAIL, "the clock is not behind the last code", clock_back, by_root),
    Check("waiting", WARN, "no change waits", waiting),
    Check("foreign", WARN, "the file is sealed to this host", foreign),
    Check("damaged", WARN, "the file is whole", damaged),
)
