"""The words after pam_otpauth.py in a PAM file: keys of the rule, and what only a stack knows.

Every argument of google-authenticator's module is one here, with its meaning (pam_otpauth(8) lists
both), besides `key=value` for every rule key of otpauth.conf. A value with spaces is written in
brackets, `[authtok_prompt=Your code: ]`. An unknown or malformed word is an error.
"""

from __future__ import annotations

import re

from otpauth import policy
from otpauth.errors import ConfigError
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

TRY, USE = "try", "use"
COMBINED_PROMPT = "Password & verification code: "
PERMISSIONS = 0o3777  # the mode bits that allowed_perm= speaks of


class Line(NamedTuple):
    """What one line of a PAM file says.

    `secret` is the path of the user's file, not yet expanded, empty for that of otpauth.conf;
    `user` names whose rights it is opened with, empty for the user's own; `any_owner` lets it be
    anybody's; `forbidden` are mode bits that make it unfit. `first_pass` says whether the answer
    to an earlier module is tried or solely used, `forward` whether what stands before the code is
    left to the next module. `split` says that the line takes a code off the password, and decides
    nothing. `asks` replaces the prompt. `adopt` is the format and the path of other software's
    file, from which users without a record are moved.
    """

    rule: policy.Rule
    secret: str = ""
    user: str = ""
    any_owner: bool = False
    forbidden: int = 0o022
    first_pass: str = ""
    forward: bool = False
    split: bool = False
    asks: str | None = None
    echo: bool = False
    debug: bool = False
    adopt: tuple[str, str] = ("", "")

    @property
    def prompt(self) -> str:
        """Return what the person is asked."""
        if self.asks is not None:
            return self.asks
        combined = self.forward and self.rule.prompt == policy.Rule().prompt
        return COMBINED_PROMPT if combined else self.rule.prompt


def read(rule: policy.Rule, words: Sequence[str]) -> Line:
    """Return what a line says, on top of the host's rule. Raises ConfigError, naming the word."""
    line = Line(rule)
    for word in words:
        key, equals, value = word.partition("=")
        try:
            line = _with_value(line, key, value) if equals else _with_flag(line, word)
        except ConfigError as error:
            raise ConfigError(f"PAM argument {key!r}: {error}", hint=error.hint) from None
    line = _adopting(line)
    if line.split and (line.first_pass or line.forward or line.echo or line.rule.after_password):
        raise ConfigError(
            "PAM argument 'split': another word on this line is about a code that is asked for",
            hint="split stands above the password's lines, the other word below them",
        )
    if line.user and _IN_A_HOME.search(line.secret or "~"):
        raise ConfigError(
            "PAM argument 'user': the file is in a home", hint="secret=/var/lib/PLACE/${USER}"
        )
    return line


def _adopting(line: Line) -> Line:
    """Return the line with the path that adopt= reads: without one of its own that of secret=.

    A secret= that names the other software's file does not name ours, which lies where it always
    does; with user= ours comes into its place.
    """
    name, path = line.adopt
    if not name:
        return line
    path = path or (line.secret if name == GOOGLE else "") or USUAL[name]
    theirs = path.replace("${HOME}", "~") == line.secret.replace("${HOME}", "~")
    secret = "" if theirs and not line.user else line.secret
    return line._replace(adopt=(name, path), secret=secret)


def _with_flag(line: Line, word: str) -> Line:
    if word in RULE_FLAGS:
        return line._replace(rule=line.rule._replace(**RULE_FLAGS[word]))
    if word in FLAGS:
        return line._replace(**FLAGS[word])
    raise ConfigError("it is not known", hint="see pam_otpauth(8)")


def _with_value(line: Line, key: str, value: str) -> Line:
    if key in policy.RULE_KEYS:
        return line._replace(rule=line.rule._replace(**{key: policy.RULE_KEYS[key](value)}))
    if key == "grace_period":
        return line._replace(rule=line.rule._replace(grace=_seconds(value)))
    if key in VALUES:
        field, read_value = VALUES[key]
        return line._replace(**{field: read_value(value)})
    raise ConfigError("it is not known", hint="see pam_otpauth(8)")


_IN_A_HOME = re.compile(r"(^|/)~(/|$)|\$\{HOME\}")


def _seconds(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise ConfigError(f"{text!r} is not a number of seconds")
    return min(int(text), policy.GRACE_MAX)


def _path(text: str) -> str:
    text = re.sub("//+", "/", text)
    known = re.fullmatch(r"(~|\$\{HOME\})?(/([^/$]|\$\{(HOME|USER)\})+)+", text)
    if not known or not text.isprintable() or "/../" in text + "/":
        raise ConfigError(f"{text!r} is not a path", hint="absolute, or from ~ or ${HOME}")
    return text


def _forbidden(text: str) -> int:
    if not re.fullmatch(r"0*[1-7][0-7]{0,3}", text):
        raise ConfigError(f"{text!r} is not a mode", hint="like 0600")
    return PERMISSIONS & ~int(text, 8)


def _adopt(text: str) -> tuple[str, str]:
    kind, _, path = text.partition(":")
    if kind not in ADOPTED:
        raise ConfigError(f"{kind!r} is none of: {' '.join(ADOPTED)}")
    if kind == "oath" and _IN_A_HOME.search(path):
        raise ConfigError("that file is root's own, in no home", hint="oath:/etc/users.oath")
    return ADOPTED[kind], _path(path) if path else ""


def _name(text: str) -> str:
    if not text or not text.isprintable() or "/" in text:
        raise ConfigError(f"{text!r} is neither a user nor a uid")
    return text


def _question(text: str) -> str:
    if len(text) > policy.PROMPT_MAX or not text.isprintable():
        raise ConfigError(f"a prompt is up to {policy.PROMPT_MAX} printable characters")
    return text


RULE_FLAGS: dict[str, dict[str, Any]] = {
    "nullok": {"nullok": policy.ALWAYS},
    "after_password": {"after_password": True},
    "before_password": {"before_password": True},
    "noskewadj": {"resync": 0},
}
FLAGS: dict[str, dict[str, Any]] = {
    "try_first_pass": {"first_pass": TRY},
    "use_first_pass": {"first_pass": USE},
    "forward_pass": {"forward": True},
    "split": {"split": True},
    "no_strict_owner": {"any_owner": True},
    "echo_verification_code": {"echo": True},
    "echo-verification-code": {"echo": True},
    "debug": {"debug": True},
    "no_increment_hotp": {},  # a failure never moves a counter
    "allow_readonly": {},  # a home that cannot be written keeps nobody out: the host's copy counts
}
GOOGLE, OATH = "google-authenticator", "usersfile"
ADOPTED = {"google-authenticator": GOOGLE, "oath": OATH}  # words of adopt=, and their formats
USUAL = {GOOGLE: "~/.google_authenticator", OATH: "/etc/users.oath"}
VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "secret": ("secret", _path),
    "user": ("user", _name),
    "allowed_perm": ("forbidden", _forbidden),
    "authtok_prompt": ("asks", _question),
    "adopt": ("adopt", _adopt),
}
