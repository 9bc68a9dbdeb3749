"""otpauth-admin config: check otpauth.conf, show what is in force and where it was set."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from otpauth import account, config, groups, host, policy, routes
from otpauth.cli import report
from otpauth.errors import ConfigError, UnsafeFileError, UsageError
from otpauth.host import Host

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    Row = tuple[str, str, str]  # key, value, where it was set

DEFAULT = "default"
_UNITS = (("d", 86400), ("h", 3600), ("m", 60))


def check(options: argparse.Namespace) -> int:
    """Print the policy, or what of it holds for one login. Raises ConfigError with the mend."""
    found = _read(options.file) if options.file else Host().policy()
    if os.geteuid() == 0:
        _look_for_secrets(found, Host())
        for text in _broken_maps(found, Host()):
            report.say("otpauth-admin", "warning", text)
    for line, word in _strangers(found):
        what = "group" if word.startswith("%") else "user"
        text = f"{line}: no {what} {word.removeprefix('%')!r} on this host"
        report.say("otpauth-admin", "warning", text)
    for text in _shadowed(found):
        report.say("otpauth-admin", "warning", text)
    if options.service is not None:
        from otpauth.cli import inforce

        table = inforce.rows(found, options.user, options.service, options.rhost or "")
    elif options.user is not None or options.rhost is not None:
        raise UsageError("which service?", hint="--service sshd")
    else:
        table = rows(found)
    if options.json:
        report.as_json({key: {"value": value, "set": where} for key, value, where in table})
    else:
        report.table(("KEY", "VALUE", "SET IN"), table)
    return report.DONE


def rows(found: policy.Policy) -> list[Row]:
    """Return section.key, value and where it was set, for every key; of groups, those set."""
    out = _rows(found, "setup", found.setup._asdict(), policy.SETUP_KEYS)
    out += _rows(found, "login", found.login._asdict(), policy.RULE_KEYS)
    for name, channel in found.channels.items():
        for key, text in channel.written.items():
            line = " ".join(filter(None, (each.strip() for each in text.splitlines())))
            out.append((f"channel {name}.{key}", line, where(found, (f"channel {name}",), key)))
        if channel.who and "for" not in channel.written:
            out.append((f"channel {name}.for", spelt("for", channel.who), DEFAULT))
    for group in found.groups.values():
        values = {**group._asdict(), **group.keys}
        out += _set(found, _rows(found, f"group {group.name}", values, groups.GROUP_KEYS))
    for each in found.services:
        values = {**each._asdict(), "from": each.networks, **each.keys}
        out += _set(found, _rows(found, f"service {each.name}", values, groups.SERVICE_KEYS))
    return out


def _rows(
    found: policy.Policy, section: str, values: dict[str, Any], keys: Iterable[str]
) -> list[Row]:
    return [
        (f"{section}.{key}", spelt(key, values[key]), where(found, (section,), key))
        for key in keys
        if key in values
    ]


def _set(found: policy.Policy, out: list[Row]) -> list[Row]:
    return [row for row in out if row[0] in found.places]


def where(found: policy.Policy, sections: Iterable[str], key: str) -> str:
    """Return the place of a key in the first of these sections that sets it."""
    places = (found.places.get(f"{each}.{key}") for each in sections)
    return next(filter(None, places), DEFAULT)


def spelt(key: str, value: Any) -> str:
    """Return a value as it would be written in the file."""
    if key in _SPELT:
        return _SPELT[key](value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(str(each) for each in value)
    return str(value).rstrip()


def _duration(seconds: int) -> str:
    for unit, size in _UNITS:
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _rate(value: tuple[int, int]) -> str:
    return f"{value[0]}/{_duration(value[1])}"


def _resync(seconds: int) -> str:
    return _duration(seconds) if seconds else "no"


def _grace(seconds: int) -> str:
    return _duration(seconds) if seconds else "off"


def _totp(value: tuple[str, int, int]) -> str:
    return f"{value[0]} {value[1]} {_duration(value[2])}"


def _lock(value: tuple[int, int]) -> str:
    if not value[0]:
        return "off"
    return _rate(value) if value[1] else f"{value[0]}/admin"


def _session(span: policy.Span) -> str:
    if not span.timeout:
        return "off"
    idle = f" idle={_duration(span.idle)}" if span.idle else ""
    anywhere = " from=any" if span.anywhere else ""
    return f"{_duration(span.timeout)}{idle} logins={span.logins}{anywhere}"


def _nullok(until: int) -> str:
    if until in (policy.NEVER, policy.ALWAYS):
        return "yes" if until else "no"
    return "until " + time.strftime("%Y-%m-%d", time.gmtime(until - policy.DAY))


def _secret(name: str) -> str:
    return f"{{secret.{name}}}" if name else ""


_SPELT: dict[str, Callable[[Any], str]] = {
    "nullok": _nullok,
    "rate_limit": _rate,
    "resync": _resync,
    "grace": _grace,
    "totp": _totp,
    "lock": _lock,
    "session": _session,
    "client_secret": _secret,
}


def _shadowed(found: policy.Policy) -> Iterator[str]:
    """Give the services that fit no login, since others above them fit all from their networks."""
    from ipaddress import ip_network

    above: dict[str, list[Any]] = {}
    for each in found.services:
        own = [ip_network(word) for word in each.networks]
        for name in each.pam:
            taken = above.setdefault(name, [])
            same = [(one, other) for one in own for other in taken if one.version == other.version]
            if own and {one for one, other in same if one.subnet_of(other)} == set(own):
                place = where(found, (f"service {each.name}",), "from")
                text = f"above [service {each.name}] take all logins of {name!r} from there"
                yield f"{place}: from: sections {text}: put it above them"
            taken += own


def _strangers(found: policy.Policy) -> list[tuple[str, str]]:
    """Return the words of who and for that mean nobody this host knows, and where they stand."""
    rules = {("login", "who"): found.login.who}
    rules |= {(f"channel {name}", "for"): each.who for name, each in found.channels.items()}
    named = [(f"group {each.name}", each.keys) for each in found.groups.values()]
    named += [(f"service {each.name}", each.keys) for each in found.services]
    rules |= {(section, "who"): keys.get("who", ()) for section, keys in named}
    return [
        (f"{where(found, (section,), key)}: {key}", name)
        for (section, key), words in rules.items()
        for name in (word.removeprefix("!") for word in words)
        if not account.is_known(name)
    ]


def _broken_maps(found: policy.Policy, place: Host) -> Iterator[str]:
    """Yield what is wrong with maps of addresses: their users are sent nothing."""
    for name, channel in found.channels.items():
        kind, _, path = channel.to.partition(":")
        if kind != "map":
            continue
        try:
            host.trusted(path, place.owner, most=routes.MAP_MAX)
        except (OSError, UnsafeFileError) as error:
            fault = f"{path!r}: {error.strerror}" if isinstance(error, OSError) else error
            yield f"{where(found, (f'channel {name}',), 'to')}: to: {fault}; nothing is sent"


def _look_for_secrets(found: policy.Policy, place: Host) -> None:
    """Raise ConfigError if a channel or a service names what is not on this host."""
    if found.channels:
        from otpauth.cli import sendtest

        sendtest.check(found.channels, place)
    wanting = [each for each in found.services if each.keys.get("client_secret")]
    known = place.secrets() if wanting else {}
    for each in wanting:
        name = each.keys["client_secret"]
        if name not in known:
            section = f"service {each.name}"
            raise ConfigError(
                f"{where(found, (section,), 'client_secret')}: [{section}] wants {{secret.{name}}}",
                hint=f"a line {name} = ... in {place.path('secrets')}",
            )


def _read(path: str) -> policy.Policy:
    with open(path, "rb") as file:
        data = file.read(config.SIZE_MAX + 1)
    if len(data) > config.SIZE_MAX:
        raise ConfigError(f"{path!r} is larger than {config.SIZE_MAX // 1024} KiB")
    try:
        return config.parse(data.decode(), path=path)
    except UnicodeDecodeError:
        raise ConfigError(f"{path}:1: this is not UTF-8 text") from None
