"""otpauth-admin's verbs for accounts and their records."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from otpauth import (
    account,
    bypass,
    changes,
    failures,
    handover,
    limits,
    login,
    secretfile,
    wishes,
)
from otpauth.cli import listing, report
from otpauth.cli.at_once import AtOnce
from otpauth.errors import (
    NotEnrolledError,
    NoTerminalError,
    OtpauthError,
    RefusedError,
    UnknownUserError,
    UsageError,
)
from otpauth.host import Host
from otpauth.policy import of_records
from otpauth.token import HASHED, SENT, Draft

if TYPE_CHECKING:
    import argparse

    from otpauth.changes import Ground
    from otpauth.record import Record
    from otpauth.secretfile import Proposal

PROGRAM = "otpauth-admin"


def target(name: str, file: str | None = None) -> AtOnce:
    """Return the account that a verb is about; `file` as in Target. Raises UnknownUserError."""
    return AtOnce(account.lookup(name), file)


def show(options: argparse.Namespace) -> int:
    """Print one account's tokens, waiting changes and outcomes; or show a token's QR again."""
    one = target(options.user)
    if options.name:
        return _show_again(one, options)
    if options.qr_file:
        raise UsageError("--qr-file is about one token", hint=f"{PROGRAM} show USER NAME")
    if one.home_fault:
        report.say(PROGRAM, "warning", f"the home's copy is not used: {one.home_fault}")
    now = int(time.time())
    kinds = of_records(one.policy).kinds
    past = one.record.outcomes if one.record else ()
    waits, notes = _waiting(one), _notes(one)
    if options.json:
        report.as_json(
            {
                "user": one.account.name,
                "enrolled": one.enrolled,
                "tokens": [
                    {
                        **listing.as_value(each, listing.state(each, kinds, now)),
                        "note": notes.get(each.id, ""),
                    }
                    for each in one.tokens
                ],
                "waiting": [{"digest": e.digest(), "verb": e.verb, "name": e.name} for e in waits],
                "outcomes": [each._asdict() for each in past],
                "bypass": listing.bypass_value(one.record.state, now) if one.record else None,
                "locked": listing.locked_value(one.record.state, now) if one.record else [],
                **listing.limits_value(one.policy.login, one.wishes),
            }
        )
        return report.DONE
    _print_account(one, waits, now)
    return report.DONE


def _print_account(one: AtOnce, waits: list[Proposal], now: int) -> None:
    held = one.record
    if held is None or not held.enrolled:
        print(f"{one.account.name} is not enrolled on this host")
    else:
        print(f"{one.account.name}, uid {held.uid}, era {held.era}")
        kinds = of_records(one.policy).kinds
        rows = [
            (e.name, e.kind, report.day(e.added), report.day(e.used), listing.state(e, kinds, now))
            for e in one.tokens
        ]
        report.table(listing.HEAD, rows)
        notes = _notes(one)
        for listed in one.tokens:
            if notes.get(listed.id):
                print(f"note of {listed.name}: {notes[listed.id]}")
        for line in wishes.told(one.policy.login, one.wishes):
            print(f"in force: {line}")
        if bypass.left(held.state, now):
            print(f"let in without a code {bypass.told(held.state, now)}")
        for words in failures.told(limits.prune(held.state, now), now):
            print(f"locked {words}: {PROGRAM} unlock {one.account.name}")
    for each in waits:
        made = report.moment(each.made)
        print(f"waits: {each.digest()}  {each.verb} {each.name}, made {made}")
    for row in held.outcomes if held else ():
        words = login.REASONS.get(row.reason, row.reason)
        where = report.where(row.service, row.place)
        print(f"{report.moment(row.second)}  {where}: {words} ({row.reason}) {row.token}".rstrip())


def _notes(one: AtOnce) -> dict[str, str]:
    """Return the notes of tokens by their ids; only the sealed record has them."""
    return {each.id: each.note for each in one.record.ordered()} if one.record else {}


def _waiting(one: AtOnce) -> list[Proposal]:
    done = one.record.state.done if one.record else {}
    return [each for each in one.waiting if each.digest() not in done]


def _show_again(one: AtOnce, options: argparse.Namespace) -> int:
    from otpauth.cli import programs, verbs, wizard

    ident = one.named(options.name).id
    held = one.record
    assert held is not None  # noqa: S101 -- it has the token
    token = held.tokens[ident]
    if token.kind in SENT:
        print(token.params["to"])
        return report.DONE
    if token.kind in HASHED:
        verb = "codes" if token.kind == "scratch" else "replace"
        name = "" if token.kind == "scratch" else f" {token.name}"
        raise RefusedError(
            f"{token.name!r} is kept as a hash and cannot be shown",
            hint=f"new ones: {PROGRAM} {verb} {one.account.name}{name}",
        )
    seen = held.state.counters.get(ident, 0)
    draft = Draft(token.kind, token.name, token.params, seen=seen)
    named = verbs.words(one, options)
    if options.json:
        programs.show(one, programs.Shown(draft, named, []))
    else:
        try:
            with verbs.opened_terminal(plain=options.plain) as terminal, terminal.screen():
                wizard.show_again(terminal, draft, named)
        except NoTerminalError:
            if not options.qr_file:
                raise
    verbs.picture(options, draft, named)
    return report.DONE


def unlock(options: argparse.Namespace) -> int:
    """Raise an account's era without its failures."""
    one = _with_record(options.user)
    one.transact(lambda held, ground: changes.unlock(held, ground.now))
    print(f"{one.account.name} may log in again; used codes stay used")
    return report.DONE


