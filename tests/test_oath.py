"""HOTP, TOTP and mOTP against published tables and two independent implementations."""

from __future__ import annotations

import base64
import hashlib
import subprocess

import pyotp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import oath

SEED = b"12345678901234567890"
SEEDS = {"SHA1": SEED, "SHA256": (SEED * 2)[:32], "SHA512": (SEED * 4)[:64]}
RFC4226_D = [755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489]
RFC6238_B = [
    (59, 94287082, 46119246, 90693936),
    (1111111109, 7081804, 68084774, 25091201),
    (1111111111, 14050471, 67062674, 99943326),
    (1234567890, 89005924, 91819424, 93441116),
    (2000000000, 69279037, 90698825, 38618901),
    (20000000000, 65353130, 77737706, 47863826),
]
RFC6238_ROWS = [
    (now, algorithm, f"{code:08}")
    for now, *codes in RFC6238_B
    for algorithm, code in zip(oath.ALGORITHMS, codes, strict=True)
]


@pytest.mark.parametrize(("counter", "code"), list(enumerate(RFC4226_D)))
def test_rfc4226_appendix_d(counter: int, code: int) -> None:
    """Every row of RFC 4226 appendix D comes out."""
    assert oath.hotp(SEED, counter) == f"{code:06}"


@pytest.mark.parametrize(("now", "algorithm", "code"), RFC6238_ROWS)
def test_rfc6238_appendix_b(now: int, algorithm: str, code: str) -> None:
    """Every row of RFC 6238 appendix B comes out, each hash with its own seed."""
    step = oath.time_step(now)
    assert oath.hotp(SEEDS[algorithm], step, digits=8, algorithm=algorithm) == code


@settings(max_examples=300, deadline=None)
@given(
    st.binary(min_size=14, max_size=oath.SECRET_MAX),  # pyotp takes no shorter ones
    st.integers(0, oath.COUNTER_MAX),
    st.sampled_from(oath.DIGITS),
    st.sampled_from(oath.ALGORITHMS),
)
def test_hotp_as_pyotp(secret: bytes, counter: int, digits: int, algorithm: str) -> None:
    """Codes of any secret, counter, length and hash are those of pyotp."""
    text = base64.b32encode(secret).decode()
    witness = pyotp.HOTP(text, digits=digits, digest=getattr(hashlib, algorithm.lower()))
    assert oath.hotp(secret, counter, digits=digits, algorithm=algorithm) == witness.at(counter)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**40), st.integers(oath.PERIOD_MIN, 120))  # pyotp takes no longer ones
def test_totp_as_pyotp(now: int, period: int) -> None:
    """The time step of any second and period is pyotp's."""
    witness = pyotp.TOTP(base64.b32encode(SEED).decode(), interval=period)
    step = oath.time_step(now, period=period)
    assert oath.hotp(SEED, step) == witness.generate_otp(now // period)
    assert step * period <= now < (step + 1) * period


@pytest.mark.parametrize("algorithm", oath.ALGORITHMS)
@pytest.mark.parametrize("digits", oath.DIGITS)
def test_totp_as_oathtool(algorithm: str, digits: int) -> None:
    """Codes are those of oathtool, for every hash and length."""
    command = ["oathtool", f"--totp={algorithm}", f"--digits={digits}", "--now=@1800000017"]
    done = subprocess.run([*command, SEED.hex()], capture_output=True, check=True, text=True)
    step = oath.time_step(1800000017)
    assert oath.hotp(SEED, step, digits=digits, algorithm=algorithm) == done.stdout.strip()


def test_hotp_as_oathtool() -> None:
    """Twenty counters in a row, across the 32-bit boundary, are those of oathtool."""
    first = 2**32 - 10
    command = ["oathtool", "--hotp", f"--counter={first}", "--window=19", SEED.hex()]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert [oath.hotp(SEED, first + n) for n in range(20)] == done.stdout.split()


@pytest.mark.parametrize("size", [oath.SECRET_MIN, 13, 64, 65, oath.SECRET_MAX])
def test_secret_sizes_as_oathtool(size: int) -> None:
    """Secrets of the least, the largest and the hash's block size give oathtool's code."""
    secret = bytes(range(1, size + 1))
    done = subprocess.run(["oathtool", "--hotp", secret.hex()], capture_output=True, check=True)
    assert oath.hotp(secret, 0) == done.stdout.decode().strip()


@pytest.mark.parametrize(
    ("now", "pin", "secret", "code"),
    [
        (165892298, "1234", "e3152afee62599c8", "e7d8b6"),
        (123456789, "1234", "e3152afee62599c8", "4ebfb2"),
        (1659540020, "9999", "bbb1912bb5c515be", "ced7b1"),
    ],
)
def test_motp_vectors(now: int, pin: str, secret: str, code: str) -> None:
    """The published codes of mOTP come out."""
    assert oath.motp(secret, pin, oath.time_step(now, period=oath.MOTP_PERIOD)) == code
