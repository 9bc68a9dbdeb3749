"""Throw-away Debians: what a command changes in one is gone with it, and it has no network.

The minimal systems are made once and kept in build/fresh; each root is an overlay on one of them,
or on what another root has become.
"""

from __future__ import annotations

import itertools
import re
import secrets
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests import stage
from tests.packaging.making import TREE
from tests.parts import processes, terminal
from tests.parts.enrolment import STACK
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from tests.parts.terminal import Talk

FRESH = TREE / "tests/fresh"
SUITES = ("bookworm", "trixie")
_NAMESPACES = (
    *("unshare", "--net", "--mount", "--propagation", "private"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)
_ENVIRONMENT = {
    "HOME": "/root",
    "PATH": stage.SYSTEM_PATH,
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
# systemd gets a group of processes of its own, below which it does as it likes.
_GROUPS = "mount -t cgroup2 cgroup2 /sys/fs/cgroup"
_START = """
mkdir /sys/fs/cgroup/$0
echo 0 >/sys/fs/cgroup/$0/cgroup.procs
umount /sys/fs/cgroup
exec unshare --cgroup sh -c "$1; exec env container=test /lib/systemd/systemd multi-user.target"
"""
_TIDY = "find /sys/fs/cgroup/$0 -depth -type d -exec rmdir {} +"
_LOGIN = """
mkdir -p /run/sshd
exec env DISPLAY=: SSH_ASKPASS=/root/askpass SSH_ASKPASS_REQUIRE=force ssh -i /root/key \
  -o 'ProxyCommand /usr/sbin/sshd -i' -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
  -o NumberOfPasswordPrompts=1 alice@web1 'echo in: $(id -un)'
"""
_numbers = itertools.count(1)


def prepare() -> None:
    """Make the minimal systems where they are missing: both at once, it takes a minute."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(_prepare, SUITES))


def _prepare(suite: str) -> None:
    done = subprocess.run(
        (FRESH / "ready", suite),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise stage.StageError(f"no Debian {suite} to install in: {done.stderr.strip()}")


class Root:
    """A Debian of one suite, which continues another root if there is one below."""

    def __init__(self, suite: str, below: Root | None = None) -> None:
        """Say what it is made of; it is there inside `with`."""
        self.suite = suite
        self.layers: tuple[Path, ...] = (
            below.layers if below else (TREE / f"build/fresh/{suite}.ready",)
        )
        self._place = stage.workspace() / "tmp" / f"root-{next(_numbers)}"
        self.path = self._place / "root"

    def __enter__(self) -> Self:
        """Mount it."""
        upper, work = self._place / "upper", self._place / "work"
        for folder in (upper, work, self.path):
            folder.mkdir(parents=True)
        lower = ":".join(map(str, self.layers))
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        command = ("mount", "-t", "overlay", "otpauth-root", "-o", options, self.path)
        subprocess.run(command, check=True)
        self.layers = (upper, *self.layers)
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        subprocess.run(("umount", self.path), check=True)
        shutil.rmtree(self._place)

    def talk(self, *words: str, answers: Sequence[str]) -> Talk:
        """Run a command as root in it at a terminal, and answer what it asks."""
        environment = _ENVIRONMENT | {"DEBIAN_FRONTEND": "teletype", "TERM": "dumb"}
        return terminal.talk(self._inside(words), answers, environment=environment)

    def run(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command as root in it."""
        return subprocess.run(
            self._inside(words),
            input=text,
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )

    @contextmanager
    def started(self) -> Iterator[int]:
        """Start it by its own systemd, and give the id of that process."""
        group = f"otpauth-{secrets.token_hex(4)}"
        first, *more = self._inside(("sh", "-ec", f"{_GROUPS}{_START}", group, _GROUPS))
        words = (first, "--ipc", "--uts", *more)
        nothing = subprocess.DEVNULL
        with subprocess.Popen(words, stdin=nothing, stdout=nothing, stderr=nothing) as process:
            try:
                wait_until(lambda: processes.descendants(process.pid), 10, what="a start")
                yield processes.descendants(process.pid)[0]
            finally:
                family = processes.descendants(process.pid)
                process.kill()
                wait_until(lambda: not any(map(processes.alive, family)), what="all of it ends")
                self.do("sh", "-ec", f"{_GROUPS}\n{_TIDY}", group)

    def show(self, init: int, unit: str, name: str) -> str:
        """Ask the systemd that started it for a property of a unit."""
        enter = ("nsenter", "-t", str(init), "-a", f"--root=/proc/{init}/root", "--wd=/")
        command = (*enter, "systemctl", "show", "--value", "-p", name, unit)
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def _inside(self, words: Sequence[str]) -> list[str]:
        return [*_NAMESPACES, str(FRESH / "enter"), str(self.path), *words]

    def do(self, *words: str, text: str = "") -> str:
        """Run a command that must succeed, and return all that it said."""
        done = self.run(*words, text=text)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def install(self, package: Path) -> str:
        """Install a package file by apt and return what that said."""
        shutil.copy(package, self.path / "var/tmp")
        return self.do("apt-get", "install", "-q", "-y", f"/var/tmp/{package.name}")

    def ask_for_codes(self) -> None:
        """Let sshd ask for key and code, as the README says."""
        stack = self.path / "etc/pam.d/sshd"
        stack.write_text(re.sub(r"(?m)^@include common-auth$", STACK, stack.read_text()))
        (self.path / "etc/ssh/sshd_config.d/10-otpauth.conf").write_text(
            "KbdInteractiveAuthentication yes\nPasswordAuthentication no\n"
            "AuthenticationMethods publickey,keyboard-interactive\n"
        )
        self.do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/key")
        self.do("install", "-D", "-o", "alice", "/root/key.pub", "/home/alice/.ssh/authorized_keys")
        askpass = self.path / "root/askpass"
        askpass.write_text("#!/bin/sh\ncat /root/code\n")
        askpass.chmod(0o755)

    def ask_for_nothing(self) -> None:
        """Undo what ask_for_codes() did to PAM."""
        stack = self.path / "etc/pam.d/sshd"
        stack.write_text(stack.read_text().replace(STACK, "@include common-auth"))

    def login(self, code: str) -> subprocess.CompletedProcess[str]:
        """Log alice in by the real ssh and sshd, with her key and a code."""
        (self.path / "root/code").write_text(f"{code}\n")
        return self.run("sh", "-c", _LOGIN)

    def files(self, *patterns: str) -> list[str]:
        """Return the paths that match patterns, each once, sorted."""
        found = {str(p.relative_to(self.path)) for each in patterns for p in self.path.glob(each)}
        return sorted(found)
