"""A person's own commands on a terminal, and becoming somebody else there: su and sudo."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from tests.parts import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.parts.accounts import Person


def at_terminal(
    person: Person,
    command: Sequence[str],
    answers: terminal.Answers = (),
    *,
    environment: Mapping[str, str] | None = None,
    size: tuple[int, int] = (24, 80),
    seconds: float = 30.0,
) -> terminal.Talk:
    """Run a command as the person, on a terminal that is the person's own."""
    return terminal.talk(
        command,
        answers,
        environment=person.environment() | dict(environment or {}),
        before=becoming(person, {}, 0o022),
        size=size,
        seconds=seconds,
    )


def su(  # noqa: PLR0913 (who, to whom, and the hostile world around it)
    caller: Person,
    target: Person | str,
    answers: terminal.Answers = (),
    *,
    command: str = "echo IN-$(id -un)",
    login: bool = False,
    limits: Mapping[str, int] | None = None,
    environment: Mapping[str, str] | None = None,
    umask: int = 0o022,
    seconds: float = 30.0,
) -> terminal.Talk:
    """Run `su [-l] TARGET -c COMMAND` as the caller, under resource limits such as {"FSIZE": 0}."""
    name = target if isinstance(target, str) else target.name
    return terminal.talk(
        ("/usr/bin/su", *["-l"] * login, name, "-c", command),
        answers,
        environment=caller.environment() | dict(environment or {}),
        before=becoming(caller, limits or {}, umask),
        seconds=seconds,
    )


def sudo(
    caller: Person,
    answers: terminal.Answers = (),
    *,
    command: str = "echo IN-$(id -un)",
    limits: Mapping[str, int] | None = None,
    environment: Mapping[str, str] | None = None,
    umask: int = 0o022,
    seconds: float = 30.0,
) -> terminal.Talk:
    """Run `sudo -k sh -c COMMAND` as the caller, asking anew each time."""
    return terminal.talk(
        ("/usr/bin/sudo", "-k", "/bin/sh", "-c", command),
        answers,
        environment=caller.environment() | dict(environment or {}),
        before=becoming(caller, limits or {}, umask),
        seconds=seconds,
    )


def becoming(caller: Person, limits: Mapping[str, int], umask: int) -> Callable[[], None]:
    """Return what a child does to become the caller, under limits and a umask."""
    groups = os.getgrouplist(caller.name, caller.gid)

    def become() -> None:
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
        os.umask(umask)
        os.chdir("/")
        os.fchown(0, caller.uid, -1)  # as sshd and login do with a terminal
        os.setgroups(groups)
        os.setresgid(caller.gid, caller.gid, caller.gid)
        os.setresuid(caller.uid, caller.uid, caller.uid)

    return become
