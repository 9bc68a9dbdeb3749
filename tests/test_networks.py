"""Networks: which are read, and which addresses are in them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpauth import limits, networks
from otpauth.errors import ConfigError

HINTS = {
    "10.1.2.3/16": "10.1.0.0/16, or 10.1.2.3",
    "fd00:1::1/32": "fd00:1::/32, or fd00:1::1",
    "10.0.0.0/255.0.0.0": "10.0.0.0/8",
    "fe80::1%eth0": "fe80::1",
    "::ffff:10.0.0.0/104": "10.0.0.0/8",
    "::ffff:10.0.0.1": "10.0.0.1/32",
}
INSIDE = ["10.1.2.3", "::ffff:10.1.2.3", "::FFFF:A01:203", "fd00:1::5", "fd00:1::5%eth0"]
OUTSIDE = [
    "",
    "10.2.0.1",
    "fd00:2::1",
    "web.example.org",
    "10.1.2.3.example.org",
    "10.1.2.3%.example.org",
    "10.1.2",
    "010.1.2.3",
]
OUTSIDE += [
    "10.1.2.3 ",
    "10.1.2.3\n",
    "10.1.2.3\0",
    "\x1b[2J",
    "%10.1.2.3",
    "::",
    "2130706433",
    "x" * 5000,
]
addresses = st.ip_addresses()


@pytest.mark.parametrize("text", HINTS)
def test_what_is_meant_is_told(text: str) -> None:
    """What is nearly a network is refused with the network that may be meant, and that is read."""
    with pytest.raises(ConfigError) as caught:
        networks.read(text)
    assert repr(text) in str(caught.value)
    assert caught.value.hint == HINTS[text]
    assert networks.read(caught.value.hint.replace(", or", ""))


@pytest.mark.parametrize("rhost", INSIDE)
def test_inside(rhost: str) -> None:
    """A literal address counts, v4-mapped as the IPv4 address, and without its zone."""
    assert networks.within(("192.0.2.7", "10.1.0.0/16", "fd00:1::/32"), rhost)


@pytest.mark.parametrize("rhost", OUTSIDE)
def test_outside(rhost: str) -> None:
    """Other addresses, names, nothing at all and what is no address never count."""
    assert not networks.within(("192.0.2.7", "10.1.0.0/16", "fd00:1::/32"), rhost)


@given(st.lists(addresses, max_size=4), st.integers(0, 128), addresses)
def test_as_the_bits_say(firsts: list[ipaddress.IPv4Address], size: int, rhost: object) -> None:
    """An address is in networks that were read if and only if its first bits are one's."""
    nets = [
        ipaddress.ip_network((each, min(size, each.max_prefixlen)), strict=False) for each in firsts
    ]
    nets = [each for each in nets if each.version == 4 or not each.network_address.ipv4_mapped]
    found = ipaddress.ip_address(str(rhost))
    found = getattr(found, "ipv4_mapped", None) or found

    def bits(address: object, length: int) -> str:
        width = 32 if ipaddress.ip_address(str(address)).version == 4 else 128
        return f"{int(ipaddress.ip_address(str(address))):0{width}b}"[:length]

    expected = any(
        found.version == each.version
        and bits(found, each.prefixlen) == bits(each.network_address, each.prefixlen)
        for each in nets
    )
    assert networks.within(networks.read(" ".join(map(str, nets))), str(rhost)) == expected


@given(st.text("0123456789abcdf:.%/ \n\0x", max_size=20) | addresses.map(str))
def test_an_address_is_what_it_is_elsewhere(text: str) -> None:
    """What counts as an address is what the limits' places take for one, too."""
    counts = networks.within(("0.0.0.0/0", "::/0"), text)
    assert counts == (limits.place(text or "name", 0) != "name")
