"""What a person typed, as a code.

People type codes with spaces or a dash inside, paste them with a line end, or have a keyboard
that makes full-width digits. None of that changes a code; nothing else is mended.
"""

from __future__ import annotations

TYPED_MAX = 128  # characters; more is no code


def code(typed: str | None) -> str:
    """Return the code in what was typed: without white space and dashes, in small letters.

    Full-width forms become plain ones (Unicode NFKC). Anything that cannot be a code (nothing, too
    long, not ASCII even then) gives the empty string.
    """
    text = typed or ""
    if len(text) > TYPED_MAX:
        return ""
    if not text.isascii():
        import unicodedata

        text = unicodedata.normalize("NFKC", text).replace("\u2010", "-").replace("\u2013", "-")
    text = "".join(text.split()).replace("-", "").lower()
    return text if text.isascii() and text.isalnum() else ""
