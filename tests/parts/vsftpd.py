"""A real vsftpd of the test's own: its port on 127.0.0.1, its certificate, its PAM service."""

from __future__ import annotations

import ftplib
import io
import itertools
import shutil
import ssl
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from tests import stage
from tests.parts import gateway, pam, processes
from tests.parts.sshd import free_port
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.parts.accounts import Person

SECONDS = 20.0  # for any one step of a client
_numbers = itertools.count(1)
_SETTINGS = """
listen=YES
listen_address=127.0.0.1
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
ssl_enable=YES
require_ssl_reuse=NO
delay_failed_login=0
delay_successful_login=0
"""


class Vsftpd:
    """A running vsftpd with this PAM text, and these lines after the usual settings."""

    def __init__(self, pam_text: str, config_lines: Sequence[str] = ()) -> None:
        """Say how it shall be; it runs inside `with`."""
        self.service = f"vsftpd-otpauth-{next(_numbers)}"
        self.folder = stage.workspace() / "tmp" / self.service
        self.port = free_port()
        self.pid = 0
        self._pam = pam.service(pam_text, self.service)
        self._lines = config_lines

    def __enter__(self) -> Self:
        """Start it, and return when it answers."""
        self.folder.mkdir(mode=0o755)
        self._pam.__enter__()
        self._process = subprocess.Popen(
            ("/usr/sbin/vsftpd", self._configure()),
            stdin=subprocess.DEVNULL,
            env={"PATH": stage.SYSTEM_PATH},
        )
        self.pid = self._process.pid
        try:
            wait_until(self._answers, 10, what="vsftpd answers")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """End it and its sessions by pid."""
        processes.end(self.pid)
        self._process.wait()
        self._pam.__exit__(None, None, None)
        shutil.rmtree(self.folder)

    def _configure(self) -> Path:
        empty = self.folder / "empty"
        empty.mkdir(mode=0o555)
        chain, key = gateway.certificate(self.folder)
        own = (
            f"listen_port={self.port}",
            f"pam_service_name={self.service}",
            f"secure_chroot_dir={empty}",
            f"rsa_cert_file={chain}",
            f"rsa_private_key_file={key}",
            f"vsftpd_log_file={self.folder / 'log'}",
        )
        config = self.folder / "config"
        config.write_text("\n".join([_SETTINGS, *own, *self._lines, ""]), encoding="utf-8")
        return config

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise stage.StageError("vsftpd did not start")
        try:
            with connected(self):
                return True
        except OSError:
            return False


@contextmanager
def connected(server: Vsftpd, *, source: str = "127.0.0.1") -> Iterator[ftplib.FTP_TLS]:
    """Give a control connection under TLS, from an address of this host."""
    context = ssl.create_default_context(cafile=server.folder / "localhost.pem")
    with ftplib.FTP_TLS(context=context, timeout=SECONDS) as client:  # noqa: S321 (it is what is tried)
        client.connect("localhost", server.port, source_address=(source, 0))
        client.auth()
        yield client


def enter(client: ftplib.FTP_TLS, person: Person, answer: str) -> bool:
    """Answer the one question; return whether the server let in, and its transfers are private."""
    try:
        client.login(person.name, answer)
    except ftplib.error_perm:
        return False
    client.prot_p()
    return True


def send_and_fetch(client: ftplib.FTP_TLS, name: str, data: bytes) -> bytes:
    """Store a file, and return what comes back of it."""
    client.storbinary(f"STOR {name}", io.BytesIO(data))
    back = io.BytesIO()
    client.retrbinary(f"RETR {name}", back.write)
    return back.getvalue()
