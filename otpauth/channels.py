"""Channels: how a code is brought to its owner, as the [channel NAME] sections of otpauth.conf say.

A channel is named by the kind of code it brings: mail, sms or push. channeltext.py reads the text.
Here is what a channel is, where codes go, and how templates are filled in; nothing is sent, and no
file is read. What a value stands in decides how it is written there: otpauth.send does that.
"""

from __future__ import annotations

import re

from otpauth.errors import ConfigError
from otpauth.token import ADDRESS_MAX
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

TYPES = ("sendmail", "smtp", "http", "command")
TLS = ("starttls", "tls", "none")
GECOS = ("name", "office", "work", "home", "other")  # the fields between commas, in their order
VALUES = ("code", "host", "id", "rhost", "service", "to", "until", "user")
CONNECT_SECONDS = 5
LOCAL = ("localhost", "127.0.0.1", "[::1]")
SUBJECT = "Login code for {host}"
TEXT = (
    "{code} is the code for your login as {user} to {service} on {host}, asked for from {rhost}.\n"
    "It is good once, until {until}.\n"
    "If this was not you, tell your administrator: somebody has your password or key."
)
SHORT = (
    "{code} is your code for {service} on {host}, from {rhost}, until {until}. Not you? Tell us."
)


class Channel(NamedTuple):
    """One way to bring a code. `name` is the kind; `line` is where it stands, as path:line.

    `who` are the words of `for`. `to` is where a user's address comes from: a template, map:FILE
    or gecos:FIELD. `per_user` and `per_host` are (messages, seconds), `lifetime` and `timeout` in
    seconds. `fields` are (name, template) of a form or JSON object, which `form` says; `headers`
    likewise. `own` is whether users may have codes sent to addresses of their own, `sms_prefixes`
    with one of which each telephone number begins, if there are any. `written` is the section's
    text.
    """

    name: str
    line: str
    type: str = ""
    who: tuple[str, ...] = ()
    to: str = ""
    own: bool = False
    sms_prefixes: tuple[str, ...] = ()
    digits: int = 6
    lifetime: int = 300
    per_user: tuple[int, int] = (6, 3600)
    per_host: tuple[int, int] = (200, 3600)
    timeout: int = 10
    subject: str = SUBJECT
    text: str = ""
    html: str = ""
    sender: str = ""
    host: str = ""
    port: int = 0
    tls: str = "starttls"
    user: str = ""
    password: str = ""
    ca: str = ""
    url: str = ""
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    basic: str = ""
    form: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    expect: tuple[int, ...] = ()
    proxy: str = ""
    command: tuple[str, ...] = ()
    run_as: str = "nobody"
    written: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Channel({self.name} {self.type})"

    def texts(self) -> str:
        """Return all of its templates, to look for what they name."""
        pairs = (*self.fields, *self.headers)
        parts = (self.to, self.subject, self.text, self.html, self.sender, self.user, self.url)
        more = (self.password, self.basic, *self.command, *(value for _, value in pairs))
        return "\n".join((*parts, *more))

    def secrets(self) -> set[str]:
        """Return the names of the secrets that it needs."""
        return set(re.findall(r"\{secret\.([A-Za-z0-9_]+)\}", self.texts()))


def filled(template: str, values: dict[str, str], write: Callable[[str], str] = str) -> str:
    """Return a template with each {name} as `write` writes its value; other braces stay."""
    return PLACE.sub(lambda found: write(values.get(found[1], found[0])), template)


PLACE = re.compile(r"\{((?:secret\.)?[A-Za-z0-9_]+)\}")


def address(kind: str, text: str) -> str:
    """Return an address fit for a kind, as it will be used. Raises ConfigError for any other."""
    if kind == "mail":
        if len(text) > ADDRESS_MAX or not _MAIL.fullmatch(text):
            raise ConfigError(f"{text!r} is not an address for mail", hint="like me@example.org")
        return text
    if kind == "sms":
        number = re.sub(r"[ ()/.-]", "", text)
        if not re.fullmatch(r"\+?[0-9]{4,15}", number):
            raise ConfigError(f"{text!r} is not a telephone number", hint="like +4930123456")
        return number
    if not re.fullmatch(r"[!-~]{1,128}", text) or text.startswith("-") or text in (".", ".."):
        raise ConfigError(f"{text!r} is not an address for push", hint="printable, without blanks")
    return text


_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_MAIL = re.compile(rf"(?!-)(?!.*=\?){_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})*")  # RFC 2047 2: =?


def admitted(channel: Channel, text: str) -> str:
    """Return an address fit for a channel, as it will be used. Raises ConfigError for any other."""
    found = address(channel.name, text)
    prefixes = channel.sms_prefixes
    if found.startswith("00"):  # abroad: no prefix of numbers at home is meant to let that in
        prefixes = tuple(each for each in prefixes if each.startswith("00"))
    if channel.sms_prefixes and not found.startswith(prefixes):
        mend = " or ".join(f"{each}..." for each in channel.sms_prefixes)
        raise ConfigError(f"{text!r} is no number that this host sends to", hint=mend)
    return found


def owned(found: dict[str, Channel], kind: str) -> Channel | None:
    """Return the channel by which codes of a kind go to users' own addresses, if there is one."""
    channel = found.get(kind)
    return channel if channel and channel.own else None


def veiled(kind: str, destination: str) -> str:
    """Return so much of an address that its owner knows it, and a stranger learns little."""
    if kind == "mail":
        name, _, domain = destination.rpartition("@")
        return f"{name[:1]}…@{domain}"
    return f"…{destination[-2:]}" if len(destination) >= 6 else "…"


def gecos(text: str, field: str) -> str:
    """Return a field of the GECOS text of an account, empty if it has none."""
    parts = text.split(",")
    number = GECOS.index(field)
    return parts[number].strip() if number < len(parts) else ""


def mapped(text: str, user: str) -> str:
    """Return what a map has for a user: lines `user: address`, the first one counts."""
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip() == user:
            return value.strip()
    return ""


def secrets(text: str, *, path: str) -> dict[str, str]:
    """Read /etc/otpauth/secrets: lines `name = value`. Raises ConfigError, naming no value."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals or not re.fullmatch("[A-Za-z0-9_]+", name):
            raise ConfigError(f"{path}:{number}: this is not name = value")
        if name in found:
            raise ConfigError(f"{path}:{number}: {name!r} is there twice")
        if not value.strip().isprintable():
            raise ConfigError(f"{path}:{number}: {name!r} is not printable")
        found[name] = value.strip()
    return found
