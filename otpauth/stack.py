"""PAM's files as lines: what a service's stack of one type comes to, includes followed.

See pam.d(5): `type control module arguments`, where a control or an argument in brackets may hold
blanks, a backslash continues a line, `@include` and the controls `include` and `substack` read
another file. Read only.
"""

from __future__ import annotations

import os
import re

from otpauth.value import NamedTuple

FOLDER = "/etc/pam.d"
MODULE, PROGRAM = "pam_otpauth.py", "otpauth-pam-exec"
SPLIT = "split"  # the argument of the line above a password
DEPTH_MAX = 16  # files that include one another
_WORD = re.compile(r"\[(?:\\.|[^\]\\])*\]|\S+")


class Line(NamedTuple):
    """One module of a stack and where it stands; `args` are without brackets.

    `inside` names the substacks around it, outermost first, by their places: none for the
    service's own lines and those of `include`. An include that cannot be read is a line without
    module, whose `args` name it.
    """

    file: str
    number: int
    control: str
    module: str
    args: tuple[str, ...]
    inside: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it stands, as editors take it."""
        return f"{self.file}:{self.number}"

    @property
    def name(self) -> str:
        """The module's name without its folder."""
        return os.path.basename(self.module)

    @property
    def ours(self) -> bool:
        """Whether it runs otpauth, as a module or through pam_exec."""
        return any(os.path.basename(each) in (MODULE, PROGRAM) for each in self.args)

    @property
    def splits(self) -> bool:
        """Whether it takes a code off the password, and decides nothing."""
        return self.ours and SPLIT in self.args

    @property
    def asks(self) -> bool:
        """Whether it demands a code."""
        return self.ours and not self.splits


class Part(NamedTuple):
    """A statement of a service's own file, and the modules it comes to: several of an include.

    `first` and `last` are the numbers of its physical lines, counted from 0.
    """

    first: int
    last: int
    place: str
    words: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def includes(self) -> str:
        """The name of the file that it includes, if it does."""
        if self.words[0] == "@include":
            return self.words[1]
        return self.words[2] if self.words[1] in ("include", "substack") else ""


def read(service: str, kind: str = "auth", *, folder: str = FOLDER) -> tuple[Line, ...]:
    """Return the lines of one type of a service's stack, in the order in which PAM runs them."""
    return tuple(_file(folder, service, kind, inside=(), level=0))


def landing(lines: tuple[Line, ...], start: int, count: int) -> int:
    """Return where a jump from a line over so many modules goes on; a substack is one of them.

    At the end of its own substack a jump ends. See pam.d(5).
    """
    around = lines[start].inside
    place = start + 1
    while count and place < len(lines) and _within(lines[place], around):
        here = lines[place].inside[: len(around) + 1]
        place += 1
        while len(here) > len(around) and place < len(lines) and _within(lines[place], here):
            place += 1
        count -= 1
    return place


def _within(line: Line, around: tuple[str, ...]) -> bool:
    return line.inside[: len(around)] == around


def parts(text: str, service: str, kind: str = "auth", *, folder: str = FOLDER) -> tuple[Part, ...]:
    """Return what a service's stack of one type would be if its file had this text."""
    path = os.path.join(folder, service)
    found = _parts(text, path, kind, inside=(), level=0)
    return tuple(part for part in found if part.lines)


def statements(text: str) -> list[tuple[int, int, list[str]]]:
    """Return the words of each statement and the numbers of its first and last line, from 0."""
    found = []
    pending, start = "", 0
    for number, line in enumerate(text.split("\n")):
        start = start if pending else number
        pending += line.partition("#")[0]
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        words = _WORD.findall(pending)
        if words:
            found.append((start, number, words))
        pending = ""
    return found


def services(folder: str = FOLDER) -> list[str]:
    """Return the names of the host's services; files that others include are none."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(name for name in names if not name.startswith(("common-", ".")))


def words(line: Line) -> tuple[str, ...]:
    """Return the arguments of a line that are otpauth's own."""
    names = [os.path.basename(each) for each in line.args]
    start = next(place for place, each in enumerate(names) if each in (MODULE, PROGRAM))
    return line.args[start + 1 :]


def _file(folder: str, name: str, kind: str, *, inside: tuple[str, ...], level: int) -> list[Line]:
    path = os.path.join(folder, name)
    with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
        found = _parts(file.read(), path, kind, inside=inside, level=level)
    return [line for part in found for line in part.lines]


def _parts(text: str, path: str, kind: str, *, inside: tuple[str, ...], level: int) -> list[Part]:
    found = []
    for first, last, words in statements(text):
        if words[0] == "@include" and len(words) > 1:
            here = Line(path, first + 1, "@include", "", (words[1],), inside)
        elif words[0].lower().removeprefix("-") == kind and len(words) > 2:
            here = Line(path, first + 1, words[1], words[2], _arguments(words[3:]), inside)
        else:
            continue
        part = Part(first, last, here.place, tuple(words), (here,))
        if part.includes:
            here = here._replace(module="", args=(part.includes,))
            deeper = (*inside, here.place) if words[1] == "substack" else inside
            part = part._replace(lines=_included(here, kind, inside=deeper, level=level))
        found.append(part)
    return found


def _included(here: Line, kind: str, *, inside: tuple[str, ...], level: int) -> tuple[Line, ...]:
    if level >= DEPTH_MAX:
        return (here,)
    try:
        folder = os.path.dirname(here.file)
        return tuple(_file(folder, here.args[0], kind, inside=inside, level=level + 1))
    except OSError:
        return (here,)


def _arguments(words: list[str]) -> tuple[str, ...]:
    return tuple(word[1:-1].replace("\\]", "]") if word.startswith("[") else word for word in words)
