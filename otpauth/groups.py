"""Access groups and services: [group NAME] and [service NAME] of otpauth.conf, and what they mean.

A login belongs to the first [service] in the file whose PAM service and networks fit it, and by it
to a group. Permission flows from a group to its children, and from them to theirs; rule keys do
not.
"""

from __future__ import annotations

from otpauth import networks, policy, token
from otpauth.errors import ConfigError, FormatError
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from otpauth.policy import Policy, Rule, Span

MOST = 256  # groups, and services


class Group(NamedTuple):
    """What a [group NAME] says. `keys` are the keys of the rule that it sets.

    Who may log in here may log in to its `children`. With a session here one begins in each of
    `session_children`; a `session_master` begins with a session in any of them, and so do the
    others.
    """

    name: str
    children: tuple[str, ...] = ()
    session_children: tuple[str, ...] = ()
    session_master: bool = False
    keys: dict[str, Any] = {}


class Service(NamedTuple):
    """What a [service NAME] says: for which PAM services, asked from where, and what holds then.

    `networks` none: from everywhere. `group` is empty for none. `keys` are the fields of the rule
    that it sets.
    """

    name: str
    pam: tuple[str, ...]
    networks: tuple[str, ...] = ()
    group: str = ""
    keys: dict[str, Any] = {}


class Fault(NamedTuple):
    """What is wrong with a section beside the others, at which key, and what mends it."""

    section: str
    key: str
    text: str
    mend: str


def fitting(services: tuple[Service, ...], service: str, rhost: str) -> Service | None:
    """Return the [service] of a login; a case of letters does not tell PAM services apart."""
    name = service.lower()
    for each in services:
        if name in each.pam and (not each.networks or networks.within(each.networks, rhost)):
            return each
    return None


def effective(found: Policy, service: str, rhost: str) -> Rule:
    """Return what holds for a PAM service asked from a remote host: see policy.effective."""
    section = fitting(found.services, service, rhost)
    group = found.groups.get(section.group) if section else None
    rule = found.login._replace(**(group.keys if group else {}))
    rule = rule._replace(**(section.keys if section else {}))
    return rule._replace(
        group=group.name if group else "",
        names=_names(found.groups, service, section),
        family=_family(found, group, rule.session) if group else (),
    )


def wherever(found: Policy, service: str) -> list[Rule]:
    """Return what may hold for a PAM service, by the addresses that it may be asked from."""
    name = service.lower()
    froms = [each.networks[0].partition("/")[0] for each in found.services if each.networks]
    rules = [policy.effective(found, name, rhost) for rhost in ("", *froms)]
    return list(dict.fromkeys(rules))


def ancestors(groups: dict[str, Group], name: str) -> tuple[str, ...]:
    """Return the groups from which permission flows to one, the nearest first."""
    parents: dict[str, list[str]] = {}
    for each in groups.values():
        for child in each.children:
            parents.setdefault(child, []).append(each.name)
    found: dict[str, None] = {}
    left = [name]
    for below in left:
        above = [up for up in parents.get(below, ()) if up not in found]
        found.update(dict.fromkeys(above))
        left += above
    return tuple(found)


def cycle(groups: dict[str, Group]) -> tuple[str, ...]:
    """Return groups of which each is a child of the one before, the first and last the same.

    Nothing if there is no such way.
    """
    done: set[str] = set()
    for start, group in groups.items():
        way = {start: iter(group.children)}
        while way:
            name, children = next(reversed(way.items()))
            child = next(children, None)
            if child is None:
                done.add(name)
                del way[name]
            elif child in way:
                names = list(way)
                return (*names[names.index(child) :], child)
            elif child in groups and child not in done:
                way[child] = iter(groups[child].children)
    return ()


def faults(groups: dict[str, Group], services: tuple[Service, ...]) -> Iterator[Fault]:
    """Give what does not go together."""
    for group in groups.values():
        yield from _of_group(group, groups)
    way = cycle(groups)
    if way:
        text = f"groups are children of themselves: {' -> '.join(way)}"
        yield Fault(f"group {way[0]}", "children", text, "take one of them out")
    taken: dict[str, str] = {}
    for each in services:
        yield from _of_service(each, groups, taken)


