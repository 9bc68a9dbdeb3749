"""A real sshd of the test's own: its port on 127.0.0.1, its host key, its PAM service."""

from __future__ import annotations

import itertools
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Self

from tests import stage
from tests.parts import pam, processes
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_numbers = itertools.count(1)
_SETTINGS = """
ListenAddress 127.0.0.1
UsePAM yes
PubkeyAuthentication yes
KbdInteractiveAuthentication yes
PasswordAuthentication no
PermitRootLogin no
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
MaxStartups 500
Subsystem sftp internal-sftp
"""


class Sshd:
    """A running sshd with this PAM text and these lines before the usual settings.

    sshd takes its PAM service from its own program name (OpenSSH up to 9.7) or from
    PAMServiceName (later): both are used, so that no test touches /etc/pam.d/sshd.
    """

    def __init__(
        self,
        pam_text: str,
        config_lines: Sequence[str] = ("AuthenticationMethods publickey,keyboard-interactive",),
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Say how it shall be; it runs inside `with`."""
        self.service = f"sshd-otpauth-{next(_numbers)}"
        self.folder = stage.workspace() / "tmp" / self.service
        self.port = 0
        self.pid = 0
        self._log = stage.workspace() / "logs" / f"{self.service}.log"
        self._pam = pam.service(pam_text, self.service)
        self._lines = config_lines
        self._environment = environment

    def __enter__(self) -> Self:
        """Start it, and return when it listens."""
        self.folder.mkdir(mode=0o755)
        self._pam.__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it and its sessions by pid."""
        if self.pid:
            processes.end(self.pid)
            self._process.wait()
        self._pam.__exit__(kind, error, trace)
        shutil.rmtree(self.folder)

    def log(self) -> str:
        """Return what it wrote so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _start(self) -> None:
        program = stage.workspace() / "bin" / self.service
        program.symlink_to("/usr/sbin/sshd")
        self.port = free_port()
        config = self._configure(program)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                (program, "-D", "-e", "-f", config),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": stage.SYSTEM_PATH} | dict(self._environment or {}),
            )
        self.pid = self._process.pid
        wait_until(self._listens, 10, what="sshd listens")

    def _configure(self, program: Path) -> Path:
        key = self.folder / "host_key"
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), check=True)
        authorized = stage.workspace() / "authorized" / "%u"
        own = [f"Port {self.port}", f"HostKey {key}", f"PidFile {self.folder / 'pid'}"]
        own += [f"AuthorizedKeysFile {authorized} .ssh/authorized_keys"]
        config = self.folder / "config"
        before_match, after = _split_at_match(self._lines)
        config.write_text("\n".join([*own, *before_match, _SETTINGS, *after, ""]))
        effective = _effective(program, config)
        if "persourcepenalties" in effective:  # all our clients share one address
            config.write_text(f"PerSourcePenalties no\n{config.read_text()}")
        if "pamservicename" in effective:
            config.write_text(f"PAMServiceName {self.service}\n{config.read_text()}")
        return config

    def _listens(self) -> bool:
        if self._process.poll() is not None:
            raise stage.StageError(f"sshd did not start: {self.log()}")
        return "Server listening on 127.0.0.1" in self.log()


class HostSshd:
    """The host's own sshd: its PAM service, its configuration, but on a port of the test's."""

    def __init__(self) -> None:
        """Name its folder; it runs inside `with`."""
        self.folder = stage.workspace() / "tmp" / "sshd-of-the-host"
        self.port = 0

    def __enter__(self) -> Self:
        """Start it, and return when it listens."""
        self.folder.mkdir(mode=0o755)
        self.port = free_port()
        authorized = stage.workspace() / "authorized" / "%u"
        settings = [f"ListenAddress=127.0.0.1:{self.port}", "UseDNS=no", "LogLevel=VERBOSE"]
        settings += [f"AuthorizedKeysFile={authorized} .ssh/authorized_keys"]
        effective = subprocess.run(("sshd", "-T"), capture_output=True, text=True, check=True)
        if "persourcepenalties" in effective.stdout:
            settings.append("PerSourcePenalties=no")
        words = ["/usr/sbin/sshd", "-D", "-E", str(self.folder / "log")]
        words += [f"-o{each}" for each in settings]
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, env={"PATH": stage.SYSTEM_PATH}
        )
        wait_until(lambda: self.listened() > 0, 10, what="sshd listens")
        return self

    def __exit__(self, *_: object) -> None:
        """End it and its sessions by pid."""
        processes.end(self.process.pid)
        self.process.wait()
        shutil.rmtree(self.folder)

    def log(self) -> str:
        """Return what it wrote so far."""
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def listened(self) -> int:
        """Return how often it began to listen: once more after each reload."""
        return self.log().count("Server listening on 127.0.0.1")


def _split_at_match(lines: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Part the lines where the first Match block begins, which must come last in the file."""
    for number, line in enumerate(lines):
        if line.lower().startswith("match"):
            return lines[:number], lines[number:]
    return lines, ()


def _effective(program: Path, config: Path) -> str:
    done = subprocess.run(
        (program, "-T", "-f", config), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise stage.StageError(f"sshd refuses its configuration: {done.stderr.strip()}")
    return done.stdout


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
