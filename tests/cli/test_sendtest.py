"""otpauth-admin send-test and config: what an administrator learns of his channels."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.parts import enrolment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.stage
CONF = "/etc/otpauth/otpauth.conf"
SECRETS = "/etc/otpauth/secrets"


@pytest.fixture
def configure(stage: Path) -> Iterator[Callable[..., Path]]:
    """Give what writes otpauth.conf with a channel that keeps what it is given."""
    folder = stage / "tmp" / f"sent-{os.urandom(4).hex()}"
    folder.mkdir()
    folder.chmod(0o1777)
    program = folder / "program"
    program.write_text(f'#!/bin/sh\ncat >{folder}/message\n[ "$1" != +666666 ]\n')
    program.chmod(0o755)

    def write(more: str = "", secrets: str | None = None) -> Path:
        text = f"[channel sms]\ntype = command\nrun_as = daemon\ncommand = {program} {{to}}\n"
        _write(CONF, f"{text}for = *\nto = +1555\n{more}", 0o644)
        if secrets is not None:
            _write(SECRETS, secrets, 0o600)
        return folder / "message"

    yield write
    for path in (CONF, SECRETS):
        if os.path.exists(path):
            os.unlink(path)


def _write(path: str, text: str, mode: int) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def test_send_test(configure: Callable[..., Path]) -> None:
    """A message goes to the address that is given, and its text is the channel's."""
    message = configure("text = {code} for {user}\n")
    done = enrolment.admin("send-test", "sms", "+49 30 123456")
    assert (done.returncode, done.stderr) == (0, "")
    assert "+4930123456" in done.stdout
    assert message.read_text()[6:] == " for root\n"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("sms", "+666666"), "exit 1; nothing was sent"),
        (("sms", "nobody"), "'nobody' is not a telephone number"),
        (("mail", "a@example.org"), "no [channel mail]"),
    ],
)
def test_faults(configure: Callable[..., Path], words: tuple[str, str], fault: str) -> None:
    """What is wrong is told in a line, with what to do, and the command fails."""
    configure()
    done = enrolment.admin("send-test", *words)
    assert done.returncode == 1
    assert fault in done.stderr
    assert "hint:" in done.stderr


def test_config(configure: Callable[..., Path]) -> None:
    """`config` shows channels, and says file and line of one whose secret is not there."""
    push = "[channel push]\ntype = http\nfor = *\nto = x\nurl = https://x.org/{secret.t}\n"
    configure(push)
    done = enrolment.admin("config")
    assert done.returncode == 1
    assert f"{CONF}:7: [channel push] wants {{secret.t}}" in done.stderr
    configure(push, "t = hunter2\n")
    done = enrolment.admin("config")
    assert done.returncode == 0, done.stderr
    assert "channel push.url" in done.stdout
    assert "hunter2" not in done.stdout
    os.chmod(SECRETS, 0o640)
    done = enrolment.admin("config")
    assert done.returncode == 1
    assert "may be read by others" in done.stderr
