"""The demo: an enrolment and real logins, as a person would do them, told step by step.

    unshare --mount --propagation private build/venv/bin/python -m tests.demo      (sudo make demo)

Everything is real: the account, the wizard on a terminal, sshd and ssh, the module in its PAM
stack; oathtool is the phone. All of it happens on the stage (tests/stage.py), so that the machine
stays as it was. Each step says what must come of it; if something else does, the demo ends there
with status 1. It needs no terminal.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pexpect

from tests import stage
from tests.cli.screen import THEMES, Screen
from tests.parts import accounts, client, processes
from tests.parts.phone import Phone
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.cli.screen import Cell
    from tests.parts.accounts import Person
    from tests.parts.client import Login

STACK = "auth required pam_python.so pam_otpauth.py\n"
DONE, NOT_AS_IT_SAYS = 0, 1
_KEY = re.compile(r"((?:[A-Z2-7]{4} ){3}[A-Z2-7]{4})$")
_SCRATCH = re.compile(r"\b[0-9a-z]{4}-[0-9a-z]{4}\b")
_SECONDS = 20
_ARRIVED = "logged in as"
_QR = {0, 255}  # the luminance of a QR's two colours, which no word on the screen has
_BLOCKS = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
_WHITE_ON_BLACK, _RESET = "\x1b[38;5;231;48;5;16m", "\x1b[0m"
MIDDLE = 127


class UnexpectedError(Exception):
    """Raised if a step is not as it says."""


def main() -> int:
    """Run the demo, on a stage of its own if there is none; return 0 if all is as it says."""
    if stage.VARIABLE not in os.environ:
        python = sys.executable
        os.execv(python, (python, "-m", "tests.stage", "--", python, "-m", "tests.demo"))  # noqa: S606
    began = time.monotonic()
    try:
        _play()
    except UnexpectedError as error:
        print(f"\nNOT AS IT SAYS: {error}", flush=True)
        return NOT_AS_IT_SAYS
    seconds = time.monotonic() - began
    _tell("", f"All of it was as it says ({seconds:.0f} s). The account, its files, sshd: gone.")
    return DONE


def _play() -> None:
    _tell("otpauth: an enrolment and real logins, on this machine but apart from it:")
    _tell("what is written lies in memory, and nothing is left at the end.")
    with _account() as person, Sshd(STACK) as sshd:
        scene = Scene(person, sshd)
        _setting(scene)
        _enrol(scene)
        _first_login(scene)
        _same_code(scene)
        _scratch_code(scene)
        _old_file(scene)
        _no_file(scene)


@contextlib.contextmanager
def _account() -> Iterator[Person]:
    """Make an account; afterwards remove it, and what the host keeps of it."""
    name = _free_name()
    try:
        with accounts.make(name) as person:
            yield person
    finally:
        forget = ("/usr/local/sbin/otpauth-admin", "forget", name)
        subprocess.run(forget, capture_output=True, check=False)


@dataclass
class Scene:
    """Who takes part, and what the person knows: the phone, the paper, a backup."""

    person: Person
    sshd: Sshd
    phone: Phone | None = None
    scratch: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    backup: bytes = b""
    steps: int = 0

    @property
    def file(self) -> Path:
        """The person's secret file."""
        return self.person.home / ".otpauth"

    def step(self, title: str) -> None:
        """Begin a step."""
        self.steps += 1
        _tell("", f"{self.steps}. {title}")

    def code(self) -> str:
        """Read a fresh code from the phone."""
        assert self.phone is not None
        return self.phone.next()


def _setting(scene: Scene) -> None:
    person, sshd = scene.person, scene.sshd
    scene.step(f"An account, {person.name}, with an ssh key; and an sshd that asks for codes")
    _tell(f"   home {person.home}, uid {person.uid}; sshd listens on 127.0.0.1, port {sshd.port}")
    _tell("   sshd_config      AuthenticationMethods publickey,keyboard-interactive")
    _tell(f"   its PAM stack    {STACK.strip()}")
    _expect(not scene.file.exists(), f"{person.name} has no ~/.otpauth yet")
    refused = _login(scene, ["000000"])
    _expect(not refused.ok, "without an enrolment nobody comes in with the key alone")


