"""Type smtp: submission to a mail server, RFC 6409, with STARTTLS (RFC 3207) or TLS (RFC 8314).

Certificates are checked; a server that offers no STARTTLS gets neither password nor code.
"""

from __future__ import annotations

import smtplib
import ssl

from otpauth import channels
from otpauth.errors import SendError, UnreachedError
from otpauth.send import letter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.channels import Channel

PORTS = {"starttls": 587, "tls": 465, "none": 25}


def send(channel: Channel, values: dict[str, str], secrets: dict[str, str]) -> None:
    """Submit a code. Raises SendError."""
    message = letter.write(channel, values)
    with _connected(channel, values["host"]) as server:
        try:
            _introduced(server, channel, secrets)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise SendError(_why(error), lost=True) from None
        try:
            server.send_message(message, channel.sender, [values["to"]])
        except smtplib.SMTPServerDisconnected:
            raise SendError("the server hung up", lost=False) from None
        except smtplib.SMTPException as error:
            raise SendError(_why(error), lost=True) from None
        except OSError as error:
            raise SendError(_why(error), lost=False) from None


def _connected(channel: Channel, name: str) -> smtplib.SMTP:
    port = channel.port or PORTS[channel.tls]
    wait = channels.CONNECT_SECONDS
    try:
        if channel.tls == "tls":
            return smtplib.SMTP_SSL(
                channel.host, port, name, timeout=wait, context=_context(channel)
            )
        return smtplib.SMTP(channel.host, port, name, timeout=wait)
    except smtplib.SMTPException as error:
        raise SendError(_why(error), lost=True) from None
    except OSError as error:
        raise UnreachedError(_why(error)) from None


def _introduced(server: smtplib.SMTP, channel: Channel, secrets: dict[str, str]) -> None:
    if server.sock:
        server.sock.settimeout(channel.timeout)
    if channel.tls == "starttls":
        server.starttls(context=_context(channel))
    if channel.user:
        named = {f"secret.{name}": value for name, value in secrets.items()}
        server.login(channels.filled(channel.user, named), channels.filled(channel.password, named))


def _context(channel: Channel) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=channel.ca or None)


def _why(error: Exception) -> str:
    """Return what went wrong; of what the server said only its number."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return f"the server refused the address, {codes[0]}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the server answered {error.smtp_code} ({type(error).__name__})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not fit: {error.verify_message}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__
