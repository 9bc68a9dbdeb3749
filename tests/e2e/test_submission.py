"""Submission: a real Postfix, which has a real Dovecot ask PAM."""

from __future__ import annotations

import hmac
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import login
from tests.e2e.test_onebox import reasons
from tests.parts import accounts, enrolment, log, postfix
from tests.parts.dovecot import Dovecot
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person
    from tests.parts.postfix import Mail

GROUPS = """
[service imap]
group = imap

[service submission]
pam = smtp
group = smtp

[group imap]
session = 1h

[group smtp]
session = 1h

[group mail]
children = imap smtp
session_children = imap smtp
session_master = yes
session = 1h
"""
WEBMAIL = """
[service webmail]
pam = imap smtp
from = 127.0.0.1
group = mail
client_secret = {secret.webmail}
session = 10h logins=0
logout = yes

[group mail]
"""


@pytest.fixture
def secrets_file(stage: Path) -> Iterator[Path]:
    """Give where the secrets of otpauth.conf are, and take them away again."""
    assert stage.is_dir()
    path = Path("/etc/otpauth/secrets")
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def doors(stage: Path) -> Iterator[tuple[Dovecot, Mail]]:
    """Give a server for IMAP, and one for mail that asks it for passwords."""
    folder = stage / "tmp" / "submission"
    folder.mkdir(mode=0o755)
    with (
        Dovecot(enrolment.STACK, by_protocol=True) as imap,
        postfix.running(folder, passwords=imap.socket) as mail,
    ):
        yield imap, mail
    shutil.rmtree(folder)


@pytest.fixture
def bob(stage: Path) -> Iterator[Person]:
    """Give somebody to write to."""
    assert stage.is_dir()
    with accounts.make() as made:
        yield made


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_mail_is_taken_for_a_code(
    doors: tuple[Dovecot, Mail], person: Person, bob: Person, mechanism: str
) -> None:
    """A right code sends a message, which arrives; no code, a used or a wrong one does not."""
    _, mail = doors
    fob = enrolment.fob(person)
    to = f"{bob.name}@example.org"
    code = fob.next()
    answers = ("", fob.wrong(), code, code, fob.wrong())
    sent = [mail.submit(person.name, each, to, mechanism=mechanism) for each in answers]
    assert sent == [False, False, True, False, False]
    wait_until(lambda: mail.of(bob.name), 20, what="the message arrives")
    (message,) = mail.of(bob.name)
    assert message["From"] == f"{person.name}@example.org"


def test_one_code_for_both(doors: tuple[Dovecot, Mail], person: Person, conf: Path) -> None:
    """Where their group is the session's master, the code of the one opens the other, both ways."""
    conf.write_text(GROUPS)
    imap, mail = doors
    fob = enrolment.fob(person)
    assert imap.login(person.name, fob.next())
    start = log.position()
    code = fob.next()
    for _ in range(2):
        assert mail.submit(person.name, code, "root@example.org")
        assert imap.login(person.name, code)
    assert not imap.login(person.name, code, address="127.0.0.2")
    assert not mail.submit(person.name, fob.wrong(), "root@example.org")
    told = [login.OK_OTP, *[login.OK_SESSION] * 3, login.ALREADY_USED, login.FAILED]
    assert reasons(start) == told


def test_a_webmail(
    doors: tuple[Dovecot, Mail], person: Person, conf: Path, secrets_file: Path
) -> None:
    """What a webmail makes of a code opens both from its address alone, until it logs out."""
    conf.write_text(WEBMAIL)
    secrets_file.write_text("webmail = dbf549610e49f02a\n")
    secrets_file.chmod(0o600)
    imap, mail = doors
    fob = enrolment.fob(person)
    assert imap.login(person.name, fob.next())
    made = hmac.digest(b"dbf549610e49f02a", fob.next().encode(), "sha256").hex()
    ends = hmac.digest(made.encode(), b"otpauth logout", "sha256").hex()[:16]
    start = log.position()
    assert imap.login(person.name, made)
    assert imap.login(person.name, made)
    assert mail.submit(person.name, made, "root@example.org")
    assert not imap.login(person.name, made, address="127.0.0.2")
    assert not imap.login(person.name, ends)
    assert not mail.submit(person.name, made, "root@example.org")
    assert reasons(start) == [
        *(login.OK_TRUST, login.OK_SESSION, login.OK_SESSION, login.NO_CODE),
        *(login.SESSION_LOGOUT, login.ALREADY_USED),
    ]


def test_an_app_password_for_one(doors: tuple[Dovecot, Mail], person: Person, conf: Path) -> None:
    """What is good for reading mail sends none; what is good for the group does both."""
    conf.write_text(GROUPS)
    imap, mail = doors
    fob = enrolment.fob(person)
    assert imap.login(person.name, fob.next())
    reader = enrolment.app_password(person, "reader", "imap")
    laptop = enrolment.app_password(person, "laptop", "mail")
    assert imap.login(person.name, reader)
    assert imap.login(person.name, laptop)
    assert not mail.submit(person.name, reader, "root@example.org")
    assert mail.submit(person.name, laptop, "root@example.org")


def test_the_service_and_the_address(doors: tuple[Dovecot, Mail], person: Person) -> None:
    """PAM is told the service, smtp or imap, and the client's address by both servers."""
    imap, mail = doors
    fob = enrolment.fob(person)
    start = log.position()
    assert imap.login(person.name, fob.next())
    assert mail.submit(person.name, fob.next(), "root@example.org")
    assert reasons(start) == [login.OK_OTP, login.OK_OTP]
    told = [line.text for line in log.lines(start, containing="reason=")]
    for line, service in zip(told, ("imap", "smtp"), strict=True):
        assert f"service={service} rhost=127.0.0.1 " in line
