"""The host's accounts, each looked into; and records whose account is gone."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from otpauth import account
from otpauth.doctor import hindrances
from otpauth.doctor.finding import FAIL, WARN, Check, Fault
from otpauth.doctor.ground import SILENT, SILENT_MAX
from otpauth.errors import UnknownUserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from otpauth.doctor.ground import Ground
    from otpauth.doctor.person import Person


def silent(ground: Ground) -> Iterator[Fault]:
    """Give homes that do not answer: each delays a login, and too many end the looking."""
    hung = [who for who, seen in ground.homes.items() if seen.home.fault == SILENT]
    for each in hung:
        yield Fault(
            f"{each.name}: {each.home} does not answer: a login waits for it, and enrolments are "
            "not seen",
            "is its file server up? mount | grep home",
        )
    if len(hung) >= SILENT_MAX:
        yield Fault("no other account was looked into after these", "mend them, then look again")


def orphans(ground: Ground) -> Iterator[Fault]:
    """Give records of accounts that the host does not have any more."""
    for name in ground.copies:
        if name.startswith("="):
            continue  # set aside, or named by a hash
        try:
            account.lookup(name)
        except UnknownUserError:
            text = f"{ground.host.copy_of(name)}: there is no account {name!r} any more"
            yield Fault(text, f"otpauth-admin forget {name}, or rename {name} NEW")


def _each(faults: Callable[[Person], Iterable[Fault]]) -> Callable[[Ground], Iterable[Fault]]:
    return lambda ground: chain.from_iterable(faults(each) for each in ground.people)


CHECKS: tuple[Check[Ground], ...] = (
    Check("homes", FAIL, "homes answer", silent),
    Check("orphans", WARN, "every record has its account", orphans),
    *(
        Check(each.id, each.state, each.title, _each(each.faults), lambda ground: ground.can_open)
        for each in hindrances.CHECKS
    ),
)
