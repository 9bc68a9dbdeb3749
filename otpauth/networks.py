"""Networks as otpauth.conf writes them, and whether a remote host's text is an address in one.

Only literal addresses count: what a name stands for, its owner's DNS says. A v4-mapped IPv6 address
is the IPv4 address in it, and a zone is cut off.
"""

from __future__ import annotations

from otpauth.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

MOST = 64  # networks in one value
_MAPPED = 96  # bits before an IPv4 address in an IPv6 one


def literal(rhost: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text is; None for names and for nothing."""
    import ipaddress

    try:
        found = ipaddress.ip_address(rhost.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return mapped or found


def within(networks: tuple[str, ...], rhost: str) -> bool:
    """Say whether a remote host's text is an address in one of these networks."""
    found = literal(rhost) if networks else None
    if found is None:
        return False
    import ipaddress

    return any(found in ipaddress.ip_network(each) for each in networks)


def read(text: str) -> tuple[str, ...]:
    """Read networks and addresses, separated by blanks; none of an empty text."""
    words = text.split()
    if len(words) > MOST:
        raise ConfigError(f"there are {len(words)} networks", hint=f"{MOST} at most")
    return tuple(_network(word) for word in words)


def _network(word: str) -> str:
    import ipaddress

    try:
        found = ipaddress.ip_network(word)
    except ValueError:
        found = None
    _, slash, size = word.partition("/")
    if found is None or "%" in word or (slash and not size.isdigit()):
        fault, hint = _wrong(word)
        raise ConfigError(fault, hint=hint)
    mapped = found.network_address.ipv4_mapped if found.version == 6 else None
    if mapped and found.prefixlen >= _MAPPED:
        hint = f"{mapped}/{found.prefixlen - _MAPPED}"
        raise ConfigError(f"{word!r} is a network of IPv4 addresses", hint=hint)
    return word


def _wrong(word: str) -> tuple[str, str]:
    """Return what is wrong with a text that is no network, and what may be meant."""
    import ipaddress

    try:
        meant = ipaddress.ip_network(word.partition("%")[0], strict=False)
    except ValueError:
        return f"{word!r} is not a network", "like 10.1.0.0/16, fd00:1::/32 or 192.0.2.7"
    if "%" in word:
        return f"{word!r} has a zone", str(meant).removesuffix("/128")
    if str(meant.network_address) == word.partition("/")[0]:
        return f"{word!r} is not a network", str(meant)
    return f"{word!r} is an address in a network", f"{meant}, or {word.partition('/')[0]}"
