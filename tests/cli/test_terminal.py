"""The terminal: what is shown, asked and put back, each on a real pty and once in a real tmux."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpauth.cli import qr
from otpauth.cli.terminal import GAP, beside
from tests.cli.screen import THEMES, Screen, read_qr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., pexpect.spawn[bytes]]

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENVIRON = {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONPATH": ROOT}
SECRET = "GEZDGNBVGY3TQOJQ" * 2
URI = f"otpauth://totp/web1:alice?secret={SECRET}&issuer=web1"
WORDS = [
    "1. Open your authenticator app, press +,",
    "   scan the code on the left.",
    f"   {SECRET}",
]
HEAD = f"""
import sys, time
from otpauth.cli import qr
from otpauth.cli.terminal import Terminal, beside
from otpauth.errors import NoTerminalError
SECRET, URI, WORDS = {SECRET!r}, {URI!r}, {WORDS!r}
def answer(text):
    print("answer", ascii(text), flush=True)
def show(terminal):
    drawing = qr.draw(URI, utf8=terminal.utf8)
    columns = terminal.size()[0]
    terminal.show(beside(drawing.lines, WORDS, left_width=drawing.width, columns=columns))
"""
WIZARD = """
with Terminal() as terminal:
    terminal.write("before\\n")
    with terminal.screen():
        show(terminal)
        {body}
    terminal.write("after\\n")
"""


def program(body: str) -> list[str]:
    """Return the arguments with which Python runs a few lines after HEAD."""
    return ["-B", "-c", HEAD + body]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that runs lines of Python on a pty of their own; they end with the test."""
    running = []

    def run(body: str, *, size: tuple[int, int] = (80, 24), **environ: str) -> pexpect.spawn[bytes]:
        child: pexpect.spawn[bytes] = pexpect.spawn(
            sys.executable,
            program(body),
            env=ENVIRON | environ,
            dimensions=size[::-1],
            timeout=10,
        )
        child.delaybeforesend = None
        running.append(child)
        return child

    yield run
    for child in running:
        child.close(force=True)


def finish(child: pexpect.spawn[bytes]) -> tuple[bytes, int]:
    """Wait for the end and return all it wrote since the last expect, and its exit status."""
    child.expect(pexpect.EOF)
    child.wait()
    return before(child), child.signalstatus or child.exitstatus or 0


def before(child: pexpect.spawn[bytes]) -> bytes:
    """Return what the child wrote ahead of what was last expected."""
    assert isinstance(child.before, bytes)
    return child.before


def group(child: pexpect.spawn[bytes]) -> bytes:
    """Return the first group of the pattern that was last expected."""
    assert isinstance(child.match, re.Match)
    found = child.match[1]
    assert isinstance(found, bytes)
    return found


def mode(child: pexpect.spawn[bytes]) -> list[object]:
    """Return the settings of the child's terminal."""
    return termios.tcgetattr(child.child_fd)


JOB = f'{sys.executable} -B -c "$0"; exit $?'
SHOWN, HIDDEN = "terminal.ask('Code: ')", "terminal.ask('Code: ', echo=False)"
ENDS: dict[str, tuple[str, list[bytes | signal.Signals], int]] = {
    "done": (SHOWN, [b"123456\n"], 0),
    "exception": (SHOWN + "; 1 / 0", [b"\n"], 1),
    "control-c": (SHOWN, [b"\x03"], signal.SIGINT),
    "control-c-hidden": (HIDDEN, [b"\x03"], signal.SIGINT),
    "control-d-hidden": (HIDDEN, [b"\x04"], 1),
    "control-backslash": (HIDDEN, [b"\x1c"], 128 + signal.SIGQUIT),
    "sigterm": (SHOWN, [signal.SIGTERM], 128 + signal.SIGTERM),
    "sigterm-hidden": (HIDDEN, [signal.SIGTERM], 128 + signal.SIGTERM),
    "sigterm-stopped-output": (SHOWN, [b"\x13", signal.SIGTERM], 128 + signal.SIGTERM),
    "sigterm-busy": (
        "terminal.write('Code: '); time.sleep(9)",
        [signal.SIGTERM],
        128 + signal.SIGTERM,
    ),
    "sighup": (HIDDEN, [signal.SIGHUP], 128 + signal.SIGHUP),
}


