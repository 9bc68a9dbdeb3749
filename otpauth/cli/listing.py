"""Tables of tokens: names, kinds, dates and states; never a secret or a code."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from otpauth import bypass, failures, limits, services, token, wishes
from otpauth.cli import limited, report
from otpauth.cli.target import NEW
from otpauth.policy import ALWAYS, of_records

if TYPE_CHECKING:
    from otpauth.cli.target import Own
    from otpauth.policy import Rule
    from otpauth.secretfile import Listed, Proposal
    from otpauth.state import State
    from otpauth.wishes import Wishes

HEAD = ("NAME", "KIND", "ADDED", "LAST USED", "STATE")


def state(each: Listed, kinds: tuple[str, ...], now: int) -> str:
    """Return what a token is good for now, in a few words."""
    if each.switch == "off":
        return "switched off"
    if 0 < each.expires <= now:
        return f"expired {report.day(each.expires - 86400)}"
    if each.kind not in kinds and each.kind in token.SENT:
        return f"refused by this host: {each.to} is an own address (otpauth.conf: own)"
    if each.kind not in kinds:
        return f"not accepted on this host (otpauth.conf: kinds), kind {each.kind}"
    words = f"ready, {each.to}" if each.to else "ready"
    if each.left >= 0:
        mend = "codes" if each.kind == "scratch" else f"replace {each.name}"
        left = f"{each.left} of {each.size} left"
        words += f", {left}" if each.left else f", none left: otpauth {mend}"
    if token.weak(each.kind, each.bits):
        words += f", weak ({each.bits} bits)"
    if each.expires:
        words += f", until {report.day(each.expires - 1)}"
    return words + limited.told(each.groups)


def show_own(own: Own, *, json: bool) -> int:
    """Print the caller's tokens, what waits, and what was refused."""
    now = int(time.time())
    kinds = of_records(own.policy).kinds
    rows = [_row(each, state(each, kinds, now)) for each in own.tokens]
    rows += [_waiting_row(own, each) for each in own.waiting]
    refused = _refused(own)
    if json:
        report.as_json(_as_json(own, rows, refused))
        return report.DONE
    host = os.uname().nodename.partition(".")[0]
    asking = services.sentence(services.asking()) or "no service asks for a code yet"
    print(f"{own.account.name} on {host}, host key {own.public.id}: {asking}")
    if rows:
        report.table(HEAD, rows)
    else:
        begin = "" if own.sent else "; begin with: otpauth setup"
        print(f"nothing is enrolled on this host{begin}")
    if own.sent:
        print(f"codes are sent to you ({', '.join(own.sent)}) where a first factor is known")
    for line in wishes.told(own.policy.login, own.wishes):
        print(f"in force: {line}")
    if own.view.record and own.view.record.bypass[0] > now:
        print(f"no code is asked for {bypass.span(*own.view.record.bypass, now)}")
    for line in refused:
        print(f"refused by this host: {line}")
    for other in own.view.foreign:
        text = f"a record of host key {other.host} is in the file, too; this host has"
        report.say("otpauth", "warning", f"{text} {own.public.id}")
    return report.DONE


def _row(each: Listed, words: str) -> tuple[str, ...]:
    return (each.name, each.kind, report.day(each.added), report.day(each.used), words)


def _waiting_row(own: Own, each: Proposal) -> tuple[str, ...]:
    first = not own.tokens and each is own.waiting[0]
    words = "new, ready" if first or each.verb in NEW else each.verb + ","
    words += " at your next login"
    admin = own.policy.setup.changes == "admin" and not first
    if (admin or own.waits) and each.verb != "logout":
        words = f"{each.verb}, waits for the administrator"
    return (each.name, "-", report.day(each.made), "-", words)


def _refused(own: Own) -> list[str]:
    if own.view.record is None:
        return []
    return [
        f"{report.day(each.second)} {each.name}: {each.reason}"
        for each in own.view.record.notices
        if each.what == "refused"
    ]


def _as_json(own: Own, rows: list[tuple[str, ...]], refused: list[str]) -> dict[str, Any]:
    states = {row[0]: row[4] for row in rows}
    return {
        "user": own.account.name,
        "key": own.public.id,
        "enrolled": own.enrolled,
        "sent": list(own.sent),
        "services": [name for name, asks in services.asking().items() if asks],
        "tokens": [as_value(each, states[each.name]) for each in own.tokens],
        "waiting": [
            {"name": e.name, "verb": e.verb, "made": e.made, "digest": e.digest()}
            for e in own.waiting
        ],
        "refused": refused,
        **limits_value(own.policy.login, own.wishes),
    }


def limits_value(rule: Rule, wished: Wishes) -> dict[str, Any]:
    """Return wishes, and what is in force of them, for JSON."""
    value = wishes.value(wished)
    del value["set"]
    return {"wishes": value, "in_force": wishes.told(rule, wished)}


def bypass_value(held: State, now: int) -> dict[str, int] | None:
    """Return a bypass for JSON, null if none is left."""
    left = bypass.left(held, now)
    return {"until": held.bypass.until, "left": left} if left else None


def locked_value(held: State, now: int) -> list[dict[str, Any]]:
    """Return the groups that are locked for JSON; `until` is null for no end."""
    found = failures.locked(limits.prune(held, now), now)
    return [
        {"group": group, "until": None if until == ALWAYS else until}
        for group, until in sorted(found.items())
    ]


def as_value(each: Listed, words: str) -> dict[str, Any]:
    """Return a token for JSON. Times are Unix seconds, null for never."""
    return {
        "name": each.name,
        "kind": each.kind,
        "id": each.id,
        "added": each.added,
        "last_used": each.used or None,
        "expires": each.expires or None,
        "left": each.left if each.left >= 0 else None,
        "of": each.size if each.size >= 0 else None,
        "bits": each.bits,
        "on": each.switch == "on",
        "groups": list(each.groups),
        "to": each.to or None,
        "state": words,
    }
