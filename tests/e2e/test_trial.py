"""A change of a real sshd on trial: it goes back by itself, or is confirmed from a new login."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth.enable import fallback, files, system, trial
from otpauth.enable.edit import Edit
from otpauth.enable.plan import Plan
from tests.e2e.test_prove import BOTH, DROPIN, INCLUDE, OURS, PAM, change
from tests.parts import accounts, client, enrolment, log, privilege, processes
from tests.parts.sshd import HostSshd
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person
    from tests.parts.phone import Fob

ADMIN_BY_SU = ["su", "-c", f"{enrolment.ADMIN} confirm"]
BEGIN = """
import sys, time
sys.path[:0] = ["/usr/local/lib/otpauth/deps", "/usr/local/lib/otpauth"]
from otpauth.enable import files, trial
from otpauth.enable.edit import Edit
from otpauth.enable.plan import Plan
def change(path, after):
    return Edit(path, files.read(path), after)
text = files.read({pam!r}).replace({include!r}, {ours!r})
plan = Plan("sshd", (change({pam!r}, text), change({dropin!r}, {both!r})), True, "")
trial.begin(plan, int(sys.argv[1]))
print("begun", flush=True)
time.sleep(int(sys.argv[2]))
"""


@pytest.fixture
def server(stage: Path) -> Iterator[HostSshd]:
    """Give the host's sshd, and afterwards the files and the state that were there before."""
    assert stage.is_dir()
    Path("/etc/cron.d").mkdir(exist_ok=True)
    before = {path: files.read(path) for path in (PAM, DROPIN, "/etc/pam.d/sudo")}
    wait_until(lambda: not waiting(), 10, what="those who waited for earlier trials have ended")
    with HostSshd() as running:
        yield running
    for pid in waiting():
        processes.end(pid)
    for path, data in before.items():
        files.put(path, data, files.Look(0o644, 0, 0))
    for name in ("trial", "enabled"):
        shutil.rmtree(Path("/var/lib/otpauth", name), ignore_errors=True)
    Path(fallback.CRON).unlink(missing_ok=True)


@pytest.fixture
def admin(stage: Path) -> Iterator[Person]:
    """Give an account that may do everything by sudo."""
    assert stage.is_dir()
    with accounts.make(password="correct horse battery") as made:
        rule = Path("/etc/sudoers.d", made.name)
        rule.write_text(f"{made.name} ALL=(ALL) NOPASSWD: ALL\n", encoding="utf-8")
        rule.chmod(0o440)
        yield made
        rule.unlink()


@pytest.fixture
def fob(admin: Person) -> Fob:
    """Enrol the account."""
    return enrolment.fob(admin)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Give the program that begins the trial."""
    path = tmp_path / "begin.py"
    path.write_text(
        BEGIN.format(pam=PAM, include=INCLUDE, ours=OURS, dropin=DROPIN, both=BOTH),
        encoding="utf-8",
    )
    return path


def begin(script: Path, seconds: int) -> None:
    """Begin the trial as root, outside of any login."""
    words = ("/usr/bin/python3", "-ISB", str(script), str(seconds), "0")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout == "begun\n", done.stderr


def seen() -> dict[str, tuple[bytes, int, int] | None]:
    """Return bytes, mode and owner of every file of PAM and sshd."""
    paths = [
        *Path("/etc/pam.d").iterdir(),
        *Path("/etc/ssh").rglob("*"),
        *Path("/etc/cron.d").iterdir(),
    ]
    return {
        str(path): (path.read_bytes(), path.stat().st_mode, path.stat().st_uid)
        for path in paths
        if path.is_file() and not path.name.endswith(".otpauth-old")
    }


def waiting() -> list[int]:
    """Return the processes that wait for the end of a trial."""
    found = []
    for pid in processes.pids():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            found += [pid] * (words[-3:] == [b"revert", b"--wait", b""])
    return found


def by_key(admin: Person, server: HostSshd) -> bool:
    """Say whether a key alone is let in."""
    done = client.login(admin, server, ["000000"], methods="publickey,keyboard-interactive")
    return done.ok and not done.prompts


def sessions_of(pid: int) -> list[int]:
    """Return all processes in the sessions of a process's descendants and its own."""
    family = {os.getsid(each) for each in [pid, *processes.descendants(pid)]}
    found = []
    for each in processes.pids():
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(each) in family:
                found.append(each)
    return found


