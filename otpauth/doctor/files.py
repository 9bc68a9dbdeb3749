"""Files and folders of the host: owners and modes along the path, room, and the policy."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import TYPE_CHECKING

from otpauth import host
from otpauth.doctor.finding import FAIL, WARN, Check, Fault
from otpauth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.ground import Ground

SHIM = "/lib/security/pam_otpauth.py"
ROOM = 1024 * 1024  # bytes that must be free where results are recorded
LIBRARY = os.path.dirname(os.path.dirname(os.path.abspath(host.__file__)))


def replaceable(ground: Ground) -> Iterator[Fault]:
    """Give what others than root could replace, or that lies in a folder where they could."""
    program = (os.path.join(LIBRARY, "otpauth"), os.path.join(LIBRARY, "deps"), SHIM)
    paths = {*_ancestors(ground.host.etc), *_ancestors(ground.host.var)}
    for each in program:
        paths.update(_ancestors(each))
    for path in sorted(paths):
        try:
            found = os.stat(path)
        except FileNotFoundError:
            continue
        if found.st_uid != ground.host.owner or _open_to_others(found):
            yield Fault(
                f"{path} has owner {found.st_uid} and mode {found.st_mode & 0o7777:o}: others "
                "than root may replace what is below it",
                f"chown root {path}; chmod go-w {path}",
            )


def _open_to_others(found: os.stat_result) -> bool:
    """Say whether somebody but root may write; a group without members is nobody."""
    if found.st_mode & stat.S_ISVTX:
        return False
    if found.st_mode & stat.S_IWGRP and found.st_gid != 0:
        primary = any(entry.pw_gid == found.st_gid for entry in pwd.getpwall())
        if primary or _members(found.st_gid):
            return True
    return bool(found.st_mode & stat.S_IWOTH)


def _members(gid: int) -> list[str]:
    try:
        return grp.getgrgid(gid).gr_mem
    except KeyError:
        return []


def _ancestors(path: str) -> list[str]:
    path = os.path.realpath(path)
    found = [path]
    while path != "/":
        path = os.path.dirname(path)
        found.append(path)
    return found


def no_folders(ground: Ground) -> Iterator[Fault]:
    """Give the folders of records that are missing or open to others."""
    for name in ("users", "lock"):
        path = os.path.join(ground.host.var, name)
        if not os.path.isdir(path):
            yield Fault(f"{path} is missing: the homes' copies alone decide", "otpauth-admin init")
        elif os.stat(path).st_mode & 0o077:
            yield Fault(f"{path} is open to others than root", f"chmod 700 {path}")


def no_room(ground: Ground) -> Iterator[Fault]:
    """Give a state folder where nothing can be written."""
    path = ground.host.var
    if not os.path.isdir(path):
        return
    found = os.statvfs(path)
    if found.f_flag & os.ST_RDONLY:
        yield Fault(f"{path} is read-only: codes may be used twice", f"mount -o remount,rw {path}")
    elif found.f_bavail * found.f_frsize < ROOM or (found.f_files and not found.f_favail):
        yield Fault(f"{path} is full: results cannot be recorded there", f"make room: df {path}")


def set_aside(ground: Ground) -> Iterator[Fault]:
    """Give records that did not open, or were another uid's, and were kept."""
    for name in ground.copies:
        if name.startswith("=aside-"):
            path = os.path.join(ground.host.var, "users", name)
            yield Fault(f"{path} was set aside: it did not open, or is another uid's", f"rm {path}")


def bad_policy(ground: Ground) -> Iterator[Fault]:
    """Give the fault of otpauth.conf, which refuses every login."""
    try:
        ground.host.policy()
    except ConfigError as error:
        hint = f"{error.hint}; " if error.hint else ""
        yield Fault(str(error), f"{hint}otpauth-admin config checks")


def missing_secrets(ground: Ground) -> Iterator[Fault]:
    """Give the secrets that otpauth.conf names and the host does not have."""
    found, path = ground.policy, ground.host.path("secrets")
    wanted = {(f"channel {key}", name) for key, c in found.channels.items() for name in c.secrets()}
    clients = ((each.name, each.keys.get("client_secret")) for each in found.services)
    wanted |= {(f"service {service}", name) for service, name in clients if name}
    try:
        known = ground.host.secrets() if wanted else {}
    except ConfigError as error:
        yield Fault(str(error), error.hint)
        return
    for section, name in sorted(wanted):
        if name not in known:
            text = f"[{section}] of otpauth.conf wants {{secret.{name}}}, which is not there"
            yield Fault(text, f"a line {name} = ... in {path}, chmod 600 {path}")


CHECKS: tuple[Check[Ground], ...] = (
    Check("paths", FAIL, "only root can replace what a login trusts", replaceable),
    Check("folders", FAIL, "the folders of records are there, root's alone", no_folders),
    Check("room", FAIL, "results can be recorded", no_room),
    Check("aside", WARN, "no record was set aside", set_aside),
    Check("policy", FAIL, "otpauth.conf is understood", bad_policy),
    Check("secrets", FAIL, "the secrets that otpauth.conf names are there", missing_secrets),
)
