"""The errors of otpauth: one tree, one class for each thing a caller treats differently.

No message holds a secret, a code or the content of a file. Messages are lower case, without a
full stop: subject, then fault. `hint`, where there is one, says what to do next.
"""

from __future__ import annotations


class OtpauthError(Exception):
    """Root of all errors raised on purpose by this package."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class FormatError(OtpauthError):
    """Raised if bytes from a file, a seal or a URI are not what the format demands."""


class UnknownVersionError(FormatError):
    """Raised if a file was written by a newer otpauth: it must be left alone."""


class SealError(OtpauthError):
    """Raised if sealed bytes do not open: another key, another context, or changed bytes."""


class HostKeyError(OtpauthError):
    """Raised if the host's keys are missing, unreadable, unsafe or not the ones needed."""


class RecordError(OtpauthError):
    """Raised if a record of the account is there, but does not open: nobody may overwrite it."""


class UnsafeFileError(OtpauthError):
    """Raised if a file's type, owner, mode or links make it unfit to be trusted or replaced."""


class WriteError(OtpauthError):
    """Raised if a file could not be written; the old one is unchanged."""


class ChangedError(WriteError):
    """Raised if a file is not what it was when it was read."""


class BusyError(OtpauthError):
    """Raised if a lock was held by somebody else for too long."""


class UnknownUserError(OtpauthError):
    """Raised if the host has no account of that name."""


class NotEnrolledError(OtpauthError):
    """Raised if an account has no tokens where one is needed."""


class RefusedError(OtpauthError):
    """Raised if the host's rule or the state of an account forbids what was asked."""


class ConfigError(OtpauthError):
    """Raised if otpauth.conf or a PAM argument is not understood."""


class GuardError(OtpauthError):
    """Raised if the process cannot be made safe enough to compare a code in it."""


class NoTerminalError(OtpauthError):
    """Raised if something must be shown or asked and there is no terminal."""


class UsageError(OtpauthError):
    """Raised if the words of a command make no sense together."""


class NtlmMissingError(OtpauthError):
    """Raised if NTLM is asked for where MD4 and DES are not installed."""


class SendError(OtpauthError):
    """Raised if a code could not be sent; `lost` says whether certainly nothing arrives."""

    def __init__(self, message: str, *, lost: bool) -> None:
        super().__init__(message)
        self.lost = lost


class UnreachedError(SendError):
    """Raised if a gateway could not be connected to: nothing was sent, so it may be tried again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, lost=True)
