"""How the commands speak: results on stdout; errors, warnings and hints on stderr."""

from __future__ import annotations

import os
import sys
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from otpauth.errors import OtpauthError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

DONE, FAILED, USAGE = 0, 1, 2
MEASURED = 200  # rows


def guarded(program: str, run: Callable[[], int]) -> int:
    """Run a command and turn what goes wrong into a message and an exit status."""
    try:
        _open_closed()
        status = run()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except UsageError as error:
        failure(program, error)
        return USAGE
    except OtpauthError as error:
        failure(program, error)
        return FAILED
    except (KeyboardInterrupt, EOFError):
        say(program, "warning", "stopped; nothing was changed")
        return FAILED
    except OSError as error:
        what = "the output" if error.filename is None else repr(error.filename)
        say(program, "error", f"{what}: {error.strerror}")
        _drop_output()
        return FAILED
    return status


def _open_closed() -> None:
    """Give a program that was started without stdin or stderr empty ones; it needs stdout."""
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY), encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if sys.stdout is None:
        raise RefusedError("the standard output is closed")


def _drop_output() -> None:
    """Drop what cannot be written, so that it is not tried again at the program's end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def failure(program: str, error: OtpauthError) -> None:
    """Print an error and what to do about it."""
    say(program, "error", str(error))
    if error.hint:
        say(program, "hint", error.hint)


def say(program: str, level: str, text: str) -> None:
    """Print one line to stderr: error, warning or hint."""
    print(f"{program}: {level}: {text}", file=sys.stderr)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns, as wide as the first MEASURED rows need."""
    rest = iter(rows)
    first = [head, *islice(rest, MEASURED)]
    widths = [max(len(row[place]) for row in first) for place in range(len(head))]
    for row in chain(first, rest):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def as_json(value: Any) -> None:
    """Print a value as JSON, for programs."""
    import json

    print(json.dumps(value, indent=2, ensure_ascii=True))


def day(second: int) -> str:
    """Return a date, `-` for never."""
    import time

    if not second:
        return "-"
    date = time.strftime("%Y-%m-%d", time.localtime(second))
    return "today" if date == time.strftime("%Y-%m-%d") else date


def where(service: str, place: str) -> str:
    """Return a service and from where, or by whom, it was used: an address, a name, local:UID."""
    kind, _, uid = place.partition(":")
    if kind == "local" and uid.isdigit():
        return f"{service}, run by {_name_of(int(uid))}"
    return f"{service} from {place}" if place else service


def _name_of(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def moment(second: int) -> str:
    """Return date and time."""
    import time

    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
