"""The narrower way in, for hosts without pam_python: a program run by pam_exec(8).

The PAM line must say `expose_authtok seteuid`: pam_exec asks the question itself ("Password: ") and
hands the answer over on stdin. So this cannot ask twice nor explain, and it cannot say PAM_IGNORE:
nullok, who and skip_from let pass by exit status 0, hence PAM_SUCCESS, and need a first factor as
everywhere.
"""

from __future__ import annotations

import os
import sys
import time

from otpauth import account, answer, arguments, attempt, limits, login, store
from otpauth.errors import ConfigError, UnknownUserError
from otpauth.host import Host
from otpauth.login import Outcome, Request
from otpauth.pam import caller, first_factor, opener_of, place_of
from otpauth.policy import effective

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from otpauth.account import Account
    from otpauth.arguments import Line
    from otpauth.policy import Rule

ANSWER_MAX = 512  # bytes; pam_exec writes the answer and a zero byte
ACCEPTED, REFUSED = 0, 1


def main(argv: Sequence[str]) -> int:
    """Decide one login; the exit status is 0 if and only if it may go on."""
    if os.environ.get("PAM_TYPE") != "auth":
        return REFUSED
    since = time.monotonic()
    request = _request("after_password" in argv)
    if os.getresuid() != (0, 0, 0):
        return _refused(request, Outcome(login.UNAVAILABLE, login.NOT_PRIVILEGED))
    host = Host()
    try:
        policy = host.policy()
        line = _line(effective(policy, request.service, request.rhost), argv)
        opener = opener_of(line)
    except ConfigError as error:
        return _refused(request, Outcome(login.UNAVAILABLE, login.CONFIG_BROKEN), str(error))
    terms = store.Terms(host, policy, line.rule, request.now, adopt=line.adopt)
    accepted = _decide(request, terms, line, opener)
    if not accepted:
        attempt.hold_back(since)
    return ACCEPTED if accepted else REFUSED


def _line(rule: Rule, argv: Sequence[str]) -> Line:
    line = arguments.read(rule, argv)
    if line.forward or line.split or line.asks is not None or line.echo:
        raise ConfigError(
            "a PAM argument about the prompt or what follows it",
            hint="pam_exec asks by itself and hands nothing on: use pam_python.so",
        )
    return line


def _decide(request: Request, terms: store.Terms, line: Line, opener: Account | None) -> bool:
    given = os.read(0, ANSWER_MAX).split(b"\0")[0].decode("utf-8", "replace")
    try:
        who = account.lookup(request.user)
        terms = terms._replace(place=place_of(who, opener, line, terms.policy.setup.file))
    except UnknownUserError:
        attempt.note(request, Outcome(login.REFUSE, login.UNKNOWN_USER), terms.rule.log)
        return False
    request = request._replace(user=who.name)
    attempt.describe(request, line, terms)
    if attempt.passing(who, request, terms):
        return True
    typed = answer.tails(given, bare=True) if line.first_pass else given
    return attempt.attempt(who, request, typed, terms).verdict == login.ACCEPT


def _request(after_password: bool) -> Request:  # noqa: FBT001 -- one flag of the PAM line
    get = os.environ.get
    rhost = get("PAM_RHOST", "")
    factor = first_factor(get("SSH_AUTH_INFO_0", "")) or ("password" if after_password else "")
    return Request(
        user=get("PAM_USER", ""),
        service=get("PAM_SERVICE", ""),
        rhost=rhost,
        place=limits.place(rhost, caller(get("PAM_RUSER", ""), get("PAM_TTY", ""))),
        first_factor=factor,
        now=int(time.time()),
        tty=get("PAM_TTY", ""),
    )


def _refused(request: Request, outcome: Outcome, fault: str = "") -> int:
    attempt.note(request, outcome, fault=fault)
    if outcome.reason == login.NOT_PRIVILEGED:
        sys.stderr.write("otpauth-pam-exec: error: the PAM line lacks seteuid\n")
    return REFUSED
