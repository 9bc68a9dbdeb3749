"""otpauth-admin: the command for root. The same verbs with USER first, at once; and the host's own.

Each verb's code is in a module of its own group: verbs (tokens), accounts (records), hostkeys (init
and keys), policies (config).
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from otpauth import __version__
from otpauth.cli import report
from otpauth.cli.user import Help, import_options, run_verb, token_verbs, verb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROGRAM = "otpauth-admin"
EXPORTS = ("uris", "google-authenticator", "usersfile", "sheet")  # formats.WRITTEN, unloaded
TOKEN_VERBS = ("setup", "add", "replace", "codes", "remove", "set")


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit status: 0 done, 1 refused or failed, 2 usage."""
    options = parser().parse_args(argv)
    return report.guarded(PROGRAM, lambda: _run(options))


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the command."""
    top = argparse.ArgumentParser(
        prog=PROGRAM,
        description="two-factor login: administer this host and its accounts",
        epilog="see otpauth-admin(8)",
        allow_abbrev=False,
        formatter_class=Help,
    )
    top.add_argument("--version", action="version", version=f"otpauth-admin {__version__}")
    top.add_argument("--plain", action="store_true", help="no QR, colours or cursor movement")
    verbs = top.add_subparsers(
        dest="verb", metavar="VERB", title="verbs", required=True, prog=PROGRAM
    )
    _host_verbs(verbs)
    token_verbs(verbs, user=True)
    _account_verbs(verbs)
    _moving_verbs(verbs)
    return top


def _host_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    verb(verbs, "init", "make the host's keys if there are none")
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
    one = verb(verbs, "config", "check otpauth.conf and show what is in force")
    one.add_argument("file", metavar="FILE", nargs="?", help="instead of /etc/otpauth/otpauth.conf")
    one.add_argument("--json", action="store_true", help="for programs")


def _account_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    def new(name: str, text: str) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = verb(verbs, name, text)
        one.add_argument("user", metavar="USER")
        return one

    one = verb(verbs, "list", "show accounts that are enrolled")
    one.add_argument("users", metavar="USER", nargs="*")
    one.add_argument("--json", action="store_true", help="for programs")
    one = new("show", "show an account's tokens, changes that wait and latest logins")
    one.add_argument("name", metavar="NAME", nargs="?", help="show this token's QR again")
    one.add_argument("--qr-file", metavar="F", help="write the QR to F.svg or F.png, too")
    one.add_argument("--json", action="store_true", help="for programs")
    one = new("verify", "check a code from stdin as a login would; exit 0 if it is accepted")
    one.add_argument("--service", default="otpauth-verify", metavar="S")
    one.add_argument("--rhost", default="", metavar="ADDRESS")
    one.add_argument("--dry-run", action="store_true", help="burn and count nothing")
    one.add_argument("--json", action="store_true", help="for programs")
    new("unlock", "forget an account's failures, and times in the future")
    new("reset", "forget an account's tokens: it enrols anew")
    new("forget", "remove what the host keeps of an account that is gone")
    one = verb(verbs, "rename", "carry a record over to an account's new name or uid")
    one.add_argument("old", metavar="OLD")
    one.add_argument("user", metavar="NEW")
    one = new("approve", "adopt changes that wait")
    one.add_argument("digests", metavar="DIGEST", nargs="*", help="all that wait, if none")
    one = new("reject", "drop changes that wait")
    one.add_argument("digests", metavar="DIGEST", nargs="*", help="all that wait, if none")


def _moving_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    one = verb(verbs, "import", "move accounts here from other software")
    one.add_argument("users", metavar="USER", nargs="*")
    one.add_argument(
        "--all", action="store_true", help="everybody who has such a file, or is in it"
    )
    one.add_argument("--from", dest="source", metavar="PATTERN", help="where the tokens are")
    import_options(one)
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
    if options.verb in TOKEN_VERBS:
        from otpauth.cli.accounts import target

        return run_verb(target(options.user), options)
    return _table()[options.verb](options)


def _table() -> dict[str, Callable[[argparse.Namespace], int]]:
    from otpauth.cli import accounts, exporting, hostkeys, moves

    return {
        "init": hostkeys.init,
        "key": hostkeys.key,
        "list": accounts.enrolled,
        "show": accounts.show,
        "verify": accounts.verify,
        "unlock": accounts.unlock,
        "reset": accounts.reset,
        "forget": accounts.forget,
        "rename": accounts.rename,
        "approve": accounts.approve,
        "reject": accounts.reject,
        "import": moves.move,
        "export": exporting.export,
    }
