"""Ini text as sections of `key = value`, each with the number of its line, read in one pass.

Strict: a section or a key that is there twice is an error, and so is a line that is neither. A line
whose first character is # is a comment. Lines indented deeper than a key go on with its value, up
to an empty line or a comment. Nothing else is special: `%`, `#`, `;` and `:` in a value are
themselves, and no section is a default for others.
"""

from __future__ import annotations

from otpauth.errors import ConfigError
from otpauth.value import NamedTuple


class Section(NamedTuple):
    """A section: the number of its line, and for each key its value's lines and its own number."""

    line: int
    values: dict[str, tuple[list[str], int]]


def read(text: str, *, path: str) -> dict[str, Section]:
    """Return the sections by name. Raises ConfigError `path:line: fault`."""
    sections: dict[str, Section] = {}
    values: dict[str, tuple[list[str], int]] | None = None
    lines: list[str] | None = None  # of the value that deeper lines go on with
    depth = 0
    for number, whole in enumerate(text.split("\n"), 1):
        line = whole.strip()
        if not line or line[0] == "#":
            lines = None
            continue
        indent = len(whole) - len(whole.lstrip())
        if lines is not None and indent > depth:
            lines.append(line)
        elif line[0] == "[":
            name = _name(line, f"{path}:{number}")
            if name in sections:
                raise _fault(f"{path}:{number}", "a section is there twice")
            values, lines = {}, None
            sections[name] = Section(number, values)
        elif values is None:
            raise _fault(f"{path}:{number}", "a line stands before the first [section]")
        else:
            key, equals, first = line.partition("=")
            key = key.rstrip()
            if not equals or not key:
                raise _fault(f"{path}:{number}", "a line is neither [section] nor key = value")
            if key in values:
                raise _fault(f"{path}:{number}", "a key is there twice in one section")
            lines, depth = [first.lstrip()], indent
            values[key] = lines, number
    return sections


def _name(line: str, place: str) -> str:
    name = line[1:-1]
    if line[-1] != "]" or not name or "]" in name:
        raise _fault(place, "text stands before or behind [section], or a ] is missing")
    return name


def _fault(place: str, what: str) -> ConfigError:
    return ConfigError(f"{place}: {what}", hint="see otpauth.conf(5)")
