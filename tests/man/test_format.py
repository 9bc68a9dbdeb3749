"""otpauth(5) is the format: its example is real, its key schedule opens it, its limits hold.

`reader` below is a second implementation, made from the page alone, of what opens both seals.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESSIV, ChaCha20Poly1305

from otpauth import (
    answer,
    canonical,
    changes,
    copies,
    joining,
    keyfiles,
    keys,
    oath,
    record,
    seal,
    secretfile,
    state,
    token,
    wishes,
)
from tests.man import example, pages

if TYPE_CHECKING:
    import types

    from otpauth.secretfile import Proposal, SealedRecord

PAGE = "otpauth.5"
EXAMPLES = pages.examples(PAGE)
MODULES = (
    *(canonical, changes, joining, keyfiles, keys, oath, record, secretfile, state, token, wishes),
)
LIMITS = {
    "bytes in a file": "secretfile.SIZE_MAX",
    "proposals in a file": "secretfile.PROPOSALS_MAX",
    "records in a file": "secretfile.RECORDS_MAX",
    "bytes under one seal": "secretfile.SEALED_MAX",
    "bytes of JSON in a record": "record.SIZE_MAX",
    "bytes of JSON in a proposal": "changes.SIZE_MAX",
    "characters of a user's name": "record.NAME_MAX",
    "characters of a token's name": "token.NAME_MAX",
    "bytes of a note": "token.NOTE_MAX",
    "characters of the reason of a notice, of a place": "state.PLACE_MAX",
    "groups that a token is limited to": "token.GROUPS_MAX",
    "characters of these, with commas between": "token.GROUPS_TEXT_MAX",
    "tokens that a user may have, besides lists": "token.TOKENS_MAX",
    "lists that a user may have": "token.LISTS_MAX",
    "addresses of his own that a user may have": "token.ADDRESSES_MAX",
    "characters of an address": "token.ADDRESS_MAX",
    "tokens in a record after a join": "token.MERGED_MAX",
    "scratch codes in a set": "token.SCRATCH_MAX",
    "passwords on a list": "token.LIST_MAX",
    "characters of a proof that is no list's": "changes.PROOF_MAX",
    "removed ids": "state.REMOVED_MAX",
    "events of strangers": "state.EVENTS_MAX",
    "events of a known place, and of proofs": "state.PLACE_EVENTS_MAX",
    "events of all of these together": "state.PLACES_EVENTS_MAX",
    "known places": "state.KNOWN_MAX",
    "marks of wrong answers": "state.WRONG_MAX",
    "places with a scratch try": "state.TRIES_MAX",
    "marks of grace periods": "state.GRACES_MAX",
    "codes that were sent": "state.DUE_MAX",
    "messages to strangers, and again to the others": "state.SENDS_MAX",
    "wrong answers that count towards locks": "state.FAILS_MAX",
    "groups with a lock, and again with a reset": "state.LOCKS_MAX",
    "sessions": "state.SESSIONS_MAX",
    "characters of a session's service or address": "state.SHOWN_MAX",
    "digests of proposals dealt with": "state.DONE_MAX",
    "notices": "state.NOTICES_MAX",
    "outcomes": "record.OUTCOMES_MAX",
    "generations of keys": "keys.GENERATIONS_MAX",
    "codes in a wished window": "wishes.WINDOW_MAX",
    "wrong answers in a wished limit": "wishes.TRIES_MAX",
    "seconds of a wished limit": "wishes.SECONDS_MAX",
    "bytes of a secret": "oath.SECRET_MAX",
    "bytes of a secret, at least": "oath.SECRET_MIN",
    "digits of a mOTP secret": "oath.MOTP_SECRET_MAX",
    "digits of a mOTP secret, at least": "oath.MOTP_SECRET_MIN",
    "digits of a PIN": "oath.PIN_MAX",
    "digits of a PIN, at least": "oath.PIN_MIN",
    "seconds of a period": "oath.PERIOD_MAX",
    "seconds of a period, at least": "oath.PERIOD_MIN",
    "counter or time step in a draft, drift": "oath.COUNTER_MAX",
    "steps of drift in a draft, fast or slow": "token.DRIFT_MAX",
    "steps that seen is ahead of time and drift": "joining.AHEAD_MAX",
    "integer in JSON": "canonical.INTEGER_MAX",
    "characters of an exported key's passphrase, at least": "keyfiles.PASSPHRASE_MIN",
}


def test_limits() -> None:
    """The table of limits has every limit of the format's modules, with its value, and no other."""
    there = {
        f"{module.__name__.removeprefix('otpauth.')}.{name}": value
        for module in MODULES
        for name, value in _limits_of(module).items()
    }
    told = {what: int(number) for what, number in pages.table(PAGE, "limits")[1:]}
    assert told == {what: there[name] for what, name in LIMITS.items()}
    assert set(LIMITS.values()) == set(there)


