"""FTP under TLS: vsftpd, whose clients have one box, and open connections as they like."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from otpauth import login
from tests.e2e.test_onebox import OTHER, PASSWORD, QUICK, reasons
from tests.parts import accounts, enrolment, log, pam, secrets
from tests.parts.vsftpd import Vsftpd, connected, enter, send_and_fetch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.parts.accounts import Person

SESSION = "[service ftp]\npam = {service}\nsession = 1m logins=10\n"
DATA = os.urandom(1_000_000)


@pytest.fixture(scope="module")
def server(stage: Path) -> Iterator[Vsftpd]:
    """Give a server that wants password and code."""
    assert stage.is_dir()
    with Vsftpd(QUICK) as running:
        yield running


@pytest.fixture
def alice(stage: Path) -> Iterator[Person]:
    """Give somebody with a password."""
    assert stage.is_dir()
    with accounts.make(password=PASSWORD) as made:
        yield made


def once(
    server: Vsftpd, person: Person, answer: str, *, source: str = "127.0.0.1", name: str = "file"
) -> bool:
    """Return whether a connection of its own is let in; then its file must be whole."""
    with connected(server, source=source) as client:
        if not enter(client, person, answer):
            return False
        return send_and_fetch(client, name, DATA) == DATA


def at_once(server: Vsftpd, person: Person, answer: str, *, connections: int) -> list[bool]:
    """Return which of so many connections at one instant are let in."""
    with ThreadPoolExecutor(connections) as pool:
        begun = [
            pool.submit(once, server, person, answer, name=f"file{number}")
            for number in range(connections)
        ]
        return [each.result() for each in begun]


def test_one_box(alice: Person, server: Vsftpd) -> None:
    """Password and code in one answer let in, the password alone does not; files are whole."""
    fob = enrolment.fob(alice)
    assert once(server, alice, f"{PASSWORD}{fob.next()}")
    assert once(server, alice, f"{PASSWORD},{fob.next()}")
    assert not once(server, alice, PASSWORD)


def test_tries_in_one_connection(alice: Person, server: Vsftpd) -> None:
    """After wrong answers, one with a code that is right lets in, and its transfers go on."""
    fob = enrolment.fob(alice)
    with connected(server) as client:
        assert not enter(client, alice, f"{PASSWORD},{fob.wrong()}")
        assert not enter(client, alice, f"{OTHER},{fob.code(fob.counter)}")
        assert enter(client, alice, f"{PASSWORD},{fob.next()}")
        for name in ("one", "two"):
            assert send_and_fetch(client, name, DATA) == DATA
        assert client.nlst() == ["one", "two"]


def test_a_connection_for_each_file(alice: Person, server: Vsftpd) -> None:
    """Without a session a client that logs in anew with the same answer is let in once."""
    fob = enrolment.fob(alice)
    answer = f"{PASSWORD}{fob.next()}"
    start = log.position()
    assert [once(server, alice, answer) for _ in range(3)] == [True, False, False]
    assert [each for each in reasons(start) if each != login.NO_CODE] == [
        login.OK_OTP,
        *[login.ALREADY_USED] * 2,
    ]


def test_eight_connections_at_once(alice: Person, server: Vsftpd) -> None:
    """Of eight connections at one instant with one code one is let in."""
    fob = enrolment.fob(alice)
    found = at_once(server, alice, f"{PASSWORD},{fob.next()}", connections=8)
    assert found.count(True) == 1


def test_a_session(alice: Person, server: Vsftpd, conf: Path) -> None:
    """In a session one code is good for eight connections at once, and for two more, no third."""
    conf.write_text(SESSION.format(service=server.service), encoding="utf-8")
    answer = f"{PASSWORD}{enrolment.fob(alice).next()}"
    assert at_once(server, alice, answer, connections=8) == [True] * 8
    assert not once(server, alice, answer, source="127.0.0.2")
    start = log.position()
    assert [once(server, alice, answer) for _ in range(3)] == [True, True, False]
    assert [each for each in reasons(start) if each != login.NO_CODE] == [
        *[login.OK_SESSION] * 2,
        login.SESSION_MAX_LOGIN,
    ]


def test_where_it_comes_from(alice: Person, server: Vsftpd) -> None:
    """The log has the client's address."""
    fob = enrolment.fob(alice)
    start = log.position()
    assert once(server, alice, f"{PASSWORD},{fob.next()}", source="127.0.0.2")
    assert log.lines(start, containing="rhost=127.0.0.2 verdict=accept")


def test_hanging_up(alice: Person, server: Vsftpd) -> None:
    """Clients that hang up when they have answered, or answer nonsense, harm no later login."""
    fob = enrolment.fob(alice)
    for answer in (f"{PASSWORD},{fob.wrong()}", "x" * 5000, "\udcff,", ","):
        with connected(server) as client:
            client.sendcmd(f"USER {alice.name}")
            client.sock.sendall(f"PASS {answer}\r\n".encode("utf-8", "surrogateescape"))
            client.close()
    assert once(server, alice, f"{PASSWORD},{fob.next()}")


@pytest.mark.parametrize(
    "settings",
    [
        ("isolate=NO", "isolate_network=NO"),
        ("session_support=YES",),
        ("chroot_local_user=YES", "allow_writeable_chroot=YES"),
        ("pasv_enable=NO",),
        ("listen=NO", "listen_ipv6=YES"),
    ],
    ids=lambda settings: settings[0],
)
def test_settings(alice: Person, settings: tuple[str, ...]) -> None:
    """However vsftpd confines its processes, two logins work, and their transfers."""
    fob = enrolment.fob(alice)
    with Vsftpd(QUICK, settings) as running:
        for _ in range(2):
            with connected(running) as client:
                client.set_pasv("pasv_enable=NO" not in settings)
                assert enter(client, alice, f"{PASSWORD},{fob.next()}")
                assert send_and_fetch(client, "file", DATA) == DATA


def test_a_code_alone(alice: Person) -> None:
    """A service that asks for a code alone lets in with it, once."""
    fob = enrolment.fob(alice)
    with Vsftpd(enrolment.STACK) as running:
        code = fob.next()
        assert [once(running, alice, code) for _ in range(2)] == [True, False]
        assert not once(running, alice, PASSWORD)


def test_an_app_password(alice: Person, server: Vsftpd, conf: Path) -> None:
    """A program's own password lets in as often as it is used, here and in no other service."""
    conf.write_text(f"[service ftp]\npam = {server.service}\n", encoding="utf-8")
    fob = enrolment.fob(alice)
    assert once(server, alice, f"{PASSWORD},{fob.next()}")
    made = enrolment.admin("add", alice.name, "password", "mirror", "--for", "ftp", "--json")
    app_password = secrets.remember(json.loads(made.stdout)["password"])
    answer = f"{PASSWORD},{app_password}"
    assert [once(server, alice, answer) for _ in range(2)] == [True, True]
    assert not once(server, alice, f"{OTHER},{app_password}")
    with pam.service(QUICK) as another:
        assert not pam.drive(another, alice.name, [answer]).one.ok
        assert pam.drive(another, alice.name, [f"{PASSWORD},{fob.next()}"]).one.ok
