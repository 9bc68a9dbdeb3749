"""All checks of a host, in the order in which they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otpauth.doctor import (
    accounts,
    clock,
    dovecot,
    files,
    keys,
    onebox,
    pamstack,
    program,
    sshd,
    system,
)
from otpauth.doctor.finding import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.finding import Check, Finding
    from otpauth.doctor.ground import Ground

CHECKS: tuple[Check[Ground], ...] = (
    *keys.CHECKS,
    *files.CHECKS,
    *program.CHECKS,
    *pamstack.CHECKS,
    *onebox.CHECKS,
    *sshd.CHECKS,
    *dovecot.CHECKS,
    *clock.CHECKS,
    *system.CHECKS,
    *accounts.CHECKS,
)


def findings(ground: Ground) -> Iterator[Finding]:
    """Look into a host. The caller is root."""
    ground.homes  # noqa: B018 -- looked into by forks, so before any check loads a key
    yield from run(CHECKS, ground)
