"""IMAP: a real Dovecot, whose processes that ask PAM serve many logins, one after the other."""

from __future__ import annotations

import fcntl
import imaplib
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import login
from tests.e2e.test_onebox import reasons
from tests.e2e.test_pam_exec import stack
from tests.parts import accounts, dovecot, enrolment, log
from tests.parts.dovecot import Dovecot
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

WAYS = {"pam_python": enrolment.STACK, "pam_exec": stack()}
LOGINS = 200
ROOM = ("service auth-worker {", "  vsz_limit = 1 G", "}")  # for more logins than Dovecot's default
GROWTH_KB_MAX = 1200  # a login in one process: Python 3.11 leaves 360 behind, 3.13 900
ODD = ["", "x" * 5000, "\udcff\udcfe", "123456\r\n1"]
CACHED = {"2.3": ("", "cache_key=%u"), "2.4": ("passdb_use_cache = no", "")}
every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module", params=WAYS)
def server(stage: Path, request: pytest.FixtureRequest) -> Iterator[Dovecot]:
    """Give a server with each of the two ways to otpauth."""
    assert stage.is_dir()
    with Dovecot(WAYS[request.param]) as running:
        yield running


def test_a_code_lets_in_once(server: Dovecot, person: Person) -> None:
    """A right code lets in; used and wrong ones, and those of nobody, are refused."""
    fob = enrolment.fob(person)
    code = fob.next()
    assert server.login(person.name, code)
    assert not server.login(person.name, code)
    assert not server.login(person.name, fob.wrong())
    assert not server.login("nobody-at-all", fob.next())
    assert server.login(person.name, fob.next())


def test_odd_answers(server: Dovecot, person: Person) -> None:
    """Whatever somebody sends as name or password is refused, and a code is right after it."""
    fob = enrolment.fob(person)
    for odd in ODD:
        assert not server.login(person.name, odd)
    for odd in (f"../{person.name}", "x" * 300):
        assert not server.login(odd, fob.wrong())
    assert server.login(person.name, fob.next())


def test_the_address_arrives(server: Dovecot, person: Person) -> None:
    """The client's address is what is logged, and what makes a place known or not."""
    fob = enrolment.fob(person)
    start = log.position()
    for address in ("127.0.0.2", "127.0.0.3"):
        assert server.login(person.name, fob.next(), address=address)
    lines = log.lines(start, containing=login.OK_OTP)
    assert [line.text.split("rhost=")[1].split()[0] for line in lines] == ["127.0.0.2", "127.0.0.3"]


def test_one_code_in_many_connections(server: Dovecot, person: Person) -> None:
    """Of eight clients at once with the same code exactly one gets in."""
    fob = enrolment.fob(person)
    assert server.login(person.name, fob.next())
    code = fob.next()
    with ThreadPoolExecutor(8) as pool:
        came = list(pool.map(lambda _: server.login(person.name, code), range(8)))
    assert came.count(True) == 1


@pytest.mark.parametrize(
    ("way", "reason"), [("pam_python", login.OK_SESSION), ("pam_exec", login.OK_STATIC)]
)
def test_one_worker_serves_many_logins(person: Person, conf: Path, way: str, reason: str) -> None:
    """One process takes the same code, or app password, 200 times, and grows little, or not."""
    conf.write_text("[service imap]\nsession = 1h logins=0\n")
    fob = enrolment.fob(person)
    app_password = enrolment.app_password(person, "laptop", "imap")
    with Dovecot(WAYS[way], by_protocol=True, requests=0, more=ROOM) as server:
        code = fob.next()
        assert server.login(person.name, code)
        (first,) = server.workers()
        start = log.position()
        answer = code if reason == login.OK_SESSION else app_password
        assert all(server.login(person.name, answer) for _ in range(LOGINS))
        assert reasons(start) == [reason] * LOGINS
        assert not server.login(person.name, fob.wrong())
        (last,) = server.workers()
    assert (last.pid, last.children) == (first.pid, 0)
    assert last.descriptors - first.descriptors < 3
    assert last.rss_kb - first.rss_kb < (GROWTH_KB_MAX * LOGINS if way == "pam_python" else 1024)


def test_a_session_is_of_one_address(server: Dovecot, person: Person, conf: Path) -> None:
    """The same code is good again from the address that used it first, and from no other."""
    conf.write_text(f"[service {server.services[0]}]\nsession = 1h\n")
    fob = enrolment.fob(person)
    code = fob.next()
    came = [server.login(person.name, code, address=f"127.0.0.{last}") for last in (2, 2, 3, 2)]
    assert came == [True, True, False, True]


