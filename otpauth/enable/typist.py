"""Somebody at a terminal: runs a program on a pty of its own and answers what it asks."""

from __future__ import annotations

import os
import select
import signal
import termios
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from otpauth.account import Account

    Answer = Callable[[str, bool], str | None]

QUIET = 0.15  # seconds without a further word, after which an unfinished line is a question


class HangUp(Exception):  # noqa: N818 -- it is no error
    """Raised by an answer to end the talk."""


class Talk(NamedTuple):
    """What came of it: `status` is None if the program did not end by itself in time."""

    status: int | None
    shown: str
    asked: tuple[str, ...]


def talk(
    command: Sequence[str],
    answer: Answer,
    *,
    seconds: float,
    environment: Mapping[str, str],
    account: Account | None = None,
) -> Talk:
    """Run a program, as an account if one is given, and answer its questions.

    `answer` gets the question and whether the terminal hides what is typed; None waits, and
    HangUp ends the talk.
    """
    ended = False
    child, terminal = os.forkpty()
    if child == 0:
        _become(command, environment, account)
    try:
        seen, ended = _converse(terminal, answer, time.monotonic() + seconds)
    finally:
        os.close(terminal)
        if not ended:
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return seen._replace(status=code) if ended else seen


def _become(
    command: Sequence[str], environment: Mapping[str, str], account: Account | None
) -> None:
    try:
        if account is not None:
            os.setgroups(os.getgrouplist(account.name, account.gid))
            os.setresgid(account.gid, account.gid, account.gid)
            os.setresuid(account.uid, account.uid, account.uid)
        os.chdir("/")
        os.execve(command[0], list(command), dict(environment))  # noqa: S606 -- fixed programs
    finally:
        os._exit(127)


def _converse(terminal: int, answer: Answer, deadline: float) -> tuple[Talk, bool]:
    """Return what was shown and asked, and whether the program ended by itself."""
    shown, since = "", 0
    asked: list[str] = []
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], QUIET)[0]:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # EIO: the program and all its children let go of the terminal
                return Talk(None, shown, tuple(asked)), True
            shown += part.decode("utf-8", "replace")
            continue
        question = shown[since:].rpartition("\n")[2].strip()
        try:
            typed = answer(question, _hides(terminal)) if question else None
        except HangUp:
            break
        if typed is not None:
            asked.append(question)
            since = len(shown)
            os.write(terminal, typed.encode() + b"\n")
    return Talk(None, shown, tuple(asked)), False


def _hides(terminal: int) -> bool:
    return not termios.tcgetattr(terminal)[3] & termios.ECHO
