"""Channels: what a section may say, and what its values become."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpauth import channels, config
from otpauth.errors import ConfigError

if TYPE_CHECKING:
    from otpauth.channels import Channel

MAIL = "[channel mail]\ntype = sendmail\nfor = *\nto = {user}@example.org\n"
SMS = "[channel sms]\ntype = http\nfor = %a !b c\nto = map:/etc/phones\nurl = https://x.org/{to}\n"
SMTP = "[channel mail]\ntype = smtp\nfor = *\nto = a@example.org\nsender = b@example.org\n"
COMMAND = "[channel push]\ntype = command\nfor = *\nto = {user}\nrun_as = daemon\n"


def read(text: str) -> Channel:
    """Return the one channel of a configuration."""
    (channel,) = config.parse(text, path="otpauth.conf").channels.values()
    return channel


def test_whole() -> None:
    """A section sets what it says, over several lines where they are indented."""
    found = read(
        f"# comment\n{SMS}basic = {{secret.sid}}:{{secret.token}}\nexpect = 201 202\n"
        "form =\n    From = +15550100\n    To = {to}\n    Body = {text}\n"
        "text = {code} is it\n  until {until}\nlifetime = 2m\nper_user = 3/10m\ndigits = 8\n"
    )
    assert (found.name, found.type, found.line) == ("sms", "http", "otpauth.conf:2")
    assert found.who == ("%a", "!b", "c")
    assert found.fields == (("From", "+15550100"), ("To", "{to}"), ("Body", "{text}"))
    assert found.text == "{code} is it\nuntil {until}"
    assert (found.expect, found.lifetime, found.per_user) == ((201, 202), 120, (3, 600))
    assert (found.digits, found.secrets()) == (8, {"sid", "token"})


BROKEN = {
    "no_type": ("[channel mail]\nfor = *\nto = a@b.org\n", 1, "type"),
    "unknown_key": (f"{MAIL}lifetme = 5m\n", 5, "lifetme"),
    "unknown_channel": (MAIL.replace("mail]", "pager]"), 1, "pager"),
    "key_of_another_type": (f"{MAIL}url = https://example.org/\n", 5, "url"),
    "no_for": (MAIL.replace("for = *\n", ""), 1, "for"),
    "no_to": (MAIL.replace("to = {user}@example.org\n", ""), 1, "to"),
    "no_url": (SMS.replace("url = https://x.org/{to}\n", ""), 1, "url"),
    "too_long": (f"{MAIL}lifetime = 16m\n", 5, "lifetime"),
    "too_short": (f"{MAIL}lifetime = 59s\n", 5, "lifetime"),
    "many_for_a_user": (f"{MAIL}per_user = 13/1h\n", 5, "per_user"),
    "unknown_value": (f"{MAIL}text = {{code}} {{password}}\n", 5, "password"),
    "text_without_code": (f"{MAIL}text = hello\n", 5, "code"),
    "form_without_code": (f"{SMS}form =\n  To = {{to}}\n", 6, "code"),
    "form_and_json": (f"{SMS}form =\n  a = {{text}}\njson =\n  b = {{text}}\n", 8, "exclude"),
    "form_no_pairs": (f"{SMS}form = x\n", 6, "form"),
    "http_in_clear": (SMS.replace("https", "http"), 5, "url"),
    "password_in_clear": (f"{SMTP}host = mx.org\npassword = hunter2\n", 7, "read it here"),
    "user_alone": (f"{SMTP}host = mx.org\nuser = otp\n", 7, "password"),
    "sendmail_with_to": (f"{MAIL}command = /bin/sendmail {{to}}\n", 5, "behind"),
    "tls_none_far": (f"{SMTP}host = mx.org\ntls = none\n", 7, "tls"),
    "secret_in_a_text": (f"{MAIL}text = {{code}} {{secret.sid}}\n", 5, "secret"),
    "secret_in_argv": (f"{COMMAND}command = /bin/x {{secret.a}}\n", 6, "ps"),
    "command_relative": (f"{COMMAND}command = x\n", 6, "path"),
    "command_as_root": (COMMAND.replace("daemon", "root"), 5, "run_as"),
    "sms_by_mail": (MAIL.replace("channel mail", "channel sms"), 2, "brings mail"),
    "gecos": (MAIL.replace("{user}@example.org", "gecos:shoe"), 4, "shoe"),
    "own": (f"{MAIL}own = maybe\n", 5, "maybe"),
    "own_sms_at_any_price": (f"{SMS}own = yes\n", 6, "price"),
    "prefixes_of_mail": (f"{MAIL}sms_prefixes = +49\n", 5, "sms"),
    "prefixes_empty": (f"{SMS}sms_prefixes =\n", 6, "sms_prefixes"),
    "prefixes_words": (f"{SMS}sms_prefixes = +49 germany\n", 6, "germany"),
    "own_with_to_alone": (f"{MAIL}own = yes\n".replace("for = *\n", ""), 1, "for"),
    "sender": (f"{MAIL}sender = a b@example.org\n", 5, "sender"),
}


def test_own() -> None:
    """Where users may have addresses of their own, nobody else need be named; the default is no."""
    found = read("[channel push]\ntype = http\nurl = https://example.org/{to}\nown = yes\n")
    assert (found.own, found.who, found.to) == (True, (), "")
    assert not read(MAIL).own
    assert read(f"{MAIL}own = yes\n").who == ("*",)
    assert read(f"{SMS}own = yes\nsms_prefixes = +49 +43\n").sms_prefixes == ("+49", "+43")


def test_a_map_names_its_users() -> None:
    """Where addresses come from a map, `for` need not be said: it is everybody who is in it."""
    assert read(SMS.replace("for = %a !b c\n", "")).who == ("*",)
    assert read(SMS).who == ("%a", "!b", "c")


def test_prefixes() -> None:
    """A number must begin with one of the prefixes, once it is spelt as it will be dialled."""
    channel = read(f"{SMS}sms_prefixes = +49 0151\n")
    assert channels.admitted(channel, "+49 (151) 23") == "+4915123"
    assert channels.admitted(channel, "0151-2345") == "01512345"
    for text in ("+43151", "0049151", "49151234", "+1 900 49"):
        with pytest.raises(ConfigError):
            channels.admitted(channel, text)
    home = read(f"{SMS}sms_prefixes = 0 0043\n")
    assert channels.admitted(home, "0151-2345") == "01512345"
    assert channels.admitted(home, "0043 1234") == "00431234"
    for text in ("00 1 900 1234", "(0)0-44 1234"):
        with pytest.raises(ConfigError):
            channels.admitted(home, text)


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str) -> None:
    """A section with one defect is an error with file, line and fault."""
    text, line, word = BROKEN[name]
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert str(caught.value).startswith(f"otpauth.conf:{line}: ")
    assert word in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    "address",
    ["a@b", "first.last+tag@mail.example.org", "o'neil@example.org", "x" * 64 + "@example.org"],
)
def test_mail_addresses(address: str) -> None:
    """Addresses as people have them are taken as they are."""
    assert channels.address("mail", address) == address


@pytest.mark.parametrize(
    "address",
    [
        "", "a", "@b", "a@", "a b@c", "a@b c", "a@b\nBcc: c@d", "-oQ@example.org", "a@b,c@d",
        "<a@b>", "a@b>", '"a"@b', "a@b;c@d", "a@-b", "a..b@c", "a@b.", "ä@example.org",
        "a@" + "b" * 254, "=?utf-8?q?=0A?=@b", "=?a?q?c=40d=2C?=@b", "a=?utf-8?q?c?=@b",
    ],
)  # fmt: skip
def test_no_mail_addresses(address: str) -> None:
    """What could be two addresses, a header or an option of sendmail is none."""
    with pytest.raises(ConfigError):
        channels.address("mail", address)


def test_long_addresses() -> None:
    """An address is judged at once, however long it is and wherever it breaks."""
    for text in ("a@" + "a" * 200 + "!", "a." * 120 + "@b", "a@" + "a-" * 100, "a@" + "a." * 100):
        since = time.monotonic()
        with pytest.raises(ConfigError):
            channels.address("mail", text)
        assert time.monotonic() - since < 1


def test_numbers() -> None:
    """A telephone number loses what people write between its digits; others are refused."""
    assert channels.address("sms", "+49 (30) 12-34.56/7") == "+49301234567"
    for text in ("", "+", "123", "12345x", "+1" * 9, "1" * 16, "٣٤٥٦٧", "--help"):
        with pytest.raises(ConfigError):
            channels.address("sms", text)


@given(st.sampled_from(["mail", "sms", "push"]), st.text(max_size=40))
def test_any_address(kind: str, text: str) -> None:
    """Any text is an address without blanks, brackets and controls, or refused."""
    with contextlib.suppress(ConfigError):
        found = channels.address(kind, text)
        assert found.isascii()
        assert found.isprintable()
        assert " " not in found
        assert not found.startswith("-")


@pytest.mark.parametrize("text", ["", "a b", "-x", "a\nb", "ä", ".", "..", "x" * 129])
def test_no_push_addresses(text: str) -> None:
    """What would be an option, a header or another folder of a URL is no address for push."""
    with pytest.raises(ConfigError):
        channels.address("push", text)


def test_veiled() -> None:
    """Of an address so much is shown that its owner knows it."""
    assert channels.veiled("mail", "bob@example.org") == "b…@example.org"
    assert channels.veiled("sms", "+49301234567") == "…67"
    assert channels.veiled("push", "abc") == "…"


def test_sources() -> None:
    """GECOS fields and lines of a map are found by name, and nothing is found for others."""
    assert channels.gecos("Bob Bee,Room 5, +1 555 0100,,x", "work") == "+1 555 0100"
    assert channels.gecos("Bob", "home") == ""
    phones = "# people\nbob: +15550100\nbobby:+15550101\nbob: +666\nnobody\n"
    assert channels.mapped(phones, "bob") == "+15550100"
    assert channels.mapped(phones, "bobby") == "+15550101"
    assert channels.mapped(phones, "nobody") == channels.mapped(phones, "bo") == ""


def test_filled() -> None:
    """Values are written once: what looks like a place inside of a value stays as it is."""
    values = {"a": "{b}", "b": "secret"}
    assert channels.filled("{a} {b} {c} {}", values) == "{b} secret {c} {}"
    assert channels.filled("{b}", values, str.upper) == "SECRET"


@pytest.mark.parametrize("text", ["a", "= b", "a b = c", "a = b\na = c", "a = \x01"])
def test_broken_secrets(text: str) -> None:
    """A secrets file with a defect is an error that names the line and no value."""
    with pytest.raises(ConfigError) as caught:
        channels.secrets(f"# head\n{text}\n", path="/etc/otpauth/secrets")
    assert str(caught.value).startswith("/etc/otpauth/secrets:")
    assert "c" not in str(caught.value).partition(": ")[2].replace("secret", "").split()


def test_secrets() -> None:
    """A value keeps all its signs but the blanks around it."""
    found = channels.secrets("sid = AC1\n\n# x\ntoken = a=b#c \n", path="secrets")
    assert found == {"sid": "AC1", "token": "a=b#c"}
