"""Seals: what otpauth/seal.py must hold, and that it uses the standards it names."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import seal
from otpauth.errors import SealError
from otpauth.keys import PublicKey, RecordKey
from tests import samples

KEY = samples.RECORD_KEY
PLAIN = b"a plain text with the secret gezdgnbvgy3tqojq"
HEADER = b"record AAA8-FFF7 1\nuser alice\n"
SEALED = seal.seal_record(KEY, "alice", HEADER, PLAIN)
PUBLIC = PublicKey(
    samples.HOST_ID,
    X25519PrivateKey.from_private_bytes(samples.HOST_SECRET).public_key().public_bytes_raw(),
)
PROPOSED = seal.seal_proposal(PUBLIC, "alice", HEADER, PLAIN)
INFO = seal.proposal_info("alice", PUBLIC.id, HEADER)


def test_opens() -> None:
    """What was sealed opens with the same key, user and header."""
    assert seal.open_record(KEY, 1, "alice", HEADER, SEALED) == PLAIN
    assert seal.open_proposal(samples.HOST_SECRET, INFO, PROPOSED) == PLAIN
    assert len(SEALED) == len(PLAIN) + seal.OVERHEAD
    assert len(PROPOSED) == len(PLAIN) + seal.HPKE_OVERHEAD


OTHER_KEY = RecordKey(KEY.ids, ((KEY.host, bytes(32)),))
OTHER_HOST = RecordKey(KEY.ids, (("0000-0000", KEY.generations[0][1]),))
CONTEXTS = {
    "user": (KEY, 1, "bob", HEADER),
    "user_shorter": (KEY, 1, "alic", HEADER),
    "no_user": (KEY, 1, "", HEADER),
    "key": (OTHER_KEY, 1, "alice", HEADER),
    "host": (OTHER_HOST, 1, "alice", HEADER),
    "generation": (samples.ROTATED_KEY, 2, "alice", HEADER),
    "generation_0": (KEY, 0, "alice", HEADER),
    "generation_negative": (samples.ROTATED_KEY, -1, "alice", HEADER),
    "generation_missing": (KEY, 2, "alice", HEADER),
    "header": (KEY, 1, "alice", HEADER + b"\n"),
    "no_header": (KEY, 1, "alice", b""),
}
INFOS = {
    "user": seal.proposal_info("bob", PUBLIC.id, HEADER),
    "key_id": seal.proposal_info("alice", "0000-0000", HEADER),
    "header": seal.proposal_info("alice", PUBLIC.id, HEADER.replace(b"alice", b"alicf")),
    "verb": seal.proposal_info("alice", PUBLIC.id, HEADER.replace(b"record", b"remove")),
    "none": b"",
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_other_context(name: str) -> None:
    """A record opens for no other key, host, generation, user or header."""
    key, generation, user, header = CONTEXTS[name]
    with pytest.raises(SealError):
        seal.open_record(key, generation, user, header, SEALED)


@pytest.mark.parametrize("name", INFOS)
def test_other_context_of_a_proposal(name: str) -> None:
    """A proposal opens for no other user, key id or header."""
    with pytest.raises(SealError):
        seal.open_proposal(samples.HOST_SECRET, INFOS[name], PROPOSED)


def test_other_host_of_a_proposal() -> None:
    """A proposal opens with no other private key."""
    with pytest.raises(SealError):
        seal.open_proposal(bytes(range(2, 34)), INFO, PROPOSED)


def test_rotation() -> None:
    """After a rotation the older generation still opens, and the newer one seals."""
    assert seal.open_record(samples.ROTATED_KEY, 1, "alice", HEADER, SEALED) == PLAIN
    newer = seal.seal_record(samples.ROTATED_KEY, "alice", HEADER, PLAIN)
    assert seal.open_record(samples.ROTATED_KEY, 2, "alice", HEADER, newer) == PLAIN
    with pytest.raises(SealError):
        seal.open_record(samples.ROTATED_KEY, 1, "alice", HEADER, newer)


def flipped(data: bytes) -> list[bytes]:
    """Return the data with each of its bytes changed, in two ways."""
    return [
        data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
        for place in range(len(data))
        for mask in (1, 0x80)
    ]


def test_every_byte_flipped() -> None:
    """A change of any byte of seal or header is a SealError."""
    for data in flipped(SEALED):
        with pytest.raises(SealError):
            seal.open_record(KEY, 1, "alice", HEADER, data)
    for header in flipped(HEADER):
        with pytest.raises(SealError):
            seal.open_record(KEY, 1, "alice", header, SEALED)
    for data in flipped(PROPOSED):
        with pytest.raises(SealError):
            seal.open_proposal(samples.HOST_SECRET, INFO, data)
    for info in flipped(INFO):
        with pytest.raises(SealError):
            seal.open_proposal(samples.HOST_SECRET, info, PROPOSED)


def test_every_cut() -> None:
    """Sealed bytes cut at any length, or longer by one, are a SealError."""
    for size in range(len(SEALED)):
        with pytest.raises(SealError):
            seal.open_record(KEY, 1, "alice", HEADER, SEALED[:size])
    for size in range(len(PROPOSED)):
        with pytest.raises(SealError):
            seal.open_proposal(samples.HOST_SECRET, INFO, PROPOSED[:size])
    with pytest.raises(SealError):
        seal.open_record(KEY, 1, "alice", HEADER, SEALED + b"\0")
    with pytest.raises(SealError):
        seal.open_proposal(samples.HOST_SECRET, INFO, PROPOSED + b"\0")


def test_deterministic() -> None:
    """Sealing a record takes no random numbers; sealing a proposal does."""
    assert seal.seal_record(KEY, "alice", HEADER, PLAIN) == SEALED
    assert seal.seal_record(KEY, "alice", HEADER, PLAIN + b".") != SEALED
    assert seal.seal_proposal(PUBLIC, "alice", HEADER, PLAIN) != PROPOSED


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.binary(max_size=6), max_size=4),
    st.lists(st.binary(max_size=6), max_size=4),
)
def test_no_ambiguity(one: list[bytes], two: list[bytes]) -> None:
    """Two lists of fields give the same bytes only if they are the same list."""
    assert (seal.prefixed(*one) == seal.prefixed(*two)) == (one == two)


def test_no_ambiguity_of_marks() -> None:
    """A byte moved from one field to the next, or to another use, gives another hash or seal."""
    marks = samples.MARKS
    assert marks.code("ab", "c") != marks.code("a", "bc")
    assert marks.answer("ab", "c") != marks.answer("a", "bc")
    assert marks.token(b"x") != seal.Fingerprints(bytes(32)).token(b"x")
    assert marks.answer("a", "b") != marks.code("a", "b")[:8]
    assert seal.proposal_info("ab", "c", b"") != seal.proposal_info("a", "bc", b"")


def test_silent() -> None:
    """No key, secret or code is in an error or a repr."""
    texts = [repr(KEY), repr(samples.MARKS), repr(samples.ROTATED_KEY)]
    for data in (SEALED[:-1], b""):
        with pytest.raises(SealError) as caught:
            seal.open_record(KEY, 1, "alice", HEADER, data)
        texts += [str(caught.value), repr(caught.value)]
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    with pytest.raises(SealError) as caught:
        seal.open_proposal(samples.HOST_SECRET, INFO, PROPOSED[:-1])
    texts += [str(caught.value), repr(caught.value)]
    keys = [KEY.ids, KEY.generations[0][1], samples.MARKS.key, samples.HOST_SECRET]
    hidden = [form for key in keys for form in (key.hex(), repr(key)[2:-1])] + [PLAIN.decode()]
    assert not [text for text in texts for each in hidden if each in text]


# That the standards are what is used


HKDF = [  # RFC 5869, appendix A: PRK, info, OKM
    (
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        "f0f1f2f3f4f5f6f7f8f9",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        bytes(range(0xB0, 0x100)).hex(),
        (
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
            "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
        ),
    ),
    (
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        "",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]


@pytest.mark.parametrize(("prk", "info", "okm"), HKDF)
def test_rfc5869(prk: str, info: str, okm: str) -> None:
    """Keys are derived with HKDF-Expand: the three SHA-256 cases of RFC 5869 appendix A."""
    size = len(okm) // 2
    assert seal.expand(bytes.fromhex(prk), bytes.fromhex(info), size=size).hex() == okm


def test_rfc5297() -> None:
    """The cipher of records gives the ciphertext of RFC 5297 appendix A.1."""
    key = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
    header = "101112131415161718191a1b1c1d1e1f2021222324252627"
    sealed = "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"
    cipher = AESSIV(bytes.fromhex(key))
    plain = bytes.fromhex("112233445566778899aabbccddee")
    assert cipher.encrypt(plain, [bytes.fromhex(header)]).hex() == sealed


def test_record_by_hand() -> None:
    """A record opens with AES-256-SIV under the key that otpauth(5) describes, built by hand."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    fields = (b"otpauth record 1", b"alice", samples.HOST_ID.encode())
    info = b"".join(len(each).to_bytes(4, "big") + each for each in fields)
    key = HKDFExpand(hashes.SHA256(), 64, info).derive(KEY.generations[0][1])
    assert AESSIV(key).decrypt(SEALED, [HEADER]) == PLAIN


def test_rfc9180() -> None:
    """A proposal is opened as RFC 9180 appendix A.2.1 says.

    DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode. The appendix seals with
    associated data, which ours has not: the keys are derived from its numbers by its info, and
    what they seal without associated data is opened.
    """
    secret = bytes.fromhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
    enc = bytes.fromhex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a")
    key = bytes.fromhex("ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91")
    nonce = bytes.fromhex("5c4d98150661b848853b547f")
    info = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    first = ChaCha20Poly1305(key).encrypt(nonce, b"Beauty is truth, truth beauty", b"Count-0")
    assert first.hex().startswith(
        "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db"
    )
    sealed = enc + ChaCha20Poly1305(key).encrypt(nonce, PLAIN, b"")
    assert seal.open_proposal(secret, info, sealed) == PLAIN
