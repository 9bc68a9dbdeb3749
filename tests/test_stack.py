"""PAM's files as lines: what stack.read makes of what pam.d(5) allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otpauth import services, stack

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, **files: str) -> list[stack.Line]:
    """Write files and read the stack of the service `one`."""
    for name, text in files.items():
        (folder / name.replace("_", "-")).write_text(text)
    return list(stack.read("one", folder=str(folder)))


def test_words_of_a_line(tmp_path: Path) -> None:
    """Type, control, module and arguments are told apart, brackets hold blanks."""
    text = "-AUTH [success=1 default=ignore] /lib/x/pam_a.so a [prompt=a \\] b] c # no\n"
    (line,) = read(tmp_path, one=text)
    assert (line.control, line.module) == ("[success=1 default=ignore]", "/lib/x/pam_a.so")
    assert line.args == ("a", "prompt=a ] b", "c")
    assert (line.name, line.place) == ("pam_a.so", f"{tmp_path}/one:1")


def test_other_types_and_comments_are_left_out(tmp_path: Path) -> None:
    """Only lines of the type asked for count, and no comment does."""
    text = "account required a.so\n# auth required b.so\n\nauth required c.so\n"
    assert [(line.number, line.name) for line in read(tmp_path, one=text)] == [(4, "c.so")]
    assert stack.read("one", "account", folder=str(tmp_path))[0].name == "a.so"


def test_a_backslash_continues(tmp_path: Path) -> None:
    """A line that ends in a backslash goes on, and stands where it began."""
    (line,) = read(tmp_path, one="auth required \\\n  pam_python.so \\\n  pam_otpauth.py\n")
    assert line.ours
    assert line.number == 1


def test_includes(tmp_path: Path) -> None:
    """Three ways to include are followed in place; only a substack is deeper."""
    includes = "@include two\nauth include two\nauth substack two\n"
    text = f"auth required a.so\n{includes}auth required z.so\n"
    lines = read(tmp_path, one=text, two="auth required b.so\nsession required c.so\n")
    assert [line.name for line in lines] == ["a.so", "b.so", "b.so", "b.so", "z.so"]
    assert [line.inside for line in lines] == [(), (), (), (f"{tmp_path}/one:4",), ()]
    assert lines[1].place == f"{tmp_path}/two:1"


def test_a_jump_counts_a_substack_once(tmp_path: Path) -> None:
    """A jump passes a substack as one module, and from inside goes no further than its end."""
    text = "auth required a.so\nauth substack two\nauth substack two\nauth required z.so\n"
    lines = tuple(read(tmp_path, one=text, two="auth required b.so\nauth required c.so\n"))
    assert [line.name for line in lines] == ["a.so", "b.so", "c.so", "b.so", "c.so", "z.so"]
    assert [stack.landing(lines, 0, count) for count in range(5)] == [1, 3, 5, 6, 6]
    assert [stack.landing(lines, 1, count) for count in range(3)] == [2, 3, 3]


def test_what_cannot_be_included(tmp_path: Path) -> None:
    """An include of nothing, or of itself without end, is a line without module."""
    (line,) = read(tmp_path, one="@include nowhere\n")
    assert (line.module, line.args) == ("", ("nowhere",))
    lines = read(tmp_path, one="auth required a.so\nauth include one\n")
    assert lines[-1].module == ""
    assert len(lines) == stack.DEPTH_MAX + 2


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("auth required pam_python.so pam_otpauth.py\n", True),
        ("auth required pam_python.so /lib/security/pam_otpauth.py nullok\n", True),
        ("auth required pam_exec.so seteuid /usr/local/lib/otpauth/otpauth-pam-exec\n", True),
        ("@include two\n", True),
        ("# auth required pam_python.so pam_otpauth.py\n", False),
        ("session required pam_python.so pam_otpauth.py\n", False),
        ("auth required pam_python.so other.py\n", False),
        ("auth optional pam_python.so pam_otpauth.py split\n", False),
    ],
)
def test_which_services_ask(tmp_path: Path, text: str, asks: bool) -> None:  # noqa: FBT001
    """A service asks if its auth stack runs us; files that are only included are no services."""
    read(tmp_path, one=text, two="auth required pam_python.so pam_otpauth.py\n", common_auth="")
    assert services.asking(str(tmp_path)) == {"one": asks, "two": True}
    assert services.asking(str(tmp_path / "nowhere")) == {}
