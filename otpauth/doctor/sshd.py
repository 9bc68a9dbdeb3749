"""What `sshd -T` says: whether PAM gets to ask, and that nobody goes round it.

Looked at only if the service sshd asks for codes.
"""

from __future__ import annotations

import glob
import re
from typing import TYPE_CHECKING

from otpauth.account import in_group
from otpauth.attempt import exempt
from otpauth.doctor.finding import FAIL, WARN, Check, Fault
from otpauth.doctor.pamstack import PASSWORDS, SEE, group_asked, lets_unenrolled, rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.ground import Ground

SERVICE = "sshd"
CONFIG = "/etc/ssh/sshd_config"
DROPINS = "/etc/ssh/sshd_config.d/*.conf"
INTERACTIVE = "keyboard-interactive"
BY_PAM = (INTERACTIVE, "password")
KEYS_SHOWN = 5  # names in one line


def asks(ground: Ground) -> bool:
    """Say whether sshd asks for codes."""
    return SERVICE in ground.stacks


def known(ground: Ground) -> bool:
    """Say whether sshd asks for codes, and how it is configured could be read."""
    return asks(ground) and ground.sshd.status == 0


def tellable(ground: Ground) -> bool:
    """Say whether it can be told who has a token and who is asked for a code."""
    return known(ground) and ground.can_open


def unreadable(ground: Ground) -> Iterator[Fault]:
    """Give the configuration that sshd itself refuses."""
    if ground.sshd.status != 0:
        first = (ground.sshd.errors.splitlines() or ["no word of why"])[0]
        yield Fault(f"sshd -T: {first}: sshd does not start with it", "mend it; sshd -t checks")


def without_pam(ground: Ground) -> Iterator[Fault]:
    """Give the sshd that does not use PAM."""
    if ground.settings.get("usepam") != "yes":
        yield Fault("sshd -T: UsePAM no: no code is asked", f"in {CONFIG}: UsePAM yes")


def _settings(ground: Ground) -> list[dict[str, str]]:
    """Return what is in force for those who are asked: for all, or for the group of the stack."""
    group = group_asked(ground.stacks[SERVICE])
    if not group:
        return [ground.settings]
    members = [who.name for who in ground.homes if in_group(who, group)]
    enrolled = {each.account.name for each in ground.people if each.enrolled or each.waiting}
    found: list[dict[str, str]] = []
    for name in [each for each in members if each in enrolled] or members[:1]:
        if (settings := ground.settings_for(name)) and settings not in found:
            found.append(settings)
    return found


def cannot_ask(ground: Ground) -> Iterator[Fault]:
    """Give the sshd that has no way to ask a second question."""
    if any(each.get("kbdinteractiveauthentication") != "yes" for each in _settings(ground)):
        yield Fault(
            "sshd -T: KbdInteractiveAuthentication no: the code cannot be asked for",
            f"in {CONFIG} or a file of sshd_config.d: KbdInteractiveAuthentication yes",
        )


def ways(settings: dict[str, str]) -> list[list[str]]:
    """Return the lists of methods that log somebody in; `any` is each enabled one by itself."""
    text = settings.get("authenticationmethods", "any")
    if text != "any":
        return [[method.partition(":")[0] for method in way.split(",")] for way in text.split()]
    names = {
        "publickey": "pubkeyauthentication",
        "hostbased": "hostbasedauthentication",
        "gssapi-with-mic": "gssapiauthentication",
        INTERACTIVE: "kbdinteractiveauthentication",
        "password": "passwordauthentication",
    }
    return [[method] for method, key in names.items() if settings.get(key) == "yes"]


def _ways(ground: Ground) -> list[tuple[list[str], str]]:
    """Return each way in of those who are asked, with the AuthenticationMethods it is of."""
    return [
        (way, settings.get("authenticationmethods", "any"))
        for settings in _settings(ground)
        for way in ways(settings)
    ]


