"""A: local users through su, sudo and any other set-uid caller."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest

from tests import stage as stage_module
from tests.attacks import malware
from tests.attacks import victim as victims
from tests.attacks.victim import HERE, LOCKS, STACK
from tests.parts import log, pam, privilege, processes, terminal
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.attacks.victim import Victim
    from tests.parts.accounts import Person

EXEC = (
    "auth required pam_exec.so expose_authtok quiet {more} /usr/local/lib/otpauth/otpauth-pam-exec"
)


@pytest.fixture(scope="module")
def su_asks(stage: Path) -> Iterator[None]:
    """Let su ask for a code and nothing else."""
    assert stage.is_dir()
    with pam.service(STACK, "su"):
        yield


@contextlib.contextmanager
def lock_held(victim: Victim) -> Iterator[None]:
    """Hold the lock of an account as another login does, so that the next one waits inside."""
    with (LOCKS / victim.name).open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def waits_for_lock(pid: int, victim: Victim) -> bool:
    """Say whether a process has the lock file of an account open."""
    wanted = str(LOCKS / victim.name)
    with contextlib.suppress(FileNotFoundError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(entry) == wanted:
                    return True
    return False


@pytest.mark.parametrize("size", [0, 600, 1577, 4096])
def test_a1_no_file_size_limit_lets_a_wrong_code_go_uncounted(
    service: str, victim: Victim, attacker: Person, size: int
) -> None:
    """Under any RLIMIT_FSIZE a wrong code is counted or nothing is compared, so no fourth is."""
    since = log.position()
    for code in (*(victim.wrong() for _ in range(3)), victim.fob.next()):
        driven = pam.drive(service, victim.name, [code], ruid=attacker.uid, limits={"FSIZE": size})
        assert driven.status == 0, "the process died"
        assert not driven.one.ok
    seen = victims.reasons(since, victim.name)
    assert seen in (["AUTH_FAILED"] * 3 + ["AUTH_RATE_LIMITED"], ["UNSAFE_PROCESS"] * 4)
    assert victim.charged() == seen.count("AUTH_FAILED")


@pytest.mark.parametrize("size", [0, 600, 1577, 4096])
def test_a1_a_soft_file_size_limit_is_raised_and_wrong_codes_count(
    service: str, victim: Victim, size: int
) -> None:
    """Under a soft RLIMIT_FSIZE three wrong codes count, and the right one then comes too late."""
    since = log.position()
    for code in (*(victim.wrong() for _ in range(3)), victim.fob.next()):
        with pam.attempt(service, victim.name, [code], rhost=HERE, gate="start") as attempt:
            attempt.ready()
            resource.prlimit(attempt.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            attempt.release()
            driven = attempt.result()
        assert driven.status in {0, -signal.SIGXFSZ}  # its own report is over the limit, too
    assert victims.reasons(since, victim.name) == ["AUTH_FAILED"] * 3 + ["AUTH_RATE_LIMITED"]
    assert victim.charged() == 3


def test_a1_su_under_a_file_size_limit_counts_wrong_codes(
    su_asks: None, victim: Victim, attacker: Person
) -> None:
    """A real su under RLIMIT_FSIZE refuses wrong codes, counts them, and ends by itself."""
    assert su_asks is None
    command = ("/usr/bin/prlimit", "--fsize=600:", "/usr/bin/su", "-c", "true", victim.name)
    since = log.position()
    for code in (*(victim.wrong() for _ in range(3)), victim.fob.next()):
        talk = terminal.talk(command, [code], before=_become(attacker))
        assert talk.status == 1
    assert victims.reasons(since, victim.name) == ["AUTH_FAILED"] * 3 + ["AUTH_RATE_LIMITED"]
    assert victim.charged() == 3


def test_a1_where_the_limit_cannot_be_raised_nothing_is_compared(
    service: str, victim: Victim
) -> None:
    """A process that may not raise its RLIMIT_FSIZE refuses the right code, and burns nothing."""
    code, since = victim.fob.next(), log.position()
    before = victim.record()
    bound = ("setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource")
    done = subprocess.run(
        (*bound, "prlimit", "--fsize=600:600", "pamtester", service, victim.name, "authenticate"),
        input=f"{code}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert victims.reasons(since, victim.name) == ["UNSAFE_PROCESS"]
    assert victim.record() == before
    assert pam.drive(service, victim.name, [code], rhost=HERE).one.ok


@pytest.mark.parametrize("name", ["SIGSTOP", "SIGTSTP", "SIGKILL"])
def test_a2_a_signal_in_the_locked_section_has_no_effect(
    service: str, victim: Victim, attacker: Person, name: str
) -> None:
    """Whoever strikes a login as it takes the lock neither freezes another nor skips the count."""
    number = getattr(signal, name)
    places = []
    for turn in range(40):  # the lock is held for so short a time that a striker often misses it
        if places.count("outside") == 3:
            break
        if turn % 3 == 0:
            victim.unlock()
        before = victim.charged()
        with pam.attempt(service, victim.name, [victim.wrong()], ruid=attacker.uid) as attempt:
            attempt.ready()
            with malware.striking(attacker, attempt.pid, number) as striker:
                attempt.release()
                places.append(striker.communicate()[0].strip())
            began = time.monotonic()
            own = pam.drive(service, victim.name, [victim.fob.next()], rhost=HERE)
            assert own.one.ok
            assert time.monotonic() - began < 3
        assert victim.charged() == before + 1
    assert "inside" not in places
    assert places.count("outside") == 3  # else the striker saw too few locks to tell anything


def _become(person: Person, first: Callable[[], object] = int) -> Callable[[], None]:
    def become() -> None:
        first()
        os.fchown(0, person.uid, -1)
        os.setgroups([])
        os.setresgid(person.gid, person.gid, person.gid)
        os.setresuid(person.uid, person.uid, person.uid)

    return become


def _set_timer() -> None:
    signal.setitimer(signal.ITIMER_REAL, 2.0)


@pytest.mark.parametrize("how", ["^C", "timer"])
def test_a2_the_terminal_and_timers_have_no_effect_in_the_locked_section(
    su_asks: None, service: str, victim: Victim, attacker: Person, how: str
) -> None:
    """A su that is interrupted while it waits for the lock still counts its wrong code."""
    assert su_asks is None
    become = _become(attacker, _set_timer if how == "timer" else int)
    command = ["/usr/bin/su", "-c", "true", victim.name]
    with lock_held(victim):
        child = pexpect.spawn(command[0], command[1:], preexec_fn=become, timeout=10)
        child.expect("Verification code:")
        child.send(victim.wrong() + "\r")
        assert child.pid is not None
        pid = child.pid
        wait_until(lambda: waits_for_lock(pid, victim), 5, what="su waits for the lock")
        if how == "timer":
            time.sleep(2.2)
        else:
            child.send("\x03")
            time.sleep(0.3)
    try:
        wait_until(lambda: victim.charged() == 1, 3, what="the wrong code is counted")
        assert pam.drive(service, victim.name, [victim.fob.next()], rhost=HERE).one.ok
    finally:
        processes.end(pid)
        child.close(force=True)


def test_a2_a_cpu_limit_never_separates_a_verdict_from_its_record(
    service: str, victim: Victim
) -> None:
    """A process killed by RLIMIT_CPU in one of many logins has burnt every code it let in."""
    codes = [[victim.fob.next()] for _ in range(250)]
    with pam.attempt(
        service, victim.name, [], rounds=codes, times=250, rhost=HERE, gate="start"
    ) as attempt:
        attempt.ready()
        resource.prlimit(attempt.pid, resource.RLIMIT_CPU, (1, resource.RLIM_INFINITY))
        attempt.release()
        driven = attempt.result()
    assert driven.status == -signal.SIGXCPU
    (counter,) = victim.record().state.counters.values()
    passed = sum(one.ok for one in driven.transactions)
    assert 0 < passed <= counter <= passed + 1
    assert pam.drive(service, victim.name, codes[counter], rhost=HERE).one.ok


@pytest.mark.parametrize("more", ["", "seteuid"])
def test_a3_pam_exec_refuses_without_seteuid(victim: Victim, attacker: Person, more: str) -> None:
    """Run by pam_exec for another user, a right code is good with seteuid and burns without."""
    since = log.position()
    with pam.service(EXEC.format(more=more)) as name:
        code = victim.fob.next()
        driven = pam.drive(name, victim.name, [code], ruid=attacker.uid)
    assert driven.one.ok == (more == "seteuid")
    if not more:
        assert victims.reasons(since, victim.name) == ["NOT_PRIVILEGED"]
        assert set(victim.record().state.counters.values()) <= {0}


_TRACE = """
import ctypes, os, signal, sys, time
libc = ctypes.CDLL(None, use_errno=True)
tried = attached = 0
print("tracing", flush=True)
end = time.time() + float(sys.argv[1])
while time.time() < end:
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            words = open(f"/proc/{name}/cmdline", "rb").read()
        except OSError:
            continue
        if int(name) != os.getpid() and b"/otpauth-pam-exec" in words:
            tried += 1
            attached += libc.ptrace(0x4206, int(name), 0, 0) == 0
            attached += os.access(f"/proc/{name}/mem", os.W_OK)
