"""A person's program on a terminal, step by step, with the screen as the person sees it.

`talk` (terminal.py) answers prompts; here a test waits for a text, looks, types, or pulls the
plug: for programs that show what must be read off, such as the wizard.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import pexpect

from tests.cli.screen import THEMES, Screen, Theme, read_qr
from tests.parts import enrolment, privilege, processes, secrets
from tests.parts.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from tests.parts.accounts import Person

_KEY = re.compile(r"\b[A-Z2-7]{4}(?: [A-Z2-7]{4}){1,3}\b")
_APP_PASSWORD = re.compile(r"\b(?:[0-9a-z]{5}-){3}[0-9a-z]{5}\b")
_SCRATCH = re.compile(r"\b[0-9a-z]{4}-[0-9a-z]{4}\b")


class Dialogue:
    """A running program of a person's; it is ended by pid where the `with` block ends."""

    def __init__(
        self,
        person: Person,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (24, 80),
        seconds: float = 20.0,
        **environment: str,
    ) -> None:
        """Start it on a terminal of (rows, columns), with environment variables besides."""
        self._size = size
        self._child = pexpect.spawn(
            command[0],
            list(command[1:]),
            env=person.environment() | environment,
            preexec_fn=privilege.becoming(person, {}, 0o022),
            dimensions=size,
            timeout=seconds,
        )
        self._child.delaybeforesend = None
        self._child.ptyproc.delayafterclose = 0.01  # type: ignore[attr-defined]
        self.output = b""
        assert self._child.pid is not None
        self.pid = self._child.pid

    def __enter__(self) -> Self:
        """Go on; it runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it if it runs still."""
        if processes.alive(self.pid):
            processes.end(self.pid)
        self._child.close(force=True)

    def until(self, text: str) -> str:
        """Wait for a text and return what was shown since the last one waited for."""
        self._child.expect_exact(text.encode())
        assert self._child.before is not None
        assert self._child.after is not None
        fresh = bytes(self._child.before) + bytes(self._child.after)
        self.output += fresh
        return fresh.decode("utf-8", "replace")

    def until_one(self, *texts: str) -> int:
        """Wait for one of some texts and return which came."""
        place: int = self._child.expect_exact([text.encode() for text in texts])
        assert self._child.before is not None
        assert self._child.after is not None
        self.output += bytes(self._child.before) + bytes(self._child.after)
        return place

    def type(self, text: str) -> None:
        """Type a line and Enter."""
        self._child.send(f"{text}\r")

    def key(self, text: str) -> None:
        """Press keys without Enter."""
        self._child.send(text)

    def hang_up(self) -> int:
        """Close the terminal, as when a window or a line goes; return the exit status."""
        self._child.ptyproc.fileobj.close()  # type: ignore[attr-defined]
        self._child.closed = True
        return self._wait()

    def end(self) -> int:
        """Wait for the end; return the exit status, or 128 and the signal."""
        self._child.expect(pexpect.EOF)
        assert self._child.before is not None
        self.output += bytes(self._child.before)
        return self._wait()

    def _wait(self) -> int:
        status: int = self._child.ptyproc.wait()  # type: ignore[attr-defined]
        number = self._child.ptyproc.signalstatus  # type: ignore[attr-defined]
        return status if number is None else 128 + int(number)

    def screen(self, theme: Theme = THEMES["dark"]) -> Screen:
        """Return the screen after everything that was shown so far."""
        rows, columns = self._size
        return Screen(columns, rows, theme=theme).feed(self.output)

    def text(self) -> str:
        """Return the text of the screen."""
        return "\n".join(self.screen().text())

    def secret(self) -> str:
        """Return the key that the screen shows in groups of four."""
        return self.secret_in(self.text())

    def secret_in(self, text: str) -> str:
        """Return the key that stands in a text in groups of four, however they are broken."""
        found = "".join(_KEY.findall(text)).replace(" ", "")
        return secrets.remember(found)

    def scratch_codes(self) -> list[str]:
        """Return the scratch codes that the screen shows."""
        return [secrets.remember(code) for code in _SCRATCH.findall(self.text())]

    def app_password(self) -> str:
        """Return the app password that the screen shows, nothing if there is none."""
        found = _APP_PASSWORD.search(self.text())
        return secrets.remember(found[0]) if found else ""

    def qr(self, theme: Theme = THEMES["dark"]) -> str:
        """Return what a camera reads off the screen."""
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder, "screen.pgm")
            picture.write_bytes(self.screen(theme).pgm(width=8, height=16))
            return read_qr(str(picture))


class Enrolled(NamedTuple):
    """What a person has after the wizard: `used` is the code typed in it."""

    phone: Phone
    codes: list[str]
    used: str


def enrol(person: Person, *words: str) -> Enrolled:
    """Enrol through the wizard."""
    with Dialogue(person, [enrolment.OTPAUTH, *words]) as wizard:
        wizard.until("Code: ")
        phone = Phone(wizard.secret())
        used = phone.next()
        wizard.type(used)
        wizard.until("Enter when you have them")
        codes = wizard.scratch_codes()
        wizard.type("")
        assert wizard.end() == 0, wizard.text()
    return Enrolled(phone, codes, used)
