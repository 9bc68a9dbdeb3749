"""The host's own limit: counted by all processes together, never fewer than were sent."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import pytest

from otpauth.send import quota
from tests.parts import channel

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000
MANY = channel.make("mail", "type = sendmail\nper_host = 300/1h\n")
CHANNEL = channel.make("mail", "type = sendmail\nper_host = 5/1h\n")


def _take(folder: str) -> bool:
    return quota.take(folder, CHANNEL, NOW)


def _take_many(folder: str) -> int:
    return sum(quota.take(folder, MANY, NOW) for _ in range(100))


def test_limit(tmp_path: Path) -> None:
    """So many in the time are sent and no more, until the first of them is over."""
    folder = str(tmp_path / "sent")
    assert [quota.take(folder, CHANNEL, NOW + n) for n in range(7)] == [True] * 5 + [False] * 2
    assert not quota.take(folder, CHANNEL, NOW + 3599)
    assert quota.take(folder, CHANNEL, NOW + 3600)
    assert not quota.take(folder, CHANNEL, NOW + 3600)


def test_channels_apart(tmp_path: Path) -> None:
    """Each channel has its own count."""
    folder = str(tmp_path)
    other = channel.make("push", "type = http\nurl = https://x.org/\nper_host = 1/1h\n")
    assert all(quota.take(folder, CHANNEL, NOW) for _ in range(5))
    assert quota.take(folder, other, NOW)


def test_parallel(tmp_path: Path) -> None:
    """Many processes at once get no more than the limit."""
    with ProcessPoolExecutor(4) as pool:
        assert sum(pool.map(_take_many, [str(tmp_path)] * 4)) == 300


def test_torn_file(tmp_path: Path) -> None:
    """What a crash left half-written counts as sent now; a count of the future does not lock."""
    (tmp_path / "mail").write_bytes(b"1800000\x00\n18\nx\n9999999999\n\n")
    assert [_take(str(tmp_path)) for _ in range(4)] == [True] * 3 + [False]


@pytest.mark.parametrize("kind", ["folder", "symlink"])
def test_not_countable(kind: str, tmp_path: Path) -> None:
    """Where it cannot be counted, nothing is sent."""
    if kind == "folder":
        (tmp_path / "mail").mkdir()
    else:
        (tmp_path / "mail").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="mail"):
        _take(str(tmp_path))
