"""Programs of the system that a trial needs, run with a bare environment for a limited time."""

from __future__ import annotations

import os

from otpauth import host
from otpauth.doctor.ground import ask

SECONDS = 60
PACKAGE = os.path.abspath(host.__file__)


def run(*command: str) -> str:
    """Run a program; return why it failed, or nothing."""
    said = ask(*command, seconds=SECONDS)
    if said.status == 0:
        return ""
    if said.status is None:
        return said.errors
    return f"{' '.join(command)}: {' '.join(said.errors.split()) or f'status {said.status}'}"


def has_systemd() -> bool:
    """Say whether systemd runs this host, see sd_booted(3)."""
    return os.path.isdir("/run/systemd/system")


def program() -> str:
    """Return the path of otpauth-admin, installed or of a work tree."""
    library = os.path.dirname(os.path.dirname(PACKAGE))
    prefix = os.path.dirname(os.path.dirname(library))
    installed = os.path.join(prefix, "sbin", "otpauth-admin")
    return installed if os.path.exists(installed) else os.path.join(library, "bin/otpauth-admin")
