"""A folder covered with a copy of itself in memory, so that whatever is done to it is gone."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def covered(place: Path, folder: Path) -> Iterator[None]:
    """Cover a folder; its copy hangs below another one."""
    copy = folder / f"copy{place}".replace("/", "-")
    copy.mkdir()
    _run("mount", "-t", "tmpfs", "-o", "mode=0755", "otpauth-copy", str(copy))
    try:
        _run("cp", "-a", f"{place}/.", str(copy))
        _run("mount", "--bind", str(copy), str(place))
        try:
            yield
        finally:
            _run("umount", "--lazy", str(place))
    finally:
        _run("umount", "--lazy", str(copy))
        copy.rmdir()


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
