"""All formats alike: recognised, bounded, silent about secrets, and safe against any bytes."""

from __future__ import annotations

import contextlib
import json
import time
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otpauth import canonical, errors, formats, moving, policy, record, token
from otpauth.formats import FormatError, Imported
from tests import samples
from tests.formats import vaults
from tests.formats.test_migration import SAMPLE
from tests.formats.test_otpw import OTPW
from tests.formats.test_pskc import FIGURE_7, container, package
from tests.formats.test_totpcgi import encrypted, state
from tests.formats.test_uris import FULL

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

BASE32 = vaults.BASE32
GOOD: dict[str, list[tuple[str, bytes]]] = {
    "google-authenticator": [
        (".google_authenticator", f'{BASE32}\n" TOTP_AUTH\n12345678\n'.encode()),
        ("backup", f'{BASE32}\r\n" RATE_LIMIT 3 30 5\r\n" HOTP_COUNTER 7\r\n'.encode()),
    ],
    "usersfile": [
        (
            "users.oath",
            f"# x\nHOTP/T30\ta\t-\t{vaults.KEY}\t0\t123456\t2026-11-21T19:43:24L\n".encode(),
        ),
        ("backup", f"HOTP a - {vaults.KEY} 5 123456\n".encode()),
    ],
    "totpcgi": [
        ("alice.totp", f'{BASE32}\n" WINDOW_SIZE 3\n" TOTP_AUTH\n'.encode()),
        ("alice", f'{encrypted(pin=vaults.PASSWORD)}\n" TOTP_AUTH\n'.encode()),
    ],
    "uris": [("backup.txt", f"{FULL}\n".encode()), ("x", f"# a\n\n{FULL}".encode())],
    "migration": [("x", SAMPLE.encode())],
    "aegis": [
        ("x.json", json.dumps(vaults.aegis(vaults.aegis_entry())).encode()),
        ("x.json", json.dumps(vaults.aegis_encrypted(vaults.aegis(vaults.aegis_entry()))).encode()),
    ],
    "andotp": [
        ("x.json", json.dumps([vaults.andotp_entry()]).encode()),
        ("otp_accounts.json.aes", vaults.andotp_encrypted(vaults.andotp_entry(), rounds=1000)),
        ("otp_accounts.json.aes", vaults.andotp_encrypted_old(vaults.andotp_entry())),
    ],
    "pskc": [("x.xml", FIGURE_7.encode()), ("x", container(package()).encode())],
    "totp-key": [(".totp-key", f"{vaults.KEY}\n".encode()), ("x", vaults.KEY.encode())],
    "otpw": [(".otpw", OTPW.encode()), ("x", OTPW.replace("OTPW1\n", "OTPW1\n# a\n").encode())],
    "csv": [
        ("x.csv", f"user,secret\nalice,{BASE32}\n".encode()),
        ("x", f"A1;Acme;totp;{vaults.KEY};6;60\n".encode()),
    ],
}
SAMPLES = [(name, path, data) for name, files in GOOD.items() for path, data in files]
PASSWORDS = {"pskc": "qwerty"}


def read(data: bytes, name: str, beside: bytes = b"") -> tuple[Imported, ...]:
    """Parse with the password of the samples."""
    password = PASSWORDS.get(name, vaults.PASSWORD)
    return formats.parse(data, name="phone", format=name, passphrase=password, state=beside)


def sound(items: tuple[Imported, ...]) -> None:
    """Check that drafts, wishes and state are such as the rest of otpauth takes."""
    assert items
    for item in items:
        data = canonical.dumps(token.draft_value(item.draft))
        assert token.draft_from(canonical.loads(data, limit=65536)) == item.draft
        for key, value in item.wishes.items():
            policy.RULE_KEYS[key](value)
        assert abs(item.draft.drift) <= 20_000
        assert item.line >= 0
        assert item.user.isprintable()
        assert len({each.draft.name for each in items if each.user == item.user}) == sum(
            each.user == item.user for each in items
        )


