"""otpauth.conf as text: ini, strict, every error with its line and what would be right.

The sections are [setup], [login], [channel NAME] for each way to send codes, and [group NAME] and
[service NAME] for what holds where. A key or section that is not known is an error, since a
half-read policy would let somebody through; so the whole file is read at each login. Comments stand
on lines of their own, `%` and `#` in values are themselves. otpauth.conf(5) has every key.
"""

from __future__ import annotations

from otpauth import groups, ini, policy, token
from otpauth.errors import ConfigError
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from otpauth.channels import Channel
    from otpauth.groups import Group, Service
    from otpauth.ini import Section

    Table = dict[str, Callable[[str], Any]]

SIZE_MAX = 64 * 1024  # bytes
SECTIONS = {"setup": policy.SETUP_KEYS, "login": policy.RULE_KEYS}
CHANNELS = tuple(f"channel {kind}" for kind in token.SENT)
KNOWN = (*SECTIONS, *CHANNELS, "group NAME", "service NAME")
HOMES = {**SECTIONS, "service NAME": groups.SERVICE_KEYS, "group NAME": groups.GROUP_KEYS}
ELSEWHERE = {  # what other software says, and how it is said here
    "timeout": "session = 10h idle=1h",
    "utimeout": "session = 10h idle=1h",
    "unusedtimeout": "session = 10h idle=1h",
    "sessions": "session = 10h idle=1h",
    "maxlogin": "session = 10h logins=12",
    "maxfail": "lock = 5/1h",
    "childgroups": "children = imap smtp",
    "childsessions": "session_children = imap smtp",
    "master": "session_master = yes",
    "secret": "client_secret = {secret.NAME}",
    "address": "from = 192.0.2.10",
    "addresses": "from = 192.0.2.10",
    "services": "pam = sshd",
}


def parse(text: str, *, path: str) -> policy.Policy:
    """Read the text of otpauth.conf. Raises ConfigError `path:line: fault`."""
    found = _Reading(ini.read(text, path=path), path, {}, {})
    setup, login = policy.Setup(), policy.Rule()
    channels: dict[str, Channel] = {}
    named: dict[str, Group] = {}
    services: list[Service] = []
    for section in found.sections:
        kind, _, name = section.partition(" ")
        if section == "setup":
            setup = setup._replace(**found.values(section, policy.SETUP_KEYS))
        elif section == "login":
            login = login._replace(**found.values(section, policy.RULE_KEYS))
        elif section in CHANNELS:
            channels[name] = found.channel(section, name)
        elif kind == "group" and name:
            named[name] = found.group(section, name)
            found.bound(section, len(named))
        elif kind == "service" and name:
            services.append(found.service(section, name))
            found.bound(section, len(services))
        else:
            hint = policy.nearest(section, KNOWN)
            raise ConfigError(f"{found.line(section)}: unknown section [{section}]", hint=hint)
    found.check(named, tuple(services))
    return policy.Policy(setup, login, found.places, channels, named, tuple(services))


class _Reading(NamedTuple):
    """A file while it is read: its sections, where each key stands, and the values read so far.

    Many sections say the same of a key, and each such text is read once.
    """

    sections: dict[str, Section]
    path: str
    places: dict[str, str]
    seen: dict[tuple[Callable[[str], Any], str], Any]

    def line(self, section: str, key: str = "") -> str:
        """Return where a section stands, or a key in it if it is there."""
        found = self.sections[section]
        number = found.values[key][1] if key in found.values else found.line
        return f"{self.path}:{number}"

    def values(self, section: str, table: Table) -> dict[str, Any]:
        """Return the values of a section's keys."""
        found = {}
        self.places[section] = self.line(section)
        for key, (lines, number) in self.sections[section].values.items():
            place = f"{self.path}:{number}"
            if key not in table:
                raise _unknown(place, section, key, table)
            self.places[f"{section}.{key}"] = place
            read, text = table[key], lines[0] if len(lines) == 1 else "\n".join(lines)
            if (read, text) not in self.seen:
                try:
                    self.seen[read, text] = read(text)
                except ConfigError as error:
                    raise ConfigError(f"{place}: {key}: {error}", hint=error.hint) from None
            found[key] = self.seen[read, text]
        return found

    def channel(self, section: str, name: str) -> Channel:
        """Return what a [channel NAME] says."""
        from otpauth import channeltext

        pairs = {}
        for key, (lines, _) in self.sections[section].values.items():
            self.places[f"{section}.{key}"] = self.line(section, key)
            if key not in channeltext.KEYS:
                raise _unknown(self.line(section, key), section, key, channeltext.KEYS)
            pairs[key] = "\n".join(lines)
        return channeltext.make(name, pairs, lambda key: self.line(section, key))

    def group(self, section: str, name: str) -> Group:
        """Return what a [group NAME] says."""
        self.check_name(section, name)
        keys = self.values(section, groups.GROUP_KEYS)
        own = {key: keys.pop(key) for key in groups.Group._fields if key in keys}
        return groups.Group(name, keys=keys, **own)

    def service(self, section: str, name: str) -> Service:
        """Return what a [service NAME] says."""
        self.check_name(section, name)
        keys = self.values(section, groups.SERVICE_KEYS)
        pam = keys.pop("pam", (name.lower(),))
        own = keys.pop("from", ()), keys.pop("group", "")
        return groups.Service(name, pam, *own, keys)

    def check_name(self, section: str, name: str) -> None:
        """Refuse a section whose name is none."""
        try:
            groups.name(name)
        except ConfigError as error:
            place = self.line(section)
            raise ConfigError(f"{place}: [{section}]: {error}", hint=error.hint) from None

    def bound(self, section: str, count: int) -> None:
        """Refuse a section that is one too many of its kind."""
        if count > groups.MOST:
            kind = section.partition(" ")[0]
            raise ConfigError(f"{self.line(section)}: more than {groups.MOST} [{kind} NAME]")

    def check(self, named: dict[str, Group], services: tuple[Service, ...]) -> None:
        """Refuse groups and services that do not go together."""
        for fault in groups.faults(named, services):
            place = self.line(fault.section, fault.key)
            raise ConfigError(f"{place}: {fault.key}: {fault.text}", hint=fault.mend)


def _unknown(place: str, section: str, key: str, table: Table) -> ConfigError:
    ours = ELSEWHERE.get(key.lower().replace("_", ""), "")
    known = ours.partition(" ")[0] in table
    home = next((each for each, keys in HOMES.items() if key in keys), "")
    hint = f"it belongs into [{home}]" if home else policy.nearest(key, table)
    hint = f"{ours} ?" if known else hint
    return ConfigError(f"{place}: unknown key {key!r} in [{section}]", hint=hint)
