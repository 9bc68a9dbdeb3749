"""Who could log in before a change and cannot after it: by what each has and what sshd wants."""

from __future__ import annotations

from typing import Any

import pytest

from otpauth.account import Account
from otpauth.doctor.finding import FAIL, Finding
from otpauth.enable import affected
from otpauth.enable.affected import KEY_HELD, PASSWORD_HELD, TOKEN_HELD, Someone
from otpauth.enable.wanted import KEY, ONE_BOX, PASSWORD, Wanted
from otpauth.policy import Rule
from otpauth.stack import Line

UNIX = (Line("/etc/pam.d/sshd", 1, "requisite", "pam_unix.so", ()),)
OPEN = {
    "pubkeyauthentication": "yes",
    "passwordauthentication": "yes",
    "permitrootlogin": "without-password",
}
BY_KEY = OPEN | {"authenticationmethods": "publickey"}
BOTH = OPEN | {"authenticationmethods": "publickey,keyboard-interactive"}
INTERACTIVE = OPEN | {"authenticationmethods": "keyboard-interactive"}


class Host:
    """A host, as far as it is looked at: sshd's settings for each, and the stack of sshd."""

    def __init__(self, settings: dict[str, str], **others: dict[str, str]) -> None:
        self._settings, self._others = settings, others

    def settings_for(self, name: str) -> dict[str, str]:
        """Return what is in force for somebody."""
        return self._others.get(name, self._settings)

    def stack_of(self, _: str) -> tuple[Line, ...]:
        """Return a stack that asks for a password."""
        return UNIX


def one(name: str, *has: str, rises: bool = False, **more: bool) -> Someone:
    """Return an account, which is asked if nothing else is said."""
    who = Account(name, 0 if name == "root" else 1000, 1000, f"/home/{name}")
    return Someone(who, frozenset(has), rises=rises, **{"is_asked": True, **more})


ADMIN = one("admin", KEY_HELD, PASSWORD_HELD, TOKEN_HELD, rises=True)


def found(people: list[Someone], after: Any, wanted: Wanted) -> dict[str, list[str]]:
    """Return what is said, by the id of the finding."""
    said: dict[str, list[str]] = {}
    before: Any = Host(OPEN)
    for each in affected.findings(before, after, people, wanted):
        assert isinstance(each, Finding)
        said.setdefault(each.id, []).append(each.evidence or each.title)
    return said


@pytest.mark.parametrize(
    ("first", "after", "person", "said"),
    [
        (KEY, BOTH, one("bob", PASSWORD_HELD), "bob: a password and no key"),
        (KEY, BOTH, one("bob", PASSWORD_HELD, TOKEN_HELD), "bob: a password and no key"),
        (KEY, BOTH, one("bob", KEY_HELD), "bob: a key and no token"),
        (KEY, BOTH, one("bob", KEY_HELD, TOKEN_HELD), ""),
        (KEY, BOTH, one("bob", TOKEN_HELD), ""),
        (KEY, BOTH, one("root", KEY_HELD, TOKEN_HELD, rises=True), "PermitRootLogin"),
        (KEY, BOTH | {"permitrootlogin": "yes"}, one("root", KEY_HELD, TOKEN_HELD), ""),
        (PASSWORD, INTERACTIVE, one("bob", PASSWORD_HELD), "bob: a password and no token"),
        (PASSWORD, INTERACTIVE, one("bob", PASSWORD_HELD, TOKEN_HELD), ""),
        (PASSWORD, INTERACTIVE, one("bob", KEY_HELD, TOKEN_HELD), "bob: a key and no password"),
        (ONE_BOX, INTERACTIVE, one("bob", PASSWORD_HELD), "bob: a password and no token"),
    ],
)
def test_who_is_shut_out(first: str, after: dict[str, str], person: Someone, said: str) -> None:
    """Who had a way in and has none is named with what is missing; nobody else is."""
    host = Host(BOTH, **{person.name: after})
    if first != KEY:
        host = Host(INTERACTIVE)
    lost = found([ADMIN, person], host, Wanted("sshd", first)).get("enable-lost", [])
    assert len(lost) == bool(said)
    assert not said or said in lost[0]


def test_a_deadline_shuts_nobody_out() -> None:
    """Until a day, who has the first factor and no token passes."""
    wanted = Wanted("sshd", KEY, until="2099-01-31")
    said = found([ADMIN, one("bob", KEY_HELD)], Host(BOTH), wanted)
    assert "enable-lost" not in said
    assert found([ADMIN, one("bob", PASSWORD_HELD)], Host(BOTH), wanted)["enable-lost"]


def test_who_is_not_asked() -> None:
    """Who stays outside of a group logs in as before, and is named if a key is all it takes."""
    people = [
        ADMIN,
        one("git", KEY_HELD, is_asked=False),
        one("bob", PASSWORD_HELD, is_asked=False),
    ]
    said = found(people, Host(OPEN, admin=BOTH), Wanted("sshd", KEY, "staff"))
    assert said["enable-free"] == ["by key alone, as today: git (not in %staff)"]
    assert "enable-lost" not in said


