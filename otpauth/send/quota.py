"""How many messages a host sends: one small file for each channel, below /var/lib/otpauth/sent.

The seconds of the latest messages, one a line, under the file's own lock. Lines that are no number,
as a crash in the middle of writing may leave, count as messages of now: never fewer than were sent.
"""

from __future__ import annotations

import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.channels import Channel

SLACK = 120  # seconds a clock may have gone back


def take(folder: str, channel: Channel, now: int) -> bool:
    """Count one more message of a channel, or say that the host has sent too many.

    Raises OSError if it cannot be counted: then nothing may be sent.
    """
    most, span = channel.per_host
    os.makedirs(folder, mode=0o700, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(os.path.join(folder, channel.name), flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        latest = [each for each in _read(descriptor, now) if now - span < each <= now + SLACK]
        if len(latest) >= most:
            return False
        _write(descriptor, [*latest, now])
        return True
    finally:
        os.close(descriptor)


def _read(descriptor: int, now: int) -> list[int]:
    data = b""
    while part := os.read(descriptor, 65536):
        data += part
    return [int(each) if each.isdigit() else now for each in data.split()]


def _write(descriptor: int, seconds: list[int]) -> None:
    data = b"".join(b"%d\n" % each for each in seconds)
    os.pwrite(descriptor, data, 0)
    os.ftruncate(descriptor, len(data))
