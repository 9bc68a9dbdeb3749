"""The system around: mandatory access control, and what systemd keeps services from."""

from __future__ import annotations

import glob
import os
import re
from typing import TYPE_CHECKING

from otpauth.doctor.finding import FAIL, WARN, Check, Fault
from otpauth.doctor.pamstack import asks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.ground import Ground

SELINUX = "/sys/fs/selinux/enforce"
APPARMOR = "/sys/kernel/security/apparmor/profiles"
UNITS = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
UNIT_NAMES = {"sshd": ("ssh", "ssh@", "sshd", "sshd@"), "cron": ("cron", "crond")}
NOLOGIN = ("/run/nologin", "/etc/nologin")
ROOT = ("", "root", "0")


def shut(_: Ground) -> Iterator[Fault]:
    """Give the file by which pam_nologin(8) keeps everybody but root out."""
    for path in NOLOGIN:
        if os.path.exists(path):
            yield Fault(f"{path} is there: nobody but root may log in", f"rm {path}")


def selinux(_: Ground) -> Iterator[Fault]:
    """Give SELinux where it enforces: it may keep sshd from the records."""
    try:
        with open(SELINUX, encoding="ascii") as file:
            enforcing = file.read().strip() == "1"
    except OSError:
        return
    if enforcing:
        yield Fault(
            f"{SELINUX} is 1: sshd may be kept from /var/lib/otpauth and ~/.otpauth",
            "after a login: ausearch -m avc -ts recent; then a policy by audit2allow",
        )


def apparmor(ground: Ground) -> Iterator[Fault]:
    """Give services that ask and are confined by AppArmor."""
    try:
        with open(APPARMOR, encoding="utf-8", errors="replace") as file:
            profiles = re.findall(r"^(\S+) \(enforce\)", file.read(), re.MULTILINE)
    except OSError:
        return
    for name in ground.stacks:
        if any(os.path.basename(each) == name for each in profiles):
            yield Fault(
                f"{name} is confined by AppArmor: it may be kept from /var/lib/otpauth",
                "in /etc/apparmor.d/local/: /etc/otpauth/* r, /var/lib/otpauth/** rwk; aa-status",
            )


def unit_settings(service: str) -> dict[str, tuple[str, str]]:
    """Return the keys of a service's unit, with the file that sets each last."""
    names = UNIT_NAMES.get(service, (service,))
    found: dict[str, tuple[str, str]] = {}
    for name in names:
        unit = next((p for folder in UNITS if os.path.isfile(p := f"{folder}/{name}.service")), "")
        dropins = [
            path for folder in UNITS for path in glob.glob(f"{folder}/{name}.service.d/*.conf")
        ]
        for path in filter(None, [unit, *sorted(dropins, key=os.path.basename)]):
            with open(path, encoding="utf-8", errors="replace") as file:
                for key, value in re.findall(r"^(\w+)=(.*)$", file.read(), re.MULTILINE):
                    found[key] = (value.strip(), path)
    return found


def confined(ground: Ground) -> Iterator[Fault]:
    """Give services that systemd keeps from root's rights or from the records."""
    for service in ground.stacks:
        unit = unit_settings(service)
        user, place = unit.get("User", ("", ""))
        if user not in ROOT:
            text = f"{place}: User={user}: {service} cannot read a record"
            yield Fault(text, f"take otpauth out of /etc/pam.d/{service}, or run it as root")
        protected, place = unit.get("ProtectSystem", ("", ""))
        open_, _ = unit.get("ReadWritePaths", ("", ""))
        if protected == "strict" and "/var/lib" not in open_:
            yield _writable(place, "ProtectSystem=strict", service)
        closed, place = unit.get("ReadOnlyPaths", ("", ""))
        if any(path.lstrip("-+") in ("/", "/var", "/var/lib") for path in closed.split()):
            yield _writable(place, f"ReadOnlyPaths={closed}", service)


def _writable(place: str, what: str, service: str) -> Fault:
    text = f"{place}: {what}: {service} cannot record that a code was used"
    return Fault(text, f"systemctl edit {service}: ReadWritePaths=/var/lib/otpauth")


def hidden_homes(ground: Ground) -> Iterator[Fault]:
    """Give services that systemd keeps from homes."""
    for service in ground.stacks:
        value, place = unit_settings(service).get("ProtectHome", ("", ""))
        if value in ("yes", "true", "1", "on", "tmpfs"):
            text = f"{place}: ProtectHome={value}: {service} sees no enrolment in a home"
            yield Fault(text, f"systemctl edit {service}: ProtectHome=no")


CHECKS: tuple[Check[Ground], ...] = (
    Check("nologin", FAIL, "logins are open", shut),
    Check("selinux", WARN, "SELinux is not in the way", selinux),
    Check("apparmor", WARN, "AppArmor is not in the way", apparmor, asks),
    Check("unit", FAIL, "systemd lets services that ask record codes", confined, asks),
    Check("unit-homes", WARN, "systemd lets services that ask see homes", hidden_homes, asks),
)
