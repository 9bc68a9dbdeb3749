"""The usersfile of pam_oath: its grammar, and users one by one; test_real_logins.py has more."""

from __future__ import annotations

import pytest

from otpauth import formats, oath
from otpauth.formats import FormatError, Imported
from otpauth.token import Draft

KEY = b"12345678901234567890".hex()


def read(*lines: str, user: str = "") -> tuple[Imported, ...]:
    """Parse a file of these lines."""
    return formats.parse("\n".join(lines).encode(), name="phone", format="usersfile", user=user)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("HOTP", ("hotp", 6, None)),
        ("HOTP/E", ("hotp", 6, None)),
        ("HOTP/E/6", ("hotp", 6, None)),
        ("HOTP/E/7", ("hotp", 7, None)),
        ("HOTP/E/8", ("hotp", 8, None)),
        ("HOTP/T30", ("totp", 6, 30)),
        ("HOTP/T30/7", ("totp", 7, 30)),
        ("HOTP/T60", ("totp", 6, 60)),
        ("HOTP/T60/8", ("totp", 8, 60)),
    ],
)
def test_types(kind: str, expected: tuple[str, int, int | None]) -> None:
    """Every type that pam_oath has is read as the token it is."""
    (item,) = read(f"{kind} alice - {KEY}")
    params = item.draft.params
    assert (item.draft.kind, params["digits"], params.get("period")) == expected
    assert (params["algorithm"], params["secret"]) == ("SHA1", KEY)


@pytest.mark.parametrize(
    "line",
    [
        f"HOTP/T45 alice - {KEY}",
        f"HOTP/T30/9 alice - {KEY}",
        f"TOTP alice - {KEY}",
        f"hotp alice - {KEY}",
        "HOTP alice -",
        "HOTP alice - xyz",
        f"HOTP alice - {KEY}0",
        f"HOTP alice - {KEY[:18]}",
        f"HOTP alice - {KEY} x",
        f"HOTP alice - {KEY} -1",
        f"HOTP alice - {KEY} 4294967295",
        f"HOTP/T30 alice - {KEY} 0 123456",
        f"HOTP/T30 alice - {KEY} 0 123456 2026-11-21T19:43:24",
        f"HOTP/T30 alice - {KEY} 0 123456 2026-13-21T19:43:24L",
        f"HOTP/T30 alice - {KEY} 0 123456 0001-01-01T00:00:00L",
        f"HOTP/T30 alice - {KEY} 0 123456 9999-12-31T23:59:59L",
        f"HOTP/T30 alice - {KEY} 0 123456 2026-11-21T19:43:24L more",
    ],
)
def test_refused(line: str) -> None:
    """A line that is not understood refuses the file, with its number and without its secret."""
    with pytest.raises(FormatError, match=r"^line 3: ") as caught:
        read("# comment", "", line)
    assert KEY[:10] not in str(caught.value) + caught.value.hint


def test_users() -> None:
    """Users are named in the order of the file, each once, also those of bad lines."""
    lines = [f"HOTP bob - {KEY}", f"HOTP/T30 alice - {KEY}", f"HOTP/T30 bob - {KEY}", "HOTP carol"]
    data = "\n".join(lines).encode()
    assert formats.users(data, format="usersfile") == ("bob", "alice", "carol")


def test_one_user() -> None:
    """One user can be imported for himself: another's bad line does not keep him out."""
    lines = [f"HOTP bob - {KEY}", "BAD alice", f"HOTP/T30 bob - {KEY}", f"HOTP bobby - {KEY}"]
    assert [(item.user, item.draft.name, item.line) for item in read(*lines, user="bob")] == [
        ("bob", "phone", 1),
        ("bob", "phone-2", 3),
    ]
    with pytest.raises(FormatError, match="line 2"):
        read(*lines, user="alice")
    with pytest.raises(FormatError, match="no token"):
        read(*lines, user="carol")


@pytest.mark.parametrize(("column", "noted"), [("-", False), ("+", True), ("sesame", True)])
def test_password_column(column: str, noted: bool) -> None:  # noqa: FBT001
    """A password beside the code is not carried, which is noted without saying it."""
    (item,) = read(f"HOTP alice {column} {KEY}")
    assert bool(item.notes) == noted
    assert "sesame" not in repr(item) + "".join(item.notes)


def test_last_code_elsewhere() -> None:
    """If the last code fits no step near its time, everything up to that time is refused."""
    here = 1_795_000_000 // 30
    near = {oath.hotp(bytes.fromhex(KEY), here + off) for off in range(-200, 200)}
    alien = next(text for text in map("{:06}".format, range(1000)) if text not in near)
    (item,) = read(f"HOTP/T30 alice - {KEY} 0 {alien} 2026-11-18T11:06:40L")
    assert abs(item.draft.seen * 30 - 1_795_000_000) <= 14 * 3600
    assert "not one of its time" in item.notes[0]


def test_write_refuses() -> None:
    """What pam_oath has not, and a user whose name would break the line, is not written."""
    (item,) = read(f"HOTP/T30 alice - {KEY}")
    for more in ({"algorithm": "SHA256"}, {"period": 45}):
        changed = item.draft._replace(params={**item.draft.params, **more})
        with pytest.raises(FormatError, match="pam_oath has no codes"):
            formats.write([item._replace(draft=changed)], format="usersfile")
    for user in ("", "a b", "#a", "a\nHOTP"):
        with pytest.raises(FormatError, match="name of its user"):
            formats.write([item._replace(user=user)], format="usersfile")


def test_write_all() -> None:
    """All tokens of a user are written and read again as they were; scratch codes are noted."""
    items = read(f"HOTP/E/8 alice - {KEY} 7", f"HOTP/T60/7 alice - {KEY}")
    spare = Imported("alice", Draft("scratch", "scratch", {"bits": 26, "codes": ["12345678"]}))
    written = formats.write([*items, spare], format="usersfile")
    assert read(written.data.decode()) == items
    assert written.notes == ("'scratch': a usersfile has no scratch codes",)
