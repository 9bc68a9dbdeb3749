"""One ssh login on 127.0.0.1, from the start of ssh to its end: public key, and code."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests import stage
from tests.bench.logins import GOOGLE, OURS, Fob, enrol, enrol_google
from tests.bench.timing import WARM_UP, Case, measure, table
from tests.parts import accounts
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from tests.parts.accounts import Person

_KEY_ONLY = "AuthenticationMethods publickey"
_KEY_AND_CODE = "AuthenticationMethods publickey,keyboard-interactive"
_ASKPASS = '#!/bin/sh\necho "$BENCH_CODE"\n'


def run(rounds: int) -> str:
    """Measure, and return a table."""
    with contextlib.ExitStack() as things:
        cases = _Cases(things, rounds + WARM_UP)
        none = cases.key_only()
        google = cases.key_and_code("with pam_google_authenticator", GOOGLE)
        ours = cases.key_and_code("with otpauth, pam_python", OURS)
        every = [none, google, ours]
        measure(every, rounds)
    return table("An ssh login (127.0.0.1), ssh's start to end", every, none)


class _Cases:
    def __init__(self, things: contextlib.ExitStack, codes: int) -> None:
        self._things = things
        self._codes = codes
        self._askpass = stage.workspace() / "bin" / "bench-askpass"
        self._askpass.write_text(_ASKPASS, encoding="utf-8")
        self._askpass.chmod(0o755)

    def key_only(self) -> Case:
        person, command = self._place("auth required pam_deny.so", _KEY_ONLY)
        return Case("public key alone", command, environment=person.environment)

    def key_and_code(self, name: str, line: str) -> Case:
        """Answer through SSH_ASKPASS, which costs the start of a shell."""
        person, command = self._place(line, _KEY_AND_CODE)
        fob = Fob(self._codes)
        (enrol_google if line == GOOGLE else enrol)(person, fob)

        def environment() -> dict[str, str]:
            asking = {"SSH_ASKPASS": str(self._askpass), "SSH_ASKPASS_REQUIRE": "force"}
            return person.environment() | asking | {"BENCH_CODE": fob.code()}

        return Case(f"public key + code, {name}", command, environment=environment)

    def _place(self, line: str, methods: str) -> tuple[Person, list[str]]:
        person = self._things.enter_context(accounts.make())
        sshd = self._things.enter_context(Sshd(line, (methods,)))
        settings = (
            f"IdentityFile={person.key_path}",
            f"UserKnownHostsFile={sshd.folder / 'known_hosts'}",
            "StrictHostKeyChecking=accept-new",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "LogLevel=ERROR",
        )
        options = [f"-o{setting}" for setting in settings]
        target = ("-p", str(sshd.port), f"{person.name}@127.0.0.1", "true")
        return person, ["ssh", "-F", "/dev/null", *options, *target]
