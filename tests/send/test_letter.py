"""Mail as a standard parser reads it: right whatever names and addresses hold."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from otpauth import send
from otpauth.send import letter
from tests.parts import channel

CHANNEL = channel.make(
    "mail",
    "type = sendmail\nsender = otp@example.org\nsubject = {user} at {host}: {service}\n"
    "text = {code} {user} {service} {rhost}\nhtml = <p>{user} {rhost}</p>\n",
)

HEADERS = [
    *("Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID"),
    *("Subject", "To"),
]


def letter_for(**more: str) -> send.Letter:
    """Return what a message is about."""
    usual = {"user": "bob", "service": "sshd", "rhost": "192.0.2.1", **more}
    return send.Letter(to="bob@example.org", code="482913", until=10**9, ident="ab", **usual)


def read(data: bytes) -> EmailMessage:
    """Return a message as the standard parser reads it."""
    found = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


@given(user=st.text(max_size=60), service=st.text(max_size=60), rhost=st.text(max_size=60))
def test_any_names(user: str, service: str, rhost: str) -> None:
    """Whatever a name holds, there is one address, no header more, and the code in the text."""
    written = letter.write(
        CHANNEL, send.values(letter_for(user=user, service=service, rhost=rhost))
    )
    seen = read(written.as_bytes())
    assert sorted(seen.keys()) == HEADERS
    assert seen["To"] == "bob@example.org"
    assert seen.get_all("Bcc") is None
    assert not seen.defects
    plain, page = seen.get_body(["plain"]), seen.get_body(["html"])
    assert plain
    assert plain.get_content().startswith("482913 ")
    assert page
    assert page.get_content().count("<") == 2


def test_names_are_kept() -> None:
    """Umlauts arrive as they are, in the subject and in the text; lines of it stay lines."""
    seen = read(letter.write(CHANNEL, send.values(letter_for(user="jörg"))).as_bytes())
    assert seen["Subject"].startswith("jörg at ")
    plain = seen.get_body(["plain"])
    assert plain
    assert "jörg" in plain.get_content()


def test_line_ends() -> None:
    """A line end in a name becomes a question mark."""
    found = send.values(letter_for(user="bob\r\nBcc: eve@example.org", rhost=""))
    assert found["user"] == "bob??Bcc: eve@example.org"
    assert found["rhost"] == "the host itself"