def _enrol(scene: Scene) -> None:
    scene.step(f"{scene.person.name} runs otpauth, scans the code and types what the phone shows")
    with _wizard(scene.person) as child:
        shown = Screen(theme=THEMES["dark"])
        _until(child, "Code: ", shown)
        _show(shown)
        scene.phone = Phone(_read_screen(shown))
        code = scene.code()
        child.send(f"{code}\r")
        _until(child, r"Enter when you have them[^:\n]*: ", shown)
        _tell(f"   Code: {code}", "   -> the wizard takes the code and hands out scratch codes:")
        _quote(shown.text())
        scene.scratch = _SCRATCH.findall("\n".join(shown.text()))
        child.send("\r")
        _until(child, pexpect.EOF, shown)
    _quote(shown.text())
    child.close()
    scene.used.append(code)
    _expect(child.exitstatus == 0, "otpauth ends well")
    _expect(len(scene.scratch) == 10, "there are ten scratch codes")
    left = "\n".join([*shown.past(), *shown.text()])
    secrets = [code for code in scene.scratch if code in left] + _KEY.findall(left)
    _expect(not secrets, "neither key nor scratch codes stay on the terminal")
    scene.backup = scene.file.read_bytes()
    _expect(_mode(scene.file) == 0o600, "~/.otpauth is there and nobody else's to read")


def _first_login(scene: Scene) -> None:
    scene.step("A login with the key and the phone's next code")
    code = scene.code()
    login = _login(scene, [code])
    scene.used.append(code)
    _expect(login.ok, "that is a login")
    _expect("phone ready" in _listed(scene, "phone"), "the host has adopted the phone")


def _same_code(scene: Scene) -> None:
    scene.step("The same code a second time")
    login = _login(scene, [scene.used[-1]] * 2)
    _expect(not login.ok, "a code that was used once is refused")
    _expect("used already" in login.output, "ssh says why, because the key was right")


def _scratch_code(scene: Scene) -> None:
    scene.step("The phone is lost: a scratch code from the paper, and the same one again")
    code = scene.scratch[0]
    login = _login(scene, [code])
    _expect(login.ok, "a scratch code is a login")
    _expect("scratch ready, 9 of 10 left" in _listed(scene, "scratch"), "nine of ten are left")
    again = _login(scene, [code] * 2)
    scene.used.append(code)
    _expect(not again.ok, "the same scratch code is refused the second time")


def _old_file(scene: Scene) -> None:
    scene.step("An old ~/.otpauth, from before the first login, is put back")
    scene.file.write_bytes(scene.backup)
    os.chown(scene.file, scene.person.uid, scene.person.gid)
    _tell(f"   cp backup ~/.otpauth    ({len(scene.backup)} bytes, as enrolled in step 2)")
    for code in scene.used[-2:]:
        login = _login(scene, [code] * 2)
        _expect(not login.ok, "the old file revives nothing: what was used stays used")


def _no_file(scene: Scene) -> None:
    scene.step("~/.otpauth is removed")
    scene.file.unlink()
    _tell("   rm ~/.otpauth")
    login = _login(scene, [scene.used[-2]] * 2)
    _expect(not login.ok, "that does not end the enrolment: a used code is refused still")
    login = _login(scene, [scene.code()])
    _expect(login.ok, "and the phone's next code is a login: nobody is locked out")


def _login(scene: Scene, answers: Sequence[str]) -> Login:
    """Log in with the real client and show its lines; what is typed unseen stands in brackets."""
    person, sshd = scene.person, scene.sshd
    login = client.login(
        person,
        sshd,
        answers,
        command=f"echo {_ARRIVED} $(id -un)",
        options=["NumberOfPasswordPrompts=1"],
    )
    shown = login.output
    for prompt, answer in zip(login.prompts, answers, strict=False):
        before, _, after = shown.partition(prompt)
        shown = f"{before}{prompt.rstrip()} [{answer}]{after}"
    _tell(f"   $ ssh -p {sshd.port} {person.name}@127.0.0.1")
    _quote(shown.splitlines())
    arrived = f"{_ARRIVED} {person.name}" in login.output
    _expect(bool(login.prompts), "ssh asks for a code", quiet=True)
    _expect(arrived == login.ok, "ssh's status says whether it came in", quiet=True)
    return login


