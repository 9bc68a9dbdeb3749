"""otpauth:// URIs, one a line, as apps export them in plain text and as zbarimg prints them.

Google's Key-Uri-Format. Blank lines and lines that begin with # are ignored, and so are parameters
that we do not know. Of mOTP, motp:// is read, too, and in both a `pin`. Where the label and the
parameter name different issuers, the label's counts. A missing counter is 0, because
google-authenticator's own URIs have none; otpauth.uri, which reads what a person hands over to be
enrolled, is stricter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from otpauth import oath, token, uri
from otpauth.formats import imported
from otpauth.formats.imported import FormatError, Imported, at, decoded, number
from otpauth.formats.written import Written, one_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otpauth.formats.imported import Reading
    from otpauth.token import Draft

QR_PREFIX = "QR-Code:"  # of zbarimg without --raw
_KNOWN = ("secret", "issuer", "algorithm", "digits", "period", "counter", "encoder", "pin")


class Parts(NamedTuple):
    """A URI taken apart; what is not said is not in `known`."""

    kind: str
    issuer: str
    account: str
    known: dict[str, str]

    def __repr__(self) -> str:
        return f"Parts({self.kind!r})"


def parse(data: bytes, reading: Reading) -> list[Imported]:
    """Read the URIs. Raises FormatError."""
    items: list[Imported] = []
    for line, text in enumerate(decoded(data).split("\n"), 1):
        plain = text.strip().removeprefix(QR_PREFIX)
        if not plain or plain.startswith("#"):
            continue
        with at(line):
            parts = _parts(plain)
            called = imported.label(parts.issuer, parts.account)
            if imported.wanted(reading, called):
                name = imported.numbered(reading.name, len(items))
                items.append(Imported("", _draft(parts, name, called), line=line))
    return items


def write(items: Sequence[Imported], *, issuer: str, account: str) -> Written:
    """Write a URI for each token. Raises FormatError."""
    tokens = one_time(items, token.ONE_TIME)
    lines = [
        uri.build(each.draft, issuer=issuer, account=account or each.draft.name) for each in tokens
    ]
    notes = [
        f"{each.draft.name!r}: a URI does not say which codes were used"
        for each in tokens
        if each.draft.kind in token.TIMED and each.draft.seen
    ]
    notes += [
        f"{each.draft.name!r}: a URI does not have the PIN"
        for each in tokens
        if each.draft.kind == "motp"
    ]
    if len(tokens) < len(items):
        notes.append("scratch codes, lists and app passwords have no URI and are not exported")
    return Written("".join(f"{line}\n" for line in lines).encode(), tuple(notes))


def _parts(text: str) -> Parts:
    """Take a URI apart. Raises FormatError."""
    try:
        parts = urlsplit(text)
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=64)
    except ValueError:
        raise FormatError("this is no URI") from None
    if parts.scheme == "motp":  # motp://SITE:USER
        parts = parts._replace(scheme="otpauth", netloc="motp", path=f"/{parts.netloc}{parts.path}")
    kind = parts.netloc.lower()
    known = {key.lower(): value.strip() for key, value in pairs if key.lower() in _KNOWN and value}
    if len(known) != sum(key.lower() in _KNOWN and bool(value) for key, value in pairs):
        raise FormatError("a parameter of the URI is there twice")
    if parts.scheme != "otpauth" or kind not in token.ONE_TIME or "encoder" in known:
        raise FormatError(
            "this is no otpauth:// URI of a totp, hotp or motp token",
            hint="other kinds cannot be imported; put a # before the line",
        )
    first, colon, second = unquote(parts.path[1:]).partition(":")
    if not colon:
        return Parts(kind, known.get("issuer", ""), first, known)
    return Parts(kind, first, second.strip(), known)


def _draft(parts: Parts, name: str, called: str) -> Draft:
    known = parts.known
    if "secret" not in known:
        raise FormatError("the URI has no secret")
    if parts.kind == "motp":
        return imported.motp(name, known["secret"], known.get("pin", ""), note=called)
    return imported.one_time(
        parts.kind,
        name,
        imported.base32(known["secret"]),
        algorithm=known.get("algorithm", "SHA1").upper(),
        digits=number(known.get("digits", "6"), 1, 99, "number of digits"),
        period=number(known.get("period", "30"), 1, 86400, "period"),
        seen=_counter(known) if parts.kind == "hotp" else 0,
        note=called,
    )


def _counter(known: dict[str, str]) -> int:
    return number(known.get("counter", "0"), 0, oath.COUNTER_MAX, "counter")
