"""otpauth-admin export: an account's tokens as a file of other software, secrets in the clear."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from otpauth import account, formats, token
from otpauth.cli import report, verbs
from otpauth.cli.at_once import AtOnce
from otpauth.errors import NotEnrolledError, UsageError
from otpauth.formats import Imported
from otpauth.token import Draft

if TYPE_CHECKING:
    import argparse

    from otpauth.record import Record
    from otpauth.token import Token
    from otpauth.wishes import Wishes

PROGRAM = "otpauth-admin"


def export(options: argparse.Namespace) -> int:
    """Write an account's tokens to the standard output."""
    if sys.stdout.isatty():
        mend = f"(umask 077; {PROGRAM} export {options.user} >FILE)"
        raise UsageError("secrets go to the standard output, not to a terminal", hint=mend)
    one = AtOnce(account.lookup(options.user))
    if one.record is None or not one.record.tokens:
        raise NotEnrolledError(f"{one.account.name} has no token on this host")
    named = verbs.words(one, options)
    there = [each for each in one.record.ordered() if each.kind not in token.SENT]
    items = [_item(one.record, each) for each in there if each.enabled]
    off = [each.name for each in one.record.ordered() if not each.enabled]
    written = formats.write(
        items, format=options.format, issuer=named.issuer, account=named.account
    )
    sys.stdout.buffer.write(written.data)
    for note in written.notes:
        report.say(PROGRAM, "warning", note)
    if off:
        report.say(PROGRAM, "warning", f"switched off and not exported: {', '.join(off)}")
    for each in one.record.ordered():
        if each.groups and each.enabled:
            names = " ".join(each.groups)
            report.say(PROGRAM, "warning", f"no limit is in the file: {each.name} for {names}")
    report.say(PROGRAM, "warning", "the secrets are in the clear: who reads it can log in")
    return report.DONE


def _item(held: Record, each: Token) -> Imported:
    """Return a token with its state; the codes of a set are known as hashes only."""
    state, params = held.state, each.params
    if each.kind in token.HASHED:
        params = {**params, "codes": []}
    seen = state.counters.get(each.id, 0) if each.kind == "hotp" else state.steps.get(each.id, 0)
    drift = state.drifts.get(each.id, (0, 0))[1]
    draft = Draft(each.kind, each.name, params, each.note, each.expires, seen, drift, each.groups)
    return Imported("", draft, _wishes(held.wishes))


def _wishes(wished: Wishes) -> dict[str, str]:
    """Return wishes as otpauth.conf spells rules."""
    spelt = {"window": str(wished.window)} if wished.window else {}
    if wished.rate_limit[0]:
        spelt["rate_limit"] = "{}/{}s".format(*wished.rate_limit)
    return spelt
