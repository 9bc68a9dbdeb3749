"""otpauth-admin list: the accounts of a host, one by one, so that many cost no memory.

What is told of an account is in the host's copy of its record; homes are not looked into.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from otpauth import (
    account,
    bypass,
    copies,
    failures,
    hostcopy,
    limits,
    secretfile,
    services,
    store,
    wishes,
)
from otpauth.account import Account
from otpauth.cli import listing, progress, report
from otpauth.errors import NotEnrolledError, OtpauthError, RecordError, UnknownUserError
from otpauth.host import Host, trusted
from otpauth.policy import Policy, of_records

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from otpauth.keys import RecordKey
    from otpauth.policy import Rule
    from otpauth.record import Record

HEAD = ("USER", "TOKENS", "LAST USED", "FAILURES", "CODES LEFT", "STATE")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet would run
ABSENT = "no such account"
NOBODY = 2**32 - 1  # the uid of an account that is gone


class Ground(NamedTuple):
    """What accounts are read and judged by. `now` is in Unix seconds.

    `doors` are the rules of the services that ask for codes, `policy` says to whom codes are sent.
    """

    host: Host
    keys: RecordKey
    rule: Rule
    now: int
    doors: dict[str, Rule] = {}
    policy: Policy = Policy()


class Entry(NamedTuple):
    """An account as it is listed.

    `usable` says that it has tokens that would be accepted now, at each service that asks, or is
    sent codes.
    """

    user: str
    state: str
    held: Record | None = None
    usable: bool = False


def enrolled(options: argparse.Namespace) -> int:
    """Print the accounts that have a record on this host."""
    host = Host()
    policy = host.policy()
    now, doors = int(time.time()), services.doors(policy)
    ground = Ground(host, host.record_key(), of_records(policy), now, doors, policy)
    users = options.users or (_logins() if options.without else names(host))
    shown = not options.plain and not sys.stdout.isatty()
    absent: list[str] = []
    entries = _entries(progress.bar(users, shown=shown), ground, absent)
    if options.without:
        entries = (each for each in entries if not each.usable)
    if options.json:
        _print_json(_value(each, ground) for each in entries)
    elif options.csv:
        _print_csv(entries, ground)
    else:
        report.table(HEAD, (_row(each) for each in entries))
    return report.FAILED if absent else report.DONE


def _entries(names: Iterable[str], ground: Ground, absent: list[str]) -> Iterator[Entry]:
    """Find out about each; who is not known at all is noted in `absent`."""
    for name in names:
        one = entry(name, ground)
        if one.state == ABSENT:
            absent.append(name)
        yield one


def names(host: Host) -> list[str]:
    """Return the users of all host copies; where a file's name is a hash, by what it says."""
    folder = os.path.join(host.var, "users")
    try:
        files = sorted(os.listdir(folder))
    except FileNotFoundError:
        raise NotEnrolledError(f"{folder!r} is missing", hint="otpauth-admin init") from None
    files = [file for file in files if not file.startswith((".", "=aside-"))]
    return [_hashed(host, folder, file) if file.startswith("=") else file for file in files]


def _hashed(host: Host, folder: str, file: str) -> str:
    try:
        data = trusted(os.path.join(folder, file), host.owner, most=secretfile.SIZE_MAX)
        return secretfile.parse(data).records[0].user
    except (OtpauthError, OSError, IndexError):
        return file


def _logins() -> list[str]:
    """Return who could log in here."""
    from otpauth.doctor.ground import Ground as Doctors

    return [each.name for each in Doctors().logins]


def entry(name: str, ground: Ground) -> Entry:
    """Return an account as the host's copy of its record has it."""
    try:
        who = account.lookup(name)
    except UnknownUserError:
        who = Account(name, NOBODY, NOBODY, "/")
    try:
        held, _ = hostcopy.read(who, ground.host, ground.keys, any_uid=True, dry=True)
    except RecordError:
        return Entry(who.name, "damaged: it needs a newer record.key: otpauth-admin key import")
    except (OtpauthError, OSError):
        return Entry(who.name, "damaged: the record does not open: otpauth-admin reset")
    sent = () if who.uid == NOBODY else store.sent_to(who, ground.policy, ground.host)
    if held is None:
        words = f"sent codes ({', '.join(sent)})" if sent else "not enrolled"
        return Entry(who.name, ABSENT if who.uid == NOBODY else words, usable=bool(sent))
    if who.uid == NOBODY:
        return Entry(who.name, f"{ABSENT}: otpauth-admin forget", held)
    if held.uid != who.uid:
        return Entry(who.name, f"of uid {held.uid}, not {who.uid}: otpauth-admin rename", held)
    state = limits.prune(held.state, ground.now)
    held = held._replace(state=state)
    live = [each for each in held.ordered() if each.live(ground.now)]
    usable = any(each.kind in ground.rule.kinds for each in live)
    shut = services.shut(ground.doors, live) if usable else []
    words = _state(held, ground, usable=usable, shut=[] if sent else shut, sent=sent)
    return Entry(who.name, words, held, bool(sent) or (usable and not shut))


