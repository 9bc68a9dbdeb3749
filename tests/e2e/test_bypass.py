"""The bypass with the real parts: ssh, su, many at once, old files put back, the commands."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_pam_exec import stack
from tests.parts import accounts, client, enrolment, log, pam, privilege, secrets
from tests.parts.enrolment import admin
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person
    from tests.parts.phone import Fob

KEY = {"SSH_AUTH_INFO_0": "publickey ssh-ed25519 AAAA"}
WARNING = 4  # syslog's number
LOGINS = 64


@pytest.fixture
def fob(person: Person) -> Fob:
    """Enrol the person, with one login."""
    device = enrolment.fob(person)
    with pam.service(enrolment.STACK) as name:
        assert pam.drive(name, person.name, [device.next()]).one.ok
    return device


@pytest.fixture
def service(stage: Path) -> Iterator[str]:
    """Give a service that asks for a code."""
    assert stage.is_dir()
    with pam.service(enrolment.STACK) as name:
        yield name


def let_in(person: Person, *words: str) -> str:
    """Grant logins and return what the command said."""
    done = admin("bypass", person.name, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def left(person: Person) -> int:
    """Return how many logins are left by what `show` says."""
    found = json.loads(admin("show", person.name, "--json").stdout)["bypass"]
    return found["left"] if found else 0


def passes(service: str, person: Person, **options: object) -> bool:
    """Say whether a login behind a key passes unasked."""
    done = pam.drive(service, person.name, ["x"], env=KEY, **options).one  # type: ignore[arg-type]
    assert done.ok != bool(done.asked)
    return done.ok


def test_over_ssh() -> None:
    """Behind a key one is let in unasked, so often, and reads it; the log has a warning."""
    shell = "/usr/bin/true"
    with accounts.make(shell=shell) as person, Sshd(enrolment.STACK) as sshd:
        fob = enrolment.fob(person)
        assert client.login(person, sshd, [fob.next()], command="").ok
        assert "2 logins left" in let_in(person)
        start = log.position()
        first = client.login(person, sshd, command="")
        assert (first.ok, first.prompts) == (True, ())
        told = [line for line in first.messages if "your administrator lets you in" in line]
        assert len(told) == 1, first.output
        assert told[0].endswith(", 1 login left")
        (line,) = log.lines(start, containing="reason=AUTH_OK_BYPASS")
        assert line.severity == WARNING
        assert f"user={person.name} " in line.text
        assert client.login(person, sshd, command="").ok
        assert client.login(person, sshd, ["x"] * 3, command="").prompts
        assert "lets" in admin("why", person.name).stdout


def test_many_at_once(person: Person, fob: Fob, service: str) -> None:
    """Of 64 logins at one instant exactly as many pass as were granted."""
    del fob
    let_in(person, "--uses", "2")
    start = log.position()
    done = pam.storm(service, person.name, [["x"]] * LOGINS, gate="start", env=KEY)
    assert sum(each.one.ok for each in done) == 2
    assert len(log.lines(start, containing="reason=AUTH_OK_BYPASS")) == 2
    assert left(person) == 0


def test_without_a_first_factor_all_are_asked(person: Person, fob: Fob) -> None:
    """A local user with su and a made-up environment is prompted, and uses nothing up."""
    let_in(person)
    with accounts.make() as other, pam.service(enrolment.STACK, "su"):
        done = privilege.su(other, person, ["x"], environment=KEY)
        assert not done.ok
        assert done.prompts == ("Verification code: ",)
        assert left(person) == 2
        assert privilege.su(other, person, [fob.next()]).ok
    assert left(person) == 2


def test_an_old_file_put_back_gives_nothing_back(person: Person, fob: Fob, service: str) -> None:
    """Who can write the home brings no used login back, nor a grant that ended or was reset."""
    del fob
    file = person.home / ".otpauth"
    let_in(person, "--uses", "2")
    old = file.read_bytes()
    assert passes(service, person)
    assert passes(service, person)

    def put_back() -> None:
        file.write_bytes(old)
        os.chown(file, person.uid, person.gid)

    for before in ((), ("bypass", person.name, "--off"), ("unlock", person.name)):
        assert not before or admin(*before).returncode == 0
        put_back()
        assert not passes(service, person)
    assert admin("reset", person.name).returncode == 0
    put_back()
    assert not passes(service, person)


@pytest.mark.parametrize("lost", ["host", "home"])
def test_a_lost_copy(person: Person, fob: Fob, service: str, lost: str) -> None:
    """Without the host's copy one is asked, without the home's one is let in as often as said."""
    del fob
    let_in(person, "--uses", "1")
    file = person.home / ".otpauth"
    (Path("/var/lib/otpauth/users", person.name) if lost == "host" else file).unlink()
    assert passes(service, person) == (lost == "home")
    assert not passes(service, person)


def test_where_the_host_cannot_write(person: Person, fob: Fob, service: str) -> None:
    """While the host's copy cannot be written one is asked, and a login is used up all the same."""
    del fob
    let_in(person, "--uses", "2")
    users = "/var/lib/otpauth/users"
    subprocess.run(("mount", "--bind", users, users), check=True)
    try:
        subprocess.run(("mount", "-o", "remount,bind,ro", users), check=True)
        assert not passes(service, person)
    finally:
        subprocess.run(("umount", "--lazy", users), check=True)
    assert passes(service, person)
    assert not passes(service, person)


