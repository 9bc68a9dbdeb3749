"""otpauth-admin why: an account's latest logins in sentences, and what is in the way now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from otpauth import account, login
from otpauth.cli import report
from otpauth.doctor import finding, hindrances, person
from otpauth.errors import UsageError
from otpauth.host import Host

if TYPE_CHECKING:
    import argparse

    from otpauth.doctor.finding import Finding
    from otpauth.doctor.person import Person
    from otpauth.record import Past

LATEST = 10
ACCEPTED = frozenset(
    {
        login.OK_OTP,
        login.OK_TRUST,
        login.OK_SCRATCH,
        login.OK_STATIC,
        login.OK_SESSION,
        login.OK_GRACE,
        login.OK_BYPASS,
        login.OK_NULLOK,
        login.OK_NOT_ASKED,
    }
)


class Told(NamedTuple):
    """How a reason is told: a sentence, and what to do about it, with {token}, {user}, {before}."""

    sentence: str
    mend: str = ""


SENTENCES = {
    login.OK_OTP: Told("accepted: a code of {token}"),
    login.OK_SCRATCH: Told(
        "accepted: a scratch code of {token}",
        "was the phone lost? then, as {user}: otpauth replace phone",
    ),
    login.OK_STATIC: Told("accepted: the app password {token}"),
    login.OK_SESSION: Told("accepted: a code of {token} again, within its session"),
    login.OK_TRUST: Told("accepted: what a trusted client made of a code of {token}"),
    login.OK_GRACE: Told("accepted without a code: one of {token} was accepted from there before"),
    login.OK_BYPASS: Told(
        "accepted without a code: the administrator lets {user} in without one for a while",
        "not needed any more? otpauth-admin bypass {user} --off",
    ),
    login.OK_NULLOK: Told(
        "let pass without a code: nothing was enrolled, and the PAM line says nullok",
        "have {user} run: otpauth",
    ),
    login.OK_NOT_ASKED: Told(
        "let pass without a code: who or skip_from says that none is asked for there",
        "otpauth-admin config --user {user} --service SERVICE --rhost ADDRESS tells the line",
    ),
    login.ALREADY_USED: Told(
        "refused: that code{before}",
        "take the next code; if {user} did not use this one, somebody else did",
    ),
    login.FAILED: Told(
        "refused: the code was wrong",
        "is it the right entry of the app, is the phone's time set automatically?",
    ),
    login.NO_CODE: Told(
        "refused: the answer has not the shape of a code, often it is the password",
        "answer the question for the code with the code",
    ),
    login.NOT_HERE: Told(
        "refused: an app password that is not for this service, or was switched off or removed",
        "give the program a password of its own: otpauth add password NAME --for SERVICE",
    ),
    login.PHONE_SKEWED: Told(
        "refused: the code of {token} is right for another time",
        "type the next code of the same phone, too; switch its automatic time on",
    ),
    login.CLOCK_WENT_BACK: Told(
        "refused: this host's clock is behind the last accepted code of {token}",
        "set the clock, then: otpauth-admin unlock {user}",
    ),
    login.RATE_LIMITED: Told(
        "refused: too many wrong answers, this one was not compared",
        "wait, use a scratch code, or: otpauth-admin unlock {user}",
    ),
    login.USER_LOCKED: Told(
        "refused: {user} is locked after too many wrong answers",
        "otpauth-admin unlock {user}",
    ),
    login.SESSION_LOGOUT: Told(
        "refused: a logout password, which ended the sessions of a code",
        "to log in again, type the next code",
    ),
    login.SESSION_MAX_LOGIN: Told(
        "refused: the session of that code of {token} had all its logins",
        "type the next code; otpauth.conf says how many: session, logins=",
    ),
    login.NOT_ENROLLED: Told(
        "refused: {user} has nothing enrolled on this host",
        "otpauth-admin setup {user}; or, where no code is asked for, as {user}: otpauth",
    ),
    login.TOKEN_MISSING: Told(
        "refused: {user} is enrolled, but no token may be used",
        "otpauth-admin add {user} totp phone; or: otpauth-admin reset {user}",
    ),
    login.UNKNOWN_USER: Told(
        "refused: there is no account {user}", "is the name right, does the name service answer?"
    ),
    login.RECORD_UNREADABLE: Told(
        "refused: the record does not open",
        "otpauth-admin key import FILE if the keys were replaced; else otpauth-admin reset {user}",
    ),
    login.NOT_RECORDED: Told(
        "refused: the result could be written neither to /var/lib/otpauth nor to the home",
        "make room, or mount it writable",
    ),
    login.BUSY: Told(
        "refused: another login of {user} held the lock for too long",
        "try again; if it stays so, look for a process that hangs",
    ),
    login.UNSAFE_PROCESS: Told(
        "refused: the program could not be shielded from its caller",
        "start it without resource limits",
    ),
    login.NOT_PRIVILEGED: Told(
        "refused: the program that asked does not run as root",
        "take otpauth out of that service's PAM file; a pam_exec line needs seteuid",
    ),
    login.CONFIG_BROKEN: Told(
        "refused: otpauth.conf or the PAM line is not understood", "otpauth-admin config"
    ),
    login.KEY_MISSING: Told(
        "refused: /etc/otpauth/record.key is missing or not root's alone",
        "otpauth-admin doctor",
    ),
    login.NTLM_OFF: Told(
        "refused: NTLM is off, or what it needs is not installed",
        "ntlm = yes for the service in otpauth.conf; make install NTLM=yes",
    ),
    login.INTERNAL: Told(
        "refused: a fault of the disk, or in otpauth itself", "the system log names it"
    ),
}


def why(options: argparse.Namespace) -> int:
    """Print the latest outcomes and what is in the way now."""
    if options.number < 1:
        raise UsageError("-n takes a number from 1 on")
    one = _person(options.user)
    blocks = [each for each in finding.run(hindrances.CHECKS, one) if each.state != finding.OK]
    past = one.record.outcomes if one.record else ()
    first = max(0, len(past) - options.number)
    rows = [_row(one, past, place) for place in range(first, len(past))]
    if options.json:
        now = [each._asdict() for each in blocks]
        head = {"user": one.account.name, "enrolled": one.enrolled}
        report.as_json({**head, "now": now, "outcomes": rows})
    else:
        _print(one, blocks, rows)
    return report.DONE


def _person(name: str) -> Person:
    who = account.lookup(name)
    place = Host()
    policy = place.policy()
    found = person.look(who, policy).home
    return person.seen_by_root(who, found, place, policy, int(time.time()))


def _print(one: Person, blocks: list[Finding], rows: list[dict[str, Any]]) -> None:
    for row in rows:
        where = report.where(row["service"], row["place"])
        print(f"{report.moment(row['time'])}  {where}: {row['sentence']} ({row['reason']})")
        if row["mend"]:
            print(f"  {row['mend']}")
    if not rows:
        print(f"no code of {one.account.name} was compared on this host yet")
        print("  what was refused before that: the system log, lines of otpauth with reason=")
    for each in blocks:
        print(f"now: {each.evidence}")
        if each.mend:
            print(f"  {each.mend}")
    if not blocks:
        state = "nothing is in the way" if one.enrolled else _blank(one)
        print(f"now: {state}")


def _blank(one: Person) -> str:
    name = one.account.name
    if one.sent:
        return f"{name} is sent codes ({', '.join(one.sent)}) where a first factor is known"
    if one.waiting:
        return f"{name} enrols with the next login that asks for a code"
    mend = f"otpauth-admin setup {name}; or, where no code is asked for, as {name}: otpauth"
    return f"{name} has nothing enrolled on this host\n  {mend}"


def _row(one: Person, past: tuple[Past, ...], place: int) -> dict[str, Any]:
    """Return an outcome with its sentence. Times are Unix seconds."""
    row = past[place]
    told = SENTENCES.get(row.reason, Told(f"ended with {row.reason}"))
    words = {"user": one.account.name, "token": row.token or "a token"}
    words["before"] = _before(past[:place], row)
    return {
        "time": row.second,
        "accepted": row.reason in ACCEPTED,
        "reason": row.reason,
        "service": row.service,
        "place": row.place,
        "token": row.token or None,
        "sentence": told.sentence.format_map(words),
        "mend": told.mend.format_map(words),
    }


def _before(earlier: tuple[Past, ...], row: Past) -> str:
    """Tell by which login the code of an outcome, or a later one, had been used."""
    for each in reversed(earlier):
        if each.token == row.token and each.reason in ACCEPTED:
            where = report.where(each.service, each.place)
            return f", or a later one, had been used at {_clock(each, row)} by {where}"
    return " had been used before, maybe by setup"


def _clock(each: Past, later: Past) -> str:
    """Return an outcome's time, with its date if another outcome is of another day."""
    day, clock = report.moment(each.second).split(" ")
    return clock if report.moment(later.second).startswith(day) else f"{day} {clock}"
