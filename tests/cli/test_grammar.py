"""The words of both commands, as far as no file or terminal is needed to understand them."""

from __future__ import annotations

import pytest

from otpauth.cli import admin, report, user

PROGRAMS = {"otpauth": user.parser, "otpauth-admin": admin.parser}


def test_a_name_may_begin_with_a_dash() -> None:
    """Behind -- a word is the user, whatever it looks like."""
    options = admin.parser().parse_args(["setup", "--uri", "-", "--", "-n"])
    assert (options.verb, options.users, options.uri) == ("setup", ["-n"], "-")


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        (["bypas", "alice"], "VERB: 'bypas' is unknown", "bypass ? see otpauth-admin --help"),
        (["add", "al", "totpp"], "KIND: 'totpp' is unknown", "totp ? see otpauth-admin add --help"),
        (
            ["key", "zzz"],
            "ACTION: 'zzz' is unknown; known: list export import rotate",
            "otpauth-admin key --help",
        ),
    ],
)
def test_the_nearest_word(
    words: list[str], error: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside a word that is none of the known ones stands the nearest of them, or all."""
    with pytest.raises(SystemExit):
        admin.parser().parse_args(words)
    said = capsys.readouterr().err
    assert said == f"otpauth-admin: error: {error}\notpauth-admin: hint: {hint}\n"


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("words", [["nonsense"], ["--no-such"], ["setup", "--digits", "9"]])
def test_usage_errors(program: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Words that make no sense are an error of one line, then where their meaning stands."""
    with pytest.raises(SystemExit) as ended:
        PROGRAMS[program]().parse_args(words)
    assert ended.value.code == report.USAGE
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith(f"{program}: error: ")
    assert hint.startswith(f"{program}: hint: {program}")
    assert hint.endswith(" --help")
