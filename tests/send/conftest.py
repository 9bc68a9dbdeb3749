"""What the tests of sending share: certificates, values, channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.parts import gateway

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give the certificate and key of localhost."""
    return gateway.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give the certificate and key of another host."""
    return gateway.certificate(tmp_path_factory.mktemp("tls"), name="example.org")


@pytest.fixture
def values() -> dict[str, str]:
    """Give what a message is about."""
    return {
        "code": "482913",
        "host": "web1",
        "id": "00112233aabbccdd",
        "rhost": "2001:db8::7",
        "service": "sshd",
        "to": "bob@example.org",
        "until": "14:05 UTC",
        "user": "bob",
    }
