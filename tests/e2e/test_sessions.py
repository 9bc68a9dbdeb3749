"""Sessions and locks with the real parts: otpauth.conf, libpam, both commands, many at once."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults import logins
from tests.parts import accounts, enrolment, log, pam
from tests.parts.enrolment import admin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person
    from tests.parts.phone import Fob

pytestmark = pytest.mark.stage
CONF = Path("/etc/otpauth/otpauth.conf")
SECRETS = Path("/etc/otpauth/secrets")
HERE, THERE = "192.0.2.7", "192.0.2.8"
LOGINS = 50
PERMIT = "auth required pam_permit.so"
ONE_BOX = (
    "auth optional pam_python.so pam_otpauth.py split",
    "auth requisite pam_unix.so nodelay",
    f"{enrolment.STACK} after_password",
)
WORDS = "session = 10h idle=1h logins=12\nlogout = yes\n"
FAMILY = (
    "[group mail]\nchildren = imap smtp\nsession_children = imap smtp\nsession_master = yes\n"
    f"{WORDS}[group imap]\n{WORDS}[group smtp]\n{WORDS}"
    "[service imap]\ngroup = imap\n[service smtp]\ngroup = smtp\n[service webmail]\ngroup = mail\n"
)


@pytest.fixture
def fob(person: Person) -> Fob:
    """Enrol the person, with one login."""
    device = enrolment.fob(person)
    with pam.service(enrolment.STACK) as name:
        assert pam.drive(name, person.name, [device.next()]).one.ok
    return device


@pytest.fixture
def conf(stage: Path) -> Iterator[Path]:
    """Give where otpauth.conf is, and take it away again, with the secrets."""
    assert stage.is_dir()
    yield CONF
    CONF.unlink(missing_ok=True)
    SECRETS.unlink(missing_ok=True)


def reason(service: str, person: Person, code: str, rhost: str = HERE) -> str:
    """Log in by a PAM service of this name, and return the reason in the log."""
    start = log.position()
    with pam.service(f"{enrolment.STACK}\n{PERMIT}", service):
        done = pam.drive(service, person.name, [code], rhost=rhost).one
    (line,) = log.lines(start, containing=f"user={person.name} service={service} ")
    found = line.text.partition("reason=")[2].split(" ")[0]
    assert done.ok == found.startswith("AUTH_OK")
    return found.removeprefix("AUTH_")


def logout_password(code: str) -> str:
    """Return the password that ends the sessions of a code, as otpauth.conf(5) says."""
    return hmac.digest(code.encode(), b"otpauth logout", "sha256").hex()[:16]


def listed(*words: str) -> list[dict[str, object]]:
    """Return what `otpauth-admin sessions --json` tells."""
    done = admin("sessions", *words, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def test_many_at_once(person: Person, fob: Fob, conf: Path) -> None:
    """Of 50 logins at one instant with one code exactly as many as the session may have pass."""
    conf.write_text("[login]\nsession = 10h logins=12\n")
    with pam.service(f"{enrolment.STACK}\n{PERMIT}") as name:
        storm = pam.storm(name, person.name, [[fob.next()]] * LOGINS, rhost=HERE)
    assert sum(each.one.ok for each in storm) == 12
    (only,) = listed(person.name)
    assert (only["uses"], only["logins"]) == (12, 12)


def test_family(person: Person, fob: Fob, conf: Path) -> None:
    """One code opens the whole family of its group at its own address, and nothing else."""
    conf.write_text(FAMILY)
    code = fob.next()
    assert reason("imap", person, code) == "OK_OTP"
    assert [reason(each, person, code) for each in ("smtp", "webmail", "imap")] == [
        "OK_SESSION"
    ] * 3
    assert reason("imap", person, code, THERE) == "OTP_ALREADY_USED"
    assert reason("ftp", person, code) == "OTP_ALREADY_USED"
    found = {each["group"]: each for each in listed(person.name)}
    assert {group: each["uses"] for group, each in found.items()} == {
        "imap": 2, "smtp": 1, "mail": 1,
    }  # fmt: skip
    assert {each["address"] for each in found.values()} == {HERE}


def test_local_logins(person: Person, fob: Fob, conf: Path) -> None:
    """Without an address a session is the caller's, and root's processes have none."""
    conf.write_text("[login]\nsession = 10m\n")
    code = fob.next()
    with pam.service(f"{enrolment.STACK}\n{PERMIT}") as name:
        for ruser, ok in ((person.name, True), (person.name, True), ("nobody", False), ("", False)):
            assert pam.drive(name, person.name, [code], ruser=ruser).one.ok == ok


def test_logout_password(person: Person, fob: Fob, conf: Path) -> None:
    """What anybody makes of a code who knows it ends its sessions, in the whole family."""
    conf.write_text(FAMILY)
    code, other = fob.next(), fob.next()
    assert reason("webmail", person, code) == "OK_OTP"
    assert reason("webmail", person, other) == "OK_OTP"
    home = person.home / ".otpauth"
    before = home.read_bytes()
    assert reason("smtp", person, logout_password(code)) == "SESSION_LOGOUT"
    assert home.read_bytes() != before
    home.write_bytes(before)  # an old copy put back
    for service in ("webmail", "imap", "smtp"):
        assert reason(service, person, code) == "OTP_ALREADY_USED"
    assert reason("imap", person, other) == "OK_SESSION"


def test_one_box(conf: Path) -> None:
    """Behind the password a session's code, and the password that ends it, do as they do alone."""
    conf.write_text("[login]\nsession = 10m\nlogout = yes\n")
    with accounts.make(password="hunter2") as person, pam.service("\n".join(ONE_BOX)) as name:
        fob = enrolment.fob(person)
        code = fob.next()
        ends = logout_password(code)
        for typed, ok in (
            (f"hunter2{code}", True), (f"hunter2,{code}", True), (f"hunter3{code}", False),
            (f"hunter2,{ends}", False), (f"hunter2{code}", False),
        ):  # fmt: skip
            assert pam.drive(name, person.name, [typed], rhost=HERE).one.ok == ok, typed


