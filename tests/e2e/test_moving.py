"""Moving in from google-authenticator and pam_oath: the phone as it is logs in right afterwards.

Each file is left by real logins through Debian's own modules; then root or its owner imports it.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.parts import accounts, enrolment, pam, secrets, waiting
from tests.parts.phone import Fob, Phone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

admin = enrolment.admin
SPARE = ("23456789", "34567891", "45678912")
CROWD = 200
UNMOUNTED = 20  # of the crowd


@pytest.fixture
def ours(stage: Path) -> Iterator[str]:
    """Give a service that wants a code of ours."""
    assert stage.is_dir()
    with pam.service(enrolment.STACK) as name:
        yield name


@pytest.fixture
def oath_users(stage: Path) -> Iterator[tuple[str, Path]]:
    """Give a service of pam_oath, and the file of its users."""
    path = stage / "tmp" / "users.oath"
    with pam.service(f"auth required pam_oath.so usersfile={path} window=10") as name:
        yield name, path
    path.unlink(missing_ok=True)


def write_google(person: Person, secret: str, *lines: str, spare: tuple[str, ...] = ()) -> Path:
    """Write a person's file as the setup tool of google-authenticator does."""
    path = person.home / ".google_authenticator"
    path.unlink(missing_ok=True)
    text = "\n".join([secret, *(f'" {line}' for line in lines), *spare, ""])
    path.write_text(text, encoding="ascii")
    path.chmod(0o400)
    os.chown(path, person.uid, person.gid)
    return path


def ok(service: str, person: Person, code: str) -> bool:
    """Log in with a code."""
    return pam.drive(service, person.name, [code]).one.ok


