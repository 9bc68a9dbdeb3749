"""Type sendmail: the mail system of this host, by the program that every one of them brings."""

from __future__ import annotations

from otpauth.send import letter, program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.channels import Channel

SENDMAIL = "/usr/sbin/sendmail"


def send(channel: Channel, values: dict[str, str]) -> None:
    """Hand a code to the mail system. Raises SendError."""
    words = [*(channel.command or (SENDMAIL,)), "-i"]
    words += ["-f", channel.sender] if channel.sender else []
    program.run([*words, "--", values["to"]], letter.write(channel, values).as_bytes())