def test_forward_pass(conf: Path) -> None:
    """With forward_pass the code alone is a session's, and each password is handed on."""
    conf.write_text("[login]\nsession = 10m\n")
    lines = (f"{enrolment.STACK} forward_pass", "auth required pam_unix.so use_first_pass nodelay")
    with accounts.make(password="hunter2") as person, pam.service("\n".join(lines)) as name:
        fob = enrolment.fob(person)
        code = fob.next()
        for typed, ok in ((f"hunter2{code}", True), (f"hunter2{code}", True), (f"x{code}", False)):
            assert pam.drive(name, person.name, [typed], rhost=HERE).one.ok == ok


@pytest.mark.parametrize("trust", ["sha256", "md5"])
def test_trusted_client(person: Person, fob: Fob, conf: Path, trust: str) -> None:
    """A webmail's hash of a code is accepted; without its secret nobody gets in by one."""
    conf.write_text(
        f"[service webmail]\nclient_secret = {{secret.webmail}}\ntrust = {trust}\nsession = 10m\n"
    )
    SECRETS.write_text("webmail = dbf549610e49f02a\n")
    SECRETS.chmod(0o600)
    code = fob.next()
    key = "dbf549610e49f02a"
    made = hmac.digest(key.encode(), code.encode(), "sha256").hex()
    if trust == "md5":
        made = hashlib.md5(f"{key}{code}".encode(), usedforsecurity=False).hexdigest()
    assert reason("webmail", person, made) == "OK_TRUST_PW"
    assert reason("webmail", person, made) == "OK_SESSION"
    assert reason("webmail", person, code) == "OTP_ALREADY_USED"
    SECRETS.unlink()
    assert reason("webmail", person, made) == "CONFIG_BROKEN"


