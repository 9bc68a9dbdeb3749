"""The way in for FreeRADIUS: a program that its mschap module calls as it calls Samba's ntlm_auth.

It is given a challenge and the client's response to it, and answers on stdout: `NT_KEY: HEX` if the
response is that of a code which is good now, else `Logon failure (0xc000006d)`. Nobody types here,
so nothing is asked, told or tried again. It runs as root, by sudo from radiusd's own user: both
values are in its arguments, see docs/howto/wifi-mschap.md for what that is worth.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from otpauth import account, attempt, limits, login, ntlm, store
from otpauth.errors import ConfigError, FormatError, NtlmMissingError, UnknownUserError
from otpauth.host import Host
from otpauth.login import Outcome, Request
from otpauth.policy import effective

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "otpauth-ntlm-auth"
SERVICE = "radius"
ACCEPTED, REFUSED, USAGE = 0, 1, 2
FAILURE = "Logon failure (0xc000006d)"  # STATUS_LOGON_FAILURE, whatever the reason is


def main(argv: Sequence[str]) -> int:
    """Decide one login; the exit status is 0 if and only if it may go on."""
    since = time.monotonic()
    options = parser().parse_args(argv)
    try:
        response = ntlm.Response(options.challenge, options.nt_response)
    except FormatError as error:
        sys.stderr.write(f"{PROGRAM}: error: {error}\n")
        return USAGE
    except NtlmMissingError as error:
        return _refused(_unavailable(_request(options), login.NTLM_OFF, error), since)
    outcome = decide(_request(options), response)
    if outcome.verdict != login.ACCEPT:
        return _refused(outcome, since)
    sys.stdout.write(f"NT_KEY: {response.key()}\n")
    return ACCEPTED


def decide(request: Request, response: ntlm.Response) -> Outcome:
    """Decide by the host's policy whether somebody's response is right, and log it."""
    if os.getresuid() != (0, 0, 0):
        return _unavailable(request, login.NOT_PRIVILEGED)
    host = Host()
    try:
        policy = host.policy()
    except ConfigError as error:
        return _unavailable(request, login.CONFIG_BROKEN, error)
    rule = effective(policy, request.service, request.rhost)
    terms = store.Terms(host, policy, rule, request.now)
    try:
        who = account.lookup(request.user)
    except UnknownUserError:
        outcome = Outcome(login.REFUSE, login.UNKNOWN_USER)
        attempt.note(request, outcome, terms.rule.log)
        return outcome
    return attempt.attempt(who, request._replace(user=who.name), (response.candidate(),), terms)


def parser() -> argparse.ArgumentParser:
    """Return the grammar: what FreeRADIUS says to ntlm_auth, and where the login is."""
    made = argparse.ArgumentParser(
        prog=PROGRAM,
        description="check a response of NTLM or MSCHAPv2, for FreeRADIUS",
        epilog="see otpauth-ntlm-auth(8)",
        allow_abbrev=False,
    )
    made.add_argument("--username", required=True, metavar="NAME", help="whose response it is")
    made.add_argument("--challenge", required=True, metavar="HEX", help="16 hex digits")
    made.add_argument("--nt-response", required=True, metavar="HEX", help="48 hex digits")
    made.add_argument("--service", default=SERVICE, metavar="NAME", help="in otpauth.conf: radius")
    made.add_argument("--rhost", default="", metavar="ADDR", help="where the login comes from")
    made.add_argument("--domain", metavar="NAME", help="for Samba; has no effect")
    for name in ("--request-nt-key", "--allow-mschapv2"):
        made.add_argument(name, action="store_true", help="for Samba; has no effect")
    return made


def _request(options: argparse.Namespace) -> Request:
    return Request(
        user=options.username,
        service=options.service,
        rhost=options.rhost,
        place=limits.place(options.rhost, 0),
        first_factor="",
        now=int(time.time()),
    )


def _unavailable(request: Request, reason: str, error: Exception | None = None) -> Outcome:
    """Return the outcome of what nobody's code can mend, logged."""
    outcome = Outcome(login.UNAVAILABLE, reason)
    attempt.note(request, outcome, fault=str(error or ""), mend=getattr(error, "hint", ""))
    return outcome


def _refused(outcome: Outcome, since: float) -> int:
    if outcome.reason == login.NOT_PRIVILEGED:
        sys.stderr.write(f"{PROGRAM}: error: not root; FreeRADIUS runs it by sudo\n")
    attempt.hold_back(since)
    sys.stdout.write(f"{FAILURE}\n")
    return REFUSED