def test_numbers_in_sentences() -> None:
    """Numbers that the page's sentences name are those of the code."""
    text = " ".join(pages.source(PAGE).split())
    proposal, proof = changes.PROPOSAL_LIFE // 86400, changes.PROOF_LIFE // 86400
    for sentence in (
        f"dropped {proposal} days after it was made; a proof counts for {proof} days",
        f"dated more than {proof} days ahead",
        f"up to the next multiple of {record.PADDING} bytes",
        f"lines of {secretfile.LINE} characters",
        f"Every key has {keys.KEY_SIZE} bytes",
        f"N = {2**keyfiles.SCRYPT_LOG_N}, r = 8",
        f'mac(ids, {token.ID_SIZE}, "token"',
        f'mac(ids, {token.MARK_SIZE}, "code"',
        f"({oath.MOTP_SECRET_MIN} to {oath.MOTP_SECRET_MAX} hexadecimal digits;",
        f"({oath.PIN_MIN} to {oath.PIN_MAX} digits);",
        f"(one text of {token.PASSWORD_LENGTH} characters",
        f"its entropy, {token.PASSWORD_STRONG} to 200,",
        f"its NT hash ({2 * token.NT_SIZE} hexadecimal digits)",
        f"(of {oath.MOTP_PERIOD} seconds)",
        f"({token.SCRATCH_LENGTH} characters of .Ql {token.SCRATCH_ALPHABET} each",
        f"({oath.ALGORITHMS[0]}, {oath.ALGORITHMS[1]} or {oath.ALGORITHMS[2]})",
        f"({oath.DIGITS[0]}, {oath.DIGITS[1]} or {oath.DIGITS[2]})",
        f"its number, {token.NUMBER_SIZE} digits, and its digest, {2 * token.DIGEST_SIZE} hexa",
        f"the entropy of each, {token.LIST_BITS[0]} to {token.LIST_BITS[1]},",
        f"({', '.join(token.LIST_FORMS[:-1])} or {token.LIST_FORMS[-1]})",
        f"characters of a password, {token.LIST_LENGTH[0]} to {token.LIST_LENGTH[1]};",
        f"number in front, up to {answer.JOINED_MAX} characters.",
    ):
        assert sentence in text


def test_state_and_join() -> None:
    """Both lists of the state's fields have all of them, and nothing else."""
    listed = pages.items(pages.section(PAGE, "UNDER THE SEAL OF A RECORD"), "Cm")
    top = set(json.loads(record.encode(example.parts().account)))
    fields = set(state.State._fields)
    assert set(listed) == top | fields
    assert len(listed) == len(top) + len(fields)
    joined = {row[0] for row in pages.table(PAGE, "join")[1:]}
    assert joined == fields | {"enrolled", "tokens", "outcomes", "wishes"}


def test_words_of_the_grammar() -> None:
    """The closed sets in the grammar are those of the code."""
    text = " ".join(pages.section(PAGE, "THE FILE").split())
    for name, words in (
        ("verb ", secretfile.VERBS),
        ("kind ", token.KINDS),
        ("what ", state.WHATS),
    ):
        assert f"{name}= " + " / ".join(f'"{word}"' for word in words) in text.replace("  ", " ")


def test_change() -> None:
    """The keys under a proposal's seal are those of the code."""
    listed = pages.items(pages.section(PAGE, "UNDER THE SEAL OF A PROPOSAL"), "Cm")
    assert listed == [*sorted(json.loads(changes.encode(changes.Change()))), *token.KINDS]
    text = pages.section(PAGE, "UNDER THE SEAL OF A PROPOSAL").replace(",", " ").split()
    assert set(token.Draft._fields) | set(changes.LABELS) <= set(text)


def test_example_is_of_this_version() -> None:
    """The whole example but the proposal's random bytes is what the code makes today."""
    made = example.parts()
    (waits,) = _file().proposals
    assert waits._replace(sealed=b"") == made.proposal._replace(sealed=b"")
    assert example.texts(made, waits) == EXAMPLES


def test_example_parses_and_opens() -> None:
    """The product parses the example and opens both of its seals."""
    content = _file()
    assert secretfile.serialize(content).decode() == EXAMPLES["file"]
    assert not [each for each in content.sections if isinstance(each, secretfile.Damaged)]
    (waits,), (held,) = content.proposals, content.records
    host = keys.read_host(EXAMPLES["host.key"].encode())
    record_key = keys.read_record(EXAMPLES["record.key"].encode())
    public = keys.read_public(EXAMPLES["host.pub"].encode())
    assert public == keyfiles.public_of(host)
    assert copies.opened(record_key, held, "alice") == example.parts().account
    info = seal.proposal_info("alice", waits.key, waits.header())
    plain = seal.open_proposal(host.secrets[0][1], info, waits.sealed)
    assert changes.decode(plain) == example.parts().change


