"""HOTP and TOTP as pure functions.

Sources: RFC 4226 (HOTP), RFC 6238 (TOTP). Nothing here keeps state, reads a clock or decides.
"""

from __future__ import annotations

ALGORITHMS = ("SHA1", "SHA256", "SHA512")
DIGITS = (6, 7, 8)
PERIOD_MIN, PERIOD_MAX = 5, 300  # seconds
COUNTER_MAX = 2**32 - 1  # far above any life of a token; RFC 4226 allows 64 bits
SECRET_MIN, SECRET_MAX = 10, 128  # bytes; RFC 4226 R6 wants 16, google-authenticator had 10


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
