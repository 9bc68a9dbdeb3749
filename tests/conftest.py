"""Rules of every test run: the stage where it is needed, and no secret anywhere.

Tests under attacks, conformance, e2e, faults and packaging, and those marked `stage`, need root
and the stage and fail with a clear line elsewhere; one that needs neither says so with the mark
`pure`. On the stage, a run fails if anything remembered by tests.parts.secrets turns up in a log,
in a file of the product, or in the arguments or environment of a process.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests import stage as stage_module
from tests.parts import accounts, secrets
from tests.parts.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.parts.accounts import Person

STAGED = {"attacks", "conformance", "e2e", "faults", "packaging"}
_watch = pytest.StashKey[Watch]()
_leaks = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Name the marks."""
    config.addinivalue_line("markers", "stage: needs root and the test stage")
    config.addinivalue_line("markers", "pure: needs no stage, wherever it lies")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail, before anything is made, a test that needs the stage and has none."""
    if _needs_stage(item):
        _require_stage()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin to watch the processes of the run."""
    if stage_module.VARIABLE in os.environ:
        session.config.stash[_watch] = Watch(secrets.registry)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if a secret leaked."""
    watch = session.config.stash.get(_watch, None)
    if watch is None:
        return
    leaks = watch.stop() + secrets.registry.leaks_in_files(secrets.product_files())
    session.config.stash[_leaks] = leaks
    if leaks:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say where secrets leaked to."""
    leaks = config.stash.get(_leaks, [])
    if leaks:
        terminalreporter.section("secrets leaked", red=True)
    for leak in leaks:
        terminalreporter.line(leak)


@pytest.fixture(scope="session")
def stage() -> Path:
    """Return the workspace of the stage."""
    _require_stage()
    return stage_module.workspace()


@pytest.fixture
def person(stage: Path) -> Iterator[Person]:
    """Give a throw-away account with a key pair."""
    assert stage.is_dir()
    with accounts.make() as made:
        yield made


def _needs_stage(item: pytest.Item) -> bool:
    if item.get_closest_marker("pure"):
        return False
    if item.get_closest_marker("stage"):
        return True
    here = stage_module.TREE / "tests"
    return item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in STAGED


def _require_stage() -> None:
    try:
        stage_module.workspace()
    except stage_module.StageError as error:
        pytest.fail(str(error), pytrace=False)
