"""otpauth.conf as text: ini, strict, every error with its line and what would be right.

The sections are [setup], [login], and [channel NAME] for each way to send codes; a key or section
that is not known is an error, since a half-read policy would let somebody through. Comments stand
on lines of their own, `%` and `#` in values are themselves. otpauth.conf(5) has every key.
"""

from __future__ import annotations

import configparser
import difflib
import re
from typing import TYPE_CHECKING, Any

from otpauth import policy, token
from otpauth.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.channels import Channel

SIZE_MAX = 64 * 1024  # bytes
SECTIONS = {"setup": policy.SETUP_KEYS, "login": policy.RULE_KEYS}
CHANNELS = tuple(f"channel {kind}" for kind in token.SENT)


def parse(text: str, *, path: str) -> policy.Policy:
    """Read the text of otpauth.conf. Raises ConfigError `path:line: fault`."""
    parser = configparser.ConfigParser(
        default_section="",
        interpolation=None,
        delimiters=("=",),
        comment_prefixes=("#",),
        inline_comment_prefixes=None,
        empty_lines_in_values=False,
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    _check_headers(text, path)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise _syntax(error, path) from None
    values: dict[str, dict[str, Any]] = {}
    places: dict[str, str] = {}
    channels: dict[str, Channel] = {}
    for section in parser.sections():
        if section in CHANNELS:
            channel = _channel(section, dict(parser.items(section)), text, path)
            channels[channel.name] = channel
            continue
        if section not in SECTIONS:
            line = _line(text, section, None)
            known = dict.fromkeys((*SECTIONS, *CHANNELS))
            raise _unknown(path, line, f"section [{section}]", section, known)
        values[section] = {}
        for key, value in parser.items(section):
            line = _line(text, section, key)
            values[section][key] = _value(SECTIONS[section], section, key, value, path, line)
            places[f"{section}.{key}"] = f"{path}:{line}"
    return policy.Policy(
        policy.Setup()._replace(**values.get("setup", {})),
        policy.Rule()._replace(**values.get("login", {})),
        places,
        channels,
    )


def _channel(section: str, pairs: dict[str, str], text: str, path: str) -> Channel:
    from otpauth import channeltext

    def line(key: str) -> str:
        return f"{path}:{_line(text, section, key or None)}"

    for key in pairs:
        if key not in channeltext.KEYS:
            at = _line(text, section, key)
            raise _unknown(path, at, f"key {key!r} in [{section}]", key, channeltext.KEYS)
    return channeltext.make(section.removeprefix("channel "), pairs, line)


def _check_headers(text: str, path: str) -> None:
    """Refuse what configparser would read past: text behind a [section] on its line."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("[") and not re.fullmatch(r"\[[^]]+\]\s*", line):
            raise ConfigError(
                f"{path}:{number}: text stands before or behind [section], or a ] is missing"
            )


def _value(
    table: dict[str, Callable[[str], Any]], section: str, key: str, value: str, path: str, line: int
) -> Any:
    if key not in table:
        raise _unknown(path, line, f"key {key!r} in [{section}]", key, table)
    try:
        return table[key](value)
    except ConfigError as error:
        raise ConfigError(f"{path}:{line}: {key}: {error}", hint=error.hint) from None


def _unknown(path: str, line: int, what: str, word: str, table: dict[str, Any]) -> ConfigError:

    near = difflib.get_close_matches(word, table, 1)
    hint = f"{near[0]} ?" if near else "known: " + " ".join(table)
    return ConfigError(f"{path}:{line}: unknown {what}", hint=hint)


def _syntax(error: configparser.Error, path: str) -> ConfigError:
    line = getattr(error, "lineno", None)
    if line is None and isinstance(error, configparser.ParsingError) and error.errors:
        line = error.errors[0][0]
    words = {
        configparser.DuplicateOptionError: "a key is there twice in one section",
        configparser.DuplicateSectionError: "a section is there twice",
        configparser.MissingSectionHeaderError: "a line stands before the first [section]",
    }
    fault = words.get(type(error), "a line is neither [section] nor key = value")
    return ConfigError(f"{path}:{line or 1}: {fault}", hint="see otpauth.conf(5)")


def _line(text: str, section: str, key: str | None) -> int:
    """Return the number of the line where a section, or a key in it, stands."""
    inside = False
    indented = 1  # a key may be; so are the further lines of a value
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\[(.+)\]", line)
        if header:
            inside = header[1] == section
            if inside and key is None:
                return number
        elif inside and key is not None and line.partition("=")[0].strip() == key:
            if not line[0].isspace():
                return number
            indented = number
    return indented
