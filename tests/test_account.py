"""Accounts, and work done with the rights of one for a limited time."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import account
from otpauth.account import Account
from otpauth.errors import UnknownUserError
from tests.parts import accounts
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parts.accounts import Person


def as_account(person: Person) -> Account:
    """Return a person as the product sees him."""
    return account.lookup(person.name)


@pytest.mark.parametrize(
    "name", [None, "", "no-such-user", "a\nb", "root\0", "\udcff", "../root", "root/", "x" * 300]
)
def test_what_is_no_account_is_unknown(name: str | None) -> None:
    """No name, an odd name or nobody's name gives one error and no other."""
    with pytest.raises(UnknownUserError):
        account.lookup(name)


def test_an_account_is_named_as_the_host_names_it() -> None:
    """Name, uid, gid and home are those of the passwd entry."""
    entry = pwd.getpwuid(0)
    assert account.lookup("root") == Account("root", 0, entry.pw_gid, entry.pw_dir)
    assert account.of_uid(0).name == "root"
    with pytest.raises(UnknownUserError):
        account.of_uid(2**31 - 7)


MEANT = {
    "*": True,
    "root": True,
    "daemon": False,
    "%root": True,
    "%daemon": False,
    "* !root": False,
    "!root *": True,
    "* !%root root": True,
    "* !%daemon": True,
    "%root !root": False,
    "ROOT": False,
}
IN_DOUBT = {"%no-such-group": True, "* !%no-such-group": True, "!%no-such-group": False}


@pytest.mark.parametrize("words", MEANT)
@pytest.mark.parametrize("in_doubt", [False, True])
def test_the_last_word_that_fits_decides(words: str, *, in_doubt: bool) -> None:
    """A list means who its last fitting word means, and nobody if none fits."""
    root = account.lookup("root")
    assert account.is_meant(root, tuple(words.split()), in_doubt=in_doubt) == MEANT[words]


@pytest.mark.parametrize("words", IN_DOUBT)
def test_a_group_that_is_not_known(words: str) -> None:
    """A group that the host does not know fits, or not, as makes the answer the one in doubt."""
    root = account.lookup("root")
    assert account.is_meant(root, tuple(words.split()), in_doubt=True) == IN_DOUBT[words]
    assert not account.is_meant(root, ("%no-such-group",), in_doubt=False)
    assert not account.is_meant(root, ("*", "!%no-such-group"), in_doubt=False)


@pytest.mark.stage
def test_work_has_the_persons_rights_and_groups(stage: Path) -> None:
    """Inside, all ids and groups are the person's and root's are gone for good."""
    assert stage.is_dir()
    with accounts.make(groups=("helpers",)) as person:

        def work(_: bytes) -> bytes:
            try:
                os.setresuid(0, 0, 0)
            except PermissionError:
                umask = os.umask(0)
                return repr((os.getresuid(), os.getresgid(), os.getgroups(), umask)).encode()
            return b"root again"

        reply = asked(as_account(person), work, seconds=5)
        groups = os.getgrouplist(person.name, person.gid)
        assert reply is not None
        uids, gids, got, umask = eval(reply)  # noqa: S307 (of our own repr)
        assert (uids, gids) == ((person.uid,) * 3, (person.gid,) * 3)
        assert sorted(got) == sorted(groups)
        assert len(groups) == 2
        assert umask == 0o077


@pytest.mark.stage
def test_work_that_hangs_is_given_up_and_ended(person: Person) -> None:
    """Work that does not end in time is None, and leaves no process behind."""
    begin = time.monotonic()
    assert asked(as_account(person), hang, seconds=0.3) is None
    assert time.monotonic() - begin < 2
    wait_until(lambda: not accounts.processes_of(person.uid), what="no child is left")


def asked(who: Account, work: Callable[[bytes], bytes], *, seconds: float) -> bytes | None:
    """Have a deputy do one piece of work."""
    with account.Deputy(who, work) as deputy:
        deputy.ask(b"")
        return deputy.reply(seconds)


def hang(_: bytes) -> bytes:
    """Do not return."""
    time.sleep(900)
    return b""