def _listed(scene: Scene, name: str) -> str:
    """Show what `otpauth list` says; return a token's name and state."""
    _tell("   $ otpauth list")
    rows = scene.person.run("otpauth", "list").stdout.splitlines()
    _quote(rows)
    fields = (re.split(r"  +", row) for row in rows)
    return "".join(f"{row[0]} {row[-1]}" for row in fields if row[0] == name)


@contextlib.contextmanager
def _wizard(person: Person) -> Iterator[pexpect.spawn[str]]:
    """Run otpauth as the person, on a terminal of 80 columns and 24 rows."""
    groups = os.getgrouplist(person.name, person.gid)

    def become() -> None:
        os.setgroups(groups)
        os.setresgid(person.gid, person.gid, person.gid)
        os.setresuid(person.uid, person.uid, person.uid)

    child: pexpect.spawn[str] = pexpect.spawn(
        "/usr/local/bin/otpauth",
        env=person.environment(),
        cwd=str(person.home),
        preexec_fn=become,
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=_SECONDS,
    )
    try:
        yield child
    finally:
        if child.isalive() and child.pid:
            processes.end(child.pid)


def _until(child: pexpect.spawn[str], what: str | type[pexpect.EOF], shown: Screen) -> None:
    """Let the terminal show what the wizard writes up to a question (a pattern), or its end."""
    try:
        child.expect([what])
        missing = False
    except (pexpect.EOF, pexpect.TIMEOUT):
        missing = True
    after = child.after if isinstance(child.after, str) else ""
    shown.feed(f"{child.before or ''}{after}".encode())
    if missing:
        _quote(shown.text())
        raise UnexpectedError(f"the wizard does not come to {what!r}")


def _show(shown: Screen) -> None:
    """Show the wizard's screen with its QR: in colours on a terminal, as blocks in a file."""
    halves = iter(shown.halves())
    rows = [_drawn(*each) for each in zip(shown.cells, halves, halves, strict=True)]
    while rows and not rows[-1].strip():
        rows.pop()
    for row in rows:
        _tell(f"   {row}")


def _drawn(row: Sequence[Cell], upper: bytes, lower: bytes) -> str:
    """Draw a row: words as they are, modules of the QR as blocks, whose ink is light."""
    drawn = ""
    cells = zip(row, upper, lower, strict=True)
    for is_qr, run in itertools.groupby(cells, lambda each: {each[0].fg, each[0].bg} == _QR):
        if is_qr:
            blocks = "".join(_BLOCKS[above > MIDDLE, below > MIDDLE] for _, above, below in run)
            drawn += f"{_WHITE_ON_BLACK}{blocks}{_RESET}" if sys.stdout.isatty() else blocks
        else:
            drawn += "".join(cell.char for cell, _, _ in run)
    return drawn.rstrip()


def _tell(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


def _quote(lines: Sequence[str]) -> None:
    """Show what a program wrote."""
    for line in lines:
        if line.strip():
            _tell(f"   | {line.rstrip()}")


def _expect(condition: bool, claim: str, *, quiet: bool = False) -> None:  # noqa: FBT001
    if not condition:
        raise UnexpectedError(claim)
    if not quiet:
        _tell(f"   -> {claim}")


def _read_screen(shown: Screen) -> str:
    """Read the key as a person types it; where zbarimg is installed, as a phone scans it, too."""
    rows = [found[1] for row in shown.text() if (found := _KEY.search(row))]
    _expect(len(rows) == 2, "the key stands on the screen, in groups of four", quiet=True)
    typed = "".join(rows).replace(" ", "")
    if shutil.which("zbarimg"):
        picture = stage.workspace() / "tmp" / "screen.pgm"
        picture.write_bytes(shown.pgm(width=8, height=16))
        command = ("zbarimg", "-q", "--raw", str(picture))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        picture.unlink()
        scanned = done.stdout
        _expect(f"secret={typed}" in scanned, "zbarimg reads the same key from the QR")
    return typed


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _free_name() -> str:
    """Return the name of nobody, and of nobody whom the host remembers."""
    taken = {entry.pw_name for entry in pwd.getpwall()}
    with contextlib.suppress(FileNotFoundError):
        taken.update(os.listdir("/var/lib/otpauth/users"))
    names = ("alice", *(f"alice{number}" for number in range(2, 100)))
    return next(name for name in names if name not in taken)


if __name__ == "__main__":
    sys.exit(main())
