"""Accidents: clocks, upgrades, several hosts, namesakes, rotation, new hardware.

D2 and D3 (faults beneath) are in tests/faults, D6 (many transactions) in tests/e2e/test_pam.py,
D10 (a password where a code is wanted) in tests/e2e/test_ssh.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import stage as stage_module
from tests.faults import logins
from tests.faults.test_login_faults import DRIVER
from tests.parts import accounts, enrolment, faketime, log, pam, secrets
from tests.parts.phone import Fob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

ETC, VAR = Path("/etc/otpauth"), Path("/var/lib/otpauth")
DEPS = Path("/usr/local/lib/otpauth/deps")
TEN_YEARS = 10 * 365 * 86400
PASSPHRASE = "a passphrase of the tests"


@pytest.fixture
def service(stage: Path) -> Iterator[str]:
    """Give a service that wants a code."""
    assert stage.is_dir()
    with pam.service(enrolment.STACK) as name:
        yield name


def reasons(since: int) -> list[str]:
    """Return the reasons that were logged."""
    found = (re.search(r"reason=(\S+)", line.text) for line in log.lines(since))
    return [each[1] for each in found if each]


@pytest.mark.parametrize("kind", ["totp", "hotp"])
def test_d1_a_clock_that_was_ten_years_ahead(person: Person, service: str, kind: str) -> None:
    """After a login in the future a phone is refused with CLOCK_WENT_BACK until `unlock`."""
    with faketime.Clock() as clock:
        device = (
            enrolment.phone(person, clock=clock.now) if kind == "totp" else enrolment.fob(person)
        )

        def login(code: str) -> bool:
            done = pam.pamtester(service, person.name, [code], environment=clock.environment)
            return done.ok

        assert login(device.next())
        clock.advance(TEN_YEARS)
        future = device.next()
        assert login(future)
        clock.advance(-TEN_YEARS)
        start = log.position()
        if isinstance(device, Fob):
            assert login(device.next())
            return
        now = device.code(offset_steps=1)
        assert not login(now)
        assert reasons(start) == ["CLOCK_WENT_BACK"]
        assert enrolment.admin("unlock", person.name).returncode == 0
        assert login(device.code(offset_steps=1))
        assert not login(device.code(offset_steps=1))
        clock.advance(TEN_YEARS)
        assert login(device.code(offset_steps=1))


def test_d1_failures_dated_in_the_future_shut_nobody_out(person: Person, service: str) -> None:
    """Wrong codes counted while the clock was ahead do not count when it is right again."""
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.next())
    with faketime.Clock(TEN_YEARS) as clock:
        for _ in range(4):
            pam.pamtester(service, person.name, [fob.wrong()], environment=clock.environment)
        start = log.position()
        code = fob.code(fob.counter)
        assert not pam.pamtester(service, person.name, [code], environment=clock.environment).ok
        assert reasons(start) == ["AUTH_RATE_LIMITED"]
    assert logins.accepted(person.name, fob.next())


def pythons() -> dict[str, str]:
    """Return interpreters of other versions than the system's, by version, as far as there are."""
    found = {}
    for minor in (12, 13, 14):
        name = f"python3.{minor}"
        places = [shutil.which(name), *Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}")]
        for place in filter(None, places):
            found[name] = str(place)
    return found


def test_d4_the_folder_serves_every_python() -> None:
    """The dependency folder has a cffi backend for 3.11 to 3.14 and cryptography for all."""
    names = os.listdir(DEPS)
    for minor in (11, 12, 13, 14):
        assert [name for name in names if name.startswith(f"_cffi_backend.cpython-3{minor}-")]
    assert list((DEPS / "cryptography/hazmat/bindings").glob("_rust.abi3.so"))


def test_d4_logins_under_other_pythons(person: Person) -> None:
    """Under each other Python that is there, the installed folder decides, adopts and writes."""
    fob = enrolment.fob(person)
    others = pythons()
    print(
        f"other Pythons on this machine: {', '.join(others) or 'none, only the files are tested'}"
    )
    for name, program in {"python3": "/usr/bin/python3", **others}.items():
        code = fob.next()
        verdicts = [
            subprocess.run(
                (program, *DRIVER[1:], person.name),
                input=f"{code}\n",
                capture_output=True,
                text=True,
                check=False,
            )
            for _ in range(2)
        ]
        assert verdicts[0].stdout == "accept AUTH_OK_OTP\n", f"{name}: {verdicts[0].stderr}"
        assert verdicts[1].stdout == "refuse AUTH_OTP_ALREADY_USED\n", name


