"""The parties: a victim, somebody else with an account, and a service that asks for codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attacks import victim as victims
from tests.parts import accounts, pam

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.attacks.victim import Victim
    from tests.parts.accounts import Person


@pytest.fixture(scope="module")
def service(stage: Path) -> Iterator[str]:
    """Give a PAM service that asks for a code and nothing else."""
    assert stage.is_dir()
    with pam.service(victims.STACK) as name:
        yield name


@pytest.fixture
def victim(stage: Path) -> Iterator[Victim]:
    """Give an enrolled person."""
    assert stage.is_dir()
    with victims.enrolled() as made:
        yield made


@pytest.fixture
def attacker(stage: Path) -> Iterator[Person]:
    """Give somebody else with an account on the host."""
    assert stage.is_dir()
    with accounts.make() as made:
        yield made
