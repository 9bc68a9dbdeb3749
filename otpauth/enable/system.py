"""Programs of the system that a trial needs, run with a bare environment for a limited time."""

from __future__ import annotations

import os
import subprocess

from otpauth import host

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C.UTF-8"}
SECONDS = 60
PACKAGE = os.path.abspath(host.__file__)


def run(*command: str) -> str:
    """Run a program; return why it failed, or nothing."""
    try:
        done = subprocess.run(  # noqa: S603 -- fixed programs
            command,
            stdin=subprocess.DEVNULL,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    except subprocess.TimeoutExpired:
        return f"{' '.join(command)} did not end in {SECONDS} s"
    if done.returncode == 0:
        return ""
    said = " ".join(done.stderr.split()) or f"status {done.returncode}"
    return f"{' '.join(command)}: {said}"


def has_systemd() -> bool:
    """Say whether systemd runs this host, see sd_booted(3)."""
    return os.path.isdir("/run/systemd/system")


def program() -> str:
    """Return the path of otpauth-admin, installed or of a work tree."""
    library = os.path.dirname(os.path.dirname(PACKAGE))
    prefix = os.path.dirname(os.path.dirname(library))
    installed = os.path.join(prefix, "sbin", "otpauth-admin")
    return installed if os.path.exists(installed) else os.path.join(library, "bin/otpauth-admin")
