"""A change is proved by real logins before it is made, and nothing real is touched by them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth.enable import files, prove, rehearsal
from otpauth.enable.edit import Edit
from otpauth.enable.plan import Plan
from tests.parts import accounts, enrolment, log, processes
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.finding import Finding
    from tests.parts.accounts import Person

PAM = "/etc/pam.d/sshd"
DROPIN = "/etc/ssh/sshd_config.d/10-otpauth.conf"
BOTH = b"KbdInteractiveAuthentication yes\nAuthenticationMethods publickey,keyboard-interactive\n"
OURS = f"{enrolment.STACK}\n".encode()
INCLUDE = b"@include common-auth\n"


@pytest.fixture(scope="module")
def tester(stage: object) -> Iterator[Person]:
    """Give somebody who is enrolled, has a password and a home, and may use sudo."""
    assert stage
    with accounts.make(password="correct horse battery", groups=["sudo"]) as made:
        enrolment.phone(made)
        assert enrolment.admin("approve", made.name).returncode == 0
        yield made


def change(path: str, after: bytes) -> Edit:
    """Return the edit from what is there now."""
    return Edit(path, files.read(path), after)


def with_key(tester: Person, line: bytes = OURS, dropin: bytes = BOTH) -> Plan:
    """Return the plan of key and code for sshd."""
    text = (files.read(PAM) or b"").replace(INCLUDE, line)
    return Plan(
        "sshd", (change(PAM, text), change(DROPIN, dropin)), reload=True, tester=tester.name
    )


def states(found: list[Finding]) -> list[str]:
    """Return the states, after all findings were seen to say something."""
    print(*found, sep="\n")
    assert all(each.title and (each.evidence or each.state == "ok") for each in found), found
    return [each.state for each in found]


def real(tester: Person) -> dict[str, bytes | None]:
    """Return everything that a login could have changed."""
    roots = ["/var/lib/otpauth", "/etc/pam.d", "/etc/ssh", "/var/log", "/media", "/run/sudo"]
    paths = [*(path for root in [*roots, tester.home] for path in Path(root).rglob("*"))]
    return {
        str(path): path.read_bytes() if path.is_file() else None
        for path in [*paths, Path("/etc/shadow"), Path("/etc/passwd")]
    }


def test_key_and_code(tester: Person) -> None:
    """A right change is proved by a login and three refusals; nothing real is written for it."""
    before, since = real(tester), log.position()
    found = prove.prove(with_key(tester))
    assert states(found) == ["ok", "ok", "ok", "ok"], found
    assert real(tester) == before
    assert log.lines(since) == []
    assert rehearsal.__file__.encode() not in _words_below(os.getpid())


def _words_below(pid: int) -> set[bytes]:
    """Return all words of all processes that descend from one."""
    found: set[bytes] = set()
    for each in processes.descendants(pid):
        with contextlib.suppress(OSError):
            found.update(Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0"))
    return found


def test_password_and_code(tester: Person) -> None:
    """A stack of password and code is proved with a throw-away password."""
    line = b"auth requisite pam_unix.so\n" + OURS.rstrip() + b" after_password\n"
    dropin = b"KbdInteractiveAuthentication yes\nAuthenticationMethods keyboard-interactive\n"
    found = prove.prove(with_key(tester, line, dropin))
    assert states(found) == ["ok", "ok", "ok", "ok"], found


def test_one_box(tester: Person) -> None:
    """A stack that takes the code off the password is proved by typing both in one."""
    split = OURS.rstrip() + b" split\n" + INCLUDE + OURS.rstrip() + b" after_password\n"
    dropin = b"KbdInteractiveAuthentication yes\nAuthenticationMethods keyboard-interactive\n"
    found = prove.prove(with_key(tester, split, dropin))
    assert states(found) == ["ok", "ok", "ok", "ok"], found


def test_key_goes_round(tester: Person) -> None:
    """A change that lets a key in without a code is told."""
    either = b"KbdInteractiveAuthentication yes\nAuthenticationMethods any\n"
    found = prove.prove(with_key(tester, dropin=either))
    assert states(found) == ["warn"]
    assert "asks for no code" in found[0].evidence


def test_any_code(tester: Person) -> None:
    """A change under which a wrong code is good fails."""
    line = OURS.replace(b"required", b"optional") + b"auth required pam_permit.so\n"
    found = prove.prove(with_key(tester, line))
    assert states(found) == ["ok", "fail", "fail", "ok"], found
    assert "with a wrong code" in found[1].evidence


def test_nobody_gets_in(tester: Person) -> None:
    """A change under which nobody can log in fails, with what was seen."""
    found = prove.prove(with_key(tester, b"auth required pam_deny.so\n"))
    assert states(found) == ["fail"]
    assert "refused" in found[0].evidence


def test_sshd_does_not_start(tester: Person) -> None:
    """A configuration that sshd does not understand is a fail that names the line."""
    found = prove.prove(with_key(tester, dropin=b"Nonsense yes\n"))
    assert states(found) == ["fail"]
    assert "10-otpauth.conf" in found[0].evidence


@pytest.mark.parametrize("service", ["sudo", "su"])
def test_local(tester: Person, service: str) -> None:
    """The stacks of sudo and su are proved with the real programs, a grace period or not."""
    path = f"/etc/pam.d/{service}"
    text = files.read(path) or b""
    line = OURS.rstrip() + b" after_password grace_period=600\n"
    after = text.replace(INCLUDE, b"auth requisite pam_unix.so\n" + line)
    plan = Plan(service, (change(path, after),), reload=False, tester=tester.name)
    before = real(tester)
    assert states(prove.prove(plan)) == ["ok", "ok", "ok"]
    assert real(tester) == before


def test_su_of_a_group_alone(tester: Person) -> None:
    """Where a group alone may use su, its member is the one who tries it."""
    text = files.read("/etc/pam.d/su") or b""
    lines = b"auth required pam_wheel.so group=sudo\nauth requisite pam_unix.so\n"
    line = lines + OURS.rstrip() + b" after_password\n"
    edit = change("/etc/pam.d/su", text.replace(INCLUDE, line))
    plan = Plan("su", (edit,), reload=False, tester=tester.name)
    assert states(prove.prove(plan)) == ["ok", "ok", "ok"]


def test_nobody_is_told(tester: Person, tmp_path: Path) -> None:
    """No mail is sent of the wrong answers that are given, though sudo is to tell of them."""
    sent, program = tmp_path / "sent", tmp_path / "sendmail"
    program.write_text(f"#!/bin/sh\ncat >>{sent}\n")
    for path in (tmp_path, *list(tmp_path.parents)[:2]):
        path.chmod(0o755)
    program.chmod(0o755)
    sent.touch()
    sent.chmod(0o666)  # by default sudo mails as whoever called it
    rule = Path("/etc/sudoers.d/mail")
    rule.write_text(f"Defaults mail_badpass, mail_always\n{tester.name} ALL=(ALL) ALL\n")
    rule.chmod(0o440)
    Path("/usr/sbin/sendmail").touch()
    subprocess.run(("mount", "--bind", str(program), "/usr/sbin/sendmail"), check=True)
    text = files.read("/etc/pam.d/sudo") or b""
    line = b"auth requisite pam_unix.so\n" + OURS.rstrip() + b" after_password\n"
    edit = change("/etc/pam.d/sudo", text.replace(INCLUDE, line))
    try:
        found = prove.prove(Plan("sudo", (edit,), reload=False, tester=tester.name))
    finally:
        subprocess.run(("umount", "/usr/sbin/sendmail"), check=True)
        rule.unlink()
    assert states(found) == ["ok", "ok", "ok"]
    time.sleep(0.5)
    assert sent.read_text() == ""


@pytest.mark.parametrize(
    "place", [".ssh/mine", "%h/.ssh/authorized_keys .ssh/two", "/etc/ssh/keys/%u", "/etc/ssh/of-%u"]
)
def test_keys_elsewhere(tester: Person, place: str) -> None:
    """Wherever a Match block has the tester's keys, the throw-away one is there, and no more."""
    keys = Path("/etc/ssh/keys")
    keys.mkdir(exist_ok=True)
    before = real(tester)
    match = f"Match User {tester.name}\n    AuthorizedKeysFile {place}\n".encode()
    assert states(prove.prove(with_key(tester, dropin=BOTH + match))) == ["ok"] * 4
    assert real(tester) == before
    keys.rmdir()


