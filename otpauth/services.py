"""Which services of the host ask for codes, as /etc/pam.d says. Read only, for telling people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otpauth import policy, stack, token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from otpauth.policy import Policy, Rule
    from otpauth.secretfile import Listed
    from otpauth.token import Draft, Token

WELL_KNOWN = ("sshd", "login", "su", "sudo")


def asking(folder: str = stack.FOLDER) -> dict[str, bool]:
    """Return for each service of the host whether a line of its auth stack asks."""
    return {name: _asks(folder, name) for name in stack.services(folder)}


def doors(found: Policy) -> dict[str, Rule]:
    """Return for each service of the host that asks the rule that holds there."""
    return {name: policy.effective(found, name, "") for name, asks in asking().items() if asks}


def shut(doors: dict[str, Rule], tokens: Iterable[Token | Listed | Draft]) -> list[str]:
    """Return the services that ask for a code, and at which none of these tokens is good."""
    those = list(tokens)
    return [
        name
        for name, rule in doors.items()
        if not any(each.kind in rule.kinds and token.serves(each, rule.names) for each in those)
    ]


def sentence(found: dict[str, bool]) -> str:
    """Return the services that ask, and the well-known ones that do not, in words."""
    yes = [name for name, asks in found.items() if asks]
    no = [name for name in WELL_KNOWN if name in found and not found[name]]
    if not yes:
        return ""
    ask = f"{spoken(yes)} {'asks' if len(yes) == 1 else 'ask'} for a code"
    return f"{ask}, {spoken(no)} {'does' if len(no) == 1 else 'do'} not" if no else ask


def spoken(names: list[str]) -> str:
    """Return names of services in words."""
    words = ["ssh" if name == "sshd" else name for name in names]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _asks(folder: str, name: str) -> bool:
    try:
        return any(line.asks for line in stack.read(name, folder=folder))
    except OSError:
        return False
