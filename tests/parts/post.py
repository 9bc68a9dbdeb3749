"""Channels that bring what they are given to a folder, and the configuration that has them."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CONF = Path("/etc/otpauth/otpauth.conf")
SECRETS = Path("/etc/otpauth/secrets")


@dataclass
class Post:
    """A channel's command that keeps what it is given; `fail` makes it fail."""

    folder: Path

    def channel(self, name: str, more: str = "") -> str:
        """Return the section of a channel that brings everything here."""
        return (
            (
                f"[channel {name}]\ntype = command\nrun_as = daemon\nfor = *\nto = 1{name}55\n"
                f"command = {self.folder}/run {name} {{to}}\ntext = {{code}} {{user}} {{service}}\n"
                f"{more}\n"
            )
            .replace("1mail55", "{user}@example.org")
            .replace("1sms55", "+15550155")
        )

    def texts(self) -> list[str]:
        """Return what came, in order."""
        found = sorted(self.folder.glob("*.msg"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_text() for path in found]

    def code(self) -> str:
        """Return the latest code."""
        return self.texts()[-1].split()[1]


@contextmanager
def office(stage: Path) -> Iterator[Post]:
    """Open an empty post office; the configuration is taken away at the end."""
    folder = stage / "tmp" / f"post-{os.urandom(4).hex()}"
    folder.mkdir()
    folder.chmod(0o1777)
    program = folder / "run"
    program.write_text(
        f"#!/bin/sh\n[ -e {folder}/fail-$1 ] && exit 1\n[ -e {folder}/hang ] && sleep 60\n"
        f"n={folder}/$$.msg\n"
        f'{{ echo "$1"; cat; }} >"$n.new"; mv "$n.new" "$n"; chmod 644 "$n"\n'
        f"[ -e {folder}/late ] && sleep 60; exit 0\n"
    )
    program.chmod(0o755)
    try:
        yield Post(folder)
    finally:
        for path in (CONF, SECRETS):
            path.unlink(missing_ok=True)
        shutil.rmtree("/var/lib/otpauth/sent", ignore_errors=True)