def moved(*words: str) -> str:
    """Run the administrator's import, which must succeed; return what it prints."""
    done = admin("import", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_google_totp(person: Person, google: str, ours: str) -> None:
    """A phone of google-authenticator goes on; its last code and a used scratch code do not."""
    secret = enrolment.new_secret()
    phone = Phone(secret)
    write_google(person, secret, "RATE_LIMIT 3 30", "DISALLOW_REUSE", "TOTP_AUTH", spare=SPARE)
    code = phone.next()
    assert ok(google, person, code)
    assert ok(google, person, SPARE[1])
    assert moved(person.name) == f"{person.name}: phone, scratch moved\n1 moved\n"
    assert not ok(ours, person, code)
    assert not ok(ours, person, SPARE[1])
    assert ok(ours, person, phone.next())
    assert ok(ours, person, SPARE[0])
    assert not ok(ours, person, SPARE[0])


def test_google_with_reuse(person: Person, google: str, ours: str) -> None:
    """A code that google-authenticator would take once more is refused after the move."""
    secret = enrolment.new_secret()
    write_google(person, secret, "TOTP_AUTH")
    phone = Phone(secret)
    code = phone.code()
    assert ok(google, person, code)
    assert ok(google, person, code)
    done = admin("import", person.name)
    assert "all up to now are used up" in done.stderr
    assert not ok(ours, person, code)
    assert not ok(ours, person, phone.code(offset_steps=1))


def test_google_hotp(person: Person, google: str, ours: str) -> None:
    """A counter-based token of google-authenticator goes on where it was."""
    fob = Fob(enrolment.new_secret(), counter=1)
    write_google(person, fob.secret, "HOTP_COUNTER 1")
    used = [fob.next() for _ in range(3)]
    assert all(ok(google, person, code) for code in used)
    moved(person.name)
    assert not any(ok(ours, person, code) for code in used)
    assert ok(ours, person, fob.next())


def test_google_slow_phone(person: Person, google: str, ours: str) -> None:
    """A phone that google-authenticator knows to be 20 minutes slow goes on as it is."""
    secret = enrolment.new_secret()
    phone = Phone(secret, skew=-1200)
    write_google(person, secret, "DISALLOW_REUSE", "TIME_SKEW -40", "TOTP_AUTH")
    code = phone.next()
    assert ok(google, person, code)
    moved(person.name)
    assert not ok(ours, person, code)
    assert ok(ours, person, phone.next())


def test_google_old_secret(person: Person, google: str, ours: str) -> None:
    """A secret of 80 bits, as google-authenticator made them for years, is moved and marked."""
    secret = enrolment.new_secret(10)
    phone = Phone(secret)
    write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH")
    assert ok(google, person, phone.next())
    done = admin("import", person.name)
    assert "weak, 80 bits" in done.stderr
    assert ok(ours, person, phone.next())
    assert "weak (80 bits)" in admin("show", person.name).stdout
    assert "weak (80 bits)" in person.run(enrolment.OTPAUTH, "list").stdout


def test_google_by_its_owner(person: Person, google: str, ours: str) -> None:
    """What a user imports himself waits for his next login, which the old phone opens."""
    secret = enrolment.new_secret()
    phone = Phone(secret)
    write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH", spare=SPARE)
    code = phone.next()
    assert ok(google, person, code)
    done = person.run(enrolment.OTPAUTH, "import")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "otpauth: phone, scratch: ready at your next login\n"
    assert not ok(ours, person, code)
    assert ok(ours, person, phone.next())
    assert ok(ours, person, SPARE[2])


@pytest.mark.parametrize("kind", ["HOTP/T30/6", "HOTP/E/6"])
def test_oath(person: Person, oath_users: tuple[str, Path], ours: str, kind: str) -> None:
    """A token of pam_oath goes on; the code it took last, and those before, do not."""
    theirs, path = oath_users
    device = Phone(enrolment.new_secret()) if "T" in kind[4:] else Fob(enrolment.new_secret())
    key = base64.b32decode(device.secret).hex()
    path.write_text(f"# people\n{kind}\t{person.name}\t-\t{secrets.remember(key)}\n")
    path.chmod(0o600)
    used = [device.next(), device.next()]
    assert all(ok(theirs, person, code) for code in used)
    moved(person.name, "--from", str(path))
    assert not any(ok(ours, person, code) for code in used)
    assert ok(ours, person, device.next())


def test_a_second_run_joins(person: Person, google: str, ours: str) -> None:
    """What google-authenticator took since is refused after a second run, and nothing is reset."""
    secret = enrolment.new_secret()
    phone = Phone(secret)
    write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH", spare=SPARE)
    moved(person.name)
    assert ok(ours, person, SPARE[0])
    code = phone.next()
    assert ok(google, person, code)
    assert ok(google, person, SPARE[1])
    assert moved(person.name) == f"{person.name}: state moved\n1 moved\n"
    assert moved(person.name) == "0 moved, 1 here already\n"
    assert not any(ok(ours, person, each) for each in (code, SPARE[0], SPARE[1]))
    assert ok(ours, person, SPARE[2])
    assert ok(ours, person, phone.next())


def test_removed_here_stays_removed(person: Person, ours: str) -> None:
    """Neither a token nor scratch codes that were removed come back by another run."""
    secret = enrolment.new_secret()
    phone = Phone(secret)
    path = write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH", spare=SPARE)
    moved(person.name)
    assert admin("remove", person.name, "phone", "scratch").returncode == 0
    write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH", spare=SPARE[1:])
    done = admin("import", person.name, "--remove-originals")
    assert "a secret that was removed on this host is not moved again" in done.stderr
    assert path.exists()
    assert not any(ok(ours, person, code) for code in (phone.next(), *SPARE))


def test_dry_run(person: Person) -> None:
    """A dry run says what would come of it, and changes nothing."""
    path = write_google(person, enrolment.new_secret(), "DISALLOW_REUSE", "TOTP_AUTH")
    text = moved(person.name, "--dry-run", "--remove-originals")
    assert text == f"{person.name}: phone would be moved\n1 would be moved\n"
    assert path.exists()
    assert "not enrolled" in admin("show", person.name).stdout


def test_originals_are_removed(person: Person, ours: str) -> None:
    """With --remove-originals the file is gone, which is said, and the record lets in."""
    secret = enrolment.new_secret()
    path = write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH")
    text = moved(person.name, "--remove-originals")
    assert text == f"{person.name}: phone moved\n{str(path)!r} removed\n1 moved\n"
    assert not path.exists()
    assert ok(ours, person, Phone(secret).next())


def test_a_shared_file_is_removed_when_all_are_moved(
    person: Person, oath_users: tuple[str, Path]
) -> None:
    """A file of several users is removed once everybody whom it names was moved."""
    _, path = oath_users
    keys = [secrets.remember(os.urandom(20).hex()) for _ in range(2)]
    with accounts.make() as other:
        lines = [
            f"HOTP/E {each.name} - {key}\n" for each, key in zip((person, other), keys, strict=True)
        ]
        path.write_text("".join([*lines, "HOTP/E nobody-here - 00\n"]))
        path.chmod(0o600)
        done = admin("import", "--all", "--from", str(path), "--remove-originals")
        assert done.returncode == 1
        assert "nobody-here: no account 'nobody-here'" in done.stderr
        assert "is left: not everybody in it was moved" in done.stderr
        assert done.stdout.endswith("2 moved, 1 not moved\n")
        path.write_text("".join(lines))
        assert "2 here already" in moved("--all", "--from", str(path), "--remove-originals")
        assert not path.exists()


@pytest.mark.parametrize("trap", ["link", "fifo", "folder", "foreign", "writable", "folder-link"])
def test_traps(person: Person, trap: str) -> None:
    """Root reads nothing for a user that he could not read, and nothing that would hang."""
    secret = enrolment.new_secret()
    path = write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH")
    words = [person.name]
    if trap in ("link", "folder-link"):
        target = Path("/root/secret")
        target.mkdir(exist_ok=True)
        shutil.move(path, target / path.name)
        os.chown(target / path.name, 0, 0)
        (person.home / "to").symlink_to(target)
        if trap == "link":
            path.symlink_to(target / path.name)
        else:
            words += ["--from", "~/to/.google_authenticator"]
    elif trap == "fifo":
        path.unlink()
        os.mkfifo(path)
        os.chown(path, person.uid, person.gid)
    elif trap == "folder":
        path.unlink()
        path.mkdir()
    elif trap == "foreign":
        os.chown(path, 0, 0)
    else:
        path.chmod(0o666)
    began = time.monotonic()
    done = admin("import", *words)
    assert time.monotonic() - began < 10
    assert done.returncode == 1
    assert f"otpauth-admin: error: {person.name}: '{person.home}/" in done.stderr
    assert "hint: " in done.stderr
    assert "not enrolled" in admin("show", person.name).stdout


def test_a_fault_is_named(person: Person) -> None:
    """A file that is not understood is named with its line and its mend, and nothing is moved."""
    write_google(person, enrolment.new_secret(), "TOTP_AUTH", "STEP_SIZE 90", spare=SPARE)
    done = admin("import", person.name)
    assert done.returncode == 1
    assert f"error: {person.name}: '{person.home}/.google_authenticator': line 3: " in done.stderr
    assert done.stdout == "0 moved, 1 not moved\n"


@contextmanager
def crowd() -> Iterator[list[tuple[str, Path, str]]]:
    """Give 200 accounts by name, home and secret, the homes of the last 20 not mounted."""
    people = [(f"crowd{n}", Path(f"/home/crowd{n}"), enrolment.new_secret()) for n in range(CROWD)]
    passwd = Path("/etc/passwd")
    before = passwd.read_bytes()
    rows = [
        f"{name}:x:{30000 + n}:100::{home}:/bin/sh\n" for n, (name, home, _) in enumerate(people)
    ]
    passwd.write_bytes(before + "".join(rows).encode())
    for number, (_, home, _) in enumerate(people):
        home.mkdir()
        if number < CROWD - UNMOUNTED:
            furnish(people, number)
    try:
        yield people
    finally:
        passwd.write_bytes(before)
        for name, home, _ in people:
            subprocess.run(("rm", "-rf", str(home)), check=True)
            Path("/var/lib/otpauth/users", name).unlink(missing_ok=True)


def furnish(people: list[tuple[str, Path, str]], number: int) -> None:
    """Give one of the crowd his home: every third one has a fob, the others a phone, all used."""
    _, home, secret = people[number]
    used = f"DISALLOW_REUSE {int(time.time()) // 30}", "TOTP_AUTH"
    lines = ("HOTP_COUNTER 6",) if number % 3 == 0 else used
    path = home / ".google_authenticator"
    path.write_text("\n".join([secret, *(f'" {line}' for line in lines), ""]), encoding="ascii")
    path.chmod(0o400)
    for each in (path, home):
        os.chown(each, 30000 + number, 100)


def goes_on(ours: str, people: list[tuple[str, Path, str]], number: int) -> None:
    """Assert that one of the crowd logs in with what he has, but not with a code used before."""
    name, home, secret = people[number]
    if number % 3 == 0:
        fob = Fob(secret, counter=6)
        used, code = fob.code(5), fob.next()
    else:
        phone = Phone(secret)
        line = (home / ".google_authenticator").read_text(encoding="ascii").splitlines()[1]
        used = phone.code(at=int(line.split()[-1]) * 30)
        code = phone.next()
    assert not pam.drive(ours, name, [used]).one.ok
    assert pam.drive(ours, name, [code]).one.ok


def test_a_crowd(ours: str) -> None:
    """Of 200 users those whose homes are there are moved, stopped halfway or not; others named."""
    with crowd() as people:
        command = (enrolment.ADMIN, "import", "--all")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as first:
            copy = Path("/var/lib/otpauth/users", people[9][0])
            waiting.wait_until(copy.exists, 30, what="the tenth user")
            first.send_signal(signal.SIGINT)
            out, err = first.communicate(timeout=60)
        assert first.returncode == 1
        assert b"stopped; the same command goes on where it was" in err
        done_first = out.decode().count(" phone moved\n")
        assert 9 <= done_first < CROWD - UNMOUNTED
        done = admin("import", "--all")
        assert done.returncode == 1
        assert done.stdout.count(" phone moved\n") >= CROWD - UNMOUNTED - done_first - 1
        for name, home, _ in people[-UNMOUNTED:]:
            assert f"error: {name}: '{home}/.google_authenticator': the home is not" in done.stderr
        assert done.stderr.count("otpauth-admin: error: ") == UNMOUNTED
        there = CROWD - UNMOUNTED
        for number in (0, 1, 2, 3, 100, there - 1):
            goes_on(ours, people, number)
        listed = json.loads(admin("list", "--json").stdout)
        names = {each["user"] for each in listed}
        assert names >= {name for name, _, _ in people[:-UNMOUNTED]}
        assert not names & {name for name, _, _ in people[-UNMOUNTED:]}
        for number in range(there, CROWD):
            furnish(people, number)
        done = admin("import", "--all")
        assert (done.returncode, done.stdout.count(" phone moved\n")) == (0, UNMOUNTED)
        for number in (there, there + 1, CROWD - 1):
            goes_on(ours, people, number)


def test_moving_out(person: Person, google: str, ours: str) -> None:
    """What is exported lets in where it came from, but not with a code that was used here."""
    secret = enrolment.new_secret()
    phone = Phone(secret)
    write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH")
    moved(person.name)
    code = phone.next()
    assert ok(ours, person, code)
    done = admin("export", person.name, "--format", "google-authenticator")
    assert done.returncode == 0
    assert "the secrets are in the clear" in done.stderr
    first, *rest = done.stdout.splitlines()
    write_google(person, first, *(line.removeprefix('" ') for line in rest))
    assert not ok(google, person, code)
    assert ok(google, person, phone.next())
