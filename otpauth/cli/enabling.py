"""Make a service ask for codes, or no longer: otpauth-admin enable and disable.

What is to be changed is shown and tried first; what is changed goes back by itself unless it is
confirmed from a new login.
"""

from __future__ import annotations

import datetime as dt
import grp
import re
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from otpauth import account, policy
from otpauth.cli import report
from otpauth.cli.terminal import Terminal
from otpauth.doctor.finding import FAIL, OK
from otpauth.doctor.ground import Ground
from otpauth.enable import plan, sshdfile
from otpauth.enable.edit import diff
from otpauth.enable.plan import Plan
from otpauth.enable.wanted import KEY, ONE_BOX, PASSWORD, Wanted
from otpauth.errors import ConfigError, NoTerminalError, RefusedError, UnknownUserError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from otpauth.doctor.finding import Finding
    from otpauth.enable.edit import Edit

REVERT_MAX = 86400  # seconds
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*\$?")


def enable(options: argparse.Namespace) -> int:
    """Make a service ask for codes."""
    from otpauth.enable import prove, trial

    seconds = _seconds(options.revert_after)
    wanted = _wanted(options)
    if not options.dry_run:
        trial.check_none()
    edits = plan.to_enable(wanted)
    if not edits:
        print(f"{wanted.service} asks for codes already, as these words say; nothing was changed")
        return report.DONE
    print(diff(edits), end="", flush=True)
    with tempfile.TemporaryDirectory(prefix="otpauth-") as folder:
        tester, found = plan.Preview(wanted.service, edits, folder).enabling(wanted)
    change = _change(wanted.service, edits, tester)
    _check(found)
    _check(prove.prove(change))
    return _try(change, options, seconds, kind="enable")


def disable(options: argparse.Namespace) -> int:
    """Let a service ask for codes no longer."""
    from otpauth.enable import trial

    seconds = _seconds(options.revert_after)
    if not options.dry_run:
        trial.check_none()
    kept = trial.enabled(options.service)
    edits = plan.to_disable(options.service, kept.edits if kept else ())
    if not edits:
        print(f"{options.service} has no line of otpauth; nothing was changed")
        return report.DONE
    print(diff(edits), end="", flush=True)
    with tempfile.TemporaryDirectory(prefix="otpauth-") as folder:
        _check(plan.Preview(options.service, edits, folder).disabling())
    change = _change(options.service, edits, "")
    return _try(change, options, seconds, kind="disable")


def _check(found: Sequence[Finding]) -> None:
    """Say what was found. Raises RefusedError if anything failed."""
    for each in found:
        _print(each)
    sys.stdout.flush()
    if any(each.state == FAIL for each in found):
        raise RefusedError("nothing was changed", hint="mend what failed, then try again")


def _try(change: Plan, options: argparse.Namespace, seconds: int, *, kind: str) -> int:
    """Ask, and make the change on trial."""
    from otpauth.enable import trial

    if options.dry_run:
        print("nothing was changed: this was a dry run")
        return report.DONE
    if not options.yes and not _agreed():
        print("nothing was changed")
        return report.FAILED
    begun = trial.begin(change, seconds, kind=kind)
    until = time.strftime("%H:%M:%S", time.localtime(begun.until))
    print(f"From a second terminal {trial.to_confirm(change.service)}")
    print(f"(else all is put back at {until}, even if this connection dies)")
    return report.DONE


def _agreed() -> bool:
    try:
        with Terminal(plain=True) as terminal:
            return terminal.ask("Apply? [y/N] ", fresh=True).strip().lower() in ("y", "yes")
    except NoTerminalError as error:
        raise RefusedError("no terminal to ask on", hint="--yes applies without asking") from error


def _change(service: str, edits: Sequence[Edit], tester: str) -> Plan:
    reload = any(each.path in (sshdfile.MAIN, sshdfile.DROPIN) for each in edits)
    return Plan(service, tuple(edits), reload, tester)


def _print(each: Finding) -> None:
    print(f" {each.state:<4}  {each.title if each.state == OK else each.evidence}")
    if each.mend:
        print(f"       mend: {each.mend}")


def _wanted(options: argparse.Namespace) -> Wanted:
    """Return what the words say. Raises UsageError, RefusedError."""
    service = options.service
    if options.one_box and options.password:
        raise UsageError("--one-box and --password exclude each other", hint="give one of them")
    if service != plan.SSHD and (options.password or options.spared):
        raise UsageError("--password and --except are for sshd", hint="leave them out")
    first = KEY if service == plan.SSHD else PASSWORD
    if options.one_box or options.password:
        first = ONE_BOX if options.one_box else PASSWORD
    return Wanted(
        *(service, first, _group(options.group), _spared(options.spared), _date(options.until)),
        policy.effective(Ground().policy, service, ""),
    )


def _group(text: str | None) -> str:
    if text is None:
        return ""
    name = text.removeprefix("%")
    if name == text or not _NAME.fullmatch(name):
        raise UsageError(f"{text!r} is not a group, which begins with %", hint="like --for %staff")
    try:
        grp.getgrnam(name)
    except KeyError:
        raise RefusedError(f"no group {name!r}", hint="getent group lists the groups") from None
    return name


def _spared(text: str | None) -> tuple[str, ...]:
    names = tuple(text.split(",")) if text else ()
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r} is not an account", hint="like --except backup,git")
        try:
            account.lookup(name)
        except UnknownUserError as error:
            error.hint = "getent passwd lists the accounts"
            raise
    return names


def _date(text: str | None) -> str:
    if text is None:
        return ""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a date", hint="like --until 2027-01-31") from None
    if day < dt.datetime.now(dt.UTC).date():
        raise UsageError(f"{text} is over", hint="a day to come")
    return day.isoformat()


def _seconds(text: str) -> int:
    try:
        seconds = policy.duration(text)
    except ConfigError as error:
        raise UsageError(f"--revert-after: {error}", hint=error.hint) from None
    if seconds > REVERT_MAX:
        raise UsageError("--revert-after: at most one day", hint="like 10m")
    return seconds
