"""A client that opens eight sftp connections at once and has one answer for all: lftp."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from otpauth import login
from tests.e2e.test_onebox import BOX, PASSWORD, QUICK, SETTINGS, reasons
from tests.parts import accounts, enrolment, lftp, log
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.parts.accounts import Person

FILES = 8
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
