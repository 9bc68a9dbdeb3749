"""The user's terminal: the one way by which secrets are shown and people are asked.

It is /dev/tty, never stdin, stdout or stderr, which may be a file, a pipe or a log. Secrets are
shown on the alternate screen, so that none stays in the scrollback, and whatever ends the
program, an exception, ^C, SIGTERM, SIGHUP or SIGQUIT, the terminal is put back as it was found.
^Z does nothing as long as a Terminal is open: a stopped program would leave a secret on the
screen, or the echo switched off, with nobody in charge.

Control sequences: ECMA-48 and xterm's ctlseqs. Line input: termios(3), canonical mode.
"""

from __future__ import annotations

import contextlib
import os
import signal
import termios
import textwrap
from typing import TYPE_CHECKING, Any, Self

from otpauth.errors import NoTerminalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

DEFAULT_SIZE = (80, 24)  # columns, rows; of a terminal that does not tell, as a serial line
MIN_BESIDE = 80  # columns from which words stand beside a drawing
GAP = 2  # columns between a drawing and the words

_IUTF8 = 0o40000  # c_iflag of Linux; Python's termios does not name it
_DEADLY = (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)
_ALTERNATE_ON, _ALTERNATE_OFF = "\x1b[?1049h", "\x1b[?1049l"