def test_keys_by_command(tester: Person) -> None:
    """Where no host-wide file has keys, as where a directory server has, a login is made still."""
    none = b"AuthorizedKeysFile none\n"
    assert states(prove.prove(with_key(tester, dropin=none + BOTH))) == ["ok"] * 4


def test_no_keys_in_files(tester: Person) -> None:
    """Where keys are in no file for the tester, no login can be made, and that is said."""
    match = f"Match User {tester.name}\n    AuthorizedKeysFile none\n".encode()
    found = prove.prove(with_key(tester, dropin=BOTH + match))
    assert states(found) == ["warn"]
    assert "AuthorizedKeysFile" in found[0].evidence


def test_bypassed_and_limited(tester: Person) -> None:
    """Neither a bypass nor wrong codes of the tester's change what is proved."""
    for _ in range(6):
        enrolment.admin("verify", tester.name, text="000000\n")
    assert enrolment.admin("bypass", tester.name).returncode == 0
    before = real(tester)
    try:
        assert states(prove.prove(with_key(tester))) == ["ok"] * 4
        assert real(tester) == before
    finally:
        enrolment.admin("bypass", tester.name, "--off")
        enrolment.admin("unlock", tester.name)


def test_not_asked(tester: Person) -> None:
    """A login in which no code is asked for is no proof, and says so."""
    plan = with_key(tester, INCLUDE, b"")
    found = prove.prove(plan)
    assert states(found) == ["warn"]