def act(child: pexpect.spawn[bytes], deeds: list[bytes | signal.Signals]) -> None:
    """Type bytes and send signals, in order."""
    for deed in deeds:
        if isinstance(deed, bytes):
            child.send(deed)
            time.sleep(0.1)
        else:
            child.kill(deed)


@pytest.mark.parametrize("end", ENDS)
def test_the_terminal_is_put_back(start: Start, end: str) -> None:
    """However the program ends, mode and main screen are as before, and no secret is on either."""
    body, deeds, status = ENDS[end]
    child = start(WIZARD.format(body=body))
    found = mode(child)
    child.expect_exact(b"Code: ")
    screen = Screen(theme=THEMES["dark"]).feed(before(child) + b"Code: ")
    assert SECRET in "".join(screen.text())
    assert screen.alternate
    act(child, deeds)
    out, code = finish(child)
    assert mode(child) == found
    assert not screen.feed(out).alternate
    assert screen.text()[0] == "before"
    assert screen.text()[1] == "after" or status
    kept = "\n".join(screen.past() + screen.text())
    assert SECRET not in kept
    assert "▀" not in kept
    assert code == status


def test_the_alternate_screen_is_erased_before_it_is_left(start: Start) -> None:
    """A terminal without an alternate screen keeps nothing either: every row is erased in time."""
    child = start(WIZARD.format(body="terminal.ask('Code: ')"))
    child.sendline(b"123456")
    out, _ = finish(child)
    ignored = re.sub(rb"\x1b\[\?1049[hl]", b"", out)
    screen = Screen(theme=THEMES["dark"]).feed(ignored)
    assert [line for line in screen.text() if line] == ["after"]
    assert not screen.past()
    assert b"J" not in b"".join(re.findall(rb"\x1b\[[?\d;]*[A-Z]", out))


def test_control_z_does_not_stop_it(start: Start) -> None:
    """^Z while a secret is shown neither stops the program nor gets into the answer."""
    wizard = HEAD + WIZARD.format(body="answer(terminal.ask('Code: '))")
    # a shell with job control, because nothing stops a process that no shell waits for
    child = start(f"import os; os.execl('/bin/sh', 'sh', '-mc', {JOB!r}, {wizard!r})")
    child.expect_exact(b"Code: ")
    child.send(b"\x1a")
    time.sleep(0.2)
    child.sendline(b"123456")
    child.expect_exact(b"answer '123456'")
    assert finish(child)[1] == 0


def test_a_second_signal_does_not_cut_the_cleaning_short(start: Start) -> None:
    """While the program ends after SIGTERM, another one changes nothing."""
    child = start(f"""
import os, signal
with Terminal() as terminal:
    try:
        {HIDDEN}
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        terminal.write("cleaned")
""")
    child.expect_exact(b"Code: ")
    child.kill(signal.SIGTERM)
    assert finish(child) == (b"cleaned", 128 + signal.SIGTERM)


def test_signals_are_given_back(start: Start) -> None:
    """After the block SIGTSTP and SIGTERM do what they did before it."""
    child = start("""
import signal
before = [signal.getsignal(n) for n in (1, 3, 15, 20)]
with Terminal(): pass
answer(before == [signal.getsignal(n) for n in (1, 3, 15, 20)])
""")
    child.expect_exact(b"answer True")


def test_an_ignored_hangup_stays_ignored(start: Start) -> None:
    """Under nohup SIGHUP does not end the program."""
    child = start("""
import os, signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with Terminal():
    os.kill(os.getpid(), signal.SIGHUP)
    answer("alive")
""")
    child.expect_exact(b"answer 'alive'")


