"""The verb setup: a first token and scratch codes.

By dialogue, or at once: for scripts (-C, -q) and for programs (--json). Key and codes are shown
before anything is written, so that no account ends up with a token that nobody has. Only with -C
and --json are they on the standard output.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from otpauth import services, uri
from otpauth.changes import Change
from otpauth.cli import flags, programs, report, verbs, wizard
from otpauth.cli.programs import Shown
from otpauth.cli.target import Own
from otpauth.errors import RefusedError, UsageError
from otpauth.token import ONE_TIME

if TYPE_CHECKING:
    import argparse

    from otpauth.cli.target import Target
    from otpauth.token import Draft

FIRST_NAME = "phone"


def setup(target: Target, options: argparse.Namespace) -> int:
    """Enrol an account for the first time."""
    flags.check(options)
    kind = kind_of(target, options)
    wished = flags.wished(options, kind)
    if kind == "motp" and (options.quiet or options.no_confirm):
        raise UsageError("a mOTP token needs its PIN", hint="without -C and -q")
    _check_new(target)
    if options.uri:
        return verbs.from_uri(target, options, FIRST_NAME, verb="setup", wished=wished)
    draft = verbs.blank(target, kind, FIRST_NAME, options)
    codes = [] if options.quiet else verbs.new_codes(target, options.codes)
    shown = Shown(draft, verbs.words(target, options), codes)
    change = Change(wishes=wished)
    if options.json or options.no_confirm or options.quiet:
        _at_once(target, options, shown, change)
    else:
        _by_dialogue(target, options, shown, change)
    verbs.say_cut(target, wished)
    return report.DONE


def kind_of(target: Target, options: argparse.Namespace) -> str:
    """Return the kind of the first token: what was asked for, or what the host has first."""
    kinds = target.policy.setup.kinds
    return str(options.kind or next((each for each in kinds if each in ONE_TIME), "totp"))


def _check_new(target: Target) -> None:
    """Raise RefusedError if the account is enrolled, or is about to be."""
    target.check_adopted()
    if target.enrolled:
        raise RefusedError(
            f"{target.account.name} is enrolled on this host already",
            hint=f"{target.program} replace{target.by} NAME, or add{target.by} totp NAME",
        )


def _by_dialogue(target: Target, options: argparse.Namespace, shown: Shown, change: Change) -> None:
    qr = options.qr_mode or target.policy.setup.qr
    with verbs.opened_terminal(plain=options.plain, qr=qr) as terminal, terminal.screen():
        draft = wizard.enrol(terminal, shown.draft, shown.named)
        if shown.codes:
            wizard.hand_out(terminal, wizard.codes_told(terminal, shown.codes))
        _submit(target, options, shown._replace(draft=draft), change)
    _next_steps(target, draft, shown.codes, typed=True)


def _at_once(target: Target, options: argparse.Namespace, shown: Shown, change: Change) -> None:
    """Enrol without a terminal; of --json without -C the code comes on stdin."""
    if options.json:
        programs.show(target, shown)
    elif not options.quiet:
        print("\n".join(_as_text(target, options, shown)))
    sys.stdout.flush()
    if options.json and not options.no_confirm:
        draft = programs.confirmed(target, shown.draft, hint="-C asks for none")
        shown = shown._replace(draft=draft)
    _submit(target, options, shown, change)
    if options.quiet:
        _say_where(target)
    elif not options.json:
        report.say(target.program, "warning", "key and codes were shown: leave them in no log")
        _next_steps(target, shown.draft, shown.codes, typed=False)


def _submit(target: Target, options: argparse.Namespace, shown: Shown, change: Change) -> None:
    scratch = (wizard.scratch_draft(shown.codes),) if shown.codes else ()
    target.submit("setup", FIRST_NAME, change._replace(add=(shown.draft, *scratch)))
    verbs.picture(options, shown.draft, shown.named)


def _as_text(target: Target, options: argparse.Namespace, shown: Shown) -> list[str]:
    """Return key and codes in the words of google-authenticator, which scripts look for."""
    address = wizard.address(shown.draft, shown.named)
    lines = [address]
    mode = options.qr_mode or (target.policy.setup.qr if os.isatty(1) else "none")
    if mode != "none" and not options.plain:
        from otpauth.cli import qr

        lines += qr.draw(address, utf8=mode != "ansi" and _is_utf8()).lines
    lines.append(f"Your new secret key is: {uri.key(shown.draft)}")
    if shown.codes:
        lines.append("Your emergency scratch codes are:")
        lines += [f"  {wizard.spelt(code)}" for code in shown.codes]
    return lines


def _is_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def _say_where(target: Target) -> None:
    """Say how to see what -q did not show."""
    user = target.account.name
    key = f"otpauth-admin show {user} {FIRST_NAME}"
    if isinstance(target, Own):
        key = f"root: otpauth-admin approve {user}, then {key}"
    codes = f"{target.program} codes{target.by}"
    report.say(target.program, "hint", f"-q showed nothing. The key: {key}")
    report.say(target.program, "hint", f"scratch codes: {codes}")


def _next_steps(target: Target, draft: Draft, new: list[str], *, typed: bool) -> None:
    """Say what happens next; `typed` says that a code was used up by setup."""
    codes = "1 scratch code" if len(new) == 1 else f"{len(new)} scratch codes"
    what = f"{draft.name} and {codes}" if new else draft.name
    if not isinstance(target, Own):
        print(f"{target.program}: {target.account.name}: {what} ready")
        return
    shown = target.path.replace(target.account.home, "~", 1)
    be = "are" if new else "is"
    print(f"otpauth: {what} {be} in {shown}, sealed to key {target.public.id}")
    if target.waits:
        print(f"otpauth: {draft.name} {verbs.when(target)}")
        return
    asking = services.sentence(services.asking())
    if asking:
        print(f"  next login   {asking}{';' if typed else ''}")
        if typed:
            print("               the code you just typed is used up, take the next one")
    else:
        print("  next login   no service on this host asks for codes yet; administrator:")
        print("               sudo otpauth-admin enable sshd")
    if new:
        print("  lost phone   log in with a scratch code, then: otpauth replace phone")
    if asking:
        host = os.uname().nodename.partition(".")[0]
        print("  try it now   from a second terminal, leaving this one open:", end=" ")
        print(f"ssh {target.account.name}@{host}")
    if draft.kind == "totp" and os.environ.get("SSH_CONNECTION"):
        print("  copying      scp, sftp and git ask, too: each code works once, wait for the next")
