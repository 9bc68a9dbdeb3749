"""QR codes: what a scanner reads from the terminal's cells and from the files."""

from __future__ import annotations

import os
import resource
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import segno

from otpauth.cli import qr
from otpauth.errors import UsageError
from tests.cli.screen import SWAPPED, THEMES, Screen, Theme, read_qr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Make = Callable[[str], qr.Drawing]

SECRET = "GEZDGNBVGY3TQOJQ" * 2
URI = f"otpauth://totp/web1:alice?secret={SECRET}&issuer=web1"
LONG_URI = (
    f"otpauth://totp/build-server-17.example.org:m%C3%BCller-l%C3%BCdenscheidt?secret={SECRET * 3}"
    "&issuer=build-server-17&algorithm=SHA512&digits=8&period=60"
)
SHAPES = {  # pixels across and down, and how far glyphs stay from the cells above and below
    "6x12": (6, 12, (0, 0)),
    "7x15": (7, 15, (0, 0)),
    "8x16": (8, 16, (0, 0)),
    "9x19": (9, 19, (0, 0)),
    "10x20": (10, 20, (0, 0)),
    "8x18-seam-below": (8, 18, (0, 2)),
    "10x22-seam-below": (10, 22, (0, 1)),
}
WORDS = ["1. Open your authenticator app, press +,", "   scan the code on the left."]


def show(drawing: qr.Drawing, *, theme: Theme, colours: int = 256) -> Screen:
    """Return a screen of just the needed rows with the drawing and some words beside it."""
    words = WORDS + [""] * (len(drawing.lines) - len(WORDS))
    text = "\r\n".join(a + "  " + b for a, b in zip(drawing.lines, words, strict=True))
    columns = drawing.width + 2 + len(WORDS[0])
    screen = Screen(columns, len(drawing.lines), theme=theme, colours=colours)
    return screen.feed(text.encode())


def scan(screen: Screen, folder: Path, shape: str = "8x16") -> str:
    """Return what a scanner reads from the screen."""
    width, height, gaps = SHAPES[shape]
    path = folder / "screen.pgm"
    path.write_bytes(screen.pgm(width=width, height=height, gaps=gaps))
    return read_qr(str(path))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_half_blocks_are_read_on_every_theme(tmp_path: Path, theme: str, shape: str) -> None:
    """A scanner reads the very URI from half blocks at each cell shape, on each theme."""
    screen = show(qr.half_blocks(URI), theme=THEMES[theme])
    assert scan(screen, tmp_path, shape) == URI


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("make", [qr.half_blocks, qr.full_cells])
def test_a_terminal_of_eight_colours_shows_it_too(tmp_path: Path, theme: str, make: Make) -> None:
    """A terminal that knows 8 colours only shows a readable QR, and none that blinks."""
    screen = show(make(URI), theme=THEMES[theme], colours=8)
    assert scan(screen, tmp_path) == URI
    assert not any(
        Screen(theme=SWAPPED, colours=8).feed(line.removesuffix("\x1b[0m").encode()).blink
        for line in make(URI).lines
    )


@pytest.mark.parametrize("make", [qr.half_blocks, qr.full_cells])
def test_a_theme_that_swaps_black_and_white_does_no_harm(tmp_path: Path, make: Make) -> None:
    """A palette whose black is light does not turn the QR round."""
    assert scan(show(make(URI), theme=SWAPPED), tmp_path) == URI


@pytest.mark.parametrize("theme", THEMES)
def test_full_cells_are_read_and_need_no_utf8(tmp_path: Path, theme: str) -> None:
    """A scanner reads the very URI from the drawing for other encodings, which is all ASCII."""
    drawing = qr.draw(URI, utf8=False)
    assert "".join(drawing.lines).isascii()
    screen = show(drawing, theme=THEMES[theme])
    for shape in SHAPES:
        assert scan(screen, tmp_path, shape) == URI


@pytest.mark.parametrize("utf8", [True, False])
def test_the_longest_uri_is_read(tmp_path: Path, *, utf8: bool) -> None:
    """A URI with a SHA512 secret and long names is drawn and read."""
    screen = show(qr.draw(LONG_URI, utf8=utf8), theme=THEMES["dark"])
    assert scan(screen, tmp_path) == LONG_URI


