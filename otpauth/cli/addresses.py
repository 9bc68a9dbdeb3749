"""A user's own address as a token: codes are sent there at a login, if the host does so.

Nothing is sent from here: the tool has none of the gateways' secrets. That codes arrive is shown by
the first login with one.
"""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

from otpauth import answer, channels
from otpauth.changes import Change
from otpauth.cli import programs, report, verbs, wizard
from otpauth.cli.target import Own
from otpauth.errors import ConfigError, RefusedError, UsageError
from otpauth.token import ID_SIZE, SENT, Draft

if TYPE_CHECKING:
    import argparse

    from otpauth.cli.target import Target

LIKE = {"mail": "me@example.org", "sms": "+49301234567", "push": "my-topic"}
EXAMPLES = {kind: f"{kind} work {to}" for kind, to in LIKE.items()}
_NOT_OURS = ("algorithm", "digits", "period", "issuer", "label", "qr_file", "uri")


def check(kind: str, options: argparse.Namespace) -> None:
    """Raise UsageError if an address is given where none belongs."""
    if kind not in SENT and options.to is not None:
        raise UsageError(f"a token of kind {kind} has no address", hint="kinds: " + " ".join(SENT))


def add(target: Target, options: argparse.Namespace, name: str) -> int:
    """Add an address beside the present tokens; a user's first one with scratch codes."""
    kind = options.kind
    given = next((each for each in _NOT_OURS if getattr(options, each)), None)
    if given:
        raise UsageError(f"--{given.replace('_', '-')} is not for addresses")
    draft = _draft(target, kind, name, options)
    if target.enrolled and options.codes is not None:
        raise UsageError("scratch codes are made by codes")
    wanted = not target.enrolled and (isinstance(target, Own) or options.codes)
    codes = verbs.new_codes(target, options.codes) if wanted else []
    spare = (wizard.scratch_draft(codes),) if codes else ()
    change, verb = Change(add=(draft, *spare)), "setup" if codes else "add"
    if options.json:
        _show(target, draft, codes)
        target.submit(verb, name, change._replace(proof=programs.proof(target)))
        return report.DONE
    if codes:
        with verbs.opened_terminal(plain=options.plain) as terminal, terminal.screen():
            wizard.hand_out(terminal, wizard.codes_told(terminal, codes))
            target.submit(verb, name, change)
    else:
        proof = verbs.proven(target, plain=options.plain)
        target.submit(verb, name, change._replace(proof=proof))
    word = kind if answer.code(name).isdigit() else name  # digits would be a code
    print(f"{target.program}: {name} {verbs.when(target)}: type {word} to have a code sent")
    if isinstance(target, Own) and not target.enrolled:
        report.say(target.program, "hint", "try it from a second terminal, leaving this one open")
    return report.DONE


def _show(target: Target, draft: Draft, codes: list[str]) -> None:
    """Print a new address, and scratch codes beside it, as an object."""
    value = {
        "user": target.account.name,
        "name": draft.name,
        "kind": draft.kind,
        "to": draft.params["to"],
        "scratch_codes": [wizard.spelt(code) for code in codes],
        "proof": target.needs_proof(),
    }
    report.as_json(value)
    sys.stdout.flush()


def _draft(target: Target, kind: str, name: str, options: argparse.Namespace) -> Draft:
    verbs.check_allowed(target, kind)
    channel = channels.owned(target.policy.channels, kind)
    if channel is None:
        raise RefusedError(
            f"this host sends no codes by {kind} to addresses that users choose",
            hint=f"administrator: otpauth.conf: own = yes in [channel {kind}]",
        )
    typed = options.to
    if typed is None:
        words = f"add{target.by} {kind} {name} {LIKE[kind]}"
        raise UsageError("an address is missing", hint=f"{target.program} {words}")
    if typed == "-":
        typed = sys.stdin.readline(programs.LINE_MAX).strip()
    try:
        to = channels.admitted(channel, typed)
    except ConfigError as error:
        raise UsageError(str(error), hint=error.hint) from None
    params = {"salt": secrets.token_hex(ID_SIZE), "to": to}
    expires = verbs.expiry(options.expires)
    return Draft(kind, name, params, expires=expires, groups=options.groups)
