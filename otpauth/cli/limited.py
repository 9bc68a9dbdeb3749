"""--for: the services and groups that a token is limited to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from otpauth import policy, services, stack, token
from otpauth.cli import report
from otpauth.errors import FormatError, UsageError

if TYPE_CHECKING:
    from otpauth.cli.target import Target
    from otpauth.secretfile import Listed
    from otpauth.token import Draft

EVERYWHERE = "everywhere"  # takes a limit off


def read(target: Target, text: str) -> tuple[str, ...]:
    """Return the names that --for gives, none for everywhere; warn of what this host has not.

    Raises UsageError.
    """
    names = sorted({*text.replace(",", " ").split()})
    if names == [EVERYWHERE]:
        return ()
    try:
        groups = token.check_groups(names)
    except FormatError:
        groups = ()
    if not groups or EVERYWHERE in groups:
        raise UsageError(
            f"--for {text}: not 1 to {token.GROUPS_MAX} names of services or groups",
            hint=f"like --for imap,smtp, or --for {EVERYWHERE}",
        )
    there = known(target)
    for name in names:
        if name not in there:
            report.say(target.program, "warning", f"this host has no service or group {name!r}")
            report.say(target.program, "hint", policy.nearest(name, there))
    return groups


def known(target: Target) -> list[str]:
    """Return the names of this host that a token can be limited to."""
    found = target.policy
    sections = {*found.groups, *(each.name for each in found.services)}
    return [*sorted(sections), *(each for each in stack.services() if each not in sections)]


def warn(target: Target, limit: Listed | Draft) -> None:
    """Warn if, with a token as it is limited now, none is good for a service that asks."""
    now = int(time.time())
    others = [each for each in target.tokens if each.name != limit.name and each.live(now)]
    shut = services.shut(services.doors(target.policy), [*others, limit])
    if shut:
        text = f"no token of {target.account.name} is good for {services.spoken(shut)} then"
        report.say(target.program, "warning", text)


def told(groups: tuple[str, ...]) -> str:
    """Return for what a token is good, as it stands behind its state; nothing for everywhere."""
    return f", for {' '.join(groups)}" if groups else ""
