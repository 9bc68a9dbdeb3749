"""The stage and the parts are themselves tested, with a module that wants a fixed code."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import stage as stage_module
from tests.parts import (
    accounts,
    client,
    faketime,
    log,
    pam,
    phone,
    privilege,
    processes,
    secrets,
    terminal,
)
from tests.parts.sshd import Sshd
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage

CODE = "tested-code"
STACK = "auth required pam_python.so fixed_code.py"
MODULE = f"""
import syslog, time
def pam_sm_authenticate(pamh, flags, argv):
    answer = pamh.conversation(pamh.Message(pamh.PAM_PROMPT_ECHO_OFF, "Verification code: "))
    syslog.syslog("rhost %s first %s" % (pamh.rhost, pamh.env.get("SSH_AUTH_INFO_0")))
    syslog.syslog("clock %d" % time.time())
    return pamh.PAM_SUCCESS if answer.resp == "{CODE}" else pamh.PAM_AUTH_ERR
def pam_sm_setcred(pamh, flags, argv):
    return pamh.PAM_SUCCESS
"""
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
PROMPT = "Verification code: "


@pytest.fixture(scope="module", autouse=True)
def fixed_code() -> Iterator[None]:
    """Put the module where pam_python finds it."""
    path = Path("/lib/security/fixed_code.py")
    path.write_text(MODULE, encoding="utf-8")
    yield
    path.unlink()


@pytest.fixture
def service(stage: Path) -> Iterator[str]:
    """Give a PAM service that wants the code."""
    assert stage.is_dir()
    with pam.service(STACK) as name:
        yield name


def on_stage(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a stage of its own, inside this one."""
    return subprocess.run(
        (sys.executable, "-m", "tests.stage", "--no-install", "--", *command),
        cwd=stage_module.TREE,
        capture_output=True,
        text=True,
        check=False,
    )


def machine() -> dict[str, object]:
    """Return what a test run might change."""
    folders = ("/etc", "/etc/pam.d", "/home", "/root", "/run", "/dev", "/usr/local/bin")
    seen: dict[str, object] = {folder: sorted(os.listdir(folder)) for folder in folders}
    seen["passwd"] = Path("/etc/passwd").read_bytes() + Path("/etc/shadow").read_bytes()
    seen["mounts"] = Path("/proc/self/mounts").read_text(encoding="utf-8")
    seen["processes"] = len([pid for pid in processes.pids() if processes.alive(pid)])
    return seen


