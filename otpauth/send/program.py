"""Running a program with a message on its stdin: no shell, no environment, no output read."""

from __future__ import annotations

import os
import signal
import subprocess

from otpauth.errors import SendError


def run(words: list[str], message: bytes) -> None:
    """Run a program to its end. Raises SendError.

    It has a session of its own: what it leaves running to deliver the message is not ended.
    """
    try:
        child = subprocess.Popen(  # noqa: S603 -- otpauth.conf names it
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            start_new_session=True,
        )
    except OSError as error:
        raise SendError(f"{words[0]!r} does not run: {error.strerror}", lost=True) from None
    try:
        child.communicate(message)
    except BaseException:  # the time is over
        os.killpg(child.pid, signal.SIGKILL)
        raise
    if child.returncode:
        raise SendError(f"{words[0]!r} failed, exit {child.returncode}", lost=True)
