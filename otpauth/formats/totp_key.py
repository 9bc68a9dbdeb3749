"""~/.totp-key of OpenBSD's login_oath: one line, the secret in hexadecimal.

TOTP of 30 s, 6 digits, SHA1. It keeps no state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from otpauth.formats import imported
from otpauth.formats.imported import FormatError, Imported, at, decoded

if TYPE_CHECKING:
    from otpauth.formats.imported import Reading


def parse(data: bytes, reading: Reading) -> list[Imported]:
    """Read the secret. Raises FormatError."""
    lines = decoded(data).strip().split("\n")
    if len(lines) != 1:
        raise FormatError("the file has more than one line", line=2)
    with at(1):
        secret = imported.hexadecimal(lines[0].strip())
        draft = imported.one_time("totp", reading.name, secret)
        return [Imported("", draft, line=1, window=imported.WINDOW)]
