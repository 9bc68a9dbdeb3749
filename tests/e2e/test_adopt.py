"""adopt=: one word in the PAM line moves each user at his next login, within that login."""

from __future__ import annotations

import base64
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_moving import SPARE, ok, write_google
from tests.parts import accounts, client, enrolment, log, pam, secrets
from tests.parts.phone import Fob, Phone
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.parts.accounts import Person

admin = enrolment.admin
USERS = Path("/etc/users.oath")
KEY = {"SSH_AUTH_INFO_0": "publickey ssh-ed25519 AAAA"}


@pytest.fixture
def ours(stage: Path) -> Iterator[str]:
    """Give a service that adopts from google-authenticator."""
    assert stage.is_dir()
    with pam.service(f"{enrolment.STACK} adopt=google-authenticator") as name:
        yield name


def tokens(person: Person) -> str:
    """Return what the administrator sees of a person."""
    return admin("show", person.name).stdout


def faults(person: Person, service: str, code: str) -> str:
    """Fail to log in, and return what the log says of the move."""
    start = log.position()
    assert not ok(service, person, code)
    assert "is not enrolled" in tokens(person)
    return "\n".join(line.text for line in log.lines(start, containing="verb=adopt"))


def test_google_totp(person: Person, google: str, ours: str) -> None:
    """The line is swapped, and the phone goes on; what was used before is refused."""
    secret = enrolment.new_secret()
    phone = Phone(secret)
    path = write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH", spare=SPARE)
    code = phone.next()
    assert ok(google, person, code)
    assert ok(google, person, SPARE[0])
    start = log.position()
    assert not ok(ours, person, code)
    (line,) = log.lines(start, containing="verb=adopt")
    assert "result=adopted" in line.text
    assert ok(ours, person, phone.next())
    assert not ok(ours, person, SPARE[0])
    assert ok(ours, person, SPARE[1])
    assert path.exists()


def test_accepted_in_the_same_login(person: Person, ours: str) -> None:
    """The login that moves a user accepts his code, also where google-authenticator kept none."""
    secret = enrolment.new_secret()
    write_google(person, secret, "TOTP_AUTH", spare=SPARE)
    code = Phone(secret).next()
    assert ok(ours, person, code)
    assert not ok(ours, person, code)


def test_google_hotp(person: Person, google: str, ours: str) -> None:
    """A counter-based token goes on where it was."""
    fob = Fob(enrolment.new_secret(), counter=1)
    write_google(person, fob.secret, "HOTP_COUNTER 1")
    assert ok(google, person, fob.next())
    assert ok(ours, person, fob.next())


@pytest.mark.parametrize("kind", ["HOTP/T30/6", "HOTP/E/6"])
def test_oath(person: Person, kind: str) -> None:
    """Users of pam_oath are moved from its file; its last code is refused."""
    device = Phone(enrolment.new_secret()) if "T" in kind[4:] else Fob(enrolment.new_secret())
    key = secrets.remember(base64.b32decode(device.secret).hex())
    USERS.write_text(f"HOTP bad-line\n{kind} {person.name} - {key}\n")
    USERS.chmod(0o600)
    try:
        with pam.service(f"auth required pam_oath.so usersfile={USERS} window=10") as theirs:
            code = device.next()
            assert ok(theirs, person, code)
        with pam.service(f"{enrolment.STACK} adopt=oath:{USERS}") as name:
            assert not ok(name, person, code)
            assert ok(name, person, device.next())
    finally:
        USERS.unlink()


def test_oath_file_of_others(person: Person) -> None:
    """A file that others than root may write moves nobody."""
    secret = os.urandom(20)
    USERS.write_text(f"HOTP {person.name} - {secrets.remember(secret.hex())}\n")
    USERS.chmod(0o622)
    code = Fob(base64.b32encode(secret).decode()).next()
    try:
        with pam.service(f"{enrolment.STACK} adopt=oath") as name:
            assert "written%20by%20others" in faults(person, name, code)
    finally:
        USERS.unlink()


def test_once(person: Person, ours: str) -> None:
    """Whoever has a record is not moved again: not by another file, not after a reset."""
    first, second = enrolment.new_secret(), enrolment.new_secret()
    write_google(person, first, "DISALLOW_REUSE", "TOTP_AUTH")
    assert ok(ours, person, Phone(first).next())
    path = write_google(person, second, "DISALLOW_REUSE", "TOTP_AUTH")
    assert not ok(ours, person, Phone(second).next())
    path.unlink()
    os.mkfifo(path)
    began = time.monotonic()
    assert ok(ours, person, Phone(first).code(offset_steps=1))
    assert time.monotonic() - began < 2
    path.unlink()
    assert admin("reset", person.name).returncode == 0
    (person.home / ".otpauth").unlink()
    write_google(person, first, "DISALLOW_REUSE", "TOTP_AUTH")
    assert faults(person, ours, Phone(first).code(offset_steps=2)) == ""


