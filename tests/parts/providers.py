"""What providers' own documentation demands of a request, and what they answer."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, parse_qsl

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.parts.gateway import Seen

    Answer = tuple[int, dict[str, str]]


def twilio(account: str, token: str) -> Callable[[Seen], Answer]:
    """Answer as Twilio's Messages resource: basic auth, a form with To, From and Body, 201."""
    pair = base64.b64encode(f"{account}:{token}".encode()).decode()

    def answer(seen: Seen) -> Answer:
        if seen.headers.get("Authorization") != f"Basic {pair}":
            return 401, {}
        form = dict(parse_qsl(seen.body.decode(), strict_parsing=True))
        good = (
            seen.method == "POST"
            and seen.path == f"/2010-04-01/Accounts/{account}/Messages.json"
            and seen.headers["Content-Type"] == "application/x-www-form-urlencoded"
            and set(form) == {"To", "From", "Body"}
            and form["To"].startswith("+")
            and len(form["Body"]) <= 1600
        )
        return (201 if good else 400), {}

    return answer


def pushover(seen: Seen) -> Answer:
    """Answer as Pushover's message API: a form with token, user and message, 200."""
    form = {name: value[0] for name, value in parse_qs(seen.body.decode()).items()}
    good = (
        seen.path == "/1/messages.json"
        and len(form.get("token", "")) == len(form.get("user", "")) == 30
        and 0 < len(form.get("message", "").encode()) <= 1024
    )
    return (200 if good else 400), {}
