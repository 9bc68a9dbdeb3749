"""Write the completion of both commands for bash, zsh and fish from their grammars.

`make` runs this, so that no verb or option can be missing from a shell. Each word of the grammar is
completed by what it means (MEANINGS); what reads the words is in the files bash, zsh and fish here.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from otpauth.cli import admin, user

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USERS, TOKENS, FILES, SERVICES, NOTHING = "@users", "@tokens", "@files", "@services", "@nothing"
MEANINGS = {
    **dict.fromkeys(("user", "users", "old"), USERS),
    **dict.fromkeys(("name", "names"), TOKENS),
    **dict.fromkeys(("file", "files", "passphrase_file", "qr_file", "secret"), FILES),
    **dict.fromkeys(("source", "state"), FILES),
    **dict.fromkeys(("limit", "service", "services"), SERVICES),
}
NEW = {("add", "name"), ("rename", "user")}  # names that are not there yet
# What zsh and fish call these; in fish, what an option needs besides.
ZSH = {
    USERS: "_users",
    TOKENS: "_@FUNCTION@_tokens",
    FILES: "_files",
    SERVICES: "_files -W /etc/pam.d",
    NOTHING: " ",
}
FISH = {
    USERS: ("-x", "-a '(__fish_complete_users)'"),
    TOKENS: ("-x", "-a '(__@FUNCTION@_tokens)'"),
    FILES: ("-r", "-F"),
    SERVICES: ("-x", "-a '(ls /etc/pam.d)'"),
    NOTHING: ("-x", ""),
}


class Word(NamedTuple):
    """An option with its names, or an argument without any."""

    names: tuple[str, ...]
    value: str  # a meaning, or choices with blanks between; empty for an option without a value
    help: str
    many: bool


class Place(NamedTuple):
    """Where words can stand: in the command itself (an empty path), a verb, or a verb's action."""

    path: str
    options: tuple[Word, ...]
    arguments: tuple[Word, ...]
    verbs: tuple[tuple[str, str], ...]


def main(folders: Sequence[str]) -> int:
    """Write all files into the folders of bash, zsh and fish."""
    shells = ((bash, "{}"), (zsh, "_{}"), (fish, "{}.fish"))
    for grammar in (user.parser(), admin.parser()):
        found = tuple(places(grammar))
        for (shell, name), folder in zip(shells, folders, strict=True):
            text = shell(found, _template(shell.__name__))
            text = text.replace("@PROGRAM@", grammar.prog).replace(
                "@FUNCTION@", _plain(grammar.prog)
            )
            Path(folder, name.format(grammar.prog)).write_text(text, encoding="utf-8")
    return 0


def places(parser: argparse.ArgumentParser, path: str = "") -> Iterator[Place]:
    """Give the place that a grammar describes, and those inside of it."""
    words, inner, verbs = [], {}, []
    for each in parser._actions:  # noqa: SLF001 -- argparse has no other way to walk a grammar
        if isinstance(each, argparse._SubParsersAction):  # noqa: SLF001
            inner = dict(each.choices)
            verbs = [(one.dest, one.help or "") for one in each._choices_actions]  # noqa: SLF001
        elif each.help != argparse.SUPPRESS:
            words.append(_word(each, path))
    options = tuple(word for word in words if word.names)
    yield Place(path, options, tuple(word for word in words if not word.names), tuple(verbs))
    for name, one in inner.items():
        yield from places(one, f"{path} {name}".strip())


def _word(action: argparse.Action, path: str) -> Word:
    many = action.nargs in ("*", "+")
    text = (action.help or "").replace("%%", "%")
    return Word(tuple(action.option_strings), _value(action, path), text, many)


def _value(action: argparse.Action, path: str) -> str:
    if action.nargs == 0:
        return ""
    if action.choices:
        return " ".join(map(str, action.choices))
    if (path, action.dest) in NEW:
        return NOTHING
    return MEANINGS.get(action.dest, NOTHING)


