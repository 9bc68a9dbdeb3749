"""Type http: one request to a gateway, encoded by the standard library, its status looked at.

Certificates are checked, redirects are not followed, proxies come from otpauth.conf alone, and of
the answer nothing but the status is read. What a value stands in decides how it is written: percent
signs in a URL, escapes in a form or JSON, no line ends in a header.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from urllib.parse import quote, urlencode, urlsplit

from otpauth import channels
from otpauth.errors import SendError, UnreachedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.channels import Channel

FORM, JSON, TEXT = "application/x-www-form-urlencoded", "application/json", "text/plain"


def send(channel: Channel, values: dict[str, str], secrets: dict[str, str]) -> None:
    """Ask a gateway to send a code. Raises SendError."""
    known = {**values, **{f"secret.{name}": value for name, value in secrets.items()}}
    target = urlsplit(channels.filled(channel.url, known, _quoted))
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    body, headers = _request(channel, known)
    gateway = _gateway(channel, target.scheme, target.hostname or "", target.port)
    try:
        gateway.connect()
    except OSError as error:
        raise UnreachedError(_why(error)) from None
    try:
        gateway.sock.settimeout(channel.timeout)
        gateway.request(channel.method, path, body, headers)
        status = gateway.getresponse().status
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise SendError(_why(error), lost=False) from None
    finally:
        gateway.close()
    if status not in channel.expect if channel.expect else not 200 <= status < 300:
        raise SendError(f"the gateway answered {status}", lost=True)


def _gateway(
    channel: Channel, scheme: str, host: str, port: int | None
) -> http.client.HTTPConnection:
    wait = channels.CONNECT_SECONDS
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=wait)
    context = ssl.create_default_context(cafile=channel.ca or None)
    if not channel.proxy:
        return http.client.HTTPSConnection(host, port, timeout=wait, context=context)
    proxy = urlsplit(channel.proxy)
    gateway = http.client.HTTPSConnection(
        proxy.hostname or "", proxy.port, timeout=wait, context=context
    )
    gateway.set_tunnel(host, port or 443)
    return gateway


def _request(channel: Channel, known: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """Return body and headers."""
    text = channels.filled(channel.text, known)
    known = {**known, "text": text}
    pairs = [(name, channels.filled(value, known)) for name, value in channel.fields]
    if channel.form == "form":
        body, kind = urlencode(pairs).encode(), FORM
    elif channel.form == "json":
        body, kind = json.dumps(_object(pairs)).encode(), JSON
    else:
        body, kind = text.encode(), f"{TEXT}; charset=utf-8"
    headers = {"Content-Type": kind, "User-Agent": "otpauth"}
    if channel.basic:
        pair = channels.filled(channel.basic, known).encode()
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    headers |= {name: channels.filled(value, known) for name, value in channel.headers}
    return body, headers


def _object(pairs: list[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Return a JSON object of texts; a name with [] at its end is a list of one."""
    return {
        name.removesuffix("[]"): [value] if name.endswith("[]") else value for name, value in pairs
    }


def _quoted(value: str) -> str:
    return quote(value, safe=":")  # which stands in a path as it is, RFC 3986 3.3


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not fit: {error.verify_message}"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__
