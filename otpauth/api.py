"""The Python API: ask from a program of one's own whether a code is right, see otpauth(3).

For software that runs as root. It is the decision of a login, with its limits, its log line and its
quarter of a second for each refusal; a code that is accepted is used up.

May be called from any thread. While a code is compared the process is shielded (guard.py), which
changes its umask, and a child process reads the user's file: so one call at a time is decided, and
a fork of the program by os.fork() waits for its end. Where other threads run, that child is forked
from a process with threads: it touches nothing but system calls, and what hangs in it costs two
seconds, never the call.
"""

from __future__ import annotations

import os
import threading
import time
from typing import NamedTuple

from otpauth import attempt, inquiry, login
from otpauth.errors import ConfigError
from otpauth.host import Host
from otpauth.login import Outcome

SERVICE_MAX = 64  # characters
RHOST_MAX = 255  # characters

_one_at_a_time = threading.RLock()
os.register_at_fork(
    before=_one_at_a_time.acquire,
    after_in_parent=_one_at_a_time.release,
    after_in_child=_one_at_a_time.release,
)


class Verdict(NamedTuple):
    """What came of a code.

    `accepted` is the answer. `reason` is a word for programs, see pam_otpauth(8), `sentence` says
    the same in English; both are for the log and the administrator, not for the person. `token` is
    the name of the token that the reason is about, empty if none; `group` that of the access group
    which the service belongs to, empty if it has none. `say` are lines for the person, there only
    if another factor was checked before.
    """

    accepted: bool
    reason: str
    sentence: str
    token: str = ""
    group: str = ""
    say: tuple[str, ...] = ()


def verify(
    user: str,
    code: str,
    *,
    service: str,
    rhost: str = "",
    dry_run: bool = False,
    after_password: bool = False,
) -> Verdict:
    """Say whether a code is one of a user's, for a service, and use it up.

    `service` is what otpauth.conf calls it in `pam =` of a [service], or any other name. `rhost`
    is the address that the person comes from; empty: this host. A dry run uses up, counts and logs
    nothing. `after_password` says that another factor was checked before: then the person may be
    told why.

    Whatever is wrong with the user, the code or this host is a refusal. Raises PermissionError if
    the process is not root's in all its ids, TypeError or ValueError if an argument is malformed.
    """
    _check(user=user, code=code, service=service, rhost=rhost)
    if os.getresuid() != (0, 0, 0):
        raise PermissionError("otpauth: only root may verify codes")
    since = time.monotonic()
    with _one_at_a_time:
        verdict = _verdict(
            _text(user),
            _text(code),
            service,
            rhost,
            dry_run=dry_run,
            first_factor="password" if after_password else "",
        )
    if not verdict.accepted:
        attempt.hold_back(since)
    return verdict


def _check(**texts: object) -> None:
    """Raise TypeError or ValueError for what no program should hand over."""
    for name, text in texts.items():
        if not isinstance(text, str):
            raise TypeError(f"{name} is not a str")
    service, rhost = str(texts["service"]), str(texts["rhost"])
    if not 0 < len(service) <= SERVICE_MAX or not _is_plain(service) or "/" in service:
        raise ValueError("service is not a name such as 'imap'")
    if len(rhost) > RHOST_MAX or not _is_plain(rhost):
        raise ValueError("rhost is neither an address nor a host's name")


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _text(received: str) -> str:
    """Return a text that strangers sent with what is no character, half a surrogate, replaced."""
    return received.encode("utf-8", "replace").decode()


def _verdict(
    user: str, code: str, service: str, rhost: str, *, dry_run: bool, first_factor: str
) -> Verdict:
    try:
        one = inquiry.inquire(user, service, rhost, first_factor, Host())
    except ConfigError as error:
        if not dry_run:
            inquiry.note_broken(user, service, rhost, error)
        return _told(Outcome(login.UNAVAILABLE, login.CONFIG_BROKEN), "")
    return _told(inquiry.answer(one, code, dry_run=dry_run), one.terms.rule.group)


def _told(outcome: Outcome, group: str) -> Verdict:
    return Verdict(
        outcome.verdict == login.ACCEPT,
        outcome.reason,
        login.REASONS[outcome.reason],
        outcome.token,
        group,
        outcome.say,
    )