ASK = """
with Terminal() as terminal:
    while True:
        try:
            answer(terminal.ask("Code: "{more}))
        except EOFError:
            answer("EOF")
"""


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (b"123456\n", ["123456"]),
        (b"\n", [""]),
        (b"12 34-56 \r", ["12 34-56 "]),
        (b"\xff\xfe12\n", ["\ufffd\ufffd12"]),
        (b"\xef\xbc\x91\xef\xbc\x92\n", ["\uff11\uff12"]),
        (b"12\x04\x0434\n\x04", ["12", "34", "EOF"]),
        (b"\x04", ["EOF"]),
        (b"12\x0434\n", ["1234"]),
        (b"99\x7f8\n", ["98"]),
        (b"1\n2\n", ["1", "2"]),
    ],
)
def test_a_line_is_read(start: Start, typed: bytes, read: list[str]) -> None:
    """A line is edited by the terminal, decoded with replacement, and ^D at its start is EOF."""
    child = start(ASK.format(more=""))
    child.expect_exact(b"Code: ")
    for part in re.split(rb"(\x04)", typed):
        child.send(part)
        time.sleep(0.05)
    for line in read:
        child.expect_exact(f"answer {line!a}\r\n".encode())


def test_ten_kilobytes_are_one_answer(start: Start) -> None:
    """A paste of 10 kB is one answer of at most 4095 bytes, and nothing of it a second one."""
    child = start(ASK.format(more=""))
    child.expect_exact(b"Code: ")
    child.send(b"7" * 10240 + b"\n")
    child.expect(rb"answer '(7+)'\r\n")
    assert 1000 <= len(group(child)) <= 4095
    child.send(b"123456\n")
    child.expect(rb"answer '(.*)'\r\n")
    assert group(child) == b"123456"


def test_a_hidden_answer_is_not_echoed(start: Start) -> None:
    """Without echo the terminal shows the prompt and the new line only."""
    child = start('with Terminal() as t: t.write(str(len(t.ask("Passphrase: ", echo=False))))')
    child.expect_exact(b"Passphrase: ")
    child.send(b"swordfish\n")
    assert finish(child)[0] == b"\r\n9"


def test_fresh_discards_what_was_typed_before(start: Start) -> None:
    """A fresh question is not answered by lines that were pasted before it."""
    child = start("""
with Terminal() as terminal:
    answer(terminal.ask("One? "))
    time.sleep(0.3)
    answer(terminal.ask("Two? ", fresh=True))
""")
    child.expect_exact(b"One? ")
    child.send(b"1\nstray\n")
    child.expect_exact(b"Two? ")
    child.send(b"2\n")
    child.expect_exact(b"answer '2'")


def test_without_a_terminal_it_says_so() -> None:
    """A process without a controlling terminal gets NoTerminalError."""
    body = "\ntry:\n    with Terminal(): pass\nexcept NoTerminalError as error: print(error)"
    out = subprocess.run(
        [sys.executable, *program(body)],
        env=ENVIRON,
        start_new_session=True,
        check=True,
        capture_output=True,
        text=True,
    )
    assert (out.stdout, out.stderr) == ("no terminal to show the code on\n", "")


def test_a_terminal_that_goes_away_is_told(start: Start, tmp_path: Path) -> None:
    """After a hang-up a question raises EOFError, and writing NoTerminalError, nothing else."""
    told = tmp_path / "told"
    child = start(f"""
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with open({str(told)!r}, "w", 1) as file, Terminal() as terminal:
    with terminal.screen():
        try: terminal.ask("Code: ")
        except EOFError: print("EOF", file=file)
        try: terminal.write("x")
        except NoTerminalError as error: print(error, file=file)
    print("end", file=file)
""")
    child.expect_exact(b"Code: ")
    child.close(force=False)
    assert until(told.read_bytes, b"end") == b"EOF\nthe terminal has gone away\nend\n"


def test_secrets_go_to_the_terminal_only(start: Start, tmp_path: Path) -> None:
    """Nothing shown or asked goes to stdout or stderr, wherever these lead."""
    out, err = tmp_path / "out", tmp_path / "err"
    child = start(f"""
import os
os.dup(0)  # else the pty has no user for a moment, which pexpect takes for its end
os.dup2(os.open({str(out)!r}, 577, 0o600), 1); os.dup2(os.open({str(err)!r}, 577, 0o600), 2)
os.dup2(os.open("/dev/null", 0), 0)
{WIZARD.format(body="terminal.ask('Code: ')")}""")
    child.expect_exact(b"Code: ")
    child.sendline(b"123456")
    assert finish(child)[1] == 0
    assert (out.read_bytes(), err.read_bytes()) == (b"", b"")


