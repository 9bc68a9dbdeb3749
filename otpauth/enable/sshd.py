"""Let the running sshd read its configuration again, without ending anybody's session."""

from __future__ import annotations

import os
import signal
import time

from otpauth.enable import processes, system

SETTLING = 0.5  # seconds that sshd takes to start anew; till then it lets people in as before
UNITS = ("ssh.service", "sshd.service")
# The revert's own service is ordered before sshd's, so a reload in order would wait for its end.
RELOAD = ("systemctl", "--job-mode=ignore-dependencies", "reload")
PID_FILES = ("/run/sshd.pid", "/var/run/sshd.pid")


def reload() -> str:
    """Have sshd read its configuration again, and wait until it has; return why not, or nothing.

    Where none runs, or one is started for each connection, there is nothing to do.
    """
    if system.has_systemd():
        return next((_reload_unit(unit) for unit in UNITS if _is_active(unit)), "")
    found = listeners()
    fault = system.run("sshd", "-t") if found else ""  # else it would end
    if fault or not found:
        return fault
    for pid in found:
        os.kill(pid, signal.SIGHUP)
    time.sleep(SETTLING)
    return "" if all(map(_is_listener, found)) else "sshd has ended"


def _reload_unit(unit: str) -> str:
    fault = system.run(*RELOAD, unit)
    time.sleep(SETTLING)
    return fault or ("" if _is_active(unit) else f"{unit} has ended")


def _is_active(unit: str) -> bool:
    return not system.run("systemctl", "is-active", "--quiet", unit)


def listeners() -> list[int]:
    """Return the pids of this host's sshd, by its pid file, else by how it shows itself.

    Not those of containers and of private servers with a configuration of their own.
    """
    ours = [pid for pid in processes.pids() if _is_listener(pid)]
    named = [pid for pid in (_named(path) for path in PID_FILES) if pid in ours]
    return named[:1] or ours


def _named(path: str) -> int:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read(32))
    except (OSError, ValueError):
        return 0


def _is_listener(pid: int) -> bool:
    if processes.program(pid) != "sshd" or not processes.shares_files(pid):
        return False
    words = processes.words(pid)
    return any("[listener]" in word for word in words) and not any(
        word.startswith("-f") for word in words
    )
