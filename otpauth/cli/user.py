"""otpauth: the command for one's own account. It proposes; the host disposes at the next login."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from otpauth import __version__, oath
from otpauth.cli import report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from otpauth.cli.target import Own, Target

PROGRAM = "otpauth"
KINDS = ("totp", "hotp", "scratch")


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit status: 0 done, 1 refused or failed, 2 usage."""
    options = parser().parse_args(argv)
    return report.guarded(PROGRAM, lambda: _run(options))


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the command."""
    top = argparse.ArgumentParser(
        prog=PROGRAM,
        description="two-factor login: enrol and manage your own tokens in ~/.otpauth",
        epilog="without a verb: setup if nothing is enrolled, else list. see otpauth(1)",
        allow_abbrev=False,
        formatter_class=Help,
    )
    top.add_argument("--version", action="version", version=f"otpauth {__version__}")
    top.add_argument("--plain", action="store_true", help="no QR, colours or cursor movement")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", title="verbs", prog=PROGRAM)
    token_verbs(verbs, user=False)
    one = verb(verbs, "list", "show your tokens and changes that wait")
    one.add_argument("--prune", action="store_true", help="drop records of other hosts first")
    one.add_argument("--json", action="store_true", help="for programs")
    one = verb(verbs, "import", "take over tokens from files of other software")
    one.add_argument("files", metavar="FILE", nargs="*", help="~/.google_authenticator, if none")
    import_options(one)
    return top


class Help(argparse.HelpFormatter):
    """Help as wide as the terminal, found without the modules that argparse would load for it."""

    def __init__(self, prog: str) -> None:
        try:
            width = os.get_terminal_size(1).columns
        except OSError:
            width = 80
        super().__init__(prog, width=max(width - 2, 40))


def verb(verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, text: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Add one verb."""
    return verbs.add_parser(
        name, help=text, description=text, allow_abbrev=False, formatter_class=Help
    )


def token_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser], *, user: bool) -> None:
    """Add the verbs that both commands have; `user` puts USER first."""

    def new(name: str, text: str) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = verb(verbs, name, text)
        if user:
            one.add_argument("user", metavar="USER")
        return one

    one = new("setup", "enrol: a token for an app, and scratch codes")
    one.add_argument("--hotp", action="store_true", help="counter-based instead of time-based")
    _making(one)
    _scratch(one)
    one = new("add", "add a token")
    one.add_argument("kind", metavar="KIND", choices=KINDS, help="totp, hotp or scratch")
    one.add_argument("name", metavar="NAME")
    _making(one)
    _scratch(one)
    one = new("replace", "put a new secret in the place of a token: a new phone")
    one.add_argument("name", metavar="NAME")
    _making(one, uri=False)
    _scratch(one)
    one = new("codes", "make new scratch codes; the old ones end")
    _scratch(one)
    one = new("remove", "remove tokens for good")
    one.add_argument("names", metavar="NAME", nargs="+")
    one = new("set", "rename, annotate, limit or switch a token")
    one.add_argument("name", metavar="NAME")
    one.add_argument("--name", dest="new", metavar="NEW", help="the token's new name")
    one.add_argument("--note", metavar="TEXT")
    one.add_argument("--expires", metavar="DATE", help="last day of use, or never")
    switch = one.add_mutually_exclusive_group()
    switch.add_argument("--on", dest="switch", action="store_const", const="on")
    switch.add_argument("--off", dest="switch", action="store_const", const="off")


def import_options(one: argparse.ArgumentParser) -> None:
    """Add the options that both commands' import have."""
    one.add_argument("--format", metavar="F", help="of the file, where that is not plain")
    one.add_argument("--only", metavar="TEXT", help="entries whose label has the text")


def _making(one: argparse.ArgumentParser, *, uri: bool = True) -> None:
    one.add_argument("--algorithm", choices=oath.ALGORITHMS, help="not every app knows all")
    one.add_argument("--digits", type=int, choices=oath.DIGITS)
    one.add_argument("--period", type=int, metavar="S", help="seconds that a code is shown")
    one.add_argument("--expires", metavar="DATE", help="last day of use")
    one.add_argument("-i", "--issuer", metavar="TEXT", help="the host's name in the app")
    one.add_argument("-l", "--label", metavar="TEXT", help="the account's name in the app")
    one.add_argument("--qr-file", metavar="F", help="write the QR to F.svg or F.png, too")
    if uri:
        one.add_argument("--uri", metavar="-", help="take an otpauth:// URI from stdin")


def _scratch(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "-e", "--codes", type=int, choices=range(21), metavar="N", help="scratch codes, 0 to 20"
    )


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
    own = Own(who)
    if options.verb is None:
        if own.enrolled:
            options.verb, options.prune, options.json = "list", False, False
        else:
            options = parser().parse_args([*(["--plain"] if options.plain else []), "setup"])
    if options.verb == "list":
        return _list(own, options)
    if options.verb == "import":
        from otpauth.cli import importing

        return importing.own(own, options)
    return run_verb(own, options)


def run_verb(target: Target, options: argparse.Namespace) -> int:
    """Run one of the verbs of token_verbs()."""
    from otpauth.cli import verbs

    table: dict[str, Callable[[Target, argparse.Namespace], int]] = {
        "setup": verbs.setup,
        "add": verbs.add,
        "replace": verbs.replace,
        "codes": verbs.codes,
        "remove": verbs.remove,
        "set": verbs.relabel,
    }
    return table[options.verb](target, options)


def _list(own: Own, options: argparse.Namespace) -> int:
    from otpauth.cli import listing

    if options.prune:
        from otpauth import propose
        from otpauth.cli.target import Own as Again

        count = propose.prune(own.account, own.path, own.public)
        print(f"{count} sections dropped", file=sys.stderr)
        own = Again(own.account)
    return listing.show_own(own, json=options.json)