def test_page_opens_the_record() -> None:
    """The key schedule, followed without the product's code, opens the example's record."""
    (held,) = _file().records
    plain = _read_record(held, header=EXAMPLES["record-header"].encode())
    assert len(plain) % 1024 == 0
    assert plain.rstrip(b" ").decode() == _joined("record-json")
    with pytest.raises(InvalidTag):
        _read_record(held, header=EXAMPLES["record-header"].encode()[:-1])


def test_page_opens_the_proposal() -> None:
    """HPKE, followed without the product's code, opens the example's proposal."""
    (waits,) = _file().proposals
    assert _read_proposal(waits, info=bytes.fromhex(_joined("proposal-info"))).decode() == _joined(
        "change-json"
    )
    with pytest.raises(InvalidTag):
        _read_proposal(waits, info=b"")


def test_page_makes_the_ids() -> None:
    """Keyed hashes, followed without the product's code, give the example's ids and hashes."""
    account = json.loads(_joined("record-json"))
    ids = _key("record.key", 1)
    phone = _mac(ids, 8, b"token", b"12345678901234567890")
    scratch = _mac(ids, 8, b"token", b"23456789\nk7mqx2vd")
    assert sorted(account["tokens"]) == sorted((phone, scratch))
    codes = [_mac(ids, 8, b"code", scratch.encode(), code) for code in (b"23456789", b"k7mqx2vd")]
    assert account["tokens"][scratch]["params"]["codes"] == sorted(codes)
    key_id = hashlib.sha256(_key("host.pub", 1)).hexdigest()[:8].upper()
    assert f"{key_id[:4]}-{key_id[4:]}" in EXAMPLES["host.pub"]


def _limits_of(module: types.ModuleType) -> dict[str, int]:
    return {
        name: value
        for name, value in vars(module).items()
        if name.endswith(("_MAX", "_MIN")) and not name.startswith("_") and type(value) is int
    }


def _file() -> secretfile.SecretFile:
    return secretfile.parse(EXAMPLES["file"].encode())


def _joined(name: str) -> str:
    return EXAMPLES[name].replace("\n", "")


# What the page says, without the product's code.


def _key(name: str, line: int) -> bytes:
    return base64.b64decode(EXAMPLES[name].splitlines()[line].split(" ")[2])


def _prefixed(*fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def _mac(key: bytes, size: int, *fields: bytes) -> str:
    return hmac.digest(key, _prefixed(*fields), "sha256")[:size].hex()


def _expand(key: bytes, info: bytes, size: int) -> bytes:
    out = block = b""
    number = 1
    while len(out) < size:
        block = hmac.digest(key, block + info + bytes([number]), "sha256")
        out, number = out + block, number + 1
    return out[:size]


def _read_record(held: SealedRecord, *, header: bytes) -> bytes:
    info = _prefixed(b"otpauth record 1", b"alice", held.host.encode())
    assert info.hex() == _joined("record-info")
    key = _expand(_key("record.key", 2), info, 64)
    assert key.hex() == _joined("record-derived")
    return AESSIV(key).decrypt(held.sealed, [header])


def _read_proposal(waits: Proposal, *, info: bytes) -> bytes:
    """Open HPKE in base mode by hand: RFC 9180 sections 4.1 and 5.1."""
    encapsulated, ciphertext = waits.sealed[:32], waits.sealed[32:]
    secret = X25519PrivateKey.from_private_bytes(_key("host.key", 2))
    public = secret.public_key().public_bytes_raw()
    shared = secret.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    kem = b"KEM\x00\x20"
    pseudorandom = _labeled_extract(b"", kem, b"eae_prk", shared)
    shared = _labeled_expand(pseudorandom, kem, b"shared_secret", encapsulated + public, 32)
    suite = b"HPKE\x00\x20\x00\x01\x00\x03"
    context = (
        b"\x00"
        + _labeled_extract(b"", suite, b"psk_id_hash", b"")
        + _labeled_extract(b"", suite, b"info_hash", info)
    )
    scheduled = _labeled_extract(shared, suite, b"secret", b"")
    key = _labeled_expand(scheduled, suite, b"key", context, 32)
    nonce = _labeled_expand(scheduled, suite, b"base_nonce", context, 12)
    return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, b"")


def _labeled_extract(salt: bytes, suite: bytes, label: bytes, material: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, "sha256")


def _labeled_expand(key: bytes, suite: bytes, label: bytes, info: bytes, size: int) -> bytes:
    return _expand(key, size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, size)