print(tried, attached)
"""


@pytest.mark.parametrize("more", ["", "seteuid"])
def test_a3_the_helper_of_pam_exec_cannot_be_traced(
    victim: Victim, attacker: Person, more: str
) -> None:
    """A process of the caller cannot attach to the program that pam_exec runs, nor pass by it."""
    with (
        pam.service(EXEC.format(more=more)) as name,
        malware.running(attacker, _TRACE, "3") as tracer,
    ):
        for _ in range(3):
            assert not pam.drive(name, victim.name, ["000000"], ruid=attacker.uid).one.ok
        tried, attached = map(int, tracer.communicate()[0].split())
    assert tried > 0
    assert attached == 0


class Trap:
    """A folder full of modules and programs that leave a mark when they run."""

    MODULES = (
        *("otpauth", "cryptography", "json", "os", "encodings", "hmac", "base64", "sitecustomize"),
        *("usercustomize", "pwd_", "ipaddress", "_cffi_backend", "site", "datetime", "contextlib"),
    )
    PROGRAMS = (
        "python3",
        "python",
        "sh",
        "bash",
        "env",
        "getent",
        "otpauth",
        "openssl",
        "sendmail",
    )

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = folder / "sprung"
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)
        for name in self.MODULES:
            (folder / f"{name}.py").write_text(self.python(), encoding="ascii")
        for name in self.PROGRAMS:
            program = folder / name
            program.write_text(f"#!/bin/dash\necho {name} >>{self.mark}\n", encoding="ascii")
            program.chmod(0o755)

    def python(self) -> str:
        """Return one line of Python that leaves the mark."""
        return f"import sys; open({str(self.mark)!r}, 'a').write(__name__ + repr(sys.argv))\n"

    @property
    def sprung(self) -> str:
        """Return what ran, or nothing."""
        return self.mark.read_text(encoding="utf-8") if self.mark.exists() else ""


@pytest.fixture
def trap(stage: Path) -> Iterator[Trap]:
    """Give a trap that is gone afterwards."""
    made = Trap(stage / "tmp" / "trap")
    yield made
    shutil.rmtree(made.folder)


def hostile(trap: Trap) -> dict[str, str]:
    """Return an environment in which everything points at the trap."""
    folder = str(trap.folder)
    proxy = "http://127.0.0.1:9/"
    return {
        "PATH": folder,
        "HOME": folder,
        "TZ": "../../etc/shadow",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "xx_XX.broken",
        "PYTHONPATH": folder,
        "PYTHONHOME": folder,
        "PYTHONSTARTUP": f"{folder}/otpauth.py",
        "PYTHONUSERBASE": folder,
        "PYTHONINSPECT": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONMALLOC": "debug",
        "PYTHONIOENCODING": "utf-16",
        "PYTHONUTF8": "0",
        "PYTHONPLATLIBDIR": folder,
        "PYTHONOPTIMIZE": "2",
        "http_proxy": proxy,
        "https_proxy": proxy,
        "ALL_PROXY": proxy,
        "TMPDIR": folder,
        "OPENSSL_CONF": f"{folder}/openssl.cnf",
        "IFS": "/",
    }


def test_a4_a_hostile_environment_changes_no_verdict(
    service: str, victim: Victim, attacker: Person, trap: Trap
) -> None:
    """Under a hostile environment codes are right or wrong as ever, and nothing else runs."""
    world = hostile(trap)
    order = malware.Order(b"no change at all")  # so that the unsealing helper runs, too
    for code, expected in ((victim.wrong(), False), (victim.fob.next(), True)):
        malware.propose(victim.person, order)
        since = log.position()
        driven = pam.drive(service, victim.name, [code], ruid=attacker.uid, environment=world)
        assert driven.one.ok is expected
        assert victims.results(since, victim.name) == ["it%20is%20not%20understood"]
    assert trap.sprung == ""


def test_a4_su_and_sudo_pass_no_hostility_on(
    su_asks: None, victim: Victim, attacker: Person, trap: Trap
) -> None:
    """Through real su and sudo, a hostile environment and umask 0777 change nothing."""
    assert su_asks is None
    world = hostile(trap)
    (Path("/etc/sudoers.d") / "attacks").write_text(f"{victim.name} ALL=(ALL) ALL\n")
    with pam.service(STACK, "sudo"):
        for answer, expected in ((victim.wrong(), False), (victim.fob.next(), True)):
            talk = privilege.sudo(victim.person, [answer], environment=world, umask=0o777)
            assert ("IN-root" in talk.output) is expected
    world |= {"PATH": stage_module.SYSTEM_PATH}  # the command that su runs is the attacker's own
    for answer, expected in ((victim.wrong(), False), (victim.fob.next(), True)):
        talk = privilege.su(
            attacker, victim.person, [answer], environment=world, umask=0o777, command="echo IN"
        )
        assert ("\nIN" in talk.output) is expected
    assert trap.sprung == ""
    for path in (victim.host_copy, LOCKS / victim.name, victim.file):
        assert path.stat().st_mode & 0o777 == 0o600
    (Path("/etc/sudoers.d") / "attacks").unlink()


WORLDS: dict[str, dict[str, object]] = {
    "descriptor 0 closed": {"close": [0]},
    "descriptors 0 to 2 closed": {"close": [0, 1, 2]},
    "umask 0777": {"umask": 0o777},
    "umask 0": {"umask": 0},
    **{f"NOFILE {n}": {"limits": {"NOFILE": n}} for n in (3, 7, 10, 16, 40)},
    **{f"AS {n} MiB": {"limits": {"AS": n << 20}} for n in (24, 48, 96, 160)},
    **{f"DATA {n} MiB": {"limits": {"DATA": n << 20}} for n in (2, 8, 24)},
    **{f"STACK {n} KiB": {"limits": {"STACK": n << 10}} for n in (64, 256)},
    "NPROC 0": {"limits": {"NPROC": 0}},
}


@pytest.mark.parametrize("world", WORLDS)
def test_a4_under_hostile_limits_a_verdict_is_the_same_or_a_refusal(
    service: str, victim: Victim, attacker: Person, world: str
) -> None:
    """Under any limit, umask or closed descriptor, a code is judged and counted, or refused."""
    options = WORLDS[world]
    since, before = log.position(), victim.record()
    wrong = pam.drive(service, victim.name, [victim.wrong()], ruid=attacker.uid, **options)  # type: ignore[arg-type]
    assert not any(one.ok for one in wrong.transactions)
    compared = "AUTH_FAILED" in victims.reasons(since, victim.name)
    assert victim.charged() == compared
    code = victim.fob.next()
    right = pam.drive(service, victim.name, [code], ruid=attacker.uid, **options)  # type: ignore[arg-type]
    (counter,) = victim.record().state.counters.values() or (0,)
    if any(one.ok for one in right.transactions):
        assert counter == victim.fob.counter
        assert not pam.drive(service, victim.name, [code], rhost=HERE).one.ok
    assert pam.drive(service, victim.name, [victim.fob.next()], rhost=HERE).one.ok
    assert victim.host_copy.stat().st_mode & 0o777 == 0o600
    assert victim.record().tokens == before.tokens


def test_a5_helper_and_launchers_run_no_site_files(
    victim: Victim, attacker: Person, trap: Trap
) -> None:
    """What lies in a writable site folder is not run by our commands, though by python3 it is."""
    site = Path(f"/usr/local/lib/{python_version()}/dist-packages")
    evil = site / "evil.pth"
    evil.write_text(trap.python(), encoding="ascii")
    shutil.copy(trap.folder / "otpauth.py", site / "sitecustomize.py")
    shutil.copytree(trap.folder, site / "otpauth")
    try:
        malware.propose(victim.person, malware.Order(b"for the helper"))
        with pam.service(EXEC.format(more="seteuid")) as name:
            assert pam.drive(name, victim.name, [victim.fob.next()], ruid=attacker.uid).one.ok
        assert victim.person.run("/usr/local/bin/otpauth", "list").returncode == 0
        victims.admin("list")
        assert trap.sprung == ""
        subprocess.run(("/usr/bin/python3", "-c", "pass"), check=True)
        assert trap.sprung != ""
    finally:
        evil.unlink()
        (site / "sitecustomize.py").unlink()
        shutil.rmtree(site / "otpauth")


def python_version() -> str:
    """Return the name of the system Python's folder, like python3.11."""
    words = ("/usr/bin/python3", "-Ic", "import sys; print('python%d.%d' % sys.version_info[:2])")
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