def moves(items: tuple[Imported, ...]) -> None:
    """Check that what is moved is a record that can be written, read, and moved into again."""
    empty = record.Record("alice", 1000)
    with contextlib.suppress(errors.RefusedError):
        held = moving.move(empty, items, samples.ground()).record
        assert record.decode(record.encode(held)) == held
        assert moving.move(held, items, samples.ground(samples.NOW + 1)).record == held


def test_every_format_has_a_sample() -> None:
    """Every format that is read is among the samples, and has its module."""
    assert set(GOOD) == set(formats.READ)
    for name in formats.WRITTEN:
        module = import_module(f"otpauth.formats.{name.replace('-', '_')}")
        assert callable(module.write)


@pytest.mark.parametrize(("name", "path", "data"), SAMPLES)
def test_recognised(name: str, path: str, data: bytes) -> None:
    """A file is recognised by its name or its content, and yields what otpauth takes."""
    assert formats.detect(data, f"/somewhere/{path}") == name
    sound(read(data, name))
    moves(read(data, name))


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"\x89PNG\r\n\x1a\n", "zbarimg"),
        (b"-----BEGIN PGP MESSAGE-----\n", "gpg"),
        (b"Hello, world\n", "--format"),
        (b"OTPW2\n16 3 12 8\n", "--format"),
        (b"\xff\xfe\x00", "--format"),
    ],
)
def test_not_recognised(data: bytes, hint: str) -> None:
    """What is no known format is refused, with what to do instead."""
    with pytest.raises(FormatError) as caught:
        formats.detect(data, "x")
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", formats.READ)
@pytest.mark.parametrize("data", [b"", b" \n\t", b"\xef\xbb\xbf", b"#\n", b"x" * (4 * 2**20 + 1)])
def test_empty_and_huge(name: str, data: bytes) -> None:
    """Empty and huge files are refused by every format."""
    with pytest.raises(FormatError):
        read(data, name)


@pytest.mark.parametrize("name", ["x", "sheet", "", "os"])
def test_unknown_format(name: str) -> None:
    """A format that there is not is refused, for reading and writing."""
    with pytest.raises(FormatError, match="no format that is read"):
        formats.parse(b"x", name="phone", format=name)
    if name != "sheet":
        with pytest.raises(FormatError, match="no format that is written"):
            formats.write([], format=name)


@pytest.mark.parametrize(("name", "path", "data"), SAMPLES)
def test_silent(name: str, path: str, data: bytes) -> None:
    """No secret is in the repr of anything that an import yields."""
    for item in read(data, name):
        shown = f"{item!r} {item.notes}"
        if item.draft.kind in token.ONE_TIME:
            assert item.draft.params["secret"] not in shown
        else:
            assert not any(code in shown for code in item.draft.params["codes"])
    reading = formats.Reading("phone", "sesame", state=b"sesame")
    assert "sesame" not in repr(reading)
    assert path


def test_written_is_silent() -> None:
    """What is written shows no secret in its repr."""
    written = formats.write([Imported("", samples.totp_draft())], format="uris")
    assert repr(written) == f"Written({len(written.data)} bytes)"


@pytest.mark.parametrize("name", ["", "a b", "x" * 33, "\n"])
def test_bad_token_name(name: str) -> None:
    """What is no name of a token is refused before anything is read."""
    with pytest.raises(FormatError, match="a token's name"):
        formats.parse(vaults.KEY.encode(), name=name, format="totp-key")


@pytest.mark.parametrize("user", ["a\x1b[2J", "x" * 257])
def test_bad_user_name(user: str) -> None:
    """A user's name that would not be shown as it is refuses the file, with the line."""
    for name, text in {
        "usersfile": f"# x\nHOTP {user} - {vaults.KEY}",
        "csv": f"user,seed\n{user},{vaults.KEY}",
    }.items():
        with pytest.raises(FormatError, match=r"^line 2: the name of a user"):
            read(text.encode(), name)
        with pytest.raises(FormatError, match=r"^line 2: the name of a user"):
            formats.users(text.encode(), format=name)


