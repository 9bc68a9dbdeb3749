"""The words after pam_otpauth.py in a PAM file: keys of the rule, and what only a stack knows.

`nullok` and `after_password` are flags; `key=value` takes every rule key of otpauth.conf; a value
with spaces is written in brackets, `[prompt=Your code: ]`. An unknown word is an error.
"""

from __future__ import annotations

from otpauth import policy
from otpauth.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def apply(rule: policy.Rule, words: Sequence[str]) -> policy.Rule:
    """Return the rule as the arguments change it. Raises ConfigError, naming the word."""
    for word in words:
        key, equals, value = word.partition("=")
        if word == "nullok":
            rule = rule._replace(nullok=True)
        elif word == "after_password":
            rule = rule._replace(after_password=True)
        elif equals and key in policy.RULE_KEYS:
            try:
                rule = rule._replace(**{key: policy.RULE_KEYS[key](value)})
            except ConfigError as error:
                raise ConfigError(f"PAM argument {key!r}: {error}", hint=error.hint) from None
        else:
            raise ConfigError(f"unknown PAM argument {key!r}", hint="see pam_otpauth(8)")
    return rule
