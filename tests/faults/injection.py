"""Faults put into single system calls by strace: an error, or SIGKILL, at the Nth call on a file.

strace counts per process and system call, among the calls that touch the watched paths; `points`
learns from a run without faults which calls there are. A fault names itself as `rename 1 EIO`.
"""

from __future__ import annotations

import functools
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests import stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.parts.accounts import Person

KILL = "KILL"
WRITERS = {"openat", "write", "fsync", "rename", "unlink", "ftruncate", "fchmod"}
_CALL = re.compile(r"^(\d+) +([a-z_0-9]+)\(", re.MULTILINE)
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Fault:
    """The `number`th `call` of a process fails with `error`, or is the process's end."""

    call: str
    number: int
    error: str

    def __str__(self) -> str:
        return f"{self.call} {self.number} {self.error}"

    def words(self) -> list[str]:
        """Return the fault as strace wants to hear it."""
        what = "signal=KILL" if self.error == KILL else f"error={self.error}"
        return [f"-einject={self.call}:{what}:when={self.number}"]


@dataclass(frozen=True)
class Run:
    """How a program ended, what it printed, and strace's account of it."""

    status: int
    stdout: str
    stderr: str
    trace: str


def run(
    command: Sequence[str],
    paths: Sequence[Path],
    fault: Fault | None = None,
    *,
    text: str = "",
    person: Person | None = None,
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Run a program, as root or a person, with a fault in a call on one of the paths."""
    trace = stage.workspace() / "tmp" / "strace"
    trace.unlink(missing_ok=True)
    watched = [word for path in paths for word in ("-P", str(path))]
    words = ["strace", "-f", "-qq", "-o", str(trace), *watched, *(fault.words() if fault else ())]
    extra = [f"-E{key}={value}" for key, value in (environment or {}).items()]
    if person:
        done = person.run(*words, *extra, *command, text=text)
    else:
        done = subprocess.run(
            (*words, *extra, *command), input=text, capture_output=True, text=True, check=False
        )
    return Run(done.returncode, done.stdout, done.stderr, trace.read_text(errors="replace"))


def points(trace: str) -> dict[str, int]:
    """Return how often the process that made a call most often made it, for each call."""
    most: dict[str, int] = {}
    for (_, call), count in Counter(_CALL.findall(trace)).items():
        most[call] = max(count, most.get(call, 0))
    return most


def faults(trace: str, errors: Sequence[str]) -> Iterator[Fault]:
    """Yield each error for each call that may fail so, and a kill at each call whatsoever."""
    for call, count in sorted(points(trace).items()):
        for number in range(1, count + 1):
            for error in errors:
                if error == KILL or call in WRITERS or error == "EIO":
                    yield Fault(call, number, error)


@functools.cache
def short_writes() -> str:
    """Compile the library that makes every write and read of a file short, once a run."""
    target = stage.workspace() / "bin" / "short_writes.so"
    subprocess.run(
        (
            *("gcc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-O1"),
            *("-o", str(target), str(_HERE / "short_writes.c")),
        ),
        check=True,
    )
    return str(target)
