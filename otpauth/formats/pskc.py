"""PSKC, RFC 6030: XML with the seeds of hardware tokens, plain or encrypted.

Encrypted with a passphrase (PBKDF2) or a pre-shared key, which is then given as passphrase in
hexadecimal; AES-CBC, and a MAC of every value, as section 6.2 demands. Limits in Policy that we do
not know forbid the use of a key, section 5; so do check digits, other encodings than decimal and
another start of time. A signature is not checked: a note says so. A key's user is the UID of its
UserId. TimeDrift is what a clock may drift in a day, not what it is off, and is not carried.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from otpauth import oath
from otpauth.formats import imported, xmltree
from otpauth.formats.imported import FormatError, Imported, PassphraseError, at, number

if TYPE_CHECKING:
    from otpauth.formats.imported import Reading
    from otpauth.formats.xmltree import Element

_AES = {"aes128-cbc": 16, "aes192-cbc": 24, "aes256-cbc": 32}
_MACS = {"hmac-sha1": "sha1", "hmac-sha256": "sha256", "hmac-sha512": "sha512"}
_POLICIES = {"StartDate", "ExpiryDate", "PINPolicy", "KeyUsage"}
_MEND = "pskc2pskc --password ... -o PLAIN FILE makes a plain file"


class Keys(NamedTuple):
    """What encrypted values open with, and what hash their MAC is of."""

    cipher: bytes
    mac: bytes
    digest: str

    def __repr__(self) -> str:
        return "Keys()"


def parse(data: bytes, reading: Reading) -> list[Imported]:
    """Read all keys, or those of one user or choice. Raises FormatError, PassphraseError."""
    container = _container(data)
    keys: Keys | None = None
    items: list[Imported] = []
    count: dict[str, int] = {}
    signed = ("the signature is not checked",) if container.find("Signature") else ()
    for package in container.all("KeyPackage"):
        key, user, called = package.find("Key"), _user(package), _label(package)
        if (reading.user and user not in ("", reading.user)) or not imported.wanted(
            reading, called
        ):
            continue
        with at(package.line):
            if key is None:
                raise FormatError("the package has no key")
            if keys is None and key.find("Data", "Secret", "EncryptedValue"):
                keys = _keys(container, reading)
            place = count[user] = count.get(user, -1) + 1
            item = _item(key, imported.numbered(reading.name, place), called, keys)
            items.append(item._replace(user=user, line=package.line, notes=item.notes + signed))
    return items


def users(data: bytes) -> list[str]:
    """Return whom the keys name."""
    return [_user(package) for package in _container(data).all("KeyPackage")]


def _container(data: bytes) -> Element:
    root = xmltree.read(data)
    if root.tag != "KeyContainer":
        raise FormatError("the file is XML, but no PSKC KeyContainer")
    return root


def _item(key: Element, name: str, called: str, keys: Keys | None) -> Imported:
    kind = re.search(r"[:#](hotp|totp)$", key.attributes.get("Algorithm", ""))
    notes, expires = _policy(key)
    draft = imported.one_time(
        kind[1] if kind else "",
        name,
        _secret(key, keys),
        algorithm=_algorithm(key),
        digits=_digits(key),
        period=_plain(key, "TimeInterval", 30),
        seen=_plain(key, "Counter", 0) if kind and kind[1] == "hotp" else 0,
        note=called,
    )
    if _plain(key, "Time", 0):
        raise FormatError("the key counts time from another moment than 1970")
    return Imported("", draft._replace(expires=expires), notes=notes)


def _label(package: Element) -> str:
    words = [package.find("DeviceInfo", "Manufacturer"), package.find("DeviceInfo", "SerialNo")]
    key = package.find("Key")
    ident = key.attributes.get("Id", "") if key is not None else ""
    return imported.label(*(word.text for word in words if word is not None)) or imported.label(
        ident
    )


def _user(package: Element) -> str:
    """Return whom a key is for: the UID of a distinguished name, or a plain name."""
    found = package.find("Key", "UserId") or package.find("DeviceInfo", "UserId")
    text = found.text if found is not None else ""
    uid = re.search(r"(?:^|,)\s*UID\s*=\s*([^,]+?)\s*(?:,|$)", text, re.IGNORECASE)
    name = uid[1] if uid else text
    return name if re.fullmatch(r"[\w.@-]{1,64}", name) else ""


def _plain(key: Element, tag: str, default: int) -> int:
    """Return a number in Data, or the default."""
    where = key.find("Data", tag)
    if where is None:
        return default
    value = where.find("PlainValue")
    if value is None:
        raise FormatError(f"{tag} has no plain value", hint=_MEND)
    return number(value.text, 0, oath.COUNTER_MAX, tag)


def _digits(key: Element) -> int:
    form = key.find("AlgorithmParameters", "ResponseFormat")
    if form is None:
        return 6
    attributes = form.attributes
    if attributes.get("Encoding", "DECIMAL") != "DECIMAL":
        raise FormatError("the codes are not decimal")
    if attributes.get("CheckDigits", "false") not in ("false", "0"):
        raise FormatError("the codes have a check digit, which otpauth has not")
    return number(attributes.get("Length", "6"), 1, 99, "length of the codes")


def _algorithm(key: Element) -> str:
    suite = key.find("AlgorithmParameters", "Suite")
    if suite is None or not suite.text:
        return "SHA1"
    match = re.fullmatch(r"(?:HMAC-?)?SHA-?(1|256|512)", suite.text, re.IGNORECASE)
    return f"SHA{match[1]}" if match else ""


def _policy(key: Element) -> tuple[tuple[str, ...], int]:
    """Return notes and when the key expires, in Unix seconds."""
    policy = key.find("Policy")
    if policy is None:
        return (), 0
    if not {child.tag for child in policy.children} <= _POLICIES:
        raise FormatError("the key's policy has a limit that otpauth has not")
    uses = [child.text for child in policy.all("KeyUsage")]
    if uses and "OTP" not in uses:
        raise FormatError("the key is not for one-time passwords")
    notes = [f"{each.tag} is not carried" for each in policy.children if each.tag == "PINPolicy"]
    start, end = policy.find("StartDate"), policy.find("ExpiryDate")
    if start is not None:
        notes.append("StartDate is not carried: the token works at once")
    return tuple(notes), _moment(end.text) if end is not None else 0


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)  # noqa: UP017
        seconds = int(aware.timestamp())
    except (ValueError, OverflowError):
        raise FormatError("the ExpiryDate is no date") from None
    if seconds <= 0:
        raise FormatError("the ExpiryDate is before 1970")
    return seconds


def _secret(key: Element, keys: Keys | None) -> bytes:
    secret = key.find("Data", "Secret")
    plain = secret.find("PlainValue") if secret is not None else None
    if secret is None:
        raise FormatError("the key has no secret in this file")
    if plain is not None:
        return _base64(plain)
    sealed = secret.find("EncryptedValue")
    if sealed is None or keys is None:
        raise FormatError("the secret is neither plain nor encrypted")
    mac = secret.find("ValueMAC")
    if mac is None or not keys.digest:
        raise FormatError("the encrypted secret has no MAC, against RFC 6030", hint=_MEND)
    body = _cipher_value(sealed)
    if not hmac.compare_digest(hmac.digest(keys.mac, body, keys.digest), _base64(mac)):
        raise PassphraseError("the passphrase is wrong, or the file was changed")
    return _decrypted(sealed, keys.cipher)


def _keys(container: Element, reading: Reading) -> Keys:
    if reading.passphrase is None:
        raise PassphraseError(
            "the secrets are encrypted", hint="give the passphrase, or the shared key in hex"
        )
    cipher = _cipher_key(container, reading.passphrase)
    method = container.find("MACMethod")
    if method is None:
        return Keys(cipher, b"", "")
    digest = _MACS.get(_fragment(method), "")
    if not digest:
        raise FormatError("the MAC is of a kind that is not known", line=method.line, hint=_MEND)
    sealed = method.find("MACKey")
    return Keys(cipher, cipher if sealed is None else _decrypted(sealed, cipher), digest)


def _cipher_key(container: Element, passphrase: str) -> bytes:
    """Derive the key from the passphrase, or read it from it."""
    method = container.find("EncryptionKey", "DerivedKey", "KeyDerivationMethod")
    if method is None:
        try:
            return bytes.fromhex(passphrase)
        except ValueError:
            raise PassphraseError("the file wants a shared key, in hexadecimal") from None
    params = method.find("PBKDF2-params")
    salt = params.find("Salt", "Specified") if params is not None else None
    rounds = params.find("IterationCount") if params is not None else None
    if _fragment(method) != "pbkdf2" or params is None or salt is None or rounds is None:
        raise FormatError("the key is derived in a way that is not known", line=method.line)
    prf, length = params.find("PRF"), params.find("KeyLength")
    named = (_fragment(prf) or prf.text.rpartition("#")[2]) if prf is not None else ""
    digest = _MACS.get(named or "hmac-sha1", "")  # RFC 8018, appendix A.2: the default
    if not digest:
        raise FormatError("the key is derived with a hash that is not known", line=method.line)
    with at(method.line):
        count = number(rounds.text, 1, imported.ITERATIONS_MAX, "iteration count")
        size = number(length.text, 16, 32, "key length") if length is not None else 16
        return hashlib.pbkdf2_hmac(digest, passphrase.encode(), _base64(salt), count, size)


def _decrypted(where: Element, key: bytes) -> bytes:
    """Decrypt AES-CBC, with the IV in front and padding behind."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    method = where.find("EncryptionMethod")
    size = _AES.get(_fragment(method) if method is not None else "")
    if size is None:
        raise FormatError("the cipher is not AES-CBC", line=where.line, hint=_MEND)
    body = _cipher_value(where)
    if len(key) != size or len(body) < 32 or len(body) % 16:
        raise PassphraseError("the key or an encrypted value has the wrong length")
    cipher = Cipher(algorithms.AES(key), modes.CBC(body[:16])).decryptor()
    plain = cipher.update(body[16:]) + cipher.finalize()
    pad = plain[-1]
    if not 1 <= pad <= 16 or not plain.endswith(bytes([pad]) * pad):
        raise PassphraseError("the passphrase is wrong, or the file was changed")
    return plain[:-pad]


def _cipher_value(where: Element) -> bytes:
    value = where.find("CipherData", "CipherValue")
    if value is None:
        raise FormatError("an encrypted value is empty", line=where.line)
    return _base64(value)


def _fragment(element: Element) -> str:
    return element.attributes.get("Algorithm", "").rpartition("#")[2]


def _base64(element: Element) -> bytes:
    try:
        return base64.b64decode(re.sub(r"\s", "", element.text), validate=True)
    except ValueError:
        raise FormatError("a value is not base64", line=element.line) from None
