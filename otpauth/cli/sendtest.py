"""otpauth-admin send-test: send a message by a channel, as a login would, and say what came of it.

The code in it is good for nothing.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from otpauth import channels, send
from otpauth.cli import report
from otpauth.errors import ConfigError, RefusedError, SendError
from otpauth.host import Host

if TYPE_CHECKING:
    import argparse


def send_test(options: argparse.Namespace) -> int:
    """Send it. Raises RefusedError, ConfigError."""
    host = Host()
    found = host.policy().channels
    if options.channel not in found:
        raise RefusedError(
            f"otpauth.conf has no [channel {options.channel}]",
            hint="there are: " + " ".join(found) if found else "see otpauth.conf(5)",
        )
    channel = found[options.channel]
    letter = send.Letter(
        to=channels.admitted(channel, options.destination),
        code=f"{secrets.randbelow(10**channel.digits):0{channel.digits}}",
        user="root",
        service="otpauth-admin send-test",
        rhost="",
        until=int(time.time()) + channel.lifetime,
        ident=secrets.token_hex(8),
    )
    try:
        send.deliver(channel, letter, host.secrets())
    except SendError as error:
        certain = "nothing was sent" if error.lost else "it may have been sent"
        raise RefusedError(
            f"channel {channel.name}: {error}; {certain}", hint=channel.line
        ) from None
    print(f"handed over by {channel.type} to {letter.to}; look whether it arrives")
    return report.DONE


def check(found: dict[str, channels.Channel], host: Host) -> None:
    """Raise ConfigError if a channel names what is not on this host. Root alone can tell."""
    known = host.secrets() if found else {}
    for channel in found.values():
        for name in sorted(channel.secrets() - set(known)):
            raise ConfigError(
                f"{channel.line}: [channel {channel.name}] wants {{secret.{name}}}",
                hint=f"a line {name} = ... in {host.path('secrets')}",
            )
        try:
            send.unprivileged(channel.run_as)
        except SendError as error:
            raise ConfigError(f"{channel.line}: {error}", hint="run_as = nobody") from None
