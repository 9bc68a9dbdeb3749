"""What programs that keep the clock say of it, read from what they printed."""

from __future__ import annotations

import pytest

from otpauth.doctor import clock

CHRONY = (
    "7F000001,127.0.0.1,9,1795318708.417756529,{},0.000000551,0.000008022,0.026,0.012,0.730,"
    "0.000008958,0.000002470,2.0,Normal\n"
)
LOST = (
    "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,"
    "1.000000000,0.0,Not synchronised\n"
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (CHRONY.format("19.999998093"), 19.999998093),
        (CHRONY.format("-0.000012"), -0.000012),
        (CHRONY.format("nan"), None),
        (LOST, None),
        ("506 Cannot talk to daemon\n", None),
        ("", None),
    ],
)
def test_chrony(text: str, seconds: float | None) -> None:
    """The fifth field of chronyc counts, if chronyd knows the time and that is a number."""
    assert clock.chrony(text) == seconds


@pytest.mark.parametrize(
    ("offset", "seconds"),
    [
        ("+1.543ms", 0.001543),
        ("-20.5s", 20.5),
        ("+1min 2.5s", 62.5),
        ("+1h 1min", 3660),
        ("+1y 2min", None),
        ("n/a", None),
    ],
)
def test_timesyncd(offset: str, seconds: float | None) -> None:
    """The line Offset counts, in whatever units it is."""
    text = f"       Server: 192.0.2.1\n       Offset: {offset}\n        Delay: 4.2ms\n"
    said = clock.timesyncd(text)
    assert said == (seconds if seconds is None else pytest.approx(seconds))
    assert clock.timesyncd("       Server: n/a\n") is None
