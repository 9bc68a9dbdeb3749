"""Type command: a program of the administrator's, the text on its stdin."""

from __future__ import annotations

from otpauth import channels
from otpauth.errors import SendError
from otpauth.send import program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.channels import Channel


def send(channel: Channel, values: dict[str, str]) -> None:
    """Run the program. Raises SendError."""
    words = [channels.filled(each, values) for each in channel.command]
    for template, word in zip(channel.command, words, strict=True):
        if word.startswith("-") and not template.startswith("-"):
            raise SendError("a word of the command would become an option", lost=True)
    program.run(words, channels.filled(channel.text, values).encode() + b"\n")
