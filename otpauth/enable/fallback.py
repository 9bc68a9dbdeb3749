"""What puts a trial back when nobody is there any more: arranged before the first file is touched.

Where systemd runs: a timer for the end of the trial, and a service that also runs at boot, before
anybody can log in. Elsewhere: a process of its own, which the end of the session does not reach,
and, for reboots, a line for cron where there is /etc/cron.d. All of it is removed with the trial.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from typing import TYPE_CHECKING

from otpauth.doctor.ground import ENVIRONMENT
from otpauth.enable import files, system
from otpauth.errors import WriteError

if TYPE_CHECKING:
    from typing import IO

UNIT = "otpauth-revert"
SERVICE = f"/etc/systemd/system/{UNIT}.service"
TIMER = f"/etc/systemd/system/{UNIT}.timer"
CRON = f"/etc/cron.d/{UNIT}"
READY = b"ready\n"
READY_SECONDS = 20
_NOTE = "# Written by otpauth-admin for the time of a trial, and removed with it.\n"
_SERVICE = """\
[Unit]
Description=Put back what otpauth-admin changed and nobody confirmed
Documentation=man:otpauth-admin(8)
RequiresMountsFor=/etc /var/lib/otpauth {program}
Before=ssh.service sshd.service systemd-user-sessions.service

[Service]
Type=oneshot
ExecStart={program} revert
Restart=on-failure
RestartSec=30

[Install]
WantedBy=multi-user.target
"""
_TIMER = """\
[Unit]
Description=Put back what otpauth-admin changed, unless it is confirmed in time
Documentation=man:otpauth-admin(8)

[Timer]
OnActiveSec={seconds}
AccuracySec=1
"""
_SHAPE = files.Look(0o644, 0, 0)


def arrange(seconds: int) -> None:
    """Arrange that `otpauth-admin revert` runs in so many seconds, and at the next boot.

    Raises OSError, WriteError; what was arranged by then does no harm, and `cancel` removes it.
    """
    if system.has_systemd():
        _arrange_units(seconds)
        return
    if os.path.isdir(os.path.dirname(CRON)):
        line = f"@reboot root {system.program()} revert\n"
        files.put(CRON, (_NOTE + line).encode(), _SHAPE)
    _start_waiting()


def cancel() -> list[str]:
    """Remove what `arrange` wrote; return what went wrong.

    The waiting process ends by itself when its trial is over.
    """
    faults: list[str] = []
    if system.has_systemd() and (os.path.exists(SERVICE) or os.path.exists(TIMER)):
        faults += [
            system.run("systemctl", "--no-block", "stop", f"{UNIT}.timer"),
            system.run("systemctl", "--quiet", "disable", f"{UNIT}.service"),
        ]
    gone = [path for path in (TIMER, SERVICE, CRON) if _removed(path, faults)]
    if system.has_systemd() and SERVICE in gone:
        faults.append(system.run("systemctl", "daemon-reload"))
    return [each for each in faults if each]


def _removed(path: str, faults: list[str]) -> bool:
    if not os.path.lexists(path):
        return False
    try:
        files.put(path, None, _SHAPE)
    except OSError as error:
        faults.append(f"{path!r}: {error.strerror}")
        return False
    return True


def _arrange_units(seconds: int) -> None:
    program = system.program()
    files.put(SERVICE, (_NOTE + _SERVICE.format(program=program)).encode(), _SHAPE)
    files.put(TIMER, (_NOTE + _TIMER.format(seconds=seconds)).encode(), _SHAPE)
    for words in (
        ("daemon-reload",),
        ("--quiet", "enable", f"{UNIT}.service"),
        ("restart", f"{UNIT}.timer"),
    ):
        fault = system.run("systemctl", *words)
        if fault:
            raise WriteError(f"the revert is not arranged: {fault}")


def _start_waiting() -> None:
    """Start the process that waits for the end of the trial, and see it ready."""
    waiting = subprocess.Popen(  # noqa: S603 -- our own program
        (system.program(), "revert", "--wait"),
        cwd="/",
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert waiting.stdout is not None  # noqa: S101 -- it is a pipe
    with waiting.stdout as out:
        if not _says_ready(out):
            with contextlib.suppress(OSError):
                waiting.kill()
            raise WriteError("the revert is not arranged: its process does not start")
    waiting.returncode = 0  # it is left to itself


def _says_ready(out: IO[bytes]) -> bool:
    if not select.select([out], [], [], READY_SECONDS)[0]:
        return False
    return out.readline() == READY


def wait(out: int) -> None:
    """Say that this process is ready, and let go of everything of whoever started it."""
    import signal

    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.write(out, READY)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, out)
    os.close(nowhere)
