"""State that real logins leave: what was used before the move is used after it, and back again.

Debian's pam_google_authenticator and pam_oath run through libpam on a clock that stands still;
after each step the file is imported as it is. Files we write are given to the same modules.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from otpauth import formats, oath
from tests import stage
from tests.parts import faketime, pam

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from otpauth.formats import Imported

pytestmark = pytest.mark.stage

SECRET = b"12345678901234567890"
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
STEP = 60_000_000  # in the year 2027
NOW = STEP * 30


class Login:
    """A service with one module and one file, and a clock to log in at."""

    def __init__(self, clock: faketime.Clock, name: str, path: Path, kind: str) -> None:
        self.clock, self.name, self.path, self.kind = clock, name, path, kind

    def ok(self, code: str, *, at: int = NOW) -> bool:
        """Answer with a code at a Unix time; say whether that was accepted."""
        self.clock.freeze(at)
        return pam.drive(self.name, "root", [code], environment=self.clock.environment).one.ok

    def put(self, text: str) -> None:
        """Write the file."""
        self.path.unlink(missing_ok=True)
        self.path.write_text(text, encoding="ascii")
        self.path.chmod(0o600)

    def read(self) -> Imported:
        """Import the file: the first token."""
        return self.all()[0]

    def all(self) -> tuple[Imported, ...]:
        """Import the file."""
        return formats.parse(self.path.read_bytes(), name="phone", format=self.kind)


@pytest.fixture
def google() -> Iterator[Login]:
    """Give a service of pam_google_authenticator."""
    path = stage.workspace() / "tmp" / "google"
    path.parent.mkdir(exist_ok=True)
    line = f"auth required pam_google_authenticator.so secret={path} user=root"
    with faketime.Clock() as clock, pam.service(line) as name:
        yield Login(clock, name, path, "google-authenticator")
    path.unlink(missing_ok=True)


@pytest.fixture
def oath_users() -> Iterator[Login]:
    """Give a service of pam_oath with a window of 20."""
    path = stage.workspace() / "tmp" / "users.oath"
    line = f"auth required pam_oath.so usersfile={path} window=20"
    with faketime.Clock() as clock, pam.service(line) as name:
        yield Login(clock, name, path, "usersfile")
    path.unlink(missing_ok=True)


def code(factor: int, *, digits: int = 6) -> str:
    """Return the code of a step or counter."""
    return oath.hotp(SECRET, factor, digits=digits)


def test_google_used_steps(google: Login) -> None:
    """After real logins the highest used step is known, also one that the phone was ahead."""
    google.put(f'{BASE32}\n" WINDOW_SIZE 5\n" DISALLOW_REUSE\n" TOTP_AUTH\n')
    assert google.ok(code(STEP))
    assert google.read().draft.seen == STEP
    assert google.ok(code(STEP + 2))
    assert google.ok(code(STEP + 1))
    assert google.read().draft.seen == STEP + 2


def test_google_counter(google: Login) -> None:
    """After real logins, right ones and wrong ones, the next counter is google-authenticator's."""
    google.put(f'{BASE32}\n" HOTP_COUNTER 5\n')
    assert google.ok(code(6))
    assert google.read().draft.seen == 7
    assert not google.ok("000000")
    assert google.read().draft.seen == 8
    assert google.ok(code(8))
    assert google.read().draft.seen == 9


def test_google_skew(google: Login) -> None:
    """The skew that google-authenticator learned is the drift, with the same sign."""
    google.put(f'{BASE32}\n" TOTP_AUTH\n')
    results = [google.ok(code(STEP - 40 + place), at=(STEP + place) * 30) for place in range(3)]
    assert results == [False, False, True]
    assert google.read().draft.drift == -40


def test_google_scratch_code(google: Login) -> None:
    """A scratch code that was used is gone, the others are moved."""
    google.put(f'{BASE32}\n" TOTP_AUTH\n12345678\n87654321\n')
    assert google.ok("12345678")
    assert google.all()[1].draft.params["codes"] == ["87654321"]


def test_google_rate_limit(google: Login) -> None:
    """A file with stamps of attempts is read as the limit it is."""
    google.put(f'{BASE32}\n" RATE_LIMIT 3 30\n" DISALLOW_REUSE\n" TOTP_AUTH\n')
    assert not google.ok("000000")
    assert google.ok(code(STEP))
    assert b"RATE_LIMIT 3 30 1" in google.path.read_bytes()
    assert google.read().wishes == {"rate_limit": "3/30s"}


