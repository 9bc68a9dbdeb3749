"""One PAM login as a whole process: pamtester, HOTP so that each login succeeds and writes.

The stage keeps homes and state in memory, where fsync costs nothing; some cases have theirs on
the disk that build/ is on.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from base64 import b32encode
from pathlib import Path
from typing import TYPE_CHECKING

from tests import stage
from tests.bench.timing import WARM_UP, Aim, Case, measure, table
from tests.parts import accounts, pam

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.parts.accounts import Person

PROGRAM = "/usr/local/lib/otpauth/otpauth-pam-exec"
OURS = "auth required pam_python.so pam_otpauth.py"
OURS_EXEC = f"auth required pam_exec.so expose_authtok seteuid quiet {PROGRAM}"
GOOGLE = "auth required pam_google_authenticator.so"
OATH_USERS = 10_000
GROUPS = 100
AIM_PAM_PYTHON, AIM_PAM_EXEC, AIM_GROUPS = 1.9, 1.5, 1.15
_EMPTY = "bench_empty.py"
_EMPTY_TEXT = """
def pam_sm_authenticate(pamh, flags, argv):
    return pamh.PAM_SUCCESS

def pam_sm_setcred(pamh, flags, argv):
    return pamh.PAM_SUCCESS
"""
# What any module must load that reads a sealed record of JSON.
_LOADING = "bench_loading.py"
_LOADING_TEXT = """
def pam_sm_authenticate(pamh, flags, argv):
    import sys
    sys.path.insert(0, "/usr/local/lib/otpauth/deps")
    import hmac, json
    from cryptography.hazmat.bindings._rust import openssl
    openssl.aead.AESSIV(bytes(64)).encrypt(hmac.digest(b"", b"", "sha256"), [])
    return pamh.PAM_SUCCESS
