"""Numbers that are being asked for: one holder each, none after its end."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from otpauth import numbers

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Give the path of a file that is not there yet."""
    return str(tmp_path / "asked")


def test_one_holder(path: str) -> None:
    """What somebody holds nobody else gets, until he lets go of it."""
    with numbers.holder(path) as one, numbers.holder(path) as two:
        assert one.first((7, 8)) == 7
        assert two.first((7, 8)) == 8
        with numbers.holder(path) as three:
            assert three.first((7, 8)) == -1
            assert three.first(()) == -1
        assert not numbers.free(path, 7)
        assert numbers.free(path, 9)
    assert numbers.free(path, 7)
    assert os.path.getsize(path) == 0


def test_two_lists(path: str) -> None:
    """One login may hold the same number for two lists."""
    with numbers.holder(path) as one:
        assert [one.first((7,)), one.first((7,))] == [7, 7]


def test_killed(path: str) -> None:
    """A killed holder leaves nothing, and its children that live on hold nothing after its end."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            numbers.holder(path).first((7,))
            os.write(told, b"x")
            signal.pause()
        finally:
            os._exit(0)
    os.read(ready, 1)
    held = not numbers.free(path, 7)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert held
    assert numbers.free(path, 7)
    os.close(ready)
    os.close(told)


def test_let_go_with_children(path: str) -> None:
    """A holder that ends lets go though a child of its has a copy of its descriptor."""
    ready, told = os.pipe()
    with numbers.holder(path) as one:
        assert one.first((7,)) == 7
        child = os.fork()
        if child == 0:
            os.read(ready, 1)
            os._exit(0)
    free = numbers.free(path, 7)
    os.write(told, b"x")
    os.waitpid(child, 0)
    os.close(ready)
    os.close(told)
    assert free


def test_no_place(tmp_path: Path) -> None:
    """Where no file can be, or a link is in its place, nothing is held and nothing is free."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for path in (str(tmp_path / "none" / "asked"), str(link)):
        with numbers.holder(path) as one:
            assert one.first((7,)) == -1
    assert not numbers.free(str(link), 7)
    assert not (tmp_path / "elsewhere").exists()


def test_nobody_was_asked(path: str) -> None:
    """To look makes no file: nobody can be asked where there is none."""
    assert numbers.free(path, 7)
    assert not os.path.exists(path)


def test_closed_descriptors(path: str) -> None:
    """In a process without standard descriptors the file takes the number of none of them."""
    child = os.fork()
    if child == 0:
        os.closerange(0, 3)
        os._exit(0 if numbers.holder(path).descriptor > 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
