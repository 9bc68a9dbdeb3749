"""Submission to a real mail server: STARTTLS, TLS, AUTH, and what it is when they fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otpauth import channels
from otpauth.errors import SendError
from otpauth.send import smtp
from tests.parts import channel
from tests.parts.mailserver import MailServer

if TYPE_CHECKING:
    from pathlib import Path

    from otpauth.channels import Channel

RIGHT = {"pw": "right-password"}


def made(server: MailServer, more: str = "") -> Channel:
    """Return a channel to a server, whose certificate it trusts."""
    tls = "starttls" if server.mode == "hang" else server.mode.replace("plain", "starttls")
    return channel.make(
        "mail",
        f"type = smtp\nhost = localhost\nport = {server.port}\ntls = {tls}\nca = {server.chain}\n"
        f"user = otpauth\npassword = {{secret.pw}}\nsender = otp@example.org\n{more}",
    )


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_submission(
    mode: str, certificate: tuple[Path, Path], tmp_path: Path, values: dict[str, str]
) -> None:
    """A message goes encrypted and authenticated, from the sender to the one address."""
    with MailServer(*certificate, tmp_path, mode) as server:
        smtp.send(made(server, "html = <p>{code} for <b>{user}</b></p>\n"), values, RIGHT)
        ((envelope, message),) = server.messages()
    assert (envelope["from"], envelope["to"]) == ("otp@example.org", ["bob@example.org"])
    assert (envelope["tls"], envelope["auth"], envelope["name"]) == (True, True, "web1")
    plain, page = message.get_body(["plain"]), message.get_body(["html"])
    assert plain
    assert page
    assert "482913" in plain.get_content()
    assert page.get_content().strip() == "<p>482913 for <b>bob</b></p>"
    assert message["Subject"] == "Login code for web1"
    assert message["Auto-Submitted"] == "auto-generated"


def test_slow(
    certificate: tuple[Path, Path],
    tmp_path: Path,
    values: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that is there may take its time: the bound on connecting is none on answering."""
    monkeypatch.setattr(channels, "CONNECT_SECONDS", 2)
    with MailServer(*certificate, tmp_path) as server:
        smtp.send(made(server), values | {"to": "slow@example.org"}, RIGHT)
        assert len(server.messages()) == 1


def test_wrong_password(
    certificate: tuple[Path, Path], tmp_path: Path, values: dict[str, str]
) -> None:
    """A wrong password is told by its number alone, and nothing was sent."""
    with MailServer(*certificate, tmp_path) as server:
        with pytest.raises(SendError, match="535") as caught:
            smtp.send(made(server), values, {"pw": "hunter2"})
        assert caught.value.lost
        assert "hunter2" not in str(caught.value)
        assert not server.messages()


def test_no_starttls(
    certificate: tuple[Path, Path], tmp_path: Path, values: dict[str, str]
) -> None:
    """A server, or somebody between, that offers no STARTTLS gets neither password nor code."""
    with MailServer(*certificate, tmp_path, "plain") as server:
        with pytest.raises(SendError) as caught:
            smtp.send(made(server), values, RIGHT)
        assert caught.value.lost
        assert not server.messages()


def test_unknown_certificate(
    certificate: tuple[Path, Path],
    stranger: tuple[Path, Path],
    tmp_path: Path,
    values: dict[str, str],
) -> None:
    """A server whose certificate is unknown, or of another name, gets nothing."""
    with (
        MailServer(*certificate, tmp_path) as server,
        pytest.raises(SendError, match="certificate"),
    ):
        smtp.send(made(server)._replace(ca=""), values, RIGHT)
    with MailServer(*stranger, tmp_path) as server:
        with pytest.raises(SendError, match="certificate"):
            smtp.send(made(server), values, RIGHT)
        assert not server.messages()


def test_refused_address(
    certificate: tuple[Path, Path], tmp_path: Path, values: dict[str, str]
) -> None:
    """An address that the server refuses is a fault: nothing was sent."""
    with MailServer(*certificate, tmp_path) as server:
        values["to"] = "nobody@example.org"
        with pytest.raises(SendError, match="550") as caught:
            smtp.send(made(server), values, RIGHT)
        assert caught.value.lost
