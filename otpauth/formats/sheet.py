"""A page to print: each token's QR code and key, and the scratch codes. HTML, for writing only.

It fetches nothing and runs nothing: no script, no picture from elsewhere, and a policy that
forbids both. All text is escaped. Whoever sees it can log in: it belongs in an envelope.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from otpauth import token, uri
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
body {{ font: 12pt sans-serif; max-width: 17cm; margin: 1cm auto; color: black; background: white }}
section {{ break-inside: avoid; margin-bottom: 1cm }}
code {{ font: 13pt monospace; white-space: nowrap }}
ul {{ columns: 2; list-style: "\\2610\\20"; line-height: 1.8 }}
svg {{ display: block; width: 6cm; height: 6cm }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>Keep this sheet like a key: whoever has it can log in.</p>
"""
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


def _token(draft: Draft, *, issuer: str, account: str) -> str:
    params = draft.params
    key = " ".join(uri.groups(uri.base32(bytes.fromhex(params["secret"]))))
    how = f"every {params['period']} s" if draft.kind == "totp" else f"counter {draft.seen}"
    text = f"{params['digits']} digits, {params['algorithm']}, {how}"
    return (
        f"<section>\n<h2>{escape(draft.name)}</h2>\n"
        f"<p>Scan this with an authenticator app:</p>\n"
        f"{_qr(uri.build(draft, issuer=issuer, account=account))}\n"
        f"<p>or type the key ({escape(text)}):<br><code>{escape(key)}</code></p>\n</section>\n"
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
