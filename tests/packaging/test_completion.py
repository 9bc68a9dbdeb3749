"""Completion in the real bash, zsh and fish, from the files that are installed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pexpect
import pytest

from otpauth import oath, token
from otpauth.cli import admin, user
from tests.parts import accounts, enrolment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.parts.accounts import Person

    Shell = Callable[[Person, Sequence[str]], list[set[str]]]

pytestmark = pytest.mark.stage
BASH = """
source /usr/local/share/bash-completion/completions/otpauth
source /usr/local/share/bash-completion/completions/otpauth-admin
while IFS= read -r line; do
  read -ra COMP_WORDS <<<"$line"
  [[ $line != *' ' ]] || COMP_WORDS+=('')
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  "_${COMP_WORDS[0]//-/_}" "${COMP_WORDS[0]}" "${COMP_WORDS[-1]}"
  echo "${COMPREPLY[@]}"
done
"""
FISH = """
source /usr/local/share/fish/vendor_completions.d/otpauth.fish
source /usr/local/share/fish/vendor_completions.d/otpauth-admin.fish
while read -l line
    echo (complete -C"$line" | string replace -r '\\t.*' '')
end
"""
# Instead of showing what it found zsh writes it down: a match of compadd is one line.
ZSH = r"""
autoload -Uz compinit && compinit -u
bindkey '^I' complete-word
zstyle ':completion:*' insert-tab false
start() { print -r -- BEGIN }
compprefuncs=(start)
finish() { print -r -- END; exit }
comppostfuncs=(finish)
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  local -a found
  builtin compadd -A found "$@"
  (( $#found )) && print -rl -- HIT:${^found}
  builtin compadd "$@"
}
PS1= ; print READY
"""


def in_bash(person: Person, lines: Sequence[str]) -> list[set[str]]:
    """Return what bash offers at the end of each line."""
    done = person.run("bash", "--norc", "-c", BASH, text="".join(f"{line}\n" for line in lines))
    assert done.stderr == ""
    return [set(line.split()) for line in done.stdout.splitlines()]


def in_fish(person: Person, lines: Sequence[str]) -> list[set[str]]:
    """Return what fish offers at the end of each line."""
    done = person.run("fish", "-c", FISH, text="".join(f"{line}\n" for line in lines))
    assert done.stderr == ""
    return [set(line.split()) for line in done.stdout.splitlines()]


def in_zsh(person: Person, lines: Sequence[str]) -> list[set[str]]:
    """Return what zsh offers at the end of each line."""
    return [_in_zsh(person, line) for line in lines]


def _in_zsh(person: Person, line: str) -> set[str]:
    (person.home / ".zshrc").write_text(ZSH)
    words = ["-u", person.name, "--", "zsh", "-o", "NO_GLOBAL_RCS"]
    shell = pexpect.spawn("runuser", words, env=person.environment(), encoding="utf-8", timeout=20)
    try:
        shell.expect_exact("READY\r\n")
        shell.send(f"{line}\t")
        shell.expect_exact("END")
        return set(re.findall(r"HIT:(\S+)", str(shell.before)))
    finally:
        shell.close(force=True)


@pytest.fixture(name="enrolled", scope="module")
def _enrolled(stage: Path) -> Iterator[Person]:
    """Give somebody with a phone."""
    assert stage.is_dir()
    with accounts.make("quentin") as person:
        enrolment.phone(person)
        yield person


@pytest.mark.parametrize("shell", [in_bash, in_zsh, in_fish])
def test_what_is_completed(shell: Shell, enrolled: Person) -> None:
    """Verbs, kinds, choices, accounts, services, files and one's own tokens are offered."""
    asked = {
        "otpauth ad": {"add"},
        "otpauth-admin key ": {"list", "export", "import", "rotate"},
        "otpauth add ": set(token.KINDS),
        "otpauth-admin add quentin sc": {"scratch"},
        "otpauth add totp --algorithm ": set(oath.ALGORITHMS),
        "otpauth-admin unlock quent": {"quentin"},
        "otpauth-admin list root quent": {"quentin"},
        "otpauth-admin verify quentin --service ssh": {"sshd"},
        "otpauth-admin key import /etc/passw": {"passwd"},
        "otpauth remove ": {"phone"},
        "otpauth remove phone ph": {"phone"},
        "otpauth set --name ph": set(),
    }
    for (line, wanted), found in zip(asked.items(), shell(enrolled, list(asked)), strict=True):
        names = {re.sub(r".*/(?=.)", "", each).rstrip("-") for each in found}
        assert names == wanted, line


@pytest.mark.parametrize("shell", [in_bash, in_fish])
def test_every_option_of_the_grammar(shell: Shell, enrolled: Person) -> None:
    """At each verb exactly the long options are offered that the command takes there."""
    wanted = dict(options(user.parser())) | dict(options(admin.parser()))
    found = shell(enrolled, [f"{path} --" for path in wanted])
    for (path, known), offered in zip(wanted.items(), found, strict=True):
        assert {each for each in offered if each.startswith("--")} == known, path


def options(parser: argparse.ArgumentParser) -> Iterator[tuple[str, set[str]]]:
    """Give a command, and each verb and action of it, with its long options."""
    yield parser.prog, {name for name in parser._option_string_actions if name.startswith("--")}  # noqa: SLF001
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action.choices, dict):
            for inner in action.choices.values():
                yield from options(inner)