def bash(found: tuple[Place, ...], template: str) -> str:
    """Return the file for bash: the words of each place, as its variables."""
    rows = []
    for place in found:
        values = {
            "flags": [name for word in place.options for name in word.names],
            "takes": [
                f"{name}={word.value.replace(' ', ',')}"
                for word in place.options
                if word.value
                for name in word.names
            ],
            "arguments": [w.value.replace(" ", ",") + "..." * w.many for w in place.arguments],
            "verbs": [name for name, _ in place.verbs],
        }
        lines = "".join(f"      {name}='{' '.join(words)}'\n" for name, words in values.items())
        rows.append(f"    '{place.path}')\n{lines}      ;;\n")
    return template.replace("@PLACES@\n", "".join(rows))


def zsh(found: tuple[Place, ...], template: str) -> str:
    """Return the file for zsh: a function for each place."""
    functions = []
    for place in found:
        name = "_@FUNCTION@" + "".join(f"_{_plain(word)}" for word in place.path.split())
        lines = " \\\n    ".join(_quoted(spec) for spec in _zsh_specs(place))
        body = f"  _arguments -C \\\n    {lines}\n" + (
            _zsh_verbs(name, place) if place.verbs else ""
        )
        functions.append(f"{name}() {{\n{body}}}\n")
    return template.replace("@PLACES@\n", "\n".join(functions))


def _zsh_specs(place: Place) -> Iterator[str]:
    for word in place.options:
        text = word.help.translate(str.maketrans("[]:", "() "))
        for name in word.names:
            value = f":value:{_zsh_value(word)}" if word.value else ""
            yield f"({' '.join(word.names)}){name}[{text}]{value}"
    for number, word in enumerate(place.arguments, 1):
        yield f"{'*' if word.many else number}:word:{_zsh_value(word)}"
    if place.verbs:
        yield from ("1:verb:->verb", "*::word:->word")


def _zsh_value(word: Word) -> str:
    return ZSH.get(word.value) or f"({word.value})"


def _zsh_verbs(name: str, place: Place) -> str:
    verbs = " \\\n    ".join(_quoted(f"{verb}:{text}") for verb, text in place.verbs)
    return (
        f"  [[ $state == word ]] && {name}_$words[1] && return\n"
        f"  [[ $state == verb ]] || return\n"
        f"  local -a verbs=(\\\n    {verbs})\n  _describe -t verbs verb verbs\n"
    )


def fish(found: tuple[Place, ...], template: str) -> str:
    """Return the file for fish: a line for each word of each place."""
    lines = []
    for place in found:
        at = f'complete -c @PROGRAM@ -n \'__@FUNCTION@_at "{place.path}"'
        for word in place.options:
            names = " ".join("-l " + n[2:] if n[:2] == "--" else "-s " + n[1:] for n in word.names)
            value = " ".join(_fish_value(word)) if word.value else ""
            lines.append(f"{at}' {names} {value}{_fish_help(word.help)}")
        lines += [f"{at} 0' -a {name}{_fish_help(text)}" for name, text in place.verbs]
        for number, word in enumerate(place.arguments):
            _, value = _fish_value(word)
            lines += [f"{at} {number}{'+' * word.many}' {value}"] * bool(value)
    valued = {
        name for place in found for word in place.options if word.value for name in word.names
    }
    parents = " ".join(f'"{place.path}"' for place in found if place.verbs)
    text = template.replace("@PLACES@", "\n".join(lines)).replace("@PARENTS@", parents)
    return text.replace("@VALUED@", " ".join(sorted(valued)))


def _fish_value(word: Word) -> tuple[str, str]:
    return FISH.get(word.value) or ("-x", f"-a '{word.value}'")


def _fish_help(text: str) -> str:
    return f" -d {_quoted(text)}" if text else ""


def _template(shell: str) -> str:
    return Path(__file__).with_name(shell).read_text(encoding="utf-8")


def _plain(name: str) -> str:
    return name.replace("-", "_")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