@every_way
def test_workers_that_make_room(person: Person, way: str) -> None:
    """Where a process serves two logins and ends, each login is served."""
    fob = enrolment.fob(person)
    seen = set()
    with Dovecot(WAYS[way], requests=2) as server:
        for _ in range(6):
            assert server.login(person.name, fob.next())
            seen |= {worker.pid for worker in server.workers()}
    assert len(seen) >= 3


def test_workers_of_one_connection(person: Person) -> None:
    """Where a process ends with its connection, eight logins at once and those after are served."""
    fob = enrolment.fob(person)
    with Dovecot(enrolment.STACK, more=dovecot.renewed()) as server:
        assert server.login(person.name, fob.next())
        laptop = enrolment.app_password(person, "laptop", server.services[0])
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda _: server.login(person.name, laptop), range(8)))
        assert server.login(person.name, fob.next())


@every_way
def test_dovecot_s_limit_of_memory(person: Person, way: str) -> None:
    """With Dovecot's own limit of memory a login is let in; with less than it takes, refused."""
    fob = enrolment.fob(person)
    for limit, good in (("256 M", True), ("64 M", False)):
        lines = ("service auth-worker {", f"  vsz_limit = {limit}", "}")
        with Dovecot(WAYS[way], more=lines) as server:
            assert server.login(person.name, fob.next()) == good


@every_way
def test_workers_that_are_not_root(person: Person, way: str) -> None:
    """Where the processes that ask PAM are not root's, all are refused, and the log tells why."""
    fob = enrolment.fob(person)
    lines = ("service auth-worker {", "  user = $default_internal_user", "}")
    if dovecot.version() != "2.3":
        lines = ("service auth-worker {", "  user = dovecot", "}")
    start = log.position()
    with Dovecot(WAYS[way], more=lines) as server:
        assert not server.login(person.name, fob.next())
        assert {worker.uid == 0 for worker in server.workers()} == {False}
    assert reasons(start) == [login.NOT_PRIVILEGED]


@pytest.mark.parametrize("cached", [False, True])
def test_dovecot_s_cache(person: Person, *, cached: bool) -> None:
    """What Dovecot keeps it does not ask for again: a used code is good then, so it must not."""
    fob = enrolment.fob(person)
    words = CACHED[dovecot.version()][cached]
    with Dovecot(enrolment.STACK, words=words, more=("auth_cache_size = 1 M",)) as server:
        code = fob.next()
        assert server.login(person.name, code)
        assert server.login(person.name, code) == cached


def test_a_killed_worker(person: Person) -> None:
    """A process that is killed within a login costs that login, and nobody anything else."""
    fob = enrolment.fob(person)
    with Dovecot(enrolment.STACK) as server, ThreadPoolExecutor(1) as pool:
        assert server.login(person.name, fob.next())
        code = fob.next()
        with Path("/var/lib/otpauth/lock", person.name).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waiting = pool.submit(server.login, person.name, code)
            wait_until(lambda: server.workers()[0].children, what="the login has a deputy")
            (worker,) = server.workers()
            os.kill(worker.pid, signal.SIGKILL)
            with pytest.raises(imaplib.IMAP4.error):
                waiting.result()
        assert server.login(person.name, code)
        assert worker.pid not in {each.pid for each in server.workers()}


def test_a_delayed_refusal_holds_nobody_up(person: Person) -> None:
    """While Dovecot delays its refusal of a wrong code, somebody else logs in."""
    fob = enrolment.fob(person)
    with Dovecot(enrolment.STACK, delay="3 secs") as server, ThreadPoolExecutor(1) as pool:
        assert server.login(person.name, fob.next())
        refused = pool.submit(server.login, "nobody-at-all", fob.wrong())
        assert server.login(person.name, fob.next())
        assert not refused.done()
        assert not refused.result()


@every_way
def test_a_server_that_tells_no_address(way: str) -> None:
    """A login without an address is not the user's own terminal: no grace, no known place."""
    lines = WAYS[way].replace("otpauth.py", "otpauth.py debug after_password grace=1h")
    lines = lines.replace("pam-exec", "pam-exec debug after_password")
    with accounts.make() as person, Dovecot(lines) as server:
        fob = enrolment.fob(person)
        start = log.position()
        assert _doveadm(server, person, fob.next())
        assert not _doveadm(server, person, fob.wrong())
        (*_, line) = log.lines(start, containing="debug=login")
        assert " place=local:0 tty=dovecot " in line.text


def _doveadm(server: Dovecot, person: Person, code: str) -> bool:
    words = ("doveadm", "-c", server.folder / "dovecot.conf", "auth", "test", person.name)
    done = subprocess.run(words, input=f"{code}\n", capture_output=True, text=True, check=False)
    assert "auth succeeded" in done.stdout or "auth failed" in done.stdout, done
    return done.returncode == 0
