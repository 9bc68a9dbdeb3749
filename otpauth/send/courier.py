"""The courier: a program that sends one code and ends. Request on stdin, report on stdout.

`/usr/bin/python3 -ISB courier.py FOLDER...`, with an empty environment, started as root by a login
or by send-test. It closes what it inherited, loads its own modules, and gives up root before it
opens, runs or reaches anything; it ends when its time is over. Its report names no secret, code or
address.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from otpauth.channels import Channel

    Carrier = Callable[[Channel, dict[str, str], dict[str, str]], None]

AGAIN_SECONDS = 0.5  # before the one further try, where nothing can have been sent
AGAIN_LEFT = 2  # seconds that must be left for it


class OverError(BaseException):
    """Raised when the time is over; no OSError, which libraries take for their own affair."""


def main() -> int:
    """Send what stdin says, once more if the first try came to nothing for certain."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    request = json.load(sys.stdin)
    sys.path[:0] = sys.argv[1:]
    from otpauth.errors import SendError

    carry = _carrier(request["channel"]["type"])  # root may read them wherever they lie
    _drop(*request["ids"])
    deadline = time.monotonic() + request["channel"]["timeout"]
    signal.signal(signal.SIGALRM, _over)
    signal.setitimer(signal.ITIMER_REAL, request["channel"]["timeout"])
    report = {"fault": "", "lost": False}
    try:
        _try(carry, request, deadline)
    except SendError as error:
        report = {"fault": str(error), "lost": error.lost}
    except OverError:
        report["fault"] = "the time was over"
    json.dump(report, sys.stdout)
    return 0


def _try(carry: Carrier, request: dict[str, Any], deadline: float) -> None:
    from otpauth.channels import Channel
    from otpauth.errors import UnreachedError

    what = (Channel(**request["channel"]), request["values"], request["secrets"])
    try:
        carry(*what)
    except UnreachedError:
        if deadline - time.monotonic() < AGAIN_LEFT:
            raise
        time.sleep(AGAIN_SECONDS)
        carry(*what)


def _carrier(kind: str) -> Carrier:
    """Return what sends by a type of channel."""
    if kind == "http":
        from otpauth.send import http

        return http.send
    if kind == "smtp":
        from otpauth.send import smtp

        return smtp.send
    if kind == "sendmail":
        from otpauth.send import sendmail

        return lambda channel, values, _: sendmail.send(channel, values)
    from otpauth.send import command

    return lambda channel, values, _: command.send(channel, values)


def _drop(uid: int, gid: int, *groups: int) -> None:
    os.chdir("/")
    os.umask(0o077)
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _over(*_: object) -> NoReturn:
    raise OverError


if __name__ == "__main__":
    sys.exit(main())
