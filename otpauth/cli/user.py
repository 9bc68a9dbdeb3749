"""otpauth: the command for one's own account. It proposes; the host disposes at the next login."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from otpauth.cli import grammar, report

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from otpauth.cli.target import Own, Target

PROGRAM = "otpauth"


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit status: 0 done, 1 refused or failed, 2 usage."""
    options = parser().parse_args(argv)
    return report.guarded(PROGRAM, lambda: _run(options))


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the command."""
    top, verbs = grammar.top(
        PROGRAM,
        "two-factor login: enrol and manage your own tokens in ~/.otpauth",
        "without a verb: setup if nothing is enrolled, else list. see otpauth(1)",
        required=False,
    )
    top.add_argument("--file", metavar="F", help="instead of ~/.otpauth, as secret= in PAM")
    grammar.token_verbs(verbs, user=False)
    one = grammar.verb(verbs, "list", "show your tokens and changes that wait")
    one.add_argument("--prune", action="store_true", help="drop records of other hosts first")
    one.add_argument("--json", action="store_true", help="for programs")
    one = grammar.verb(verbs, "import", "take over tokens from files of other software")
    one.add_argument("files", metavar="FILE", nargs="*", help="~/.google_authenticator, if none")
    grammar.import_options(one)
    one = grammar.verb(verbs, "doctor", "tell what keeps you from logging in")
    one.add_argument("--json", action="store_true", help="for programs")
    return top


def _run(options: argparse.Namespace) -> int:
    from otpauth import account
    from otpauth.cli.target import Own

    if os.geteuid() != os.getuid():
        from otpauth.errors import RefusedError

        raise RefusedError("this command does not run set-uid")
    who = account.of_uid(os.getuid())
    if who.uid == 0:
        report.say(PROGRAM, "warning", "this is about root's own login")
        report.say(PROGRAM, "hint", "for alice: otpauth-admin setup alice")
    os.umask(0o077)
    if options.verb == "doctor":
        from otpauth.cli import doctor

        return doctor.own(who, options)
    own = Own(who, getattr(options, "secret", None) or options.file)
    if options.verb is None:
        if own.enrolled:
            options.verb, options.prune, options.json = "list", False, False
        else:
            options = parser().parse_args(["setup"], options)
    if options.verb == "list":
        return _list(own, options)
    if options.verb == "import":
        from otpauth.cli import importing

        return importing.own(own, options)
    return run_verb(own, options)


def run_verb(target: Target, options: argparse.Namespace) -> int:
    """Run one of the verbs of token_verbs()."""
    from otpauth.cli import setup, verbs

    table: dict[str, Callable[[Target, argparse.Namespace], int]] = {
        "setup": setup.setup,
        "add": verbs.add,
        "replace": verbs.replace,
        "codes": verbs.codes,
        "remove": verbs.remove,
        "set": verbs.relabel,
        "wish": verbs.wish,
        "logout": verbs.logout,
    }
    return table[options.verb](target, options)


def _list(own: Own, options: argparse.Namespace) -> int:
    from otpauth.cli import listing

    if options.prune:
        from otpauth import propose

        count = propose.prune(own.account, own.path, own.public)
        print(f"{count} sections dropped", file=sys.stderr)
        own = type(own)(own.account, options.file)
    return listing.show_own(own, json=options.json)
