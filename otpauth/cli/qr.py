"""QR codes (ISO/IEC 18004) on a terminal and in files, drawn by segno.

A QR of a provisioning URI is the secret: lines made here go to the terminal only, files are
private and never replace another. Nothing here reads the environment: black on white is painted
under NO_COLOR and on every theme, because scanners refuse, or struggle with, other colours.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from otpauth.errors import UsageError

if TYPE_CHECKING:
    import segno

BORDER = 2  # modules; 4 by the standard, but 2 keep a usual URI at 19 rows, and are read
FILE_BORDER = 4
FILE_SCALE = 8  # pixels a module

# Palette black on white first, for terminals of 8 colours; then the same as entries 16 and 231
# of the 256, which themes do not change (some light themes swap palette black and white). An
# 8-colour terminal reads the 5 in "38;5;16" as blink: the last sequence takes that back.
_PAINT = "\x1b[0;30;47m\x1b[38;5;16;48;5;231m\x1b[25m"
_RESET = "\x1b[0m"
_SWAP, _SWAP_BACK = "\x1b[7m", "\x1b[27m"


class Drawing:
    """A QR as lines for a terminal: each is `width` columns wide and resets its colours."""

    __slots__ = ("lines", "width")

    def __init__(self, lines: list[str], width: int) -> None:
        self.lines = lines
        self.width = width

    def fits(self, columns: int, rows: int) -> bool:
        """Tell whether a terminal of that size shows the whole QR, with a row left for a prompt."""
        return self.width <= columns and len(self.lines) < rows


def matrix(text: str) -> tuple[bytes, ...]:
    """Return the modules row by row, 1 is dark, with a border of BORDER light modules."""
    return tuple(bytes(row) for row in _code(text).matrix_iter(border=BORDER))


def draw(text: str, *, utf8: bool) -> Drawing:
    """Draw a QR for a terminal of that encoding."""
    return half_blocks(text) if utf8 else full_cells(text)


def half_blocks(text: str) -> Drawing:
    """Draw a QR with two modules, one above the other, in each cell; needs UTF-8.

    The lower module is the cell's ground and the upper one, where it differs, a half block in
    the other colour: no full or lower block, since glyphs end short of the next row where a
    terminal spaces its lines, and those white seams defeat scanners. The ground has none.
    """
    rows = list(matrix(text))
    width = len(rows[0])
    if len(rows) % 2:
        rows.append(bytes(width))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return Drawing([_line(lower, _uppers(upper, lower)) for upper, lower in pairs], width)


def full_cells(text: str) -> Drawing:
    """Draw a QR with two blanks for each module; needs nothing but colours."""
    rows = matrix(text)
    return Drawing([_line(row, ["  "] * len(row)) for row in rows], 2 * len(rows[0]))


def write_file(path: str, text: str) -> None:
    """Write a QR to a new file of mode 0600, as svg or png by the suffix of its name.

    Raises UsageError if the suffix is another one, FileExistsError if anything, even a dangling
    link, has that name, OSError if the file cannot be written; then nothing is left behind.
    """
    data = _picture(path, text)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _code(text: str) -> segno.QRCode:
    """Make the smallest QR for a text: level L, or a better one if it costs no module."""
    import segno

    return segno.make_qr(text, error="l")


def _uppers(upper: bytes, lower: bytes) -> list[str]:
    """Return what to write on each lower module to show the upper one."""
    return ["▀" if above != below else " " for above, below in zip(upper, lower, strict=True)]


def _line(grounds: bytes, cells: list[str]) -> str:
    """Write cells black on white, or the other way round where the ground is dark."""
    line, dark = _PAINT, 0
    for ground, cell in zip(grounds, cells, strict=True):
        if ground != dark:
            line += _SWAP if ground else _SWAP_BACK
            dark = ground
        line += cell
    return line + _RESET


def _picture(path: str, text: str) -> bytes:
    """Return the bytes of an image file of the kind that `path` names."""
    import io

    kind = os.path.splitext(path)[1].lower().removeprefix(".")
    if kind not in ("svg", "png"):
        raise UsageError(f"{path!r} names neither an .svg nor a .png file")
    out = io.BytesIO()
    colours = {"dark": "black", "light": "white"}  # a transparent ground is black to some viewers
    _code(text).save(out, kind=kind, scale=FILE_SCALE, border=FILE_BORDER, **colours)
    return out.getvalue()