def test_formats_are_loaded_for_newcomers_only(person: Person, ours: str) -> None:
    """A login of somebody who has a record, or no file, does not load the formats."""
    formats = Path("/usr/local/lib/otpauth/otpauth/formats")
    with accounts.make() as other:
        fob = enrolment.fob(person)
        secret = enrolment.new_secret()
        assert ok(ours, person, fob.next())
        write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH")
        formats.rename(formats.with_name("away"))
        try:
            assert ok(ours, person, fob.next())
            assert pam.drive(ours, other.name, ["123456"]).one.code == "PAM_AUTH_ERR"
            write_google(other, secret, "DISALLOW_REUSE", "TOTP_AUTH")
            assert not ok(ours, other, Phone(secret).next())
        finally:
            formats.with_name("away").rename(formats)
        assert ok(ours, other, Phone(secret).code())


def test_a_fault_is_in_the_log(person: Person, ours: str) -> None:
    """A file that is not understood refuses its user, and the log names file and line."""
    path = write_google(person, enrolment.new_secret(), "TOTP_AUTH", "STEP_SIZE 90")
    said = faults(person, ours, "123456")
    assert f"name={path}" in said
    assert "line%203" in said


@pytest.mark.parametrize("trap", ["link", "foreign", "fifo"])
def test_traps(person: Person, ours: str, trap: str) -> None:
    """A file that its user could not have written moves nobody, and holds nobody up."""
    secret = enrolment.new_secret()
    path = write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH")
    if trap == "foreign":
        os.chown(path, 0, 0)
    else:
        path.rename(path.with_name("aside"))
        path.symlink_to("aside") if trap == "link" else os.mkfifo(path)
    began = time.monotonic()
    assert "result=" in faults(person, ours, Phone(secret).next())
    assert time.monotonic() - began < 5


def test_nullok(person: Person) -> None:
    """With nullok nobody who has a file passes without a code; whoever has none does."""
    line = f"{enrolment.STACK} nullok adopt=google-authenticator\nauth required pam_permit.so"
    secret = enrolment.new_secret()
    with pam.service(line) as name:
        free = pam.drive(name, person.name, ["000000"], env=KEY).one
        assert (free.ok, free.asked) == (True, [])
        path = write_google(person, secret, "TOTP_AUTH", "STEP_SIZE 90")
        broken = pam.drive(name, person.name, ["000000"], env=KEY).one
        assert (broken.ok, bool(broken.asked)) == (False, True)
        path.unlink()
        write_google(person, secret, "TOTP_AUTH")
        assert not pam.drive(name, person.name, ["000000"], env=KEY).one.ok
        assert pam.drive(name, person.name, [Phone(secret).next()], env=KEY).one.ok


@pytest.mark.parametrize("word", ["adopt=", "adopt=otpw", "adopt=oath:users.oath", "adopt"])
def test_bad_words(person: Person, word: str) -> None:
    """A word that names no software or no path refuses everybody, unasked."""
    with pam.service(f"{enrolment.STACK} {word}") as name:
        done = pam.drive(name, person.name, ["123456"]).one
    assert (done.code, done.asked) == ("PAM_AUTHINFO_UNAVAIL", [])


def test_without_the_word(person: Person) -> None:
    """Without adopt= the file of google-authenticator enrols nobody."""
    secret = enrolment.new_secret()
    write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH")
    with pam.service(enrolment.STACK) as name:
        assert not ok(name, person, Phone(secret).next())
    assert "is not enrolled" in tokens(person)


def test_over_ssh(person: Person) -> None:
    """With a real sshd the swapped line is all: the next login is with the phone as it is."""
    secret = enrolment.new_secret()
    phone = Phone(secret)
    write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH", spare=SPARE)
    with Sshd("auth required pam_google_authenticator.so") as theirs:
        code = phone.next()
        assert client.login(person, theirs, [code]).ok
    with Sshd(f"{enrolment.STACK} adopt=google-authenticator") as ours:
        assert not client.login(person, ours, [code]).ok
        assert client.login(person, ours, [phone.next()]).ok
        assert client.login(person, ours, [SPARE[0]]).ok
    assert "phone" in tokens(person)


@pytest.fixture
def oath_file(stage: Path, person: Person) -> Iterator[Callable[[str, str], None]]:
    """Give what writes the person's line of pam_oath's file: its kind and password, the secret."""
    assert stage.is_dir()

    def write(begin: str, secret: str) -> None:
        kind, password = begin.split()
        key = secrets.remember(base64.b32decode(secret).hex())
        USERS.touch(mode=0o600)
        USERS.write_text(f"{kind} {person.name} {password} {key}\n", encoding="ascii")

    yield write
    USERS.unlink()