@pytest.mark.stage
def test_work_that_fails_is_none(person: Person) -> None:
    """An exception, a sudden end and an endless reply are all None; an empty reply is empty."""
    who = as_account(person)

    def fail(_: bytes) -> bytes:
        raise KeyError

    def leave(_: bytes) -> bytes:
        os._exit(0)

    assert asked(who, fail, seconds=2) is None
    assert asked(who, leave, seconds=2) is None
    assert asked(who, lambda _: bytes(account.MESSAGE_MAX + 1), seconds=2) is None
    assert asked(who, lambda _: b"", seconds=2) == b""
    assert asked(who, lambda _: bytes(140_000), seconds=2) == bytes(140_000)


@pytest.mark.stage
def test_the_person_cannot_trace_or_read_the_work(person: Person) -> None:
    """While it works with the person's ids, its memory is not the person's to read."""
    who = as_account(person)

    def work(_: bytes) -> bytes:
        try:
            Path("/proc/self/mem").open("rb").close()
        except PermissionError:
            return f"{Path('/proc/self/environ').stat().st_uid}".encode()
        return b"readable"

    assert asked(who, work, seconds=5) == b"0"


@pytest.mark.stage
def test_one_deputy_answers_again_and_again(person: Person) -> None:
    """A deputy answers requests in turn, and remembers between them; then it is gone."""
    seen: list[bytes] = []

    def work(request: bytes) -> bytes:
        seen.append(request)
        return b",".join(seen)

    with account.Deputy(as_account(person), work) as deputy:
        for request, reply in ((b"a", b"a"), (b"", b"a,"), (b"c" * 70_000, b"a,," + b"c" * 70_000)):
            deputy.ask(request)
            assert deputy.reply(5) == reply
    assert seen == []
    wait_until(lambda: not accounts.processes_of(person.uid), what="no child is left")


@pytest.mark.stage
def test_a_deputy_does_not_outlive_a_killed_login(person: Person) -> None:
    """If the process that asked is killed, its deputy ends by itself."""
    login = os.fork()
    if login == 0:
        account.Deputy(as_account(person), hang)
        time.sleep(900)
    wait_until(lambda: accounts.processes_of(person.uid), what="the deputy runs")
    os.kill(login, signal.SIGKILL)
    os.waitpid(login, 0)
    wait_until(lambda: not accounts.processes_of(person.uid), what="the deputy is gone")


@pytest.mark.stage
def test_a_deputy_holds_nothing_of_the_host_process(person: Person) -> None:
    """What hangs in a deputy keeps no connection of the login open: it has two pipes, no more."""

    def work(_: bytes) -> bytes:
        return " ".join(
            os.readlink(f"/proc/self/fd/{n}")[:5] for n in range(1024) if is_open(n)
        ).encode()

    with Path("/etc/passwd").open(encoding="utf-8"):
        assert asked(as_account(person), work, seconds=5) == b"/dev/ /dev/ /dev/ pipe: pipe:"


def is_open(descriptor: int) -> bool:
    """Say whether a descriptor is open."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.mark.stage
def test_a_program_without_a_locale_knows_the_same_names(stage: Path) -> None:
    """Where Python takes names for ASCII, as in a program without a locale, nothing differs."""
    with Path("/etc/passwd").open("a", encoding="utf-8") as passwd:
        passwd.write(f"Ünï:x:6001:6001::{stage}:/bin/sh\n")
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from otpauth import account\n"
        "who = account.lookup('\\u00dcn\\u00ef')\n"
        "assert who == account.of_uid(6001) and who.uid == 6001, who\n"
        "with account.Deputy(who, lambda _: b'here') as deputy:\n"
        "    deputy.ask(b'')\n"
        "    print(sys.getfilesystemencoding(), deputy.reply(5))\n"
    )
    tree = Path(__file__).parent.parent
    for flags, encoding in (("-X utf8=0", "ascii"), ("-X utf8=1", "utf-8")):
        done = subprocess.run(
            ("/usr/bin/python3", "-ISB", *flags.split(), "-c", script, tree, tree / "build/deps"),
            env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout.strip(), done.stderr) == (f"{encoding} b'here'", ""), done
