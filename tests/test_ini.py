"""Ini text: read as configparser does, strictly, with lines."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import ini
from otpauth.errors import ConfigError

pieces = st.sampled_from(
    [
        *("[a]", "[b]", "[a", "]", "x", "y", "=", " = ", " ", "  ", "\t", "\n", "\n", "\n"),
        *"#;:%1\ré",
    ]
)


def theirs(text: str) -> dict[str, dict[str, str]] | None:
    """Return what configparser reads of a text, None if it refuses it."""
    parser = configparser.ConfigParser(
        default_section="",
        interpolation=None,
        delimiters=("=",),
        comment_prefixes=("#",),
        inline_comment_prefixes=None,
        empty_lines_in_values=False,
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {name: dict(parser.items(name)) for name in parser.sections()}


def ours(text: str) -> dict[str, dict[str, str]] | None:
    """Return what is read of a text, None if it is refused."""
    try:
        found = ini.read(text, path="x")
    except ConfigError:
        return None
    return {
        name: {key: "\n".join(lines) for key, (lines, _) in section.values.items()}
        for name, section in found.items()
    }


@settings(max_examples=500, deadline=None)
@given(st.lists(pieces, max_size=30).map("".join))
def test_as_configparser(text: str) -> None:
    """What is read is what configparser reads, and what that refuses is refused."""
    read = ours(text)
    assert read is None or read == theirs(text)


def test_no_less_than_configparser() -> None:
    """Comments, indented values, indented keys and an empty line behind a value are read alike."""
    text = "# c\n[a]\nx = 1\n  2\n\n  y = 3 # 4\n  # c\n[b b]\r\nz=%(x)s\r\n  [a]\n;=:\n"
    text += "[c]\n  x = 1\n  y = 2\n   3\n z=4"
    read = ours(text)
    assert read == theirs(text)
    assert read == {
        "a": {"x": "1\n2", "y": "3 # 4"},
        "b b": {"z": "%(x)s\n[a]", ";": ":"},
        "c": {"x": "1", "y": "2\n3", "z": "4"},
    }


def test_lines() -> None:
    """Sections and keys have the numbers of their lines, also behind odd line ends."""
    found = ini.read("\n[a]\nx = 1\x0b\x85\u2028\n  2\ny = 1\n", path="x")
    assert (found["a"].line, found["a"].values["x"][1], found["a"].values["y"][1]) == (2, 3, 5)


@pytest.mark.parametrize("text", ["[a] x", "x[a]\n", "[]", "[a]]", " [a", "[a]\n= 1", "[a]\nx"])
def test_refused(text: str) -> None:
    """What is neither section, key nor value is refused."""
    assert ours(text) is None
