"""The guarded section: nothing of the caller's reaches inside, everything is put back after."""

from __future__ import annotations

import os
import re
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


def test_the_end_of_our_children_is_not_told() -> None:
    """A child that is started and collected inside sends the process no signal."""

    def body() -> None:
        seen: list[int] = []
        signal.signal(signal.SIGCHLD, lambda which, _: seen.append(which))
        with guard.shielded():
            os.waitpid(ended_child(), 0)
        assert seen == []
        os.waitpid(ended_child(), 0)
        assert seen == [signal.SIGCHLD]

    in_child(body)


@pytest.mark.parametrize("moment", ["before", "inside"])
def test_the_end_of_other_children_is_told(moment: str) -> None:
    """A child of the process that ends before or inside is told of, as without the section."""

    def body() -> None:
        seen: list[int] = []
        signal.signal(signal.SIGCHLD, lambda which, _: seen.append(which))
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        if moment == "before":
            os.waitpid(ended_child(), 0)
        with guard.shielded():
            theirs = ended_child() if moment == "inside" else 0
            os.waitpid(ended_child(), 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        assert seen == [signal.SIGCHLD]
        assert not theirs or os.waitpid(theirs, os.WNOHANG)[0] == theirs

    in_child(body)


def ended_child() -> int:
    """Return the pid of a child that has ended, and is not collected."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    return child


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


SCANT = 1024 * 1024  # bytes of memory beyond what a process has
LOW = {"FSIZE": 0, "NOFILE": 8, "CPU": 3600, "AS": SCANT, "DATA": SCANT}


def low(which: str) -> int:
    """Return a hostile limit for this process."""
    return LOW[which] + sizes().get(which, 0)


def sizes() -> dict[str, int]:
    """Return how many bytes of memory this process has."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    rows = {"AS": "VmSize", "DATA": "VmData"}
    found = {each: re.search(rf"{row}:\s+(\d+) kB", text) for each, row in rows.items()}
    return {each: int(row[1]) * 1024 for each, row in found.items() if row}


@pytest.mark.parametrize("which", LOW)
def test_limits_are_raised_and_put_back(which: str) -> None:
    """A hostile soft limit is raised to what the section needs, and put back after."""
    number = getattr(resource, f"RLIMIT_{which}")

    def body() -> None:
        limits = low(which), resource.getrlimit(number)[1]
        resource.setrlimit(number, limits)
        with guard.shielded():
            check_enough(which)
        assert resource.getrlimit(number) == limits

    in_child(body)


@pytest.mark.parametrize("which", LOW)
def test_hard_limits_are_raised_or_the_section_refused(which: str) -> None:
    """With a hostile hard limit the body runs with enough (CAP_SYS_RESOURCE) or not at all."""
    number = getattr(resource, f"RLIMIT_{which}")

    def body() -> None:
        limits = (low(which),) * 2
        resource.setrlimit(number, limits)
        try:
            with guard.shielded():
                check_enough(which)
        except GuardError:
            pass
        assert resource.getrlimit(number) == limits

    in_child(body)


def check_enough(which: str) -> None:
    """Check that a limit is what the section promises, and that files can be written."""
    soft, _ = resource.getrlimit(getattr(resource, f"RLIMIT_{which}"))
    least = {"FSIZE": guard.FILE_MIN, "NOFILE": guard.FILES_MIN}
    if which in sizes():
        assert len(bytes(guard.ROOM_MIN - 2 * SCANT)) < soft
    else:
        assert soft == resource.RLIM_INFINITY or soft >= least.get(which, 2**62)
    with tempfile.TemporaryFile() as file:
        file.write(bytes(8192))


@pytest.mark.parametrize(
    ("which", "limit", "comes"),
    [
        ("FSIZE", 0, "refused"),
        ("AS", 2 * guard.ROOM_MIN, "ran"),
        ("AS", guard.ROOM_MIN, "refused"),
        ("DATA", 2 * guard.ROOM_MIN, "ran"),
        ("DATA", guard.ROOM_MIN, "refused"),
    ],
)
def test_limits_that_cannot_be_raised(which: str, limit: int, comes: str) -> None:
    """Where the limits cannot be raised, those that do not suffice refuse before the body runs."""
    code = (
        "import resource\nfrom otpauth import guard\nfrom otpauth.errors import GuardError\n"
        f"resource.setrlimit(resource.RLIMIT_{which}, ({limit}, {limit}))\n"
        "try:\n    with guard.shielded(): print('ran')\nexcept GuardError: print('refused')\n"
    )
    done = subprocess.run(
        ("setpriv", "--bounding-set=-sys_resource", "--inh-caps=-all", sys.executable, "-c", code),
        cwd=stage.TREE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{comes}\n", done.stderr


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
