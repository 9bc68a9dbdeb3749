"""The courier, run as a login runs it: without privileges, in its time, telling no secret."""

from __future__ import annotations

import os
import pwd
import time
from typing import TYPE_CHECKING

import pytest

from otpauth import send
from otpauth.errors import SendError
from tests.parts import channel, processes, secrets
from tests.parts.gateway import Gateway, Raw
from tests.parts.mailserver import MailServer
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.stage
CODE = "482913"


@pytest.fixture
def folder(stage: Path) -> Path:
    """Give a folder that everybody may write to."""
    made = stage / "tmp" / f"sent-{os.urandom(4).hex()}"
    made.mkdir()
    made.chmod(0o1777)
    return made


def about(to: str = "bob@example.org") -> send.Letter:
    """Return what a message is about."""
    return send.Letter(to, CODE, "bob", "sshd", "192.0.2.7", int(time.time()) + 300, "aabb")


def program(folder: Path, text: str) -> Path:
    """Write a program for /bin/sh."""
    made = folder / "program"
    made.write_text(f"#!/bin/sh\n{text}\n")
    made.chmod(0o755)
    return made


def test_command(folder: Path) -> None:
    """A command gets the text on stdin and the address as a word, no environment, no rights."""
    seen = folder / "seen"
    run = program(folder, f'cat >{seen}; echo "$#:$1:$2" >>{seen}; id >>{seen}; env >>{seen}')
    found = channel.make(
        "sms", f"type = command\nrun_as = daemon\ncommand = {run} {{to}} --x\ntext = {{code}} é\n"
    )
    send.deliver(found, about("+49 30 1;$(reboot)"), {})
    first, words, ids, *rest = seen.read_text(encoding="utf-8").splitlines()
    assert (first, words) == (f"{CODE} é", "2:+49 30 1;$(reboot):--x")
    assert f"uid={pwd.getpwnam('daemon').pw_uid}(daemon)" in ids
    assert "root" not in ids
    assert {line.partition("=")[0] for line in rest} <= {"PWD", "SHLVL", "_", "OLDPWD"}
    assert f"code={CODE}" not in "".join(rest)


def test_command_options(folder: Path) -> None:
    """A value that would become an option of the command is refused, and the command not run."""
    run = program(folder, f"touch {folder}/ran")
    found = channel.make("push", f"type = command\nrun_as = daemon\ncommand = {run} {{user}}\n")
    with pytest.raises(SendError, match="option") as caught:
        send.deliver(found, about()._replace(user="-rf"), {})
    assert caught.value.lost
    assert not (folder / "ran").exists()


def test_command_fails(folder: Path) -> None:
    """A command that fails, or is not there, is told; what it printed is not."""
    run = program(folder, "echo hunter2; echo hunter2 >&2; exit 3")
    found = channel.make("push", f"type = command\nrun_as = daemon\ncommand = {run}\n")
    with pytest.raises(SendError, match="exit 3") as caught:
        send.deliver(found, about(), {})
    assert "hunter2" not in str(caught.value)
    with pytest.raises(SendError, match="No such file"):
        send.deliver(found._replace(command=("/nowhere",)), about(), {})


def test_command_hangs(folder: Path) -> None:
    """A command that does not end is ended, with all that it started."""
    pid = folder / "pid"
    run = program(folder, f"sleep 60 & echo $! >{pid}; wait")
    found = channel.make(
        "push", f"type = command\nrun_as = daemon\ntimeout = 2s\ncommand = {run}\n"
    )
    since = time.monotonic()
    with pytest.raises(SendError, match="time was over") as caught:
        send.deliver(found, about(), {})
    assert not caught.value.lost
    assert time.monotonic() - since < 4
    wait_until(lambda: not processes.alive(int(pid.read_text())), what="its child is ended")


