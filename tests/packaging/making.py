"""The Makefile as a person runs it: `make TARGET NAME=VALUE` in the work tree."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

TREE = Path(__file__).resolve().parents[2]
LIB = "usr/local/lib/otpauth"


class Made(NamedTuple):
    """How a make ended."""

    status: int
    output: str
    errors: str


def make(target: str, *words: str, path: str | None = None, umask: int = 0o022) -> Made:
    """Run one target, unaware of the make that may run the tests."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    environment["PATH"] = path or environment["PATH"]
    done = subprocess.run(
        ("/usr/bin/make", "-s", target, *words),
        cwd=TREE,
        env=environment,
        umask=umask,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Made(done.returncode, done.stdout, done.stderr)


def install(destination: Path, *words: str, umask: int = 0o022) -> str:
    """Install the files below a folder and return what make said."""
    made = make("install-files", f"DESTDIR={destination}", *words, umask=umask)
    assert made.status == 0, made.errors
    return made.output


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of every file and folder below one, by relative path."""
    found = {}
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (path.lstat().st_mode, content)
    return found
