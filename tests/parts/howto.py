"""The channels that the how-tos give, as text."""

from __future__ import annotations

import re
from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / "docs/howto"


def channels(page: str) -> list[str]:
    """Return each block of a page that is an otpauth.conf with a channel."""
    blocks = re.findall(r"^```\n(.*?)^```$", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "[channel " in block]
