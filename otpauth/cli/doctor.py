"""The doctor's findings, for people and for programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from otpauth.cli import report
from otpauth.doctor.finding import FAIL, OK, WARN

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from otpauth.account import Account
    from otpauth.doctor.finding import Finding

WIDTH = 18  # of ids; the longest is pam-after-password


def host(options: argparse.Namespace) -> int:
    """Look into the host and all its accounts."""
    from otpauth.doctor import table
    from otpauth.doctor.ground import Ground

    return _show(table.findings(Ground()), options)


def own(account: Account, options: argparse.Namespace) -> int:
    """Look into the caller's own account."""
    from otpauth.doctor import own as mine

    return _show(mine.findings(account), options)


def _show(findings: Iterable[Finding], options: argparse.Namespace) -> int:
    """Print findings as they come; the status is 1 if anything failed."""
    found: list[Finding] = []
    for each in findings:
        found.append(each)
        if not options.json:
            _print(each)
    if options.json:
        report.as_json([each._asdict() for each in found])
    else:
        counts = [sum(e.state == state for e in found) for state in (OK, WARN, FAIL)]
        print("{} ok, {} warn, {} fail".format(*counts))
    return report.FAILED if any(each.state == FAIL for each in found) else report.DONE


def _print(each: Finding) -> None:
    print(
        f"{each.state:<4}  {each.id:<{WIDTH}}  {each.title if each.state == OK else each.evidence}"
    )
    if each.mend:
        print(f"{'':<4}  {'':<{WIDTH}}  mend: {each.mend}")
    sys.stdout.flush()
