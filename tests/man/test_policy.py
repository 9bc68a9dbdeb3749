"""otpauth.conf(5) and the arguments in pam_otpauth(8) hold the keys that the code reads."""

from __future__ import annotations

import re

import pytest

from otpauth import arguments, channels, channeltext, config, groups, networks, policy, token
from otpauth.cli import policies
from otpauth.errors import ConfigError
from tests.man import pages

PAGE = "otpauth.conf.5"
SECTIONS = {"setup": policy.SETUP_KEYS, "login": policy.RULE_KEYS}
KEYS = [(section, key) for section, table in SECTIONS.items() for key in table]
every_key = pytest.mark.parametrize(("section", "key"), KEYS)
NUMBERS = {
    "scratch": "{}",
    "warn_below": "{}",
    "list_warn_below": "{}",
    "window": "{}",
    "rate_limit": "{}/30s",
    "lock": "{}/1h",
    "session": "1h logins={}",
}
LENGTHS = ("account", "prompt")


def test_channel_keys() -> None:
    """Every key of a channel is in the page, in order of the alphabet, with what it is without."""
    text = pages.subsection(PAGE, "[channel NAME]")
    assert pages.items(text, "Cm") == sorted(channeltext.KEYS)
    usual = channels.Channel("mail", "")
    for key in channeltext.KEYS:
        told = re.search(r"Default:\n\.Li (.*) \.$", _item("channel NAME", key), re.MULTILINE)
        if told:
            assert channeltext.KEYS[key](told[1]) == {key: getattr(usual, key)}, key
    for key, (low, high) in {
        "lifetime": ("60s", "900s"),
        "digits": ("6", "8"),
        "timeout": ("2s", "30s"),
        "per_user": ("1", "12"),
        "per_host": ("1", "100000"),
    }.items():
        assert re.search(rf"{low} to\s+{high}", _item("channel NAME", key))
        rate = "/1h" if key.startswith("per_") else ""
        channeltext.KEYS[key](low + rate)
        channeltext.KEYS[key](high + rate)
        number = int(re.sub("[a-z]", "", high)) + 1
        with pytest.raises(ConfigError):
            channeltext.KEYS[key](high.replace(str(number - 1), str(number)) + rate)


def test_channel_values() -> None:
    """The names that stand for something are those in the page, and so are types and fields."""
    text = pages.subsection(PAGE, "[channel NAME]")
    head = text.partition(".Bl")[0]
    assert set(re.findall(r"\{(\w+)\}", head)) == set(channels.VALUES)
    assert f"Cm {' | '.join(channels.TYPES)}\n" in text
    assert all(each in _item("channel NAME", "to") for each in channels.GECOS)
    assert f"Cm {' | '.join(channels.TLS)}\n" in text


@pytest.mark.parametrize("section", SECTIONS)
def test_keys(section: str) -> None:
    """Every key of a section is in the page, in order of the alphabet, and no other is."""
    described = pages.items(pages.subsection(PAGE, f"[{section}]"), "Cm")
    assert described == sorted(SECTIONS[section])


@every_key
def test_defaults(section: str, key: str) -> None:
    """The default that the page gives is the one in force without a file."""
    told = re.search(
        r"(?:Default:|is the default:)\n\.Li (.*) \.$", _item(section, key), re.MULTILINE
    )
    nothing = "Without a value, as by default:" in _item(section, key)
    assert told or nothing, "no default"
    value = told[1] if told else ""
    in_force = {name: value for name, value, _ in policies.rows(policy.Policy())}
    assert value == in_force[f"{section}.{key}"]
    assert SECTIONS[section][key](value) == getattr(_blank(section), key)


@every_key
def test_choices(section: str, key: str) -> None:
    """The words that the page offers are read, and kinds are all the kinds there are."""
    line = _item(section, key).partition("\n")[0]
    words = re.findall(r"[a-z0-9*]+", line.partition("No = Cm ")[2].partition(" Ar ")[0])
    for word in words:
        SECTIONS[section][key](word)
    if key == "changes":
        assert tuple(words) == policy.CHANGES
    if key == "log":
        assert tuple(words) == policy.LOGS
    if key == "kinds" and section == "setup":
        assert re.findall(r"^\.Li (\w+) [,.]$", _item(section, key), re.MULTILINE) == list(
            token.KINDS
        )


@every_key
def test_ranges(section: str, key: str) -> None:
    """A range in the page is that of the key: its ends are read, what lies beyond is refused."""
    found = re.search(r"(\d+) to (\d+)", _item(section, key))
    assert bool(found) == (key in NUMBERS or key in LENGTHS)
    if not found:
        return
    low, high = int(found[1]), int(found[2])
    read = SECTIONS[section][key]
    for number, good in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        value = "x" * max(number, 0) if key in LENGTHS else NUMBERS[key].format(number)
        if good:
            read(value)
        else:
            with pytest.raises(ConfigError):
                read(value)


