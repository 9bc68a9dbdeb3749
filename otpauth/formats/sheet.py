"""A page to print: QR codes, keys and scratch codes, with what to do. HTML, for writing only.

It fetches nothing and runs nothing: no script, no picture from elsewhere, and a policy that
forbids both. All text is escaped. Whoever sees it can log in: it belongs in an envelope.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from otpauth import oath, token, uri
from otpauth.formats.imported import FormatError
from otpauth.formats.written import Written, spare_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otpauth.formats.imported import Imported
    from otpauth.token import Draft

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
@page {{ margin: 1.5cm }}
body {{ font: 12pt sans-serif; max-width: 17cm; margin: 0 auto; color: black; background: white }}
h1, p, li {{ overflow-wrap: anywhere }}
section {{ break-inside: avoid; margin-bottom: 1cm }}
h1 {{ font-size: 18pt }}
ol > li {{ break-inside: avoid; margin-bottom: 4mm }}
code {{ font: 13pt monospace; white-space: nowrap }}
ul {{ columns: 4; list-style: "\\2610\\20"; line-height: 1.8; padding-left: 1em; margin-top: 2mm }}
svg {{ display: block; width: 6cm; height: 6cm }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>Keep this sheet like a key: whoever has it can log in.</p>
"""
_APP = """Install an authenticator app on your phone, if it has none. Any app for one-time codes
(TOTP or HOTP) will do."""
_LOG_IN = """Log in to {host} as {user} as you always do. When you are asked for a code, type the
{digits} digits that the app shows then. Each code works once: for the next login take the next
one."""
_TAIL = "</body>\n</html>\n"


def write(items: Sequence[Imported], *, issuer: str, account: str) -> Written:
    """Write the page. Raises FormatError if there is nothing to print."""
    codes, notes = spare_codes(items)
    drafts = [item.draft for item in items if item.draft.kind in token.ONE_TIME]
    if not drafts and not codes:
        raise FormatError("there is nothing to print")
    title = escape(f"One-time codes: {account or 'account'}" + (f" on {issuer}" if issuer else ""))
    parts = [_HEAD.format(title=title)]
    parts += [_token(draft, issuer=issuer, account=account or draft.name) for draft in drafts]
    if codes:
        parts.append(_codes(codes))
    return Written("".join([*parts, _TAIL]).encode(), tuple(notes))


class Owner(NamedTuple):
    """Whose sheet it is: the user and the host, and what the app will call the token."""

    user: str
    host: str
    issuer: str
    account: str


def enrolment(owner: Owner, draft: Draft, codes: Sequence[str]) -> bytes:
    """Write the one page of somebody who was enrolled; `codes` are as they are to be read."""
    title = escape(f"One-time codes: {owner.user} on {owner.host}")
    host, user = escape(owner.host), escape(owner.user)
    steps = (
        _APP,
        _scan(owner, draft),
        _LOG_IN.format(host=host, user=user, digits=draft.params["digits"]),
        _spare(codes) if codes else "The phone is lost? Tell your administrator.",
    )
    items = "".join(f"<li>{step}</li>\n" for step in steps)
    return "".join([_HEAD.format(title=title), f"<ol>\n{items}</ol>\n", _TAIL]).encode()


def _scan(owner: Owner, draft: Draft) -> str:
    name = f"{owner.issuer} ({owner.account})" if owner.issuer else owner.account
    return (
        f"In the app press + and scan this code; it will be called {escape(name)}.\n"
        f"{_qr(uri.build(draft, issuer=owner.issuer, account=owner.account))}\n"
        f"No camera? Type this key ({escape(_moving(draft))}):<br><code>{_key(draft)}</code>"
    )


def _spare(codes: Sequence[str]) -> str:
    rows = "".join(f"<li><code>{escape(code)}</code></li>\n" for code in codes)
    return (
        "Keep these scratch codes away from the phone. When it is lost or broken, each lets you "
        f"in once; cross it out then.\n<ul>\n{rows}</ul>"
    )


def _moving(draft: Draft) -> str:
    params = draft.params
    if draft.kind == "motp":
        return f"init-secret of mOTP, every {oath.MOTP_PERIOD} s, with a PIN that is not printed"
    how = f"every {params['period']} s" if draft.kind == "totp" else f"counter {draft.seen}"
    return f"{params['digits']} digits, {params['algorithm']}, {how}"


def _key(draft: Draft) -> str:
    return escape(" ".join(uri.groups(uri.key(draft))))


def _token(draft: Draft, *, issuer: str, account: str) -> str:
    return (
        f"<section>\n<h2>{escape(draft.name)}</h2>\n"
        f"<p>Scan this with an authenticator app:</p>\n"
        f"{_qr(uri.build(draft, issuer=issuer, account=account))}\n"
        f"<p>or type the key ({escape(_moving(draft))}):<br><code>{_key(draft)}</code></p>\n"
        "</section>\n"
    )


def _codes(codes: list[str]) -> str:
    rows = "".join(
        f"<li><code>{escape(' '.join(uri.groups(code)))}</code></li>\n" for code in codes
    )
    head = "<h2>Scratch codes</h2>\n<p>Each works once.</p>"
    return f"<section>\n{head}\n<ul>\n{rows}</ul>\n</section>\n"


def _qr(text: str) -> str:
    import segno

    code = segno.make_qr(text, error="l")
    return str(code.svg_inline(scale=4, border=4, dark="black", light="white", omitsize=True))
