"""The text of a [channel NAME] section: how each key is spelt, and what goes together.

What this lets through is a channel that can send: it knows where to, it says the code, and nothing
secret stands where people or other users of the host read it.
"""

from __future__ import annotations

import re

from otpauth import limits, policy, state
from otpauth.channels import (
    GECOS,
    LOCAL,
    PLACE,
    SHORT,
    TEXT,
    TLS,
    TYPES,
    VALUES,
    Channel,
    address,
)
from otpauth.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LIFETIME = (60, limits.DUE_LIFE)  # seconds
PER_USER_MAX = state.SENDS_MAX  # messages; a record remembers no more
PER_HOST_MAX = 100_000
WINDOW_MAX = limits.DAY  # seconds that a limit may speak of
TEMPLATE_MAX = 4096  # characters


def make(name: str, pairs: dict[str, str], line: Callable[[str], str]) -> Channel:
    """Return the channel of a section; `line` tells where a key stands. Raises ConfigError."""
    found: dict[str, Any] = {}
    for key, value in pairs.items():
        try:
            found.update(KEYS[key](value.strip()))
        except ConfigError as error:
            raise ConfigError(f"{line(key)}: {key}: {error}", hint=error.hint) from None
    channel = Channel(name, line(""), written=dict(pairs), **found)
    if "for" not in pairs and _mapped(channel):
        channel = channel._replace(who=("*",))
    if not channel.text:
        channel = channel._replace(text=TEXT if name == "mail" else SHORT)
    for key, fault, mend in _faults(channel, pairs):
        raise ConfigError(f"{line(key)}: {fault}", hint=mend)
    return channel


def _faults(channel: Channel, pairs: dict[str, str]) -> list[tuple[str, str, str]]:
    """Return (key, fault, mend) of what does not go together."""
    if not channel.type:
        return [("", "a channel needs a type", "type = " + " | ".join(TYPES))]
    faults = [
        (key, f"{key} means nothing with type = {channel.type}", "take the line out")
        for key in pairs
        if key in OF_TYPE and channel.type not in OF_TYPE[key]
    ]
    faults += [
        ("", f"type = {channel.type} needs {key}", f"{key} = ...")
        for key in (*_to_whom(channel, pairs), *NEEDED[channel.type])
        if not pairs.get(key)
    ]
    if channel.own and channel.name == "sms" and not channel.sms_prefixes:
        fault = "with own, users have messages sent to any number, at any price"
        faults.append(("own", fault, "sms_prefixes = +49 +43, or + for all"))
    if channel.sms_prefixes and channel.name != "sms":
        faults.append(("sms_prefixes", "sms_prefixes is for [channel sms]", "take the line out"))
    if channel.type == "smtp" and channel.tls == "none" and channel.host not in LOCAL:
        faults.append(("tls", "tls = none is for this host alone", "tls = starttls"))
    carriers = "".join(value for _, value in channel.fields) or channel.text
    if "{code}" not in carriers.replace("{text}", channel.text):
        faults.append((channel.form or "text", "the code is not in it", "{code} or {text}"))
    if bool(channel.user) != bool(channel.password):
        faults.append(("user", "user and password belong together", "both, or none"))
    if channel.type == "sendmail" and any("{" in word for word in channel.command):
        faults.append(("command", "the address is put behind these words", "without {to}"))
    if "form" in pairs and "json" in pairs:
        faults.append(("json", "form and json exclude each other", "keep one of them"))
    if channel.type in _MAILING and channel.name != "mail":
        faults.append(("type", f"{channel.type} brings mail, not {channel.name}", "[channel mail]"))
    return faults


def _to_whom(channel: Channel, pairs: dict[str, str]) -> tuple[str, ...]:
    """Return the keys that say who has codes, and where: not needed if users say it alone.

    A map says both: it names its users.
    """
    if channel.own and not pairs.keys() & {"for", "to"}:
        return ()
    return ("to",) if "for" not in pairs and _mapped(channel) else ("for", "to")


