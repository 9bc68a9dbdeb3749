"""The auth stacks of the services that ask: whether a code is demanded, and can be given.

What a control does is read as pam.conf(5) says. A jump or `done` in a substack ends there, so it
lets nobody past a line of ours outside of it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from otpauth import arguments, groups, policy, stack
from otpauth.doctor.finding import FAIL, WARN, Check, Fault
from otpauth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.ground import Ground
    from otpauth.policy import Rule
    from otpauth.stack import Line

SEE = "see pam_otpauth(8), Stacks and EXAMPLES"
PASSWORDS = frozenset(
    f"pam_{name}.so"
    for name in (
        *("unix", "unix2", "sss", "ldap", "krb5", "winbind", "systemd_home", "pwdfile", "tcb"),
        *("heimdal", "fprintd", "userdb", "radius"),
    )
)
DELIBERATE = frozenset(
    f"pam_{name}.so"
    for name in ("rootok", "wheel", "succeed_if", "access", "listfile", "localuser")
)
OTHERS = frozenset(
    f"pam_{name}.so"
    for name in (
        *("google_authenticator", "oath", "u2f", "yubico", "duo", "otpw", "ssh_otp", "linotp"),
        *("privacyidea", "mobile_otp", "rsa_securid"),
    )
)
HOMES = frozenset(
    f"pam_{name}.so" for name in ("mount", "ecryptfs", "fscrypt", "zfs_key", "systemd_home")
)
LOCKERS = frozenset(
    (
        *("xscreensaver", "i3lock", "swaylock", "xlock", "physlock", "vlock", "light-locker"),
        *("kscreensaver", "kde", "kscreenlocker", "cinnamon-screensaver", "mate-screensaver"),
        *("gnome-screensaver", "xfce4-screensaver", "hyprlock", "waylock", "slock"),
    )
)
CONTROLS = {
    "required": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "bad"},
    "requisite": {"success": "ok", "new_authtok_reqd": "ok", "ignore": "ignore", "default": "die"},
    "sufficient": {"success": "done", "new_authtok_reqd": "done", "default": "ignore"},
    "optional": {"success": "ok", "new_authtok_reqd": "ok", "default": "ignore"},
}


def actions(control: str) -> dict[str, str]:
    """Return what a control does for each value that a module returns."""
    if control.startswith("["):
        return dict(re.findall(r"(\w+)=(\w+)", control))
    return CONTROLS.get(control.lower(), {})


def _action(line: Line, value: str) -> str:
    found = actions(line.control)
    return found.get(value, found.get("default", "ignore"))


def _ours(ground: Ground) -> Iterator[tuple[str, tuple[Line, ...], int]]:
    """Give each of our lines with its service, its stack and its place in it."""
    for name, lines in ground.stacks.items():
        for place, each in enumerate(lines):
            if each.ours:
                yield name, lines, place


def _asked(ground: Ground) -> Iterator[tuple[str, tuple[Line, ...], int]]:
    """Give those of our lines that demand a code."""
    return (each for each in _ours(ground) if each[1][each[2]].asks)


def group_asked(lines: tuple[Line, ...]) -> str:
    """Return the group whose members alone reach our line, empty if everybody does."""
    for each in lines:
        if each.name == "pam_succeed_if.so" and "notingroup" in each.args[:-1]:
            return each.args[each.args.index("notingroup") + 1]
    return ""


def asks(ground: Ground) -> bool:
    """Say whether any service asks for codes."""
    return bool(ground.stacks)


def nobody_asks(ground: Ground) -> Iterator[Fault]:
    """Give the host on which no service asks for a code."""
    if not ground.stacks:
        text = "no file in /etc/pam.d names otpauth: no login asks for a code"
        yield Fault(text, "otpauth-admin enable sshd")


def no_include(ground: Ground) -> Iterator[Fault]:
    """Give includes that cannot be read."""
    for name, lines in ground.stacks.items():
        for each in lines:
            if not each.module:
                text = f"{each.place} includes {each.args[0]!r}, which is not there"
                yield Fault(f"{text}: {name} lets nobody in", f"mend or drop {each.place}")


def not_demanded(ground: Ground) -> Iterator[Fault]:
    """Give lines whose refusal refuses nobody."""
    for name, lines, place in _asked(ground):
        line = lines[place]
        if _action(line, "auth_err") not in ("bad", "die"):
            text = f"{line.place}: {line.control!r} lets {name} go on without a code"
            yield Fault(text, f"write required there, {SEE}")


def passed_by(ground: Ground) -> Iterator[Fault]:
    """Give modules above ours that let in, or jump, past the code."""
    for name, lines, place in _asked(ground):
        for above, each in enumerate(lines[:place]):
            around = lines[place].inside[: len(each.inside)]
            if around != each.inside or each.name in DELIBERATE or each.ours:
                continue
            action = _action(each, "success")
            jump = int(action) if action.isdigit() else 0
            if action == "done" or stack.landing(lines, above, jump) > place:
                yield Fault(
                    f"{each.place}: {each.name} with {each.control!r} lets {name} in before the "
                    f"code is asked at {lines[place].place}",
                    f"make it required or requisite, {SEE}",
                )


def unjustified(ground: Ground) -> Iterator[Fault]:
    """Give lines that claim a password which the lines above do not demand."""
    for name, lines, place in _asked(ground):
        line = lines[place]
        if "after_password" in line.args and not password_demanded(
            lines[:place], lines[place].inside
        ):
            yield Fault(
                f"{line.place} says after_password, but nothing above it stops {name} after a "
                "wrong password: strangers are told why a code was refused",
                "make the password's line requisite (or @include common-auth), or drop the word",
            )


def password_demanded(above: tuple[Line, ...], inside: tuple[str, ...] = ()) -> bool:
    """Say whether these lines let nobody on to the next, in these substacks, without a password.

    Either a password module stops what fails it, or the lines behind the password modules do, as in
    Debian's common-auth: a success jumps over pam_deny.so. In a substack of its own, what fails
    ends the substack alone, and PAM goes on.
    """
    jumps = []
    for place, each in enumerate(above):
        if each.inside != inside[: len(each.inside)]:
            continue
        if each.name in PASSWORDS:
            if _action(each, "auth_err") == "die":
                return True
            if _action(each, "success").isdigit():
                jumps.append(stack.landing(above, place, int(_action(each, "success"))))
        elif each.name == "pam_deny.so" and _action(each, "auth_err") == "die":
            return bool(jumps) and all(target > place for target in jumps)
    return False


def bad_arguments(ground: Ground) -> Iterator[Fault]:
    """Give arguments that refuse every login through their line."""
    for _, lines, place in _ours(ground):
        line = lines[place]
        what = "no code behind a password is seen" if line.splits else "nobody can log in"
        try:
            arguments.read(policy.Rule(), stack.words(line))
        except ConfigError as error:
            yield Fault(f"{line.place}: {error}: {what}", error.hint or SEE)


def other_file(ground: Ground) -> Iterator[Fault]:
    """Give lines that read another file of the users' than their own tool writes."""
    usual = ground.policy.setup.file
    for _, lines, place in _ours(ground):
        try:
            said = arguments.read(policy.Rule(), stack.words(lines[place]))
        except ConfigError:  # bad_arguments gives it
            continue
        path = said.secret.replace("${HOME}", "~")
        if path and path != usual and not said.user:
            told = f"{lines[place].place}: secret={path}, but people's own changes go to {usual}"
            yield Fault(told, "take secret= out, or set file in [setup] of otpauth.conf to it")


