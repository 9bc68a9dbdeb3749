"""A client that opens eight sftp connections at once and has one answer for all: lftp."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from otpauth import login
from tests.e2e.test_onebox import BOX, PASSWORD, QUICK, SETTINGS, reasons
from tests.e2e.test_ssh import INTERACTIVE
from tests.parts import accounts, client, enrolment, lftp, log
from tests.parts.faketime import Clock
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.parts.accounts import Person

FILES = 8
SESSION = "[service sftp]\npam = {service}\nsession = 1m logins=12\n"
SIZE = 2_000_000  # bytes, so that no connection is done before the last one begins


@pytest.fixture(scope="module")
def sshd(stage: Path) -> Iterator[Sshd]:
    """Give a server that takes password and code in one box."""
    assert stage.is_dir()
    with Sshd(QUICK, SETTINGS) as running:
        yield running


@pytest.fixture
def alice(stage: Path) -> Iterator[Person]:
    """Give somebody with a password, and a folder of files."""
    assert stage.is_dir()
    with accounts.make(password=PASSWORD) as made:
        folder = made.home / "many"
        folder.mkdir()
        for number in range(FILES):
            (folder / str(number)).write_bytes(os.urandom(SIZE))
        yield made


def fetched(person: Person, folder: Path) -> list[bool]:
    """Return which files have come, and are whole."""
    pairs = [(person.home / "many" / str(each), folder / str(each)) for each in range(FILES)]
    return [mine.exists() and mine.read_bytes() == theirs.read_bytes() for theirs, mine in pairs]


def test_without_a_session(alice: Person, sshd: Sshd, tmp_path: Path) -> None:
    """Of eight connections with one code exactly one is let in, and no other file comes."""
    fob = enrolment.fob(alice)
    start = log.position()
    answer = f"{PASSWORD},{fob.next()}"
    done = lftp.run(alice, sshd, answer, f"mirror --parallel=8 many {tmp_path}/got", methods=BOX)
    assert done.returncode != 0
    told = [each for each in reasons(start) if each != login.NO_CODE]
    assert sorted(told) == [login.OK_OTP, *[login.ALREADY_USED] * 7]
    assert not all(fetched(alice, tmp_path / "got"))


@pytest.mark.parametrize("method", [BOX, INTERACTIVE])
def test_with_a_session(alice: Person, sshd: Sshd, conf: Path, tmp_path: Path, method: str) -> None:
    """One code lets in eight connections, whose files are whole, and four more; no thirteenth."""
    conf.write_text(SESSION.format(service=sshd.service), encoding="utf-8")
    fob = enrolment.fob(alice)
    start = log.position()
    answer = f"{PASSWORD},{fob.next()}"
    done = lftp.run(alice, sshd, answer, f"mirror --parallel=8 many {tmp_path}/got", methods=method)
    assert done.returncode == 0, done.stderr
    assert all(fetched(alice, tmp_path / "got"))
    assert reasons(start) == [login.OK_OTP, *[login.OK_SESSION] * 7]
    more = [client.login(alice, sshd, [answer], methods=method, key=False).ok for _ in range(5)]
    assert more == [*[True] * 4, False]
    assert login.SESSION_MAX_LOGIN in reasons(start)


def test_from_another_address(alice: Person, sshd: Sshd, conf: Path) -> None:
    """The session of one address is none of another."""
    conf.write_text(SESSION.format(service=sshd.service), encoding="utf-8")
    answer = f"{PASSWORD},{enrolment.fob(alice).next()}"
    found = [
        client.login(
            alice, sshd, [answer], methods=BOX, key=False, options=[f"BindAddress=127.0.0.{number}"]
        ).ok
        for number in (1, 2, 1)
    ]
    assert found == [True, False, True]


def test_after_a_minute(alice: Person, conf: Path) -> None:
    """When its time is over, a session lets nobody in, however often it was used."""
    answer = f"{PASSWORD},{enrolment.fob(alice).next()}"
    with Clock() as clock, Sshd(QUICK, SETTINGS, environment=clock.environment) as sshd:
        conf.write_text(SESSION.format(service=sshd.service), encoding="utf-8")
        found = []
        for seconds in (0, 50, 11):
            clock.advance(seconds)
            found.append(client.login(alice, sshd, [answer], methods=BOX, key=False).ok)
    assert found == [True, True, False]
