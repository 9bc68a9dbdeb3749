"""What several files of this folder log in to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.parts import enrolment, pam, post
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.post import Post


@pytest.fixture
def google(stage: Path) -> Iterator[str]:
    """Give a service of pam_google_authenticator."""
    assert stage.is_dir()
    with pam.service("auth required pam_google_authenticator.so") as name:
        yield name


@pytest.fixture(name="post")
def an_office(stage: Path) -> Iterator[Post]:
    """Give an empty post office."""
    with post.office(stage) as found:
        yield found


@pytest.fixture(scope="module")
def by_key(stage: Path) -> Iterator[Sshd]:
    """Give a server that wants a key and a code."""
    assert stage.is_dir()
    with Sshd(enrolment.STACK) as sshd:
        yield sshd


@pytest.fixture
def conf(stage: Path) -> Iterator[Path]:
    """Give where otpauth.conf is, and take it away again."""
    assert stage.is_dir()
    path = Path("/etc/otpauth/otpauth.conf")
    yield path
    path.unlink(missing_ok=True)
