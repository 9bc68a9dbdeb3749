"""Measure and print: python -m tests.stage -- python -m tests.bench [--rounds N] [--users N]."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from pathlib import Path

from tests import stage
from tests.bench import commands, logins, sessions
from tests.bench.timing import Aim, BenchError

PROGRAMS = {"pamtester": "pamtester", "oathtool": "oathtool", "sshd": "openssh-server"}
MODULES = {
    "pam_google_authenticator.so": "libpam-google-authenticator",
    "pam_oath.so": "libpam-oath",
    "pam_python.so": "libpam-python",
}


def main() -> int:
    """Measure all, print tables and aims; the status says only whether it could be measured."""
    options = _options()
    try:
        stage.workspace()
        _check_parts()
        print(_machine(options), flush=True)
        table, aims = logins.run(options.rounds, options.users)
        print(f"\n{table}", flush=True)
        print(f"\n{sessions.run(options.rounds)}", flush=True)
        table, more = commands.run(options.rounds)
        print(f"\n{table}\n\n{_verdicts([*aims, *more])}")
    except (BenchError, stage.StageError) as error:
        print(f"tests.bench: error: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--rounds", type=int, default=50, help="at least 2 (default 50)")
    parser.add_argument("--users", type=int, default=100_000, help="enrolled on a full host")
    options = parser.parse_args()
    if options.rounds < 2 or options.users < 2:
        parser.error("--rounds and --users are at least 2")
    return options


def _check_parts() -> None:
    missing = [package for name, package in PROGRAMS.items() if not shutil.which(name)]
    there = {path.name for path in Path("/usr/lib").glob("**/security/*.so")}
    missing += [package for name, package in MODULES.items() if name not in there]
    if missing:
        raise BenchError(f"something is missing: apt-get install {' '.join(missing)}")


def _machine(options: argparse.Namespace) -> str:
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    load = os.getloadavg()[0]
    return (
        f"{system}, {platform.machine()}, {os.cpu_count()} processors, load {load:.1f}; "
        f"Python {platform.python_version()}\n"
        f"{options.rounds} rounds, every case in turn; each login succeeds and is recorded (HOTP)"
    )


def _verdicts(aims: list[Aim]) -> str:
    return "\n".join(["Aims", *(aim.line() for aim in aims)])


if __name__ == "__main__":
    sys.exit(main())
