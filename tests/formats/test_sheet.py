"""The sheet to print: what is on it, that phones read it, and that nothing gets into it."""

from __future__ import annotations

import subprocess
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
import segno

from otpauth import formats, uri
from otpauth.formats import FormatError, Imported, sheet
from otpauth.formats.sheet import Owner
from otpauth.token import Draft
from tests import samples

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ITEMS = (Imported("", samples.totp_draft()), Imported("", samples.scratch_draft()))


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def page(*items: Imported, issuer: str = "web1", account: str = "alice") -> Page:
    """Write a sheet and read it."""
    return Page(formats.write(items, format="sheet", issuer=issuer, account=account).data)


def enrolled(
    owner: Owner, draft: Draft = ITEMS[0].draft, codes: Sequence[str] = ("k7mq-x2vd",)
) -> Page:
    """Write the sheet of an enrolment and read it."""
    return Page(sheet.enrolment(owner, draft, codes))


def test_content() -> None:
    """Key, parameters and every scratch code are on the sheet, in groups of 4."""
    text = page(*ITEMS).text
    assert " ".join(uri.groups(uri.base32(samples.SECRET))) in text
    assert "6 digits, SHA1, every 30 s" in text
    for code in samples.SCRATCH_CODES:
        assert " ".join(uri.groups(code)) in text


def test_code_is_read(tmp_path: Path) -> None:
    """The QR code on the sheet is, dot for dot, one that zbarimg reads as the token's URI."""
    text = uri.build(ITEMS[0].draft, issuer="web1", account="alice")
    code = segno.make_qr(text, error="l")
    drawn = next(
        value for key, value in page(*ITEMS).attributes if key == "d" and value is not None
    )
    assert drawn in code.svg_inline(scale=4, border=4, dark="black", light="white")
    path = str(tmp_path / "code.png")
    code.save(path, scale=4, border=4)
    done = subprocess.run(
        ("zbarimg", "-q", "--raw", path), capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == text


def test_nothing_gets_in() -> None:
    """Names with markup are shown as they are, and make no tag, attribute or link."""
    evil = "\"><script src='//x'>&amp;</title><img onerror=x>"
    sane, odd = page(*ITEMS), page(*ITEMS, issuer=evil, account=evil)
    assert sane.tags == odd.tags
    assert [key for key, _ in sane.attributes] == [key for key, _ in odd.attributes]
    assert "script" not in odd.tags
    assert evil in odd.text


def test_nothing_gets_into_an_enrolment() -> None:
    """Neither a user's, nor a host's, nor an app's name makes a tag, attribute or link."""
    evil = "\"><script src='//x'>&amp;</title><img onerror=x>{user}"
    sane, odd = enrolled(Owner("alice", "web1", "web1", "alice")), enrolled(Owner(*[evil] * 4))
    assert sane.tags == odd.tags
    assert [key for key, _ in sane.attributes] == [key for key, _ in odd.attributes]
    assert odd.text.count(evil) == 8


@pytest.mark.parametrize("draft", [samples.totp_draft(), samples.hotp_draft()])
@pytest.mark.parametrize("codes", [[], ["k7mq-x2vd"] * 20])
def test_an_enrolment_says_what_to_do(draft: Draft, codes: list[str]) -> None:
    """There are four steps, with key and parameters of either kind, and the codes."""
    found = enrolled(Owner("alice", "web1", "", "alice"), draft, codes)
    assert found.tags.count("li") == 4 + len(codes)
    assert found.text.count("k7mq-x2vd") == len(codes)
    assert "6 digits, SHA1, " in found.text
    key = uri.base32(bytes.fromhex(draft.params["secret"]))
    assert " ".join(uri.groups(key)) in found.text


@pytest.mark.parametrize("one", [page(*ITEMS), enrolled(Owner("a", "b", "c", "d"))])
def test_fetches_nothing(one: Page) -> None:
    """Nothing on the sheet points elsewhere, and a policy forbids it besides."""
    assert not {key for key, _ in one.attributes} & {"src", "href", "action", "onload"}
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in one.attributes


def test_hashed_codes() -> None:
    """Scratch codes known as hashes only are noted; with nothing else there is no sheet."""
    hashed = Imported("", Draft("scratch", "spare", {"bits": 40, "codes": []}))
    assert formats.write([ITEMS[0], hashed], format="sheet").notes
    with pytest.raises(FormatError, match="nothing to print"):
        formats.write([hashed], format="sheet")
