"""The words of a PAM line: each read as it is meant, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from otpauth import arguments, home, policy
from otpauth.account import Account
from otpauth.errors import ConfigError, UnknownUserError

RULE = policy.Rule()
ALICE = Account("alice", 1000, 1000, "/home/alice")
READ: dict[str, dict[str, Any]] = {
    "secret=/etc/otp/${USER}": {"secret": "/etc/otp/${USER}"},
    "secret=~/.otp": {"secret": "~/.otp"},
    "secret=${HOME}/.otp": {"secret": "${HOME}/.otp"},
    "authtok_prompt=Code of web1:": {"asks": "Code of web1:", "prompt": "Code of web1:"},
    "authtok_prompt=": {"asks": "", "prompt": ""},
    "no_strict_owner": {"any_owner": True},
    "allowed_perm=0600": {"forbidden": 0o3177},
    "allowed_perm=644": {"forbidden": 0o3133},
    "debug": {"debug": True},
    "try_first_pass": {"first_pass": "try"},
    "use_first_pass": {"first_pass": "use"},
    "forward_pass": {"forward": True, "prompt": "Password & verification code: "},
    "split": {"split": True},
    "noskewadj": {"rule": RULE._replace(resync=0)},
    "no_increment_hotp": {},
    "allow_readonly": {},
    "nullok": {"rule": RULE._replace(nullok=policy.ALWAYS)},
    "nullok=until:2027-01-31": {"rule": RULE._replace(nullok=1801440000)},
    "echo_verification_code": {"echo": True},
    "echo-verification-code": {"echo": True},
    "grace_period=0": {"rule": RULE},
    "grace_period=86400": {"rule": RULE._replace(grace=86400)},
    "grace_period=99999999": {"rule": RULE._replace(grace=7776000)},
    "grace=12h": {"rule": RULE._replace(grace=43200)},
    "grace=off": {"rule": RULE},
    "before_password": {"rule": RULE._replace(before_password=True)},
    "after_password": {"rule": RULE._replace(after_password=True)},
    "prompt=Code:": {"prompt": "Code: "},
}
REFUSED = (
    *("", "nonsense", "nullok=", "forward_pass=1", "debug=yes", "=", "=x", "NULLOK"),
    *("secret=", "secret=x", "secret=~alice/x", "secret=/a/../b", "secret=/a/..", "secret=~"),
    *("secret=/x${SHELL}", "secret=/x$", "secret=${USER}/x", "secret=//"),
    *("user=", "user=a/b", "user=alice", "allowed_perm=", "allowed_perm=0", "allowed_perm=08"),
    *("allowed_perm=-1", "allowed_perm=0600x", "authtok_prompt=a\nb"),
    *("grace_period=", "grace_period=-1", "grace_period=1x", "grace_period=1.5", "grace=91d"),
    *("adopt=", "adopt=x", "adopt=oath:~/users.oath", "adopt=oath:${HOME}/u", "adopt=oath:u"),
    *("grace_period=0x10", "grace=0", "authtok_prompt=" + "x" * 201),
)


@pytest.mark.parametrize("word", READ)
def test_read(word: str) -> None:
    """A known word changes what it says and nothing else."""
    line = arguments.read(RULE, [word])
    for name, value in READ[word].items():
        assert getattr(line, name) == value
    named = {name for name in READ[word] if name != "prompt"}
    plain = arguments.Line(RULE)
    if "prompt=" not in word:
        same = {name: getattr(plain, name) for name in named}
        assert line._replace(**same) == plain


@pytest.mark.parametrize("word", REFUSED)
def test_refused(word: str) -> None:
    """An unknown or malformed word is an error."""
    with pytest.raises(ConfigError):
        arguments.read(RULE, [word])


@pytest.mark.parametrize(
    "word",
    [
        "after_password",
        "forward_pass",
        "try_first_pass",
        "use_first_pass",
        "echo-verification-code",
    ],
)
def test_split_asks_for_no_code(word: str) -> None:
    """A line with split takes no word that says how a code is asked for."""
    with pytest.raises(ConfigError, match="'split'"):
        arguments.read(RULE, ["split", word])
    assert arguments.read(RULE, ["split", "authtok_prompt=PIN: ", "secret=~/x"]).split


@pytest.mark.parametrize(
    ("words", "adopted", "secret"),
    [
        ("adopt=google-authenticator", "~/.google_authenticator", ""),
        ("adopt=google-authenticator:~/x", "~/x", ""),
        ("adopt=google-authenticator secret=~/x", "~/x", ""),
        ("adopt=google-authenticator:${HOME}/x secret=~//x", "${HOME}/x", ""),
        ("adopt=google-authenticator:~/x secret=~/y", "~/x", "~/y"),
        ("adopt=google-authenticator secret=/x/${USER} user=root", "/x/${USER}", "/x/${USER}"),
        ("adopt=oath secret=~/y", "/etc/users.oath", "~/y"),
    ],
)
def test_adopt(words: str, adopted: str, secret: str) -> None:
    """adopt= goes by secret=, which then names the other software's file, and not ours."""
    line = arguments.read(RULE, words.split())
    assert (line.adopt[1], line.secret) == (adopted, secret)


@pytest.mark.parametrize("secret", ["~/.otp", "${HOME}/.otp", "/srv/~/x"])
def test_user_without_a_home(secret: str) -> None:
    """With user= a path from the login user's home is refused."""
    with pytest.raises(ConfigError):
        arguments.read(RULE, ["user=root", f"secret={secret}"])
    assert arguments.read(RULE, ["user=0", "secret=/etc/otp/${USER}"]).user == "0"


PATHS = {
    "~/.otp": "/home/alice/.otp",
    "${HOME}/.otp": "/home/alice/.otp",
    "/srv/~/x": "/srv//home/alice/x",
    "/srv/a~b": "/srv/a~b",
    "/etc/otp/${USER}": "/etc/otp/alice",
    "/etc/${USER}-${USER}": "/etc/alice-alice",
}


@pytest.mark.parametrize("template", PATHS)
def test_path(template: str) -> None:
    """~ where a part begins, ${HOME} and ${USER} are replaced."""
    assert (
        home.path_of(ALICE, arguments.read(RULE, [f"secret={template}"]).secret) == PATHS[template]
    )


def test_replaced_once() -> None:
    """What was put in for a variable is not looked through again."""
    odd = Account("${HOME}", 1, 1, "/home/~/${USER}")
    assert home.path_of(odd, "/a/${USER}") == "/a/${HOME}"
    assert home.path_of(odd, "~/x") == "/home/~/${USER}/x"


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "."])
def test_name_leads_nowhere(name: str) -> None:
    """A login name never leads out of the folder that secret= names (W10)."""
    with pytest.raises(UnknownUserError):
        home.path_of(ALICE._replace(name=name), "/etc/otp/${USER}")
