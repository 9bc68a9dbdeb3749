"""The Python API: the verdicts of a login, from any thread, and nothing left behind."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from otpauth import api, attempt, login
from tests.faults import logins
from tests.parts import enrolment, log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person
    from tests.parts.phone import Fob

pytestmark = pytest.mark.stage
CONF = Path("/etc/otpauth/otpauth.conf")


def ask(person: Person, code: str, **more: Any) -> api.Verdict:
    """Ask for a service of the tests."""
    return api.verify(person.name, code, service="door", **more)


@pytest.fixture
def fob(person: Person) -> Fob:
    """Give a device that was adopted."""
    made = enrolment.fob(person)
    assert logins.accepted(person.name, made.next())
    return made


@pytest.fixture
def config() -> Iterator[Path]:
    """Give the place of an otpauth.conf that is gone afterwards."""
    yield CONF
    CONF.unlink()


def test_a_code_is_accepted_once(person: Person, fob: Fob) -> None:
    """A right code is accepted and used up, and both verdicts say why; the log has them."""
    start, code = log.position(), fob.next()
    assert ask(person, code, dry_run=True).accepted
    assert ask(person, code, rhost="192.0.2.7") == api.Verdict(
        accepted=True,
        reason=login.OK_OTP,
        sentence="a one-time code was right",
        token="phone",
    )
    again = ask(person, code)
    assert (again.accepted, again.reason, again.token) == (False, login.ALREADY_USED, "phone")
    told = [line.text for line in log.lines(start, containing="service=door")]
    assert len(told) == 2
    assert f"reason={login.OK_OTP}" in told[0]
    assert f"reason={login.ALREADY_USED}" in told[1]


def test_who_was_asked_for_a_password_is_told(person: Person, fob: Fob) -> None:
    """Only behind another factor there are words for the person."""
    code = fob.code(fob.counter)
    assert ask(person, code, dry_run=True).say == ()
    assert "token 'phone' was added" in ask(person, code, after_password=True).say[0]


def test_nobody_is_refused_as_everybody(stage: Path) -> None:
    """A name without an account is refused in the time of a refusal, with its reason."""
    assert stage.is_dir()
    for user in ("no-such-user", "a\nb", "\udcff"):
        since = time.monotonic()
        verdict = api.verify(user, "123456", service="door")
        assert (verdict.accepted, verdict.reason) == (False, login.UNKNOWN_USER)
        assert time.monotonic() - since >= attempt.DEADLINE


def test_no_code_raises_anything(person: Person, fob: Fob) -> None:
    """Whatever a stranger sends for a code is a refusal."""
    assert fob
    for code in ("", "\0", "7 \ud800", "9" * 2_000_000):
        assert ask(person, code, dry_run=True).reason == login.NO_CODE


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"service": ""}, ValueError),
        ({"service": "a b"}, ValueError),
        ({"service": "a/../b"}, ValueError),
        ({"service": "x" * 65}, ValueError),
        ({"service": b"door"}, TypeError),
        ({"service": "door", "rhost": "192.0.2.7\n"}, ValueError),
        ({"service": "door", "rhost": "ü" * 3}, ValueError),
        ({"service": "door", "rhost": None}, TypeError),
    ],
)
def test_malformed_arguments(stage: Path, more: dict[str, Any], error: type[Exception]) -> None:
    """A mistake of the program's raises, before anything is looked at."""
    assert stage.is_dir()
    with pytest.raises(error):
        api.verify("alice", "123456", **more)


def test_only_root(stage: Path) -> None:
    """A process that is not root's in all of its ids is told so."""
    assert stage.is_dir()
    os.setresuid(0, 65534, 0)
    try:
        with pytest.raises(PermissionError):
            api.verify("alice", "123456", service="door")
    finally:
        os.setresuid(0, 0, 0)


def test_the_group(person: Person, fob: Fob, config: Path) -> None:
    """What otpauth.conf says of the service holds, and the verdict names its group."""
    config.write_text("[group house]\nkinds = totp\n[service door]\ngroup = house\n")
    verdict = ask(person, fob.code(fob.counter))
    assert (verdict.reason, verdict.group) == (login.TOKEN_MISSING, "house")


def test_a_broken_configuration_refuses(person: Person, fob: Fob, config: Path) -> None:
    """Under an otpauth.conf that is not understood the verdict says so, and the log the line."""
    config.write_text("[login]\nwindow = none\n")
    start = log.position()
    assert ask(person, fob.code(fob.counter)).reason == login.CONFIG_BROKEN
    assert "otpauth.conf:2" in log.lines(start, containing=login.CONFIG_BROKEN)[0].text


def test_a_program_that_ignores_its_children(person: Person) -> None:
    """Where the kernel collects a program's children a change that waits is adopted as ever."""
    fob = enrolment.fob(person)
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert [ask(person, fob.next()).reason for _ in range(10)] == [login.OK_OTP] * 10
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_one_code_from_many_threads(person: Person, fob: Fob) -> None:
    """Of eight threads with the same code one is accepted; eight codes are accepted each."""
    code = fob.next()
    with ThreadPoolExecutor(8) as pool:
        reasons = [each.reason for each in pool.map(lambda _: ask(person, code), range(8))]
    assert sorted(reasons) == [login.OK_OTP, *[login.ALREADY_USED] * 7]


def test_many_calls_leave_nothing(person: Person, fob: Fob) -> None:
    """After many calls of four threads, beside others that look up names, all is as before."""
    ask(person, fob.next())
    code = fob.code(fob.counter)
    os.umask(0o022)
    before, ended = _resources(), threading.Event()

    def look() -> None:
        import pwd

        while not ended.wait(0.001):
            pwd.getpwnam(person.name)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for each in lookers:
        each.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(ask, person, code, dry_run=True) for _ in range(120)]
            since = time.monotonic()
            assert all(each.result().accepted for each in asked)
            assert time.monotonic() - since < 60, "children hung"
    finally:
        ended.set()
        for each in lookers:
            each.join()
    assert _resources() == before


def test_a_fork_waits_and_the_child_can_ask(person: Person, fob: Fob) -> None:
    """A program may fork while another of its threads asks: parent and child go on asking."""
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, person, fob.code(fob.counter), dry_run=True) for _ in range(20)]
        for _ in range(5):
            child = os.fork()
            if child == 0:
                os._exit(0 if ask(person, fob.code(fob.counter), dry_run=True).accepted else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert all(each.result().accepted for each in asked)


def _resources() -> tuple[int, int, tuple[int, ...], str]:
    """Return how many descriptors are open, the umask, the ids, and the children."""
    gc.collect()
    mask = os.umask(0o022)
    os.umask(mask)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return len(os.listdir("/proc/self/fd")), mask, os.getresuid(), children
