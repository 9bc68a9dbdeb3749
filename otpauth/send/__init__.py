"""Sending a code: what is the same for every type of channel, on the side of the login.

The work is done by a courier, a process of its own without privileges (courier.py), so that a
login loads neither ssl nor smtplib, waits no longer than the channel's time limit, and is not
harmed by what a gateway answers. Secrets go to it through a pipe.
"""

from __future__ import annotations

import os
import pwd

from otpauth import process
from otpauth.errors import SendError
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.channels import Channel

GRACE_SECONDS = 1  # what the courier has beyond its time limit, to say that it is over
VALUE_MAX = 254  # characters, as the longest address


class Letter(NamedTuple):
    """What a message is about. `until` is in Unix seconds, `ident` tells messages apart."""

    to: str
    code: str
    user: str
    service: str
    rhost: str
    until: int
    ident: str

    def __repr__(self) -> str:
        """Tell no code."""
        return f"Letter({self.user!r})"


def deliver(channel: Channel, letter: Letter, secrets: dict[str, str]) -> None:
    """Send a code by a channel. Raises SendError; its `lost` says that nothing was sent."""
    missing = sorted(channel.secrets() - set(secrets))
    if missing:
        raise SendError(f"no secret {missing[0]!r} in the secrets file", lost=True)
    request = {
        "channel": channel._asdict(),
        "values": values(letter),
        "secrets": {name: secrets[name] for name in channel.secrets()},
        "ids": unprivileged(channel.run_as),
    }
    reply = process.ask("send/courier.py", request, seconds=channel.timeout + GRACE_SECONDS)
    if not isinstance(reply, dict):
        raise SendError("the courier did not answer", lost=False)
    if reply["fault"]:
        raise SendError(str(reply["fault"]), lost=bool(reply["lost"]))


def values(letter: Letter) -> dict[str, str]:
    """Return what the names in templates stand for: one line each, printable."""
    from datetime import UTC, datetime

    found = {
        "code": letter.code,
        "host": os.uname().nodename.partition(".")[0],
        "id": letter.ident,
        "rhost": letter.rhost or "the host itself",
        "service": letter.service,
        "to": letter.to,
        "until": f"{datetime.fromtimestamp(letter.until, UTC):%H:%M} UTC",
        "user": letter.user,
    }
    return {name: _plain(value) for name, value in found.items()}


def _plain(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text)[:VALUE_MAX]


def unprivileged(name: str) -> list[int]:
    """Return uid, gid and further groups of an account that is not root's."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise SendError(f"run_as: no account {name!r}", lost=True) from None
    if entry.pw_uid == 0:
        raise SendError(f"run_as: {name!r} is root", lost=True)
    return [entry.pw_uid, entry.pw_gid, *os.getgrouplist(name, entry.pw_gid)]
