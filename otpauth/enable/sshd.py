"""Let the running sshd read its configuration again, without ending anybody's session."""

from __future__ import annotations

import os
import signal

from otpauth.enable import processes, system

UNITS = ("ssh.service", "sshd.service")
# The revert's own service is ordered before sshd's, so a reload in order would wait for its end.
RELOAD = ("systemctl", "--job-mode=ignore-dependencies", "reload")
PID_FILES = ("/run/sshd.pid", "/var/run/sshd.pid")


def reload() -> str:
    """Have sshd read its configuration again; return why it does not, or nothing.

    Where none runs, or one is started for each connection, there is nothing to do.
    """
    if system.has_systemd():
        active = [u for u in UNITS if not system.run("systemctl", "is-active", "--quiet", u)]
        return system.run(*RELOAD, active[0]) if active else ""
    found = listeners()
    if not found:
        return ""
    fault = system.run("sshd", "-t")  # one that does not understand its configuration would end
    if not fault:
        for pid in found:
            os.kill(pid, signal.SIGHUP)
    return fault


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
