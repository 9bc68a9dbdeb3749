"""otpauth-admin config: check otpauth.conf, show what is in force and where it was set."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from otpauth import config, policy
from otpauth.cli import report
from otpauth.errors import ConfigError
from otpauth.host import Host

if TYPE_CHECKING:
    import argparse


def show(value: Any) -> str:
    """Return a value as it would be written in the file."""
    if isinstance(value, tuple):
        return " ".join(str(each) for each in value)
    return str(value).rstrip()


def rows(found: policy.Policy) -> list[tuple[str, str, str]]:
    """Return (section.key, value, where it was set) for every key."""
    out = []
    for section, values, table in (
        ("setup", found.setup, policy.SETUP_KEYS),
        ("login", found.login, policy.RULE_KEYS),
    ):
        for key in table:
            text = _spelt(key, getattr(values, key))
            out.append((f"{section}.{key}", text, found.places.get(f"{section}.{key}", "default")))
    for name, channel in found.channels.items():
        for key, text in channel.written.items():
            line = " ".join(filter(None, (each.strip() for each in text.splitlines())))
            out.append((f"channel {name}.{key}", line, channel.line))
    return out


def check(options: argparse.Namespace) -> int:
    """Print the policy. Raises ConfigError with file, line and mend."""
    found = _read(options.file) if options.file else Host().policy()
    if found.channels and os.geteuid() == 0:
        from otpauth.cli import sendtest

        sendtest.check(found.channels, Host())
    if options.json:
        report.as_json({key: {"value": value, "set": where} for key, value, where in rows(found)})
    else:
        report.table(("KEY", "VALUE", "SET IN"), rows(found))
    return report.DONE


def _read(path: str) -> policy.Policy:
    with open(path, "rb") as file:
        data = file.read(config.SIZE_MAX)
    try:
        return config.parse(data.decode(), path=path)
    except UnicodeDecodeError:
        raise ConfigError(f"{path}:1: this is not UTF-8 text") from None


def _spelt(key: str, value: Any) -> str:
    if key == "nullok":
        return _nullok(value)
    if key == "rate_limit":
        return f"{value[0]}/{value[1]}s"
    if key == "resync":
        return f"{value}s" if value else "no"
    if key == "grace":
        return f"{value}s" if value else "off"
    if key == "totp":
        return f"{value[0]} {value[1]} {value[2]}s"
    return show(value)


def _nullok(until: int) -> str:
    if until in (policy.NEVER, policy.ALWAYS):
        return "yes" if until else "no"
    return "until " + time.strftime("%Y-%m-%d", time.gmtime(until - policy.DAY))
