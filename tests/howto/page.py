"""A how-to as steps: what is typed, what is shown, which lines go into which file.

The conventions are those that docs/howto/README.md tells its readers; nothing is hidden in
comments. A block that follows none of them is an error, so that no block goes unread.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROMPTS = {"# ": "root", "$ ": "alice", "laptop$ ": "laptop"}
NOT_RUN = "not run here"
NEW, INSTEAD, BELOW, ABOVE = "a new file", "instead of", "below", "above"
ANSWERS = (
    "code",
    "same code",
    "mailed code",
    "sent code",
    "list password",
    "number and list password",
    "wrong code",
    "scratch code",
    "app password",
    "password",
    "wrong password",
    "password and code",
    "password and same code",
    "password and wrong code",
    "password,scratch code",
    "root's password",
    "passphrase",
    "Enter",
)
BACK = "Take it back"
_BEFORE = re.compile(r"You have done \[[^]]*\]\(([^)/]+\.md)\)")
_FENCE = re.compile(r"^```(?P<kind>\S*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NEW = re.compile(rf"`(?P<path>/\S+)`, (?P<where>{NEW}):$")
_LINE = re.compile(
    rf"In `(?P<path>/\S+)`, (?P<where>{INSTEAD}|{BELOW}|{ABOVE}) `(?P<anchor>[^`]+)`:$"
)
_YES = r"(?<=\[y/N\] )(y)$"
_ANSWER = re.compile(rf"\[({'|'.join(map(re.escape, ANSWERS))})\]|{_YES}", re.MULTILINE)


class PageError(Exception):
    """Raised if a page has a block that follows no convention."""


class Turn(NamedTuple):
    """A command, who types it, and what is shown up to the next one."""

    who: str
    command: str
    shown: str

    def pieces(self) -> list[str]:
        """Return what is shown and what is typed, in turn; the last piece is shown."""
        return [piece for piece in _ANSWER.split(self.shown) if piece is not None]


class Edit(NamedTuple):
    """Lines for a file: a new one, or one that is there, in which `anchor` is a whole line."""

    path: str
    where: str
    anchor: str
    text: str


def steps(path: Path) -> Iterator[Turn | Edit]:
    """Give a page's steps in order, within those of the page that must have been done before.

    Raises:
        PageError: naming the block that follows no convention.

    """
    text = path.read_text(encoding="utf-8")
    before = _BEFORE.search(" ".join(text.split()))
    if not before:
        yield from _steps(path, text)
        return
    first = path.with_name(before[1])
    there, _, back = first.read_text(encoding="utf-8").partition(f"\n## {BACK}\n")
    yield from _steps(first, there)
    yield from _steps(path, text)
    yield from _steps(first, back)


def _steps(path: Path, text: str) -> Iterator[Turn | Edit]:
    for block in _FENCE.finditer(text):
        lead = " ".join(text[: block.start()].rstrip().rpartition("\n\n")[2].split())
        if lead.endswith(f"({NOT_RUN}):"):
            continue
        if block["kind"] == "console":
            yield from turns(block["text"])
        elif found := _NEW.search(lead) or _LINE.search(lead):
            anchor = found.groupdict().get("anchor", "")
            yield Edit(found["path"], found["where"], anchor, block["text"])
        else:
            raise PageError(f"{path.name}: what is done with this block? {block['text']!r}")


def turns(text: str) -> list[Turn]:
    """Return the commands of a transcript, each with what is shown after it."""
    found: list[Turn] = []
    for line in text.splitlines(keepends=True):
        prompt = next((each for each in PROMPTS if line.startswith(each)), None)
        if prompt:
            found.append(Turn(PROMPTS[prompt], line.removeprefix(prompt).rstrip("\n"), ""))
        elif not found:
            raise PageError(f"a transcript begins with a prompt, not with {line!r}")
        elif found[-1].command.endswith("\\") and not found[-1].shown:
            found[-1] = found[-1]._replace(command=f"{found[-1].command}\n{line.rstrip()}")
        else:
            found[-1] = found[-1]._replace(shown=found[-1].shown + line)
    return found


def is_run(path: Path) -> bool:
    """Return whether a page is done by the tests: the line below its title says if it is not."""
    lines = path.read_text(encoding="utf-8").split("\n\n")
    return NOT_RUN not in lines[1].lower()


def sections(path: Path) -> list[str]:
    """Return the titles of a page's sections."""
    prose = _FENCE.sub("", path.read_text(encoding="utf-8"))
    return re.findall(r"^## (.+)$", prose, re.MULTILINE)


def spans(path: Path) -> list[str]:
    """Return what stands between backticks in a page's text, outside of its blocks."""
    prose = _FENCE.sub("", path.read_text(encoding="utf-8"))
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def blocks(path: Path) -> list[str]:
    """Return the text of all blocks of a page."""
    return [block["text"] for block in _FENCE.finditer(path.read_text(encoding="utf-8"))]