def test_somebody_must_be_able_to_become_root() -> None:
    """It fails if nobody who can become root has a token, or none of them could log in by ssh."""
    wanted = Wanted("sshd", KEY)
    people = [one("bob", KEY_HELD, TOKEN_HELD), one("root", KEY_HELD, rises=True)]
    assert "enable-way-in" not in found(people, Host(BOTH), wanted)
    states = {each.id: each.state for each in affected.findings(*[Host(OPEN)] * 2, people, wanted)}  # type: ignore[arg-type, list-item]
    assert states["enable-root"] == FAIL
    people = [one("root", KEY_HELD, TOKEN_HELD, rises=True), one("bob", KEY_HELD, TOKEN_HELD)]
    said = found(people, Host(BOTH), wanted)
    assert "nobody who can become root could log in by ssh: root (Perm" in said["enable-way-in"][0]
    assert "enable-way-in" not in found(people, Host(BOTH, root=BY_KEY), wanted)


BASIC = "sshd asks everybody for a key and a code"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("sshd", KEY), BASIC),
        (
            Wanted("sshd", KEY, "", ("git",), "2099-01-31"),
            f"{BASIC}; git for a key alone; up to 2099-01-31 who has no token needs none",
        ),
        (
            Wanted("sshd", PASSWORD, "staff"),
            "sshd asks %staff (admin) for a password and a code; all others as today",
        ),
        (Wanted("sudo"), "sudo asks everybody for a code, besides what it asks now"),
    ],
)
def test_who_is_asked_for_what(wanted: Wanted, said: str) -> None:
    """One sentence says who is asked, and for what."""
    people = [ADMIN, one("git", KEY_HELD, is_asked=False)]
    assert found(people, Host(BOTH), wanted)["enable-asked"] == [said]


def test_who_tries_it() -> None:
    """Who proves a change has a token and becomes root; best is who is asked, and not root."""
    root = one("root", TOKEN_HELD, rises=True)
    outside = one("eve", TOKEN_HELD, rises=True, is_asked=False)
    assert affected.tester([root, outside, ADMIN]) == "admin"
    assert affected.tester([root, outside]) == "root"
    assert affected.tester([one("bob", TOKEN_HELD), one("carol", KEY_HELD, rises=True)]) == ""


def test_other_services() -> None:
    """At another service those are named who have a password for it and no token."""
    people = [ADMIN, one("bob", PASSWORD_HELD), one("robot", KEY_HELD)]
    said = found(people, Host(OPEN), Wanted("login"))
    assert said["enable-lost"] == ["bob: a password and no token: refused by login"]
    assert "enable-lost" not in found(people, Host(OPEN), Wanted("login", until="2099-01-31"))


def test_a_long_list_is_cut() -> None:
    """Of many names the first are shown, and how many more there are."""
    people = [ADMIN, *(one(f"p{n:02}", KEY_HELD) for n in range(20))]
    (said,) = found(people, Host(BOTH), Wanted("sshd", KEY))["enable-lost"]
    assert "p07 and 12 more: a key and no token" in said


@pytest.mark.parametrize(
    ("text", "can"),
    [
        ("    (ALL : ALL) ALL", True),
        ("    (root) NOPASSWD: ALL", True),
        ("    (ALL) NOPASSWD: SETENV: ALL", True),
        ("    (ALL) !ALL", False),
        ("    (ALL) /usr/bin/apt, ALL", False),
        ("    (postgres) ALL", False),
        ("User bob is not allowed to run sudo on host.", False),
    ],
)
def test_what_sudo_says(text: str, can: bool) -> None:  # noqa: FBT001
    """Only who may run everything as root counts as one who can become root."""
    assert bool(affected._SUDO_ALL.search(f"User bob may run:\n{text}\n")) == can  # noqa: SLF001


def test_who_is_asked_for_no_code() -> None:
    """Whom otpauth.conf exempts needs no token, is named, and does not try the change."""
    rule = Rule(who=("*", "!robot"), skip_from=("10.0.0.0/8",))
    robot = one("robot", KEY_HELD, TOKEN_HELD, rises=True, exempt=True)
    for each in (robot, one("robot", KEY_HELD, exempt=True)):
        said = found([each, ADMIN], Host(BOTH), Wanted("sshd", KEY, rule=rule))
        assert not said.get("enable-lost")
        (asked,) = said["enable-asked"]
        assert "robot for no code (otpauth.conf: who)" in asked
        assert "from 10.0.0.0/8 for no code (otpauth.conf: skip_from)" in asked
    assert affected.tester([robot, ADMIN]) == "admin"
    bob = one("bob", PASSWORD_HELD, exempt=True)
    assert "enable-lost" not in found([bob, ADMIN], Host(BOTH), Wanted("su", rule=rule))