def test_the_connection_dies(server: HostSshd, admin: Person, fob: Fob, script: Path) -> None:
    """Unconfirmed, all is put back in time, byte for byte, though all who began it are killed."""
    before, since = seen(), log.position()
    assert by_key(admin, server)
    words = ["ssh", *client.settings_of(admin, server, "publickey"), "-p", str(server.port)]
    words += [f"{admin.name}@127.0.0.1", f"sudo -n /usr/bin/python3 -ISB {script} 10 60"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as ssh:
        assert ssh.stdout is not None
        assert ssh.stdout.readline() == b"begun\n"
        ended = time.monotonic() + 10
        (began,) = [
            pid
            for pid in processes.descendants(server.process.pid)
            if b"begin.py" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[2:3][0]
        ]
        (waits,) = waiting()
        assert os.getsid(waits) == waits
        ssh.kill()
        for pid in {os.getsid(began), began}:
            os.kill(pid, signal.SIGKILL)
    assert seen() != before
    assert not by_key(admin, server)
    assert client.login(admin, server, [fob.next()]).ok
    wait_until(lambda: trial.pending() is None, ended - time.monotonic() + 5)
    assert time.monotonic() > ended - 1
    assert seen() == before
    assert by_key(admin, server)
    wait_until(lambda: not waiting(), 10)
    events = [line.text for line in log.lines(since, containing="trial=")]
    assert ["trial=begun" in events[0], "trial=put-back" in events[-1]] == [True, True]


def test_confirmed(server: HostSshd, admin: Person, fob: Fob, script: Path) -> None:
    """Only a login made since the change confirms it; then it stays, and its traces are gone."""
    words = ["ssh", *client.settings_of(admin, server, "publickey"), "-p", str(server.port)]
    words += [f"{admin.name}@127.0.0.1", f"echo in; read go; sudo -n {enrolment.ADMIN} confirm"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe) as old:
        assert old.stdout is not None
        assert old.stdout.readline() == b"in\n"
        begin(script, 60)
        _, errors = old.communicate(b"\n")
    assert old.returncode == 1
    assert b"not a login that sshd let in since" in errors
    assert enrolment.admin("confirm").returncode == 1
    during = seen()
    done = client.login(
        admin,
        server,
        [fob.next()],
        command=f"sudo -n {enrolment.ADMIN} confirm",
    )
    assert "sshd: confirmed; it stays" in done.output
    assert {**during, fallback.CRON: None} == {**seen(), fallback.CRON: None}
    assert not list(Path("/etc").rglob(".*.otpauth-*"))
    assert not Path(fallback.CRON).exists()
    kept = trial.enabled("sshd")
    assert kept is not None
    assert [edit.path for edit in kept.edits] == [DROPIN, PAM]
    wait_until(lambda: not waiting(), 10)
    again = enrolment.admin("confirm")
    assert (again.returncode, "was confirmed at" in again.stderr) == (1, True)
    assert enrolment.admin("revert").stdout == "nothing is on trial\n"


def test_edited_meanwhile(server: HostSshd, admin: Person, script: Path) -> None:
    """Somebody's later edit is left alone and loudly said; the other files go back."""
    begin(script, 60)
    mine = b"# mine\n" + (files.read(PAM) or b"")
    Path(PAM).write_bytes(mine)
    since = log.position()
    done = enrolment.admin("revert")
    assert done.returncode == 1
    assert f"'{PAM}' was changed by somebody else and is left alone" in done.stderr
    assert (files.read(PAM), files.read(DROPIN)) == (mine, None)
    assert log.lines(since, containing="trial=left-alone")
    assert by_key(admin, server)


def test_reboot(server: HostSshd, admin: Person, script: Path) -> None:
    """After a reboot, what cron runs then puts all back at once."""
    before = seen()
    begin(script, 600)
    for pid in waiting():
        os.kill(pid, signal.SIGKILL)
    (line,) = [each for each in Path(fallback.CRON).read_text().splitlines() if each[:1] == "@"]
    when, who, command = line.split(maxsplit=2)
    assert (when, who) == ("@reboot", "root")
    done = subprocess.run(("/bin/sh", "-c", command), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert seen() == before
    assert by_key(admin, server)


def test_overdue(server: HostSshd, script: Path) -> None:
    """If nothing else did, the next command of root puts an overdue trial back first."""
    assert server.port
    before = seen()
    begin(script, 1)
    for pid in waiting():
        os.kill(pid, signal.SIGKILL)
    time.sleep(1.1)
    done = enrolment.admin("list")
    assert done.returncode == 0
    assert "not confirmed in time: sshd: put back: " in done.stderr
    assert seen() == before


def _sudo_on_trial() -> None:
    path = "/etc/pam.d/sudo"
    edit = change(path, (files.read(path) or b"") + b"# changed\n")
    trial.begin(Plan("sudo", (edit,), reload=False, tester=""), 60)


def test_sudo_confirms_itself(server: HostSshd, admin: Person) -> None:
    """A change of sudo is confirmed through a sudo that was called since, and not by root's."""
    assert server.port
    _sudo_on_trial()
    assert enrolment.admin("confirm").returncode == 1
    for words in (("sudo", "-n"), ("su", "-c"), ("sudo", "-n", "sudo", "-n")):
        line = [*words, enrolment.ADMIN, "confirm"] if words[0] == "sudo" else ADMIN_BY_SU
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert (done.stdout, done.returncode) == ("", 1)
        assert "not a login that sudo let in" in done.stderr
    talk = privilege.at_terminal(admin, ("sudo", "-n", enrolment.ADMIN, "confirm"))
    assert "sudo: confirmed; it stays" in talk.output


def test_sudo_forgets(server: HostSshd) -> None:
    """Whom sudo remembers from before a change of it, it asks anew."""
    assert server.port
    known = Path("/run/sudo/ts")
    known.mkdir(mode=0o700, parents=True, exist_ok=True)
    (known / "alice").write_bytes(b"as she was")
    _sudo_on_trial()
    assert list(known.iterdir()) == []


def test_anyway(server: HostSshd, script: Path) -> None:
    """From a console, confirm --anyway keeps the change."""
    assert server.port
    begin(script, 60)
    assert enrolment.admin("confirm", "--anyway").returncode == 0
    assert trial.pending() is None


def test_refused_by_sshd(server: HostSshd, admin: Person) -> None:
    """A configuration that sshd refuses is put back at once, and sshd runs on as before."""
    before = seen()
    plan = Plan("sshd", (change(DROPIN, b"Nonsense yes\n"),), reload=True, tester="")
    with pytest.raises(trial.RefusedError, match="sshd does not take the change"):
        trial.begin(plan, 60)
    assert seen() == before
    assert by_key(admin, server)


def test_units(stage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where systemd runs, a timer and a service for the boot are written, and removed again."""
    assert stage.is_dir()
    done: list[tuple[str, ...]] = []
    monkeypatch.setattr(system, "has_systemd", lambda: True)
    monkeypatch.setattr(system, "run", lambda *words: done.append(words) or "")
    monkeypatch.setattr(system, "program", lambda: enrolment.ADMIN)
    fallback.arrange(600)
    units = (fallback.SERVICE, fallback.TIMER)
    if shutil.which("systemd-analyze"):
        checked = subprocess.run(
            ("systemd-analyze", "verify", "--man=no", *units), capture_output=True, check=False
        )
        ours = [line for line in checked.stderr.splitlines() if b"otpauth" in line]
        assert (checked.returncode, ours) == (0, [])  # others' units are read, too
    assert "\nOnActiveSec=600\n" in Path(fallback.TIMER).read_text()
    assert f"\nExecStart={enrolment.ADMIN} revert\n" in Path(fallback.SERVICE).read_text()
    assert [words[-1] for words in done] == [
        "daemon-reload", "otpauth-revert.service", "otpauth-revert.timer"
    ]  # fmt: skip
    assert fallback.cancel() == []
    assert not any(Path(path).exists() for path in units)
    assert done[-1] == ("systemctl", "daemon-reload")


def test_units_fail(server: HostSshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """If systemd does not take the timer, nothing is changed and no unit is left."""
    assert server.port
    before = seen()
    monkeypatch.setattr(system, "has_systemd", lambda: True)
    monkeypatch.setattr(system, "run", lambda *words: "no bus" if "restart" in words else "")
    with pytest.raises(trial.WriteError, match="the revert is not arranged: no bus"):
        trial.begin(Plan("sshd", (Edit(DROPIN, None, BOTH),), reload=True, tester=""), 60)
    assert seen() == before
    assert not os.path.exists(fallback.SERVICE)
    assert trial.pending() is None
