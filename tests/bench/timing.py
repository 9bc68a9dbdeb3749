"""Measuring cases in turn, so that whatever else the machine does hits all of them alike."""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tests import stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

WARM_UP = 3  # rounds that are not counted
PIPE_MAX = 4096  # bytes of an answer, so that writing it never blocks
_NAME_WIDTH = 50


class BenchError(Exception):
    """Raised if something to be measured does not work, or is not there."""


def nothing() -> None:
    """Do nothing before a round."""


@dataclass
class Case:
    """One command to be timed: what it is fed each round, and what is done before, untimed."""

    name: str
    command: list[str] | tuple[str, ...]
    answer: Callable[[], str] = str
    environment: Callable[[], Mapping[str, str]] = dict
    before: Callable[[], None] = nothing
    user: tuple[int, int] = (0, 0)
    times: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median in milliseconds."""
        return statistics.median(self.times)


class Aim(NamedTuple):
    """What is aimed at: a case no more than so many times another."""

    case: Case
    most: float
    floor: Case

    def line(self) -> str:
        """Say whether it is met."""
        ratio = self.case.median / self.floor.median
        verdict = "met" if ratio <= self.most else "NOT met"
        return f"{verdict:7}  {ratio:5.2f} x, aim {self.most} x:  {self.case.name}"


def measure(cases: Sequence[Case], rounds: int) -> None:
    """Run every case once a round, each round beginning with another one.

    Raises:
        BenchError: if a command does not succeed: then its time would mean nothing.

    """
    for number in range(WARM_UP + rounds):
        shift = number % len(cases)
        for case in (*cases[shift:], *cases[:shift]):
            milliseconds = _once(case)
            if number >= WARM_UP:
                case.times.append(milliseconds)


def table(title: str, cases: Sequence[Case], floor: Case) -> str:
    """Return medians, quartiles and ratios as text."""
    head = f"{title:<{_NAME_WIDTH}}  {'median':>8}  {'quartiles':>15}  {'ratio':>6}"
    lines = [head, "-" * len(head)]
    for case in cases:
        low, _, high = statistics.quantiles(case.times, n=4)
        ratio = f"{case.median / floor.median:5.2f}x"
        spread = f"{low:.1f} - {high:.1f}"
        lines.append(f"{case.name:<{_NAME_WIDTH}}  {case.median:5.1f} ms  {spread:>15}  {ratio:>6}")
    return "\n".join(lines)


def _once(case: Case) -> float:
    case.before()
    environment = {"PATH": stage.SYSTEM_PATH, "LANG": "C.UTF-8", **case.environment()}
    reader, writer = os.pipe()
    os.write(writer, case.answer().encode()[:PIPE_MAX])
    os.close(writer)
    actions = [
        (os.POSIX_SPAWN_DUP2, reader, 0),
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
    ]
    uid, gid = case.user
    os.setresgid(gid, gid, 0)
    os.setresuid(uid, uid, 0)  # root stays the saved one, until the command is executed
    try:
        began = time.perf_counter()
        child = os.posix_spawnp(case.command[0], case.command, environment, file_actions=actions)
        _, status = os.waitpid(child, 0)
        ended = time.perf_counter()
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.close(reader)
    if status:
        code = os.waitstatus_to_exitcode(status)
        raise BenchError(f"{case.name!r} did not succeed: {case.command[0]} ended with {code}")
    return (ended - began) * 1000
