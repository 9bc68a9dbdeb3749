"""The user's own command while his home fails beneath it: old file or new, and the next one works.

Homes and host folders that are full, read-only or gone as a whole are in here, too (D3).
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import secretfile
from tests.faults import injection, logins
from tests.faults.injection import KILL
from tests.parts import accounts, enrolment, pam
from tests.parts.phone import Fob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.parts.accounts import Person

ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EROFS", KILL)
VAR = Path("/var/lib/otpauth")


def enrolled_with_proof(person: Person) -> tuple[list[str], str, Fob]:
    """Enrol a fob and log in; return a command that adds another, and its stdin with a proof."""
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.next())
    uri = enrolment.uri("hotp", enrolment.new_secret(), counter=0)
    return (
        [enrolment.OTPAUTH, "add", "hotp", "second", "--uri", "-"],
        f"{uri}\n{fob.code(1)}\n",
        fob,
    )


def fresh(_person: Person) -> tuple[list[str], str, Fob]:
    """Return a command that enrols a person who has nothing."""
    secret = enrolment.new_secret()
    uri = enrolment.uri("hotp", secret, counter=0)
    return [enrolment.OTPAUTH, "setup", "--uri", "-"], f"{uri}\n", Fob(secret)


def old_or_new(person: Person, before: bytes | None, status: int) -> None:
    """Check that the file is what it was, or that with one proposal more; the latter if done."""
    path = person.home / ".otpauth"
    after = path.read_bytes() if path.exists() else None
    if after == before:
        assert status != 0
        return
    assert after is not None
    logins.whole(person)
    old = secretfile.parse(before).sections if before else ()
    new = secretfile.parse(after).sections
    assert new[:-1] == old
    assert isinstance(new[-1], secretfile.Proposal)


def done_already(path: Path, before: bytes | None) -> bool:
    """Say whether the file is the new one."""
    return path.exists() and path.read_bytes() != before


@pytest.mark.parametrize(
    ("start", "errors"), [(fresh, ERRORS), (enrolled_with_proof, ("EIO", KILL))]
)
def test_d2_a_proposal_survives_every_fault(
    person: Person, start: Callable[[Person], tuple[list[str], str, Fob]], errors: tuple[str, ...]
) -> None:
    """Whatever call of the user's command fails or is its last, the file is old or new."""
    command, text, _ = start(person)
    saved = logins.Saved.of(person)
    home, path = person.home, person.home / ".otpauth"
    before = path.read_bytes() if path.exists() else None
    paths = [home, path, home / ".otpauth.new", home / ".otpauth.lock"]
    plain = injection.run(command, paths, text=text, person=person)
    assert plain.status == 0, plain.stderr
    count = 0
    for fault in injection.faults(plain.trace, errors):
        saved.restore()
        run = injection.run(command, paths, fault, text=text, person=person)
        assert fault.error == KILL or "INJECTED" in run.trace, fault
        assert fault.error == KILL or run.status == 0 or run.stderr.startswith("otpauth: error: ")
        try:
            old_or_new(person, before, run.status)
        except AssertionError as error:
            raise AssertionError(f"{fault}: {error}; {run.stderr}{run.trace}") from error
        assert fault.error == KILL or not (home / ".otpauth.new").exists(), fault
        if fault.error == KILL and not done_already(path, before):
            again = person.run(*command, text=text)
            assert again.returncode == 0, f"{fault}: {again.stderr}"
        count += 1
    assert count > 30


def test_d2_a_killed_setup_is_done_again_and_both_logins_work(person: Person) -> None:
    """Litter of a setup killed before its rename neither blocks the next one nor the login."""
    command, text, fob = fresh(person)
    path = person.home / ".otpauth"
    paths = [path, person.home / ".otpauth.new"]
    run = injection.run(
        command, paths, injection.Fault("rename", 1, KILL), text=text, person=person
    )
    assert run.status != 0
    assert (person.home / ".otpauth.new").exists()
    assert person.run(*command, text=text).returncode == 0
    logins.sound(person, fob, 0, already=False)


def test_d2_a_full_home_is_said_and_changes_nothing(person: Person) -> None:
    """On a full home the command fails with what is wrong, and the old token logs in."""
    command, text, fob = enrolled_with_proof(person)
    with accounts.full_home(person):
        before = (person.home / ".otpauth").read_bytes()
        done = person.run(*command, text=text)
        assert done.returncode == 1
        assert "no space left" in done.stderr
        assert (person.home / ".otpauth").read_bytes() == before
        assert logins.accepted(person.name, fob.code(1))


@contextlib.contextmanager
def odd_var(how: str) -> Iterator[None]:
    """Make the host's folder full, read-only or missing, for root too."""
    if how == "well":
        yield
        return
    if how == "missing":
        aside = VAR.with_name("otpauth-aside")
        VAR.rename(aside)
        try:
            yield
        finally:
            aside.rename(VAR)
        return
    with mounted(how):
        yield


@contextlib.contextmanager
def mounted(how: str) -> Iterator[None]:
    """Cover the host's folder by a full copy of itself, or by itself read-only."""
    if how == "full":
        kept = subprocess.run(("tar", "-C", VAR, "-c", "."), capture_output=True, check=True).stdout
        mount("-t", "tmpfs", "-o", "size=64m,mode=0700", "otpauth-var", str(VAR))
    else:
        mount("--bind", str(VAR), str(VAR))
    try:
        if how == "full":
            subprocess.run(("tar", "-C", VAR, "-x"), input=kept, check=True)
            with (VAR / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
        else:
            mount("-o", "remount,bind,ro", str(VAR))
        yield
    finally:
        subprocess.run(("umount", "--lazy", str(VAR)), check=True)


def mount(*words: str) -> None:
    """Mount on the stage."""
    subprocess.run(("mount", *words), check=True)


HOMES = {
    "well": lambda _person: contextlib.nullcontext(),
    "full": accounts.full_home,
    "read-only": accounts.read_only_home,
    "missing": accounts.missing_home,
}


@pytest.mark.parametrize("var", ["well", "full", "read-only", "missing"])
@pytest.mark.parametrize("home", HOMES)
def test_d3_one_place_to_write_to_is_enough_and_none_is_not(
    person: Person, home: str, var: str
) -> None:
    """A home or a /var that cannot be written locks nobody out; both do; no code works twice."""
    fob = enrolment.fob(person)
    with pam.service(enrolment.STACK) as name:
        assert pam.pamtester(name, person.name, [fob.next()]).ok
        code = fob.next()
        with HOMES[home](person), odd_var(var):
            done = pam.pamtester(name, person.name, [code])
            assert done.ok == ("well" in (home, var)), done.shown
            assert not (done.ok and pam.pamtester(name, person.name, [code]).ok)
        after = pam.pamtester(name, person.name, [code]).ok
        if home == "well" or (var == "well" and home in ("read-only", "missing")):
            assert after != done.ok
        assert pam.pamtester(name, person.name, [fob.next()]).ok


@pytest.mark.parametrize("var", ["full", "read-only", "missing"])
def test_d3_a_first_login_needs_no_var(person: Person, var: str) -> None:
    """An enrolment is adopted into the home where the host's folder cannot be written."""
    fob = enrolment.fob(person)
    with odd_var(var):
        code = fob.next()
        assert logins.accepted(person.name, code)
        assert not logins.accepted(person.name, code)
        assert logins.accepted(person.name, fob.next())
    assert not logins.accepted(person.name, code)
    assert logins.accepted(person.name, fob.next())
