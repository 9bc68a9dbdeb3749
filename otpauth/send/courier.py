"""The courier: a program that sends one code and ends. Request on stdin, report on stdout.

`/usr/bin/python3 -ISB courier.py FOLDER...`, with an empty environment, started as root by a login
or by send-test. It gives up root before it looks at anything else, closes what it inherited, and
ends when its time is over. Its report names no secret, code or address.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from otpauth.channels import Channel

AGAIN_SECONDS = 0.5  # before the one further try, where nothing can have been sent
AGAIN_LEFT = 2  # seconds that must be left for it


class OverError(BaseException):
    """Raised when the time is over; no OSError, which libraries take for their own affair."""


def main() -> int:
    """Send what stdin says, once more if the first try came to nothing for certain."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    request = json.load(sys.stdin)
    _drop(*request["ids"])
    sys.path[:0] = sys.argv[1:]
    from otpauth.errors import SendError

    deadline = time.monotonic() + request["channel"]["timeout"]
    signal.signal(signal.SIGALRM, _over)
    signal.setitimer(signal.ITIMER_REAL, request["channel"]["timeout"])
    report = {"fault": "", "lost": False}
    try:
        _try(request, deadline)
    except SendError as error:
        report = {"fault": str(error), "lost": error.lost}
    except OverError:
        report["fault"] = "the time was over"
    json.dump(report, sys.stdout)
    return 0


def _try(request: dict[str, Any], deadline: float) -> None:
    from otpauth.channels import Channel
    from otpauth.errors import UnreachedError

    what = (Channel(**request["channel"]), request["values"], request["secrets"])
    try:
        _carry(*what)
    except UnreachedError:
        if deadline - time.monotonic() < AGAIN_LEFT:
            raise
        time.sleep(AGAIN_SECONDS)
        _carry(*what)


def _carry(channel: Channel, values: dict[str, str], secrets: dict[str, str]) -> None:
    if channel.type == "http":
        from otpauth.send import http

        http.send(channel, values, secrets)
    elif channel.type == "smtp":
        from otpauth.send import smtp

        smtp.send(channel, values, secrets)
    elif channel.type == "sendmail":
        from otpauth.send import sendmail

        sendmail.send(channel, values)
    else:
        from otpauth.send import command

        command.send(channel, values)


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