def test_no_account(folder: Path) -> None:
    """Without the account that it shall run as nothing runs, and never as root."""
    run = program(folder, f"touch {folder}/ran")
    found = channel.make("push", f"type = command\nrun_as = daemon\ncommand = {run}\n")
    for name in ("nobody-here", "root"):
        with pytest.raises(SendError, match="run_as") as caught:
            send.deliver(found._replace(run_as=name), about(), {})
        assert caught.value.lost
    assert not (folder / "ran").exists()


def test_missing_secret() -> None:
    """A secret that is not in the secrets file is named, and nothing is sent."""
    text = "type = http\nurl = https://localhost/{secret.token}\n"
    with pytest.raises(SendError, match="'token'") as caught:
        send.deliver(channel.make("push", text), about(), {"tok": "x"})
    assert caught.value.lost


def test_gateway(certificate: tuple[Path, Path], folder: Path) -> None:
    """A gateway is asked once, with its secret, which is in no process list."""
    token = secrets.remember(os.urandom(16).hex())
    chain = folder / "ca.pem"
    chain.write_bytes(certificate[0].read_bytes())
    with Gateway(*certificate) as gateway:
        text = f"type = http\nca = {chain}\nurl = {gateway.url}/{{secret.token}}\n"
        send.deliver(channel.make("push", text), about(), {"token": token, "other": "x"})
        (seen,) = gateway.requests
    assert seen.path == f"/{token}"
    assert CODE.encode() in seen.body


def test_second_try(certificate: tuple[Path, Path], folder: Path) -> None:
    """A gateway that is not reached is tried once more; one that answered is not."""
    chain = folder / "ca.pem"
    chain.write_bytes(certificate[0].read_bytes())
    with Gateway(*certificate, answer=lambda _: (503, {})) as gateway:
        found = channel.make("push", f"type = http\nca = {chain}\nurl = {gateway.url}/\n")
        with pytest.raises(SendError, match="503") as caught:
            send.deliver(found, about(), {})
        assert caught.value.lost
        assert len(gateway.requests) == 1
    since = time.monotonic()
    with pytest.raises(SendError, match="refused"):
        send.deliver(found, about(), {})
    assert 0.5 < time.monotonic() - since < 5


def test_dripping_gateway(certificate: tuple[Path, Path], folder: Path) -> None:
    """A gateway that answers a byte at a time for ever is left in the time of the channel."""
    chain = folder / "ca.pem"
    chain.write_bytes(certificate[0].read_bytes())
    with Raw(*certificate, said=b"HTTP/1.1 200 OK" + b" " * 1000, pause=0.2) as gateway:
        text = f"type = http\nca = {chain}\nurl = {gateway.url}/\ntimeout = 2s\n"
        since = time.monotonic()
        with pytest.raises(SendError, match="time was over") as caught:
            send.deliver(channel.make("push", text), about(), {})
        assert not caught.value.lost
        assert time.monotonic() - since < 4


def test_hanging_mail_server(certificate: tuple[Path, Path], folder: Path) -> None:
    """A mail server that says nothing is left in the time of the channel."""
    with MailServer(*certificate, folder, "hang") as server:
        text = f"type = smtp\nhost = 127.0.0.1\nport = {server.port}\nsender = a@example.org\n"
        since = time.monotonic()
        with pytest.raises(SendError):
            send.deliver(channel.make("mail", f"{text}timeout = 2s\n"), about(), {})
        assert time.monotonic() - since < 4


def test_sendmail(folder: Path) -> None:
    """The mail system gets the envelope as words and a whole message on stdin."""
    run = program(folder, f'echo "$@" >{folder}/words; cat >{folder}/message')
    found = channel.make("mail", f"type = sendmail\nsender = otp@example.org\ncommand = {run}\n")
    send.deliver(found, about(), {})
    words = (folder / "words").read_text()
    assert words == "-i -f otp@example.org -- bob@example.org\n"
    message = (folder / "message").read_text()
    assert message.startswith("From: otp@example.org\n")
    assert "\nTo: bob@example.org\n" in message
    assert CODE in message