@pytest.mark.parametrize(
    "secret",
    [
        "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
        "GEZD GNBV-GY3T\tQ0JQ",
        "0000 1111 8888 ABCD",
        "AAAAAAAAAAAAAAAAAAA",
        "BCDEFGHIJKLMNOPQRSTUVW",
        "2SH3V3GDW7ZNMGYE\r",
    ],
)
def test_google_leniency(google: Login, secret: str) -> None:
    """The secret is the one that the real module makes of the same odd spelling."""
    google.put(f'{secret}\n" TOTP_AUTH\n')
    params = google.read().draft.params
    assert google.ok(oath.hotp(bytes.fromhex(params["secret"]), STEP))


def test_google_export(google: Login) -> None:
    """The real module refuses from our file the last used code and older ones, takes the next."""
    google.put(f'{BASE32}\n" WINDOW_SIZE 3\n" DISALLOW_REUSE\n" TOTP_AUTH\n')
    item = google.read()
    item = item._replace(draft=item.draft._replace(seen=STEP))
    google.put(formats.write([item], format="google-authenticator").data.decode())
    accepted = [google.ok(code(step)) for step in (STEP - 1, STEP, STEP + 1)]
    assert accepted == [False, False, True]


@pytest.mark.parametrize(("kind", "counter"), [("HOTP", "0"), ("HOTP/E/8", "7"), ("HOTP/E/7", "")])
def test_oath_counter(oath_users: Login, kind: str, counter: str) -> None:
    """After real logins the next counter is past the last code accepted; before, it is COUNTER."""
    digits = int(kind[-1]) if kind[-1].isdigit() else 6
    oath_users.put(f"{kind} root - {SECRET.hex()} {counter}\n")
    start = int(counter or 0)
    assert oath_users.read().draft.seen == start
    for factor in (start, start + 3):
        assert oath_users.ok(code(factor, digits=digits))
        assert oath_users.read().draft.seen == factor + 1
        assert not oath_users.ok(code(factor, digits=digits))


@pytest.mark.parametrize("kind", ["HOTP/T30", "HOTP/T30/6", "HOTP/T30/8", "HOTP/T60/7"])
@pytest.mark.parametrize("off", [-5, -1, 0, 1, 12])
def test_oath_step(oath_users: Login, kind: str, off: int) -> None:
    """After a real login the step of the last code is known, and how far the phone is off."""
    period, digits = int(kind[6:8]), int(kind[9:] or 6)
    oath_users.put(f"# users\n{kind}\troot\t-\t{SECRET.hex()}\n")
    here = NOW // period
    assert oath_users.ok(code(here + off, digits=digits))
    item = oath_users.read()
    assert item.line == 2
    assert item.draft.seen == here + off
    assert item.draft.drift == (off if abs(off) > 1 else 0)
    assert item.draft.params["period"] == period


def test_oath_several_tokens(oath_users: Login) -> None:
    """Of several tokens of a user only the one that was used is past its counter."""
    other = b"abcdefghijklmnopqrst"
    oath_users.put(f"HOTP/E root - {SECRET.hex()} 0\nHOTP/E root - {other.hex()} 0\n")
    assert oath_users.ok(oath.hotp(other, 2))
    assert [(item.draft.name, item.draft.seen) for item in oath_users.all()] == [
        ("phone", 0),
        ("phone-2", 3),
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "UTC"])
def test_oath_time_zone(oath_users: Login, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """LASTTIME is read in the zone it was written in, also in the hour that comes twice."""
    end = 1_824_944_400  # 2027-10-31 01:00 UTC, when summer time ends in Berlin
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for at in (NOW, end - 5400, end - 1800, end + 1800, end + 5400):
            oath_users.put(f"HOTP/T30/8 root - {SECRET.hex()}\n")
            assert oath_users.ok(code(at // 30, digits=8), at=at)
            assert oath_users.read().draft.seen == at // 30
            assert oath_users.read().draft.drift == 0
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("kind", ["HOTP/E/6", "HOTP/T30/6"])
def test_oath_export(oath_users: Login, kind: str) -> None:
    """The real module refuses from our file what was used before, and takes what comes next."""
    oath_users.put(f"{kind} root - {SECRET.hex()}\n")
    item = oath_users.read()
    first = STEP if "T" in kind[4:] else 5
    item = item._replace(draft=item.draft._replace(seen=first if "T" in kind[4:] else first + 1))
    data = formats.write([item], format="usersfile", account="root").data
    oath_users.put(data.decode())
    again = oath_users.read()
    assert again == item._replace(line=1)
    accepted = [oath_users.ok(code(factor)) for factor in (first, first - 1, first + 1)]
    assert accepted == [False, False, True]
