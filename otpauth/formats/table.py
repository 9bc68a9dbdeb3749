"""Tables of tokens: CSV with a header of our names, and multiOTP's.

With a header, divided by , or ; as the header is: `secret` (base32) or `seed` (hexadecimal), and
any of `user name kind algorithm digits period counter pin note`. An empty cell is the default:
totp, SHA1, 6, 30, 0. A motp token has a seed and a pin. multiOTP's has 6 columns divided by ; and
no such header: `serial;manufacturer;algorithm;seed;digits;interval_or_event`, algorithm totp or
hotp, seed in hexadecimal, and the next counter for hotp.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NamedTuple

from otpauth import oath
from otpauth.formats import imported
from otpauth.formats.imported import FormatError, Imported, at, decoded, hexadecimal, number

if TYPE_CHECKING:
    from otpauth.formats.imported import Reading
    from otpauth.token import Draft

COLUMNS = ("user", "name", "kind", "secret", "seed", "algorithm", "digits", "period", "counter")
OURS = (*COLUMNS, "pin", "note")
_MULTIOTP = "serial;manufacturer;algorithm;seed;digits;interval_or_event"


class Row(NamedTuple):
    """A row by our names, empty cells left out, and its line."""

    line: int
    cells: dict[str, str]

    def __repr__(self) -> str:
        return f"Row(line {self.line})"


def parse(data: bytes, reading: Reading) -> list[Imported]:
    """Read all rows, or those of one user or choice. Raises FormatError."""
    items: list[Imported] = []
    count: dict[str, int] = {}
    for row in _rows(data):
        user, note = _user(row), row.cells.get("note", "")
        other = reading.user and user not in ("", reading.user)
        if other or not imported.wanted(reading, note):
            continue
        place = count[user] = count.get(user, -1) + 1
        with at(row.line):
            name = row.cells.get("name") or imported.numbered(reading.name, place)
            items.append(Imported(user, _draft(row.cells, name), line=row.line))
    return items


def users(data: bytes) -> list[str]:
    """Return whom the rows name."""
    return [_user(row) for row in _rows(data)]


def _user(row: Row) -> str:
    with at(row.line):
        return imported.user_name(row.cells.get("user", ""))


def _draft(cells: dict[str, str], name: str) -> Draft:
    if ("secret" in cells) == ("seed" in cells):
        raise FormatError("the row has not exactly one of secret and seed")
    secret = cells.get("secret")
    kind = cells.get("kind", "totp").lower()
    if kind == "motp":
        note = cells.get("note", "")
        return imported.motp(name, cells.get("seed", ""), cells.get("pin", ""), note=note)
    counter = number(cells.get("counter", "0"), 0, oath.COUNTER_MAX, "counter")
    return imported.one_time(
        kind,
        name,
        hexadecimal(cells["seed"]) if secret is None else imported.base32(secret),
        algorithm=cells.get("algorithm", "SHA1").upper().replace("-", ""),
        digits=number(cells.get("digits", "6"), 1, 99, "number of digits"),
        period=number(cells.get("period", "30"), 1, 86400, "period"),
        seen=counter if kind == "hotp" else 0,
        note=cells.get("note", ""),
    )


def _rows(data: bytes) -> list[Row]:
    text = decoded(data)
    first = text.lstrip().partition("\n")[0]
    rows = (f"{row}\n" for row in text.split("\n"))
    reader = csv.reader(rows, delimiter=";" if ";" in first else ",", strict=True)
    lines: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            plain = [cell.strip() for cell in cells]
            if any(plain) and not plain[0].startswith("#"):
                lines.append((reader.line_num, plain))
    except csv.Error:
        raise FormatError("the table is not CSV", line=reader.line_num) from None
    header = [cell.lower() for cell in lines[0][1]] if lines else []
    if set(header) & {"secret", "seed"} and ";".join(header) != _MULTIOTP:
        return _ours(header, lines)
    return [_multiotp(line, cells) for line, cells in lines if not _is_header(cells)]


def _ours(header: list[str], lines: list[tuple[int, list[str]]]) -> list[Row]:
    if not set(header) <= set(OURS) or len(set(header)) != len(header):
        raise FormatError(
            "the header has a name that is not known, or one twice",
            line=lines[0][0],
            hint="names: " + " ".join(OURS),
        )
    rows = []
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            raise FormatError(f"the row has not {len(header)} cells", line=line)
        filled = zip(header, cells, strict=True)
        rows.append(Row(line, {key: cell for key, cell in filled if cell}))
    return rows


def _multiotp(line: int, cells: list[str]) -> Row:
    if len(cells) != 6:
        raise FormatError(
            "the row has not 6 cells, or the table no header",
            line=line,
            hint=f"a header of our names, or {_MULTIOTP}",
        )
    serial, maker, kind, seed, digits, last = cells
    count = "counter" if kind.lower() == "hotp" else "period"
    row = {"kind": kind, "seed": seed, "digits": digits, count: last}
    return Row(
        line, {**{key: cell for key, cell in row.items() if cell}, "note": f"{maker}:{serial}"}
    )


def _is_header(cells: list[str]) -> bool:
    return ";".join(cell.lower() for cell in cells).startswith("serial")
