"""Whether this command runs in a login that was made since a change: only that proves the change.

An old session goes on whatever happens to logins. So an ancestor of this process must be the
service's own program, run by root and started since. A tmux or screen belongs to the login in
which it was started, and to none if that has ended.
"""

from __future__ import annotations

import os

from otpauth.enable import processes

PROGRAMS = {
    "sshd": ("sshd", "sshd-session", "sshd-auth"),
    "su-l": ("su",),
    "sudo-i": ("sudo",),
    "runuser-l": ("runuser",),
    "remote": ("login",),
}
DEPTH_MAX = 64


def made_since(service: str, moment: float) -> bool:
    """Say whether the service let this login in after a moment of clock.now()."""
    names = PROGRAMS.get(service, (service,))
    return any(started > moment and program in names for program, started in _ancestors())


def _ancestors() -> list[tuple[str, float]]:
    """Return the programs from which this process descends, and since when they run."""
    found: list[tuple[str, float]] = []
    pid = os.getppid()
    while pid > 1 and len(found) < DEPTH_MAX:
        here = processes.origin(pid)
        if here is None:
            break
        found.append((processes.program(pid), here.started))
        pid = here.parent
    return found
