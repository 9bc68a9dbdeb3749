"""What a terminal shows of the bytes it is sent, as text, as cells and as a picture.

A small emulator of exactly the control sequences that otpauth (and `tmux capture-pane -e`)
writes; any other raises ValueError, so that a new one cannot slip in unseen.
"""

from __future__ import annotations

import re
import subprocess
from typing import NamedTuple


class Theme(NamedTuple):
    """A terminal's colours as luminance, 0 to 255: defaults, and palette entries 0, 7 and 15."""

    fg: int
    bg: int
    black: int = 0
    white: int = 229
    bright_white: int = 255


THEMES = {
    "dark": Theme(fg=229, bg=0),
    "light": Theme(fg=0, bg=255),
    "linux-console": Theme(fg=170, bg=0, white=170),
    "solarized-dark": Theme(fg=140, bg=35, black=46, white=232, bright_white=245),
    "solarized-light": Theme(fg=115, bg=245, black=46, white=232, bright_white=245),
}
# Light themes that turn the palette round: only the 256 colours keep their meaning.
SWAPPED = Theme(fg=40, bg=245, black=245, white=60, bright_white=20)


class Cell(NamedTuple):
    """A character with the luminance of its ink and its ground."""

    char: str
    fg: int
    bg: int


_TOKEN = re.compile(r"\x1b\[(?P<args>[?\d;]*)(?P<final>[A-Za-z])|(?P<char>[^\x1b])", re.DOTALL)
_CUBE = (0, 95, 135, 175, 215, 255)


class Screen:
    """A terminal's main and alternate screen, and the rows that scrolled off the main one."""

    def __init__(
        self, columns: int = 80, rows: int = 24, *, theme: Theme, colours: int = 256
    ) -> None:
        self.columns, self.rows, self.theme, self.colours = columns, rows, theme, colours
        self._history: list[list[Cell]] = []
        self.alternate = self.blink = False
        self._saved: tuple[list[list[Cell]], int, int] | None = None
        self.fg, self.bg, self.swapped = theme.fg, theme.bg, False
        self._blank()

    def feed(self, data: bytes, encoding: str = "utf-8") -> Screen:
        """Take bytes as they come from a program through its tty."""
        text, at = data.decode(encoding), 0
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                raise ValueError(f"no control sequence this screen knows: {text[at : at + 12]!r}")
            at = token.end()
            if token["char"]:
                self._put(token["char"])
            else:
                self._control(token["final"], token["args"])
        return self

    def text(self) -> list[str]:
        """Return the rows of the screen without trailing blanks."""
        return _text(self.cells)

    def past(self) -> list[str]:
        """Return the rows of the scrollback, oldest first."""
        return _text(self._history)

    def halves(self) -> list[bytes]:
        """Return the luminance of the upper and the lower half of each row, a byte a column."""
        return [
            bytes(fg if char in inked else bg for char, fg, bg in row)
            for row in self.cells
            for inked in ("█▀", "█▄")
        ]

    def pgm(self, *, width: int, height: int, gaps: tuple[int, int] = (0, 0)) -> bytes:
        """Draw the screen with cells of that many pixels, glyphs `gaps` short above and below.

        A margin of one cell in the terminal's own ground surrounds it.
        """
        margin = [self._scanline(bytes([self.theme.bg]) * self.columns, width)] * height
        lines = list(margin)
        halves = iter(self.halves())
        for row, upper, lower in zip(self.cells, halves, halves, strict=True):
            ground = self._scanline(bytes(cell.bg for cell in row), width)
            lines += [ground] * gaps[0]
            lines += [self._scanline(upper, width)] * (height // 2 - gaps[0])
            lines += [self._scanline(lower, width)] * (height - height // 2 - gaps[1])
            lines += [ground] * gaps[1]
        lines += margin
        return b"P5 %d %d 255\n" % (len(lines[0]), len(lines)) + b"".join(lines)

    def _scanline(self, cells: bytes, width: int) -> bytes:
        margin = bytes([self.theme.bg])
        return b"".join(bytes([cell]) * width for cell in margin + cells + margin)

    def _blank(self) -> None:
        self.cells = [self._empty() for _ in range(self.rows)]
        self.x = self.y = 0

    def _empty(self) -> list[Cell]:
        return [Cell(" ", self.fg, self.bg)] * self.columns

    def _put(self, char: str) -> None:
        if char == "\r":
            self.x = 0
        elif char == "\n":
            self._down()
        elif not char.isprintable():
            raise ValueError(f"no control character this screen knows: {char!r}")
        else:
            if self.x == self.columns:
                self.x = 0
                self._down()
            ink, ground = (self.bg, self.fg) if self.swapped else (self.fg, self.bg)
            self.cells[self.y][self.x] = Cell(char, ink, ground)
            self.x += 1

    def _down(self) -> None:
        self.y += 1
        if self.y == self.rows:
            self.y -= 1
            gone = self.cells.pop(0)
            self.cells.append(self._empty())
            if not self.alternate:
                self._history.append(gone)

    def _control(self, final: str, args: str) -> None:
        if final == "m":
            self._styles([int(arg or 0) for arg in args.split(";")])
        elif final == "H":
            self.y, self.x = [int(arg) - 1 for arg in (args or "1;1").split(";")]
        elif (final, args) == ("K", "2"):
            self.cells[self.y] = self._empty()
        elif (final, args) == ("h", "?1049"):
            self._saved, self.alternate = (self.cells, self.x, self.y), True
            self._blank()
        elif (final, args) == ("l", "?1049") and self._saved:
            (self.cells, self.x, self.y), self.alternate = self._saved, False
        else:
            raise ValueError(f"no control sequence this screen knows: CSI {args} {final}")

    def _styles(self, args: list[int]) -> None:
        while args:
            arg = args.pop(0)
            if arg in (38, 48) and self.colours == 256:
                colour = _fixed(args[1])
                self.fg, self.bg = (colour, self.bg) if arg == 38 else (self.fg, colour)
                del args[:2]
            else:
                self._style(arg)

    def _style(self, arg: int) -> None:
        """Apply one attribute as a terminal of 8 colours does: unknown ones are passed over."""
        theme = self.theme
        if arg == 0:
            self.fg, self.bg, self.swapped, self.blink = theme.fg, theme.bg, False, False
        elif arg in (5, 25):
            self.blink = arg == 5
        elif arg in (7, 27):
            self.swapped = arg == 7
        else:
            inks = {30: theme.black, 37: theme.white, 39: theme.fg, 97: theme.bright_white}
            self.fg = inks.get(arg, self.fg)
            grounds = {40: theme.black, 47: theme.white, 49: theme.bg, 107: theme.bright_white}
            self.bg = grounds.get(arg, self.bg)


def read_qr(path: str) -> str:
    """Return the text that zbarimg reads from a picture; raises CalledProcessError if none."""
    command = ["zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", path]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return out.decode().removesuffix("\n")


def _text(rows: list[list[Cell]]) -> list[str]:
    return ["".join(cell.char for cell in row).rstrip() for row in rows]


def _fixed(index: int) -> int:
    """Return the luminance of entries 16 to 231 of the 256 colours, which no theme changes."""
    if not 16 <= index <= 231:
        raise ValueError(f"colour {index} depends on the theme")
    red, green, blue = (_CUBE[(index - 16) // size % 6] for size in (36, 6, 1))
    return round(0.299 * red + 0.587 * green + 0.114 * blue)
