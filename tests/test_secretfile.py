"""The text of `~/.otpauth`: strict for each section, no byte of others' sections is lost."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import changes, copies, record, secretfile, state
from otpauth.errors import FormatError, UnknownVersionError
from otpauth.secretfile import Damaged, Proposal, SecretFile
from tests import samples

HELD = samples.account(samples.totp_draft(), samples.hotp_draft(), samples.scratch_draft())
PROPOSALS = tuple(
    Proposal(verb, f"t{n}", "alice", samples.HOST_ID, samples.NOW, bytes([n]) * (40 + 20 * n))
    for n, verb in enumerate(secretfile.VERBS)
)
OTHERS = copies.sealed(samples.ROTATED_KEY, HELD._replace(user="bob smith"))
OURS = copies.sealed(samples.RECORD_KEY, HELD)
BIG = SecretFile((*PROPOSALS, OTHERS, OURS))
DATA = secretfile.serialize(BIG)
STARTS = [DATA.index(secretfile.serialize_section(each)) for each in BIG.sections]
HEAD = secretfile.FIRST_LINE

line = st.sampled_from(
    [
        "otpauth 1",
        "proposal add phone",
        "proposal steal phone",
        "proposal ",
        "record AAA8-FFF7 1",
        "record ",
        "user alice",
        "user ",
        "key AAA8-FFF7",
        "made 1",
        "made 01",
        "era 0",
        "enrolled yes",
        "enrolled maybe",
        "token 0000000000000000 totp a on 1 2 3 -1 80",
        "notice 1 added phone -",
        "sealed",
        "YWJj",
        "YWJ=",
        "end",
        "",
    ]
)
files = st.lists(line, max_size=14).map(lambda rows: HEAD + "\n".join(rows).encode())


@settings(max_examples=500, deadline=None)
@given(files | samples.mutations(DATA) | st.binary(max_size=60).map(HEAD.__add__) | st.binary())
def test_arbitrary_bytes(data: bytes) -> None:
    """Any bytes give a file that is written as those bytes, or FormatError."""
    with contextlib.suppress(FormatError):
        assert secretfile.serialize(secretfile.parse(data)) == data


@pytest.mark.parametrize(
    "body", ["sealed\nend\n", "sealed\n\nend\n", "end\n", "\n", "p\nsealed\nend\n", "sealed\nend"]
)
def test_section_without_a_head(body: str) -> None:
    """A section that has no first line is damaged, and no more than that."""
    content = secretfile.parse(HEAD + body.encode())
    assert content.sections == (Damaged(body.encode()),)


def test_round_trip() -> None:
    """A file that is written is read, as the same sections."""
    assert secretfile.parse(DATA) == BIG
    assert secretfile.parse(DATA).proposals == PROPOSALS
    assert secretfile.parse(DATA).records == (OTHERS, OURS)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(BIG.sections) - 1), st.data(), st.sampled_from([b"\r", b"\n", b"\xff"]))
def test_odd_byte(which: int, data: st.DataObject, odd: bytes) -> None:
    """One odd byte anywhere in a section costs that section and no other (B10)."""
    size = len(secretfile.serialize_section(BIG.sections[which]))
    place = STARTS[which] + data.draw(st.integers(0, size - 1))
    content = secretfile.parse(DATA[:place] + odd + DATA[place:])
    left = [each for each in content.sections if not isinstance(each, Damaged)]
    rest = [each for each in BIG.sections if each != BIG.sections[which]]
    assert [each for each in left if each != BIG.sections[which]] == rest
    assert secretfile.serialize(content) == DATA[:place] + odd + DATA[place:]


def test_crlf_everywhere() -> None:
    """A file that an editor gave CRLF line ends is none, so the host's copy decides (B10)."""
    with pytest.raises(FormatError):
        secretfile.parse(DATA.replace(b"\n", b"\r\n"))


def test_crlf_in_one_section() -> None:
    """CRLF line ends in one section leave the others as they were (B10)."""
    section = secretfile.serialize_section(PROPOSALS[1])
    content = secretfile.parse(DATA.replace(section, section.replace(b"\n", b"\r\n")))
    assert content.records == (OTHERS, OURS)
    assert content.proposals == (PROPOSALS[0], *PROPOSALS[2:])


@pytest.mark.parametrize("more", [b"\n", b"\r\n", b" ", b"\0", b"# a note\n"])
def test_trailing_bytes(more: bytes) -> None:
    """What an editor puts behind the last section costs no section (B10)."""
    content = secretfile.parse(DATA + more)
    assert content.sections == (*BIG.sections, Damaged(more))


