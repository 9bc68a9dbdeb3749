"""otpauth:// URIs, one a line, and what is written as one."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from otpauth import formats, token, uri
from otpauth.formats import FormatError, Imported
from tests import samples

FULL = (
    "otpauth://totp/ACME%20Co:john.doe@email.com?secret=HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ"
    "&issuer=ACME%20Co&algorithm=SHA1&digits=6&period=30"
)


def read(*lines: str, only: str = "") -> tuple[Imported, ...]:
    """Parse a file of these lines."""
    return formats.parse("\n".join(lines).encode(), name="phone", format="uris", only=only)


def test_example() -> None:
    """The example of the Key-Uri-Format is read whole, its label as the note."""
    (item,) = read(FULL)
    assert item.draft.params == {
        "secret": "3dc6caa4824a6d288767b2331e20b43166cb85d9",
        "algorithm": "SHA1",
        "digits": 6,
        "period": 30,
    }
    assert (item.draft.note, item.weak) == ("ACME Co:john.doe@email.com", False)


@pytest.mark.parametrize(
    "more",
    ["", "&image=http%3A%2F%2Fx", "&tags=a", "&algorithm=sha1", "&digits=", "&SECRET="],
)
def test_lenient(more: str) -> None:
    """Unknown and empty parameters mean nothing, nor do small letters, groups and padding."""
    (item,) = read(f"QR-Code:otpauth://TOTP/x?secret=hxdm%20vjec-jjws%20rb3h%3D%3D{more}\r")
    assert item.draft.params["secret"] == "3dc6caa4824a6d288767"
    assert item.weak


def test_issuers_differ() -> None:
    """Where two issuers are named, the label's counts."""
    (item,) = read("otpauth://totp/One%3A%20me?secret=HXDMVJECJJWSRB3H&issuer=Two")
    assert item.draft.note == "One:me"


@pytest.mark.parametrize("letter", ["a", "ä", "€", "🔑", "\x1b", "\u200b"])
def test_long_label(letter: str) -> None:
    """A label of any letters becomes a note that is printable and not too long."""
    (item,) = read(f"otpauth://totp/{quote(letter * 200)}?secret=HXDMVJECJJWSRB3H")
    assert token.check_note(item.draft.note) == item.draft.note
    assert 110 < len(item.draft.note.encode()) <= token.NOTE_MAX


def test_counter() -> None:
    """A counter comes along; a missing one is 0."""
    start = "otpauth://hotp/x?secret=HXDMVJECJJWSRB3H"
    assert [item.draft.seen for item in read(f"{start}&counter=7", start)] == [7, 0]


def test_several() -> None:
    """Several lines are several tokens, numbered; blank lines and comments are none."""
    items = read("# backup", "", FULL, "", f"{FULL}&x=y")
    assert [(item.draft.name, item.line) for item in items] == [("phone", 3), ("phone-2", 5)]


def test_only() -> None:
    """With a choice only entries whose label holds it are taken, and at least one must."""
    other = "otpauth://totp/web1:alice?secret=HXDMVJECJJWSRB3H"
    assert [item.line for item in read(FULL, other, only="WEB1")] == [2]
    with pytest.raises(FormatError, match="no token in the file for that"):
        read(FULL, other, only="web2")


