"""JSON in exactly one spelling: what is read is what would be written, or it is refused.

The only JSON that otpauth seals or opens. Keys are sorted, there is no white space, text is ASCII
with escapes, numbers are integers below 2^53 (RFC 8785 takes the same bound, from RFC 7493).
"""

from __future__ import annotations

from otpauth.errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

INTEGER_MAX = 2**53 - 1


def dumps(value: Any) -> bytes:
    """Encode a value made of dict, list, str, int, bool and None."""
    import json

    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def loads(data: bytes, *, limit: int) -> Any:
    """Decode canonical JSON of at most `limit` bytes.

    Raises FormatError for anything that `dumps` would not have written: duplicate keys, NaN,
    fractions, huge integers, deep nesting, other white space, other order.
    """
    import json

    if len(data) > limit:
        raise FormatError("sealed data is longer than the limit")
    try:
        value = json.loads(
            data.decode("ascii"),
            object_pairs_hook=_no_duplicates,
            parse_int=_bounded,
            parse_float=_refused,
            parse_constant=_refused,
        )
        same = dumps(value) == data
    except (ValueError, RecursionError):
        raise FormatError("sealed data is not canonical JSON") from None
    if not same:
        raise FormatError("sealed data is not canonical JSON")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError
    return value


def _bounded(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > INTEGER_MAX:
        raise ValueError
    return int(digits)


def _refused(_: str) -> None:
    raise ValueError


# Checks on decoded values. Each returns the value, typed, or raises FormatError.


def fields(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Check that a value is an object with exactly these keys."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise FormatError("sealed data has other fields than it should")
    return value


def mapping(value: Any, *, most: int) -> dict[str, Any]:
    """Check that a value is an object with at most `most` keys."""
    if not isinstance(value, dict) or len(value) > most:
        raise FormatError("sealed data has a table that is none or is too long")
    return value


def array(value: Any, *, most: int) -> list[Any]:
    """Check that a value is an array of at most `most` items."""
    if not isinstance(value, list) or len(value) > most:
        raise FormatError("sealed data has a list that is none or is too long")
    return value


def integer(value: Any, low: int = 0, high: int = INTEGER_MAX) -> int:
    """Check that a value is an integer from `low` to `high`. A boolean is none."""
    if type(value) is not int or not low <= value <= high:
        raise FormatError("sealed data has a number that is none or is out of range")
    return value


def boolean(value: Any) -> bool:
    """Check that a value is true or false."""
    if not isinstance(value, bool):
        raise FormatError("sealed data has a truth value that is none")
    return value


def text(value: Any, *, most: int) -> str:
    """Check that a value is printable text of at most `most` characters."""
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise FormatError("sealed data has a text that is none, is too long or is not printable")
    return value


def choice(value: Any, allowed: tuple[Any, ...]) -> Any:
    """Check that a value is one of a closed set."""
    if not any(type(value) is type(item) and value == item for item in allowed):
        raise FormatError("sealed data has a value that is not one of the known ones")
    return value


def hexadecimal(value: Any, *, size: int) -> str:
    """Check that a value is `size` bytes in lower-case hexadecimal."""
    if not isinstance(value, str) or len(value) != 2 * size or value.strip("0123456789abcdef"):
        raise FormatError("sealed data has hexadecimal that is none or has another length")
    return value
