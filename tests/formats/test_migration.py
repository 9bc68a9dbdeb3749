"""The Google Authenticator app's export: the known sample, batches, and QR codes on paper."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import segno

from otpauth import formats
from otpauth.formats import FormatError, Imported

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "otpauth-migration://offline?data="
SAMPLE = (
    f"{PREFIX}Ci8KCke7Wn1dzBf7B4QSG3RvdHBAYXV0aGVudGljYXRpb250ZXN0LmNvbSABKAEwAgoqChTjrWUfiCuBHIAj"
    "%2Br0YbS8oSrOLqBIMdGVzdC1hY2NvdW50IAEoATACEAEYASAAKNyAq4%2F4%2F%2F%2F%2F%2FwE%3D"
)
SECRET = b"12345678901234567890"


def number(key: int, value: int) -> bytes:
    """Encode a number field."""
    return varint(key << 3) + varint(value % 2**64)


def data(key: int, value: bytes) -> bytes:
    """Encode a field of bytes."""
    return varint(key << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    """Encode a number, 7 bits a byte, lowest first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def token(name: str = "web1:alice", *more: bytes, secret: bytes = SECRET) -> bytes:
    """Encode a token."""
    return data(1, data(1, secret) + data(2, name.encode()) + b"".join(more))


def text(*fields: bytes) -> str:
    """Encode a payload as the text of its QR code."""
    return PREFIX + quote(base64.b64encode(b"".join(fields)), safe="")


def read(*lines: str, only: str = "") -> tuple[Imported, ...]:
    """Parse QR codes."""
    return formats.parse("\n".join(lines).encode(), name="phone", format="migration", only=only)


def test_sample() -> None:
    """The decoded sample of the reference: two tokens, names, secrets, a negative batch id."""
    one, two = read(SAMPLE)
    assert base64.b32encode(bytes.fromhex(one.draft.params["secret"])) == b"I65VU7K5ZQL7WB4E"
    assert (one.draft.note, one.weak) == ("totp@authenticationtest.com", True)
    secret = base64.b32encode(bytes.fromhex(two.draft.params["secret"]))
    assert secret == b"4OWWKH4IFOARZABD7K6RQ3JPFBFLHC5I"
    assert (two.draft.note, two.weak, two.draft.name) == ("test-account", False, "phone-2")
    for item in (one, two):
        params = {key: value for key, value in item.draft.params.items() if key != "secret"}
        assert params == {"algorithm": "SHA1", "digits": 6, "period": 30}


def test_plus_signs() -> None:
    """A + that a query parser made a blank is a + again, and a raw one stays one."""
    assert read(SAMPLE.replace("%2B", " ")) == read(SAMPLE) == read(SAMPLE.replace("%2B", "+"))


def test_all_fields() -> None:
    """Issuer, algorithm, digits, type and counter are read; unknown fields are skipped."""
    unknown = [
        number(9, 5),
        data(10, b"x"),
        varint(11 << 3 | 5) + b"abcd",
        varint(12 << 3 | 1) + b"a" * 8,
    ]
    more = [data(3, b"web1"), number(4, 3), number(5, 2), number(6, 1), number(7, 300)]
    (item,) = read(text(token("alice", *more, *unknown), *unknown))
    assert item.draft.kind == "hotp"
    assert item.draft.params == {"secret": SECRET.hex(), "algorithm": "SHA512", "digits": 8}
    assert (item.draft.seen, item.draft.note) == (300, "web1:alice")


def test_qr_codes(tmp_path: Path) -> None:
    """A batch of two QR codes is read from what zbarimg reads off the pictures, in any order."""
    pages = [
        text(token(f"web1:{place}"), number(3, 2), number(4, place), number(5, -7))
        for place in range(2)
    ]
    shown = []
    for place, page in enumerate(reversed(pages)):
        path = str(tmp_path / f"{place}.png")
        segno.make_qr(page).save(path, scale=4)
        done = subprocess.run(("zbarimg", "-q", path), capture_output=True, check=True, text=True)
        shown.append(done.stdout.strip())
    assert all(line.startswith("QR-Code:") for line in shown)
    assert formats.detect("\n".join(shown).encode()) == "migration"
    assert [item.draft.note for item in read(*shown)] == ["web1:0", "web1:1"]


def page(place: int, *, size: int = 3, batch: int = 9, name: str = "") -> str:
    """Return one QR code of a batch."""
    return text(token(name or str(place)), number(3, size), number(4, place), number(5, batch))


def test_same_code_twice() -> None:
    """A QR code that was scanned twice counts once."""
    assert len(read(page(0), page(1), page(0), page(2))) == 3


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([page(0), page(1)], "has 3 QR codes, and not"),
        ([page(0), page(1), page(3)], "has 3 QR codes, and not"),
        ([page(0), page(1), page(2, batch=8)], "line 3: the QR code is of another export"),
        ([page(0), page(1), page(2, size=4)], "line 3: the QR code is of another export"),
        ([page(0), page(0, name="x"), page(1)], "line 2: two QR codes have the same place"),
        ([page(0, size=2**40)], "QR codes, and not each"),
    ],
)
def test_not_whole(lines: list[str], reason: str) -> None:
    """Of a batch that is not whole nothing is imported."""
    with pytest.raises(FormatError, match=reason):
        read(*lines)


@pytest.mark.parametrize(
    "line",
    [
        text(token("x", number(4, 4))),
        text(token("x", number(4, 9))),
        text(token("x", number(5, 3))),
        text(token("x", number(6, 3))),
        text(token("x", number(6, 1), number(7, -1))),
        text(token("x", secret=b"short")),
        text(token("x", secret=b"x" * 129)),
        text(data(1, b"\x0a")),
        text(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        text(b"\x0a\xff\xff\xff\xff\x0f"),
        text(b"\x0b"),
        text(b"\x08"),
        PREFIX + "!!!!",
        PREFIX + "A",
        "otpauth-migration://online?data=",
    ],
)
def test_refused(line: str) -> None:
    """MD5, 7 digits, other kinds and damaged data are refused with the line."""
    with pytest.raises(FormatError, match=r"^line 2: "):
        read("# export", line)


def test_only() -> None:
    """With a choice, other entries are left out even if we have not their kind."""
    steam = token("Steam:me", number(6, 3))
    assert [item.draft.note for item in read(text(steam, token()), only="web1")] == ["web1:alice"]
