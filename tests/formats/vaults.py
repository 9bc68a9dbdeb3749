"""Backups of authenticator apps, made here from the description of their formats."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

PASSWORD = "correct horse"
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
KEY = b"12345678901234567890".hex()
WORK = {"n": 32768, "r": 8, "p": 1}


def aegis_entry(kind: str = "totp", **more: Any) -> dict[str, Any]:
    """Return an entry of an Aegis vault; `more` goes into its info."""
    info = {"secret": BASE32, "algo": "SHA1", "digits": 6}
    info |= {"counter": 0} if kind == "hotp" else {"period": 30}
    return {
        "type": kind,
        "uuid": "3ae6f1ad-2e65-4ed2-a953-1ec0dff2386d",
        "name": "alice",
        "issuer": "web1",
        "note": "",
        "favorite": False,
        "icon": None,
        "info": info | more,
        "groups": [],
    }


def aegis(*entries: dict[str, Any], version: int = 3) -> dict[str, Any]:
    """Return a plain vault."""
    return {
        "version": 1,
        "header": {"slots": None, "params": None},
        "db": {"version": version, "entries": list(entries), "groups": []},
    }


def aegis_encrypted(vault: dict[str, Any], **work: int) -> dict[str, Any]:
    """Encrypt a vault: a biometric slot that is of no use here, and one for the password.

    `work` is what the slot says instead of the truth.
    """
    salt, master = bytes(range(32)), bytes(range(100, 132))
    derived = Scrypt(salt=salt, length=32, **WORK).derive(PASSWORD.encode())
    wrapped = AESGCM(derived).encrypt(bytes(12), master, None)
    sealed = AESGCM(master).encrypt(b"b" * 12, json.dumps(vault["db"]).encode(), None)
    sealed_key = {
        "uuid": "01234567-89ab-cdef-0123-456789abcdef",
        "key": wrapped[:-16].hex(),
        "key_params": {"nonce": bytes(12).hex(), "tag": wrapped[-16:].hex()},
    }
    scrypt = {"salt": salt.hex(), **WORK, **work, "repaired": True, "is_backup": False}
    return {
        "version": 1,
        "header": {
            "slots": [{"type": 2, **sealed_key}, {"type": 1, **sealed_key, **scrypt}],
            "params": {"nonce": (b"b" * 12).hex(), "tag": sealed[-16:].hex()},
        },
        "db": base64.b64encode(sealed[:-16]).decode(),
    }


def andotp_entry(kind: str = "TOTP", **more: Any) -> dict[str, Any]:
    """Return an entry of an andOTP backup."""
    entry = {
        "secret": f"{BASE32}======",
        "issuer": "web1",
        "label": "alice",
        "digits": 6,
        "type": kind,
        "algorithm": "SHA1",
        "thumbnail": "Default",
        "last_used": 1608146844162,
        "used_frequency": 0,
        "tags": [],
    }
    entry |= {"counter": 0} if kind == "HOTP" else {"period": 30}
    return entry | more


def andotp_encrypted(*entries: dict[str, Any], rounds: int = 150_000) -> bytes:
    """Encrypt a backup as andOTP does since 0.6.3."""
    salt, vector = bytes(range(12)), bytes(range(20, 32))
    kdf = PBKDF2HMAC(hashes.SHA1(), length=32, salt=salt, iterations=rounds)  # noqa: S303
    sealed = AESGCM(kdf.derive(PASSWORD.encode())).encrypt(
        vector, json.dumps(entries).encode(), None
    )
    return rounds.to_bytes(4, "big") + salt + vector + sealed


def andotp_encrypted_old(*entries: dict[str, Any]) -> bytes:
    """Encrypt a backup as andOTP did before: the key is SHA-256 of the password."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(PASSWORD.encode())
    vector = bytes(range(20, 32))
    return vector + AESGCM(digest.finalize()).encrypt(vector, json.dumps(entries).encode(), None)
