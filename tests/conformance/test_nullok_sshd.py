"""nullok before a real sshd: theirs lets a user without a file in with nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.parts import accounts, client
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage

ADVISED = "auth required {module} nullok\nauth required pam_permit.so"
GOOGLE, OURS = "pam_google_authenticator.so", "pam_python.so pam_otpauth.py"
ALONE = ("AuthenticationMethods keyboard-interactive",)
KEY_FIRST = ("AuthenticationMethods publickey,keyboard-interactive",)


@pytest.fixture
def stranger(stage: Path) -> Iterator[Person]:
    """Give somebody who is enrolled nowhere."""
    assert stage.is_dir()
    with accounts.make() as person:
        yield person


@pytest.mark.parametrize(("module", "gets_in"), [(GOOGLE, True), (OURS, False)])
def test_no_factor_at_all(stranger: Person, module: str, *, gets_in: bool) -> None:
    """With the stack that theirs advises, no key and no code let somebody in; not with ours."""
    with Sshd(ADVISED.format(module=module), ALONE) as sshd:
        done = client.login(
            stranger, sshd, ["000000"] * 3, methods="keyboard-interactive", key=False
        )
    assert done.ok is gets_in
    assert bool(done.prompts) is not gets_in


@pytest.mark.parametrize("module", [GOOGLE, OURS])
def test_with_a_key(stranger: Person, module: str) -> None:
    """After a key, nullok lets who has not enrolled yet pass, unasked, with both."""
    with Sshd(ADVISED.format(module=module), KEY_FIRST) as sshd:
        done = client.login(stranger, sshd)
    assert done.ok
    assert not done.prompts
