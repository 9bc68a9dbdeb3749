"""Gateways over HTTPS: asked as the providers' own documentation demands, believed in nothing."""

from __future__ import annotations

import json
import re
import select
import socket
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from otpauth import channels, config
from otpauth.errors import SendError, UnreachedError
from otpauth.send import http
from tests.man import pages
from tests.parts import channel, howto, providers
from tests.parts.gateway import Gateway, Raw

if TYPE_CHECKING:
    from pathlib import Path

    from otpauth.channels import Channel

ACCOUNT, TOKEN = "AC" + "0123456789abcdef" * 2, "t0ken&=%+/ü"


def made(text: str, gateway: Gateway | Raw, name: str = "sms") -> Channel:
    """Return a channel to a gateway, whose certificate it trusts."""
    text = text.replace("{gateway}", gateway.url)
    return channel.make(name, f"type = http\nca = {gateway.chain}\n{text}")


def of_page(page: str, gateway: Gateway) -> Channel:
    """Return the first channel that a how-to gives, with this gateway in the provider's place."""
    text = re.sub(r"https://[a-z.]+", gateway.url, howto.channels(page)[0])
    (found,) = config.parse(text, path=page).channels.values()
    return found._replace(ca=str(gateway.chain))


def test_twilio(certificate: tuple[Path, Path], values: dict[str, str]) -> None:
    """The how-to's channel does what Twilio's documentation demands; a wrong secret is refused."""
    with Gateway(*certificate, answer=providers.twilio(ACCOUNT, TOKEN)) as gateway:
        found = of_page("ssh-code-by-sms.md", gateway)
        values["to"] = "+49301234567"
        http.send(found, values, {"sid": ACCOUNT, "token": TOKEN})
        with pytest.raises(SendError, match="answered 401") as caught:
            http.send(found, values, {"sid": ACCOUNT, "token": "wrong"})
        assert caught.value.lost
        assert b"482913" in gateway.requests[0].body


def test_pushover(certificate: tuple[Path, Path], values: dict[str, str]) -> None:
    """The how-to's channel does what Pushover's documentation demands."""
    with Gateway(*certificate, answer=providers.pushover) as gateway:
        found = of_page("sftp-code-by-push.md", gateway)
        values["to"] = "u" * 30
        http.send(found, values, {"pushover": "a" * 30})
        with pytest.raises(SendError, match="answered 400"):
            http.send(found, values, {"pushover": "short"})


@pytest.mark.parametrize("page", [path.name for path in howto.PAGES.glob("*-code-by-*.md")])
def test_pages(page: str) -> None:
    """Each channel of the how-tos is understood."""
    assert howto.channels(page)
    for text in howto.channels(page):
        assert config.parse(text, path=page).channels


PROVIDERS = {  # of an example: where codes go, path, and what the body must be
    "telegram": ("123456", "/bot1:secret-_/sendMessage", {"chat_id": "123456", "text": "{text}"}),
    "matrix": (
        "!abc:example.org",
        "/_matrix/client/v3/rooms/%21abc:example.org/send/m.room.message/00112233aabbccdd",
        {"msgtype": "m.text", "body": "{text}"},
    ),
    "signal": (
        "+4915112345",
        "/v2/send",
        {"number": "+15550100", "recipients": ["+4915112345"], "message": "{text}"},
    ),
    "own": ("+4915112345", "/send", {"to": "+4915112345", "text": "{text}"}),
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_providers(certificate: tuple[Path, Path], values: dict[str, str], name: str) -> None:
    """The examples of the page ask as Telegram, Matrix, signal-cli and their like demand."""
    to, path, body = PROVIDERS[name]
    text = pages.examples("otpauth.conf.5")[name]
    *_, found = config.parse(text, path=name).channels.values()
    with Gateway(*certificate) as gateway:
        url = re.sub(r"^https?://[^/]*", gateway.url, found.url)
        values["to"] = channels.admitted(found, to)
        secrets = dict.fromkeys(("telegram", "matrix", "sms"), "1:secret-_")
        http.send(found._replace(url=url, ca=str(certificate[0]), expect=()), values, secrets)
        (seen,) = gateway.requests
    said = channels.filled(found.text, values)
    assert "482913" in said
    assert json.loads(seen.body) == json.loads(json.dumps(body).replace("{text}", said))
    assert (seen.method, seen.path) == ("PUT" if name == "matrix" else "POST", path)
    assert seen.headers["Content-Type"] == "application/json"
    if name in ("matrix", "own"):
        assert seen.headers["Authorization"] == "Bearer 1:secret-_"


def test_plain_text(certificate: tuple[Path, Path], values: dict[str, str]) -> None:
    """Without form and json the text is the body, as ntfy wants it; headers are as given."""
    headers = "headers =\n  Authorization = Bearer {secret.t}\n  Priority = high\n"
    text = "url = {gateway}/otp-{to}\nmethod = PUT\n" + headers
    with Gateway(*certificate) as gateway:
        values |= {"to": "a/b?c#d", "user": "bö"}
        found = made(text + "text = {code} für {user}\n", gateway, "push")
        http.send(found, values, {"t": "tk"})
        (seen,) = gateway.requests
        assert (seen.method, seen.path) == ("PUT", "/otp-a%2Fb%3Fc%23d")
        assert seen.body.decode() == "482913 für bö"
        assert (seen.headers["Authorization"], seen.headers["Priority"]) == ("Bearer tk", "high")


def test_json(certificate: tuple[Path, Path], values: dict[str, str]) -> None:
    """A JSON object has texts, and lists where a name says so; quotes do not break out."""
    text = "url = {gateway}/v2/send\njson =\n  message = {text}\n  recipients[] = {to}\n"
    with Gateway(*certificate) as gateway:
        values["rhost"] = '","admin":"'
        found = made(f"{text}text = {{code}} {{rhost}}\n", gateway, "push")
        http.send(found, values, {})
        sent = json.loads(gateway.requests[0].body)
        assert sent == {"message": '482913 ","admin":"', "recipients": ["bob@example.org"]}


def test_form_escapes(certificate: tuple[Path, Path], values: dict[str, str]) -> None:
    """A value cannot add a field to a form nor a line to a header."""
    text = "url = {gateway}/\nform =\n  a = {text}\nheaders =\n  X-From = {rhost}\n"
    with Gateway(*certificate) as gateway:
        values["service"] = "x&admin=1"
        found = made(f"{text}text = {{code}} {{service}}\n", gateway)
        http.send(found, values, {})
        assert parse_qs(gateway.requests[0].body.decode()) == {"a": ["482913 x&admin=1"]}
        values["rhost"] = "x\r\nX-Evil: 1"
        with pytest.raises(SendError):
            http.send(found, values, {})
        assert len(gateway.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 500, 204])
