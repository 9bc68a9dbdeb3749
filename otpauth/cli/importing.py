"""Other software's files as tokens: what both commands share, and `otpauth import`."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from otpauth import formats, moving, originals, token, wishes
from otpauth.changes import Change
from otpauth.cli import report
from otpauth.cli.setup import FIRST_NAME
from otpauth.cli.terminal import Terminal
from otpauth.cli.verbs import proven
from otpauth.errors import FormatError, NoTerminalError, RefusedError, UnsafeFileError
from otpauth.formats.imported import FILE_MAX

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from otpauth.cli.target import Own
    from otpauth.formats import Imported


class Content(NamedTuple):
    """What is to be imported: bytes, what their format is called, and where they are from."""

    data: bytes
    format: str
    path: str

    def __repr__(self) -> str:
        return f"Content({self.path!r} {self.format})"


def own(target: Own, options: argparse.Namespace) -> int:
    """Propose the tokens of files to the host, for one's own account."""
    target.check_adopted()
    files = options.files or [originals.path_of(originals.usual(options.format), target.account)]
    found = content(files, options.format)
    items, notes = moving.allowed(
        parsed(found, user=target.account.name, only=options.only or ""), target.policy.setup.kinds
    )
    if len(items) > token.TOKENS_MAX:
        raise RefusedError(
            f"{found.path!r} has {len(items)} tokens, and an account has {token.TOKENS_MAX}",
            hint="--only TEXT takes those whose label has the text",
        )
    proof = proven(target, plain=options.plain)
    drafts = tuple(moving.closed(item, int(time.time())) for item in items)
    wished = None if target.enrolled else moving.wished(items)
    target.submit("import", drafts[0].name, Change(add=drafts, proof=proof, wishes=wished))
    for note in (*notes, *wishes.cut(target.policy.login, wished or wishes.NONE)):
        report.say(target.program, "warning", note)
    waits = target.enrolled and target.policy.setup.changes == "admin"
    when = "waits for the administrator" if waits else "ready at your next login"
    print(f"{target.program}: {', '.join(draft.name for draft in drafts)}: {when}")
    return report.DONE


def content(paths: list[str], named: str | None) -> Content:
    """Read files into one; pictures are read as the QR codes on them. Raises FormatError."""
    parts = [_read(path) for path in paths]
    shown = paths[0] if len(paths) == 1 else ", ".join(paths)
    with at_path(shown):
        texts = [
            _codes_on(path) if formats.is_picture(part) else part
            for path, part in zip(paths, parts, strict=True)
        ]
        data = b"\n".join(texts)
        if len(data) > FILE_MAX:
            raise FormatError("there is more than can be imported at once", hint="divide it")
        only = paths[0] if texts == parts and len(paths) == 1 else ""
        return Content(data, named or formats.detect(data, only), shown)


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(FILE_MAX + 1)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        with open(os.open(path, flags), "rb") as file:
            return file.read(FILE_MAX + 1)
    except OSError as error:  # of a folder it names the descriptor
        raise OSError(error.errno, error.strerror, path) from None


def _codes_on(path: str) -> bytes:
    """Return the text of the QR codes on a picture, a line each."""
    import subprocess

    if path == "-" or os.geteuid() == 0:  # no library for pictures reads other people's as root
        raise FormatError("it is a picture", hint="zbarimg -q --raw FILE >TEXT, as a user")
    command = ("zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", os.path.abspath(path))
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 -- fixed
    except FileNotFoundError:
        raise FormatError("a picture needs zbarimg", hint="apt-get install zbar-tools") from None
    if not done.stdout.strip():
        raise FormatError("no QR code is found on the picture", hint="cut it out larger")
    return done.stdout


def parsed(
    found: Content,
    *,
    user: str = "",
    only: str = "",
    passphrase: str | None = None,
    state: bytes = b"",
    ask: bool = True,
) -> tuple[Imported, ...]:
    """Return the tokens, after asking for the passphrase if one is missing. Raises FormatError."""

    def read(secret: str | None) -> tuple[Imported, ...]:
        return formats.parse(
            found.data,
            name=FIRST_NAME,
            format=found.format,
            passphrase=secret,
            user=user,
            only=only,
            state=state,
        )

    with at_path(found.path):
        try:
            return read(passphrase)
        except formats.PassphraseError:
            if passphrase is not None or not ask:
                raise
        return read(ask_passphrase(found.path))


def ask_passphrase(path: str) -> str:
    """Ask for the passphrase of a file on the terminal."""
    try:
        with Terminal(plain=True) as terminal:
            return terminal.ask(f"Passphrase of {path}: ", echo=False)
    except NoTerminalError:
        raise NoTerminalError(
            f"{path!r} is encrypted, and there is no terminal to ask for its passphrase on",
            hint="ssh -t HOST, or decrypt it first",
        ) from None


@contextlib.contextmanager
def at_path(path: str) -> Iterator[None]:
    """Name the file in what is raised inside."""
    try:
        yield
    except FormatError as error:
        raise type(error)(f"{path!r}: {error}", hint=error.hint) from None


def unfit(found: originals.Original) -> UnsafeFileError:
    """Return the error that an original cannot be read, with its mend."""
    mend = "mend that and run the same command again: who was moved stays as he is"
    return UnsafeFileError(f"{found.path!r}: {found.fault}", hint=mend)
