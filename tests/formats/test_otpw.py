"""~/.otpw of OTPW: what otpw-gen writes, whole or not at all."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from otpauth import formats, token
from otpauth.errors import FormatError
from otpauth.formats import otpw
from otpauth.kinds import paper
from tests.parts.paper import otpw as generated

if TYPE_CHECKING:
    from pathlib import Path

# As otpw-gen 1.5 writes it: a comment may follow the first line, hyphens are a used password.
OTPW = """OTPW1
4 3 12 8
153U7SqR3sV+qPG
---------------
261rW%fLq49GWoD
000AAAAAAAAAAAA
"""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijk%mnopqrstuvwxyz:=23456789+/"


def read(text: str) -> token.Draft:
    """Return the one list of a file."""
    (item,) = formats.parse(text.encode(), name="phone", format="otpw")
    return item.draft


def spelt(digest: bytes) -> str:
    """Return 72 bits in OTPW's base 64."""
    number = int.from_bytes(digest, "big")
    return "".join(LETTERS[number >> shift & 63] for shift in range(66, -6, -6))


def test_read() -> None:
    """Numbers, hashes and lengths come along; a line of hyphens is a password that was used."""
    draft = read(OTPW)
    assert (draft.kind, draft.name) == ("list", "paper")
    numbers = [code[:3] for code in draft.params["codes"]]
    assert numbers == ["000", "153", "261"]
    assert draft.params["codes"][0] == "000" + "00" * 9
    assert {k: draft.params[k] for k in ("bits", "form", "length")} == {
        "bits": 40,
        "form": "otpw",
        "length": 8,
    }


def test_hash() -> None:
    """An entry's hash is what kinds.paper makes of prefix and password."""
    made = hashlib.new("ripemd160", b"geheim" + b"uUFqzMdW").digest()[:9]
    draft = read(f"OTPW1\n1 3 12 8\n026{spelt(made)}\n")
    digest = paper.digest("geheimuUFq zMdW", form="otpw", length=8)
    assert draft.params["codes"] == [f"026{digest}"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (OTPW.replace("OTPW1", "OTPW2"), "line 1: the first line is not OTPW1"),
        (OTPW.replace("4 3 12 8", "5 3 12 8"), "there are 4 entries, and it says 5"),
        (OTPW[:-20], "there are 3 entries"),
        (OTPW.replace("4 3 12 8", "4 4 12 8"), "line 2: its numbers, hashes or passwords"),
        (OTPW.replace("4 3 12 8", "4 3 12 99"), "line 2: its numbers, hashes or passwords"),
        (OTPW.replace("4 3 12 8", "# x"), "line 3: that is not the line of four numbers"),
        (OTPW.replace("U7Sq", "l7Sq"), "line 3: that is no entry"),
        (OTPW.replace("153", "1 3"), "line 3: that is no entry"),
        ("OTPW1\n1 3 12 8\n---------------\n", "every password of the list is used"),
    ],
)
def test_refused(text: str, fault: str) -> None:
    """A file with a defect is refused with its line."""
    with pytest.raises(FormatError) as caught:
        read(text)
    assert str(caught.value).startswith(fault)


def test_long() -> None:
    """Of more passwords than a list has the first in the file are taken, and that is said."""
    rows = [f"{n % 1000:03}{spelt(n.to_bytes(9, 'big'))}" for n in range(1200, 0, -1)]
    text = "\n".join(["OTPW1", "1200 3 12 8", *rows, ""])
    (item,) = formats.parse(text.encode(), name="phone", format="otpw")
    wanted = {f"{n % 1000:03}{n:018x}" for n in range(1200, 1200 - token.LIST_MAX, -1)}
    assert set(item.draft.params["codes"]) == wanted
    assert any("of 1000 passwords the first 280" in note for note in item.notes)


def test_without_ripemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenSSL has no RIPEMD-160 the import says so, not the login."""
    monkeypatch.setattr(otpw.paper, "digest", lambda *_, **__: "")
    with pytest.raises(FormatError, match="no RIPEMD-160"):
        read(OTPW)


@pytest.mark.stage
@pytest.mark.parametrize("prefix", ["geheim", "My pre fix l|0", "käse"])
@pytest.mark.parametrize("words", [(), ("-p1",), ("-e", "36"), ("-s", "2", "-o")])
def test_every_password(tmp_path: Path, prefix: str, words: tuple[str, ...]) -> None:
    """Every password that otpw-gen prints is that of its number, with the prefix before it."""
    path = tmp_path / "otpw"
    printed = generated(path, prefix, *words)
    draft = read(path.read_text())
    length = draft.params["length"]
    made = {
        paper.code(n, paper.digest(printed.password(n), form="otpw", length=length))
        for n in printed.passwords
    }
    assert made >= set(draft.params["codes"])
    assert len(draft.params["codes"]) == min(len(printed.passwords), token.LIST_MAX)