@pytest.mark.parametrize(
    ("title", "table", "blank"),
    [
        ("group", groups.GROUP_KEYS, groups.Group("")),
        ("service", groups.SERVICE_KEYS, policy.Rule()),
    ],
)
def test_own_keys(title: str, table: dict[str, object], blank: object) -> None:
    """What a group and a service have besides the keys of [login] is in the page, as it is read."""
    text = pages.subsection(PAGE, f"[{title} NAME]")
    own = sorted(set(table) - set(policy.RULE_KEYS))
    assert pages.items(text, "Cm") == own
    for key in own:
        told = re.search(r"Default:\n\.Li (.*) \.$", _item(f"{title} NAME", key), re.MULTILINE)
        read = table[key]
        assert callable(read)
        assert not told or read(told[1]) == getattr(blank, key)
        for word in re.findall(
            r"No = Cm (\w+) \| (\w+)$", _item(f"{title} NAME", key).splitlines()[0]
        ):
            assert [read(each) for each in word]


def test_bounds_of_groups() -> None:
    """The bounds that the page names are those of the code."""
    for title in ("group", "service"):
        head = pages.subsection(PAGE, f"[{title} NAME]").partition(".Bl")[0]
        assert f"up to {groups.MOST}" in " ".join(head.split())
    for section, key in (("login", "skip_from"), ("service NAME", "from")):
        assert f"{networks.MOST} at most" in _item(section, key)
    assert f"{policy.WHO_MAX} words at most" in _item("login", "who")
    assert f"{config.SIZE_MAX // 1024} KiB long at most" in pages.source(PAGE)
    assert "1 to 32 letters" in pages.source(PAGE)
    groups.name("x" * 32)
    with pytest.raises(ConfigError):
        groups.name("x" * 33)
    for key, bound in (("lock", "1/{}"), ("session", "{}")):
        assert "up to 7d" in " ".join(_item("login", key).split())
        policy.RULE_KEYS[key](bound.format("7d"))
        with pytest.raises(ConfigError):
            policy.RULE_KEYS[key](bound.format("8d"))


def test_resync_bound() -> None:
    """The longest resync is the one that the page names."""
    assert "up to 12h" in _item("login", "resync")
    assert policy.RULE_KEYS["resync"]("12h") == policy.RESYNC_MAX
    with pytest.raises(ConfigError):
        policy.RULE_KEYS["resync"]("13h")


@pytest.mark.parametrize("name", pages.examples(PAGE))
def test_examples(name: str) -> None:
    """Each example of the page is a file that is read."""
    read = config.parse(pages.examples(PAGE)[name], path=name)
    assert read.places or read.channels


def test_example_strict() -> None:
    """The first example means what its sentence says."""
    found = config.parse(pages.examples(PAGE)["strict"], path="strict")
    assert (found.setup.changes, found.setup.totp) == ("admin", ("SHA256", 8, 30))
    assert (found.login.window, found.login.rate_limit, found.login.resync) == (5, (5, 60), 3600)


def test_example_groups() -> None:
    """The example of groups means what its sentence says."""
    found = config.parse(pages.examples(PAGE)["groups"], path="groups")
    webmail = policy.effective(found, "roundcube", "192.0.2.10")
    imap = policy.effective(found, "dovecot", "192.0.2.99")
    assert (webmail.group, [name for name, _ in webmail.family]) == ("mail", ["imap"])
    assert (imap.group, [name for name, _ in imap.family]) == ("imap", ["mail"])
    assert webmail.session.timeout == imap.session.timeout == 10 * 3600
    assert policy.effective(found, "su", "").who == ("%sudo", "!deploy")


def test_arguments() -> None:
    """The words that pam_otpauth(8) lists are all that a PAM line may have."""
    text = pages.section("pam_otpauth.8", "OPTIONS")
    words = re.findall(r"^\.It Cm (\S+)( Ns = Ns)?", text, re.MULTILINE)
    flags = [word for word, value in words if not value]
    assert sorted(flags) == sorted([*arguments.RULE_FLAGS, *arguments.FLAGS])
    values = [*arguments.VALUES, "grace_period"]
    assert sorted(word for word, value in words if value) == sorted(values)
    keys = re.findall(r"^\.Cm (\w+)= [,.]$", text, re.MULTILINE)
    assert sorted(keys) == sorted(policy.RULE_KEYS)
    changed = arguments.read(policy.Rule(), [*arguments.RULE_FLAGS]).rule
    elsewhere = {"wished_window", "wished_limit", "group", "names", "family", *groups.CLIENT_KEYS}
    only_here = set(policy.Rule._fields) - set(policy.RULE_KEYS) - elsewhere
    assert all(getattr(changed, each) for each in only_here), "a word of the rule that no page has"


def _blank(section: str) -> policy.Setup | policy.Rule:
    return policy.Setup() if section == "setup" else policy.Rule()


def _item(section: str, key: str) -> str:
    text = pages.subsection(PAGE, f"[{section}]")
    found = re.search(rf"^\.It Cm {key} (.*?)(?=^\.It |^\.El)", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]
