"""`enable` and `disable` on the host's own files: real logins before, on trial, and after."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.parts import accounts, client, enrolment, terminal
from tests.parts.sshd import HostSshd
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person
    from tests.parts.client import Login
    from tests.parts.phone import Fob

PASSWORD = "correct horse battery"
INTERACTIVE = "keyboard-interactive"
CODE = "Verification code: "
PAM = Path("/etc/pam.d")
SSH = Path("/etc/ssh")
DROPIN = SSH / "sshd_config.d/10-otpauth.conf"
ONCE = ("NumberOfPasswordPrompts=1",)
SUDOERS = Path("/etc/sudoers.d/otpauth-test")


class Host(NamedTuple):
    """A host with its own sshd, and who logs in there.

    alice may become root, has a key and a token and is in the group crew; bob has a password, and
    the robot a key.
    """

    sshd: HostSshd
    alice: Person
    bob: Person
    robot: Person
    fob: Fob

    def code(self) -> str:
        """Return alice's next code."""
        return self.fob.next()


@pytest.fixture(scope="module")
def people(stage: Path) -> Iterator[Host]:
    """Give a host on which nothing asks for codes yet."""
    assert stage
    with (
        accounts.make("alice", password=PASSWORD, groups=("crew", "sudo")) as alice,
        accounts.make("bob", password=PASSWORD) as bob,
        accounts.make("robot") as robot,
        HostSshd() as sshd,
    ):
        for each in (alice, robot):
            _authorize(each)
        SUDOERS.write_text("alice ALL=(ALL) NOPASSWD: /usr/local/sbin/otpauth-admin\n")
        SUDOERS.chmod(0o440)
        yield Host(sshd, alice, bob, robot, enrolment.fob(alice))
        SUDOERS.unlink()


@pytest.fixture
def host(people: Host) -> Iterator[Host]:
    """Give it, and put back what a test that failed may have left."""
    before, listened = _files(), people.sshd.listened()
    yield people
    if "sshd_config" in enrolment.admin("revert").stdout:
        wait_until(lambda: people.sshd.listened() > listened + 1, what="sshd has the old files")
    if _files() == before:
        return
    for path in _files():
        path.unlink()
    for path, data in before.items():
        path.write_bytes(data)
    pytest.fail("the files are not as they were")


def _authorize(person: Person) -> None:
    """Put a person's key where sshd and the doctor look for it."""
    folder = person.home / ".ssh"
    folder.mkdir(mode=0o700)
    keys = folder / "authorized_keys"
    keys.write_text(Path(f"{person.key_path}.pub").read_text())
    for each in (folder, keys):
        os.chown(each, person.uid, person.gid)


def _files() -> dict[Path, bytes]:
    """Return the content of every file that PAM and sshd read."""
    found = [*PAM.iterdir(), *SSH.glob("sshd_config*"), *SSH.glob("sshd_config.d/*")]
    return {path: path.read_bytes() for path in found if path.is_file()}


def enable(host: Host, *words: str) -> str:
    """Make a change on trial, wait until sshd has read it, and return what was said."""
    return _applied(host, "enable", *words)


def disable(host: Host, *words: str) -> str:
    """Take it back on trial."""
    return _applied(host, "disable", *words)


