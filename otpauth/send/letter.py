"""A code as mail: RFC 5322 and MIME by the standard library, text with perhaps HTML beside it."""

from __future__ import annotations

import html
from email.message import EmailMessage
from email.utils import formatdate

from otpauth import channels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.channels import Channel


def write(channel: Channel, values: dict[str, str]) -> EmailMessage:
    """Return the message of a channel; its values are one printable line each."""
    letter = EmailMessage()
    if channel.sender:
        letter["From"] = channel.sender
        domain = channel.sender.rpartition("@")[2]
        letter["Message-ID"] = f"<otpauth.{values['id']}@{domain}>"
    letter["To"] = values["to"]
    letter["Subject"] = channels.filled(channel.subject, values)
    letter["Date"] = formatdate()
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation answers it
    letter.set_content(channels.filled(channel.text, values), cte="quoted-printable")
    if channel.html:
        page = channels.filled(channel.html, values, html.escape)
        letter.add_alternative(page, subtype="html", cte="quoted-printable")
    return letter
