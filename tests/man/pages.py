r"""What the pages say, as values: examples, tables, lists, and every word in bold.

Only the mdoc that the pages use is understood. A literal block is an example if a comment
`.\" example NAME` stands right above it; a column list is a table if `.\" table NAME` does.
"""

from __future__ import annotations

import re
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
_ESCAPES = (("\\-", "-"), ("\\(ti", "~"), ("\\(ha", "^"), ("\\&", ""), ("\\e", "\\"))


def source(page: str) -> str:
    """Return the mdoc of a page such as `otpauth.5`."""
    return (TREE / "man" / page).read_text(encoding="utf-8")


def plain(text: str) -> str:
    """Return text without roff's escapes."""
    for written, meant in _ESCAPES:
        text = text.replace(written, meant)
    return text


def examples(page: str) -> dict[str, str]:
    """Return the examples of a page by name, in order."""
    found = re.findall(
        r'^\.\\" example (\S+)\n\.Bd [^\n]*\n(.*?)^\.Ed$', source(page), re.MULTILINE | re.DOTALL
    )
    return {name: plain(text) for name, text in found}


def with_example(text: str, name: str, content: str) -> str:
    """Return a page's mdoc with another content of one of its examples."""
    pattern = rf'(^\.\\" example {re.escape(name)}\n\.Bd [^\n]*\n).*?(^\.Ed$)'
    lines = content.replace("\\", "\\e")
    changed, count = re.subn(
        pattern, lambda m: m[1] + lines + m[2], text, flags=re.MULTILINE | re.DOTALL
    )
    if count != 1:
        raise ValueError(f"there is no example {name!r}")
    return changed


def section(page: str, title: str) -> str:
    """Return the mdoc of one section."""
    found = re.search(
        rf"^\.Sh {re.escape(title)}(?:\\&)?\n(.*?)(?=^\.Sh |\Z)",
        source(page),
        re.MULTILINE | re.DOTALL,
    )
    if not found:
        raise ValueError(f"{page} has no section {title!r}")
    return found[1]


def subsection(page: str, title: str) -> str:
    """Return the mdoc of one subsection."""
    found = re.search(
        rf"^\.Ss {re.escape(title)}\n(.*?)(?=^\.S[sh] |\Z)", source(page), re.MULTILINE | re.DOTALL
    )
    if not found:
        raise ValueError(f"{page} has no subsection {title!r}")
    return found[1]


def table(page: str, name: str) -> list[tuple[str, ...]]:
    """Return the rows of a table, cells without markup."""
    found = re.search(
        rf'^\.\\" table {re.escape(name)}\n\.Bl [^\n]*\n(.*?)^\.El$',
        source(page),
        re.MULTILINE | re.DOTALL,
    )
    if not found:
        raise ValueError(f"{page} has no table {name!r}")
    rows = re.findall(r"^\.It (.*(?:\n(?!\.It ).*)*)", found[1], re.MULTILINE)
    return [tuple(_cell(each) for each in re.split(r" Ta |\n\.Ta ", row)) for row in rows]


def _cell(text: str) -> str:
    words = re.sub(r"(?:^|\s)\.?(?:Sy|Cm|Dv|Ar|Li|Em|Pa|Nm|Ic)\b ?", " ", text)
    return " ".join(plain(words).split())


def items(text: str, macro: str) -> list[str]:
    """Return the first words of all `.It MACRO WORD` lines."""
    return re.findall(rf"^\.It {macro} (\S+)", text, re.MULTILINE)


def flags(text: str) -> set[str]:
    """Return all options that a text marks up as such, with their dashes."""
    found = set()
    for line in text.splitlines():
        if line.startswith("."):
            for run in re.findall(r"\bFl ((?:(?![A-Z][a-z]\b)\S+ ?)+)", line):
                found |= {"-" + plain(word) for word in run.split() if word not in ",|."}
    return found
