"""What an export yields, and what all formats that are written share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from otpauth import token
from otpauth.formats.imported import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otpauth.formats.imported import Imported


class Written(NamedTuple):
    """A file's bytes, secrets in the clear, and what it could not hold."""

    data: bytes
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Written({len(self.data)} bytes)"


def one_time(items: Sequence[Imported], kinds: tuple[str, ...] = token.OATH) -> list[Imported]:
    """Return the tokens of these kinds. Raises FormatError if there are none."""
    found = [item for item in items if item.draft.kind in kinds]
    if not found:
        raise FormatError("there is no token with a secret to export")
    return found


def left_out(items: Sequence[Imported]) -> list[str]:
    """Return notes on mOTP tokens, for a format that has no such codes."""
    return [
        f"{item.draft.name!r}: such a file has no mOTP tokens"
        for item in items
        if item.draft.kind == "motp"
    ]


def spare_codes(items: Sequence[Imported]) -> tuple[list[str], list[str]]:
    """Return all scratch codes that are known in the clear, and notes on those that are not."""
    sets = [item.draft for item in items if item.draft.kind in token.HASHED]
    notes = [
        f"the codes of {each.name!r} are kept as keyed hashes and cannot be exported"
        for each in sets
        if not each.params["codes"]
    ]
    return [code for each in sets for code in each.params["codes"]], notes
