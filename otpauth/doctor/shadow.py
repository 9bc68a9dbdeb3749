"""What /etc/shadow says of accounts, see shadow(5). Read once; no password's hash leaves it."""

from __future__ import annotations

from functools import cache

from otpauth import host

PATH = "/etc/shadow"
SIZE_MAX = 64 * 1024 * 1024  # bytes


@cache
def ends() -> dict[str, int]:
    """Return the days on which accounts end, counted from 1970."""
    return {row[0]: int(row[7]) for row in _rows() if len(row) > 7 and row[7].isdecimal()}


@cache
def without_password() -> frozenset[str]:
    """Return the accounts that no password opens: locked, or without one."""
    return frozenset(row[0] for row in _rows() if not row[1] or row[1][0] in "!*")


def _rows() -> list[list[str]]:
    text = host.trusted(PATH, 0, most=SIZE_MAX).decode("utf-8", "replace")
    rows = [line.split(":") for line in text.splitlines()]
    return [row for row in rows if len(row) > 1]
