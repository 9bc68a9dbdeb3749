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

from otpauth import attempt, inquiry, limits, login, ntlm
from otpauth.errors import ConfigError, FormatError, NtlmMissingError
from otpauth.host import Host
from otpauth.login import Outcome, Request

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
        outcome = _decide(options, response)
    except FormatError as error:
        sys.stderr.write(f"{PROGRAM}: error: {error}\n")
        return USAGE
    except NtlmMissingError as error:
        outcome = _unavailable(options, login.NTLM_OFF, error)
    except ConfigError as error:
        outcome = _unavailable(options, login.CONFIG_BROKEN, error)
    if outcome.verdict != login.ACCEPT:
        attempt.hold_back(since)
        sys.stdout.write(f"{FAILURE}\n")
        return REFUSED
    sys.stdout.write(f"NT_KEY: {response.key()}\n")
    return ACCEPTED


def _decide(options: argparse.Namespace, response: ntlm.Response) -> Outcome:
    """Decide by the host's policy, and log it. Raises ConfigError."""
    if os.getresuid() != (0, 0, 0):
        sys.stderr.write(f"{PROGRAM}: error: not root; FreeRADIUS runs it by sudo\n")
        return _unavailable(options, login.NOT_PRIVILEGED)
    one = inquiry.inquire(options.username, options.service, options.rhost, "", Host())
    return inquiry.answer(one, (response.candidate(),), dry_run=False)


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


def _unavailable(
    options: argparse.Namespace, reason: str, error: NtlmMissingError | ConfigError | None = None
) -> Outcome:
    """Return the outcome of what nobody's code can mend, logged."""
    where = limits.place(options.rhost, 0)
    now = int(time.time())
    request = Request(options.username, options.service, options.rhost, where, "", now)
    outcome = Outcome(login.UNAVAILABLE, reason)
    attempt.note(request, outcome, fault=str(error or ""), mend=error.hint if error else "")
    return outcome
