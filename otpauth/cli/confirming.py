"""Keep a change that is on trial, or put it back: otpauth-admin confirm and revert."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from otpauth import log
from otpauth.cli import report
from otpauth.enable import clock, fallback, trial
from otpauth.errors import OtpauthError

if TYPE_CHECKING:
    import argparse

    from otpauth.enable.journal import Trial
    from otpauth.enable.trial import Reverted

PROGRAM = "otpauth-admin"
LOOK_SECONDS = 5  # how often the waiting process looks whether the trial is confirmed
AGAIN_SECONDS = 30  # after which it tries again to put files back


def confirm(options: argparse.Namespace) -> int:
    """Keep what is on trial."""
    kept = trial.confirm(anyway=options.anyway)
    print(f"{kept.service}: confirmed; it stays")
    return report.DONE


def revert(options: argparse.Namespace) -> int:
    """Put back what is on trial, at once or when its time is over."""
    if options.wait:
        return _wait()
    done = _revert()
    if done is None:
        print("nothing is on trial")
        return report.DONE
    return tell(done)


def tell(done: Reverted) -> int:
    """Say what was put back and what was left alone; the status is 1 if anything was."""
    print(_what(done))
    return _tell_faults(done)


def _what(done: Reverted) -> str:
    return f"{done.trial.service}: put back: {', '.join(done.put_back) or 'nothing was changed'}"


def _tell_faults(done: Reverted) -> int:
    for path, kept in done.left:
        report.say(PROGRAM, "warning", f"{path!r} was changed by somebody else and is left alone")
        report.say(PROGRAM, "hint", f"what it was before otpauth-admin changed it: {kept}")
    for fault in done.faults:
        report.say(PROGRAM, "warning", fault)
    return report.FAILED if done.left or done.faults else report.DONE


def look_for_overdue() -> None:
    """Put back a trial whose time is over, and say so. What fails is a warning."""
    try:
        held = trial.pending()
        done = trial.revert_overdue() if held and trial.is_over(held) else None
    except (OSError, OtpauthError) as error:
        report.say(PROGRAM, "warning", f"a trial is to be put back: {error}")
        return
    if done is not None:
        report.say(PROGRAM, "warning", f"not confirmed in time: {_what(done)}")
        _tell_faults(done)


def _revert(only: Trial | None = None) -> Reverted | None:
    """Put back as trial.revert(), and log what keeps it from that: nobody may be looking."""
    try:
        return trial.revert(only=only)
    except (OSError, OtpauthError) as error:
        log.send(log.line(trial="failed", fault=error), warning=True)
        raise


def _wait() -> int:
    """Put the trial back when its time is over, if it is on trial still; whatever else happens."""
    mine = trial.pending()
    fallback.wait(1)
    while mine and _is_pending(mine):
        if not trial.is_over(mine):
            time.sleep(max(0.05, min(LOOK_SECONDS, mine.due - clock.now())))
            continue
        try:
            _revert(only=mine)
        except (OSError, OtpauthError):
            time.sleep(AGAIN_SECONDS)
    return report.DONE


def _is_pending(mine: Trial) -> bool:
    """Say whether a trial is on still; also if that cannot be told."""
    try:
        found = trial.pending()
    except (OSError, OtpauthError):
        return True
    return found is not None and found.due == mine.due
