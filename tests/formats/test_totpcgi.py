"""Secrets of totpcgi, plain and encrypted; encryption is made here, from its description."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from otpauth import formats
from otpauth.formats import FormatError, Imported, PassphraseError

BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
KEY = b"12345678901234567890".hex()
PIN = "wakkawakka"


def read(text: str, *, pin: str | None = None, state: object = None) -> tuple[Imported, ...]:
    """Parse a secret and its state."""
    beside = json.dumps(state).encode() if state is not None else b""
    return formats.parse(
        text.encode(), name="phone", format="totpcgi", passphrase=pin, state=beside
    )


def state(**more: object) -> dict[str, object]:
    """Return a state file as totpcgi writes it."""
    lists = ("fail_timestamps", "success_timestamps", "used_scratch_tokens")
    return {**{key: [] for key in lists}, "counter": -1, **more}


def encrypted(text: str = BASE32, pin: str = PIN) -> str:
    """Encrypt a secret: PBKDF2-HMAC-SHA256 2000, AES-256-CBC, HMAC-SHA256."""
    salt, vector = bytes(range(32)), bytes(range(16))
    keys = hashlib.pbkdf2_hmac("sha256", pin.encode(), salt, 2000, 64)
    padder = padding.PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    cipher = Cipher(algorithms.AES(keys[:32]), modes.CBC(vector)).encryptor()
    body = vector + cipher.update(padded) + cipher.finalize()
    whole = body + hmac.new(keys[32:], body, hashlib.sha256).digest()
    return f"aes256+hmac256${base64.b64encode(salt).decode()}${base64.b64encode(whole).decode()}"


PLAIN = f'{BASE32}\n" RATE_LIMIT 3 30\n" WINDOW_SIZE 3\n" DISALLOW_REUSE\n" TOTP_AUTH\n'


def test_plain() -> None:
    """A plain file with its state yields secret, last step that may be used, limits and codes."""
    used = state(
        success_timestamps=[1_800_000_029, 1_799_999_999], used_scratch_tokens=["01234567"]
    )
    token, codes = read(f"{PLAIN}01234567\n76543210", state=used)
    assert token.draft.params["secret"] == KEY
    assert token.draft.seen == 60_000_001
    assert token.wishes == {"rate_limit": "3/30s", "window": "3"}
    assert token.notes == ()
    assert codes.draft.params == {"bits": 26, "codes": ["76543210"]}


@pytest.mark.parametrize(("size", "steps"), [(0, "1"), (1, "3"), (3, "3"), (4, "5"), (17, "13")])
def test_window_unit(size: int, steps: str) -> None:
    """WINDOW_SIZE counts 10 s each way, 1 and 2 are 3; the wish covers at least as much."""
    (item,) = read(f'{BASE32}\n" WINDOW_SIZE {size}\n')
    assert item.wishes == {"window": steps}


def test_counter() -> None:
    """HOTP_COUNTER makes it HOTP, and the higher one of file and state counts."""
    text = f'{BASE32}\n" HOTP_COUNTER 4\n'
    assert [read(text, state=state(counter=n))[0].draft.seen for n in (-1, 3, 9)] == [4, 4, 9]
    assert read(text)[0].draft.kind == "hotp"


def test_without_state() -> None:
    """Without the state file a note says what that costs."""
    assert any("state file" in note for note in read(PLAIN)[0].notes)


def test_encrypted() -> None:
    """An encrypted secret opens with the PIN; its scratch codes, dead there, are left out."""
    (item,) = read(f'{encrypted()}\n" TOTP_AUTH\n12345678\n', pin=PIN, state=state())
    assert item.draft.params["secret"] == KEY
    assert any("scratch codes" in note for note in item.notes)


@pytest.mark.parametrize("pin", [None, "", "wrong"])
def test_wrong_pin(pin: str | None) -> None:
    """Without the PIN, or with another, it is a PassphraseError that names no PIN."""
    with pytest.raises(PassphraseError) as caught:
        read(encrypted(), pin=pin)
    assert "wrong, or" in str(caught.value) or pin is None


def test_every_byte_flipped() -> None:
    """An encrypted secret with any byte changed is a FormatError."""
    scheme, salt, data = encrypted().split("$")
    sealed = bytearray(base64.b64decode(data))
    for place in range(len(sealed)):
        sealed[place] ^= 1
        text = f"{scheme}${salt}${base64.b64encode(sealed).decode()}"
        with pytest.raises(FormatError):
            read(text, pin=PIN)
        sealed[place] ^= 1


@pytest.mark.parametrize(
    "text",
    [
        "aes256+hmac256",
        "aes256+hmac256$AAAA",
        "aes256+hmac256$AAAA$AAAA",
        "aes256+hmac256$AAAA$AAAA$AAAA",
        "aes256+hmac256$!$!",
        "aes256+hmac2567$AAAA$" + "A" * 128,
        f'{BASE32}\n" RATE_LIMIT 3',
        f'{BASE32}\n" RATE_LIMIT 3 0',
        f'{BASE32}\n" WINDOW_SIZE x',
        f'{BASE32}\n" HOTP_COUNTER x',
        "GEZDGNBV",
    ],
)
def test_refused(text: str) -> None:
    """A file that is not understood is refused."""
    with pytest.raises(FormatError):
        read(text, pin=PIN)


@pytest.mark.parametrize(
    "bad",
    [
        [],
        {},
        state(success_timestamps=["x"]),
        state(success_timestamps=[-1]),
        state(success_timestamps=5),
        state(used_scratch_tokens={}),
        state(counter="x"),
        state(counter=2**32),
        state(success_timestamps=[2**39]),
    ],
)
def test_bad_state(bad: object) -> None:
    """A state file that is not understood refuses the import: else used codes came back."""
    with pytest.raises(FormatError):
        read(PLAIN, state=bad)
