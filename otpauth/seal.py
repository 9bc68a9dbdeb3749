"""Seals: AES-SIV for records, HPKE for proposals, and keyed hashes for ids and codes.

What must hold, each with its test in tests/test_seal.py:

 1. A record opens only with the key of its user, host key id and generation (test_other_context).
 2. A record opens only with the clear header it was sealed with (test_every_byte_flipped).
 3. A repeated or predictable random generator costs a record nothing: AES-SIV, RFC 5297, takes
    none (test_deterministic).
 4. A proposal opens only for the user, host key and header it was sealed for (test_other_context).
 5. Every change of one byte and every cut is a SealError, never another value
    (test_every_byte_flipped, test_every_cut).
 6. The fields of every key derivation and MAC are length-prefixed (test_no_ambiguity).
 7. No key, secret or code is in an error or a repr (test_silent).

In the PAM process only AES-SIV is used; HPKE with its key objects is imported by the setup tool
and by the unsealing helper alone, because key objects do not survive a second start of Python in
one process.
"""

from __future__ import annotations

from otpauth.errors import SealError
from otpauth.keys import key_id
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV
    from cryptography.hazmat.primitives.hpke import Suite

    from otpauth.keys import PublicKey, RecordKey

OVERHEAD = 16  # bytes AES-SIV adds
HPKE_OVERHEAD = 48  # bytes HPKE adds: the encapsulated key and the tag


def prefixed(*fields: bytes) -> bytes:
    """Join fields so that no two lists of them give the same bytes: 4 bytes length, then each."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def expand(key: bytes, info: bytes, *, size: int) -> bytes:
    """Derive `size` bytes from a uniformly random key. HKDF-Expand, RFC 5869 section 2.3."""
    import hmac

    block, out = b"", b""
    while len(out) < size:
        block = hmac.digest(key, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:size]


class Fingerprints(NamedTuple):
    """Keyed hashes under the host's `ids` key: they identify without disclosing."""

    key: bytes

    def __repr__(self) -> str:
        return "Fingerprints()"

    def token(self, material: bytes) -> str:
        """Return the id of the token with this secret: 64 bits, hex."""
        return self._mac(8, b"token", material)

    def code(self, ident: str, code: str) -> str:
        """Return the hash that a scratch code of one token is kept as: 64 bits, hex."""
        return self._mac(8, b"code", ident.encode(), code.encode())

    def answer(self, user: str, code: str) -> str:
        """Return the hash that tells a repeated wrong answer: 32 bits, hex."""
        return self._mac(4, b"answer", user.encode(), code.encode())

    def grace(self, user: str, service: str, source: str, ident: str) -> str:
        """Return the hash that an accepted token, and where it was, is kept as: 64 bits, hex."""
        return self._mac(
            8, b"grace", user.encode(), service.encode(), source.encode(), ident.encode()
        )

    def route(self, user: str, kind: str, to: str) -> str:
        """Return the id of a way that a user has codes by: 64 bits, hex."""
        return self._mac(8, b"route", user.encode(), kind.encode(), to.encode())

    def due(self, user: str, service: str, place: str, ident: str) -> str:
        """Return the hash that a code which is due is filed under: 64 bits, hex."""
        return self._mac(8, b"due", user.encode(), service.encode(), place.encode(), ident.encode())

    def sent(self, mark: str, second: int, number: str) -> str:
        """Return what a code that is sent is the end of: 64 bits, hex."""
        return self._mac(8, b"sent", mark.encode(), str(second).encode(), number.encode())

    def session(self, user: str, scope: tuple[str, str], source: str, answer: str) -> str:
        """Return the hash that an accepted answer is kept as, where it is good: 64 bits, hex."""
        fields = (b"session", user.encode(), *(each.encode() for each in scope), source.encode())
        return self._mac(8, *fields, answer.encode("utf-8", "surrogatepass"))

    def logout(self, user: str, password: str) -> str:
        """Return the hash of the password that ends the sessions of an answer: 64 bits, hex."""
        return self._mac(8, b"logout", user.encode(), password.encode())

    def _mac(self, size: int, *fields: bytes) -> str:
        import hmac

        return hmac.digest(self.key, prefixed(*fields), "sha256")[:size].hex()


def prepare() -> None:
    """Load the cipher, so that it is there when a lock is held."""
    _aes_siv()


def seal_record(keys: RecordKey, user: str, header: bytes, plain: bytes) -> bytes:
    """Seal a record with the newest generation. `header` is the clear text it goes with."""
    cipher = _cipher(keys, keys.newest, user)
    return bytes(cipher.encrypt(plain, [header]))


def open_record(keys: RecordKey, generation: int, user: str, header: bytes, data: bytes) -> bytes:
    """Open a sealed record. Raises SealError."""
    if not 1 <= generation <= keys.newest:
        raise SealError("a record is of a key generation that this host does not have")
    if len(data) <= OVERHEAD:
        raise SealError("a record is too short to be one")
    cipher = _cipher(keys, generation, user)
    try:
        return bytes(cipher.decrypt(data, [header]))
    except Exception as error:
        from cryptography.exceptions import InvalidTag  # imports typing: not before it is needed

        if not isinstance(error, InvalidTag):
            raise
        raise SealError("a record does not open with this host's key") from None


def seal_proposal(public: PublicKey, user: str, header: bytes, plain: bytes) -> bytes:
    """Seal a proposal to the host. HPKE base mode, RFC 9180 section 5.1.1.

    Raises SealError if the key is not the one that its id names.
    """
    if key_id(public.key) != public.id:
        raise SealError("the public key is not the one that its id names")
    from cryptography.hazmat.primitives.asymmetric.x25519 import (
        X25519PublicKey,
    )

    key = X25519PublicKey.from_public_bytes(public.key)
    return _suite().encrypt(plain, key, info=proposal_info(user, public.id, header))


def open_proposal(secret: bytes, info: bytes, data: bytes) -> bytes:
    """Open a sealed proposal; `info` is proposal_info's. Raises SealError."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import (
        X25519PrivateKey,
    )

    key = X25519PrivateKey.from_private_bytes(secret)
    try:
        return _suite().decrypt(data, key, info=info)
    except (InvalidTag, ValueError):
        raise SealError("a proposal does not open with this host's key") from None


def proposal_info(user: str, key_id: str, header: bytes) -> bytes:
    """Return what a proposal's seal is bound to."""
    return prefixed(b"otpauth proposal 1", user.encode(), key_id.encode(), header)


def _suite() -> Suite:
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    return Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def _cipher(keys: RecordKey, generation: int, user: str) -> AESSIV:
    """Return the cipher of one user's records: AES-256-SIV under a key of his own."""
    host, key = keys.generations[generation - 1]
    info = prefixed(b"otpauth record 1", user.encode(), host.encode())
    return _aes_siv()(expand(key, info, size=64))


def _aes_siv() -> type[AESSIV]:
    """Return the class from where it is compiled: the public module loads 5 ms of others with it.

    That place is not promised; where it is another one, the public module serves.
    """
    try:
        from cryptography.hazmat.bindings._rust import openssl

        found: type[AESSIV] = openssl.aead.AESSIV
    except (ImportError, AttributeError):
        from cryptography.hazmat.primitives.ciphers import aead

        found = aead.AESSIV
    return found