def nobody_decides(ground: Ground) -> Iterator[Fault]:
    """Give stacks in which PAM has no success to go by when ours lets pass without one."""
    for name, lines, place in _asked(ground):
        line = lines[place]
        program = line.name == "pam_exec.so"
        others = [each for each in lines if each.name in PASSWORDS or each.name == "pam_permit.so"]
        by = ["nullok"] if lets_unenrolled(line, name, ground) else exempting(line, name, ground)
        if others or not (program or by):
            continue
        lets = f"{', '.join(each.partition(' ')[0] for each in by)} lets pass by PAM_IGNORE"
        what = "pam_exec sets no credentials" if program else lets
        text = f"{line.place}: {what}, and no other module of {name} decides: it is refused"
        yield Fault(text, f"below it: auth required pam_permit.so; {SEE}")


def rules(line: Line, service: str, ground: Ground) -> list[Rule]:
    """Return what may hold for a line of ours; nothing if its words are wrong: nobody passes."""
    try:
        words = stack.words(line)
        every = groups.wherever(ground.policy, service)
        return [arguments.read(rule, words).rule for rule in every]
    except ConfigError:
        return []


def lets_unenrolled(line: Line, service: str, ground: Ground) -> bool:
    """Say whether a line of ours lets pass now who has not enrolled."""
    return any(rule.nullok > ground.now for rule in rules(line, service, ground))


def exempting(line: Line, service: str, ground: Ground) -> list[str]:
    """Return the keys, as they are written, by which a line of ours asks some for no code."""
    found = []
    for rule in rules(line, service, ground):
        if rule.who != policy.Rule().who:
            found.append(f"who = {' '.join(rule.who)}")
        if rule.skip_from:
            found.append(f"skip_from = {' '.join(rule.skip_from)}")
    return list(dict.fromkeys(found))


def not_asked(ground: Ground) -> Iterator[Fault]:
    """Give lines that ask some for no code."""
    for name, lines, place in _asked(ground):
        for each in exempting(lines[place], name, ground):
            whom = "nobody from there" if each.startswith("skip_from") else "only these"
            text = f"{lines[place].place}: {each}: {name} asks {whom} for a code"
            yield Fault(text, f"otpauth-admin config --service {name} tells which line says so")


