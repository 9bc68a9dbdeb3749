"""Channels of the tests, read from text as an administrator writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otpauth import config

if TYPE_CHECKING:
    from otpauth.channels import Channel


def make(name: str, text: str) -> Channel:
    """Return the channel of these lines, for everybody."""
    head = f"[channel {name}]\nfor = *\nto = {{user}}@example.org\n"
    return config.parse(head + text, path="otpauth.conf").channels[name]
