"""The product with what NTLM needs, which is not installed by default."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.packaging.making import LIB, TREE, make

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPS = Path("/", LIB, "deps")


@contextmanager
def installed() -> Iterator[None]:
    """Put MD4 and DES where `make install NTLM=yes` does, and take them out again."""
    made = make("build-ntlm")
    assert made.status == 0, made.errors
    parts = [path.name for path in (TREE / "build/ntlm").iterdir()]
    shutil.copytree(TREE / "build/ntlm", DEPS, dirs_exist_ok=True)
    try:
        yield
    finally:
        for name in parts:
            shutil.rmtree(DEPS / name)
