"""The providers of the how-tos, played on this machine under their own names, which it trusts."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from tests.parts import gateway, providers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.gateway import Gateway

TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")
HOSTS = Path("/etc/hosts")
ACCOUNT, TOKEN = "AC0123456789abcdef0123456789abcdef", "what-the-provider-gave"  # of the page
PLAYED = {
    "api.twilio.com": providers.twilio(ACCOUNT, TOKEN),
    "api.pushover.net": providers.pushover,
}


def named(text: str) -> str:
    """Return the provider that a page is about, empty for none."""
    return next((name for name in PLAYED if f"https://{name}/" in text), "")


@contextmanager
def played(name: str, folder: Path) -> Iterator[Gateway]:
    """Run a provider; /etc must be a copy. It has an address of this machine to itself."""
    number = os.getpid()
    address = f"127.{1 + number // 62500 % 250}.{number // 250 % 250}.{2 + number % 250}"
    chain, key = gateway.certificate(folder, name=name)
    with TRUSTED.open("a") as trusted, HOSTS.open("a") as hosts:
        trusted.write(chain.read_text())
        hosts.write(f"{address} {name}\n")
    with gateway.Gateway(chain, key, PLAYED[name], place=(address, 443)) as found:
        yield found


def code(found: Gateway) -> str:
    """Return the code in the latest message."""
    form = parse_qs(found.requests[-1].body.decode())
    codes = [each for text in form.values() for each in re.findall(r"\b\d{6}\b", text[0])]
    assert len(codes) == 1, codes
    return codes[0]