def test_a_caller_s_time_zone_revives_nothing(
    person: Person, oath_file: Callable[[str, str], None]
) -> None:
    """pam_oath's local times are read in the host's zone, not in that of su's caller."""
    phone = Phone(enrolment.new_secret())
    oath_file("HOTP/T30/6 -", phone.secret)
    with pam.service(f"auth required pam_oath.so usersfile={USERS} window=10 digits=6") as theirs:
        used = phone.next()
        assert ok(theirs, person, used)
    with pam.service(f"{enrolment.STACK} adopt=oath") as name:
        for zone in ("AAA-1", "AAA0:40"):
            done = pam.drive(name, person.name, [used], ruid=65534, environment={"TZ": zone})
            assert not done.one.ok
        assert ok(name, person, phone.next())


def test_a_password_before_the_code_is_not_dropped(
    person: Person, oath_file: Callable[[str, str], None]
) -> None:
    """Who needs a password and a code with pam_oath is not moved to the code alone."""
    fob = Fob(enrolment.new_secret())
    oath_file("HOTP 4711", fob.secret)
    with pam.service(f"auth required pam_oath.so usersfile={USERS} window=10 digits=6") as theirs:
        assert not ok(theirs, person, fob.next())
        assert ok(theirs, person, f"4711{fob.next()}")
    with pam.service(f"{enrolment.STACK} adopt=oath") as name:
        assert "password" in faults(person, name, fob.next())


def test_a_reset_record_is_not_brought_again(person: Person, ours: str) -> None:
    """After `reset` of a record that does not open, too, the old file is not looked at again."""
    write_google(person, enrolment.new_secret(), "DISALLOW_REUSE", "TOTP_AUTH", spare=SPARE)
    assert ok(ours, person, SPARE[0])
    (person.home / ".otpauth").unlink()
    Path("/var/lib/otpauth/users", person.name).write_bytes(b"otpauth 1\nbroken\n")
    assert not ok(ours, person, SPARE[1])
    assert admin("reset", person.name).returncode == 0
    assert not ok(ours, person, SPARE[0])


def test_an_unfit_home_copy_is_no_lack_of_one(person: Person, ours: str) -> None:
    """Without the host's copy, where the home's cannot be read, nobody is moved a second time."""
    write_google(person, enrolment.new_secret(), "DISALLOW_REUSE", "TOTP_AUTH", spare=SPARE)
    assert ok(ours, person, SPARE[0])
    Path("/var/lib/otpauth/users", person.name).unlink()
    (person.home / ".otpauth").chmod(0o666)
    assert not ok(ours, person, SPARE[0])


def test_a_file_that_others_may_read_is_not_taken(person: Person, google: str, ours: str) -> None:
    """A secret that is no secret is refused, as by google-authenticator."""
    secret = enrolment.new_secret()
    phone = Phone(secret)
    write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH").chmod(0o644)
    assert not ok(google, person, phone.next())
    assert "mode" in faults(person, ours, phone.next())


def test_secret_of_the_old_line_goes_on(person: Person) -> None:
    """A line with secret= needs adopt= and nothing else; the user's own tool works after it."""
    secret = enrolment.new_secret()
    phone = Phone(secret)
    write_google(person, secret, "DISALLOW_REUSE", "TOTP_AUTH").rename(person.home / ".codes")
    line = f"{enrolment.STACK} secret=${{HOME}}/.codes adopt=google-authenticator"
    with pam.service(line) as name:
        assert ok(name, person, phone.next())
    assert "phone" in person.run(enrolment.OTPAUTH, "list").stdout


def test_a_rejected_proposal_is_not_adopted(
    person: Person, oath_file: Callable[[str, str], None]
) -> None:
    """`reject` drops a first enrolment, and nullok lets nobody pass who has an old one."""
    old, bogus = Fob(enrolment.new_secret()), enrolment.fob(person)
    oath_file("HOTP -", old.secret)
    digest = re.search(r"\b[0-9a-f]{16}\b", tokens(person))
    assert digest
    assert "dropped" in admin("reject", person.name, digest[0]).stdout
    assert "is not enrolled" in tokens(person)
    with pam.service(enrolment.STACK) as name:
        assert not ok(name, person, bogus.next())
    (person.home / ".otpauth").unlink(missing_ok=True)
    stack = f"{enrolment.STACK} nullok adopt=oath\nauth required pam_permit.so"
    with pam.service(stack) as name:
        assert not pam.drive(name, person.name, [], env=KEY).one.ok