@pytest.mark.parametrize(
    ("size", "told"), [((80, 24), b"80 24"), ((40, 30), b"40 30"), ((0, 0), b"80 24")]
)
def test_the_size_is_the_terminals(start: Start, size: tuple[int, int], told: bytes) -> None:
    """The size is what the terminal tells, and 80 by 24 if it tells none."""
    child = start("with Terminal() as t: print(*t.size())", size=size)
    assert finish(child)[0].strip() == told


@pytest.mark.parametrize(
    ("environ", "flag", "utf8"),
    [
        ({"LANG": "de_DE.UTF-8"}, False, True),
        ({"LANG": "en_US.utf8"}, False, True),
        ({"LANG": "de_DE.ISO-8859-15@euro"}, True, False),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "ru_RU.KOI8-R"}, True, False),
        ({"LANG": "de_DE.ISO-8859-1"}, True, False),
        (
            {"LANG": "de_DE.KOI8-R", "LC_CTYPE": "de_DE.UTF-8", "PYTHONCOERCECLOCALE": "0"},
            False,
            True,
        ),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, False, True),
        ({"LC_ALL": "C"}, False, False),
        ({"LC_ALL": "C"}, True, True),
        ({"LC_ALL": "POSIX", "LANG": "en_GB"}, True, True),
        ({}, False, True),
    ],
)
def test_the_encoding_is_the_locales(
    start: Start, environ: dict[str, str], *, flag: bool, utf8: bool
) -> None:
    """The locale's codeset decides, then the tty's IUTF8 flag; a poor terminal gets ASCII."""
    child = start(
        f"""
import os, termios
iflag = termios.tcgetattr(0)
iflag[0] = iflag[0] | 0o40000 if {flag} else iflag[0] & ~0o40000
termios.tcsetattr(0, termios.TCSANOW, iflag)
with Terminal() as t: t.write(str(t.utf8) + "▀")""",
        **({"LANG": ""} | environ),
    )
    assert finish(child)[0] == f"{utf8}{'▀' if utf8 else '?'}".encode()


@pytest.mark.parametrize(("option", "term"), [("plain=True", "xterm"), ("", "dumb"), ("", "")])
def test_plain_has_no_control_sequence(start: Start, option: str, term: str) -> None:
    """A plain terminal is sent no control sequence, and a long text all at once."""
    child = start(
        f"""
with Terminal({option}) as terminal:
    with terminal.screen():
        terminal.show(["line"] * 50)
        terminal.clear()
        answer(terminal.ask("Code: "))""",
        TERM=term,
    )
    child.sendline(b"123456")
    out, status = finish(child)
    assert status == 0
    assert out.count(b"line") == 50
    assert b"\x1b" not in out


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"LC_ALL": "de_DE.ISO-8859-1"}])
def test_the_terminal_shows_a_readable_qr(
    start: Start, tmp_path: Path, theme: str, environ: dict[str, str]
) -> None:
    """What arrives at the terminal is a QR that a scanner reads, also under NO_COLOR."""
    size = (80, 45)
    child = start(WIZARD.format(body="terminal.ask('Code: ')"), size=size, **environ)
    child.expect_exact(b"Code: ")
    screen = Screen(*size, theme=THEMES[theme]).feed(before(child))
    assert scan(screen, tmp_path) == URI


def test_a_narrow_terminal_shows_the_qr_first(start: Start, tmp_path: Path) -> None:
    """At 40 by 24 the first page holds the whole QR, the next the words that did not fit."""
    body = "WORDS += ['', '', 'the end']; show(terminal); terminal.ask('Code: ')"
    child = start(f"with Terminal() as terminal:\n with terminal.screen(): {body}", size=(40, 24))
    child.expect_exact(b"Enter shows more: ")
    screen = Screen(40, 24, theme=THEMES["dark"]).feed(before(child))
    assert scan(screen, tmp_path) == URI
    assert "the end" not in screen.text()
    child.sendline(b"")
    child.expect_exact(b"Code: ")
    screen.feed(before(child))
    assert "the end" in screen.text()
    assert len(screen.cells) == screen.rows
    child.sendline(b"")
    finish(child)


