"""What a change does to whom: who could log in before it and cannot after, and who is asked.

What a person has is a key, a password, a token. What sshd wants of him is what `sshd -T` says for
him, and of each method that PAM serves, what the stack asks for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from otpauth.account import in_group
from otpauth.attempt import exempt
from otpauth.doctor import shadow
from otpauth.doctor.finding import FAIL, OK, WARN, Finding
from otpauth.doctor.ground import ask
from otpauth.doctor.pamstack import PASSWORDS
from otpauth.doctor.sshd import BY_PAM, SERVICE, ways
from otpauth.enable.wanted import KEY, ONE_BOX, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from otpauth.account import Account
    from otpauth.doctor.ground import Ground
    from otpauth.enable.wanted import Wanted
    from otpauth.stack import Line

ROOTS = ("sudo", "wheel", "admin")  # groups that become root, where sudo is missing
SHOWN = 8  # names in one line
KEY_HELD, PASSWORD_HELD, TOKEN_HELD = "key", "password", "token"
_SUDO_ANY = re.compile(r"^\s+\(", re.MULTILINE)
_SUDO_ALL = re.compile(r"^\s+\((?:ALL|root)\b[^)]*\)\s+(?:[A-Z_]+:\s*)*ALL$", re.MULTILINE)


class Someone(NamedTuple):
    """An account, what it has of KEY_HELD, PASSWORD_HELD and TOKEN_HELD, and its part in this."""

    account: Account
    has: frozenset[str]
    rises: bool  # can become root; of those without a token only root itself is known
    is_asked: bool
    exempt: bool = False  # who in otpauth.conf asks for no code

    @property
    def name(self) -> str:
        """The account's name."""
        return self.account.name


def everyone(ground: Ground, wanted: Wanted) -> list[Someone]:
    """Return all who can log in, or are enrolled. The caller is root."""
    tokens = {
        each.account.name
        for each in ground.people
        if each.waiting or (each.enrolled and each.tokens)
    }
    found = []
    for who, seen in ground.homes.items():
        has = {
            KEY_HELD: seen.has_key,
            PASSWORD_HELD: who.name not in shadow.without_password(),
            TOKEN_HELD: who.name in tokens,
        }
        found.append(
            Someone(
                who,
                frozenset(each for each, held in has.items() if held),
                rises=who.uid == 0 or (has[TOKEN_HELD] and _rises(who)),
                is_asked=_is_asked(who, wanted),
                exempt=bool(exempt(who, "", wanted.rule)),
            )
        )
    return found


def tester(people: Iterable[Someone]) -> str:
    """Return who tries the change: can become root and has a token; best who is asked, not root."""
    fit = [each for each in people if each.rises and TOKEN_HELD in each.has]
    fit.sort(key=lambda each: (each.exempt or not each.is_asked, each.account.uid == 0))
    return fit[0].name if fit else ""


def findings(
    before: Ground, after: Ground, people: list[Someone], wanted: Wanted
) -> Iterator[Finding]:
    """Say who is asked for what, who can become root and has a token, and who is shut out."""
    yield Finding("enable-asked", OK, _asked(people, wanted))
    yield from _about_root(people)
    if wanted.service == SERVICE:
        yield from _about_sshd(before, after, people, wanted)
    else:
        yield from _about_others(people, wanted)


def _asked(people: list[Someone], wanted: Wanted) -> str:
    """Return a sentence on who is asked for what."""
    what = _WHAT[wanted.first] if wanted.service == SERVICE else "a code, besides what it asks now"
    if wanted.group:
        members = listed([each.name for each in people if each.is_asked]) or "nobody yet"
        text = f"{wanted.service} asks %{wanted.group} ({members}) for {what}; all others as today"
    else:
        text = f"{wanted.service} asks everybody for {what}"
    if wanted.spared:
        text += f"; {listed(list(wanted.spared))} for a key alone"
    exempt_ones = [each.name for each in people if each.is_asked and each.exempt]
    if exempt_ones:
        text += f"; {listed(exempt_ones)} for no code (otpauth.conf: who)"
    if wanted.rule.skip_from:
        text += f"; from {' '.join(wanted.rule.skip_from)} for no code (otpauth.conf: skip_from)"
    return f"{text}; up to {wanted.until} who has no token needs none" if wanted.until else text


_WHAT = {
    KEY: "a key and a code",
    PASSWORD: "a password and a code",
    ONE_BOX: "a password and a code, in one answer or in two",
}


def _about_root(people: list[Someone]) -> Iterator[Finding]:
    name = tester(people)
    if name:
        yield Finding("enable-root", OK, f"{name} can become root and has a token")
    else:
        yield Finding(
            "enable-root",
            FAIL,
            "who can become root has a token",
            "nobody who can become root has a token: all would be shut out",
            "enrol first, as yourself and without sudo: otpauth",
        )


def _about_sshd(
    before: Ground, after: Ground, people: list[Someone], wanted: Wanted
) -> Iterator[Finding]:
    old = before.stack_of(SERVICE)
    stays = [each for each in people if _passes(each, after, _needs(each, wanted, old))]
    names = {each.name for each in stays}
    out = [each for each in people if each.name not in names]
    lost = [each for each in out if _passes(each, before, _needed(old))]
    if tester(people) and not any(each.rises for each in stays):
        yield Finding(
            "enable-way-in",
            FAIL,
            "who can become root can log in",
            f"nobody who can become root could log in by ssh: {_why(lost, after)}",
            "a key in authorized_keys and a token for one of them; or --password",
        )
    yield from (Finding("enable-lost", WARN, *each) for each in _lost(lost, after, wanted))
    free = [each.name for each in stays if not each.is_asked and KEY_HELD in each.has]
    if free:
        outside = f" (not in %{wanted.group})" if wanted.group else ""
        text = f"by key alone, as today: {listed(free)}{outside}"
        yield Finding("enable-free", WARN, "everybody gives a code", text)