def test_other_services(tester: Person) -> None:
    """For a service without a test login, and without a tester, that is what is said."""
    assert states(prove.prove(Plan("cron", (), reload=False, tester=tester.name))) == ["warn"]
    assert states(prove.prove(Plan("sshd", (), reload=True, tester=""))) == ["warn"]


def test_it_hangs(tester: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rehearsal that does not end in time is ended, and is a fail."""
    monkeypatch.setattr(prove, "SECONDS", 1)
    hangs = change(PAM, b"account required pam_exec.so /bin/sleep 60\n")
    found = prove.prove(Plan("sshd", (hangs,), reload=True, tester=tester.name))
    assert states(found) == ["fail"]
    assert "did not end in 1 s" in found[0].evidence
    assert not _words_below(os.getpid()) & {b"/bin/sleep", rehearsal.__file__.encode()}


def test_no_client(tester: Person) -> None:
    """Without an ssh client no login is made, and what to install is said."""
    subprocess.run(("mount", "--bind", "/dev/null", "/usr/bin/ssh"), check=True)
    try:
        found = prove.prove(with_key(tester))
    finally:
        subprocess.run(("umount", "/usr/bin/ssh"), check=True)
    assert states(found) == ["warn"]
    assert found[0].mend == "apt-get install openssh-client"


def test_no_namespaces(tester: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where root may make no namespaces, as in many containers, no login is made, and why."""
    weak = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", *prove.NAMESPACES)
    monkeypatch.setattr(prove, "NAMESPACES", weak)
    before = real(tester)
    found = prove.prove(with_key(tester))
    assert states(found) == ["warn"]
    assert "unshare failed: Operation not permitted" in found[0].evidence
    assert real(tester) == before


def test_killed(tester: Person) -> None:
    """If the command is killed, nothing of the rehearsal is left, though a login hangs in it."""
    here = Path(__file__).parents[2]
    program = (
        f"import sys; sys.path[:0] = [{str(here)!r}]\n"
        "from tests.e2e.test_prove import *\n"
        "hangs = change(PAM, b'account required pam_exec.so /bin/sleep 60\\n')\n"
        f"prove.prove(Plan('sshd', (hangs,), True, {tester.name!r}))\n"
    )
    child = subprocess.Popen((sys.executable, "-c", program))
    try:
        wait_until(lambda: b"/bin/sleep" in _words_below(child.pid), 10)
        family = processes.descendants(child.pid)
        os.kill(child.pid, signal.SIGKILL)
        wait_until(lambda: not any(map(processes.alive, family)), 3)
    finally:
        child.kill()
        child.wait()