def scan(screen: Screen, folder: Path) -> str:
    """Return what a scanner reads from the screen."""
    path = folder / "screen.pgm"
    path.write_bytes(screen.pgm(width=8, height=16))
    return read_qr(str(path))


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., bytes]]:
    """Return a function that runs one command of a tmux server of this test's own."""

    def run(*command: str) -> bytes:
        base = ["tmux", "-u", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
        environ = ENVIRON | {"SHELL": "/bin/sh"}
        return subprocess.run(
            [*base, *command], check=True, env=environ, capture_output=True
        ).stdout

    yield run
    run("kill-server")


def until(look: Callable[[], bytes], text: bytes) -> bytes:
    """Look until the text is there, for at most ten seconds, and return what was seen."""
    end = time.monotonic() + 10
    while text not in (seen := look()):
        assert time.monotonic() < end, seen
        time.sleep(0.05)
    return seen


@pytest.mark.parametrize("alternate", ["on", "off"])
def test_tmux_shows_the_same_and_keeps_nothing(
    tmux: Callable[..., bytes], tmp_path: Path, alternate: str
) -> None:
    """In a real tmux the same cells arrive, and neither screen nor history keeps a secret."""
    script = tmp_path / "wizard.py"
    script.write_text(HEAD + WIZARD.format(body="terminal.ask('Code: ')"))
    tmux("new-session", "-d", "-x", "80", "-y", "24", "sh")
    tmux("set-option", "-g", "status", "off")
    tmux("set-option", "-wg", "alternate-screen", alternate)
    tmux("resize-window", "-x", "80", "-y", "24")
    tmux("send-keys", f"{sys.executable} -B {script}", "Enter")
    seen = until(lambda: tmux("capture-pane", "-p", "-e", "-N"), b"Code:")
    screen = Screen(theme=THEMES["dark"]).feed(seen.rstrip(b"\n").replace(b"\n", b"\r\n"))
    assert scan(screen, tmp_path) == URI
    assert screen.cells[:19] == expected().cells[:19]
    tmux("send-keys", "123456", "Enter")
    kept = until(lambda: tmux("capture-pane", "-p", "-S", "-"), b"after").decode()
    assert "▀" not in kept
    assert SECRET not in kept


def expected() -> Screen:
    """Return the screen that the bytes we write make."""
    drawing = qr.half_blocks(URI)
    lines = beside(drawing.lines, WORDS, left_width=drawing.width, columns=80)
    return Screen(theme=THEMES["dark"]).feed("\r\n".join(lines).encode())


def test_words_stand_beside_the_drawing_at_80_columns() -> None:
    """At 80 columns the words start two columns right of the drawing, and the longest fits."""
    drawn = ["##"] * 3
    assert beside(drawn, ["a", "", "  b", "c"], left_width=2, columns=80) == [
        "##  a",
        "##",
        "##    b",
        "    c",
    ]
    assert beside(["#" * 37], ["x" * 41], left_width=37, columns=80) == ["#" * 37 + "  " + "x" * 41]


def test_words_stand_below_the_drawing_at_40_columns() -> None:
    """At 40 columns, or beside a drawing that leaves no room, the words come after it."""
    assert beside(["##"], ["a", "b"], left_width=2, columns=40) == ["##", "a", "b"]
    assert beside(["##"], ["a", "b"], left_width=70, columns=80) == ["##", "a", "b"]


@given(
    words=st.lists(st.text("abc ", max_size=99)),
    height=st.integers(0, 30),
    left_width=st.integers(1, 77),
    columns=st.integers(1, 200),
)
def test_no_line_is_too_long_and_no_word_lost(
    words: list[str], height: int, left_width: int, columns: int
) -> None:
    """No words reach beyond the last column, and every letter of them is there, in order."""
    lines = beside(["#" * left_width] * height, words, left_width=left_width, columns=columns)
    assert all(len(line) <= max(columns, left_width) for line in lines)
    letters = "".join(lines).replace(" ", "").replace("#", "")
    assert letters == "".join(words).replace(" ", "")
    assert "".join(lines).count("#") == height * left_width
    assert columns >= left_width + GAP or lines[:height] == ["#" * left_width] * height