def _lost(lost: list[Someone], after: Ground, wanted: Wanted) -> Iterator[tuple[str, str, str]]:
    """Name those who can no longer log in by what they lack, with what mends it."""
    title = "everybody can still log in"
    barred = [each for each in lost if _barred(each, after)]
    lost = [each for each in lost if each not in barred]
    lacks = TOKEN_HELD if wanted.first == KEY else PASSWORD_HELD
    robots = [each.name for each in lost if KEY_HELD in each.has and lacks not in each.has]
    others = [each.name for each in lost if each.name not in robots]
    if barred:
        text = "root has a key, and PermitRootLogin lets it give no code: it can no longer log in"
        yield title, text, "PermitRootLogin yes, or --except root"
    if robots:
        text = f"{listed(robots)}: a key and no {lacks}: can no longer log in"
        robot = f"robots: --except {','.join(robots[:SHOWN])}"
        yield title, text, f"people: {_MENDS[lacks]}; {robot}"
    if others:
        lacks = KEY_HELD if wanted.first == KEY else TOKEN_HELD
        text = f"{listed(others)}: a password and no {lacks}: can no longer log in"
        yield title, text, _MENDS[lacks]


_MENDS = {
    KEY_HELD: "a key in their ~/.ssh/authorized_keys; or --password",
    PASSWORD_HELD: "passwd USER",
    TOKEN_HELD: "otpauth-admin setup USER, or otpauth as each; or --until DATE",
}


def _about_others(people: list[Someone], wanted: Wanted) -> Iterator[Finding]:
    """Name those who have a password for the service and no token."""
    lost = [
        each.name
        for each in people
        if each.is_asked
        and not each.exempt
        and PASSWORD_HELD in each.has
        and TOKEN_HELD not in each.has
    ]
    lost = [name for name in lost if wanted.service != "sudo" or _sudo(name, _SUDO_ANY)]
    if lost and not wanted.until:
        text = f"{listed(lost)}: a password and no token: refused by {wanted.service}"
        title = "everybody who is asked has a token"
        yield Finding("enable-lost", WARN, title, text, _MENDS[TOKEN_HELD])


def _needs(each: Someone, wanted: Wanted, old: tuple[Line, ...]) -> frozenset[str]:
    """Return what PAM will ask of somebody."""
    if not each.is_asked:
        return _needed(old)
    password = set() if wanted.first == KEY else {PASSWORD_HELD}
    excused = each.exempt or (wanted.until and TOKEN_HELD not in each.has)
    return frozenset(password if excused else password | {TOKEN_HELD})


def _needed(lines: tuple[Line, ...]) -> frozenset[str]:
    """Return what a stack asks for as it is."""
    password = {PASSWORD_HELD} if any(line.name in PASSWORDS for line in lines) else set()
    return frozenset(password | ({TOKEN_HELD} if any(line.ours for line in lines) else set()))


def _passes(each: Someone, ground: Ground, needs: frozenset[str]) -> bool:
    """Say whether somebody has all that one of the ways into sshd takes."""
    settings = ground.settings_for(each.name)
    root = settings.get("permitrootlogin", "yes") if each.account.uid == 0 else "yes"
    if root not in ("yes", "without-password", "prohibit-password"):
        return False
    for way in ways(settings):
        by_pam = bool(set(way) & set(BY_PAM))
        taken = {KEY_HELD} if "publickey" in way else set()
        known = set(way) <= {"publickey", *BY_PAM}
        if (
            known
            and not (by_pam and root != "yes")
            and each.has >= taken | (needs if by_pam else set())
        ):
            return True
    return False


def _barred(each: Someone, after: Ground) -> bool:
    """Say whether it is PermitRootLogin that keeps somebody out."""
    settings = after.settings_for(each.name)
    return each.account.uid == 0 and settings.get("permitrootlogin") != "yes"


def _why(lost: list[Someone], after: Ground) -> str:
    """Say of those who could become root what keeps them out."""
    rising = [each for each in lost if each.rises]
    said = [f"{each.name} ({_lack(each, after)})" for each in rising]
    return ", ".join(said) or "nobody could before either"


def _lack(each: Someone, after: Ground) -> str:
    if _barred(each, after):
        return "PermitRootLogin"
    return f"no {' and no '.join(sorted({KEY_HELD, TOKEN_HELD} - each.has))}"


def _is_asked(who: Account, wanted: Wanted) -> bool:
    if who.name in wanted.spared:
        return False
    return not wanted.group or in_group(who, wanted.group)


def _rises(who: Account) -> bool:
    """Say whether an account can become root: by sudo, or where that is missing by su."""
    by_su = "root" not in shadow.without_password()
    by_group = any(in_group(who, group) for group in ROOTS)
    return _sudo(who.name, _SUDO_ALL, unknown=by_su or by_group)


def _sudo(name: str, pattern: re.Pattern[str], *, unknown: bool = True) -> bool:
    """Say whether sudo lists what is looked for among what somebody may run."""
    said = ask("sudo", "-n", "-l", "-U", name)
    return unknown if said.status is None else bool(pattern.search(said.output))


def listed(names: list[str]) -> str:
    """Return names in one line: the first ones, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
