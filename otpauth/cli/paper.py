"""Lists on paper: making numbered passwords, and printing them before anything is written.

Words are proquints (arXiv:0901.4016), 16 bits each and pronounceable. A list goes to the standard
output if that is no terminal, for any printer; into an HTML file; or onto the screen. What its
owner types before each password is asked for on the terminal and printed nowhere.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import sys
import time
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from otpauth import token
from otpauth.changes import Change
from otpauth.cli import report, verbs, wizard
from otpauth.errors import RefusedError, UsageError
from otpauth.kinds import paper
from otpauth.token import Draft

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from otpauth.cli.target import Target
    from otpauth.cli.terminal import Terminal

NAME = "paper"
COUNT, BITS, FORM = 100, 40, "words"
FORMS = tuple(paper.ALPHABETS)
SHEETS = {  # how CSS calls the page, its margin, the type size
    "a4": ("A4", "15mm", "10pt"),
    "letter": ("letter", "15mm", "10pt"),
    "card": ("85.6mm 54mm", "3mm", "5.5pt"),
}
PREFIX_MAX = 64  # characters
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aiou"
_GROUP = 4  # characters between blanks
_WIDTH = 79  # columns of a printed page
OPTIONS = ("alphabet", "bits", "count", "html", "prefix", "sheet")
_NOT_OURS = ("algorithm", "digits", "period", "codes", "issuer", "label", "qr_file", "uri", "json")


class Printed(NamedTuple):
    """A list as it is printed: title, its passwords in their order, and how to use them."""

    title: str
    passwords: tuple[str, ...]
    advice: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Printed({self.title!r})"


def check(kind: str, options: argparse.Namespace) -> None:
    """Raise UsageError if an option is given that is not for tokens of this kind."""
    wrong = _NOT_OURS if kind == "list" else OPTIONS
    given = [each for each in wrong if getattr(options, each, None)]
    if given:
        word = given[0].replace("_", "-")
        raise UsageError(f"--{word} is {'not ' if kind == 'list' else ''}for lists")
    if options.sheet and not options.html:
        raise UsageError("--sheet is the page of --html FILE")


def make(
    target: Target,
    options: argparse.Namespace,
    name: str,
    *,
    verb: str,
    remove: tuple[str, ...] = (),
) -> int:
    """Make a list, print it, and have it carried out as a change. Says so beside the list."""
    verbs.check_allowed(target, "list")
    if options.html and os.path.lexists(options.html):
        raise RefusedError(f"{options.html!r} exists already", hint="name another file")
    expires = verbs.expiry(options.expires)
    form = options.alphabet or FORM
    size = _size(form, options.bits or BITS)
    made = _passwords(form, size, options.count or COUNT)
    onto_screen = not options.html and os.isatty(1)
    proof, prefix = None, ""
    with contextlib.ExitStack() as stack:
        terminal = None
        if onto_screen or options.prefix or target.needs_proof():
            terminal = stack.enter_context(verbs.opened_terminal(plain=options.plain))
            proof = target.prove(terminal)
            prefix = _ask_prefix(terminal, form) if options.prefix else ""
        draft = _draft(name, made, prefix, form, size)
        draft = draft._replace(expires=expires, groups=options.groups)
        change = Change(add=(draft,), remove=remove, proof=proof)
        sheet = _printed(target, draft, made, prefixed=bool(prefix))
        if terminal and onto_screen:
            stack.enter_context(terminal.screen())
            _show(terminal, sheet)
        with _written(sheet, options, onto_screen=onto_screen):
            target.submit(verb, name, change)
    when = verbs.when(target) + ("; the old one ends then" if remove else "")
    many = f"{len(made)} passwords of {draft.params['bits']} bits"
    print(f"{target.program}: {name}, {many}, {when}", file=sys.stderr)
    return report.DONE


def _size(form: str, bits: int) -> int:
    """Return how many words or characters make so many bits."""
    return math.ceil(bits / _bits_of_one(form))


def _bits_of_one(form: str) -> float:
    return 16 if form == "words" else math.log2(len(paper.ALPHABETS[form]))


def _passwords(form: str, size: int, count: int) -> tuple[str, ...]:
    found: dict[str, None] = {}
    while len(found) < count:
        found[_password(form, size)] = None
    return tuple(found)


def _password(form: str, size: int) -> str:
    """Return a random password as it is printed."""
    if form == "words":
        return " ".join(_word(secrets.randbits(16)) for _ in range(size))
    text = "".join(secrets.choice(paper.ALPHABETS[form]) for _ in range(size))
    return " ".join(text[start : start + _GROUP] for start in range(0, size, _GROUP))


def _word(number: int) -> str:
    """Return 16 bits as a proquint: consonants of 4 bits, vowels of 2."""
    shifts = ((12, _CONSONANTS), (10, _VOWELS), (6, _CONSONANTS), (4, _VOWELS), (0, _CONSONANTS))
    return "".join(letters[number >> shift & len(letters) - 1] for shift, letters in shifts)


def _draft(name: str, made: tuple[str, ...], prefix: str, form: str, size: int) -> Draft:
    length = len(made[0].replace(" ", ""))
    codes = sorted(
        paper.code(number, paper.digest(prefix + text, form=form, length=length))
        for number, text in enumerate(made)
    )
    bits = min(int(size * _bits_of_one(form)), token.LIST_BITS[1])
    return Draft("list", name, {"bits": bits, "codes": codes, "form": form, "length": length})


def _ask_prefix(terminal: Terminal, form: str) -> str:
    """Ask twice for what is typed before each password."""
    while True:
        typed = terminal.ask("Prefix, to be typed before each password: ", echo=False)
        plain = paper.plain(typed, form)
        if not plain or len(typed) > PREFIX_MAX or not typed.isprintable():
            terminal.write(f"a prefix is 1 to {PREFIX_MAX} printable characters\n")
        elif paper.plain(terminal.ask("The same again: ", echo=False), form) == plain:
            return typed
        else:
            terminal.write("these were not the same; ^C stops, and nothing is changed\n")


def _printed(target: Target, draft: Draft, made: tuple[str, ...], *, prefixed: bool) -> Printed:
    host = os.uname().nodename.partition(".")[0]
    ends = f", until {report.day(draft.expires - 1)}" if draft.expires else ""
    made_on = time.strftime("%Y-%m-%d")
    before = "Type your prefix, then the password. " if prefixed else ""
    return Printed(
        f"{target.account.name} on {host}: list '{draft.name}' of {made_on}{ends}",
        made,
        (
            f"A login asks for one of these by its number. {before}Each works once: strike it out.",
            "Where it asks for no number, type the number of any, a blank, and the password.",
        ),
    )


def as_text(sheet: Printed, width: int = _WIDTH) -> list[str]:
    """Return a list as lines of a page, numbers running down its columns."""
    cells = [f"{number:0{token.NUMBER_SIZE}} {text}" for number, text in enumerate(sheet.passwords)]
    wide = len(cells[0]) + 2
    rows = math.ceil(len(cells) / max((width + 2) // wide, 1))
    lines = ["  ".join(cells[row::rows]) for row in range(rows)]
    return [sheet.title, "", *lines, "", *sheet.advice]


def as_html(sheet: Printed, kind: str) -> str:
    """Return a list as a page that fetches nothing and runs nothing."""
    page, margin, letters = SHEETS[kind]
    wide = token.NUMBER_SIZE + 1 + len(sheet.passwords[0])
    cells = "".join(
        f"<li><b>{number:0{token.NUMBER_SIZE}}</b> {escape(text)}</li>\n"
        for number, text in enumerate(sheet.passwords)
    )
    advice = "".join(f"<p>{escape(line)}</p>\n" for line in sheet.advice)
    title = escape(sheet.title)
    style = _STYLE.format(page=page, margin=margin, letters=letters, wide=wide)
    return f"{_HEAD}<title>{title}</title>\n{style}<h1>{title}</h1>\n<ol>\n{cells}</ol>\n{advice}"


_HEAD = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
"""
_STYLE = """<style>
@page {{ size: {page}; margin: {margin} }}
body {{ font: {letters} sans-serif; margin: 0; color: black; background: white }}
h1 {{ font-size: 1.2em; margin: 0 0 0.5em }}
ol {{ font: {letters} monospace; columns: {wide}ch; column-gap: 2ch }}
ol {{ margin: 0; padding: 0; list-style: none; line-height: 1.6 }}
li {{ white-space: nowrap; break-inside: avoid }}
p {{ margin: 0.5em 0 0 }}
</style>
"""


def _show(terminal: Terminal, sheet: Printed) -> None:
    """Show a list until its owner says that he has it."""
    terminal.show(as_text(sheet, terminal.size()[0] - 1))
    while terminal.ask("Enter when you have it (p prints it): ", fresh=True).strip() == "p":
        terminal.write(wizard.printed("\n".join([*as_text(sheet), ""])) + "\n")


@contextlib.contextmanager
def _written(sheet: Printed, options: argparse.Namespace, *, onto_screen: bool) -> Iterator[None]:
    """Write a list to where it was asked for; a file goes again if what follows fails."""
    if onto_screen:
        yield
        return
    if not options.html:
        print("\n".join(as_text(sheet)), flush=True)
        yield
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(options.html, flags, 0o600), "w", encoding="utf-8") as file:
        try:
            file.write(as_html(sheet, options.sheet or "a4"))
            file.flush()
            yield
        except BaseException:
            os.unlink(options.html)
            raise
