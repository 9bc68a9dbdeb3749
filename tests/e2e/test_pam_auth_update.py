"""The profile of pam-auth-update: chosen, every service asks for a code; dropped, none does."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import stack
from otpauth.doctor import pamstack
from tests.parts import accounts, enrolment, pam

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "correct horse battery"
INSTALLED = Path("/usr/local/share/otpauth/pam-configs/otpauth")
PROFILES = Path("/usr/share/pam-configs")
COMMON = [Path(f"/etc/pam.d/common-{kind}") for kind in ("auth", "account", "session")]


@pytest.fixture
def profile(stage: Path) -> Iterator[None]:
    """Put the profile where pam-auth-update looks, as the package does."""
    copy = stage / "tmp" / "pam-configs"
    copy.mkdir()
    subprocess.run(("cp", "-a", f"{PROFILES}/.", str(copy)), check=True)
    subprocess.run(("mount", "--bind", str(copy), str(PROFILES)), check=True)
    (PROFILES / "otpauth").write_bytes(INSTALLED.read_bytes())
    yield
    subprocess.run(("umount", "--lazy", str(PROFILES)), check=True)


def update(*words: str) -> None:
    """Run the real pam-auth-update, which edits the files that every service includes."""
    subprocess.run(("pam-auth-update", "--package", *words), check=True, capture_output=True)


@pytest.mark.usefixtures("profile")
def test_password_and_code_at_every_service() -> None:
    """By itself nothing asks; enabled, password and code are, with after_password justified."""
    before = [path.read_text() for path in COMMON]
    update()
    assert [path.read_text() for path in COMMON] == before
    with accounts.make(password=PASSWORD) as person, pam.service("@include common-auth") as name:
        fob = enrolment.fob(person)
        update("--enable", "otpauth")
        lines = stack.read(name)
        (place,) = [number for number, line in enumerate(lines) if line.ours]
        assert "after_password" in lines[place].args
        assert pamstack.password_demanded(lines[:place])
        done = pam.drive(name, person.name, [PASSWORD, fob.next()]).one
        assert (done.ok, len(done.asked)) == (True, 2)
        assert not pam.drive(name, person.name, [PASSWORD, fob.wrong()]).one.ok
        assert len(pam.drive(name, person.name, ["wrong", fob.next()]).one.asked) == 1
        update("--disable", "otpauth")
        assert [path.read_text() for path in COMMON] == before
        assert pam.drive(name, person.name, [PASSWORD]).one.ok