@pytest.mark.parametrize("size", [9, 10, 15, 16, 128, 129])
def test_bounds_of_secrets(size: int) -> None:
    """Secrets of 80 bits are moved and marked weak under 128 bits; others are refused."""
    data = (b"\x01" * size).hex().encode()
    if not 10 <= size <= 128:
        with pytest.raises(FormatError, match=f"the secret has {size} bytes"):
            read(data, "totp-key")
    else:
        assert read(data, "totp-key")[0].weak == (size < 16)


@pytest.mark.parametrize(
    "text", ['{"version":1,"version":1}', "[NaN]", "[Infinity]", "{", "nul", '"\\ud800"']
)
def test_odd_json(text: str) -> None:
    """JSON with a key twice, with what is no number, or that is no JSON, is refused."""
    for name in ("aegis", "andotp"):
        with pytest.raises(FormatError):
            read(text.encode(), name)


def test_users_only_of_many() -> None:
    """A file of one user's own names nobody."""
    assert formats.users(FULL.encode(), format="uris") == ()


def test_too_many_tokens() -> None:
    """More than 10,000 tokens are refused, of one user or of many."""
    lines = [f"HOTP u{place} - {vaults.KEY}" for place in range(10_001)]
    assert len(read("\n".join(lines[:-1]).encode(), "usersfile")) == 10_000
    for text in ("\n".join(lines), f"HOTP u - {vaults.KEY}\n" * 10_001):
        with pytest.raises(FormatError, match="more than 10000 tokens"):
            read(text.encode(), "usersfile")


def test_no_choice_is_half() -> None:
    """One bad entry among good ones refuses all, in every format of several entries."""
    bad = {
        "usersfile": f"HOTP a - {vaults.KEY}\nHOTP b - 00\n",
        "uris": f"{FULL}\notpauth://totp/x?secret=A\n",
        "migration": f"{SAMPLE}\n{SAMPLE[:-20]}",
        "aegis": json.dumps(vaults.aegis(vaults.aegis_entry(), vaults.aegis_entry(digits=9))),
        "andotp": json.dumps([vaults.andotp_entry(), vaults.andotp_entry(digits=9)]),
        "pskc": container(package(), package(kind="x")),
        "csv": f"secret\n{BASE32}\nA\n",
    }
    for name, text in bad.items():
        with pytest.raises(FormatError):
            read(text.encode(), name)


def mutated() -> SearchStrategy[tuple[str, bytes]]:
    """Draw a sample with a few bytes changed, cut out or put in."""

    def change(
        sample: tuple[str, str, bytes], edits: list[tuple[int, int, bytes]]
    ) -> tuple[str, bytes]:
        name, _, data = sample
        for place, size, put in edits:
            start = place % (len(data) + 1)
            data = data[:start] + put + data[start + size :]
        return name, data

    edit = st.tuples(st.integers(0, 5000), st.integers(0, 4), st.binary(max_size=4))
    return st.builds(change, st.sampled_from(SAMPLES), st.lists(edit, min_size=1, max_size=4))


def tame(data: bytes, name: str, beside: bytes = b"") -> None:
    """Check that bytes give sound values or a FormatError, whatever they are."""
    began = time.monotonic()
    with contextlib.suppress(FormatError):
        items = read(data, name, beside)
        sound(items)
        moves(items)
    with contextlib.suppress(FormatError):
        assert formats.detect(data) in formats.READ
    with contextlib.suppress(FormatError):
        formats.users(data, format=name)
    assert time.monotonic() - began < 10


HOSTILE = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@HOSTILE
@given(mutated())
def test_mutated(sample: tuple[str, bytes]) -> None:
    """A good file with some bytes changed gives sound values or a FormatError."""
    name, data = sample
    tame(data, name)


