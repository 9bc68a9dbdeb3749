"""otpauth.conf: strict, and every error with its line."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import config, groups, policy
from otpauth.errors import ConfigError
from otpauth.groups import Group, Service
from tests import samples

if TYPE_CHECKING:
    from collections.abc import Callable

LOGIN = 0.2  # seconds; on a slow host a login takes more
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

[group mail]
children = imap
session = 1h idle=5m

[group imap]

[service imap]
pam = dovecot
from = 10.0.0.0/8
group = imap
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
    "no_name": ("[group]\n", 1, "unknown section [group]"),
    "empty_name": ("[group ]\n", 1, "unknown section"),
    "blank_in_a_name": ("[service a b]\n", 1, "'a b' is not a name"),
    "long_name": (f"[group {'x' * 33}]\n", 1, "is not a name"),
    "no_such_group": ("[group imap]\n[service imap]\ngroup = imapp\n", 3, "[group imapp]"),
    "no_such_child": ("[group a]\nwindow = 3\nchildren = b\n", 3, "[group b]"),
    "no_such_session_child": ("[group a]\nsession_children = b\n", 2, "[group b]"),
    "child_twice": ("[group a]\nchildren = b b\n[group b]\n", 2, "twice"),
    "own_child": ("[group a]\nchildren = a\n", 2, "a -> a"),
    "cycle": (
        "[group x]\nchildren=a\n[group a]\nchildren=b c\n[group b]\n[group c]\nchildren=a x\n",
        4,
        "a -> c -> a",
    ),
    "own_session_child": ("[group a]\nsession_children = a\n", 2, "a itself"),
    "master_of_nothing": ("[group a]\nsession_master = yes\n", 2, "needs session_children"),
    "master_perhaps": ("[group a]\nsession_master = maybe\n", 2, "maybe"),
    "same_service": ("[service a]\npam = x y\n[service b]\npam = z y\n", 4, "'y'"),
    "same_service_with_from": ("[service a]\n[service b]\npam = A\nfrom = ::1\n", 3, "[service a]"),
    "host_bits": ("[service a]\nfrom = 10.1.2.3/16\n", 2, "10.1.2.3/16"),
    "no_from": ("[service a]\nfrom =\n", 2, "from"),
    "secret_in_the_clear": ("[service a]\nclient_secret = hunter2\n", 2, "everybody"),
    "secret_and_more": ("[service a]\nclient_secret = {secret.a}b\n", 2, "everybody"),
    "trust_alone": ("[service a]\ntrust = md5\n", 2, "client_secret"),
    "key_of_a_service": ("[group a]\npam = x\n", 2, "pam"),
    "key_of_setup": ("[group a]\nissuer = x\n", 2, "issuer"),
    "key_of_a_group": ("[service a]\nchildren = x\n", 2, "children"),
    "bad_value_far_down": ("[login]\n[service a]\n[service b]\nwindow = 99\n", 4, "window"),
    "good_value_of_another_key": ("[login]\nwindow = 3\nlog = 3\n", 3, "log"),
    "many_groups": ("".join(f"[group g{n}]\n" for n in range(257)), 257, "256"),
    "many_services": ("".join(f"[service s{n}]\n" for n in range(257)), 257, "256"),
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
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("head", ["[login] nullok = yes", "[login]x", "[login]]"])
def test_text_behind_a_section(head: str) -> None:
    """What stands behind a section's bracket is not passed over."""
    with pytest.raises(ConfigError):
        parse(f"{head}\nwindow = 3\n")


HINTS = {
    "[login]\nrate_limits = 3/30s\n": "rate_limit ?",
    "[grup a]\n": "group NAME ?",
    "[Service a]\n": "service NAME ?",
    "[group mail]\ntime_out = 1h\n": "session = 10h idle=1h ?",
    "[group mail]\nmax_fail = 5\n": "lock = 5/1h ?",
    "[group mail]\naddresses = 192.0.2.10\n": "known: ",
    "[setup]\nmax_fail = 5\n": "known: ",
    "[group mail]\nfrom = 192.0.2.10\n": "it belongs into [service NAME]",
    "[service a]\nchildren = b\n": "it belongs into [group NAME]",
    "[group a]\nsession = yes\n": "off, or like 10h",
    "[group a]\nsession = idle=1h\n": "off, or like 10h",
    "[setup]\nwindow = 5\n": "it belongs into [login]",
    "[login]\nchanges = admin\n": "it belongs into [setup]",
    "[group imap]\n[service a]\ngroup = imapp\n": "imap ?",
    "[service a]\ngroup = a\n": "known: none",
    "[service a]\nfrom = 10.1.2.3/16\n": "10.1.0.0/16, or 10.1.2.3",
    "[service a]\nclient_secret = hunter2\n": "{secret.NAME} of letters",
    "[login]\nwho = !bob\n": "* !bob",
    "[login]\nwho = *\n  lock = 5/1h\n": "* or names, %groups, !not",
}


