"""Programs of our own beside a login: one question on stdin as JSON, one answer on stdout.

What needs modules that are slow, or that do not survive a second start of Python inside one
process, runs so: `/usr/bin/python3 -ISB PROGRAM FOLDER...`, with an empty environment and a time
limit. The folders are for the front of its module search path.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PYTHON = "/usr/bin/python3"  # never sys.executable: that is found through the caller's PATH


def ask(program: str, request: Any, *, seconds: float) -> Any:
    """Run a program of this package with a request; None if it failed or took too long.

    Whatever it started is ended with it.
    """
    import json

    import cryptography

    here = os.path.dirname(__file__)
    folders = (os.path.dirname(here), os.path.dirname(os.path.dirname(cryptography.__file__)))
    inner_in, outer_in = os.pipe()
    outer_out, inner_out = os.pipe()
    nowhere = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
    try:
        child = os.posix_spawn(
            PYTHON,
            [PYTHON, "-ISB", os.path.join(here, program), *folders],
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, inner_in, 0),
                (os.POSIX_SPAWN_DUP2, inner_out, 1),
                (os.POSIX_SPAWN_DUP2, nowhere, 2),
            ],
            setpgroup=0,
            setsigmask=[],
        )
    except OSError:
        os.close(outer_in)
        os.close(outer_out)
        return None
    finally:
        for descriptor in (inner_in, inner_out, nowhere):
            os.close(descriptor)
    try:
        reply = _talk(outer_in, outer_out, json.dumps(request).encode(), seconds)
    finally:
        os.close(outer_out)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # a host program may ignore or collect it
            os.waitpid(child, 0)
    try:
        return json.loads(reply) if reply else None
    except ValueError:
        return None


def _talk(into: int, out: int, request: bytes, seconds: float) -> bytes:
    """Write the request and read the reply, both without ever blocking for longer than allowed."""
    deadline = time.monotonic() + seconds
    os.set_blocking(into, False)
    waiting = select.poll()
    waiting.register(into, select.POLLOUT)
    waiting.register(out, select.POLLIN)
    reply = b""
    try:
        while (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in waiting.poll(left * 1000):
                if descriptor == out:
                    part = os.read(out, 65536)
                    if not part:
                        return reply
                    reply += part
                elif request:
                    request = request[_write_some(into, request) :]
                    if not request:
                        waiting.unregister(into)
                        os.close(into)
                        into = -1
    finally:
        if into >= 0:
            os.close(into)
    return b""


def _write_some(descriptor: int, data: bytes) -> int:
    try:
        return os.write(descriptor, data)
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(data)
