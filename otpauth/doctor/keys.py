"""The host's keys: there, whole, root's alone, of one backup, of this machine, and backed up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from otpauth import host, keyfiles
from otpauth.doctor.finding import FAIL, WARN, Check, Fault
from otpauth.errors import HostKeyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.ground import Ground

MODES = {"record.key": 0o077, "host.key": 0o077, "host.pub": 0o022}
IMPORT = "otpauth-admin key import FILE"


def missing(ground: Ground) -> Iterator[Fault]:
    """Give the keys that are not there."""
    gone = [name for name in MODES if not os.path.lexists(ground.host.path(name))]
    new = len(gone) == len(MODES) and not ground.copies
    for name in gone:
        mend = "otpauth-admin init" if new or name == "host.pub" else IMPORT
        yield Fault(f"{ground.host.path(name)} is missing: nobody can log in or enrol", mend)


def exposed(ground: Ground) -> Iterator[Fault]:
    """Give the keys that others may read or replace."""
    for name, bits in MODES.items():
        path = ground.host.path(name)
        if not os.path.lexists(path):
            continue
        found = os.lstat(path)
        if os.path.islink(path) or found.st_uid != ground.host.owner or found.st_mode & bits:
            mode = "600" if bits == 0o077 else "644"
            yield Fault(
                f"{path} has owner {found.st_uid} and mode {found.st_mode & 0o7777:o}, not root's "
                f"and {mode}: it is not used",
                f"chown root: {path}; chmod {mode} {path}",
            )


def unreadable(ground: Ground) -> Iterator[Fault]:
    """Give the keys that are there and safe, but damaged."""
    if any(True for _ in (*missing(ground), *exposed(ground))):
        return
    for load in (ground.host.record_key, ground.host.host_key, ground.host.public_key):
        try:
            load()
        except HostKeyError as error:
            yield Fault(str(error), IMPORT)


def mismatched(ground: Ground) -> Iterator[Fault]:
    """Give keys that do not belong together."""
    place = ground.host
    try:
        secret, record, public = place.host_key(), place.record_key(), place.public_key()
    except HostKeyError:
        return
    if [ident for ident, _ in secret.secrets] != [i for i, _ in reversed(record.generations)]:
        text = f"host.key is {secret.secrets[0][0]}, record.key is {record.host}"
        yield Fault(f"{text}: they are not of one backup", IMPORT)
    if keyfiles.public_of(secret) != public:
        text = f"host.pub is {public.id}, host.key is {secret.secrets[0][0]}"
        mend = f"rm {place.path('host.pub')}; otpauth-admin init"
        yield Fault(f"{text}: what users seal does not open", mend)


def cloned(ground: Ground) -> Iterator[Fault]:
    """Give keys that were made on another machine."""
    try:
        noted = ground.host.host_key().machine
    except HostKeyError:
        return
    if noted not in ("-", host.machine()):
        yield Fault(
            "the keys were made on a machine with another /etc/machine-id: is this a clone?",
            "otpauth-admin key rotate on one of the two, if both run",
        )


def not_exported(ground: Ground) -> Iterator[Fault]:
    """Give keys that no backup has."""
    try:
        newest = ground.host.record_key().host
    except HostKeyError:
        return
    if keyfiles.exported(ground.host) != newest:
        yield Fault(
            f"key {newest} was never exported: no enrolment outlives this disk",
            "otpauth-admin key export > FILE, and keep it elsewhere",
        )


CHECKS: tuple[Check[Ground], ...] = (
    Check("keys", FAIL, "the host's keys are there", missing),
    Check("keys-safe", FAIL, "the keys are root's alone", exposed),
    Check("keys-whole", FAIL, "the keys can be read", unreadable),
    Check("keys-pair", FAIL, "the keys belong together", mismatched),
    Check("keys-machine", WARN, "the keys were made on this machine", cloned),
    Check("keys-backup", WARN, "the keys were exported", not_exported),
)
