"""An enrolment deadline: who passes until then, what he reads, and who passes no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_pam_exec import stack
from tests.parts import accounts, client, enrolment, log, pam
from tests.parts.faketime import Clock
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from tests.parts.accounts import Person

KEY = {"SSH_AUTH_INFO_0": "publickey ssh-ed25519 AAAA"}
WORD = "nullok=until:2099-01-31"
TOLD = "otpauth: from 2099-02-01 on (UTC) this host asks for a code; enrol now: otpauth"
END = 4073587200  # 2099-02-01 00:00 UTC
PERMIT = "auth required pam_permit.so"


def test_ssh_tells_who_passes_by_it() -> None:
    """Before a shell over ssh one reads the deadline, unasked; once enrolled one does not."""
    with (
        accounts.make(shell="/usr/bin/true") as person,  # noqa: S604 (a login shell)
        Sshd(f"{enrolment.STACK} {WORD}\n{PERMIT}") as sshd,
    ):
        done = client.login(person, sshd, command="")
        assert (done.ok, done.prompts) == (True, ())
        assert TOLD in done.messages, done.output
        fob = enrolment.fob(person)
        enrolled = client.login(person, sshd, [fob.next()], command="")
        assert enrolled.ok
        assert not [line for line in enrolled.messages if "2099" in line], enrolled.output


def test_the_last_second(person: Person) -> None:
    """To the end of the day in UTC one passes; a second later one is refused and told nothing."""
    with Clock() as clock, pam.service(f"{enrolment.STACK} {WORD}\n{PERMIT}") as name:
        for now, passes in ((END - 1, True), (END, False)):
            clock.freeze(now)
            start = log.position()
            options: pam.Options = {"env": KEY, "environment": clock.environment}
            done = pam.drive(name, person.name, ["123456"], **options).one
            assert done.ok == passes
            reason = "AUTH_OK_NULLOK" if passes else "NOT_ENROLLED"
            (line,) = log.lines(start, containing=f"user={person.name} ")
            assert reason in line.text
            assert done.told == ([TOLD] if passes else [])


@pytest.mark.parametrize(("date", "passes"), [("2099-01-31", True), ("2020-01-31", False)])
def test_through_pam_exec(person: Person, date: str, *, passes: bool) -> None:
    """The other way in keeps the deadline, too."""
    with pam.service(stack(f"nullok=until:{date}")) as name:
        assert pam.drive(name, person.name, ["123456"], env=KEY).one.ok == passes


def test_only_with_a_first_factor(person: Person) -> None:
    """Without a first factor nobody passes by a deadline, and nobody reads it."""
    with pam.service(f"{enrolment.STACK} {WORD}\n{PERMIT}") as name:
        done = pam.drive(name, person.name, ["123456"]).one
    assert not done.ok
    assert done.told == []