def let_in(options: argparse.Namespace) -> int:
    """Let a user in without a code for a while, or end that."""
    if options.off:
        return _no_longer(options)
    one = target(options.user)
    hours, uses = options.hours or bypass.HOURS, options.uses or bypass.USES

    def grant(held: Record, ground: Ground) -> Record:
        if not held.enrolled:
            raise NotEnrolledError(
                f"{one.account.name} is not enrolled on this host",
                hint=f"{PROGRAM} setup {one.account.name}",
            )
        state = bypass.granted(held.state, ground.now, hours=hours, uses=uses)
        return held._replace(state=state)

    held = one.edited(grant)
    words = bypass.told(held.state, held.state.bypass.since)
    print(f"{one.account.name} is let in without a code {words}")
    return report.DONE


def _no_longer(options: argparse.Namespace) -> int:
    if options.hours or options.uses:
        raise UsageError("--off ends it; --hours and --uses begin it")
    one = _with_record(options.user)
    one.transact(lambda held, _: held._replace(state=bypass.ended(held.state)))
    print(f"{one.account.name} is asked for a code at each login")
    return report.DONE


def reset(options: argparse.Namespace) -> int:
    """Raise an account's era without its tokens."""
    try:
        one = _with_record(options.user)
    except OtpauthError as error:
        return _reset_unreadable(options.user, error)
    one.transact(lambda held, ground: changes.reset(held, ground.now))
    return _has_none(one.account.name)


def _reset_unreadable(name: str, error: OtpauthError) -> int:
    """Set aside a record that nobody can open any more; the account then enrols anew."""
    from otpauth.errors import RecordError

    if not isinstance(error, RecordError):
        raise error
    who = account.lookup(name)
    handover.discard(Host(), Host().policy(), who)
    report.say(PROGRAM, "warning", f"{error}; it was set aside")
    return _has_none(who.name)


def _has_none(name: str) -> int:
    print(f"{name} has no tokens now and enrols anew: {PROGRAM} setup {name}")
    return report.DONE


def forget(options: argparse.Namespace) -> int:
    """Remove the host's copy of an account that no longer exists."""
    if not gone(options.user):
        raise RefusedError(
            f"the account {options.user!r} exists",
            hint=f"to have it enrol anew: {PROGRAM} reset {options.user}",
        )
    place = Host()
    try:
        os.unlink(place.copy_of(options.user))
    except FileNotFoundError:
        raise NotEnrolledError(f"there is no record of {options.user!r}") from None
    print(f"forgotten: {options.user}")
    return report.DONE


def rename(options: argparse.Namespace) -> int:
    """Carry a record over to a new name, or to the present uid of the same name."""
    who = account.lookup(options.user)
    if options.old != who.name and not gone(options.old):
        raise RefusedError(
            f"the account {options.old!r} exists still",
            hint=f"first rename the account: usermod -l {options.user} {options.old}",
        )
    place = Host()
    if options.old != who.name and os.path.lexists(place.copy_of(who.name)):
        raise RefusedError(f"{who.name} has a record already")
    handover.rename(place, options.old, who)
    print(f"the record of {options.old} is {who.name}'s now, uid {who.uid}")
    return report.DONE


def approve(options: argparse.Namespace) -> int:
    """Adopt waiting changes without a code."""
    one = target(options.user)
    chosen = _chosen(one, options.digests)
    done = one.transact(lambda held, _: held, approved=chosen)
    results = {digest: (verb, name, result) for digest, verb, name, result in done.adopted}
    status = report.DONE
    for digest in chosen:
        verb, name, result = results.get(digest, ("", "", "the helper did not open it"))
        print(f"{digest}  {verb} {name}: {result}")
        if result != secretfile.ADOPTED:
            status = report.FAILED
    return status


def reject(options: argparse.Namespace) -> int:
    """Drop waiting changes."""
    one = target(options.user)
    chosen = _chosen(one, options.digests)
    one.transact(lambda held, ground: changes.dismiss(held, chosen, ground.now), rejected=chosen)
    for digest in chosen:
        print(f"{digest}  dropped")
    return report.DONE


def _chosen(one: AtOnce, digests: list[str]) -> tuple[str, ...]:
    waits = [each.digest() for each in _waiting(one)]
    unknown = [digest for digest in digests if digest not in waits]
    if unknown or not waits:
        raise RefusedError(
            f"no change {unknown[0]!r} waits" if unknown else "no change waits",
            hint=f"{PROGRAM} show {one.account.name}",
        )
    return tuple(digests or waits)


def _with_record(name: str) -> AtOnce:
    one = target(name)
    if one.record is None:
        raise NotEnrolledError(f"{one.account.name} has no record on this host")
    return one


def gone(name: str) -> bool:
    """Say whether there is no account of that name."""
    try:
        account.lookup(name)
    except UnknownUserError:
        return True
    return False