def _mapped(channel: Channel) -> bool:
    return channel.to.startswith("map:")


def _template(text: str) -> str:
    lines = text.splitlines()
    plain = all(each.isprintable() for each in lines)
    if not text or len(text) > TEMPLATE_MAX or not plain:
        raise ConfigError(f"a text is 1 to {TEMPLATE_MAX} printable characters")
    _known(text, VALUES)
    return text


def _known(text: str, names: tuple[str, ...]) -> None:
    for name in PLACE.findall(text):
        if name not in names and not name.startswith("secret."):
            raise ConfigError(
                f"{{{name}}} stands for nothing", hint=" ".join(f"{{{each}}}" for each in names)
            )


def _line_of(text: str) -> str:
    if "\n" in text:
        raise ConfigError("it is one line")
    return _template(text)


def _message(text: str) -> str:
    """Read a text that people are sent: no secret of the gateway's belongs in it."""
    if "{secret." in text:
        raise ConfigError("a secret stands in what is sent to people")
    return _template(text)


def _subject(text: str) -> str:
    return _message(_line_of(text))


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Read indented lines `name = template`."""
    found = []
    for line in filter(str.strip, text.splitlines()):
        name, equals, value = line.partition("=")
        plain = re.fullmatch(r"[A-Za-z0-9_.\-\[\]]{1,64}", name.strip())
        if not equals or not plain or not value.isprintable():
            raise ConfigError("a line is not name = value", hint="each indented, on its own line")
        _known(value, (*VALUES, "text"))
        found.append((name.strip(), value.strip()))
    if not found or len(dict(found)) != len(found):
        raise ConfigError("no line is there, or a name twice")
    return tuple(found)


def _source(text: str) -> str:
    kind, colon, rest = text.partition(":")
    if kind == "map" and colon:
        if not re.fullmatch(r"/[^\0\n]*", rest):
            raise ConfigError(f"{rest!r} is not a path", hint="map:/etc/otpauth/phones")
        return text
    if kind == "gecos" and colon:
        if rest not in GECOS:
            raise ConfigError(f"{rest!r} is no field", hint="gecos:" + " gecos:".join(GECOS))
        return text
    _line_of(text)
    _known(text, ("user",))
    return text


def _rate(most: int) -> Callable[[str], tuple[int, int]]:
    def read(text: str) -> tuple[int, int]:
        number, slash, span = text.partition("/")
        if not slash or not re.fullmatch("[1-9][0-9]{0,5}", number) or int(number) > most:
            raise ConfigError(f"{text!r} is not 1 to {most} in a time", hint="like 6/1h")
        return int(number), _within(1, WINDOW_MAX)(span)

    return read


def _within(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        seconds = policy.duration(text)
        if not low <= seconds <= high:
            raise ConfigError(f"{text!r} is not {low}s to {high}s")
        return seconds

    return read


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,5}", text) or not low <= int(text) <= high:
            raise ConfigError(f"{text!r} is not a number from {low} to {high}")
        return int(text)

    return read


def _url(text: str) -> str:
    plain = rf"http://({'|'.join(map(re.escape, LOCAL))})(:[0-9]+)?(/[!-~]*)?"
    secure = r"https://[A-Za-z0-9.\-\[\]:]+(/[!-~]*)?"
    if not re.fullmatch(secure, text) and not re.fullmatch(plain, text):
        mend = "https://gateway.example.org/send"
        raise ConfigError("the url is not https://host/path", hint=mend)
    return _line_of(text)


def _proxy(text: str) -> str:
    if not re.fullmatch(r"http://[A-Za-z0-9.-]+:[0-9]{1,5}/?", text):
        raise ConfigError(f"{text!r} is not a proxy", hint="http://proxy.example.org:3128")
    return text


def _expect(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[2-5][0-9][0-9]( +[2-5][0-9][0-9])*", text):
        raise ConfigError(f"{text!r} is not a list of statuses", hint="like 200 201")
    return tuple(int(each) for each in text.split())


def _argv(text: str) -> tuple[str, ...]:
    words = tuple(text.split())
    if not words or not words[0].startswith("/"):
        raise ConfigError("the first word is not the path of a program", hint="/usr/bin/...")
    for each in words:
        _known(each, ("host", "id", "service", "to", "user"))
    if "{secret." in text:
        raise ConfigError("a secret in words that everybody can see (ps)", hint="use http")
    return words


def _account(text: str) -> str:
    if text in ("root", "0") or not re.fullmatch(r"[A-Za-z0-9_.-]{1,32}", text):
        raise ConfigError(f"{text!r} is no account without privileges", hint="like nobody")
    return text


def _yes(text: str) -> bool:
    return policy.one_of("yes", "no")(text) == "yes"


def _prefixes(text: str) -> tuple[str, ...]:
    words = tuple(text.split())
    wrong = next(
        (each for each in words if not re.fullmatch(r"\+[0-9]{0,15}|[0-9]{1,15}", each)), ""
    )
    if wrong or not words:
        raise ConfigError(f"{wrong or text!r} begins no telephone number", hint="like +49 +43")
    return words


def _path(text: str) -> str:
    if not re.fullmatch(r"/[^\0\n]+", text):
        raise ConfigError(f"{text!r} is not a path")
    return text


def _hostname(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", text):
        raise ConfigError(f"{text!r} is not a host's name or address")
    return text


def _secret(text: str) -> str:
    if "{secret." not in text:
        raise ConfigError(
            "everybody can read it here", hint="{secret.NAME}, and NAME in /etc/otpauth/secrets"
        )
    return _line_of(text)


def _sender(text: str) -> str:
    return address("mail", text)


def _as(field: str, read: Callable[[str], Any]) -> Callable[[str], dict[str, Any]]:
    return lambda text: {field: read(text)}


def _body(kind: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {"form": kind, "fields": _pairs(text)}


_MAILING, _DIALLING = ("sendmail", "smtp"), ("smtp", "http")
KEYS: dict[str, Callable[[str], dict[str, Any]]] = {
    "type": _as("type", policy.one_of(*TYPES)),
    "for": _as("who", policy.who),
    "to": _as("to", _source),
    "own": _as("own", _yes),
    "sms_prefixes": _as("sms_prefixes", _prefixes),
    "digits": _as("digits", _number(6, 8)),
    "lifetime": _as("lifetime", _within(*LIFETIME)),
    "per_user": _as("per_user", _rate(PER_USER_MAX)),
    "per_host": _as("per_host", _rate(PER_HOST_MAX)),
    "timeout": _as("timeout", _within(2, 30)),
    "subject": _as("subject", _subject),
    "text": _as("text", _message),
    "html": _as("html", _message),
    "sender": _as("sender", _sender),
    "host": _as("host", _hostname),
    "port": _as("port", _number(1, 65535)),
    "tls": _as("tls", policy.one_of(*TLS)),
    "user": _as("user", _line_of),
    "password": _as("password", _secret),
    "ca": _as("ca", _path),
    "url": _as("url", _url),
    "method": _as("method", policy.one_of("POST", "PUT")),
    "headers": _as("headers", _pairs),
    "basic": _as("basic", _secret),
    "form": _body("form"),
    "json": _body("json"),
    "expect": _as("expect", _expect),
    "proxy": _as("proxy", _proxy),
    "command": _as("command", _argv),
    "run_as": _as("run_as", _account),
}
OF_TYPE = {
    "subject": _MAILING,
    "html": _MAILING,
    "sender": _MAILING,
    **dict.fromkeys(("host", "port", "tls", "user", "password"), ("smtp",)),
    "ca": _DIALLING,
    **dict.fromkeys(
        ("url", "method", "headers", "basic", "form", "json", "expect", "proxy"), ("http",)
    ),
    "command": ("command", "sendmail"),
}
NEEDED = {
    "sendmail": (),
    "smtp": ("host", "sender"),
    "http": ("url",),
    "command": ("command", "run_as"),
}
