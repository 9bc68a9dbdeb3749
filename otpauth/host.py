"""The host's side: its keys, its policy, where its state lies, and the helper for proposals.

Every file is trusted only if root owns it and nobody else may write it (for keys: read it).
"""

from __future__ import annotations

import os
import stat

from otpauth import keys, policy
from otpauth.errors import ConfigError, FormatError, HostKeyError, UnsafeFileError
from otpauth.secretfile import Opened
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from otpauth.keys import HostKey, PublicKey, RecordKey
    from otpauth.secretfile import Proposal

    T = TypeVar("T")

HELPER_SECONDS = 3
_PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789_"


class Host(NamedTuple):
    """Where this host keeps what is its own."""

    etc: str = "/etc/otpauth"
    var: str = "/var/lib/otpauth"
    owner: int = 0

    def path(self, name: str) -> str:
        """Return the path of a file in the configuration folder."""
        return os.path.join(self.etc, name)

    def copy_of(self, user: str) -> str:
        """Return the path of the host's copy of a user's record."""
        return os.path.join(self.var, "users", file_name(user))

    def lock_of(self, user: str) -> str:
        """Return the path of a user's lock, which is never renamed or removed."""
        return os.path.join(self.var, "lock", file_name(user))

    def asked_of(self, user: str) -> str:
        """Return the path of the file that stands for the list numbers a user is asked for."""
        return os.path.join(self.var, "lock", "=asked-" + file_name(user))

    @property
    def exported(self) -> str:
        """The path of the note which key was backed up last."""
        return os.path.join(self.var, "exported")

    def record_key(self) -> RecordKey:
        """Load what seals records. Raises HostKeyError."""
        return self._load("record.key", keys.read_record, private=True)

    def host_key(self) -> HostKey:
        """Load the private keys that proposals are sealed to. Raises HostKeyError."""
        return self._load("host.key", keys.read_host, private=True)

    def public_key(self) -> PublicKey:
        """Load the key that the user's tools seal to. Raises HostKeyError."""
        return self._load("host.pub", keys.read_public, private=False)

    def policy(self) -> policy.Policy:
        """Read otpauth.conf; without one the defaults hold. Raises ConfigError."""
        path = self.path("otpauth.conf")
        try:
            data = trusted(path, self.owner, most=64 * 1024)
        except FileNotFoundError:
            return policy.Policy()
        except (OSError, UnsafeFileError) as error:
            raise ConfigError(f"{path!r} is not readable: {_why(error)}") from None
        from otpauth import config

        try:
            return config.parse(data.decode(), path=path)
        except UnicodeDecodeError:
            raise ConfigError(f"{path!r} is not UTF-8 text") from None

    def secrets(self) -> dict[str, str]:
        """Read what gateways want to know; nothing if there is no file. Raises ConfigError."""
        path = self.path("secrets")
        try:
            data = trusted(path, self.owner, most=16 * 1024, private=True)
        except FileNotFoundError:
            return {}
        except (OSError, UnsafeFileError) as error:
            raise ConfigError(
                f"{path!r} is not usable: {_why(error)}",
                hint=f"chown root {path}; chmod 600 {path}",
            ) from None
        from otpauth import channels

        try:
            return channels.secrets(data.decode(), path=path)
        except UnicodeDecodeError:
            raise ConfigError(f"{path!r} is not UTF-8 text") from None

    def open_proposals(self, proposals: tuple[Proposal, ...], user: str) -> tuple[Opened, ...]:
        """Open what is sealed to this host for this user, by the helper, in a few seconds.

        Proposals to other hosts are left out; all are, if the helper or the key fails: then they
        wait for the next login.
        """
        if not proposals:
            return ()
        try:
            secrets = dict(self.host_key().secrets)
        except HostKeyError:
            return ()
        ours = [each for each in proposals if each.key in secrets and each.user == user]
        from otpauth import process, seal

        request = {
            "keys": {ident: secret.hex() for ident, secret in secrets.items()},
            "proposals": [
                [
                    each.key,
                    seal.proposal_info(user, each.key, each.header()).hex(),
                    each.sealed.hex(),
                ]
                for each in ours
            ],
        }
        reply = process.ask("unseal.py", request, seconds=HELPER_SECONDS) if ours else None
        if not isinstance(reply, list) or len(reply) != len(ours):
            return ()
        return tuple(
            Opened(each, None if plain is None else bytes.fromhex(plain))
            for each, plain in zip(ours, reply, strict=True)
        )

    def _load(self, name: str, read: Callable[[bytes], T], *, private: bool) -> T:
        path = self.path(name)
        try:
            return read(trusted(path, self.owner, most=16 * 1024, private=private))
        except FileNotFoundError:
            raise HostKeyError(
                f"{path!r} is missing", hint="administrator: otpauth-admin init"
            ) from None
        except (OSError, UnsafeFileError, FormatError) as error:
            raise HostKeyError(f"{path!r} is not usable: {_why(error)}") from None


def file_name(user: str) -> str:
    """Return a file name for a user's name: itself if it is plain, else a hash of it."""
    if 0 < len(user) <= 64 and user[0] in _PLAIN and not user.strip(_PLAIN + ".-"):
        return user
    import hashlib

    return "=" + hashlib.sha256(user.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def trusted(path: str, owner: int, *, most: int, private: bool = False) -> bytes:
    """Read a small file that only its owner may write (or read, if private).

    Raises OSError, UnsafeFileError.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    descriptor = os.open(path, flags)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != owner:
            raise UnsafeFileError(f"{path!r} is not a file of its proper owner")
        if found.st_mode & (0o077 if private else 0o022):
            raise UnsafeFileError(f"{path!r} may be {'read' if private else 'written'} by others")
        data = b""
        while len(data) <= most and (part := os.read(descriptor, most + 1 - len(data))):
            data += part
    finally:
        os.close(descriptor)
    if len(data) > most:
        raise UnsafeFileError(f"{path!r} is larger than it may be")
    return data


def machine() -> str:
    """Return a hash of the machine id, or - if there is none. machine-id(5) asks not to show it."""
    import hashlib

    try:
        with open("/etc/machine-id", "rb") as file:
            ident = file.read(64).strip()
    except OSError:
        return "-"
    return hashlib.sha256(b"otpauth" + ident).hexdigest()[:16] if ident else "-"


def _why(error: Exception) -> str:
    return error.strerror or "unknown" if isinstance(error, OSError) else str(error)