""" + _EMPTY_TEXT.partition("\n\n")[2]
_USERS = Path("/var/lib/otpauth/users")
_FIRST = 1  # pam_google_authenticator takes a counter of 0 for none


class Fob:
    """A counter-based token, all its codes computed beforehand by oathtool."""

    def __init__(self, codes: int) -> None:
        """Make a secret, and so many codes of it."""
        secret = secrets.token_bytes(20)
        self.hex, self.base32 = secret.hex(), b32encode(secret).decode()
        command = ("oathtool", "--hotp", "--base32", "-c", str(_FIRST), "-w", str(codes - 1), "-")
        done = subprocess.run(
            command, input=self.base32, stdout=subprocess.PIPE, text=True, check=True
        )
        self._codes = iter(done.stdout.split())

    def code(self) -> str:
        """Return the next code."""
        return next(self._codes)

    def line(self) -> str:
        """Return the next code as it is typed."""
        return f"{self.code()}\n"


def run(rounds: int, users: int) -> tuple[str, list[Aim]]:
    """Measure, and return a table and the aims."""
    with contextlib.ExitStack() as things, _on_disk(users) as disk:
        things.callback(_put_policy, "")
        cases = _Cases(things, rounds + WARM_UP, disk)
        floor = cases.trivial("empty pam_python module", _EMPTY, _EMPTY_TEXT)
        loading = cases.trivial("one that loads JSON and a cipher", _LOADING, _LOADING_TEXT)
        python = cases.ours("otpauth, pam_python", OURS)
        ruled = cases.ours(f"otpauth, pam_python, {GROUPS} groups", OURS, policy=_policy())
        program = cases.ours("otpauth, pam_exec", OURS_EXEC)
        others = [cases.google("pam_google_authenticator"), cases.oath(1), cases.oath(OATH_USERS)]
        few = cases.ours("otpauth, pam_python, 1 user, on disk", OURS, place="few")
        many = cases.ours(f"otpauth, pam_python, {users} users, on disk", OURS, place="many")
        last = cases.google("pam_google_authenticator, on disk", on_disk=True)
        every = [floor, loading, python, ruled, program, *others, few, many, last]
        measure(every, rounds)
    aims = [Aim(python, AIM_PAM_PYTHON, floor), Aim(program, AIM_PAM_EXEC, floor)]
    aims.append(Aim(ruled, AIM_GROUPS, python))
    return table("A login, whole process (pamtester)", every, floor), aims


class _Cases:
    def __init__(self, things: contextlib.ExitStack, codes: int, disk: Path) -> None:
        self._things = things
        self._codes = codes
        self._disk = disk

    def trivial(self, name: str, file: str, text: str) -> Case:
        module = Path("/lib/security", file)
        module.write_text(text, encoding="utf-8")
        self._things.callback(module.unlink)
        person = self._person(on_disk=False)
        return self._case(name, f"auth required pam_python.so {file}", person)

    def ours(self, name: str, line: str, *, place: str = "memory", policy: str = "") -> Case:
        person = self._person(on_disk=place != "memory")
        fob = Fob(self._codes)
        select = self._selecting(place)
        select()
        enrol(person, fob)

        def before() -> None:
            select()
            _put_policy(policy)

        return self._case(name, line, person, answer=fob.line, before=before)

    def google(self, name: str, *, on_disk: bool = False) -> Case:
        person = self._person(on_disk=on_disk)
        fob = Fob(self._codes)
        enrol_google(person, fob)
        return self._case(name, GOOGLE, person, answer=fob.line)

    def oath(self, users: int) -> Case:
        person = self._person(on_disk=False)
        fob = Fob(self._codes)
        path = Path(f"/etc/bench-oath-{users}")
        _write_oath(path, person.name, fob, users)
        line = f"auth required pam_oath.so usersfile={path} window=5 digits=6"
        unit = "user" if users == 1 else "users"
        return self._case(f"pam_oath, {users} {unit} in its file", line, person, answer=fob.line)

    def _case(
        self,
        name: str,
        line: str,
        person: Person,
        *,
        answer: Callable[[], str] = str,
        before: Callable[[], None] | None = None,
    ) -> Case:
        service = self._things.enter_context(pam.service(line))
        command = ("pamtester", service, person.name, "authenticate")
        return Case(name, command, answer=answer, before=before or self._selecting("memory"))

    def _person(self, *, on_disk: bool) -> Person:
        person = self._things.enter_context(accounts.make())
        if on_disk:
            home = self._disk / person.name
            shutil.copytree(person.home, home)
            shutil.chown(home, person.uid, person.gid)
            subprocess.run(("mount", "--bind", home, person.home), check=True)
            self._things.callback(subprocess.run, ("umount", person.home), check=True)
        return person

    def _selecting(self, place: str) -> Callable[[], None]:
        """Return what puts the host copies of that place where otpauth looks for them."""
        target = self._disk / place if place != "memory" else f"{_USERS}.memory"

        def select() -> None:
            link = f"{_USERS}.link"
            os.symlink(target, link)
            os.rename(link, _USERS)

        return select


def _policy() -> str:
    """Return an otpauth.conf of many groups, most with children, and as many services."""
    groups = (
        f"[group g{each}]\n"
        + (f"children = g{2 * each + 1} g{2 * each + 2}\n" if 2 * each + 2 < GROUPS else "")
        + "session = 10h idle=1h\nlock = 5/1h\nwindow = 5\nkinds = totp hotp scratch\n\n"
        for each in range(GROUPS)
    )
    services = (
        f"[service s{each}]\npam = a{each} b{each}\nfrom = 10.{each}.0.0/16 fd00:{each:x}::/32\n"
        f"group = g{each}\nrate_limit = 3/30s\n\n"
        for each in range(GROUPS)
    )
    return "".join((*groups, *services))


def _put_policy(text: str) -> None:
    path = Path("/etc/otpauth/otpauth.conf")
    path.unlink(missing_ok=True)
    if text:
        path.write_text(text, encoding="utf-8")


def enrol(person: Person, fob: Fob) -> None:
    """Enrol a fob as root does, and log nothing in."""
    uri = f"otpauth://hotp/bench:{person.name}?secret={fob.base32}&counter={_FIRST}"
    command = ("otpauth-admin", "add", person.name, "hotp", "fob", "--uri", "-")
    subprocess.run(command, input=f"{uri}\n", text=True, stdout=subprocess.DEVNULL, check=True)


def enrol_google(person: Person, fob: Fob) -> None:
    """Write what `google-authenticator --counter-based` writes."""
    file = person.home / ".google_authenticator"
    file.write_text(f'{fob.base32}\n" HOTP_COUNTER {_FIRST}\n" WINDOW_SIZE 3\n', encoding="utf-8")
    file.chmod(0o400)
    shutil.chown(file, person.uid, person.gid)


def _write_oath(path: Path, name: str, fob: Fob, users: int) -> None:
    """Write a file in which our user stands in the middle."""
    rows = [f"HOTP user{number:06} - {secrets.token_hex(20)}" for number in range(users - 1)]
    rows.insert(len(rows) // 2, f"HOTP {name} - {fob.hex}")
    path.write_text("\n".join([*rows, ""]), encoding="utf-8")
    path.chmod(0o600)


@contextlib.contextmanager
def _on_disk(users: int) -> Iterator[Path]:
    """Make folders on the disk of build/: host copies of 1 user, and of many."""
    memory = Path(f"{_USERS}.memory")
    _USERS.rename(memory)
    disk = Path(tempfile.mkdtemp(prefix="bench-", dir=stage.TREE / "build"))
    disk.chmod(0o755)
    try:
        (disk / "few").mkdir(mode=0o700)
        (disk / "many").mkdir(mode=0o700)
        _fill(disk / "many", users)
        yield disk
    finally:
        _USERS.unlink(missing_ok=True)
        memory.rename(_USERS)
        shutil.rmtree(disk)


def _fill(folder: Path, users: int) -> None:
    """Copy one person's sealed record under many names, as an old host would hold them."""
    os.symlink(folder, _USERS)
    with accounts.make() as person:
        enrol(person, Fob(1))
        sealed = (folder / person.name).read_bytes()
    for number in range(users - 1):
        (folder / f"user{number:06}").write_bytes(sealed)