def test_limited(person: Person, fob: Fob, service: str) -> None:
    """Whom wrong codes shut out is let in, and stays shut out with codes."""
    for _ in range(3):
        assert not pam.drive(service, person.name, [fob.wrong()], rhost="192.0.2.9").one.ok
    let_in(person)
    start = log.position()
    assert passes(service, person, rhost="192.0.2.9")
    assert not pam.drive(service, person.name, [fob.next()], rhost="192.0.2.9", env=KEY).one.asked
    assert not pam.drive(service, person.name, [fob.next()], rhost="192.0.2.9").one.ok
    assert log.lines(start, containing="reason=AUTH_RATE_LIMITED")


def test_the_next_module_gets_its_password(person: Person, fob: Fob) -> None:
    """With forward_pass the password alone is asked for, and handed on."""
    del fob
    let_in(person)
    line = f"{enrolment.STACK} forward_pass before_password\n{pam.probe('show')}"
    with pam.service(line) as name:
        done = pam.drive(name, person.name, ["hunter2"]).one
    assert done.ok
    assert done.asked == ["Password: "]
    assert any("hunter2" in line for line in done.told)


def test_in_one_box() -> None:
    """In one box the right password alone lets in; a wrong one, or a code, uses nothing up."""
    word = secrets.remember("hunter2-and-more")
    line = enrolment.STACK
    text = f"{line.replace('required', 'optional')} split\nauth requisite pam_unix.so nodelay\n"
    with (
        accounts.make(password=word) as person,
        pam.service(f"{text}{line} after_password") as name,
    ):
        fob = enrolment.fob(person)
        assert pam.drive(name, person.name, [f"{word},{fob.next()}"]).one.ok
        let_in(person, "--uses", "1")
        assert not pam.drive(name, person.name, ["another", "x"]).one.ok
        assert pam.drive(name, person.name, [f"{word},{fob.next()}"]).one.ok
        assert left(person) == 1
        assert pam.drive(name, person.name, [word]).one.asked == ["Password: "]
        assert left(person) == 0
        assert not pam.drive(name, person.name, [word, "x"]).one.ok


def test_not_through_pam_exec(person: Person, fob: Fob) -> None:
    """The other way in asks before it knows, so a code is due there."""
    let_in(person)
    with pam.service(stack()) as name:
        assert not pam.drive(name, person.name, ["x"], env=KEY).one.ok
        assert pam.drive(name, person.name, [fob.next()], env=KEY).one.ok
    assert left(person) == 2


def test_who_is_not_enrolled(person: Person) -> None:
    """It is refused for who is not enrolled, and says what to do; nothing is written."""
    done = admin("bypass", person.name)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not enrolled on this host" in done.stderr
    assert f"hint: otpauth-admin setup {person.name}" in done.stderr
    assert not Path("/var/lib/otpauth/users", person.name).exists()
    assert admin("bypass", person.name, "--off").returncode == 1


def test_words_that_make_no_sense() -> None:
    """Numbers out of range, and --off with numbers, are usage errors."""
    for words in (
        "--hours 0",
        "--hours 169",
        "--uses 0",
        "--uses 101",
        "--uses x",
        "--off --uses 1",
    ):
        assert admin("bypass", "root", *words.split()).returncode == 2, words


def test_a_new_uid_keeps_it(person: Person, fob: Fob, service: str) -> None:
    """A record that is carried over brings its grant along, with what was used of it."""
    del fob
    let_in(person)
    assert passes(service, person)
    assert admin("rename", person.name, person.name).returncode == 0
    assert left(person) == 1


def test_show_and_list_tell(person: Person, fob: Fob) -> None:
    """`show` and `list` say until when and how often; `--off` ends it."""
    del fob
    let_in(person, "--hours", "168", "--uses", "100")
    assert "let in without a code until 20" in admin("show", person.name).stdout
    assert "100 logins left" in admin("list", person.name).stdout
    own = person.run(enrolment.OTPAUTH, "list").stdout
    assert "no code is asked for until 20" in own
    assert "100 logins left" in own
    (listed,) = json.loads(admin("list", person.name, "--json").stdout)
    assert listed["bypass"]["left"] == 100
    assert "asked for a code" in let_in(person, "--off")
    assert left(person) == 0
    assert admin("list", person.name).stdout.rstrip().endswith("ready")
    assert "no code" not in person.run(enrolment.OTPAUTH, "list").stdout
