"""What a Windows-style client makes of a password: NT hash, response, session key.

The NT hash is MD4 of the password in UTF-16LE, and DES under the three parts of that hash turns a
challenge of 8 bytes into the response (MS-NLMP 3.3.1; RFC 2433 A.5, and RFC 2759 8.5 for MSCHAPv2,
whose challenge is hashed before). Both are broken: one pair of challenge and response gives the
hash away for the price of trying all DES keys, and the hash is as good as the password.

MD4 and DES are pycryptodome's, which is not among what is always installed.
"""

from __future__ import annotations

import hmac

from otpauth.answer import Candidate
from otpauth.errors import FormatError, NtlmMissingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

CHALLENGE_SIZE, RESPONSE_SIZE = 8, 24  # bytes
_KEY_SIZE = 7  # bytes of a DES key without its parity bits


class Response:
    """What a client answered to a challenge, to be compared with what each code would give.

    It remembers which one did: `code`, as far as it is known, empty if none was compared that did.
    """

    def __init__(self, challenge: str, given: str) -> None:
        """Read both from hex digits. Raises FormatError, NtlmMissingError."""
        self.code = ""
        self._challenge = _unhex(challenge, CHALLENGE_SIZE, "challenge")
        self._given = _unhex(given, RESPONSE_SIZE, "response").hex()
        self._hashed = ""
        _library()

    def candidate(self) -> Candidate:
        """Return it as a code that was perhaps typed."""
        return Candidate(self._given, form=self.of_code, ntlm=self)

    def key(self) -> str:
        """Return NT_KEY for the code that was compared and right, empty if none was."""
        return session_key(self._hashed) if self._hashed else ""

    def of_code(self, code: str) -> str:
        """Return in hex what the client would have answered if this was typed."""
        hashed = nt_hash(code)
        made = self.of_hash(hashed)
        if self._hashed == hashed:
            self.code = code
        return made

    def of_hash(self, hashed: str) -> str:
        """Return in hex what the client would have answered for this NT hash."""
        made = response(hashed, self._challenge).hex()
        if hmac.compare_digest(made, self._given):
            self._hashed = hashed
        return made


def nt_hash(text: str) -> str:
    """Return the NT hash of a password, in 32 hex digits. Raises NtlmMissingError."""
    return _md4(text.encode("utf-16-le", "surrogatepass")).hex()


def session_key(hashed: str) -> str:
    """Return what ntlm_auth(1) calls NT_KEY for an NT hash. Raises NtlmMissingError."""
    return _md4(bytes.fromhex(hashed)).hex().upper()


def response(hashed: str, challenge: bytes) -> bytes:
    """Return the 24 bytes that answer a challenge of 8. Raises NtlmMissingError."""
    padded = bytes.fromhex(hashed).ljust(3 * _KEY_SIZE, b"\0")
    keys = (padded[start : start + _KEY_SIZE] for start in range(0, len(padded), _KEY_SIZE))
    return b"".join(_des(key, challenge) for key in keys)


def _md4(data: bytes) -> bytes:
    md4, _ = _library()
    return bytes(md4.new(data).digest())


def _des(key: bytes, block: bytes) -> bytes:
    """Encrypt a block of 8 bytes under a key of 7, to each 7 bits of which a parity bit belongs."""
    bits = int.from_bytes(key, "big")
    spread = bytes(bits >> shift << 1 & 0xFE for shift in range(49, -1, -7))
    _, des = _library()
    return bytes(des.new(spread, des.MODE_ECB).encrypt(block))


def _library() -> tuple[ModuleType, ModuleType]:
    try:
        from Crypto.Cipher import DES
        from Crypto.Hash import MD4
    except ImportError:
        raise NtlmMissingError(
            "what NTLM needs is not installed", hint="in the source's folder: make install NTLM=yes"
        ) from None
    return MD4, DES


def _unhex(text: str, size: int, name: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != size:
        raise FormatError(f"the {name} is not {2 * size} hex digits")
    return found