@pytest.mark.parametrize("text", HINTS)
def test_hints(text: str) -> None:
    """A word that is nearly right is asked back, and what is wrong is told with what mends it."""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert caught.value.hint.startswith(HINTS[text])


@pytest.mark.parametrize("mend", sorted(set(config.ELSEWHERE.values())))
def test_what_is_said_elsewhere(mend: str) -> None:
    """What is offered for a key of other software is read."""
    key, _, value = mend.partition(" = ")
    table = groups.GROUP_KEYS | groups.SERVICE_KEYS
    table[key](value.replace("NAME", "web"))


def test_groups_and_services() -> None:
    """Groups and services hold what they say, and places where."""
    read = parse(
        "[group mail]\nchildren = imap\nsession_children = imap\nsession_master = yes\n"
        "lock = 5/1h\n[group imap]\n[service webmail]\npam = Roundcube\n  squirrel\n"
        "from = 192.0.2.10 ::1\ngroup = mail\nclient_secret = {secret.web_1}\ntrust = md5\n"
        "prompt = 100% #1\n[service SMTP]\n"
    )
    assert read.groups["mail"] == Group(
        "mail", ("imap",), ("imap",), session_master=True, keys={"lock": (5, 3600)}
    )
    webmail, smtp = read.services
    assert webmail == Service(
        "webmail",
        ("roundcube", "squirrel"),
        ("192.0.2.10", "::1"),
        "mail",
        {"client_secret": "web_1", "trust": "md5", "prompt": "100% #1 "},
    )
    assert smtp == Service("SMTP", ("smtp",))
    assert (read.places["group mail.lock"], read.places["service SMTP"]) == (
        "otpauth.conf:5",
        "otpauth.conf:15",
    )


def test_the_example_that_is_shipped() -> None:
    """It is read; up to its examples it has every key and sets none to anything but its default."""
    text = (Path(__file__).parent.parent / "pam/examples/otpauth.conf").read_text(encoding="utf-8")
    head = parse(text.partition("# ---- everything below")[0])
    assert head[:2] == (policy.Setup(), policy.Rule())
    keys = {f"{section}.{key}" for section, table in config.SECTIONS.items() for key in table}
    assert set(head.places) == keys | set(config.SECTIONS)
    whole = parse(text)
    webmail = policy.effective(whole, "roundcube", "192.0.2.10")
    assert (webmail.group, webmail.client_secret) == ("mail", "roundcube")
    assert {name for name, _ in webmail.family} == {"imap", "smtp"}
    assert {"imap", "mail", "dovecot"} == set(policy.effective(whole, "dovecot", "").names)
    assert policy.effective(whole, "roundcube", "192.0.2.11").group == ""
    assert policy.effective(whole, "su", "").skip_from == ("10.1.0.0/16", "fd00:1::/32")


def test_as_many_as_there_may_be() -> None:
    """As many groups and services as the bound are read."""
    text = "".join(f"[group n{n}]\n[service n{n}]\n" for n in range(groups.MOST))
    assert len(parse(text).services) == len(parse(text).groups) == groups.MOST


def filled(line: Callable[[int], str], head: str = "") -> str:
    """Return a file as large as it may be, of a head and lines by their numbers."""
    lines = "".join(line(number) for number in range(config.SIZE_MAX // len(line(0))))
    return (head + lines)[: config.SIZE_MAX].rpartition("\n")[0] + "\n"


LARGE = {
    "sections": filled(lambda n: f"[x{n}]\n"),
    "keys": filled(lambda n: f"k{n}=\n", "[login]\n"),
    "one_value": filled(lambda _: " y\n", "[login]\nprompt = x\n"),
    "names": filled(lambda n: f" s{n}\n", "[service s]\npam =\n"),
    "who": filled(lambda _: " %a\n", "[login]\nwho =\n"),
    "empty_lines": "\n" * config.SIZE_MAX,
    "children": "".join(
        f"[group {n}]\n" + (f"children = {' '.join(map(str, range(n)))}\n" if n else "")
        for n in range(190)
    ),
    "networks": "".join(
        f"[service s{n}]\nfrom = {' '.join(f'fd00:{n:x}:{k:x}::/48' for k in range(13))}\n"
        for n in range(256)
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_file_costs_a_login_little(name: str) -> None:
    """Whatever a file of 64 KiB says, it is read, or refused, in less time than a login takes."""
    text = LARGE[name]
    assert 55_000 < len(text) <= config.SIZE_MAX
    times = []
    for _ in range(3):
        since = time.process_time()
        with contextlib.suppress(ConfigError):
            policy.effective(parse(text), "s1", "fd00:1::1")
        times.append(time.process_time() - since)
    assert min(times) < LOGIN


@settings(max_examples=400, deadline=None)
@given(
    st.text(max_size=60)
    | samples.mutations(WHOLE.encode()).map(lambda data: data.decode("latin-1"))
)
def test_any_text(text: str) -> None:
    """Any text gives a policy or a ConfigError."""
    with contextlib.suppress(ConfigError):
        assert isinstance(parse(text), policy.Policy)