def test_lock(person: Person, fob: Fob, conf: Path) -> None:
    """Three distinct wrong codes lock; who it is, and what mends it, is told; unlock mends it."""
    conf.write_text("[login]\nlock = 3/admin\nrate_limit = 9/30s\n")
    wrong = [f"{number:06}" for number in range(1, 9)]
    for code in (*wrong[:3], wrong[0], wrong[1]):
        if reason("imap", person, code, THERE) == "USER_LOCKED":
            break
    copy = logins.USERS / person.name
    before = copy.stat().st_mtime_ns
    assert reason("imap", person, fob.next(), THERE) == "USER_LOCKED"
    assert copy.stat().st_mtime_ns == before
    told = admin("why", person.name).stdout
    assert "locked after too many wrong codes, outside of groups until an administrator" in told
    assert f"otpauth-admin unlock {person.name}" in told
    assert "locked outside of groups" in admin("show", person.name).stdout
    assert "locked outside of groups" in admin("list", person.name).stdout
    (entry,) = json.loads(admin("list", person.name, "--json").stdout)
    assert entry["locked"] == [{"group": "", "until": None}]
    assert admin("unlock", person.name).returncode == 0
    assert reason("imap", person, fob.next(), THERE) == "OK_OTP"


def test_users_logout(person: Person, fob: Fob, conf: Path) -> None:
    """`otpauth logout` asks for no code, and holds at the very next login with the old one."""
    conf.write_text("[setup]\nchanges = admin\n[login]\nsession = 10m\n")
    code = fob.next()
    assert [reason("imap", person, code) for _ in range(2)] == ["OK_OTP", "OK_SESSION"]
    for _ in range(2):
        done = person.run(enrolment.OTPAUTH, "logout")
        assert done.returncode == 0, done.stderr
    assert "waits for the administrator" not in person.run(enrolment.OTPAUTH, "list").stdout
    assert (person.home / ".otpauth").read_text().count("proposal logout") == 1
    assert reason("imap", person, code) == "OTP_ALREADY_USED"
    assert "proposal logout" not in (person.home / ".otpauth").read_text()
    assert listed(person.name) == []


def test_nobody_is_logged_out(person: Person, conf: Path) -> None:
    """Who has nothing enrolled has nothing to end, and no file afterwards."""
    assert not conf.exists()
    assert person.run(enrolment.OTPAUTH, "logout").returncode == 1
    assert admin("logout", person.name).returncode == 1
    assert "no sessions" in admin("sessions", person.name, "--all").stdout
    assert not (person.home / ".otpauth").exists()
    assert not (logins.USERS / person.name).exists()


def test_administrator_ends(person: Person, fob: Fob, conf: Path) -> None:
    """Root sees every session, and ends one, all of a user, or all there are."""
    conf.write_text("[login]\nsession = 10m idle=1m\n")
    first, second = fob.next(), fob.next()
    assert reason("imap", person, first) == reason("smtp", person, second) == "OK_OTP"
    one, two = listed(person.name)
    assert (one["service"], two["service"], one["token"]) == ("imap", "smtp", "phone")
    table = admin("sessions").stdout
    assert f"{one['id']}  {person.name}" in table
    assert "1 of 10" in table
    assert admin("sessions", "--end", "0" * 16).returncode == 1
    assert admin("sessions", "--end", str(one["id"])).returncode == 0
    assert reason("imap", person, first) == "OTP_ALREADY_USED"
    assert reason("smtp", person, second) == "OK_SESSION"
    assert admin("sessions", person.name, "--all").returncode == 0
    assert reason("smtp", person, second) == "OTP_ALREADY_USED"
    assert "no sessions" in admin("sessions", person.name).stdout
    third = fob.next()
    assert reason("ftp", person, third) == "OK_OTP"
    assert admin("logout", person.name).returncode == 0
    assert reason("ftp", person, third) == "OTP_ALREADY_USED"