def nullok(ground: Ground) -> Iterator[Fault]:
    """Give lines that let pass who has not enrolled."""
    for name, lines, place in _asked(ground):
        if lets_unenrolled(lines[place], name, ground):
            said = any(each.partition("=")[0] == "nullok" for each in lines[place].args)
            where = lines[place].place if said else "otpauth.conf"
            text = f"{where}: nullok lets into {name} without a code who has not enrolled"
            yield Fault(text, "take nullok out once everybody has: otpauth-admin list --without")


def twice(ground: Ground) -> Iterator[Fault]:
    """Give stacks that ask for two codes."""
    for name, lines in ground.stacks.items():
        places = [each.place for each in lines if each.asks]
        if len(places) > 1:
            yield Fault(f"{name} asks for {len(places)} codes: {', '.join(places)}", "drop one")


def others(ground: Ground) -> Iterator[Fault]:
    """Give other modules for a second factor beside ours."""
    for name, lines in ground.stacks.items():
        for each in lines:
            if each.name in OTHERS:
                text = f"{each.place}: {each.name} is in the stack of {name}, too"
                yield Fault(f"{text}: people are asked twice", "drop one of the two")


def pam_exec(ground: Ground) -> Iterator[Fault]:
    """Give pam_exec lines without what the program needs, or where it gets the password."""
    for name, lines, place in _asked(ground):
        line = lines[place]
        if line.name != "pam_exec.so":
            continue
        for word in ("seteuid", "expose_authtok"):
            if word not in line.args:
                text = f"{line.place}: pam_exec.so lacks {word}: {name} lets nobody in"
                yield Fault(text, f"add {word}")
        if any(each.name in PASSWORDS for each in lines[:place]):
            text = f"{line.place}: pam_exec.so hands over the password, not a code"
            yield Fault(f"{text}: {name} lets nobody in", f"use pam_python.so there, {SEE}")


def everywhere(ground: Ground) -> Iterator[Fault]:
    """Give lines in files that every service includes."""
    seen = set()
    for _, lines, place in _asked(ground):
        line = lines[place]
        if os.path.basename(line.file).startswith("common-") and line.place not in seen:
            seen.add(line.place)
            text = f"{line.place}: every service asks for a code, cron jobs and screen locks, too"
            yield Fault(text, f"put the line into the files of the services meant, {SEE}")


def lockers(ground: Ground) -> Iterator[Fault]:
    """Give services that do not run as root, and cannot read a record."""
    for name, lines in ground.stacks.items():
        if name in LOCKERS:
            place = next(each.place for each in lines if each.ours)
            text = f"{place}: {name} does not run as root and cannot check a code"
            yield Fault(text, f"take the line out of /etc/pam.d/{name}")


def late_homes(ground: Ground) -> Iterator[Fault]:
    """Give services that mount or unlock a home only after the code was checked."""
    for name in ground.stacks:
        for each in (*ground.stacks[name], *stack.read(name, "session")):
            if each.name in HOMES:
                yield Fault(
                    f"{each.place}: {each.name} opens homes during the login, after the code: "
                    f"the host's copy decides in {name}, enrolments in a closed home wait",
                    "enrol such users with otpauth-admin setup USER",
                )
                break


CHECKS: tuple[Check[Ground], ...] = (
    Check("pam", WARN, "a service asks for codes", nobody_asks),
    Check("pam-include", FAIL, "PAM's files can be read", no_include, asks),
    Check("pam-control", FAIL, "a wrong code is refused", not_demanded, asks),
    Check("pam-bypass", FAIL, "no line lets in before the code", passed_by, asks),
    Check("pam-after-password", FAIL, "after_password is true where it is said", unjustified, asks),
    Check("pam-arguments", FAIL, "the module's arguments are understood", bad_arguments, asks),
    Check("pam-secret", WARN, "the users' own tool writes the file that is read", other_file, asks),
    Check("pam-decides", FAIL, "who may pass without a code can", nobody_decides, asks),
    Check("pam-nullok", WARN, "nobody passes without being enrolled", nullok, asks),
    Check("pam-exempt", WARN, "everybody is asked for a code", not_asked, asks),
    Check("pam-twice", WARN, "one code is asked", twice, asks),
    Check("pam-others", WARN, "no other second factor is asked", others, asks),
    Check("pam-exec", FAIL, "pam_exec hands over the code, as root", pam_exec, asks),
    Check("pam-common", WARN, "only the services meant ask", everywhere, asks),
    Check("pam-unprivileged", WARN, "services that ask run as root", lockers, asks),
    Check("pam-homes", WARN, "homes are open when the code is checked", late_homes, asks),
)
