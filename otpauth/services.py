"""Which services of the host ask for codes, as /etc/pam.d says. Read only, for telling people."""

from __future__ import annotations

import os
import re

FOLDER = "/etc/pam.d"
MODULES = ("pam_otpauth.py", "otpauth-pam-exec")
WELL_KNOWN = ("sshd", "login", "su", "sudo")


def asking(folder: str = FOLDER) -> dict[str, bool]:
    """Return for each service of the host whether its auth stack names otpauth."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    return {name: _asks(folder, name, depth=0) for name in names if not name.startswith("common-")}


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


def _asks(folder: str, name: str, *, depth: int) -> bool:
    if depth > 8:
        return False
    try:
        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return False
    for line in lines:
        words = line.partition("#")[0].split()
        include = re.match(r"@include\s+(\S+)", line)
        if include and _asks(folder, include[1], depth=depth + 1):
            return True
        if not words or words[0].lstrip("-") != "auth":
            continue
        if any(os.path.basename(word) in MODULES for word in words):
            return True
        includes = words[1:2] in (["include"], ["substack"]) and len(words) > 2
        if includes and _asks(folder, words[2], depth=depth + 1):
            return True
    return False
