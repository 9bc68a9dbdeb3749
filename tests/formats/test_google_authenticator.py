"""~/.google_authenticator: every option, the leniency of its reader, and what is refused."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from otpauth import formats, oath, policy, token
from otpauth.formats import FormatError, Imported
from otpauth.formats.google_authenticator import decode_secret
from otpauth.token import Draft

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "2SH3V3GDW7ZNMGYE"
RAW = bytes.fromhex("d48fbaecc3b7f2d61b04")


def read(*lines: str, name: str = "phone") -> tuple[Imported, ...]:
    """Parse a file of these lines."""
    data = "".join(f"{line}\n" for line in lines).encode()
    return formats.parse(data, name=name, format="google-authenticator")


def first(*options: str) -> Imported:
    """Parse a TOTP file with these options, and return the token."""
    return read(SECRET, *(f'" {option}' for option in options), '" TOTP_AUTH')[0]


@pytest.mark.parametrize(
    ("kind", "start", "codes"),
    [
        ("hotp", 0, "488176 293240 445965 464407 374703 932068 687830 642338 765147"),
        ("totp", 9996, "316007 719291 374875 692344 050548 478726 646986"),
        ("totp", 10003, "842639 671031 319389 324466 049310 253103"),
        ("totp", 11000, "229713 099452 175332 339128"),
        ("totp", 11010, "059380"),
        ("totp", 20000, "178844 246264 425737 949587 676949"),
    ],
)
def test_golden_codes(kind: str, start: int, codes: str) -> None:
    """The secret that is imported makes the codes that google-authenticator makes."""
    option = '" HOTP_COUNTER 1' if kind == "hotp" else '" TOTP_AUTH'
    (item,) = read(SECRET, option)
    secret = bytes.fromhex(item.draft.params["secret"])
    assert item.draft.kind == kind
    assert [oath.hotp(secret, start + place) for place in range(len(codes.split()))] == (
        codes.split()
    )


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        SECRET.lower(),
        "2SH3 V3GD-W7ZN\tMGYE",
        "2SH3V3GDW7ZNMGYE\r",
        " -2SH3V3GDW7ZNMGYE",
    ],
)
def test_base32_as_it_is_written(text: str) -> None:
    """Blanks, dashes, tabs, CR and small letters in a secret mean nothing."""
    assert decode_secret(text) == RAW


def test_base32_look_alikes() -> None:
    """0, 1 and 8 are read as O, L and B."""
    assert decode_secret("0" * 8 + "1" * 8 + "8" * 8) == decode_secret("OOOOOOOOLLLLLLLLBBBBBBBB")


def test_base32_odd_bits() -> None:
    """Bits left over at the end of a secret are dropped, whatever its length."""
    assert [len(decode_secret("A" * size)) for size in range(1, 10)] == [
        0, 1, 1, 2, 3, 3, 4, 5, 5,
    ]  # fmt: skip


@pytest.mark.parametrize("secret", [SECRET + "=", "", "9SH3V3GDW7ZNMGYE", "2SH3V3GD", "ä" * 16])
def test_bad_secret(secret: str) -> None:
    """Padding, other letters and secrets under 80 bits are refused, with the line."""
    with pytest.raises(FormatError, match=r"^line 1: ") as caught:
        read(secret, '" TOTP_AUTH')
    assert caught.value.line == 1
    assert not secret or secret not in str(caught.value)


def test_all_state() -> None:
    """Used steps, skew, step size, window, limits and scratch codes come along."""
    token_, codes = read(
        SECRET,
        '" RATE_LIMIT 4 120 600060 600090',
        '" WINDOW_SIZE 17',
        '" STEP_SIZE 60',
        '" DISALLOW_REUSE 10007 10002 10005',
        '" TIME_SKEW -3',
        '" TOTP_AUTH',
        '" RESETTING_TIME_SKEW ',
        '" LAST0 192.0.2.7 1700000000',
        "87654321",
        "12345678",
    )
    assert token_.draft == Draft(
        "totp",
        "phone",
        {"secret": RAW.hex(), "algorithm": "SHA1", "digits": 6, "period": 60},
        seen=10007,
        drift=-3,
    )
    assert token_.weak
    assert token_.wishes == {"window": "17", "rate_limit": "4/120s"}
    assert token_.notes == ()
    assert codes.draft == Draft(
        "scratch", "scratch", {"bits": 26, "codes": ["12345678", "87654321"]}
    )


def test_crlf_and_no_end() -> None:
    """Lines may end with CR LF, and the last one without anything."""
    data = f'{SECRET}\r\n" HOTP_COUNTER 7\r\n12345678\r\n87654321'.encode()
    items = formats.parse(data, name="fob", format="google-authenticator")
    assert [item.draft.kind for item in items] == ["hotp", "scratch"]
    assert items[0].draft.seen == 7
    assert items[1].draft.params["codes"] == ["12345678", "87654321"]


def test_counter_wins() -> None:
    """HOTP_COUNTER above 0 wins over TOTP_AUTH; 0 or garbage does not."""
    kinds = [first(f"HOTP_COUNTER {value}").draft.kind for value in ("1", "0", "-5", "x", "")]
    assert kinds == ["hotp", "totp", "totp", "totp", "totp"]


def test_first_option_counts() -> None:
    """Of an option that is there twice the first counts."""
    assert first("STEP_SIZE 60", "STEP_SIZE 20").draft.params["period"] == 60


def test_totp_auth_anywhere() -> None:
    """TOTP_AUTH counts wherever it stands in a line, as google-authenticator looks for it."""
    assert read(SECRET, 'x" TOTP_AUTH')[0].draft.kind == "totp"


def test_fork() -> None:
    """DIGITS and ALGORITHM of the hardened fork are honoured, with a note."""
    item = first("DIGITS 8", "ALGORITHM sha512")
    assert (item.draft.params["digits"], item.draft.params["algorithm"]) == (8, "SHA512")
    assert any("DIGITS" in note for note in item.notes)


def test_unknown_option_ignored() -> None:
    """An option that is not known is ignored, with a note that names it and not its value."""
    item = first("DISALLOW_REUSE", "COLOUR blue")
    assert item.notes == ("line 3: the unknown option COLOUR is ignored",)


def test_reuse_noted() -> None:
    """A user who could use a code twice is told that he no longer can."""
    assert any("twice" in note for note in first("WINDOW_SIZE 3").notes)


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("STEP_SIZE 0", 2),
        ("STEP_SIZE 61", 2),
        ("STEP_SIZE 4", 2),
        ("STEP_SIZE", 2),
        ("WINDOW_SIZE 0", 2),
        ("WINDOW_SIZE 101", 2),
        ("WINDOW_SIZE three", 2),
        ("DISALLOW_REUSE 1 x", 2),
        ("DISALLOW_REUSE -1", 2),
        ("DISALLOW_REUSE 99999999999", 2),
        ("RATE_LIMIT", 2),
        ("RATE_LIMIT 3", 2),
        ("RATE_LIMIT 0 30", 2),
        ("RATE_LIMIT 101 30", 2),
        ("RATE_LIMIT 3 3601", 2),
        ("RATE_LIMIT 3 30 x", 2),
        ("TIME_SKEW x", 2),
        ("TIME_SKEW 99999", 2),
        ("HOTP_COUNTER 4294967296", 2),
        ("DIGITS 5", 2),
        ("ALGORITHM md5", 2),
        ("OTP_DISABLED", 2),
    ],
)
def test_refused(option: str, line: int) -> None:
    """What google-authenticator would refuse, or we have not, is refused with its line."""
    with pytest.raises(FormatError) as caught:
        first(option)
    assert caught.value.line == line


def test_wishes_are_spelt_as_rules() -> None:
    """Every wish is what otpauth.conf accepts for that key, at the ends of what a file may say."""
    for options in (
        ["WINDOW_SIZE 100", "RATE_LIMIT 100 3600"],
        ["WINDOW_SIZE 1", "RATE_LIMIT 1 1"],
    ):
        wishes = first(*options).wishes
        assert set(wishes) == {"window", "rate_limit"}
        for key, value in wishes.items():
            policy.RULE_KEYS[key](value)


def test_wide_window_noted() -> None:
    """A window wider than otpauth allows is cut, and a note says so."""
    item = first("DISALLOW_REUSE", "WINDOW_SIZE 100")
    assert item.wishes["window"] == "21"
    assert item.notes == ("the window of 100 is cut to 21",)


def test_only_scratch_codes() -> None:
    """Without TOTP_AUTH and HOTP_COUNTER only the scratch codes are moved."""
    (item,) = read(SECRET, '" RATE_LIMIT 3 30', "12345678")
    assert item.draft.kind == "scratch"
    assert item.wishes == {"rate_limit": "3/30s"}
    assert any("only the scratch codes" in note for note in item.notes)


def test_nothing() -> None:
    """A file that lets nobody in is refused."""
    with pytest.raises(FormatError, match="neither"):
        read(SECRET, '" RATE_LIMIT 3 30')


@pytest.mark.parametrize("junk", ["# old", "1234567", "012345678", "12345678 ", "01234567", " "])
def test_dead_codes(junk: str) -> None:
    """Scratch codes below a line that is neither code nor option are left out, and noted."""
    _, codes = read(SECRET, '" TOTP_AUTH', "12345678", "", junk, "87654321")
    assert codes.draft.params["codes"] == ["12345678"]
    assert codes.notes == ("line 5 ends the scratch codes; those below never worked",)


def test_many_codes() -> None:
    """More scratch codes than a set holds become several sets; far too many are refused."""
    items = read(SECRET, '" TOTP_AUTH', *(str(10_000_000 + n) for n in range(45)))
    assert [len(item.draft.params["codes"]) for item in items[1:]] == [20, 20, 5]
    assert [item.draft.name for item in items] == ["phone", "scratch", "scratch-2", "scratch-3"]
    for item in items[1:]:
        token.check_params("scratch", item.draft.params, hashed=False)
    with pytest.raises(FormatError, match="too many"):
        read(SECRET, '" TOTP_AUTH', *(str(10_000_000 + n) for n in range(301)))


@pytest.mark.parametrize("data", [b"A" * 65537, b'2SH3V3GDW7ZNMGYE\n" TOTP_AUTH\n\0'])
def test_unreadable(data: bytes) -> None:
    """A file of more than 64 KiB, or with a NUL, is refused as google-authenticator does."""
    with pytest.raises(FormatError, match="64 KiB or holds a NUL"):
        formats.parse(data, name="phone", format="google-authenticator")


SETUPS = {
    "time-based, everything asked for": "-t -d -f -r 3 -R 30 -w 5 -C -S 60 -e 10",
    "time-based, least": "-t -D -f -u -W -C -e 0",
    "counter-based": "-c -f -r 10 -R 600 -w 21 -e 5",
}


@pytest.mark.parametrize("options", SETUPS.values(), ids=SETUPS)
def test_files_of_the_setup_tool(options: str, tmp_path: Path) -> None:
    """What the real setup tool writes is recognised, read whole, and written again as it was."""
    path = tmp_path / ".google_authenticator"
    subprocess.run(
        ("google-authenticator", "-q", "-s", str(path), *options.split()),
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    data = path.read_bytes()
    assert formats.detect(data) == "google-authenticator"
    items = formats.parse(data, name="phone", format="google-authenticator")
    lines = data.decode().splitlines()
    codes = [line for line in lines if line.isdigit()]
    assert items[0].draft.kind == ("hotp" if "-c" in options.split() else "totp")
    assert [each for item in items[1:] for each in item.draft.params["codes"]] == sorted(codes)
    again = formats.write(items, format="google-authenticator")
    assert again.notes == ()
    expected = {line for line in lines if line.startswith('"')}
    if items[0].draft.kind == "totp":
        expected.add('" DISALLOW_REUSE')
    assert {line for line in again.data.decode().splitlines() if line[0] == '"'} == expected
    assert formats.parse(again.data, name="phone", format="google-authenticator")[0].draft == (
        items[0].draft
    )


@pytest.mark.parametrize(
    ("draft", "reason"),
    [
        ({"algorithm": "SHA256"}, "SHA1"),
        ({"digits": 8}, "6 digits"),
        ({"period": 90}, "60 s"),
    ],
)
def test_cannot_be_written(draft: dict[str, object], reason: str) -> None:
    """A token that google-authenticator has not is not written as one that it has."""
    item = first("DISALLOW_REUSE")
    changed = item.draft._replace(params={**item.draft.params, **draft})
    with pytest.raises(FormatError, match=reason):
        formats.write([item._replace(draft=changed)], format="google-authenticator")


def test_hashed_codes_noted() -> None:
    """Scratch codes that are known as hashes only are noted, not written."""
    hashed = Imported("", Draft("scratch", "spare", {"bits": 40, "codes": []}))
    written = formats.write([first("DISALLOW_REUSE"), hashed], format="google-authenticator")
    assert any("'spare'" in note and "hashes" in note for note in written.notes)


def test_counter_zero_noted() -> None:
    """A counter of 0, which the format has not, is written as 1 and noted."""
    (item,) = read(SECRET, '" HOTP_COUNTER 1')
    written = formats.write(
        [item._replace(draft=item.draft._replace(seen=0))], format="google-authenticator"
    )
    assert b'" HOTP_COUNTER 1\n' in written.data
    assert written.notes


def test_one_token_a_file() -> None:
    """Two tokens are not written as one file, and none is not written at all."""
    item = first("DISALLOW_REUSE")
    with pytest.raises(FormatError, match="one token"):
        formats.write([item, item], format="google-authenticator")
    with pytest.raises(FormatError, match="no token with a secret"):
        formats.write(read(SECRET, "12345678"), format="google-authenticator")


def test_other_codes_noted() -> None:
    """Scratch codes that google-authenticator would not take are noted, not written."""
    codes = Draft("scratch", "scratch", {"bits": 40, "codes": ["01234567", "12345678", "k7mqx2vd"]})
    written = formats.write(
        [first("DISALLOW_REUSE"), Imported("", codes)], format="google-authenticator"
    )
    assert written.data.decode().splitlines()[-1] == "12345678"
    assert b"k7mqx2vd" not in written.data
    assert len(written.notes) == 1