def _state(
    held: Record, ground: Ground, *, usable: bool, shut: list[str], sent: tuple[str, ...]
) -> str:
    """Return what an account's next login meets, in a few words."""
    if usable:
        words = f"ready, not for {services.spoken(shut)}" if shut else "ready"
    elif sent:
        words = f"sent codes ({', '.join(sent)})"
    elif not held.enrolled:
        return "reset" if held.era else "not enrolled"
    elif not held.tokens:
        words = "no token left"
    elif not any(each.enabled for each in held.tokens.values()):
        words = "all switched off"
    else:
        words = "no token may be used: otpauth-admin show"
    rule = wishes.effective(ground.rule, held.wishes)
    buckets = {event.bucket for event in held.state.events}
    if any(limits.wait(held.state, each, rule, ground.now) for each in buckets):
        words += ", limited"
    for locked in failures.told(held.state, ground.now):
        words += f", locked {locked}"
    if bypass.left(held.state, ground.now):
        words += f", without a code {bypass.told(held.state, ground.now)}"
    return words


def _last(one: Entry) -> int:
    return max(one.held.state.last.values(), default=0) if one.held else 0


def _left(one: Entry) -> int | None:
    """Return how many scratch codes are left, None if the account never had any."""
    held = one.held
    listed = [copies.listed(held, each) for each in held.ordered()] if held else []
    left = [each.left for each in listed if each.left >= 0]
    return sum(left) if left else None


def _failures(one: Entry) -> int:
    return len(one.held.state.events) if one.held else 0


def _tokens(one: Entry) -> list[str]:
    return [f"{each.name} ({each.kind})" for each in one.held.ordered()] if one.held else []


def _row(one: Entry) -> tuple[str, ...]:
    left = _left(one)
    return (
        one.user,
        ", ".join(_tokens(one)) or "-",
        report.day(_last(one)),
        str(_failures(one) or "-"),
        "-" if left is None else str(left),
        one.state,
    )


def _value(one: Entry, ground: Ground) -> dict[str, Any]:
    """Return an account for JSON."""
    held = one.held
    return {
        "user": one.user,
        "tokens": _tokens(one),
        "kinds": sorted({each.kind for each in held.tokens.values()}) if held else [],
        "last_used": _last(one) or None,
        "failures": _failures(one),
        "left": _left(one),
        "state": one.state,
        "bypass": listing.bypass_value(held.state, ground.now) if held else None,
        "locked": listing.locked_value(held.state, ground.now) if held else [],
        **listing.limits_value(ground.rule, held.wishes if held else wishes.NONE),
    }


def _print_json(values: Iterable[dict[str, Any]]) -> None:
    """Print an array, each account on a line as soon as it is known."""
    before = "["
    for each in values:
        print(f"{before}\n  {json.dumps(each)}", end="")
        before = ","
    print("[]" if before == "[" else "\n]")


def _print_csv(entries: Iterator[Entry], ground: Ground) -> None:
    """Print RFC 4180, dates in UTC."""
    out = csv.writer(sys.stdout)
    out.writerow(("user", "tokens", "kinds", "last_used", "failures", "codes_left", "state"))
    for each in entries:
        one = _value(each, ground)
        last = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_last(each))) if _last(each) else ""
        kinds = " ".join(one["kinds"])
        tokens = ", ".join(one["tokens"])
        cells = (one["user"], tokens, kinds, last, one["failures"], one["left"], one["state"])
        out.writerow(_harmless(cell) for cell in cells)


def _harmless(cell: object) -> str:
    """Return a cell that a spreadsheet takes for text where it would take it for a formula."""
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text