def test_cut_anywhere() -> None:
    """A file cut at any place leaves every section before the cut."""
    for cut in range(len(HEAD), len(DATA), 97):
        whole = sum(
            start + len(secretfile.serialize_section(each)) <= cut
            for start, each in zip(STARTS, BIG.sections, strict=True)
        )
        assert secretfile.parse(DATA[:cut]).sections[:whole] == BIG.sections[:whole]


@pytest.mark.parametrize("head", [b"otpauth 2\n", b"otpauth 99\n", b"otpauth 0\n"])
def test_other_version(head: bytes) -> None:
    """A file of another version is told apart, so that nobody overwrites it."""
    with pytest.raises(UnknownVersionError):
        secretfile.parse(head + DATA)


@pytest.mark.parametrize(
    "head", [b"", b"otpauth 1", b"otpauth 1\r\n", b" otpauth 1\n", b"\xef\xbb\xbfotpauth 1\n"]
)
def test_no_head(head: bytes) -> None:
    """A file without the first line is none."""
    with pytest.raises(FormatError):
        secretfile.parse(head + b"proposal add phone\n")


def test_limits() -> None:
    """Too many sections, or too many bytes, are refused both when reading and when writing."""
    most = secretfile.PROPOSALS_MAX
    many = SecretFile(tuple(PROPOSALS[0]._replace(made=n) for n in range(most)))
    assert secretfile.parse(secretfile.serialize(many)) == many
    over = SecretFile((*many.sections, PROPOSALS[1]))
    too_long = SecretFile((Damaged(b"#" * secretfile.SIZE_MAX),))
    copied = SecretFile((OURS,) * (secretfile.RECORDS_MAX + 1))
    for content in (over, too_long, copied):
        with pytest.raises(FormatError):
            secretfile.serialize(content)
        data = HEAD + b"".join(secretfile.serialize_section(each) for each in content.sections)
        with pytest.raises(FormatError):
            secretfile.parse(data)


def test_section_limit() -> None:
    """A seal over its size damages its section."""
    for size, kind in ((secretfile.SEALED_MAX, Proposal), (secretfile.SEALED_MAX + 1, Damaged)):
        data = secretfile.serialize(SecretFile((PROPOSALS[0]._replace(sealed=bytes(size)),)))
        assert isinstance(secretfile.parse(data).sections[0], kind)


@pytest.mark.parametrize(
    "filler", [b"\n", b"record \n", b"proposal \n", b"a", b"record A\nsealed\nend\n", b"sealed\n"]
)
def test_no_file_is_slow(filler: bytes) -> None:
    """The worst file of the largest size is read in a fraction of a second."""
    data = (HEAD + filler * secretfile.SIZE_MAX)[: secretfile.SIZE_MAX]
    before = time.process_time()
    with contextlib.suppress(FormatError):
        secretfile.parse(data)
    assert time.process_time() - before < 1.0


def test_digest() -> None:
    """A digest names one proposal: any other header or seal has another one."""
    one = PROPOSALS[0]
    others = [
        one._replace(verb="set"),
        one._replace(name="x"),
        one._replace(user="bob"),
        one._replace(key="0000-0000"),
        one._replace(made=1),
        one._replace(sealed=b"x"),
    ]
    assert len({each.digest() for each in (one, *others)}) == 1 + len(others)


def test_notices_and_tokens_are_listed() -> None:
    """The clear header shows each token and each notice, and neither secret nor scratch code."""
    text = OURS.header().decode()
    assert [each.name for each in OURS.tokens] == [each.name for each in HELD.ordered()]
    assert {each.what for each in OURS.notices} == {"added"}
    assert len(OURS.notices) == len(HELD.state.notices) == 3
    for secret in (samples.SECRET.hex(), samples.OTHER_SECRET.hex(), *samples.SCRATCH_CODES):
        assert secret not in text
    assert len(text) < record.SIZE_MAX
    assert state.NOTICES_MAX == 8


def test_proposal_shows_no_secret() -> None:
    """A change's repr and an opened proposal's repr show neither secret nor proof."""
    change = changes.Change(add=(samples.totp_draft(),), proof=changes.Proof("123456", 5))
    opened = secretfile.Opened(PROPOSALS[0], changes.encode(change))
    assert samples.SECRET.hex() not in repr(change) + repr(opened)
    assert "123456" not in repr(change) + repr(opened)