def _applied(host: Host, *words: str) -> str:
    listened = host.sshd.listened()
    done = enrolment.admin(*words, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    if "sshd" in words:
        wait_until(lambda: host.sshd.listened() > listened, what="sshd read its files anew")
    return done.stdout


def confirm(host: Host, *answers: str) -> None:
    """Confirm from a new login of alice's."""
    command = "sudo -n otpauth-admin confirm"
    done = client.login(host.alice, host.sshd, answers, command=command)
    assert done.ok, done.output
    assert "confirmed; it stays" in done.output


def by_key(host: Host, person: Person, *answers: str) -> Login:
    """Log in with a key."""
    return client.login(person, host.sshd, answers, seconds=20)


def by_password(host: Host, person: Person, *answers: str, methods: str = "password") -> Login:
    """Log in without a key."""
    words = (PASSWORD, *answers)
    return client.login(
        person, host.sshd, words, key=False, methods=methods, seconds=20, options=ONCE
    )


def test_edited_on_trial(host: Host) -> None:
    """Put back, a file of PAM that was edited meanwhile lets nobody in by a code alone."""
    before = _files()
    enable(host, "sshd", "--except", "robot")
    path = PAM / "sshd"
    path.write_bytes(b"# mine\n" + path.read_bytes())
    listened = host.sshd.listened()
    done = enrolment.admin("revert")
    assert "left alone but for our lines" in done.stderr
    wait_until(lambda: host.sshd.listened() > listened, what="sshd has the old files")
    assert _files() == {**before, path: b"# mine\n" + before[path]}
    alone = (host.code(),)
    done = client.login(host.alice, host.sshd, alone, key=False, methods="password", options=ONCE)
    assert not done.ok
    assert by_password(host, host.bob).ok
    path.write_bytes(before[path])


def test_key_and_code(host: Host) -> None:
    """Enabled, a key and a code log in and a robot by its key; disabled, all is as before."""
    before = _files()
    said = enable(host, "sshd", "--except", "robot")
    assert "+AuthenticationMethods publickey,keyboard-interactive" in said
    assert "warn  bob: a password and no key: can no longer log in" in said
    assert "warn  by key alone, as today: robot" in said
    done = by_key(host, host.alice, host.code())
    assert done.ok, done.output
    assert done.prompts[0].endswith(CODE)
    assert not client.login(host.alice, host.sshd, methods="publickey").ok
    assert by_key(host, host.robot).ok
    assert not by_password(host, host.bob, methods=f"password,{INTERACTIVE}").ok
    confirm(host, host.code())
    assert DROPIN.exists()
    _nothing_to_do("enable", "sshd", "--except", "robot")
    said = disable(host, "sshd")
    assert "+@include common-auth" in said
    assert by_password(host, host.bob).ok
    confirm(host)
    assert _files() == before
    _nothing_to_do("disable", "sshd")


def _nothing_to_do(*words: str) -> None:
    done = enrolment.admin(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("nothing was changed\n")


def test_a_group(host: Host) -> None:
    """With --for its members are asked, and all others log in as before, by key or password."""
    said = enable(host, "sshd", "--for", "%crew")
    assert "warn  by key alone, as today: robot (not in %crew)" in said
    assert "bob" not in said
    assert by_key(host, host.alice, host.code()).ok
    assert not by_password(host, host.alice, host.code(), methods=f"password,{INTERACTIVE}").ok
    assert by_key(host, host.robot).ok
    assert by_password(host, host.bob).ok
    assert not client.login(host.bob, host.sshd, ("no",), key=False, options=ONCE).ok


def test_password_and_code(host: Host) -> None:
    """With --password both are asked, and neither alone lets in."""
    enable(host, "sshd", "--password", "--except", "robot")
    done = by_password(host, host.alice, host.code(), methods=INTERACTIVE)
    assert done.ok, done.output
    assert done.prompts[1].endswith(CODE)
    assert not by_password(host, host.bob, "123456", methods=INTERACTIVE).ok
    assert not client.login(host.alice, host.sshd, methods="publickey").ok
    assert by_key(host, host.robot).ok


def test_one_box(host: Host) -> None:
    """With --one-box the code is behind the password, or is asked for, as the client can."""
    enable(host, "sshd", "--one-box", "--for", "%crew")
    answer = (f"{PASSWORD}{host.code()}",)
    done = client.login(host.alice, host.sshd, answer, key=False, methods="password", options=ONCE)
    assert done.ok, done.output
    assert by_password(host, host.alice, host.code(), methods=INTERACTIVE).ok
    assert not by_password(host, host.alice).ok
    assert by_password(host, host.bob).ok
    assert by_key(host, host.robot).ok


def test_until_a_day(host: Host) -> None:
    """Until the deadline a key is enough for who has no token; who has one gives a code."""
    said = enable(host, "sshd", "--until", "2099-01-31")
    assert "a key and a code; up to 2099-01-31 who has no token needs none" in said
    assert "robot" not in said
    done = by_key(host, host.robot)
    assert (done.ok, done.prompts) == (True, ())
    assert not client.login(host.alice, host.sshd).ok
    assert by_key(host, host.alice, host.code()).ok


def test_who_is_asked_by_the_configuration(host: Host, conf: Path) -> None:
    """Whom otpauth.conf exempts is named, and logs in with the key alone; all others are asked."""
    conf.write_text("[service ssh]\npam = sshd\nwho = * !robot\n", encoding="utf-8")
    said = enable(host, "sshd")
    assert "a key and a code; robot for no code (otpauth.conf: who)" in said
    assert "who = * !robot: sshd asks only these for a code" in said
    assert "robot: a key and no token" not in said
    done = by_key(host, host.robot)
    assert (done.ok, done.prompts) == (True, ()), done.output
    assert not client.login(host.alice, host.sshd).ok
    assert by_key(host, host.alice, host.code()).ok


def test_a_main_file_without_include(host: Host) -> None:
    """Where sshd reads no files of its own folder, the main file gets the lines and loses them."""
    main = SSH / "sshd_config"
    text = main.read_text()
    main.write_text(text.replace("Include", "#Include") + "Match User nobody\n\tBanner none\n")
    before = _files()
    said = enable(host, "sshd", "--for", "%crew", "--except", "robot")
    assert "+++ /etc/ssh/sshd_config\n" in said
    assert not DROPIN.exists()
    assert by_key(host, host.alice, host.code()).ok
    assert by_key(host, host.robot).ok
    confirm(host, host.code())
    main.write_text(main.read_text() + "# somebody's later edit\n")
    disable(host, "sshd")
    edited = before | {main: before[main] + b"# somebody's later edit\n"}
    confirm(host)
    assert _files() == edited
    main.write_text(text)


def test_sudo_and_its_twin(host: Host) -> None:
    """Sudo asks a member of the group for a code after the password, and nobody else; -i, too."""
    SUDOERS.write_text("alice ALL=(ALL) ALL\nbob ALL=(ALL) ALL\n")
    said = enable(host, "sudo", "--for", "%crew")
    assert "+++ /etc/pam.d/sudo-i\n" in said
    for words in (("sudo", "-k", "id"), ("sudo", "-i", "id")):
        talk = _as(host.alice, *words, answers=(PASSWORD, host.code()))
        assert (talk.ok, len(talk.prompts)) == (True, 2), talk.output
        assert talk.prompts[1].endswith(CODE)
        subprocess.run(("rm", "-rf", "/run/sudo/ts/alice"), check=True)
    talk = _as(host.bob, "sudo", "-k", "id", answers=(PASSWORD,))
    assert (talk.ok, len(talk.prompts)) == (True, 1), talk.output
    SUDOERS.write_text("alice ALL=(ALL) NOPASSWD: /usr/local/sbin/otpauth-admin\n")


def test_su(host: Host) -> None:
    """Su asks for password and code of whom one becomes; root is let through as before."""
    enable(host, "su")
    talk = _as(host.bob, "su", "alice", "-c", "id -un", answers=(PASSWORD, host.code()))
    assert talk.ok, talk.output
    assert not _as(host.alice, "su", "bob", "-c", "id", answers=(PASSWORD, "123456")).ok
    done = subprocess.run(("su", "bob", "-c", "id -un"), capture_output=True, text=True, check=True)
    assert done.stdout == "bob\n"


def test_a_twin_with_lines_of_its_own(host: Host) -> None:
    """The other name of su is changed where it has lines of its own, not where it has su's."""
    twin = PAM / "su-l"
    text = twin.read_bytes()
    assert "su-l" not in enrolment.admin("enable", "su", "--dry-run").stdout
    twin.write_bytes((PAM / "su").read_bytes())
    said = enrolment.admin("enable", "su", "--dry-run").stdout
    twin.write_bytes(text)
    assert "+++ /etc/pam.d/su-l\n" in said
    assert host


def _as(person: Person, *words: str, answers: tuple[str, ...]) -> terminal.Talk:
    command = ("setpriv", "--reuid", person.name, "--regid", person.name, "--init-groups", *words)
    return terminal.talk(command, answers, environment=person.environment(), seconds=20)


def test_changed_twice(host: Host) -> None:
    """Enabled anew with other words, and disabled: the very first bytes are back."""
    before = _files()
    for words in (("enable", "login"), ("enable", "login", "--for", "%crew"), ("disable", "login")):
        _applied(host, *words)
        assert enrolment.admin("confirm", "--anyway").returncode == 0
    assert _files() == before


def test_the_question(host: Host) -> None:
    """What is not agreed to is not done; without a terminal to ask on nothing is, either."""
    before = _files()
    command = (enrolment.ADMIN, "enable", "login")
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm"}
    talk = terminal.talk(command, ("",), environment=environment)
    assert (talk.status, talk.prompts[-1]) == (1, "Apply? [y/N] ")
    done = subprocess.run(
        ("setsid", *command), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert "hint: --yes applies without asking" in done.stderr
    assert _files() == before
    talk = terminal.talk(command, ("y",), environment=environment)
    assert talk.ok, talk.output
    assert "From a second terminal log in through login and run: sudo otpauth" in talk.output
    assert b"after_password" in (PAM / "login").read_bytes()
    assert host


@pytest.mark.parametrize(
    ("make", "said"),
    [
        ("ln -s sudo /etc/pam.d/odd", "'/etc/pam.d/odd' is a link to 'sudo'"),
        ("mkfifo /etc/pam.d/odd", "'/etc/pam.d/odd' is not a plain file"),
        ("mkdir /etc/pam.d/odd", "'/etc/pam.d/odd' is not a plain file"),
        ("head -c 99999 /dev/urandom >/etc/pam.d/odd", "'odd' has no auth line of its own"),
        ("echo 'auth include odd' >/etc/pam.d/odd", "includes 'odd', which is not there"),
        ("echo 'auth required pam_unix.so' >/etc/pam.d/odd", ""),
    ],
)
def test_odd_files(host: Host, make: str, said: str) -> None:
    """A service's file that is no file, or says nothing, is left as it is, and named."""
    before = _files()
    subprocess.run(("/bin/sh", "-c", make), check=True)
    done = enrolment.admin("enable", "odd", "--dry-run")
    subprocess.run(("rm", "-r", "/etc/pam.d/odd"), check=True)
    assert done.returncode == bool(said), done.stderr
    assert said in done.stdout + done.stderr
    assert _files() == before
    assert host


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sshd", "--for", "%nobodies"), "no group 'nobodies'"),
        (("sshd", "--for", "crew"), "'crew' is not a group, which begins with %"),
        (("sshd", "--except", "ghost"), "no account 'ghost'"),
        (("sudo", "--password"), "--password and --except are for sshd"),
        (("sshd", "--one-box", "--password"), "exclude each other"),
        (("sshd", "--until", "2020-01-31"), "2020-01-31 is over"),
        (("sshd", "--until", "soon"), "'soon' is not a date"),
        (("sshd", "--revert-after", "2d"), "at most one day"),
        (("nothing",), "there is no service 'nothing'"),
        (("common-auth",), "is a part of every service"),
        (("../shadow",), "is not the name of a service"),
        (("ssh",), "there is no service 'ssh'"),
        (("su-l",), "/etc/pam.d/su-l:2 takes the auth lines of su"),
    ],
)
def test_words_that_are_refused(host: Host, words: tuple[str, ...], said: str) -> None:
    """Words that make no sense here are one line that says so, and nothing is changed."""
    before = _files()
    done = enrolment.admin("enable", *words, "--yes")
    assert done.returncode in (1, 2)
    assert said in done.stderr.splitlines()[0]
    assert "otpauth-admin: hint: " in done.stderr.splitlines()[1]
    assert _files() == before
    assert host


def test_what_would_lock_out_is_refused(host: Host) -> None:
    """A fault that would keep everybody out is named, and nothing is changed."""
    main, sshd = SSH / "sshd_config", PAM / "sshd"
    config, text = main.read_bytes(), sshd.read_bytes()
    faults = {
        "sshd_config: line 1: Bad configuration option: Nonsense": (
            b"Nonsense yes\n" + config,
            text,
        ),
        "lets sshd in before the code is asked": (config, b"auth sufficient pam_unix.so\n" + text),
        "sshd -T says PasswordAuthentication yes": (
            b"Include /etc/ssh/first\n" + config,
            text,
        ),
    }
    (SSH / "first").write_text("PasswordAuthentication yes\n")
    for fault, (first, second) in faults.items():
        main.write_bytes(first)
        sshd.write_bytes(second)
        before = _files()
        words = ("--password",) if b"sufficient" in second else ()
        done = enrolment.admin("enable", "sshd", *words, "--yes")
        assert done.returncode == 1
        assert fault in done.stdout, done.stdout
        assert _files() == before
    main.write_bytes(config + b"Match User robot\nAuthenticationMethods publickey\n")
    sshd.write_bytes(text)
    done = enrolment.admin("enable", "sshd", "--dry-run")
    assert done.returncode == 0, done.stdout
    assert "warn  robot: sshd -T says AuthenticationMethods publickey\n" in done.stdout
    main.write_bytes(config)
    (SSH / "first").unlink()
    assert host


def test_nothing_that_asks_left(host: Host) -> None:
    """Where our line is all that asks, set up by hand, it is not taken out."""
    sshd = PAM / "sshd"
    text = sshd.read_text()
    by_hand = "auth required pam_python.so pam_otpauth.py nullok\nauth required pam_permit.so"
    for ours in (by_hand, by_hand.partition("\n")[0]):
        sshd.write_text(text.replace("@include common-auth", ours))
        done = enrolment.admin("disable", "sshd", "--yes")
        assert done.returncode == 1
        assert "fail  nothing that asks would be left in /etc/pam.d/sshd" in done.stdout
        assert ours in sshd.read_text()
    sshd.write_text(text)
    assert host


def test_without_a_token_of_root_s(host: Host) -> None:
    """While nobody who can become root has a token, nothing is enabled."""
    SUDOERS.write_text("alice ALL=(ALL) !ALL\n")
    subprocess.run(("gpasswd", "-d", "alice", "sudo"), check=True, capture_output=True)
    before = _files()
    done = enrolment.admin("enable", "sshd", "--yes")
    subprocess.run(("gpasswd", "-a", "alice", "sudo"), check=True, capture_output=True)
    SUDOERS.write_text("alice ALL=(ALL) NOPASSWD: /usr/local/sbin/otpauth-admin\n")
    assert done.returncode == 1
    assert "fail  nobody who can become root has a token: all would be shut out" in done.stdout
    assert done.stderr.startswith("otpauth-admin: error: nothing was changed\n")
    assert _files() == before
    assert host


def test_dry_run(host: Host) -> None:
    """A dry run shows and tries the change, and changes nothing."""
    before = _files()
    done = enrolment.admin("enable", "su", "--dry-run")
    assert done.returncode == 0, done.stdout
    assert "+auth required pam_python.so pam_otpauth.py after_password\n" in done.stdout
    assert "ok    alice can become root and has a token" in done.stdout
    assert "ok    a test login of alice through the new su works, with a code" in done.stdout
    assert done.stdout.endswith("nothing was changed: this was a dry run\n")
    assert _files() == before
    assert host


def test_one_at_a_time(host: Host) -> None:
    """While a change is on trial nothing else is tried or asked; a dry run may look."""
    enable(host, "login")
    for words in (("enable", "su"), ("enable", "login"), ("disable", "login")):
        done = enrolment.admin(*words, "--yes")
        assert (done.returncode, done.stdout) == (1, "")
        assert "a trial of login is pending until" in done.stderr
        assert "log in through login and run: sudo otpauth-admin confirm" in done.stderr
    assert enrolment.admin("enable", "su", "--dry-run").returncode == 0
    assert "log in through login and run: " in enrolment.admin("confirm").stderr


def test_a_service_of_another_name(host: Host) -> None:
    """A name that is nearly that of a service is answered with it."""
    done = enrolment.admin("enable", "ssh", "--yes")
    assert done.stderr.splitlines()[1] == "otpauth-admin: hint: sshd ?"
    assert host


def test_two_at_once(host: Host) -> None:
    """Of two that enable at the same time one does, and the other is told of a trial."""
    words = (enrolment.ADMIN, "enable", "login", "--yes")
    both = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [each.communicate()[1] for each in both]
    assert sorted(each.returncode for each in both) in ([0, 1], [0, 0]), said
    wait_until(lambda: (PAM / "login").read_bytes().count(b"pam_otpauth.py") == 1)
    assert host
