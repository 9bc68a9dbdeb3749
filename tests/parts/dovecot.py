"""A real Dovecot of the test's own: IMAP on a port of 127.0.0.1, passwords through PAM.

Its configuration is written in the language of the version that is there: 2.3 or 2.4.
"""

from __future__ import annotations

import imaplib
import itertools
import os
import re
import shutil
import socket
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from tests import stage
from tests.parts import pam, processes
from tests.parts.sshd import free_port
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOGIN_SECONDS = 30.0
_numbers = itertools.count(1)
_COMMON = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
ssl = no
auth_mechanisms = plain login
auth_failure_delay = {delay}
service imap-login {{
  {reused}
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener for-postfix {{
    mode = 0666
  }}
}}
"""
_TEXTS = {
    "2.3": """
protocols = imap
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%u
passdb {{
  driver = pam
  args = {words} max_requests={requests} {service}
}}
userdb {{
  driver = passwd
}}
""",
    "2.4": """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = {folder}/mail/%{{user}}
passdb pam {{
  passdb_pam_max_requests = {requests}
  passdb_pam_service_name = {service}
  {words}
}}
userdb passwd {{
}}
""",
}
_WORDS = {
    "2.3": {
        "by_protocol": "*",
        "reused": "service_count = 0",
        "renewed": "service_count = 1",
    },
    "2.4": {
        "by_protocol": "%{protocol}",
        "reused": "restart_request_count = unlimited",
        "renewed": "restart_request_count = 1",
    },
}


class Worker(NamedTuple):
    """A process that asks PAM: what it has now."""

    pid: int
    parent: int
    uid: int
    rss_kb: int
    descriptors: int
    children: int


class Imap(imaplib.IMAP4):
    """A client at an address of its own."""

    def __init__(self, port: int, address: str) -> None:
        """Connect."""
        self._address = address
        super().__init__("127.0.0.1", port, LOGIN_SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        there = (self.host, self.port)
        return socket.create_connection(there, timeout, source_address=(self._address, 0))


class Dovecot:
    """A running Dovecot with this PAM text.

    The PAM service has a name of its own, or the protocols' names, `imap` and `smtp`. `requests`
    is after how many answers a process that asks PAM makes room for a new one, 0 for never. `words`
    go to the passdb, as the version has it.
    """

    def __init__(
        self,
        pam_text: str,
        *,
        by_protocol: bool = False,
        requests: int = 100,
        delay: str = "0 secs",
        words: str = "",
        more: Sequence[str] = (),
    ) -> None:
        """Say how it shall be; it runs inside `with`."""
        name = f"dovecot-otpauth-{next(_numbers)}"
        self.folder = stage.workspace() / "tmp" / name
        self.services = ("imap", "smtp") if by_protocol else (name,)
        self.port = 0
        self.pid = 0
        self._pam = pam_text
        self._more = more
        self._values = {"requests": requests, "delay": delay, "words": words}
        self._service = _WORDS[version()]["by_protocol"] if by_protocol else name

    def __enter__(self) -> Self:
        """Start it, and return when it listens."""
        with ExitStack() as opened:
            self.folder.mkdir(mode=0o755)
            opened.callback(shutil.rmtree, self.folder)
            for name in self.services:
                opened.enter_context(pam.service(self._pam, name))
            opened.callback(self._end)
            self._start()
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End it and all of its processes by pid."""
        self._opened.close()

    @contextmanager
    def client(self, *, address: str = "127.0.0.1") -> Iterator[Imap]:
        """Give a connected client that has not logged in."""
        imap = Imap(self.port, address)
        try:
            yield imap
        finally:
            with suppress(OSError):  # after a logout it is closed
                imap.shutdown()

    def login(self, user: str, password: str, *, address: str = "127.0.0.1") -> bool:
        """Log in as a mail program does, look at the inbox, and log out."""
        answer = f"\0{user}\0{password}".encode("utf-8", "surrogateescape")
        with self.client(address=address) as imap:
            try:
                imap.authenticate("PLAIN", lambda _: answer)
            except imaplib.IMAP4.error as error:
                if "AUTHENTICATIONFAILED" not in str(error):
                    raise
                return False
            assert imap.select()[0] == "OK"
            imap.logout()
            return True

    @property
    def socket(self) -> Path:
        """Return where other servers ask it whether a password is right."""
        return self.folder / "run/for-postfix"

    def workers(self) -> list[Worker]:
        """Return the processes that ask PAM, without their own children."""
        found = map(_worker, processes.descendants(self.pid))
        return [each for each in found if each and each.parent == self.pid]

    def log(self) -> str:
        """Return what it wrote so far."""
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _start(self) -> None:
        for name, mode in (("run", 0o755), ("state", 0o755), ("mail", 0o1777)):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(mode)
        self.port = free_port()
        config = self.folder / "dovecot.conf"
        text = _TEXTS[version()] + _COMMON
        values = {"folder": self.folder, "port": self.port, "service": self._service}
        written = text.format(**values, **self._values, reused=_WORDS[version()]["reused"])
        config.write_text("\n".join([written, *self._more, ""]), encoding="utf-8")
        self._process = subprocess.Popen(
            ("/usr/sbin/dovecot", "-F", "-c", config),
            stdin=subprocess.DEVNULL,
            env={"PATH": stage.SYSTEM_PATH},
        )
        self.pid = self._process.pid
        wait_until(self._listens, 10, what="Dovecot listens")

    def _listens(self) -> bool:
        if self._process.poll() is not None:
            raise stage.StageError(f"Dovecot did not start: {self.log()}")
        return "starting up" in self.log()

    def _end(self) -> None:
        if self.pid:
            processes.end(self.pid)
            self._process.wait()


def renewed() -> tuple[str, ...]:
    """Return lines by which a process that asks PAM ends with the connection it served."""
    return ("service auth-worker {", f"  {_WORDS[version()]['renewed']}", "}")


def version() -> str:
    """Return the version of Dovecot that is there, as far as its configuration goes by it."""
    done = subprocess.run(("dovecot", "--version"), capture_output=True, text=True, check=True)
    found = re.match(r"\d+\.\d+", done.stdout)
    if not found or found[0] not in _TEXTS:
        raise stage.StageError(f"no configuration for Dovecot {done.stdout.strip()!r}")
    return found[0]


def _worker(pid: int) -> Worker | None:
    """Look at a process; None if it is another one, or ends just now."""
    if not _read(pid, "cmdline").startswith("dovecot/auth\0-w"):
        return None
    fields = dict(re.findall(r"^(\w+):\s+(\d+)", _read(pid, "status"), re.MULTILINE))
    try:
        size, parent, owner = (int(fields[name]) for name in ("VmRSS", "PPid", "Uid"))
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    except (KeyError, FileNotFoundError):
        return None
    return Worker(pid, parent, owner, size, descriptors, len(processes.descendants(pid)))


def _read(pid: int, what: str) -> str:
    try:
        return Path(f"/proc/{pid}/{what}").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return ""
