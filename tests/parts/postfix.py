"""A real Postfix of the test's own: it delivers to local mailboxes.

It listens nowhere, or on a port of 127.0.0.1 for people who show Dovecot their password.
"""

from __future__ import annotations

import email
import email.policy
import re
import shutil
import smtplib
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.parts.sshd import free_port
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

_MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_spool_directory = {folder}/boxes/
maillog_file_prefixes = {folder}
maillog_file = {folder}/postfix.log
myhostname = localhost
mydestination = localhost example.org
alias_maps =
alias_database =
biff = no
"""
_SUBMISSION = """127.0.0.1:{port} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot
  -o smtpd_sasl_path={socket}
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
"""
_CODE = re.compile(r"^(\d{6}) is the code for your login as (\S+)")


@dataclass(frozen=True)
class Mail:
    """The mailboxes, and where mail is taken for them, if it is."""

    folder: Path
    port: int = 0

    def submit(self, user: str, password: str, to: str, *, mechanism: str = "PLAIN") -> bool:
        """Send a message as a mail program does; without a password, try to do so without one."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
            client.ehlo()
            client.user, client.password = user, password
            ways = {"PLAIN": client.auth_plain, "LOGIN": client.auth_login}
            try:
                if password:
                    client.auth(mechanism, ways[mechanism])
                sender = f"{user}@example.org"
                client.sendmail(sender, [to], f"From: {sender}\n\nHello.\n")
            except (smtplib.SMTPAuthenticationError, smtplib.SMTPRecipientsRefused):
                return False
            return True

    def of(self, name: str) -> list[EmailMessage]:
        """Return what came for somebody, the latest last, as a standard parser reads it."""
        found = sorted(self.folder.glob(f"boxes/{name}/new/*"), key=lambda p: p.stat().st_mtime_ns)
        return [
            email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            for path in found
        ]

    def code(self, name: str, *, of: str = "") -> str:
        """Wait for a code in somebody's mailbox for his login, or that `of` another; return it."""
        wait_until(lambda: self._codes(name, of or name), 20, what="Postfix delivers a code")
        return self._codes(name, of or name)[-1]

    def _codes(self, name: str, whose: str) -> list[str]:
        texts = [part.get_content() for each in self.of(name) if (part := each.get_body(["plain"]))]
        found = [match for text in texts if (match := _CODE.match(text))]
        return [each[1] for each in found if each[2] == whose]


@contextmanager
def running(folder: Path, *, passwords: Path | None = None, settings: str = "") -> Iterator[Mail]:
    """Run it in a folder that everybody may enter, with lines for its main.cf.

    With `passwords`, a socket of Dovecot's, mail is taken on a port.
    """
    for name, mode in (("queue", 0o755), ("boxes", 0o1777), ("data", 0o755)):
        (folder / name).mkdir(exist_ok=True)
        (folder / name).chmod(mode)
    shutil.chown(folder / "data", "postfix")
    Path("/etc/postfix/main.cf").write_text(_MAIN.format(folder=folder) + settings)
    master = Path("/etc/postfix/master.cf")
    kept = [line for line in master.read_text().splitlines() if not line.startswith("smtp ")]
    if not any(line.startswith("postlog ") for line in kept):
        kept.append("postlog unix-dgram n - n - 1 postlogd")
    port = free_port() if passwords else 0
    if passwords:
        kept.append(_SUBMISSION.format(port=port, socket=passwords))
    master.write_text("\n".join([*kept, ""]))
    _postfix("start")
    try:
        yield Mail(folder, port)
    finally:
        _postfix("stop")


def _postfix(word: str) -> None:
    done = subprocess.run(("postfix", word), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
