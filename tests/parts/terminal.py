"""The person at the keyboard: a program on a pty, its prompts seen and answered.

A prompt is unfinished text after which the program waits: it has switched the echo off, or the
text ends as questions do. What is not a prompt is a message.
"""

from __future__ import annotations

import os
import re
import select
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pexpect

from tests.parts import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Answers = Sequence[str] | Callable[[str], str | None]

GIVE_UP = None
_QUESTION = re.compile(r"[:?>\])]\s*$")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SETTLED = 0.03
_SETTLED_WITH_ECHO = 0.25


@dataclass(frozen=True)
class Talk:
    """What was seen: `status` is the program's exit status, `output` everything it showed."""

    status: int | None
    output: str
    prompts: tuple[str, ...]
    messages: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Return whether the program ended well."""
        return self.status == 0


def talk(
    command: Sequence[str],
    answers: Answers = (),
    *,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
    size: tuple[int, int] = (24, 80),
    seconds: float = 30.0,
) -> Talk:
    """Run a program on a terminal of its own, answer its prompts, and return what was seen.

    Answers are given in turn, or by a function of the prompt, which may take its time and do
    other things first. Where they end (or the function returns GIVE_UP) the person walks away:
    the terminal hangs up. `before` runs in the child before the program does.
    """
    child = pexpect.spawn(
        command[0],
        list(command[1:]),
        env=dict(environment) if environment is not None else None,
        preexec_fn=before,
        dimensions=size,
        encoding="utf-8",
        codec_errors="replace",
        timeout=seconds,
    )
    child.delaybeforesend = None
    child.ptyproc.delayafterclose = 0.01  # type: ignore[attr-defined]
    conversation = _Conversation(child, answers, seconds)
    try:
        conversation.hold()
    finally:
        _hang_up(child)
    return conversation.seen()


class _Conversation:
    def __init__(self, child: pexpect.spawn[str], answers: Answers, seconds: float) -> None:
        self._child = child
        self._answer = answers if callable(answers) else _in_turn(answers)
        self._end = time.monotonic() + seconds
        self._shown = ""
        self._fresh = ""
        self._prompts: list[str] = []
        self._told: list[str] = []

    def hold(self) -> None:
        while self._read():
            prompt = self._prompt()
            if prompt is None:
                continue
            answer = self._reply(prompt)
            if answer is GIVE_UP:
                return
            self._child.send(answer + "\r")
        self._tell(self._fresh)

    def seen(self) -> Talk:
        status = self._child.exitstatus
        if status is None and self._child.signalstatus is not None:
            status = 128 + self._child.signalstatus
        return Talk(status, self._shown, tuple(self._prompts), tuple(self._told))

    def _read(self) -> bool:
        """Take in what is shown until it settles; return whether the program is still there."""
        quiet = _SETTLED
        while True:
            try:
                text = self._child.read_nonblocking(65536, timeout=quiet)
            except pexpect.TIMEOUT:
                return self._still_waiting()
            except pexpect.EOF:
                self._drain()
                return False
            self._shown += text
            self._fresh += text

    def _drain(self) -> None:
        """Take in what an ended program wrote last.

        pexpect looks for it once, and misses what the kernel has not passed on by then.
        """
        descriptor = self._child.child_fd
        while select.select([descriptor], [], [], 0.2)[0]:
            try:
                data = os.read(descriptor, 65536)
            except OSError:  # EIO: nobody holds the other end any more, and all was read
                return
            if not data:
                return
            text = data.decode("utf-8", "replace")
            self._shown += text
            self._fresh += text

    def _still_waiting(self) -> bool:
        if time.monotonic() > self._end:
            raise TimeoutError(f"nothing more happens; so far: {self._shown!r}")
        return True

    def _prompt(self) -> str | None:
        """Return the question that is waited on, if there is one."""
        tail = _plain(self._fresh).rpartition("\n")[2]
        if not tail.strip():
            return None
        if self._child.getecho() and not (_QUESTION.search(tail) and self._stays()):
            return None
        return tail

    def _stays(self) -> bool:
        """Return whether nothing follows for a while: with echo only silence tells a prompt."""
        try:
            text = self._child.read_nonblocking(65536, timeout=_SETTLED_WITH_ECHO)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            self._drain()
            return False
        self._shown += text
        self._fresh += text
        return False

    def _reply(self, prompt: str) -> str | None:
        self._tell(self._fresh.removesuffix(prompt))
        self._fresh = ""
        self._prompts.append(prompt)
        return self._answer(prompt)

    def _tell(self, text: str) -> None:
        lines = (line.strip() for line in _plain(text).split("\n"))
        self._told += [line for line in lines if line and line not in self._prompts[-1:]]


def _plain(text: str) -> str:
    return _ESCAPE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def _in_turn(answers: Sequence[str]) -> Callable[[str], str | None]:
    rest = iter(answers)
    return lambda _prompt: next(rest, GIVE_UP)


def _hang_up(child: pexpect.spawn[str]) -> None:
    pid = child.pid
    assert pid is not None
    family = [pid, *processes.descendants(pid)] if child.isalive() else []
    if family:
        child.kill(signal.SIGHUP)
    child.close(force=True)
    for member in family:
        if processes.alive(member):
            processes.end(member)
