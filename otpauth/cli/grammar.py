"""What the grammars of both commands share: their top, their verbs for tokens, and usage errors."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, NoReturn

from otpauth import __version__, oath, token
from otpauth.cli import flags, report

if TYPE_CHECKING:
    from typing import Any

    Verbs = argparse._SubParsersAction["Parser"]  # noqa: SLF001 -- argparse has no other name


class Help(argparse.HelpFormatter):
    """Help as wide as the terminal, found without the modules that argparse would load for it."""

    def __init__(self, prog: str) -> None:
        try:
            width = os.get_terminal_size(1).columns
        except OSError:
            width = 80
        super().__init__(prog, width=max(width - 2, 40))


class Parser(argparse.ArgumentParser):
    """A command or a verb: no abbreviated options, and errors as report.py says them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=Help, **options)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the words, and where their meaning stands. Exits with USAGE."""
        program = self.prog.partition(" ")[0]
        message, near = _nearest(message)
        report.say(program, "error", message)
        report.say(program, "hint", f"{near} ? see " * bool(near) + f"{self.prog} --help")
        raise SystemExit(report.USAGE)


def _nearest(message: str) -> tuple[str, str]:
    """Shorten what argparse says of a word that is none of its choices; name the nearest of them.

    The nearest is empty for other messages, and where no choice is near.
    """
    import difflib
    import re

    found = re.fullmatch(r"argument (.+): invalid choice: '(.*)' \(choose from (.*)\)", message)
    if not found:
        return message, ""
    name, word, choices = found[1], found[2], re.findall(r"[^\s',]+", found[3])
    near = next(iter(difflib.get_close_matches(word, choices, 1)), "")
    known = "" if near else f"; known: {' '.join(choices)}"
    return f"{name}: {word!r} is unknown{known}", near


def top(program: str, description: str, epilog: str, *, required: bool) -> tuple[Parser, Verbs]:
    """Return a command's parser and the place of its verbs."""
    parser = Parser(prog=program, description=description, epilog=epilog)
    parser.add_argument("--version", action="version", version=f"{program} {__version__}")
    parser.add_argument("--plain", action="store_true", help="no QR, colours or cursor movement")
    verbs = parser.add_subparsers(
        dest="verb", metavar="VERB", title="verbs", required=required, prog=program
    )
    return parser, verbs


def verb(verbs: Verbs, name: str, text: str) -> Parser:
    """Add one verb."""
    return verbs.add_parser(name, help=text, description=text)


def token_verbs(verbs: Verbs, *, user: bool) -> None:
    """Add the verbs that both commands have; `user` puts USER first."""

    def new(name: str, text: str) -> Parser:
        one = verb(verbs, name, text)
        if user:
            one.add_argument("user", metavar="USER")
        return one

    text = "enrol: a token for an app, and scratch codes"
    one = verb(verbs, "setup", text)
    if user:
        one.add_argument("users", metavar="USER", nargs="+", help="- for names on stdin, %%GROUP")
        one.add_argument("--sheets", metavar="DIR", help="many at once: a page to print for each")
    flags.add_setup(one)
    flags.add_wishes(one)
    _making(one)
    _scratch(one)
    one = new("add", "add a token")
    one.add_argument("kind", metavar="KIND", choices=token.KINDS, help=", ".join(token.KINDS))
    one.add_argument("name", metavar="NAME", nargs="?", help="of a list: paper, if none")
    one.add_argument("to", metavar="DEST", nargs="?", help="address of mail, sms, push")
    _limit(one, "services and groups that it is good for, no others")
    _making(one)
    _scratch(one)
    flags.add_json(one)
    _paper(one)
    _ntlm(one)
    one = new("replace", "put a new secret in the place of a token: a new phone")
    one.add_argument("name", metavar="NAME")
    _making(one, uri=False)
    _scratch(one)
    flags.add_json(one)
    _paper(one)
    _ntlm(one)
    one = new("codes", "make new scratch codes; the old ones end")
    _scratch(one)
    flags.add_json(one)
    one = new("remove", "remove tokens for good")
    one.add_argument("names", metavar="NAME", nargs="+")
    one = new("set", "rename, annotate, limit or switch a token")
    one.add_argument("name", metavar="NAME")
    one.add_argument("--name", dest="new", metavar="NEW", help="the token's new name")
    one.add_argument("--note", metavar="TEXT")
    _limit(one, "services and groups that it is good for, or everywhere")
    one.add_argument("--expires", metavar="DATE", help="last day of use, or never")
    switch = one.add_mutually_exclusive_group()
    switch.add_argument("--on", dest="switch", action="store_const", const="on")
    switch.add_argument("--off", dest="switch", action="store_const", const="off")
    one = new("wish", "narrow how often, and how late, codes are accepted at your logins")
    flags.add_wishes(one)
    one.add_argument("--none", action="store_true", help="the host's rule and nothing else")
    new("logout", "end sessions: a code that is still good somewhere is so no more")


def import_options(one: Parser) -> None:
    """Add the options that both commands' import have."""
    one.add_argument("--format", metavar="F", help="of the file, where that is not plain")
    one.add_argument("--only", metavar="TEXT", help="entries whose label has the text")


def _limit(one: Parser, text: str) -> None:
    one.add_argument("--for", dest="limit", metavar="GROUP,..", help=text)


def _ntlm(one: Parser) -> None:
    one.add_argument("--ntlm", action="store_true", help="an app password that wifi may use, too")


def _making(one: Parser, *, uri: bool = True) -> None:
    one.add_argument("--algorithm", choices=oath.ALGORITHMS, help="not every app knows all")
    one.add_argument("--digits", type=int, choices=oath.DIGITS)
    one.add_argument("--period", type=int, metavar="S", help="seconds that a code is shown")
    one.add_argument("--expires", metavar="DATE", help="last day of use")
    one.add_argument(
        *("-i", "--issuer"), action=flags.Once, metavar="TEXT", help="the host's name in the app"
    )
    one.add_argument(
        *("-l", "--label"), action=flags.Once, metavar="TEXT", help="the account's name in the app"
    )
    one.add_argument("--qr-file", metavar="F", help="write the QR to F.svg or F.png, too")
    if uri:
        one.add_argument("--uri", metavar="-", help="take an otpauth:// URI from stdin")


def _paper(one: Parser) -> None:
    """Add what is for lists: the sheets and forms are those of cli.paper, which is not loaded."""
    new = one.add_argument_group("lists on paper").add_argument
    new("--count", type=flags.number(1, token.LIST_MAX), metavar="N", help="passwords, 100")
    new("--bits", type=flags.number(*token.LIST_BITS), metavar="N", help="of each password, 40")
    new("--alphabet", choices=("base32", "digits", "words"), help="what passwords are made of")
    new("--prefix", action="store_true", help="ask for a prefix to type before each password")
    new("--html", metavar="F", help="write a page to print")
    new("--sheet", choices=("a4", "letter", "card"), help="the page's size")


def _scratch(one: Parser) -> None:
    one.add_argument(
        *("-e", "--emergency-codes", "--codes"), action=flags.Once, dest="codes", metavar="N",
        type=flags.number(0, token.SCRATCH_MAX), help=f"scratch codes, 0 to {token.SCRATCH_MAX}",
    )  # fmt: skip
