"""A process that looks at every process of the stage, again and again, for a secret.

It is a process, not a thread: threads and fork do not go together, and tests measure time. It
hears the secrets on its stdin, one JSON text a line, and tells its findings when stdin ends.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from tests import stage
from tests.parts import processes
from tests.parts.secrets import Registry

INTERVAL = 0.02
SHOWN_MAX = 300  # characters


class Watch:
    """A running watch for everything that a registry holds and will hold."""

    def __init__(self, registry: Registry) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-m", "tests.parts.watch"),
            cwd=stage.TREE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._registry = registry
        for text in registry.texts:
            self._tell(text)
        registry.listeners.append(self._tell)

    def stop(self) -> list[str]:
        """Look once more, end the watch, and return what it found."""
        self._registry.listeners.remove(self._tell)
        findings, _ = self._process.communicate()
        died = ["the watch for secrets died"] if self._process.returncode else []
        return [*findings.splitlines(), *died]

    def _tell(self, text: str) -> None:
        stream = self._process.stdin
        assert stream is not None
        stream.write(f"{json.dumps(text)}\n")
        stream.flush()


def watch(orders: IO[bytes]) -> set[str]:
    """Look until the orders end; return one sentence for each finding."""
    registry = Registry()
    findings: set[str] = set()
    os.set_blocking(orders.fileno(), False)
    clean: set[bytes] = set()  # what was looked through since the last secret came
    rest = b""
    while (heard := orders.read(65536)) != b"":
        *lines, rest = (rest + (heard or b"")).split(b"\n")
        for line in lines:
            registry.remember(json.loads(line))
        if lines:
            clean.clear()
        findings |= _look(registry, clean)
        time.sleep(INTERVAL)
    return findings | _look(registry, clean)


def _look(registry: Registry, clean: set[bytes]) -> set[str]:
    findings = set()
    for pid in processes.pids():
        for what in ("cmdline", "environ"):
            data = _read(pid, what)
            if data in clean:
                continue
            if registry.found_in(data):
                where = f"the {what} of process {pid} ({_name(pid)}: {_shown(registry, pid)})"
                findings.add(f"{where} held a secret of this run")
            else:
                clean.add(data)
    return findings


def _shown(registry: Registry, pid: int) -> str:
    """Return a process's words, but no secret."""
    words = _read(pid, "cmdline").split(b"\0")
    shown = [
        "(secret)" if registry.found_in(word) else word.decode("utf-8", "replace") for word in words
    ]
    return " ".join(" ".join(shown).split())[:SHOWN_MAX]


def _read(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:  # it has ended
        return b""


def _name(pid: int) -> str:
    return _read(pid, "comm").decode("utf-8", "replace").strip()


if __name__ == "__main__":
    with open(0, "rb", buffering=0) as stdin:
        print(*sorted(watch(stdin)), sep="\n", end="")
