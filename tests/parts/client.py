"""The real ssh, sftp and scp before a server of the stage, on a terminal, with a person at it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests import stage
from tests.parts import terminal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.parts.accounts import Person
    from tests.parts.sshd import HostSshd, Sshd

    Server = Sshd | HostSshd

_METHODS = "publickey,keyboard-interactive"


@dataclass(frozen=True)
class Login:
    """How a login went: what was asked, what was told, and whether the command ran."""

    ok: bool
    output: str
    prompts: tuple[str, ...]
    messages: tuple[str, ...]

    @property
    def asked(self) -> list[str]:
        """Return the prompts without ssh's `(user@host) `."""
        return [re.sub(r"^\(\S+@\S+\) ", "", prompt) for prompt in self.prompts]


def login(  # noqa: PLR0913 (what ssh can be told)
    person: Person,
    sshd: Server,
    answers: terminal.Answers = (),
    *,
    methods: str = _METHODS,
    command: str = "echo IN-$USER",
    key: bool = True,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    seconds: float = 30.0,
) -> Login:
    """Log in and run a command; ok if it ran as this person and ended well."""
    words = ["ssh", *settings_of(person, sshd, methods, key=key, more=options)]
    words += ["-p", str(sshd.port), f"{person.name}@127.0.0.1", command]
    talk = terminal.talk(words, answers, environment=environment, seconds=seconds)
    arrived = command != "echo IN-$USER" or f"IN-{person.name}" in talk.output
    return _outcome(talk, arrived=arrived)


def sftp(
    person: Person,
    sshd: Server,
    commands: str,
    answers: terminal.Answers = (),
    *,
    methods: str = _METHODS,
    key: bool = True,
) -> Login:
    """Run sftp commands, one a line; ok if all of them worked."""
    batch = stage.workspace() / "tmp" / f"sftp-{person.name}"
    batch.write_text(f"{commands}\n", encoding="utf-8")
    words = ["sftp", "-oBatchMode=no", "-b", str(batch)]
    words += settings_of(person, sshd, methods, key=key, more=())
    words += ["-P", str(sshd.port), f"{person.name}@127.0.0.1"]
    return _outcome(terminal.talk(words, answers))


def scp(
    person: Person,
    sshd: Server,
    source: str,
    target: str,
    answers: terminal.Answers = (),
    *,
    old_protocol: bool = False,
) -> Login:
    """Copy with scp; a path on the server is written `:path`."""
    words = ["scp", *(["-O"] if old_protocol else [])]
    words += settings_of(person, sshd, _METHODS, key=True, more=())
    words += ["-P", str(sshd.port), _place(person, source), _place(person, target)]
    return _outcome(terminal.talk(words, answers))


def _place(person: Person, path: str) -> str:
    return f"{person.name}@127.0.0.1{path}" if path.startswith(":") else path


def settings_of(
    person: Person, sshd: Server, methods: str, *, key: bool = True, more: Sequence[str] = ()
) -> list[str]:
    """Return the options that keep the client to this person and this server."""
    identity = [f"IdentityFile={person.key_path}"] if key else ["PubkeyAuthentication=no"]
    settings = [
        *more,
        *identity,
        f"PreferredAuthentications={methods}",
        f"UserKnownHostsFile={sshd.folder / 'known_hosts'}",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=accept-new",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "NumberOfPasswordPrompts=3",
        "LogLevel=ERROR",
    ]
    return ["-F", "/dev/null", *(f"-o{setting}" for setting in settings)]


def _outcome(talk: terminal.Talk, *, arrived: bool = True) -> Login:
    return Login(talk.ok and arrived, talk.output, talk.prompts, talk.messages)