@contextlib.contextmanager
def another_host(etc: Path, var: Path) -> Iterator[None]:
    """Be another host, with these folders for its own, and the same homes."""
    for ours, theirs in ((ETC, etc), (VAR, var)):
        subprocess.run(("mount", "--bind", str(theirs), str(ours)), check=True)
    try:
        yield
    finally:
        for ours in (ETC, VAR):
            subprocess.run(("umount", "--lazy", str(ours)), check=True)


@pytest.fixture
def folders(stage: Path) -> Iterator[tuple[Path, Path]]:
    """Give two empty folders of root's, for another host's /etc/otpauth and /var/lib/otpauth."""
    base = stage / "tmp" / "another-host"
    etc, var = base / "etc", base / "var"
    for folder in (base, etc, var):
        folder.mkdir(mode=0o755)
    yield etc, var
    shutil.rmtree(base)


def test_d5_two_hosts_with_keys_of_their_own(person: Person, folders: tuple[Path, Path]) -> None:
    """On one home two hosts each keep a record; neither destroys or believes the other's."""
    here = enrolment.fob(person)
    assert logins.accepted(person.name, here.next())
    with another_host(*folders):
        assert enrolment.admin("init").returncode == 0
        assert not logins.accepted(person.name, here.next())
        there = enrolment.fob(person)
        assert logins.accepted(person.name, there.next())
        shown = person.run(enrolment.OTPAUTH, "list")
        assert "a record of host key" in shown.stderr
    for _ in range(3):
        assert logins.accepted(person.name, here.next())
        assert not logins.accepted(person.name, there.code(there.counter))
        with another_host(*folders):
            assert logins.accepted(person.name, there.next())
            assert not logins.accepted(person.name, there.code(there.counter - 1))
    shutil.rmtree(VAR / "users")
    (VAR / "users").mkdir(mode=0o700)
    assert logins.accepted(person.name, here.next())  # from the home alone
    assert person.run(enrolment.OTPAUTH, "list", "--prune").returncode == 0
    assert logins.accepted(person.name, here.next())
    with another_host(*folders):
        assert logins.accepted(person.name, there.next())  # from its own copy


def test_d5_two_hosts_with_one_key(person: Person, folders: tuple[Path, Path]) -> None:
    """A fleet with one key and one home: an enrolment counts on all, a code once after another."""
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.next())
    shutil.copytree(ETC, folders[0], dirs_exist_ok=True)
    with another_host(*folders):
        assert enrolment.admin("init").returncode == 0
    for _ in range(3):
        with another_host(*folders):
            code = fob.next()
            assert logins.accepted(person.name, code)
        assert not logins.accepted(person.name, code)
        code = fob.next()
        assert logins.accepted(person.name, code)
        with another_host(*folders):
            assert not logins.accepted(person.name, code)


def test_d7_a_new_user_of_an_old_name_inherits_nothing() -> None:
    """A namesake with another uid is not enrolled, even with the old file in his home."""
    first = accounts.add("dora", uid=50_001)
    fob = enrolment.fob(first)
    assert logins.accepted("dora", fob.next())
    old = (first.home / ".otpauth").read_bytes()
    accounts.remove(first)
    with accounts.make("dora", uid=50_002) as second:
        assert not logins.accepted("dora", fob.next())
        file = second.home / ".otpauth"
        file.write_bytes(old)
        file.chmod(0o600)
        os.chown(file, second.uid, second.gid)
        start = log.position()
        assert not logins.accepted("dora", fob.next())
        assert reasons(start) == ["NOT_ENROLLED"]
        file.unlink()
        anew = enrolment.fob(second)
        assert logins.accepted("dora", anew.next())


def test_d7_rename_carries_a_record_to_a_new_name() -> None:
    """After usermod -l nothing is inherited by itself; `rename` carries tokens and used codes."""
    with accounts.make("emil") as person:
        fob = enrolment.fob(person)
        used = fob.next()
        assert logins.accepted("emil", used)
        subprocess.run(("usermod", "-l", "emilia", "emil"), check=True)
        try:
            assert not logins.accepted("emilia", fob.next())
            done = enrolment.admin("rename", "emil", "emilia")
            assert done.returncode == 0, done.stderr
            assert not logins.accepted("emilia", used)
            assert logins.accepted("emilia", fob.next())
        finally:
            subprocess.run(("usermod", "-l", "emil", "emilia"), check=True)
            enrolment.admin("forget", "emilia")


def test_d7_rename_carries_a_record_to_a_new_uid() -> None:
    """After usermod -u the record is another's until `rename NAME NAME` says it is his."""
    with accounts.make("fritz", uid=50_011) as person:
        fob = enrolment.fob(person)
        used = fob.next()
        assert logins.accepted("fritz", used)
        subprocess.run(("usermod", "-u", "50012", "fritz"), check=True)
        done = enrolment.admin("rename", "fritz", "fritz")
        assert done.returncode == 0, done.stderr
        assert not logins.accepted("fritz", used)
        assert logins.accepted("fritz", fob.next())


