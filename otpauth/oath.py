"""HOTP, TOTP and mOTP as pure functions.

Sources: RFC 4226 (HOTP), RFC 6238 (TOTP), motp.sourceforge.net (mOTP). Nothing here keeps
state, reads a clock or decides.
"""

from __future__ import annotations

ALGORITHMS = ("SHA1", "SHA256", "SHA512")
DIGITS = (6, 7, 8)
PERIOD_MIN, PERIOD_MAX = 5, 300  # seconds
COUNTER_MAX = 2**32 - 1  # far above any life of a token; RFC 4226 allows 64 bits
SECRET_MIN, SECRET_MAX = 10, 128  # bytes; RFC 4226 R6 wants 16, google-authenticator had 10
MOTP_PERIOD = 10  # seconds
MOTP_DIGITS = "0123456789abcdef"
MOTP_LENGTH = 6  # of these, in a code
MOTP_SECRET_MIN, MOTP_SECRET_MAX = 8, 64  # of these, in a secret; apps make 16
PIN_MIN, PIN_MAX = 4, 16  # digits; apps ask for 4


def hotp(secret: bytes, counter: int, *, digits: int = 6, algorithm: str = "SHA1") -> str:
    """Compute the code of one counter value.

    `counter` is 0 or more, `digits` one of DIGITS, `algorithm` one of ALGORITHMS.
    RFC 4226 section 5.3, with the hash functions of RFC 6238 section 1.2.
    """
    import hmac  # here, because commands want the constants above alone

    mac = hmac.digest(secret, counter.to_bytes(8, "big"), algorithm.lower())
    offset = mac[-1] & 0x0F
    truncated = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(truncated % 10**digits).zfill(digits)


def time_step(now: int, *, period: int = 30) -> int:
    """Return the number of whole periods since the epoch. RFC 6238 section 4.2, T0 = 0.

    `now` is in Unix seconds, `period` in seconds.
    """
    return now // period


def motp(secret: str, pin: str, step: int) -> str:
    """Compute a mOTP code: 6 hexadecimal digits in small letters.

    `secret` is the text of the phone's init-secret, `step` the number of whole MOTP_PERIODs.
    """
    import hashlib

    text = f"{step}{secret}{pin}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()[:MOTP_LENGTH]
