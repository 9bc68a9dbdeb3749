"""Which services of the host ask for codes, as /etc/pam.d says. Read only, for telling people."""

from __future__ import annotations

from otpauth import stack

WELL_KNOWN = ("sshd", "login", "su", "sudo")


def asking(folder: str = stack.FOLDER) -> dict[str, bool]:
    """Return for each service of the host whether a line of its auth stack asks."""
    return {name: _asks(folder, name) for name in stack.services(folder)}


def sentence(found: dict[str, bool]) -> str:
    """Return the services that ask, and the well-known ones that do not, in words."""
    yes = [name for name, asks in found.items() if asks]
    no = [name for name in WELL_KNOWN if name in found and not found[name]]
    if not yes:
        return ""
    ask = f"{_names(yes)} {'asks' if len(yes) == 1 else 'ask'} for a code"
    return f"{ask}, {_names(no)} {'does' if len(no) == 1 else 'do'} not" if no else ask


def _names(names: list[str]) -> str:
    words = ["ssh" if name == "sshd" else name for name in names]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _asks(folder: str, name: str) -> bool:
    try:
        return any(line.asks for line in stack.read(name, folder=folder))
    except OSError:
        return False
