"""Somebody who follows a how-to to the letter: shells on terminals, an editor, a phone, a paper.

What is shown must be what the page shows, to the character, but for what is another everywhere:
names and addresses of host and laptop, ids of host keys, dates and times; and `…`, which is
anything.
"""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pexpect

from tests import stage
from tests.howto import page, provider
from tests.parts import dialogue, secrets
from tests.parts.paper import Paper
from tests.parts.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.howto.machine import Machine
    from tests.parts.accounts import Person

SECONDS = 30.0  # the third code within a period is waited for
PASSPHRASE = "a passphrase for the keys"
_BOTH = {"password and ": "", "password,": ","}
_PROMPT = "<ended:%s>"
_ENDED = re.compile(r"<ended:(\d+)>$")
_SETTLED = 0.03  # the program may be switching the echo off still
_LINE_END = re.compile(r"\r+\n")
_OVERWRITTEN = re.compile(r"[^\n]*\r")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ITS_SECRET = re.compile(rb"Your new secret key is: ([A-Z2-7]+)")  # google-authenticator's
_WIZARD_BEGINS, _WIZARD_ENDS = b"\x1b[?1049h", b"\x1b[?1049l"
_HERE = re.escape(socket.gethostname().partition(".")[0])
_ANOTHER_EVERYWHERE = {
    r"web1": rf"(?:web1|127\.0\.0\.1|{_HERE})",
    r"192\.0\.2\.7": r"127\.0\.0\.1",
    r"[0-9A-F]{4}-[0-9A-F]{4}": r"[0-9A-F]{4}-[0-9A-F]{4}",
    r"\d{4}-\d\d-\d\d": r"\d{4}-\d\d-\d\d",
    r"\d\d:\d\d:\d\d": r"\d\d:\d\d:\d\d",
    r"\d\d:\d\d": r"\d\d:\d\d",
    r"(?<=assword )\d{3}(?= from)": r"\d{3}",
    r"(?m:^…\n)": r"(?:.*\n)*",
    r"…": r".*",
}
_VARIES = re.compile("|".join(f"({each})" for each in _ANOTHER_EVERYWHERE))


class NotAsThePageSaysError(AssertionError):
    """Raised if a step does not go as the page says."""


class Shell(dialogue.Dialogue):
    """A person's shell, from its first command to the end of the page."""

    def __init__(self, person: Person, path: str) -> None:
        """Start it at home."""
        words = ("/bin/bash", "--noprofile", "--norc", "--noediting")
        super().__init__(person, words, PS1=_PROMPT % "$?", PS2="", PATH=path)
        self._typed, self._from = "", 0
        self.until(_PROMPT % 0)
        self.command("cd")
        self.shows_to_its_end("\n")

    def command(self, text: str) -> None:
        """Type a command."""
        self.output = b""
        self.answer(text)

    def answer(self, text: str) -> None:
        """Type an answer."""
        self._typed, self._from = text, len(self.output)
        self.type(text.replace("\n", "\r"))

    def shows(self, text: str) -> None:
        """Wait until this, and nothing but this, was shown since something was typed."""
        wanted = re.compile(pattern(text))
        while not wanted.fullmatch(self._shown()):
            if _ENDED.search(self._shown()):
                raise self._otherwise(text)
            self._read(text)
        time.sleep(_SETTLED)

    def shows_to_its_end(self, text: str) -> int:
        """Wait for the end of the command, by which this was shown; return its status."""
        while not (ended := _ENDED.search(self._shown())):
            self._read(text)
        if not re.fullmatch(pattern(text), self._shown()[: ended.start()]):
            raise self._otherwise(text)
        return int(ended[1])

    @property
    def in_wizard(self) -> bool:
        """Say whether a wizard has the screen."""
        return self.output.count(_WIZARD_BEGINS) > self.output.count(_WIZARD_ENDS)

    def _shown(self) -> str:
        """Return what was shown since something was typed, without that where it is echoed."""
        fresh = _LINE_END.sub("\n", self.output[self._from :].decode("utf-8", "replace"))
        return _CONTROL.sub("", _OVERWRITTEN.sub("", fresh)).removeprefix(self._typed)

    def _read(self, wanted: str) -> None:
        try:
            self.output += self._child.read_nonblocking(65536, timeout=SECONDS)
        except (pexpect.TIMEOUT, pexpect.EOF):
            raise self._otherwise(wanted) from None

    def _otherwise(self, wanted: str) -> NotAsThePageSaysError:
        return NotAsThePageSaysError(f"the page shows {wanted!r}; shown is {self._shown()!r}")


