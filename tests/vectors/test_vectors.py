"""Every vector is read as its head says: one defect a file, the class of its error."""

from __future__ import annotations

from pathlib import Path

import pytest

from otpauth import changes, copies, keys, record, seal, secretfile
from otpauth.errors import FormatError, OtpauthError, SealError, UnknownVersionError
from otpauth.secretfile import Damaged
from tests.vectors import make

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.txt"))
CLASSES = {each.__name__: each for each in (FormatError, SealError, UnknownVersionError)}
RECORD_KEY = keys.read_record((HERE / "record.key").read_bytes())
SECRETS = dict(keys.read_host((HERE / "host.key").read_bytes()).secrets)


def head(path: Path) -> tuple[dict[str, str], bytes]:
    """Return the head of a vector, and the file below it."""
    lines, _, data = path.read_bytes().partition(b"\n\n")
    rows = (row.partition(": ") for row in lines.decode().split("\n"))
    return {key: value for key, _, value in rows}, data


def read(data: bytes) -> None:
    """Read a file as alice's host does, and write it again."""
    content = secretfile.parse(data)
    for section in content.sections:
        if isinstance(section, Damaged):
            raise FormatError("a section is damaged")
    for section in content.records:
        if RECORD_KEY.owns(section.host):
            held = copies.opened(RECORD_KEY, section, "alice")
            assert copies.sealed(RECORD_KEY, held) == section
            assert record.decode(record.encode(held)) == held
    for proposal in content.proposals:
        if proposal.key in SECRETS:
            info = seal.proposal_info("alice", proposal.key, proposal.header())
            plain = seal.open_proposal(SECRETS[proposal.key], info, proposal.sealed)
            assert changes.encode(changes.decode(plain)) == plain
    assert secretfile.serialize(content) == data


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector(path: Path) -> None:
    """A vector gives what its head says: the same bytes again, or exactly that class of error."""
    fields, data = head(path)
    assert set(fields) == {"expect", "comment"}
    if fields["expect"] == "ok":
        read(data)
        return
    with pytest.raises(OtpauthError) as caught:
        read(data)
    assert type(caught.value) is CLASSES[fields["expect"]]


def test_every_class_occurs() -> None:
    """There are vectors, of every class of error and of none, and one for each that make.py has."""
    expected = [head(path)[0]["expect"] for path in FILES]
    assert len(FILES) >= 60
    assert set(expected) == {"ok", *CLASSES}
    assert {path.stem for path in FILES} == set(make.everything())


def test_one_defect() -> None:
    """No two vectors hold the same file."""
    assert len({head(path)[1] for path in FILES}) == len(FILES)


def test_fixed_keys() -> None:
    """The keys beside the vectors are those that make.py seals with."""
    assert RECORD_KEY == make.KEY
    assert dict(make.HOST_KEY.secrets) == SECRETS
