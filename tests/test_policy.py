"""The keys of the rule: how each is spelt, and that nothing else is understood."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import arguments, groups, policy, token
from otpauth.cli import policies
from otpauth.errors import ConfigError
from otpauth.policy import RULE_KEYS, SETUP_KEYS, Rule, Span

GOOD = [
    ("nullok", "yes", policy.ALWAYS),
    ("nullok", "no", policy.NEVER),
    ("nullok", "until 2027-01-31", 1801440000),  # 2027-02-01 00:00 UTC
    ("nullok", "until:2028-02-29", 1835481600),
    ("kinds", "*", token.KINDS),
    ("kinds", "totp scratch", ("totp", "scratch")),
    ("window", "1", 1),
    ("window", "21", 21),
    ("rate_limit", "3/30s", (3, 30)),
    ("rate_limit", "100/1d", (100, 86400)),
    ("resync", "yes", 600),
    ("resync", "no", 0),
    ("resync", "12h", 43200),
    ("warn_below", "0", 0),
    ("list_warn_below", "280", 280),
    ("prompt", "Code:", "Code: "),
    ("prompt", "Code #%d:  ", "Code #%d: "),
    ("log", "off", "off"),
    ("who", "*", ("*",)),
    ("who", "%sudo  !deploy", ("%sudo", "!deploy")),
    ("who", "DOMAIN\\alice bob#1", ("DOMAIN\\alice", "bob#1")),
    ("skip_from", "", ()),
    ("skip_from", "10.1.0.0/16 fd00:1::/32 ::1", ("10.1.0.0/16", "fd00:1::/32", "::1")),
    ("lock", "off", (0, 0)),
    ("lock", "5/1h", (5, 3600)),
    ("lock", "20/7d", (20, 604800)),
    ("lock", "1/admin", (1, 0)),
    ("session", "off", Span()),
    ("session", "10h", Span(36000)),
    ("session", "10h idle=1h logins=12 from=any", Span(36000, 3600, 12, anywhere=True)),
    ("session", "7d from=any logins=0", Span(604800, 0, 0, anywhere=True)),
    ("session", "60s idle=60s", Span(60, 60)),
    ("logout", "yes", True),
    ("logout", "no", False),
]
BAD = [
    (
        "nullok",
        ["", "Yes", "true", "1", "yes ", "until", "until ", "2027-01-31"],
    ),
    ("nullok", ["until 2027-02-29", "until  2027-01-31", "until 1999-01-01", "until 2027-1-31"]),
    ("nullok", ["until 2027-01-31 ", "until 2027-01-31T00:00", "until \u0662027-01-31"]),
    ("kinds", ["", "steam", "totp,hotp", "* totp", "TOTP"]),
    ("window", ["", "0", "22", "-1", "03", "3.0", "\u0663", "3 ", "1e1", "9" * 5000]),
    ("rate_limit", ["", "3", "0/30s", "101/30s", "3/30", "3/0s", "3/", "/30s", "3/30s/1"]),
    ("resync", ["", "13h", "0s", "10", "on"]),
    ("warn_below", ["", "21", "-1"]),
    ("list_warn_below", ["", "281", "-1"]),
    ("prompt", ["", "\x1b[2J", "a\nb", "x" * 201]),
    ("log", ["", "file", "Syslog"]),
    ("who", ["", "%", "!", "!!bob", "bob*", "%%sudo", "!bob", "!%staff !*", "a%b", "* " * 257]),
    ("who", ["* lock = 5/1h", "a=b"]),
    ("skip_from", ["10.1.2.3/16", "10.0.0.0/8,10.1.0.0/16", "web.example.org", "10.0.0.0/33"]),
    ("skip_from", ["10.0.0.0/255.0.0.0", "fe80::1%eth0", "::ffff:10.0.0.0/104", "10", "/8"]),
    ("skip_from", ["10.0.0.0/", "10.0.0.0/8/8", "\u0661.1.1.1", "010.0.0.1", "10.0.0.0/\u0668"]),
    ("skip_from", [" ".join(["192.0.2.7"] * 65)]),
    ("lock", ["", "5", "0/1h", "21/1h", "5/8d", "5/", "5/Admin", "/1h", "admin", "on", "5/1h/1h"]),
    ("session", ["", "on", "idle=1h", "8d", "1h idle=2h", "1h idle=", "1h idle=0s", "1h 1h"]),
    ("session", ["1h logins=10001", "1h logins=-1", "1h from=all", "1h from", "1h Idle=1m"]),
    ("session", ["1h idle=1m idle=2m", "off idle=1h", "1h,idle=1m", "0s", "1h timeout=2h"]),
    ("logout", ["", "on", "Yes", "1"]),
]
SETUP_GOOD = [
    ("file", "~/.otpauth", "~/.otpauth"),
    ("file", "~/.config/otpauth", "~/.config/otpauth"),
    ("changes", "trust", "trust"),
    ("totp", "SHA512 8 60s", ("SHA512", 8, 60)),
    ("issuer", "{host}", "{host}"),
    ("account", "{user}@example", "{user}@example"),
    ("scratch", "0", 0),
]
SETUP_BAD = [
    ("file", ["", "/etc/x", "~", "~/", "~bob/x", ".otpauth", "~/../x", "~/a/../b", "~//x", "~/\0"]),
    ("changes", ["", "none", "confirm "]),
    ("totp", ["", "SHA1 6", "MD5 6 30s", "SHA1 5 30s", "SHA1 9 30s", "SHA1 6 4s", "SHA1 6 301s"]),
    ("issuer", ["", "{hosts}", "a:b", "{", "x" * 65, "\x1b"]),
    ("scratch", ["21", "-1", "ten"]),
]


@pytest.mark.parametrize(("key", "text", "value"), GOOD)
def test_rule(key: str, text: str, value: object) -> None:
    """A key of the rule reads what the page says."""
    assert RULE_KEYS[key](text) == value
    assert type(RULE_KEYS[key](text)) is type(value)


@pytest.mark.parametrize(("key", "text", "value"), SETUP_GOOD)
def test_setup(key: str, text: str, value: object) -> None:
    """A key of [setup] reads what the page says."""
    assert SETUP_KEYS[key](text) == value


@pytest.mark.parametrize(
    ("table", "key", "text"),
    [(RULE_KEYS, key, text) for key, texts in BAD for text in texts]
    + [(SETUP_KEYS, key, text) for key, texts in SETUP_BAD for text in texts],
)
def test_bad(table: dict[str, object], key: str, text: str) -> None:
    """Anything else is a ConfigError."""
    read = table[key]
    assert callable(read)
    with pytest.raises(ConfigError):
        read(text)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(RULE_KEYS)), st.text(max_size=20))
def test_any_value(key: str, text: str) -> None:
    """Any text is a value or a ConfigError."""
    with contextlib.suppress(ConfigError):
        RULE_KEYS[key](text)


def test_all_keys_are_fields() -> None:
    """Each key sets a field; the others are set by the stack, by wishes, or by where it is."""
    others = {"after_password", "before_password", "wished_window", "wished_limit"}
    others |= {*groups.CLIENT_KEYS, "group", "names", "family"}
    assert set(RULE_KEYS) == set(Rule._fields) - others
    assert set(SETUP_KEYS) == set(policy.Setup._fields)


SPELT = {
    "nullok": ["yes", "no", "until 2027-01-31"],
    "rate_limit": ["5/90s", "3/1m"],
    "resync": ["no", "12h"],
    "grace": ["off", "90d"],
    "who": ["* !deploy %sudo"],
    "skip_from": ["", "10.1.0.0/16 ::1"],
    "lock": ["off", "5/1h", "5/admin"],
    "session": ["off", "10h logins=10", "10h idle=90s logins=0 from=any"],
    "logout": ["yes", "no"],
}


@pytest.mark.parametrize(
    ("key", "text"), [(k, each) for k, texts in SPELT.items() for each in texts]
)
def test_shown_as_written(key: str, text: str) -> None:
    """`config` shows a value as it would be written."""
    found = policy.Policy(login=Rule()._replace(**{key: RULE_KEYS[key](text)}))
    assert (f"login.{key}", text, "default") in policies.rows(found)


def test_defaults() -> None:
    """The defaults are those of the design: nobody passes without a code, 3 in 30 s, 3 steps."""
    rule = Rule()
    assert (rule.nullok, rule.window, rule.rate_limit, rule.resync) == (0, 3, (3, 30), 600)
    assert not rule.after_password
    assert (rule.who, rule.skip_from, rule.lock, rule.session.timeout) == (("*",), (), (0, 0), 0)
    assert (policy.Setup().changes, policy.Setup().totp) == ("confirm", ("SHA1", 6, 30))


# PAM words


def test_arguments() -> None:
    """Flags and key=value change the rule, the last one counts."""
    words = ["nullok", "after_password", "window=5", "prompt=Your code: ", "window=4"]
    rule = arguments.read(Rule(), words).rule
    assert (rule.nullok, rule.after_password, rule.window) == (policy.ALWAYS, True, 4)
    assert rule.prompt == "Your code: "
    assert arguments.read(Rule(nullok=policy.ALWAYS), ["nullok=no"]).rule.nullok == policy.NEVER
    assert arguments.read(Rule(), []).rule == Rule()


@pytest.mark.parametrize(
    "word",
    ["", "Nullok", "nullok=", "after_password=yes", "windw=3", "window", "window=", "=3", "debugg"],
)
def test_unknown_argument(word: str) -> None:
    """An unknown word, or a key with a value that is none, is an error that names the key."""
    with pytest.raises(ConfigError) as caught:
        arguments.read(Rule(), ["nullok", word])
    assert repr(word.partition("=")[0]) in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=3))
def test_any_arguments(words: list[str]) -> None:
    """Any words give a rule or a ConfigError."""
    with contextlib.suppress(ConfigError):
        arguments.read(Rule(), words)