def test_other_statuses(
    status: int, certificate: tuple[Path, Path], values: dict[str, str]
) -> None:
    """A redirect is not followed, and no status but those expected counts as sent."""
    with Gateway(*certificate) as other:
        answer = (status, {"Location": f"{other.url}/elsewhere"})
        with Gateway(*certificate, answer=lambda _: answer) as gateway:
            with pytest.raises(SendError, match=f"answered {status}"):
                http.send(made("url = {gateway}/\nexpect = 200 201\n", gateway), values, {})
            assert len(gateway.requests) == 1
        assert not other.requests


def test_certificate(
    certificate: tuple[Path, Path], stranger: tuple[Path, Path], values: dict[str, str]
) -> None:
    """A gateway whose certificate is unknown, or of another name, gets not a byte."""
    with Gateway(*certificate) as gateway:
        found = made("url = {gateway}/\n", gateway)._replace(ca="")
        with pytest.raises(UnreachedError, match="certificate"):
            http.send(found, values, {})
    with Gateway(*stranger) as gateway:
        with pytest.raises(UnreachedError, match="certificate"):
            http.send(made("url = {gateway}/\n", gateway), values, {})
        assert not gateway.requests


def test_environment(
    certificate: tuple[Path, Path], values: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies of the environment count for nothing."""
    for name in ("http_proxy", "https_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Gateway(*certificate) as gateway:
        http.send(made("url = {gateway}/\n", gateway), values, {})
        assert gateway.requests


def test_proxy(certificate: tuple[Path, Path], values: dict[str, str]) -> None:
    """A proxy of otpauth.conf is asked for a tunnel, and TLS goes through it to the gateway."""
    asked: list[bytes] = []
    with Gateway(*certificate) as gateway, socket.create_server(("127.0.0.1", 0)) as proxy:
        threading.Thread(target=_tunnel, args=(proxy, gateway.url, asked), daemon=True).start()
        port = proxy.getsockname()[1]
        http.send(
            made(f"url = {{gateway}}/\nproxy = http://127.0.0.1:{port}\n", gateway), values, {}
        )
        assert gateway.requests
    assert asked[0].startswith(b"CONNECT localhost:")


def test_nobody_there(values: dict[str, str], certificate: tuple[Path, Path]) -> None:
    """A gateway that does not listen is unreached: it may be tried again."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with Gateway(*certificate) as gateway:
        found = made(f"url = https://127.0.0.1:{port}/\n", gateway)
    with pytest.raises(UnreachedError):
        http.send(found, values, {})


def test_hung_up(values: dict[str, str], certificate: tuple[Path, Path]) -> None:
    """A gateway that hangs up after the request may have sent: that is not certain to be lost."""
    with Gateway(*certificate, answer=lambda _: (0, {})) as gateway:
        with pytest.raises(SendError) as caught:
            http.send(made("url = {gateway}/\n", gateway), values, {})
        assert not caught.value.lost


@pytest.mark.parametrize(
    "said",
    [
        b"hello\r\n",
        b"\0" * 100,
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200" + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000,
    ],
    ids=["no_http", "zeros", "no_status", "long", "many_headers"],
)
def test_lies(values: dict[str, str], certificate: tuple[Path, Path], said: bytes) -> None:
    """What is not an answer of HTTP is none: it may have sent, and nothing of it is believed."""
    with Raw(*certificate, said=said) as gateway:
        with pytest.raises(SendError) as caught:
            http.send(made(f"url = {gateway.url}/\n", gateway), values, {})
        assert not caught.value.lost


def test_silent(values: dict[str, str], certificate: tuple[Path, Path]) -> None:
    """A gateway that answers slower than its time allows is not waited for."""
    with Gateway(*certificate, answer=lambda _: time.sleep(5) or (200, {})) as gateway:
        since = time.monotonic()
        with pytest.raises(SendError) as caught:
            http.send(made("url = {gateway}/\ntimeout = 2s\n", gateway), values, {})
        assert not caught.value.lost
        assert time.monotonic() - since < 4


def _tunnel(proxy: socket.socket, url: str, asked: list[bytes]) -> None:
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    client, _ = proxy.accept()
    with client, socket.create_connection(address) as server:
        asked.append(client.recv(4096))
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        other = {client: server, server: client}
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = source.recv(65536)
                if not data:
                    return
                other[source].sendall(data)
