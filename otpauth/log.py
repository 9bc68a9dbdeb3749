"""One line a decision to the system log, without touching the host program's own syslog settings.

Python's syslog module would change ident and facility of the program that asked, so the datagram
goes to /dev/log directly. Values are escaped: nobody can forge a field or a line.
"""

from __future__ import annotations

import os
import time

SOCKET = "/dev/log"
AUTHPRIV, WARNING, INFO = 10 << 3, 4, 6
VALUE_MAX = 256  # bytes
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def line(**fields: object) -> str:
    """Return fields as logfmt, in the order given, empty ones left out."""
    return " ".join(f"{key}={_escaped(str(value))}" for key, value in fields.items() if value != "")


def send(text: str, *, warning: bool = False) -> None:
    """Send one line to the system log. A host without one loses the line, never the login."""
    import _socket

    now = time.localtime()
    stamp = f"{_MONTHS[now.tm_mon - 1]} {now.tm_mday:2d} {now.tm_hour:02d}:{now.tm_min:02d}"
    level = AUTHPRIV | (WARNING if warning else INFO)
    data = f"<{level}>{stamp}:{now.tm_sec:02d} otpauth[{os.getpid()}]: {text}".encode()
    for kind in (_socket.SOCK_DGRAM, _socket.SOCK_STREAM):
        connection = _socket.socket(_socket.AF_UNIX, kind | _socket.SOCK_CLOEXEC)
        try:
            connection.settimeout(1)
            connection.connect(SOCKET)
            connection.send(data if kind == _socket.SOCK_DGRAM else data + b"\0")
        except OSError:
            continue
        finally:
            connection.close()
        return


def _escaped(value: str) -> str:
    out = ""
    for byte in value.encode("utf-8", "surrogateescape")[:VALUE_MAX]:
        plain = 0x20 < byte < 0x7F and byte not in b'"=%'
        out += chr(byte) if plain else f"%{byte:02X}"
    return out
