"""Networks as otpauth.conf writes them, and whether a remote host's text is an address in one.

Only literal addresses count: what a name stands for, its owner's DNS says. A v4-mapped IPv6 address
is the IPv4 address in it, and a zone is cut off.

A file may hold hundreds of networks, and each login reads them: inet_pton(3) does that, without
what it would take to load ipaddress, which here only says what is wrong.
"""

from __future__ import annotations

import _socket

from otpauth.errors import ConfigError

MOST = 64  # networks in one value
_MAPPED = 0xFFFF  # what stands before the IPv4 address in an IPv6 one, RFC 4291 2.5.5.2


def within(networks: tuple[str, ...], rhost: str) -> bool:
    """Say whether a remote host's text is an address in one of these networks, as read() does."""
    literal = rhost.partition("%")[0] if ":" in rhost else rhost  # IPv4 has no zones
    found = _number(literal) if networks else None
    if found is None:
        return False
    number, width = found
    if width == 128 and number >> 32 == _MAPPED:
        number, width = number & 0xFFFFFFFF, 32
    for each in networks:
        first, size, other = _network(each)
        if width == other and number >> (width - size) == first >> (width - size):
            return True
    return False


def read(text: str) -> tuple[str, ...]:
    """Read networks and addresses, separated by blanks; none of an empty text."""
    words = tuple(text.split())
    if len(words) > MOST:
        raise ConfigError(f"there are {len(words)} networks", hint=f"{MOST} at most")
    for word in words:
        first, size, width = _network(word)
        if first & ((1 << (width - size)) - 1) or (width == 128 and first >> 32 == _MAPPED):
            raise _wrong(word)
    return words


def _network(word: str) -> tuple[int, int, int]:
    """Return a network's address as a number, and of how many bits it and an address are."""
    address, slash, size = word.partition("/")
    found = _number(address)
    if found is None or (slash and not (size.isascii() and size.isdigit() and len(size) <= 3)):
        raise _wrong(word)
    number, width = found
    if slash and int(size) > width:
        raise _wrong(word)
    return number, int(size) if slash else width, width


def _number(address: str) -> tuple[int, int] | None:
    """Return an address as a number, and of how many bits it is; None if the text is none."""
    family, width = (_socket.AF_INET6, 128) if ":" in address else (_socket.AF_INET, 32)
    try:
        return int.from_bytes(_socket.inet_pton(family, address), "big"), width
    except (OSError, ValueError):
        return None


def _wrong(word: str) -> ConfigError:
    """Return what is wrong with a text that is no network, and what may be meant."""
    import ipaddress

    address, _, zone = word.partition("%")
    try:
        meant = ipaddress.ip_network(address, strict=False)
    except ValueError:
        hint = "like 10.1.0.0/16, fd00:1::/32 or 192.0.2.7"
        return ConfigError(f"{word!r} is not a network", hint=hint)
    first = meant.network_address
    mapped = first.ipv4_mapped if first.version == 6 else None
    if zone:
        return ConfigError(f"{word!r} has a zone", hint=str(meant).removesuffix("/128"))
    if mapped and meant.prefixlen >= 96:
        hint = f"{mapped}/{meant.prefixlen - 96}"
        return ConfigError(f"{word!r} is a network of IPv4 addresses", hint=hint)
    if str(first) == word.partition("/")[0]:
        return ConfigError(f"{word!r} is not a network", hint=str(meant))
    hint = f"{meant}, or {word.partition('/')[0]}"
    return ConfigError(f"{word!r} is an address in a network", hint=hint)
