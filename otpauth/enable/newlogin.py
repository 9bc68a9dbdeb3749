"""Whether this command runs in a login that was made since a change: only that proves the change.

An old session goes on whatever happens to logins. So an ancestor of this process must be the
service's own program, run by root and started since. A tmux or screen belongs to the login in
which it was started, and to none if that has ended.

Sudo and su let root pass without asking, so they must have been called by somebody else; and sudo
must not know him any more from before the change, for which `forget` sees.
"""

from __future__ import annotations

import contextlib
import os

from otpauth.enable import processes

PROGRAMS = {
    "sshd": ("sshd", "sshd-session", "sshd-auth"),
    "su-l": ("su",),
    "sudo-i": ("sudo",),
    "runuser-l": ("runuser",),
    "remote": ("login",),
}
NOT_ROOT = ("su", "sudo")  # who calls these must not be root: it is not asked
REMEMBERED = ("/run/sudo/ts", "/run/sudo-rs/ts")  # whom sudo asked a while ago
DEPTH_MAX = 64


def made_since(service: str, moment: float) -> bool:
    """Say whether the service let this login in after a moment of clock.now()."""
    names = PROGRAMS.get(service, (service,))
    return any(
        started > moment and program in names and not (program in NOT_ROOT and by_root)
        for program, started, by_root in _ancestors()
    )


def forget(service: str) -> None:
    """Have sudo, if it is that, ask everybody anew at the next call."""
    if "sudo" not in PROGRAMS.get(service, (service,)):
        return
    for folder in REMEMBERED:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for each in os.scandir(folder):
                os.unlink(each.path)


def _ancestors() -> list[tuple[str, float, bool]]:
    """Return the programs from which this process descends, since when, and if root called them.

    A program that has a process of itself below it was called by whoever called the upper one.
    """
    found: list[tuple[str, float, bool]] = []
    pid = os.getppid()
    while pid > 1 and len(found) < DEPTH_MAX:
        here = processes.origin(pid)
        if here is None:
            break
        by_root = processes.is_roots(pid) and processes.is_roots(here.parent)
        found.append((processes.program(pid), here.started, by_root))
        pid = here.parent
    return found
