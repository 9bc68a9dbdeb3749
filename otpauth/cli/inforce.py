"""What holds for one login, and where each of it was set: otpauth-admin config --service.

As the login itself does: the first [service] that fits, its [group], [login], and the arguments of
the PAM line that asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from otpauth import account, arguments, attempt, groups, policy, stack
from otpauth.cli.policies import spelt, where

if TYPE_CHECKING:
    from otpauth.cli.policies import Row
    from otpauth.policy import Policy
    from otpauth.stack import Line


def rows(found: Policy, user: str | None, service: str, rhost: str) -> list[Row]:
    """Return key, value and where it was set; whether a user is asked, if one is named.

    Raises ConfigError for an argument of the PAM line, UnknownUserError.
    """
    section = groups.fitting(found.services, service, rhost)
    rule = policy.effective(found, service, rhost)
    places = [f"service {section.name}"] if section else []
    head = [
        ("service", section.name if section else "-", _stands(found, places[:1])),
        ("group", rule.group or "-", _stands(found, [f"group {rule.group}"])),
        ("names", " ".join(rule.names), ""),
        ("family", "; ".join(f"{name} {spelt('session', s)}" for name, s in rule.family), ""),
    ]
    places += [f"group {rule.group}", "login"]
    set_in = {key: where(found, places, key) for key in (*policy.RULE_KEYS, *groups.CLIENT_KEYS)}
    line = _asking(service)
    head.append(("pam", line.place if line else f"no line of {stack.FOLDER}/{service} asks", ""))
    if line:
        before, rule = rule, arguments.read(rule, stack.words(line)).rule
        set_in.update(
            (key, line.place) for key in set_in if getattr(rule, key) != getattr(before, key)
        )
    if user is not None:
        by = attempt.exempt(account.lookup(user), rhost, rule)
        value = f"no, by {by}, if a first factor is proved" if by else "yes"
        head.append(("asked", value, set_in[by] if by else ""))
    if not rule.client_secret:
        set_in = {key: set_in[key] for key in policy.RULE_KEYS}
    return head + [(key, spelt(key, getattr(rule, key)), each) for key, each in set_in.items()]


def _asking(service: str) -> Line | None:
    """Return the first line of a service's stack that asks for a code, None if there is none."""
    try:
        return next((each for each in stack.read(service) if each.asks), None)
    except OSError:
        return None


def _stands(found: Policy, sections: list[str]) -> str:
    """Return where a section stands, nothing for one that is not there."""
    return "".join(found.places.get(each, "") for each in sections)