def round_pam(ground: Ground) -> Iterator[Fault]:
    """Give ways into sshd on which PAM asks nothing."""
    for way, methods in _ways(ground):
        if not set(way) & set(BY_PAM):
            yield Fault(
                f"sshd -T: AuthenticationMethods {methods}: {','.join(way)} alone logs in, and no "
                "code is asked",
                f"in {CONFIG}: AuthenticationMethods publickey,keyboard-interactive",
            )


def one_factor(ground: Ground) -> Iterator[Fault]:
    """Give ways on which the code is all that is asked."""
    password = any(each.name in PASSWORDS for each in ground.stacks[SERVICE])
    for way, _ in _ways(ground):
        if set(way) <= set(BY_PAM) and not password:
            text = f"sshd -T: {','.join(way)} asks for a code and nothing else"
            yield Fault(f"{text}: it is the only factor", f"a key or a password first: {SEE}")


def password_method(ground: Ground) -> Iterator[Fault]:
    """Give the method `password`, which puts the password where a code is wanted."""
    split = any(each.splits for each in ground.stacks[SERVICE])
    if any("password" in way for way, _ in _ways(ground)) and not split:
        yield Fault(
            "sshd -T: PasswordAuthentication yes: clients that use that method give the password "
            "where the code is wanted, and are refused",
            f"in {CONFIG}: PasswordAuthentication no",
        )


def unread_dropins(_: Ground) -> Iterator[Fault]:
    """Give files of sshd_config.d that no Include reads."""
    files = sorted(glob.glob(DROPINS))
    if not files:
        return
    with open(CONFIG, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if not re.search(r"^\s*Include\s.*sshd_config\.d", text, re.IGNORECASE | re.MULTILINE):
        yield Fault(
            f"{CONFIG} has no Include: {', '.join(files)} has no effect",
            f"first line of {CONFIG}: Include {DROPINS}",
        )


def robots(ground: Ground) -> Iterator[Fault]:
    """Give accounts that log in with a key and have no token, but are asked for a code."""
    lines = [each for each in ground.stacks[SERVICE] if each.asks]
    if any(lets_unenrolled(each, SERVICE, ground) for each in lines):
        return
    held = [rule for each in lines for rule in rules(each, SERVICE, ground)]
    able = [each for each in ground.people if each.enrolled or each.waiting or each.sent]
    enrolled = {each.account.name for each in able}
    keyed = [
        who.name
        for who, seen in ground.homes.items()
        if seen.has_key and not any(exempt(who, "", rule) for rule in held)
    ]
    shut = [name for name in keyed if name not in enrolled and is_asked(ground.settings_for(name))]
    if shut:
        names = ", ".join(shut[:KEYS_SHOWN])
        more = f" and {len(shut) - KEYS_SHOWN} more" if len(shut) > KEYS_SHOWN else ""
        yield Fault(
            f"{names}{more}: a key in authorized_keys and no token: refused by ssh",
            f"people: otpauth-admin setup USER; robots, at the end of {CONFIG}: Match User "
            f"{','.join(shut[:KEYS_SHOWN])}, and below it AuthenticationMethods publickey",
        )


def is_asked(settings: dict[str, str]) -> bool:
    """Say whether there is no way into sshd on which PAM does not ask; not if it is not known."""
    return bool(settings) and all(set(way) & set(BY_PAM) for way in ways(settings))


CHECKS: tuple[Check[Ground], ...] = (
    Check("sshd", FAIL, "sshd understands its configuration", unreadable, asks),
    Check("sshd-pam", FAIL, "sshd uses PAM", without_pam, known),
    Check("sshd-asks", FAIL, "sshd can ask for the code", cannot_ask, known),
    Check("sshd-methods", FAIL, "every way into sshd asks for the code", round_pam, known),
    Check("sshd-factor", WARN, "the code is the second factor", one_factor, known),
    Check(
        "sshd-password", WARN, "no client gives the password for the code", password_method, known
    ),
    Check("sshd-dropins", WARN, "files of sshd_config.d are read", unread_dropins, asks),
    Check("sshd-keys", WARN, "who logs in with a key has a token", robots, tellable),
)
