"""A mail server beside the tests (smtpd.py), and what it was given."""

from __future__ import annotations

import email
import email.policy
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from email.message import EmailMessage

_PROGRAM = Path(__file__).with_name("smtpd.py")


@dataclass
class MailServer:
    """It runs inside `with`."""

    chain: Path
    key: Path
    folder: Path
    mode: str = "starttls"
    port: int = 0

    def __enter__(self) -> Self:
        """Start it, and return when it listens."""
        words = ("/usr/bin/python3", "-I", _PROGRAM, self.chain, self.key, self.mode, self.folder)
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline() or "0")
        assert self.port, "apt-get install python3-aiosmtpd"
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def messages(self) -> list[tuple[dict[str, Any], EmailMessage]]:
        """Return envelopes and messages that came, as a standard parser reads them."""
        return [parsed(path.read_bytes()) for path in sorted(self.folder.glob("*.eml"))]


def parsed(data: bytes) -> tuple[dict[str, Any], EmailMessage]:
    """Return the envelope in the first line and the message below it."""
    head, _, rest = data.partition(b"\n")
    return json.loads(head), email.message_from_bytes(rest, policy=email.policy.default)
