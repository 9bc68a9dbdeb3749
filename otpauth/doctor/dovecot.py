"""Dovecot, where PAM asks for codes in its name: as root, and each time anew.

Looked at only if it is installed and one of its services asks for codes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from otpauth.doctor.finding import FAIL, Check, Fault
from otpauth.doctor.ground import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.ground import Ground

SERVICES = {"dovecot", "imap", "pop3", "smtp", "sieve"}  # its own, and its protocols'
_WORKER = re.compile(r"^service auth-worker \{\n(?:  .*\n)*?  user = (\S+)$", re.MULTILINE)
_CACHE = re.compile(r"^auth_cache_size = (?!0$)(.+)$", re.MULTILINE)
_OLD = re.compile(r"^# 2\.[0-3]\.")
_KEY = re.compile(
    r"^  args = .*\bcache_key=", re.MULTILINE
)  # until 2.3, without it nothing is kept
_UNUSED = re.compile(
    r"^passdb_use_cache = no$|^passdb .*\{\n(?:  .*\n)*?  (?:passdb_)?use_cache = no$", re.MULTILINE
)


def asks(ground: Ground) -> bool:
    """Say whether PAM asks for codes in the name of a Dovecot that is there."""
    return bool(SERVICES & set(ground.stacks)) and ask("doveconf", "-n").status == 0


def not_as_root(_: Ground) -> Iterator[Fault]:
    """Give the user, other than root, as whom Dovecot asks PAM."""
    found = _WORKER.search(ask("doveconf", "-n").output)
    if found and found[1] != "root":
        text = f"doveconf: service auth-worker: user = {found[1]}: every code is refused"
        yield Fault(text, "in /etc/dovecot: service auth-worker { user = root }")


def remembers(_: Ground) -> Iterator[Fault]:
    """Give the cache in which a used code is good again."""
    text = ask("doveconf", "-n").output
    found = _CACHE.search(text)
    if found and (_KEY.search(text) if _OLD.search(text) else not _UNUSED.search(text)):
        fault = f"doveconf: auth_cache_size = {found[1]}: a used code is good again for a while"
        yield Fault(fault, "in /etc/dovecot: auth_cache_size = 0")


CHECKS: tuple[Check[Ground], ...] = (
    Check("dovecot-root", FAIL, "Dovecot asks PAM as root", not_as_root, asks),
    Check("dovecot-cache", FAIL, "Dovecot asks PAM at each login", remembers, asks),
)
