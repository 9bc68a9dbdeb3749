"""Tables of tokens: ours and multiOTP's; and OpenBSD's .totp-key."""

from __future__ import annotations

import pytest

from otpauth import formats
from otpauth.formats import FormatError, Imported

KEY = b"12345678901234567890".hex()
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def read(*lines: str, user: str = "", only: str = "") -> tuple[Imported, ...]:
    """Parse a table."""
    data = "\n".join(lines).encode()
    assert formats.detect(data) == "csv"
    return formats.parse(data, name="fob", format="csv", user=user, only=only)


@pytest.mark.parametrize("mark", [",", ";"])
def test_ours(mark: str) -> None:
    """Every column of ours is read; empty cells are the defaults; quotes and comments work."""
    lines = [
        "User,Secret,Kind,Algorithm,Digits,Period,Counter,Note,Name",
        f"alice,{BASE32},,,,,,,",
        "# spares",
        f'bob,{BASE32.lower()},HOTP,sha-512,8,,7,"blue one",pocket',
    ]
    one, two = read(*(line.replace(",", mark) for line in lines))
    assert (one.user, one.line, one.draft.name) == ("alice", 2, "fob")
    assert one.draft.params == {"secret": KEY, "algorithm": "SHA1", "digits": 6, "period": 30}
    assert (two.user, two.line, two.draft.name, two.draft.note) == ("bob", 4, "pocket", "blue one")
    assert two.draft.params == {"secret": KEY, "algorithm": "SHA512", "digits": 8}
    assert two.draft.seen == 7


def test_users() -> None:
    """Users are named, and each can be imported for himself past another's bad row."""
    lines = ["user,seed", f"alice,{KEY}", "bob,xyz", f"alice,{KEY}"]
    data = "\n".join(lines).encode()
    assert formats.users(data, format="csv") == ("alice", "bob")
    assert [item.draft.name for item in read(*lines, user="alice")] == ["fob", "fob-2"]
    with pytest.raises(FormatError, match="line 3"):
        read(*lines, user="bob")


@pytest.mark.parametrize(
    "header", [(), ("serial;manufacturer;algorithm;seed;digits;interval_or_event",)]
)
def test_multiotp(header: tuple[str, ...]) -> None:
    """A table of multiOTP is read with or without its header: interval or next counter."""
    one, two = read(*header, f"A1;Acme;TOTP;{KEY};6;60", f"A2;Acme;hotp;{KEY};8;7")
    assert one.draft.params == {"secret": KEY, "algorithm": "SHA1", "digits": 6, "period": 60}
    assert (one.draft.note, two.draft.note) == ("Acme:A1", "Acme:A2")
    assert (two.draft.seen, two.draft.params["digits"]) == (7, 8)
    chosen = read(*header, "A1;Acme;motp;0;6;10", f"A2;Acme;hotp;{KEY};8;7", only="a2")
    assert [item.draft.note for item in chosen] == ["Acme:A2"]


@pytest.mark.parametrize(
    "lines",
    [
        ("user,secret,colour", f"alice,{BASE32},red"),
        ("user,secret,user", f"alice,{BASE32},bob"),
        ("user,secret", f"alice,{BASE32},"),
        ("user,secret", "alice,"),
        ("user,secret,seed", f"alice,{BASE32},{KEY}"),
        ("user,secret", f'alice,"{BASE32}'),
        ("user,secret", f'alice,"{BASE32}"x'),
        ("user,secret,digits", f"alice,{BASE32},5"),
        ("user,secret,period", f"alice,{BASE32},4"),
        ("user,secret,kind", f"alice,{BASE32},motp"),
        ("user,secret,name", f"alice,{BASE32},a b"),
        ("user,secret,counter", f"alice,{BASE32},x"),
        ("user,secret",),
        (f"A1;Acme;motp;{KEY};6;10",),
        (f"A1;Acme;totp;{KEY};6;10;7", "secret;"),
        (f"A1;Acme;totp;{KEY};6;400",),
    ],
)
def test_refused(lines: tuple[str, ...]) -> None:
    """A table that is not understood is refused, and no secret is in the reason."""
    with pytest.raises(FormatError) as caught:
        formats.parse("\n".join(lines).encode(), name="fob", format="csv")
    assert BASE32[:9] not in str(caught.value)
    assert KEY[:9] not in str(caught.value)


@pytest.mark.parametrize("text", [KEY, f"{KEY}\n", KEY.upper(), f" {KEY}\r\n"])
def test_totp_key(text: str) -> None:
    """A .totp-key is recognised by name and content, and is TOTP of 30 s and 6 digits."""
    data = text.encode()
    assert formats.detect(data, "/home/alice/.totp-key") == "totp-key"
    assert formats.detect(data, "key") == "totp-key"
    (item,) = formats.parse(data, name="phone", format="totp-key")
    assert item.draft.params == {"secret": KEY, "algorithm": "SHA1", "digits": 6, "period": 30}


@pytest.mark.parametrize("text", ["xyz", KEY[:18], f"{KEY}\n{KEY}", f"{KEY}0", "00" * 129])
def test_totp_key_refused(text: str) -> None:
    """A .totp-key with anything else in it is refused."""
    with pytest.raises(FormatError):
        formats.parse(text.encode(), name="phone", format="totp-key")


def test_motp() -> None:
    """A mOTP token has its seed in hexadecimal, as its phone hashes it, and its PIN."""
    data = b"user,kind,seed,pin,note\nalice,motp,E3152AFEE62599C8,1234,blue\n"
    (item,) = formats.parse(data, name="old", format="csv")
    assert item.draft.params == {"secret": "e3152afee62599c8", "pin": "1234"}
    assert (item.user, item.draft.kind, item.draft.note) == ("alice", "motp", "blue")
    for bad in (b",1234", b"xyz,1234", b"e3152afee62599c8,", b"e3152afee62599c8,12"):
        with pytest.raises(FormatError, match="line 2"):
            formats.parse(b"kind,seed,pin\nmotp," + bad, name="old", format="csv")
