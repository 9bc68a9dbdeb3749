"""The guarded section: nothing of the caller's reaches inside, everything is put back after."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import guard
from otpauth.errors import GuardError
from tests import stage

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.stage


def in_child(body: Callable[[], None]) -> None:
    """Run a body in a process of its own, which it may spoil, and pass its failure on."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            body()
            status = 0
        except BaseException as error:  # noqa: BLE001 (it must not leave the child)
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_signals_wait_and_come_afterwards() -> None:
    """No signal that can be blocked interrupts the section, and none is lost."""

    def body() -> None:
        seen: list[int] = []
        for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGXFSZ, signal.SIGTSTP):
            signal.signal(number, lambda which, _: seen.append(which))
        with guard.shielded():
            for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGXFSZ, signal.SIGTSTP):
                os.kill(os.getpid(), number)
            assert seen == []
        assert len(seen) == 4
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()

    in_child(body)


def test_all_ids_are_roots_inside_and_as_before_outside() -> None:
    """A set-uid caller's real ids, and his umask, are root's inside and his own outside."""

    def body() -> None:
        os.setresgid(1234, 0, 0)
        os.setresuid(1234, 0, 0)
        os.umask(0o000)
        with guard.shielded():
            assert (os.getresuid(), os.getresgid()) == ((0, 0, 0), (0, 0, 0))
            assert os.umask(0o077) == 0o077
        assert (os.getresuid(), os.getresgid()) == ((1234, 0, 0), (1234, 0, 0))
        assert os.umask(0) == 0

    in_child(body)


def test_an_unprivileged_process_is_refused() -> None:
    """Where the effective uid is not root's, nothing of the body runs."""

    def body() -> None:
        os.setresuid(1234, 1234, 0)
        ran = False
        with pytest.raises(GuardError), guard.shielded():
            ran = True
        assert not ran
        assert os.getresuid() == (1234, 1234, 0)

    in_child(body)


LOW = {"FSIZE": 0, "NOFILE": 8, "CPU": 3600, "AS": 0, "DATA": 0}  # of memory: beyond what is taken
MEMORY = (resource.RLIMIT_AS, resource.RLIMIT_DATA)


def low_limit(which: str) -> int:
    """Return a limit that is not enough: of memory, what the process has, and a little."""
    return LOW[which] or (taken() + 2**20 if which in ("AS", "DATA") else 0)


def taken() -> int:
    """Return how much address space this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


@pytest.mark.parametrize("which", LOW)
def test_limits_are_raised_and_put_back(which: str) -> None:
    """A hostile soft limit is raised to what the section needs, and put back after."""
    number = getattr(resource, f"RLIMIT_{which}")

    def body() -> None:
        low, hard = low_limit(which), resource.getrlimit(number)[1]
        resource.setrlimit(number, (low, hard))
        with guard.shielded():
            check_enough(number)
        assert resource.getrlimit(number) == (low, hard)

    in_child(body)


@pytest.mark.parametrize("which", LOW)
def test_hard_limits_are_raised_or_the_section_refused(which: str) -> None:
    """With a hostile hard limit the body runs with enough (CAP_SYS_RESOURCE) or not at all."""
    number = getattr(resource, f"RLIMIT_{which}")

    def body() -> None:
        low = low_limit(which)
        resource.setrlimit(number, (low, low))
        try:
            with guard.shielded():
                check_enough(number)
        except GuardError:
            pass
        assert resource.getrlimit(number) == (low, low)

    in_child(body)


@pytest.mark.parametrize("number", MEMORY)
def test_a_limit_of_memory_with_room_is_left_as_it_is(number: int) -> None:
    """Where a hard limit of memory leaves room, as that of Dovecot's processes, the body runs."""

    def body() -> None:
        limit = taken() + guard.MEMORY_MIN + 2**20
        resource.setrlimit(number, (limit, limit))
        with guard.shielded():
            check_enough(number)
            assert resource.getrlimit(number) == (limit, limit)

    in_child(body)


def check_enough(number: int) -> None:
    """Check that a limit is what the section promises, and that files can be written."""
    soft, _ = resource.getrlimit(number)
    least = {resource.RLIMIT_FSIZE: guard.FILE_MIN, resource.RLIMIT_NOFILE: guard.FILES_MIN}
    if number in MEMORY and soft != resource.RLIM_INFINITY:
        bytearray(guard.MEMORY_MIN - 2**20)
        return
    assert soft == resource.RLIM_INFINITY or soft >= least.get(number, 2**62)
    with tempfile.TemporaryFile() as file:
        file.write(bytes(8192))


def test_limits_that_cannot_be_raised_refuse() -> None:
    """Where the limits cannot be raised, the section is refused before its body runs."""
    code = (
        "import resource\nfrom otpauth import guard\nfrom otpauth.errors import GuardError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try:\n    with guard.shielded(): print('ran')\nexcept GuardError: print('refused')\n"
    )
    done = subprocess.run(
        ("setpriv", "--bounding-set=-sys_resource", "--inh-caps=-all", sys.executable, "-c", code),
        cwd=stage.TREE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "refused\n", done.stderr


def test_closed_descriptors_are_filled() -> None:
    """With 0 to 2 closed, no file opened inside gets one of these numbers; they close again."""

    def body() -> None:
        for number in (0, 1, 2):
            os.close(number)
        with guard.shielded():
            assert os.open("/dev/null", os.O_RDONLY) > 2
        for number in (0, 1, 2):
            with pytest.raises(OSError, match="Bad file"):
                os.fstat(number)

    in_child(body)


def test_what_is_raised_inside_comes_out_after_putting_back() -> None:
    """An error inside passes through, and the process is as it was before."""

    def body() -> None:
        os.setresuid(1234, 0, 0)
        with pytest.raises(KeyError), guard.shielded():
            raise KeyError
        assert os.getresuid() == (1234, 0, 0)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()

    in_child(body)
