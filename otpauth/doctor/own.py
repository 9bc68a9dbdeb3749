"""The caller's own account, looked into with no more than his own rights."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from otpauth import services
from otpauth.doctor import hindrances, person, system
from otpauth.doctor.finding import FAIL, WARN, Check, Fault, run
from otpauth.doctor.ground import Ground
from otpauth.errors import ConfigError, HostKeyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.account import Account
    from otpauth.doctor.finding import Finding
    from otpauth.doctor.person import Person


class Own(NamedTuple):
    """The caller's account and host; `person` is None if the host cannot be enrolled on."""

    account: Account
    ground: Ground
    person: Person | None
    fault: str = ""


def findings(who: Account) -> Iterator[Finding]:
    """Look into an account as its owner."""
    ground = Ground()
    try:
        seen = person.seen_by_owner(who, ground.host, ground.policy, int(time.time()))
        own = Own(who, ground, seen)
    except (HostKeyError, ConfigError) as error:
        own = Own(who, ground, None, str(error))
    yield from run(CHECKS, own)
    if own.person:
        yield from run(hindrances.CHECKS, own.person)
    yield from run(CLOCK, ground)


def no_host(own: Own) -> Iterator[Fault]:
    """Give the host that nobody can enrol on."""
    if own.fault:
        yield Fault(own.fault, "administrator: otpauth-admin doctor")


def bad_policy(own: Own) -> Iterator[Fault]:
    """Give the fault of otpauth.conf, which refuses every login."""
    try:
        own.ground.host.policy()
    except ConfigError as error:
        yield Fault(str(error), "administrator: otpauth-admin config")


def nobody_asks(_: Own) -> Iterator[Fault]:
    """Give the host on which no service asks for a code."""
    if not any(services.asking().values()):
        text = "no service of this host asks for a code"
        yield Fault(text, "administrator: otpauth-admin enable sshd")


def not_enrolled(own: Own) -> Iterator[Fault]:
    """Give the account that has nothing, on a host that asks."""
    one = own.person
    nothing = one and not (one.enrolled or one.waiting or one.sent)
    if nothing and any(services.asking().values()):
        yield Fault("nothing is enrolled in your file, and codes are asked for", "otpauth")


def loose_home(own: Own) -> Iterator[Fault]:
    """Give the home that others may write: sshd then does not look at the keys in it."""
    for path in (own.account.home, os.path.join(own.account.home, ".ssh")):
        try:
            mode = os.stat(path).st_mode
        except OSError:
            continue
        if mode & 0o022:
            text = f"{path} may be written by others: sshd takes no key from it"
            yield Fault(text, f"chmod go-w {path}")


CHECKS: tuple[Check[Own], ...] = (
    Check("host", FAIL, "the host can be enrolled on", no_host),
    Check("policy", FAIL, "otpauth.conf is understood", bad_policy),
    Check("pam", WARN, "a service asks for codes", nobody_asks),
    Check("enrolled", WARN, "you are enrolled", not_enrolled),
    Check("home-mode", WARN, "nobody else may write your home", loose_home),
)
CLOCK = tuple(each for each in system.CHECKS if each.id == "clock")
