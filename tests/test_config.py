"""otpauth.conf: strict, and every error with its line."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import config, policy
from otpauth.errors import ConfigError
from tests import samples

WHOLE = """# the host's rule
[setup]
changes = trust
totp = SHA256 8 60s
issuer = example {host}
scratch = 5

[login]
# no comment behind a value: # is itself
nullok = yes
kinds = totp
  scratch
window = 4
prompt = Code 100% #1:
"""


def parse(text: str) -> policy.Policy:
    """Read a configuration."""
    return config.parse(text, path="otpauth.conf")


def test_whole() -> None:
    """A whole file sets what it says, the rest stays as it is by default."""
    read = parse(WHOLE)
    assert (read.setup.changes, read.setup.totp) == ("trust", ("SHA256", 8, 60))
    assert (read.setup.issuer, read.setup.scratch) == ("example {host}", 5)
    assert (read.login.nullok, read.login.window) == (policy.ALWAYS, 4)
    assert read.login.kinds == ("totp", "scratch")
    assert read.login.prompt == "Code 100% #1: "
    assert read.login.rate_limit == policy.Rule().rate_limit
    assert read.places["login.window"] == "otpauth.conf:13"


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "[login]\n", "[setup]\n[login]\n"])
def test_nothing(text: str) -> None:
    """A file that sets nothing gives the defaults."""
    assert parse(text)[:2] == (policy.Setup(), policy.Rule())


BROKEN = {
    "unknown_key": ("[login]\nwindow = 3\nwindw = 4\n", 3, "windw"),
    "unknown_section": ("[login]\n\n[logins]\n", 3, "logins"),
    "key_of_the_other_section": ("[setup]\nnullok = yes\n", 2, "nullok"),
    "case_of_a_key": ("[login]\nNullok = yes\n", 2, "Nullok"),
    "case_of_a_section": ("[Login]\n", 1, "Login"),
    "default_section": ("[DEFAULT]\nnullok = yes\n", 1, "DEFAULT"),
    "bad_value": ("[login]\nnullok = maybe\n", 2, "nullok"),
    "key_twice": ("[login]\nnullok = no\nnullok = yes\n", 3, "twice"),
    "section_twice": ("[login]\n[setup]\n[login]\n", 3, "twice"),
    "no_section": ("nullok = yes\n", 1, "before"),
    "no_value": ("[login]\nnullok\n", 2, "neither"),
    "colon": ("[login]\nnullok: yes\n", 2, "neither"),
    "comment_behind": ("[login]\nwindow = 3 # steps\n", 2, "window"),
    "semicolon": ("[login]\n; a comment\n", 2, "neither"),
    "open_bracket": ("[login\nnullok = yes\n", 1, "missing"),
    "interpolation": ("[login]\nwindow = %(nullok)s\n", 2, "window"),
    "byte_order_mark": ("\ufeff[login]\n", 1, "before"),
    "indented_key": ("[login]\nwindow = 3\n  nullok = yes\n", 2, "window"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str) -> None:
    """A file with one defect is an error that names file, line and fault."""
    text, line, word = BROKEN[name]
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"otpauth.conf:{line}: ")
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("head", ["[login] nullok = yes", "[login]x", "[login]]"])
def test_text_behind_a_section(head: str) -> None:
    """What stands behind a section's bracket is not passed over."""
    with pytest.raises(ConfigError):
        parse(f"{head}\nwindow = 3\n")


def test_hints() -> None:
    """A word that is nearly right is asked back."""
    with pytest.raises(ConfigError) as caught:
        parse("[login]\nrate_limits = 3/30s\n")
    assert caught.value.hint == "rate_limit ?"


@settings(max_examples=400, deadline=None)
@given(
    st.text(max_size=60)
    | samples.mutations(WHOLE.encode()).map(lambda data: data.decode("latin-1"))
)
def test_any_text(text: str) -> None:
    """Any text gives a policy or a ConfigError."""
    with contextlib.suppress(ConfigError):
        assert isinstance(parse(text), policy.Policy)