@HOSTILE
@given(st.sampled_from(formats.READ), st.binary(max_size=300))
def test_arbitrary_bytes(name: str, data: bytes) -> None:
    """Arbitrary bytes give sound values or a FormatError."""
    tame(data, name)


LINES = [BASE32, '" TOTP_AUTH', '" HOTP_COUNTER 5', '" RATE_LIMIT 3 30', "12345678", FULL]
LINES += [f"HOTP a - {vaults.KEY}", "user,secret", f"a,{BASE32}", '" DISALLOW_REUSE 5 6']
NUMBERS = st.builds(
    '" {} {}'.format,
    st.sampled_from(["STEP_SIZE", "TIME_SKEW", "DIGITS", "WINDOW_SIZE"]),
    st.integers(-(2**70), 2**70),
)


@HOSTILE
@given(
    st.sampled_from(["google-authenticator", "usersfile", "totpcgi", "uris", "csv"]),
    st.lists(st.text(max_size=20) | st.sampled_from(LINES) | NUMBERS, max_size=8),
)
def test_arbitrary_lines(name: str, lines: list[str]) -> None:
    """Lines that are good alone and senseless together give sound values or a FormatError."""
    tame("\n".join(lines).encode("utf-8", "surrogatepass"), name)


KEYS = "version header db slots params entries info type secret digits n r p salt key key_params"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=4)
    ),
    max_leaves=20,
)


@HOSTILE
@given(st.sampled_from(["aegis", "andotp"]), JSON)
def test_arbitrary_json(name: str, value: object) -> None:
    """JSON of any shape gives sound values or a FormatError."""
    tame(json.dumps(value).encode(), name)


@HOSTILE
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_state(beside: bytes) -> None:
    """A state file of any content gives sound values or a FormatError."""
    tame(f'{BASE32}\n" TOTP_AUTH\n'.encode(), "totpcgi", beside)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("aegis", b"[" * 2_000_000),
        ("aegis", b'{"a":' * 500_000),
        ("andotp", b"[" * 2_000_000),
        ("andotp", b"[" + b"9" * 2_000_000 + b"]"),
        ("aegis", b'{"version":1,"header":{},"db":{"version":1,"entries":[' + b"{}," * 1_000_000),
        ("pskc", b"<?xml version='1.0'?>" + b"<a>" * 1_000_000),
        ("pskc", b"<?xml version='1.0'?><a>" + b"<b/>" * 900_000 + b"</a>"),
        ("pskc", b"<?xml version='1.0'?><a>" + b"&#65;" * 800_000 + b"</a>"),
        ("csv", b'secret\n"' + b"A" * 3_000_000),
        ("csv", b"secret\n" + b"\n".join([b"A" * 40] * 90_000)),
        ("usersfile", b"a " * 2_000_000),
        ("usersfile", b"\n".join([b"HOTP a - " + b"00" * 20] * 60_000)),
        ("uris", b"otpauth://totp/x?" + b"a=b&" * 900_000),
        ("uris", b"\n" * 4_000_000),
        ("migration", b"otpauth-migration://offline?data=" + b"CgA" * 1_000_000),
        ("totp-key", b"0" * 4_000_000),
        ("totpcgi", b"A" * 4_000_000),
        ("google-authenticator", b'A\n" ' + b" " * 65_000),
    ],
)
def test_hostile_sizes(name: str, data: bytes) -> None:
    """Big and deep files are refused in bounded time."""
    tame(data, name)
    with pytest.raises(errors.OtpauthError):
        read(data, name)


def test_state_is_refused_not_ignored() -> None:
    """A state file that is empty of what it should have refuses the import."""
    good = json.dumps(state()).encode()
    assert read(f'{BASE32}\n" TOTP_AUTH\n'.encode(), "totpcgi", good)
    with pytest.raises(FormatError):
        read(f'{BASE32}\n" TOTP_AUTH\n'.encode(), "totpcgi", b"{}")