class Reader:
    """Follows the steps of one page on the how-tos' machine."""

    def __init__(self, machine: Machine) -> None:
        """Sit down before it."""
        self._machine = machine
        self._shells: dict[str, Shell] = {}
        self._phone: Phone | None = None
        self._paper: list[str] = []
        self._list = Paper("")
        self._code = self._app_password = ""

    def __enter__(self) -> Self:
        """Go on."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the windows; bash does not end at a SIGTERM."""
        for shell in self._shells.values():
            shell.hang_up()

    def follow(self, steps: Iterable[page.Turn | page.Edit]) -> None:
        """Do what a page says.

        Raises:
            NotAsThePageSaysError: naming the step that goes otherwise.

        """
        for step in steps:
            try:
                self._turn(step) if isinstance(step, page.Turn) else edit(step)
            except NotAsThePageSaysError as error:
                raise NotAsThePageSaysError(f"{step}: {error}") from None

    def _turn(self, turn: page.Turn) -> None:
        if turn.who == "laptop":
            self._machine.wait_for_sshd()
        shell = self._shell(turn.who)
        shell.command(turn.command)
        *earlier, last = turn.pieces()
        lead = "\n"
        for shown, word in zip(earlier[::2], earlier[1::2], strict=True):
            shell.shows(lead + shown)
            shell.answer(self._answer(word, shell))
            lead = ""
        status = shell.shows_to_its_end(lead + last)
        self._look_at(shell)
        if status and not turn.shown:
            raise NotAsThePageSaysError(f"it fails, with status {status}, and says nothing")

    def _shell(self, who: str) -> Shell:
        if who not in self._shells:
            path = stage.SYSTEM_PATH
            if who == "root":
                path = f"{self._machine.programs}:{path}"
            self._shells[who] = Shell(self._machine.people[who], path)
        return self._shells[who]

    def _answer(self, word: str, shell: Shell) -> str:
        """Return what is typed where the page has a word in brackets."""
        if word == "Enter":
            self._paper += shell.scratch_codes()
            self._app_password = shell.app_password() or self._app_password
            self._list.passwords |= Paper(shell.text()).passwords
            return ""
        if word == "y":
            return word
        if word.endswith("list password"):
            self._code = self._of_list(word, shell)
            return self._code
        if not word.endswith("code"):
            return self._password(word)
        self._look_at(shell)
        for lead, joint in _BOTH.items():
            if word.startswith(lead):
                return self._password("password") + joint + self._code_for(word.removeprefix(lead))
        return self._code_for(word)

    def _of_list(self, word: str, shell: Shell) -> str:
        """Return the password of the printed list that is asked for; with any number if none is."""
        if word != "list password":
            return self._list.numbered(min(self._list.passwords))
        shown = shell.output.decode("utf-8", "replace")
        return self._list.answer(shown[shown.rindex("assword ") :])

    def _password(self, word: str) -> str:
        people = self._machine.people
        known = {
            "password": people["alice"].password,
            "app password": self._app_password,
            "wrong password": "not the password",
            "root's password": people["root"].password,
            "passphrase": secrets.remember(PASSPHRASE),
        }
        return known[word] or ""

    def _code_for(self, word: str) -> str:
        if word == "scratch code":
            return self._paper.pop()
        if word == "mailed code":
            assert self._machine.mail
            self._code = self._machine.mail.code("alice")
        if word == "sent code":
            assert self._machine.provider
            self._code = provider.code(self._machine.provider)
        if word in ("mailed code", "sent code", "same code") and not self._phone:
            return self._code
        assert self._phone, "the page asks for a code before anything was enrolled"
        if word == "wrong code":
            return self._phone.wrong()
        if word == "code":
            self._code = self._phone.next()
        return self._code

    def _look_at(self, shell: Shell) -> None:
        """Scan what a program shows to be scanned, unless the phone has it already."""
        shown = _ITS_SECRET.search(shell.output)
        secret = shown[1].decode() if shown else ""
        if shell.in_wizard:
            secret = shell.secret()
        if secret and (self._phone is None or self._phone.secret != secret):
            self._phone = Phone(secret)


def edit(step: page.Edit) -> None:
    """Change a file as an administrator with an editor does."""
    path = Path(step.path)
    if step.where == page.NEW:
        if path.exists():
            raise NotAsThePageSaysError("the file is there already")
        path.write_text(step.text, encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    first, last = _place(lines, step)
    text = "".join((*lines[:first], step.text, *lines[last:]))
    path.write_text(text, encoding="utf-8")


def _place(lines: list[str], step: page.Edit) -> tuple[int, int]:
    """Return between which lines of a file the new ones go."""
    places = [place for place, line in enumerate(lines) if line.split() == step.anchor.split()]
    if len(places) != 1:
        raise NotAsThePageSaysError(f"the file has {len(places)} lines {step.anchor!r}")
    first = places[0] + (step.where == page.BELOW)
    return first, first + (step.where == page.INSTEAD)


def pattern(text: str) -> str:
    """Return a pattern of what a page shows."""
    found = ""
    ways = tuple(_ANOTHER_EVERYWHERE.values())
    end = 0
    for each in _VARIES.finditer(text):
        assert each.lastindex
        found += re.escape(text[end : each.start()]) + ways[each.lastindex - 1]
        end = each.end()
    return found + re.escape(text[end:])