def test_the_machine_is_as_it_was_after_the_stage() -> None:
    """Accounts, files, mounts, log sockets and processes made on a stage end with it."""
    before = machine()
    done = on_stage(
        *("sh", "-c"),
        "useradd -m zed && touch /etc/x /etc/pam.d/x /root/x /lib/security/x /usr/local/bin/x "
        "/dev/x /run/x && mount -t tmpfs none /home && logger a line && (sleep 900 & sleep 900 &)",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert machine() == before


def test_the_stage_returns_the_status_of_its_command() -> None:
    """Exit statuses and deaths by signal come through as a shell reports them."""
    assert on_stage("sh", "-c", "exit 7").returncode == 7
    assert on_stage("sh", "-c", "kill -9 $$").returncode == 128 + signal.SIGKILL


def test_a_killed_stage_takes_everything_with_it() -> None:
    """TERM ends the stage, its command and what that left in the background."""
    words = (sys.executable, "-m", "tests.stage", "--no-install", "--")
    before = set(processes.pids())
    with subprocess.Popen(
        (*words, "sh", "-c", "sleep 900 & sleep 900"), cwd=stage_module.TREE
    ) as it:
        wait_until(lambda: len(processes.descendants(it.pid)) == 4)
        os.kill(processes.descendants(it.pid)[0], signal.SIGTERM)
        assert it.wait(10) == 128 + signal.SIGTERM
    wait_until(lambda: set(filter(processes.alive, processes.pids())) <= before)


def test_the_stage_says_what_it_lacks() -> None:
    """Without root, and for a command that is not there, there is one line that says so."""
    code = (
        "import os; from tests import stage; os.setuid(65534); "
        "raise SystemExit(stage.main(['--', 'true']))"
    )
    refused = subprocess.run(
        (sys.executable, "-c", code),
        cwd=stage_module.TREE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith("tests.stage: error: not root")
    assert on_stage("no-such-command").stderr.count("\n") == 1


def test_the_log_keeps_order_and_escapes_newlines() -> None:
    """Each datagram to /dev/log is one line, in order, with facility and severity."""
    start = log.position()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("/dev/log")
        sender.send(b"<86>Nov 21 21:05:28 one: first\nforged")
        sender.send(b"<13>two: second")
    lines = log.lines(since=start)
    assert lines[0] == (10, 6, "one: first\\nforged")
    assert lines[1] == (1, 5, "two: second")


def test_a_removed_person_leaves_nothing() -> None:
    """Removing an account ends its processes and takes its home, keys and entry away."""
    with accounts.make(groups=("testers",)) as person:
        assert "testers" in person.run("id", "-Gn").stdout.split()
        person.run("sh", "-c", "sleep 900 >/dev/null 2>&1 &")
        wait_until(lambda: owned_by(person.uid))
    assert not owned_by(person.uid)
    assert not person.home.exists()
    assert not person.key_path.exists()
    with pytest.raises(KeyError):
        pwd.getpwnam(person.name)


def owned_by(uid: int) -> list[int]:
    """Return the live processes of a user."""
    return [
        pid
        for pid in processes.pids()
        if processes.alive(pid) and Path(f"/proc/{pid}").stat().st_uid == uid
    ]


def test_a_full_home_takes_nothing_more(person: Person) -> None:
    """On a full home neither the owner nor root can write; with 64 KiB left both can."""
    write = ("dd", "if=/dev/zero", f"of={person.home}/new", "bs=1k", "count=8")
    with accounts.full_home(person):
        assert "No space left" in person.run(*write).stderr
        with pytest.raises(OSError, match="No space left"):
            (person.home / "roots").write_bytes(bytes(4096))
    with accounts.full_home(person, kib_left=64):
        assert person.run(*write).returncode == 0


def test_homes_can_be_read_only_missing_and_small(person: Person) -> None:
    """Odd homes are odd for root too, and are put right afterwards."""
    kept = sorted(os.listdir(person.home))
    with accounts.read_only_home(person), pytest.raises(OSError, match="Read-only"):
        (person.home / "new").touch()
    with accounts.missing_home(person):
        assert not person.home.exists()
    with accounts.small_home(person, 100, options="noexec"):
        assert sorted(os.listdir(person.home)) == kept
        assert person.run("sh", "-c", "echo true > ~/x && chmod +x ~/x && ~/x").returncode != 0
    assert sorted(os.listdir(person.home)) == kept


def test_the_phone_agrees_with_the_rfcs() -> None:
    """The phone shows RFC 6238's codes at its times, and the fob RFC 4226's codes in turn."""
    shown = phone.Phone(RFC_SECRET, digits=8)
    assert shown.code(59) == "94287082"
    assert shown.code(1111111109) == "07081804"
    assert (
        phone.Phone(RFC_SECRET.lower(), digits=8, skew=30, clock=lambda: 29.0).code() == "94287082"
    )
    fob = phone.Fob(RFC_SECRET)
    assert [fob.next(), fob.next(), fob.next()] == ["755224", "287082", "359152"]
    assert fob.wrong() != fob.code(3)


def test_the_phone_gives_each_code_once() -> None:
    """`next` never repeats a code, never leaves the window, and waits when it is spent."""
    shown = phone.Phone(RFC_SECRET, digits=8, period=60, clock=lambda: 6000.0)
    given = [shown.next() for _ in range(3)]
    assert given == [shown.code(5940), shown.code(6000), shown.code(6060)]
    hurried = phone.Phone(RFC_SECRET, period=2)
    begin = time.monotonic()
    assert len({hurried.next() for _ in range(4)}) >= 3
    assert time.monotonic() - begin > 1


def test_pamtester_gets_the_answer_and_the_items(service: str, person: Person) -> None:
    """Pamtester passes code, rhost and PAM environment on, and tells the verdict."""
    start = log.position()
    right = pam.pamtester(
        service, person.name, [CODE], rhost="192.0.2.7", env={"SSH_AUTH_INFO_0": "publickey x"}
    )
    wrong = pam.pamtester(service, person.name, ["another"])
    assert (right.ok, right.text) == (True, "successfully authenticated")
    assert (wrong.ok, wrong.text) == (False, "Authentication failure")
    assert log.lines(start, containing="rhost 192.0.2.7 first publickey x")


def test_drive_runs_many_transactions_in_one_process(service: str, person: Person) -> None:
    """Each round gets its own answers, later ones the last; every verdict is told apart."""
    done = pam.drive(service, person.name, rounds=[[CODE], ["wrong"], [CODE]], times=4)
    codes = [transaction.code for transaction in done.transactions]
    assert codes == ["PAM_SUCCESS", "PAM_AUTH_ERR", "PAM_SUCCESS", "PAM_SUCCESS"]
    assert all(transaction.asked == [PROMPT] for transaction in done.transactions)
    assert all(transaction.rss_kb > 1000 for transaction in done.transactions)
    assert done.transactions[0].ms > done.transactions[0].answer_ms > 0


def test_drive_runs_a_thousand_transactions(person: Person) -> None:
    """However many results there are, none blocks the process or is lost."""
    with pam.service("auth required pam_permit.so") as name:
        done = pam.drive(name, person.name, times=1000)
    assert [transaction.ok for transaction in done.transactions] == [True] * 1000


def test_drive_takes_odd_users(service: str) -> None:
    """A user who is nobody, none, or looks like an option reaches the module."""
    for user in (None, "", "--times", "new\nline"):
        assert pam.drive(service, user, [CODE]).one.asked[-1] == PROMPT


def test_drive_walks_away_where_answers_end(service: str, person: Person) -> None:
    """Without an answer the conversation fails, and so does the transaction."""
    assert not pam.drive(service, person.name, []).one.ok


def test_drive_holds_two_handles(service: str, person: Person) -> None:
    """Two handles open at once each get their own round."""
    done = pam.drive(service, person.name, rounds=[[CODE], ["wrong"]], two=True)
    assert [transaction.ok for transaction in done.transactions] == [True, False]


def test_drive_makes_a_hostile_world(service: str, person: Person) -> None:
    """Limits, real user id, umask and closed descriptors are as asked, and the result arrives."""
    options = pam.Options(ruid=person.uid, limits={"FSIZE": 0}, umask=0o777, close=(0, 1, 2))
    with pam.attempt(service, person.name, [CODE], **options) as attempt:
        attempt.ready()
        status = Path(f"/proc/{attempt.pid}/status").read_text(encoding="ascii")
        limits = Path(f"/proc/{attempt.pid}/limits").read_text(encoding="ascii")
        assert f"Uid:\t{person.uid}\t0\t0" in status
        assert "Umask:\t0777" in status
        descriptors = Path(f"/proc/{attempt.pid}/fd")
        assert not [n for n in "012" if os.path.lexists(descriptors / n)]
        assert limits.split("Max file size")[1].split()[:2] == ["0", "0"]
        assert attempt.result().one.ok


def test_drive_has_a_syslog_ident_of_its_own(service: str, person: Person) -> None:
    """The host program's own line has its ident and facility if the module leaves them alone."""
    with pam.service("auth required pam_permit.so") as permit:
        start = log.position()
        pam.drive(permit, person.name, ident="hostprogram")
    (line,) = log.lines(start, containing="own line")
    assert (line.facility, line.text) == (19, "hostprogram: the host program's own line")
    assert service


def test_an_attempt_stands_at_its_gate(service: str, person: Person) -> None:
    """An attempt that is ready has been asked, and does not go on before it is released."""
    start = log.position()
    with pam.attempt(service, person.name, [CODE]) as attempt:
        attempt.ready()
        time.sleep(0.2)
        assert processes.alive(attempt.pid)
        assert not log.lines(start, containing="rhost")
        assert attempt.result().one.ok


def test_a_storm_gives_every_verdict(service: str, person: Person) -> None:
    """A storm returns one result per process, in the order of its answers."""
    answers = [[CODE], ["wrong"]] * 4
    assert [drive.one.ok for drive in pam.storm(service, person.name, answers)] == [True, False] * 4


def test_the_probe_asks_and_shows_the_token(person: Person) -> None:
    """The neighbour module leaves a password for the next module and shows what is left of it."""
    stack = "\n".join([pam.probe("ask"), STACK, pam.probe("show")])
    with pam.service(stack) as name:
        done = pam.drive(name, person.name, ["a password", CODE]).one
    assert done.asked == ["Password: ", PROMPT]
    assert done.told == ["probe authtok: a password"]


def test_a_service_file_is_put_back() -> None:
    """A service that was there before is as before afterwards."""
    before = Path("/etc/pam.d/su").read_bytes()
    with pam.service(STACK, "su"):
        assert Path("/etc/pam.d/su").read_text(encoding="utf-8").startswith(STACK)
    assert Path("/etc/pam.d/su").read_bytes() == before


def test_ssh_logs_in_with_key_and_code(person: Person) -> None:
    """With key and code the command runs; a wrong code is asked again; then the person leaves."""
    with Sshd(STACK) as sshd:
        start = log.position()
        right = client.login(person, sshd, [CODE])
        assert right.ok
        assert [prompt.endswith(PROMPT) for prompt in right.prompts] == [True]
        assert log.lines(start, containing="rhost 127.0.0.1 first publickey ssh-ed25519")
        second = client.login(person, sshd, ["wrong", CODE])
        assert (second.ok, len(second.prompts)) == (True, 2)
        third = client.login(person, sshd, ["wrong"])
        assert (third.ok, len(third.prompts)) == (False, 2)
        assert "Accepted keyboard-interactive/pam" in sshd.log()


def test_ssh_asks_password_and_code() -> None:
    """Without a key the password comes first, then the code, each its own prompt."""
    stack = f"auth requisite pam_unix.so\n{STACK}"
    methods = ["AuthenticationMethods keyboard-interactive"]
    password = "correct horse"
    with accounts.make(password=password) as person, Sshd(stack, methods) as sshd:
        right = client.login(person, sshd, [password, CODE], key=False)
        assert right.ok
        assert [prompt.rpartition(") ")[2] for prompt in right.prompts] == ["Password: ", PROMPT]


def test_a_match_block_stays_at_the_end(person: Person) -> None:
    """Lines from the first Match on come after the usual settings and do what they say."""
    lines = ["AuthenticationMethods keyboard-interactive", f"Match User {person.name}"]
    with Sshd(STACK, [*lines, "    AuthenticationMethods publickey"]) as sshd:
        assert client.login(person, sshd).prompts == ()


def test_sftp_and_scp_copy(person: Person) -> None:
    """Sftp and both protocols of scp copy a file after the code."""
    with Sshd(STACK) as sshd:
        assert "put" in client.sftp(person, sshd, "put /etc/hostname one", [CODE]).output
        assert client.scp(person, sshd, "/etc/hostname", ":two", [CODE]).ok
        assert client.scp(person, sshd, "/etc/hostname", ":three", [CODE], old_protocol=True).ok
        assert not client.scp(person, sshd, ":none", "/dev/null", [CODE]).ok
    assert {"one", "two", "three"} <= set(os.listdir(person.home))


def test_sshd_ends_with_its_sessions(person: Person) -> None:
    """After the server's end nothing of it runs, not even where a prompt stands open."""
    with contextlib.ExitStack() as stack:
        sshd = stack.enter_context(Sshd(STACK))
        family: list[int] = []

        def end_it(_prompt: str) -> None:
            family.extend([sshd.pid, *processes.descendants(sshd.pid)])
            stack.close()
            assert not any(map(processes.alive, family))

        assert not client.login(person, sshd, end_it).ok
    assert len(family) > 2
    assert not Path("/etc/pam.d", sshd.service).exists()


def test_an_answer_may_take_its_time(person: Person) -> None:
    """A function that answers can do other things while the prompt stands open."""
    with Sshd(STACK) as sshd:
        inner: list[bool] = []

        def answer(prompt: str) -> str:
            assert prompt.endswith(PROMPT)
            inner.append(client.login(person, sshd, [CODE]).ok)
            return CODE

        assert client.login(person, sshd, answer).ok
        assert inner == [True]


def test_su_and_sudo_ask_on_a_terminal(person: Person) -> None:
    """Su and sudo run the command for the code, and not without it."""
    with pam.service(STACK, "su"), accounts.make() as other:
        assert f"IN-{other.name}" in privilege.su(person, other, [CODE]).output
        refused = privilege.su(person, other, ["wrong"], limits={"FSIZE": 0})
        assert (refused.ok, refused.prompts) == (False, (PROMPT,))
    rule = Path("/etc/sudoers.d/stage-test")
    rule.write_text(f"{person.name} ALL=(ALL) ALL\n", encoding="utf-8")
    with pam.service(STACK, "sudo"):
        assert "IN-root" in privilege.sudo(person, [CODE]).output
        assert not privilege.sudo(person, ["wrong"]).ok
    rule.unlink()


def test_a_command_runs_at_the_persons_own_terminal(person: Person) -> None:
    """A person's command has the person's identity, home, terminal and window."""
    script = 'echo "$(id -un) $HOME"; stty size < "$(tty)"; printf "Name? " > /dev/tty; read n'
    seen = privilege.at_terminal(person, ("sh", "-c", script), ["ann"], size=(30, 40))
    assert seen.ok
    assert seen.messages[:2] == (f"{person.name} {person.home}", "30 40")
    assert seen.prompts == ("Name? ",)


def test_messages_are_told_from_prompts() -> None:
    """Finished lines are messages; a question with or without echo is a prompt."""
    script = 'echo hello; printf "Name? "; read n; stty -echo; printf "Code"; read c; echo "$n"'
    seen = terminal.talk(("sh", "-c", script), ["ann", "hidden"])
    assert seen.prompts == ("Name? ", "Code")
    assert seen.messages[0] == "hello"
    assert "hidden" not in seen.output


def test_a_program_that_hangs_is_an_error() -> None:
    """A program that neither asks nor ends does not hold the tests up."""
    with pytest.raises(TimeoutError):
        terminal.talk(("sleep", "900"), seconds=0.5)


def test_sshd_lives_on_the_faked_clock(person: Person) -> None:
    """A module under sshd sees the clock that the test sets and moves, and stands when frozen."""
    with faketime.Clock(86400) as clock, Sshd(STACK, environment=clock.environment) as sshd:
        for days in (0, 10, -300):
            clock.advance(days * 86400)
            assert abs(clock_seen(person, sshd) - clock.now()) < 5
        clock.freeze(1111111111)
        assert clock_seen(person, sshd) == 1111111111


def clock_seen(person: Person, sshd: Sshd) -> int:
    """Return the time that the module saw at a login."""
    start = log.position()
    assert client.login(person, sshd, [CODE]).ok
    (line,) = log.lines(start, containing="clock ")
    return int(line.text.split()[-1])


def test_the_clock_can_be_everywhere(person: Person) -> None:
    """Set-uid programs and programs without an environment are on the clock too."""
    with faketime.Clock(86400) as clock, clock.everywhere():
        done = subprocess.run(("env", "-i", "date", "+%s"), capture_output=True, check=True)
        assert abs(int(done.stdout) - clock.now()) < 5
        with pam.service(STACK, "su-l"):
            start = log.position()
            assert privilege.su(person, person, [CODE], login=True).ok
            (line,) = log.lines(start, containing="clock ")
            assert abs(int(line.text.split()[-1]) - clock.now()) < 5


@pytest.mark.parametrize(
    "form",
    [
        "GEZDGNBVGY3TQOJQ",
        "gezdgnbvgy3tqojq",
        "GEZD GNBV GY3T QOJQ",
        "31323334353637383930",
        "MTIzNDU2Nzg5MA==",
    ],
)
def test_a_secret_is_found_in_every_dress(form: str) -> None:
    """A secret is found as written, in groups, in hex and in base64, and only as a whole word."""
    registry = secrets.Registry()
    registry.remember("GEZDGNBVGY3TQOJQ")
    assert registry.found_in(f"key={form};".encode())
    assert not registry.found_in(f"keyA{form}".encode())


def test_a_scratch_code_is_found_however_typed() -> None:
    """A code with a dash is found without it and in capitals."""
    registry = secrets.Registry()
    registry.remember("k7mq-x2vd")
    assert registry.found_in(b"code K7MQX2VD used")
    assert registry.found_in(b"code k7mq-x2vd used")


def test_short_texts_and_pids_are_no_secrets() -> None:
    """What is too short to search for is refused, and a pid in brackets is not a code."""
    registry = secrets.Registry()
    with pytest.raises(ValueError, match="too short"):
        registry.remember("12345")
    registry.remember("123456")
    assert not registry.found_in(b"sshd[123456]: hello")
    assert registry.found_in(b"sshd[1]: code 123456 was typed")


LEAKS = {
    "nothing": "pass",
    "log": "syslog('the code was ' + SECRET)",
    "argument": "run(('sh', '-c', 'sleep 1', SECRET))",
    "environment": "run(('sleep', '1'), env={'CODE': SECRET})",
    "file": "Path('/var/log/product.log').write_text(SECRET)",
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_run_that_leaks_a_secret_fails(leak: str, tmp_path: Path) -> None:
    """A run passes if its secrets stay secret, and fails if a log, file or process shows one."""
    planted = tmp_path / "test_planted.py"
    planted.write_text(
        "from pathlib import Path\nfrom subprocess import run\nfrom syslog import syslog\n"
        "import random\nfrom tests.parts import secrets\n"
        "def test_planted():\n"
        "    SECRET = secrets.remember(f'{random.randrange(10**9, 10**10)}')\n"
        f"    {LEAKS[leak]}\n",
        encoding="utf-8",
    )
    done = nested_pytest(planted, dict(os.environ))
    assert "1 passed" in done.stdout, done.stdout
    assert (done.returncode == 0) == (leak == "nothing"), done.stdout
    assert ("secrets leaked" in done.stdout) == (leak != "nothing")


def test_a_secret_in_a_home_fails_its_test() -> None:
    """An account whose ~/.otpauth holds a remembered secret in clear cannot be removed quietly."""
    person = accounts.add()
    (person.home / ".otpauth").write_text(secrets.remember("a secret in clear"))
    with pytest.raises(AssertionError, match="holds a secret"):
        accounts.remove(person)


def test_a_test_that_needs_the_stage_fails_outside(tmp_path: Path) -> None:
    """Outside of the stage such a test fails, says why, and is not skipped; others run."""
    staged = tmp_path / "test_staged.py"
    staged.write_text(
        "import pytest\n@pytest.mark.stage\ndef test_staged(): pass\ndef test_plain(): pass\n",
        encoding="utf-8",
    )
    outside = {key: value for key, value in os.environ.items() if key != stage_module.VARIABLE}
    done = nested_pytest(staged, outside)
    assert done.returncode == 1
    assert "1 passed, 1 error" in done.stdout
    assert "this needs root and the test stage" in done.stdout


def nested_pytest(file: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a test file elsewhere under the rules of this run."""
    return subprocess.run(
        (
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.conftest",
            "-p",
            "no:cacheprovider",
            str(file),
        ),
        cwd=stage_module.TREE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
