"""What a PAM stack comes to: when a password is demanded above a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otpauth import stack
from otpauth.doctor import pamstack

if TYPE_CHECKING:
    from pathlib import Path

UNIX = "auth {} pam_unix.so"
DEBIAN = "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so"
TWO = "auth [success=2 default=ignore] pam_unix.so\nauth [success=1 default=ignore] pam_sss.so\n"


@pytest.mark.parametrize(
    ("text", "demanded"),
    [
        ("", False),
        (UNIX.format("requisite"), True),
        (UNIX.format("[success=ok default=die]"), True),
        (UNIX.format("required"), False),
        (UNIX.format("optional"), False),
        (UNIX.format("[success=ok default=bad]"), False),
        ("auth requisite pam_nologin.so", False),
        ("auth requisite pam_deny.so", False),
        (DEBIAN, True),
        (DEBIAN.replace("requisite", "required"), False),
        (f"{TWO}auth requisite pam_deny.so", True),
        (f"{TWO}auth required pam_permit.so", False),
    ],
)
def test_a_password_is_demanded(tmp_path: Path, text: str, demanded: bool) -> None:  # noqa: FBT001
    """Only lines that stop who fails the password justify after_password."""
    (tmp_path / "one").write_text(f"{text}\n")
    assert pamstack.password_demanded(stack.read("one", folder=str(tmp_path))) == demanded
