"""Everything a test run knows that nobody else may: secrets, codes, passwords.

`remember` each; the session then fails if one turns up in a log, in a file of the product or in
the arguments or environment of any process of the run (watch.py looks; tests/conftest.py asks).
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests import stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SHORTEST = 6
PUBLISHED = {"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}  # in RFC 4226 and RFC 6238
_OWN_PID = re.compile(rb"\[\d+\]")
_WORD = re.compile(rb"[0-9A-Za-z]+")


class Registry:
    """The remembered texts, and the search for them."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self.listeners: list[Callable[[str], None]] = []
        self._forms: dict[bytes, set[tuple[int, bytes]]] = {}  # by first word: its place, the form

    def remember(self, text: str) -> str:
        """Keep a text secret from now on, and return it.

        Raises:
            ValueError: if it is so short that it would be found everywhere.

        """
        if len(text) < SHORTEST:
            raise ValueError(f"too short to search for: {len(text)} characters")
        if text not in self.texts and text.upper() not in PUBLISHED:
            self.texts.add(text)
            for form in _forms(text):
                if word := _WORD.search(form):
                    self._forms.setdefault(word[0], set()).add((word.start(), form))
            for tell in self.listeners:
                tell(text)
        return text

    def found_in(self, data: bytes) -> bool:
        """Return whether a remembered text stands in the data as a word of its own."""
        data = _OWN_PID.sub(b"", data)
        return any(
            data.startswith(form, start) and not _WORD.match(data, start + len(form))
            for word in _WORD.finditer(data)
            for place, form in self._forms.get(word[0], ())
            if (start := word.start() - place) >= 0
        )

    def leaks_in_files(self, places: Iterable[Path]) -> list[str]:
        """Return one sentence for each file at or below these places that holds a secret."""
        return [
            f"{str(path)!r} holds a secret of this run"
            for path in _files(places)
            if self.found_in(path.read_bytes())
        ]


registry = Registry()
remember = registry.remember


def product_files() -> list[Path]:
    """Return where a secret might leak to on the stage: logs, state, configuration, homes."""
    workspace = stage.workspace()
    fixed = ["/var/log", "/var/lib/otpauth", "/etc/otpauth", "/etc/pam.d"]
    homes = [*Path("/home").glob("*/.otpauth*"), *Path("/root").glob(".otpauth*")]
    return [workspace / "logs", *map(Path, fixed), *homes]


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        below = place.rglob("*") if place.is_dir() else [place]
        yield from (path for path in below if path.is_file() and not path.is_symlink())


def _forms(text: str) -> Iterator[bytes]:
    """Yield the ways in which the same secret may be written."""
    groups = " ".join(text[i : i + 4] for i in range(0, len(text), 4))
    for form in (text, text.replace("-", ""), text.replace(" ", "")):
        yield from (form.encode(), form.upper().encode(), form.lower().encode())
    if raw := _base32(text):
        yield from (groups.encode(), groups.lower().encode())
        yield from (raw.hex().encode(), raw.hex().upper().encode(), base64.b64encode(raw))


def _base32(text: str) -> bytes:
    """Return what a base32 text of a secret's length stands for, or nothing."""
    plain = text.upper().replace(" ", "").rstrip("=")
    try:
        raw = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except (binascii.Error, ValueError):
        return b""
    return raw if len(plain) >= 2 * 8 else b""