def test_d7_rename_takes_nothing_from_the_living(person: Person) -> None:
    """A record of an account that exists is not given to another."""
    enrolment.fob(person)
    with accounts.make() as other:
        done = enrolment.admin("rename", person.name, other.name)
        assert (done.returncode, "exists still" in done.stderr) == (1, True)


def old_home(person: Person) -> bytes:
    """Return the home's file as it is now."""
    return (person.home / ".otpauth").read_bytes()


def put_back(person: Person, data: bytes) -> None:
    """Put an old file into the home, as a backup does."""
    (person.home / ".otpauth").write_bytes(data)


def test_d8_an_old_home_copy_does_not_undo_unlock(person: Person) -> None:
    """Unlocked stays unlocked, and used codes stay used, with an older file put back."""
    fob = enrolment.fob(person)
    used = fob.next()
    assert logins.accepted(person.name, used)
    for _ in range(3):
        assert not logins.accepted(person.name, fob.wrong())
    assert logins.answer(person.name, fob.code(fob.counter)).reason == "AUTH_RATE_LIMITED"
    before = old_home(person)
    assert enrolment.admin("unlock", person.name).returncode == 0
    put_back(person, before)
    assert logins.answer(person.name, used).reason == "AUTH_OTP_ALREADY_USED"
    assert logins.accepted(person.name, fob.next())


def test_d8_an_old_home_copy_does_not_undo_reset(person: Person) -> None:
    """After a reset the old tokens are gone with whatever file; a new enrolment needs no proof."""
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.next())
    before = old_home(person)
    assert enrolment.admin("reset", person.name).returncode == 0
    put_back(person, before)
    assert logins.answer(person.name, fob.next()).reason == "NOT_ENROLLED"
    (person.home / ".otpauth").unlink()
    anew = enrolment.fob(person)
    assert logins.accepted(person.name, anew.next())
    put_back(person, before)
    assert not logins.accepted(person.name, fob.next())
    assert logins.accepted(person.name, anew.next())


def test_d8_rotation_keeps_everybody_and_undoes_nothing(person: Person) -> None:
    """Old records and proposals open after a rotation, and an old file brings no code back."""
    fob = enrolment.fob(person)
    used = fob.next()
    assert logins.accepted(person.name, used)
    with accounts.make() as waiting:
        theirs = enrolment.fob(waiting)
        before = old_home(person)
        assert enrolment.admin("key", "rotate").returncode == 0
        second = fob.next()
        assert not logins.accepted(person.name, used)
        assert logins.accepted(person.name, second)
        put_back(person, before)
        for code in (used, second):
            assert not logins.accepted(person.name, code)
        assert logins.accepted(person.name, fob.next())
        assert logins.accepted(waiting.name, theirs.next())
    listed = enrolment.admin("key", "list").stdout.splitlines()
    assert len(listed) >= 2
    assert listed[0].endswith("seals and opens")


def passphrase_file(text: str = PASSPHRASE) -> str:
    """Return the path of a private file with a passphrase."""
    path = stage_module.workspace() / "tmp" / "passphrase"
    path.write_text(f"{secrets.remember(text)}\n", encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def test_d9_new_hardware_with_the_old_keys(person: Person, folders: tuple[Path, Path]) -> None:
    """With keys imported and homes kept, phones work, used codes do not, and /var is made anew."""
    fob = enrolment.fob(person)
    used = fob.next()
    assert logins.accepted(person.name, used)
    done = enrolment.admin("key", "export", "--passphrase-file", passphrase_file())
    assert done.returncode == 0, done.stderr
    backup = stage_module.workspace() / "tmp" / "backup.key"
    backup.write_text(done.stdout, encoding="ascii")
    with another_host(*folders):
        bad = passphrase_file("another one altogether")
        refused = enrolment.admin("key", "import", str(backup), "--passphrase-file", bad)
        assert (refused.returncode, "passphrase" in refused.stderr) == (1, True)
        assert not list(ETC.iterdir())
        words = ("key", "import", str(backup), "--passphrase-file", passphrase_file())
        for said in ("is in place now", "was in place already"):
            done = enrolment.admin(*words)
            assert (done.returncode, said in done.stdout) == (0, True), done.stderr
        assert not logins.accepted(person.name, used)
        assert logins.accepted(person.name, fob.next())
        shown = json.loads(enrolment.admin("list", "--json").stdout)
        assert [each["user"] for each in shown] == [person.name]
    backup.unlink()