class Terminal:
    """The controlling terminal, open as long as its `with` block lasts.

    `plain` means: no control sequence at all, hence no alternate screen and nothing erased; a
    terminal that calls itself dumb is always plain. `utf8` tells its encoding. `qr` says how a
    QR is to be drawn: auto, by the encoding; utf8; ansi; none.
    """

    plain: bool
    utf8: bool

    def __init__(self, *, plain: bool = False, qr: str = "auto") -> None:
        self.qr = qr
        self.plain = plain or os.environ.get("TERM", "") in ("", "dumb")
        self._handlers: dict[signal.Signals, Any] = {}
        self._alternate = False

    def __enter__(self) -> Self:
        """Open the terminal. Raises NoTerminalError if the process has none."""
        try:
            self._fd = _opened()
            self._mode = termios.tcgetattr(self._fd)
        except (OSError, termios.error) as error:
            raise NoTerminalError("no terminal to show the code on") from error
        self.utf8 = _is_utf8(os.environ, self._mode[0])
        self._take_signals()
        return self

    def __exit__(self, *_: object) -> None:
        """Put everything back, in case a signal came between a block and its end, and close."""
        self._reset_mode()
        self._leave_screen()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        os.close(self._fd)

    def size(self) -> tuple[int, int]:
        """Return columns and rows, as they are now."""
        try:
            columns, rows = os.get_terminal_size(self._fd)
        except OSError:
            return DEFAULT_SIZE
        return columns or DEFAULT_SIZE[0], rows or DEFAULT_SIZE[1]

    def write(self, text: str) -> None:
        """Write text as it is. Raises NoTerminalError if the terminal has gone away."""
        data = text.encode("utf-8" if self.utf8 else "ascii", "replace")
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            raise NoTerminalError("the terminal has gone away") from error

    def clear(self) -> None:
        """Erase the screen, row by row, and go to its top.

        Row by row (EL) because many terminals answer "erase all" (ED) by moving the screen into
        the scrollback. The scrollback itself is not erased (ED 3): nothing of ours is in there,
        and it is the user's.
        """
        if self.plain:
            return
        rows = range(1, self.size()[1] + 1)
        self.write("\x1b[0m" + "".join(f"\x1b[{row};1H\x1b[2K" for row in rows) + "\x1b[H")

    @contextlib.contextmanager
    def screen(self) -> Iterator[None]:
        """Show what follows on the alternate screen; erase and leave that at the end."""
        if self.plain:
            yield
            return
        try:
            self._alternate = True
            self.write(_ALTERNATE_ON)
            self.clear()
            yield
        finally:
            self._leave_screen()

    def show(self, lines: Sequence[str], *, keep: int = 3) -> None:
        """Clear, and paint lines with `keep` rows free below them for questions.

        What does not fit comes page by page: nothing may scroll off, a QR least of all.
        """
        rows = self.size()[1]
        while len(lines) > max(rows - keep, 1) and not self.plain:
            page, lines = lines[: max(rows - 1, 1)], lines[max(rows - 1, 1) :]
            self._paint(page)
            self.ask("Enter shows more: ", fresh=True)
        if lines:
            self._paint(lines)

    def ask(self, prompt: str, *, echo: bool = True, fresh: bool = False) -> str:
        """Ask for one line and return it without its end, at most 4095 bytes of it.

        `fresh` discards what was typed or pasted before the question. Bytes that are no UTF-8
        become U+FFFD. Raises EOFError at ^D or a hang-up, KeyboardInterrupt at ^C.
        """
        try:
            self._edit_lines(echo=echo, when=termios.TCSAFLUSH if fresh else termios.TCSADRAIN)
            self.write(prompt)
            return self._line().decode("utf-8", "replace").removesuffix("\n")
        except (EOFError, KeyboardInterrupt):
            with contextlib.suppress(NoTerminalError):
                self.write("\n")
            raise
        finally:
            self._reset_mode()

    def _paint(self, lines: Sequence[str]) -> None:
        self.clear()
        self.write("\n".join([*lines, ""]))

    def _line(self) -> bytes:
        """Read up to the end of the line; ^D ends a line only if nothing stands before it."""
        line = b""
        while not line.endswith(b"\n"):
            try:
                chunk = os.read(self._fd, 4096)
            except OSError:  # hung up, or an orphan in the background
                chunk = b""
            if not chunk:
                break
            line += chunk
        if not line:
            raise EOFError
        return line

    def _edit_lines(self, *, echo: bool, when: int) -> None:
        """Have the terminal read and edit whole lines; without echo it shows their ends only."""
        mode = self._mode.copy()
        mode[0] |= termios.ICRNL
        mode[3] |= termios.ICANON | termios.ISIG | termios.ECHO | termios.ECHONL
        mode[3] &= ~(termios.ECHONL if echo else termios.ECHO)
        try:
            termios.tcsetattr(self._fd, when, mode)
        except termios.error as error:
            raise NoTerminalError("the terminal has gone away") from error

    def _reset_mode(self) -> None:
        with _undisturbed(), contextlib.suppress(termios.error):
            termios.tcsetattr(self._fd, termios.TCSANOW, self._mode)

    def _leave_screen(self) -> None:
        if not self._alternate:
            return
        with _undisturbed(), contextlib.suppress(NoTerminalError, termios.error):
            termios.tcflow(self._fd, termios.TCOOFF)  # what ^S stopped, TCOON alone does
            termios.tcflow(self._fd, termios.TCOON)  # not start again (Linux)
            self.clear()
            self.write(_ALTERNATE_OFF)
            self._alternate = False

    def _take_signals(self) -> None:
        """Turn signals that would end the program into SystemExit; ignore SIGTSTP."""
        for number in (*_DEADLY, signal.SIGTSTP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
                self._handlers[number] = signal.getsignal(number)
                signal.signal(number, signal.SIG_IGN if number == signal.SIGTSTP else _end)


def beside(
    left: Sequence[str], right: Sequence[str], *, left_width: int, columns: int
) -> list[str]:
    """Lay words out right of a drawing, or below it on a terminal narrower than MIN_BESIDE.

    Each line of `left` shows `left_width` columns. Words too long for their room are wrapped,
    keeping their indentation; they hold no control sequences.
    """
    room = columns - left_width - GAP
    if columns < MIN_BESIDE or room < MIN_BESIDE // 4:
        return [*left, *_wrap(right, columns)]
    words = _wrap(right, room)
    blank = " " * left_width
    height = max(len(left), len(words))
    drawn = [*left, *[blank] * (height - len(left))]
    spoken = [*words, *[""] * (height - len(words))]
    return [a + " " * GAP + b if b else a for a, b in zip(drawn, spoken, strict=True)]


def _wrap(lines: Sequence[str], width: int) -> list[str]:
    """Break each line that is longer than `width`, at blanks if it has any."""
    wrapped = []
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())][: width // 2]
        parts = textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)
        wrapped += parts or [""]
    return wrapped


def _opened() -> int:
    """Open the controlling terminal; without one, stdin will do if it is a terminal (su -c)."""
    try:
        return os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        if not os.isatty(0):
            raise
        return os.dup(0)


def _is_utf8(environ: Mapping[str, str], iflag: int) -> bool:
    """Judge a terminal's encoding by the locale, else by the flag its emulator may have set.

    Python itself sets LC_CTYPE to C.UTF-8 when there is no usable locale (PEP 538), so that
    counts only if LANG says nothing. In doubt it is UTF-8.
    """
    for variable in ("LC_ALL", "LC_CTYPE", "LANG"):
        value = environ.get(variable, "")
        codeset = value.partition(".")[2].partition("@")[0]
        if codeset and (variable, value) != ("LC_CTYPE", "C.UTF-8"):
            return codeset.lower().replace("-", "") == "utf8"
    return environ.get("LC_CTYPE") == "C.UTF-8" or bool(iflag & _IUTF8)


def _end(number: int, _frame: object) -> None:
    """End the program as the shell reports a death by that signal, through every `finally`."""
    for other in _DEADLY:
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold back signals that would interrupt putting the terminal back."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *_DEADLY})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
