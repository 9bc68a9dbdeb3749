"""One person, enrolled with both modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance.anchor import Pair
from tests.conformance.scenarios import PERIOD, STRICT
from tests.parts import accounts
from tests.parts.faketime import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def pair(stage: Path) -> Iterator[Pair]:
    """Give one person enrolled with both modules, at step 10000."""
    assert stage.is_dir()
    with Clock() as clock, accounts.make() as person:
        clock.freeze(10000 * PERIOD)
        made = Pair(person, clock)
        made.install(STRICT)
        yield made