@pytest.mark.parametrize(
    "line",
    [
        "otpauth://steam/x?secret=HXDMVJECJJWSRB3H",
        "otpauth://motp/x?secret=HXDMVJECJJWSRB3H",
        "otpauth://totp/x?secret=HXDMVJECJJWSRB3H&encoder=steam",
        "otpauth://totp/x",
        "otpauth://totp/x?secret=HXDMVJECJJWSRB3H&secret=HXDMVJECJJWSRB3H",
        "otpauth://totp/x?secret=HXDM",
        "otpauth://totp/x?secret=0189018901890189",
        "otpauth://totp/x?secret=HXDMVJECJJWSRB3H&algorithm=MD5",
        "otpauth://totp/x?secret=HXDMVJECJJWSRB3H&digits=5",
        "otpauth://totp/x?secret=HXDMVJECJJWSRB3H&period=0",
        "otpauth://totp/x?secret=HXDMVJECJJWSRB3H&period=301",
        "otpauth://hotp/x?secret=HXDMVJECJJWSRB3H&counter=-1",
        "otpauth://hotp/x?secret=HXDMVJECJJWSRB3H&counter=4294967296",
        "otpauth://[totp/x?secret=HXDMVJECJJWSRB3H",
        "https://totp/x?secret=HXDMVJECJJWSRB3H",
        "motp://SITE:USER?secret=abcdef0123456789",
    ],
)
def test_refused(line: str) -> None:
    """One URI that is not understood refuses all, with its line and without its secret."""
    with pytest.raises(FormatError, match=r"^line 2: ") as caught:
        read(FULL, line)
    assert "HXDM" not in str(caught.value)


DRAFTS = {
    "plain": samples.totp_draft(),
    "all": samples.totp_draft()._replace(
        params=samples.totp_params(algorithm="SHA512", digits=8, period=60)
    ),
    "hotp": samples.hotp_draft(seen=77),
}


@pytest.mark.parametrize("name", DRAFTS)
@pytest.mark.parametrize(
    ("issuer", "account"), [("web1", "alice"), ("", "ä/?&=:%"), ("A B", "x@y")]
)
def test_written(name: str, issuer: str, account: str) -> None:
    """What is written is read again as it was, by us and by the stricter reader for setup."""
    item = Imported("", DRAFTS[name]._replace(name="phone"))
    written = formats.write([item], format="uris", issuer=issuer, account=account)
    text = written.data.decode().strip()
    (again,) = read(text)
    assert again.draft._replace(note="") == item.draft
    assert uri.parse(text, name="phone").draft == item.draft
    if ":" not in account:
        strict = uri.parse(text, name="phone")
        assert (strict.issuer, strict.account) == (issuer, account)


def test_motp() -> None:
    """A mOTP token with its PIN is read; what is written has no PIN, and says so."""
    (item,) = read("motp://web1:alice?secret=E3152AFEE62599C8&pin=1234")
    assert item.draft.params == {"secret": "e3152afee62599c8", "pin": "1234"}
    assert (item.draft.note, item.draft.kind) == ("web1:alice", "motp")
    assert read("otpauth://motp/web1:alice?secret=e3152afee62599c8&pin=1234") == (item,)
    written = formats.write([item], format="uris", issuer="web1", account="alice")
    assert written.data == b"motp://web1:alice?secret=e3152afee62599c8\n"
    assert any("PIN" in note for note in written.notes)
    with pytest.raises(FormatError, match="without its PIN"):
        read(written.data.decode())


@pytest.mark.parametrize("name", ["google-authenticator", "usersfile"])
def test_motp_elsewhere(name: str) -> None:
    """A format that has no mOTP leaves such a token out, and names it."""
    items = [Imported("", samples.totp_draft()), Imported("", samples.motp_draft("old"))]
    written = formats.write(items, format=name, account="alice")
    assert any("'old'" in note for note in written.notes)
    assert samples.MOTP_SECRET.encode() not in written.data
    with pytest.raises(FormatError):
        formats.write(items[1:], format=name, account="alice")


def test_written_weak() -> None:
    """A secret of 80 bits is written like any other."""
    (item,) = read("otpauth://totp/x?secret=HXDMVJECJJWSRB3H")
    assert read(formats.write([item], format="uris", account="x").data.decode()) == (item,)


def test_written_notes() -> None:
    """What a URI cannot hold is noted: used codes and scratch codes."""
    items = [Imported("", samples.totp_draft(seen=5)), Imported("", samples.scratch_draft())]
    assert len(formats.write(items, format="uris").notes) == 2