def _of_group(group: Group, groups: dict[str, Group]) -> Iterator[Fault]:
    section = f"group {group.name}"
    for key in ("children", "session_children"):
        for name in getattr(group, key):
            yield from _missing(section, key, name, groups)
    if group.name in group.session_children:
        yield Fault(section, "session_children", f"it is {group.name} itself", "take it out")
    if group.session_master and not group.session_children:
        text = "a session_master needs session_children"
        yield Fault(section, "session_master", text, "session_children = ...")


def _of_service(
    service: Service, groups: dict[str, Group], taken: dict[str, str]
) -> Iterator[Fault]:
    section = f"service {service.name}"
    if service.group:
        yield from _missing(section, "group", service.group, groups)
    for name in service.pam:
        if name in taken:
            text = f"[{taken[name]}] above takes every login of the PAM service {name!r}"
            mend = f"put [{section}] above it, or give that one a from"
            yield Fault(section, "pam", text, mend)
        elif not service.networks:
            taken[name] = section
    if "trust" in service.keys and "client_secret" not in service.keys:
        text = "trust means nothing without client_secret"
        yield Fault(section, "trust", text, "client_secret = {secret.NAME}")


def _missing(section: str, key: str, name: str, groups: dict[str, Group]) -> Iterator[Fault]:
    if name not in groups:
        yield Fault(section, key, f"there is no [group {name}]", policy.nearest(name, groups))


def _names(groups: dict[str, Group], service: str, section: Service | None) -> tuple[str, ...]:
    """Return the names that a token may be limited to for this login.

    A name of a section or a PAM service that is also that of a group means the group alone.
    """
    here = (section.group, *ancestors(groups, section.group)) if section and section.group else ()
    own = [section.name, service] if section else [service]
    return tuple(dict.fromkeys((*(each for each in own if each not in groups), *here)))


def _family(found: Policy, group: Group, span: Span) -> tuple[tuple[str, Span], ...]:
    """Return where else a session begins with one of this length in a group, and for how long."""
    begun = dict.fromkeys(group.session_children, span)
    for each in found.groups.values():
        if each.session_master and group.name in each.session_children:
            own = _span(found, each.name, span)
            for name in (each.name, *each.session_children):
                begun.setdefault(name, span if span.timeout else own)
    begun.pop(group.name, None)
    spans = [(name, _span(found, name, other)) for name, other in begun.items()]
    return tuple((name, each) for name, each in spans if each.timeout)


def _span(found: Policy, name: str, other: Span) -> Span:
    """Return how long a session in a group lives; where its own is off, as long as the other."""
    own: Span = found.groups[name].keys.get("session", found.login.session)
    return own if own.timeout else other


def name(text: str) -> str:
    """Read the name of a group, a service or a PAM service."""
    try:
        return token.check_name(text)
    except FormatError:
        raise ConfigError(
            f"{text!r} is not a name", hint="1 to 32 letters, digits, dots, dashes or underscores"
        ) from None


def _several(text: str) -> tuple[str, ...]:
    words = tuple(name(word) for word in text.split())
    if not words or len(set(words)) != len(words):
        raise ConfigError("no name is there, or one twice", hint="names, separated by blanks")
    return words


def _pam(text: str) -> tuple[str, ...]:
    return _several(text.lower())


def _from(text: str) -> tuple[str, ...]:
    if not text:
        raise ConfigError("no network is there", hint="take the line out: from everywhere")
    return networks.read(text)


def _client_secret(text: str) -> str:
    secret = text.removeprefix("{secret.").removesuffix("}")
    plain = secret.isascii() and secret.replace("_", "x").isalnum()
    if text != f"{{secret.{secret}}}" or not plain:
        raise ConfigError(
            "it is not {secret.NAME}: everybody can read this file",
            hint="{secret.NAME} of letters, digits and _, and NAME = ... in /etc/otpauth/secrets",
        )
    return secret


GROUP_KEYS: dict[str, Callable[[str], Any]] = {
    "children": _several,
    "session_children": _several,
    "session_master": policy.yes,
    **policy.RULE_KEYS,
}
CLIENT_KEYS: dict[str, Callable[[str], Any]] = {
    "client_secret": _client_secret,
    "trust": policy.one_of(*policy.TRUSTS),
}
SERVICE_KEYS: dict[str, Callable[[str], Any]] = {
    "pam": _pam,
    "from": _from,
    "group": name,
    **CLIENT_KEYS,
    **policy.RULE_KEYS,
}
