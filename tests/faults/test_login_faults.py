"""A login while the host's or the home's files fail beneath it, one system call at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults import injection, logins
from tests.faults.injection import KILL
from tests.parts import enrolment, pam

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.parts.accounts import Person
    from tests.parts.phone import Fob

DRIVER = ("/usr/bin/python3", "-ISB", str(Path(__file__).with_name("login_once.py")))
ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EROFS", KILL)


def host_paths(person: Person) -> list[Path]:
    """Return what a login touches of the host's."""
    users = logins.USERS
    name = person.name
    return [users, users / name, users / f".{name}.new", logins.LOCKS / name]


def home_paths(person: Person) -> list[Path]:
    """Return what a login touches of the home's when it writes there."""
    home = person.home
    return [home, home / ".otpauth", home / ".otpauth.lock", home / ".otpauth.new"]


def storm(
    person: Person, fob: Fob, paths: Sequence[Path], errors: Sequence[str], *, first: bool
) -> int:
    """Put each fault into a login from the same state, check what must hold; return how many."""
    if not first:
        assert logins.accepted(person.name, fob.code(0))
    saved = logins.Saved.of(person)
    command, text = (*DRIVER, person.name), f"{fob.code(1)}\n"
    plain = injection.run(command, paths, text=text)
    assert plain.stdout == "accept AUTH_OK_OTP\n", plain.stderr
    count = 0
    for fault in injection.faults(plain.trace, errors):
        saved.restore()
        run = injection.run(command, paths, fault, text=text)
        assert fault.error == KILL or "INJECTED" in run.trace, fault
        try:
            logins.sound(person, fob, 1, already=run.stdout.startswith("accept"))
        except AssertionError as error:
            raise AssertionError(f"{fault}: {error}; {run.stdout}{run.trace}") from error
        count += 1
    return count


@pytest.mark.parametrize("side", ["host", "home"])
def test_d2_a_login_survives_every_fault(person: Person, side: str) -> None:
    """Whatever call of a login fails or is its last, files are whole, and no code works twice."""
    fob = enrolment.fob(person)
    paths = {"host": host_paths, "home": home_paths}[side](person)
    assert storm(person, fob, paths, ERRORS, first=False) > 40


@pytest.mark.parametrize("side", ["host", "home"])
def test_d2_a_first_login_survives_every_fault(person: Person, side: str) -> None:
    """Whatever call of an adoption fails or is its last, the enrolment is not lost."""
    fob = enrolment.fob(person)
    paths = {"host": host_paths, "home": home_paths}[side](person)
    assert storm(person, fob, paths, ("EIO", KILL), first=True) > 20


def test_d2_short_writes_and_reads_are_completed(person: Person) -> None:
    """Where no write or read does all that was asked, logins are as always."""
    fob = enrolment.fob(person)
    command = (*DRIVER, person.name)
    preload = {"LD_PRELOAD": injection.short_writes()}
    for counter in range(2):
        text = f"{fob.code(counter)}\n"
        run = injection.run(command, host_paths(person), text=text, environment=preload)
        assert run.stdout == "accept AUTH_OK_OTP\n"
        assert injection.points(run.trace)["write"] > 5
        logins.whole(person)
    logins.sound(person, fob, 1, already=True)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", KILL])
def test_d2_a_write_that_fails_midway_leaves_the_old_file(person: Person, error: str) -> None:
    """Where a part of a file was written before the fault, it is not taken for the file."""
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.code(0))
    saved = logins.Saved.of(person)
    preload = {"LD_PRELOAD": injection.short_writes()}
    for paths in (host_paths(person), home_paths(person)):
        saved.restore()
        fault = injection.Fault("write", 5, error)
        run = injection.run(
            (*DRIVER, person.name), paths, fault, text=f"{fob.code(1)}\n", environment=preload
        )
        logins.sound(person, fob, 1, already=run.stdout.startswith("accept"))


@pytest.mark.parametrize(
    ("call", "error"), [("rename", KILL), ("fsync", KILL), ("write", "ENOSPC"), ("rename", "EIO")]
)
def test_d2_a_login_through_pam_survives(person: Person, call: str, error: str) -> None:
    """The same through a whole PAM application: old or new, never twice, the next one works."""
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.code(0))
    with pam.service(enrolment.STACK) as name:
        command = ("pamtester", name, person.name, "authenticate")
        fault = injection.Fault(call, 1, error)
        paths = host_paths(person)
        run = injection.run(command, paths, fault, text=f"{fob.code(1)}\n")
        assert ("INJECTED" in run.trace) != (error == KILL)
        assert (run.status == 0) == (error != KILL)  # the home's copy stands in
        logins.sound(person, fob, 1, already=run.status == 0)
