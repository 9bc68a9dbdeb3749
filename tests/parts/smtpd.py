"""A mail server with TLS and AUTH: Debian's aiosmtpd, run by the system's Python.

    smtpd.py CHAIN KEY MODE FOLDER

MODE is starttls, tls, plain or hang. The port is printed; each message becomes a file in the
folder, its envelope in the first line. AUTH knows otpauth with the password right-password.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


class Keep:
    """What is done with a message: it becomes a file."""

    def __init__(self, folder: str) -> None:
        """Begin to count."""
        self.folder = folder
        self.count = 0

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        """Take every address but nobody's; slow's takes three seconds."""
        if address.startswith("slow@"):
            await asyncio.sleep(3)
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Write the file, whole."""
        self.count += 1
        head = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": server.transport.get_extra_info("ssl_object") is not None,
            "auth": bool(session.authenticated),
            "name": session.host_name,
        }
        path = os.path.join(self.folder, f"{self.count}.eml")
        _write(path, json.dumps(head).encode() + b"\n" + envelope.content)
        return "250 taken"


def _write(path: str, data: bytes) -> None:
    Path(f"{path}.new").write_bytes(data)
    os.rename(f"{path}.new", path)


def check(*words: object) -> AuthResult:
    """Know one user and one password."""
    data = words[-1]
    good = (data.login, data.password) == (b"otpauth", b"right-password")
    return AuthResult(success=good, handled=False)


async def silent(*_: object) -> None:
    """Say nothing to whoever connects."""
    await asyncio.sleep(60)


async def main(chain: str, key: str, mode: str, folder: str) -> None:
    """Listen, print the port, serve."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    keep = Keep(folder)
    starttls = context if mode == "starttls" else None

    def server() -> SMTP:
        return SMTP(
            keep,
            hostname="localhost",
            tls_context=starttls,
            authenticator=check,
            require_starttls=bool(starttls),
            auth_required=mode in ("starttls", "tls"),
            auth_require_tls=mode != "tls",
        )

    if mode == "hang":
        listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    else:
        loop = asyncio.get_running_loop()
        wrapped = context if mode == "tls" else None
        listening = await loop.create_server(server, "127.0.0.1", 0, ssl=wrapped)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
