"""otpauth-admin: the command for root. The same verbs with USER first, at once; and the host's own.

Each verb's code is in a module of its own group: verbs (tokens), accounts (records), verifying,
hostkeys (init and keys), policies (config), doctor, why, enabling (services), confirming (trials).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from otpauth import bypass
from otpauth.cli import flags, grammar, report
from otpauth.cli.grammar import verb
from otpauth.cli.user import run_verb
from otpauth.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from otpauth.cli.grammar import Parser, Verbs

PROGRAM = "otpauth-admin"
EXPORTS = ("uris", "google-authenticator", "usersfile", "sheet")  # formats.WRITTEN, unloaded
JOURNAL = "/var/lib/otpauth/trial/journal"  # Journal.path, unloaded
SERVICE_VERBS = ("enable", "disable", "confirm", "revert")
TOKEN_VERBS = ("setup", "add", "replace", "codes", "remove", "set", "wish", "logout")


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit status: 0 done, 1 refused or failed, 2 usage."""
    options = parser().parse_args(argv)
    return report.guarded(PROGRAM, lambda: _run(options))


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the command."""
    top, verbs = grammar.top(
        PROGRAM,
        "two-factor login: administer this host and its accounts",
        "see otpauth-admin(8)",
        required=True,
    )
    _host_verbs(verbs)
    _service_verbs(verbs)
    grammar.token_verbs(verbs, user=True)
    _account_verbs(verbs)
    _moving_verbs(verbs)
    return top


def _host_verbs(verbs: Verbs) -> None:
    one = verb(verbs, "init", "make the host's keys if there are none")
    one.add_argument("--at-install", action="store_true", help="none where an image is built")
    one = verb(verbs, "key", "back up, restore, list or rotate the host's keys")
    actions = one.add_subparsers(
        dest="action", metavar="ACTION", required=True, prog=f"{PROGRAM} key"
    )
    verb(actions, "list", "show key ids, newest first")
    two = verb(actions, "export", "write all keys to stdout, sealed with a passphrase")
    two.add_argument("--passphrase-file", metavar="F", help="instead of asking")
    two = verb(actions, "import", "put exported keys in place")
    two.add_argument("file", metavar="FILE", help="what key export wrote, - for stdin")
    two.add_argument("--passphrase-file", metavar="F", help="instead of asking")
    two.add_argument("--force", action="store_true", help="though records here then do not open")
    verb(actions, "rotate", "new keys from now on; the old ones still open")
    one = verb(verbs, "doctor", "tell what keeps logins from working, or from being safe")
    one.add_argument("--json", action="store_true", help="for programs")
    one = verb(verbs, "confirm", "keep what is on trial, from a login made since")
    one.add_argument("--anyway", action="store_true", help="from any login: it may be the last")
    one = verb(verbs, "revert", "put back what is on trial")
    one.add_argument("--wait", action="store_true", help="when its time is over, not now")
    one = verb(verbs, "config", "check otpauth.conf and show what is in force")
    one.add_argument("file", metavar="FILE", nargs="?", help="instead of /etc/otpauth/otpauth.conf")
    one.add_argument("--service", metavar="S", help="what holds for logins by this PAM service")
    one.add_argument("--rhost", metavar="ADDRESS", help="that come from there")
    one.add_argument("--user", metavar="USER", help="and whether a user is asked for a code")
    one.add_argument("--json", action="store_true", help="for programs")
    one = verb(verbs, "send-test", "send a message by a channel of otpauth.conf, as a login would")
    one.add_argument("channel", metavar="CHANNEL", help="mail, sms or push")
    one.add_argument("destination", metavar="DEST", help="an address or a number")


def _service_verbs(verbs: Verbs) -> None:
    def new(name: str, text: str) -> Parser:
        one = verb(verbs, name, text)
        one.add_argument("service", metavar="SERVICE", help="a file of /etc/pam.d: sshd, sudo, su")
        one.add_argument("--revert-after", metavar="T", default="10m", help="30s, 10m, 2h; 10m")
        one.add_argument("--dry-run", action="store_true", help="show, try and change nothing")
        one.add_argument("--yes", action="store_true", help="do not ask")
        return one

    one = new("enable", "let a service ask for codes, on trial until it is confirmed")
    one.add_argument("--for", dest="group", metavar="%GROUP", help="ask its members alone")
    one.add_argument("--except", dest="spared", metavar="USER,..", help="log in by key as today")
    one.add_argument("--password", action="store_true", help="of sshd: password and code, no key")
    one.add_argument("--one-box", action="store_true", help="password and code in one answer")
    one.add_argument("--until", metavar="DATE", help="till then who has no token needs no code")
    new("disable", "let a service ask for codes no longer, on trial until it is confirmed")


def _account_verbs(verbs: Verbs) -> None:
    def new(name: str, text: str) -> Parser:
        one = verb(verbs, name, text)
        one.add_argument("user", metavar="USER")
        return one

    one = verb(verbs, "list", "show accounts that are enrolled")
    one.add_argument("users", metavar="USER", nargs="*")
    one.add_argument(
        "--without", action="store_true", help="those who may log in and have no token for it"
    )
    form = one.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="for spreadsheets")
    form.add_argument("--json", action="store_true", help="for programs")
    one = new("show", "show an account's tokens, changes that wait and latest logins")
    one.add_argument("name", metavar="NAME", nargs="?", help="show this token's QR again")
    one.add_argument("--qr-file", metavar="F", help="write the QR to F.svg or F.png, too")
    one.add_argument("--json", action="store_true", help="for programs")
    one = new("why", "tell why an account's latest logins ended as they did, what is in the way")
    one.add_argument("-n", dest="number", type=int, default=10, metavar="N", help="how many, 10")
    one.add_argument("--json", action="store_true", help="for programs")
    one = new("verify", "check a code from stdin as a login would; exit 0 if it is accepted")
    one.add_argument("--service", default="otpauth-verify", metavar="S")
    one.add_argument("--rhost", default="", metavar="ADDRESS")
    one.add_argument("--after-password", action="store_true", help="another factor was checked")
    one.add_argument("--dry-run", action="store_true", help="burn and count nothing")
    one.add_argument("--explain", action="store_true", help="tell the decision step by step")
    one.add_argument(
        "--ntlm",
        nargs=2,
        metavar=("CHALLENGE", "RESPONSE"),
        help="no code, but what NTLM made of it, in hex",
    )
    one.add_argument("--json", action="store_true", help="for programs")
    one = new(
        "bypass", "let a user in without a code for a while, where a key or password is asked"
    )
    one.add_argument(
        "--hours", type=flags.number(1, bypass.HOURS_MAX), metavar="N", help=f"{bypass.HOURS}"
    )
    one.add_argument(
        "--uses", type=flags.number(1, bypass.USES_MAX), metavar="N", help=f"logins, {bypass.USES}"
    )
    one.add_argument("--off", action="store_true", help="ask for codes again")
    one = verb(verbs, "sessions", "show codes that are still good for their sessions, or end them")
    one.add_argument("user", metavar="USER", nargs="?")
    which = one.add_mutually_exclusive_group()
    which.add_argument("--end", metavar="ID", help="end this one")
    which.add_argument("--all", action="store_true", help="end all of them")
    one.add_argument("--json", action="store_true", help="for programs")
    new("unlock", "open a locked account: forget its failures, sessions, times in the future")
    new("reset", "forget an account's tokens: it enrols anew")
    new("forget", "remove what the host keeps of an account that is gone")
    one = verb(verbs, "rename", "carry a record over to an account's new name or uid")
    one.add_argument("old", metavar="OLD")
    one.add_argument("user", metavar="NEW")
    one = new("approve", "adopt changes that wait")
    one.add_argument("digests", metavar="DIGEST", nargs="*", help="all that wait, if none")
    one = new("reject", "drop changes that wait")
    one.add_argument("digests", metavar="DIGEST", nargs="*", help="all that wait, if none")


def _moving_verbs(verbs: Verbs) -> None:
    one = verb(verbs, "import", "move accounts here from other software")
    one.add_argument("users", metavar="USER", nargs="*")
    one.add_argument(
        "--all", action="store_true", help="everybody who has such a file, or is in it"
    )
    one.add_argument("--from", dest="source", metavar="PATTERN", help="where the tokens are")
    grammar.import_options(one)
    one.add_argument("--state", metavar="PATTERN", help="where totpcgi keeps used codes")
    one.add_argument("--passphrase-file", metavar="F", help="instead of asking")
    one.add_argument("--dry-run", action="store_true", help="change nothing")
    one.add_argument("--remove-originals", action="store_true", help="of those who were moved")
    one = verb(verbs, "export", "write an account's tokens for other software, in the clear")
    one.add_argument("user", metavar="USER")
    one.add_argument("--format", choices=EXPORTS, default=EXPORTS[0])


def _run(options: argparse.Namespace) -> int:
    if options.verb == "config":
        from otpauth.cli import policies

        return policies.check(options)
    if os.geteuid() != 0:
        from otpauth.errors import RefusedError

        raise RefusedError("only root may do this", hint=f"sudo {PROGRAM} {options.verb} ...")
    os.umask(0o077)
    if os.path.exists(JOURNAL) and options.verb != "revert":
        from otpauth.cli import confirming

        confirming.look_for_overdue()
    if options.verb == "setup":
        if options.sheets:
            from otpauth.cli import sheets

            return sheets.many(options)
        options.user = _only(options.users)
    if options.verb in TOKEN_VERBS:
        from otpauth.cli.accounts import target

        return run_verb(target(options.user, getattr(options, "secret", None)), options)
    table = _services() if options.verb in SERVICE_VERBS else _table()
    return table[options.verb](options)


def _services() -> dict[str, Callable[[argparse.Namespace], int]]:
    from otpauth.cli import confirming, enabling

    return {
        "enable": enabling.enable,
        "disable": enabling.disable,
        "confirm": confirming.confirm,
        "revert": confirming.revert,
    }


def _only(users: list[str]) -> str:
    if len(users) > 1 or users[0] == "-" or users[0].startswith("%"):
        raise UsageError("one USER", hint="many at once: setup USER ... --sheets DIR")
    return users[0]


def _table() -> dict[str, Callable[[argparse.Namespace], int]]:
    from otpauth.cli import (
        accounts,
        doctor,
        exporting,
        hostkeys,
        moves,
        roster,
        sendtest,
        sessions,
        verifying,
        why,
    )

    return {
        "init": hostkeys.init,
        "key": hostkeys.key,
        "doctor": doctor.host,
        "send-test": sendtest.send_test,
        "list": roster.enrolled,
        "show": accounts.show,
        "why": why.why,
        "verify": verifying.verify,
        "bypass": accounts.let_in,
        "sessions": sessions.show,
        "unlock": accounts.unlock,
        "reset": accounts.reset,
        "forget": accounts.forget,
        "rename": accounts.rename,
        "approve": accounts.approve,
        "reject": accounts.reject,
        "import": moves.move,
        "export": exporting.export,
    }