def test_each_half_cell_is_one_module() -> None:
    """The upper and lower halves of the cells are, one by one, the modules of the matrix."""
    drawing = qr.half_blocks(URI)
    for theme in [*THEMES.values(), SWAPPED]:
        shown = show(drawing, theme=theme).halves()
        modules = [bytes(half < 128 for half in row[: drawing.width]) for row in shown]
        assert modules == [*qr.matrix(URI), bytes(drawing.width)]


def test_a_usual_uri_leaves_room_on_80x24() -> None:
    """A usual URI takes 37 columns and 19 rows, each line exactly the width told."""
    drawing = qr.half_blocks(URI)
    assert (drawing.width, len(drawing.lines)) == (37, 19)
    for line in drawing.lines:
        assert Screen(theme=THEMES["dark"]).feed(line.encode()).x == drawing.width
    assert drawing.fits(37, 20)
    assert not drawing.fits(36, 20)
    assert not drawing.fits(37, 19)


def test_the_matrix_is_segnos_within_a_light_border() -> None:
    """The matrix is segno's at level L, with a border of two light modules on each side."""
    rows = qr.matrix(URI)
    inner = [row[2:-2] for row in rows[2:-2]]
    assert inner == [bytes(row) for row in segno.make(URI, error="l", micro=False).matrix]
    edge = [*rows[:2], *rows[-2:], *(row[:2] + row[-2:] for row in rows)]
    assert not any(map(any, edge))


def test_a_short_text_is_no_micro_qr() -> None:
    """A text short enough for a Micro QR, which phones do not read, gets a whole one."""
    assert len(qr.matrix("12345")) == 21 + 2 * qr.BORDER


def test_a_drawing_does_not_print_itself() -> None:
    """The repr of a drawing, in a traceback say, holds no cells."""
    assert "▀" not in repr(qr.half_blocks(URI))


def test_png_is_read(tmp_path: Path) -> None:
    """A scanner reads the very URI from the png."""
    path = tmp_path / "a.PNG"
    qr.write_file(str(path), URI)
    assert read_qr(str(path)) == URI


@pytest.mark.parametrize("ground", ["none", "black", "white"])
def test_svg_is_read_on_any_ground(tmp_path: Path, ground: str) -> None:
    """A scanner reads the very URI from the svg, whatever colour the viewer lays under it."""
    path, picture = tmp_path / "a.svg", tmp_path / "a.png"
    qr.write_file(str(path), URI)
    command = ["rsvg-convert", "-b", ground, "-o", str(picture), str(path)]
    subprocess.run(command, check=True)
    assert read_qr(str(picture)) == URI
    assert SECRET not in path.read_text()


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_a_file_is_private(tmp_path: Path, mask: int) -> None:
    """A file is made with mode 0600 under any usual umask."""
    path = tmp_path / "a.png"
    old = os.umask(mask)
    try:
        qr.write_file(str(path), URI)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o7777 == 0o600


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    """A file that is there stays, byte by byte."""
    path = tmp_path / "a.svg"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        qr.write_file(str(path), URI)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_not_followed(tmp_path: Path, *, there: bool) -> None:
    """Nothing is written through a link, be there a file behind it or none."""
    target, path = tmp_path / "target", tmp_path / "a.svg"
    if there:
        target.write_text("mine")
    path.symlink_to(target)
    with pytest.raises(FileExistsError):
        qr.write_file(str(path), URI)
    assert path.is_symlink()
    assert target.exists() is there
    assert not there or target.read_text() == "mine"


@pytest.mark.parametrize("name", ["a.gif", "svg", "a", "a.svg.txt", ".png/a"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    """A name that is neither .svg nor .png raises UsageError, and no file is made."""
    with pytest.raises(UsageError):
        qr.write_file(str(tmp_path / name), URI)
    assert not list(tmp_path.iterdir())


@contextmanager
def tiny_files() -> Iterator[None]:
    """Let this process write no file longer than 100 bytes (EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:  # before pytest writes a line to what may be a file, too
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """A write that fails half way raises OSError and leaves no file."""
    with pytest.raises(OSError, match="File too large"), tiny_files():
        qr.write_file(str(tmp_path / "a.svg"), URI)
    assert not list(tmp_path.iterdir())
