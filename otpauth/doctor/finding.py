"""A check, what is wrong by it, and what is reported of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from otpauth.errors import OtpauthError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

OK, WARN, FAIL = "ok", "warn", "fail"
STATES = (OK, WARN, FAIL)
Subject = TypeVar("Subject")


class Fault(NamedTuple):
    """Something that is not as it should be: what was seen, and the command that mends it."""

    evidence: str
    mend: str


class Finding(NamedTuple):
    """What a check has to say: `title` is what should be, `evidence` what is."""

    id: str
    state: str
    title: str
    evidence: str = ""
    mend: str = ""


class Check(NamedTuple, Generic[Subject]):
    """One thing that should be so. `faults` gives what is not, nothing if all is well.

    `state` is how bad a fault of it is. Where it does not apply there is nothing to say, not even
    that all is well.
    """

    id: str
    state: str
    title: str
    faults: Callable[[Subject], Iterable[Fault]]
    applies: Callable[[Subject], bool] = lambda _: True


def run(checks: Iterable[Check[Subject]], subject: Subject) -> Iterator[Finding]:
    """Run checks; each gives a finding for each of its faults, or one that says ok.

    What cannot be told is no ok: a check that fails itself is a warning.
    """
    for check in checks:
        try:
            if not check.applies(subject):
                continue
            faults = list(check.faults(subject))
        except Exception as error:  # noqa: BLE001 -- others go on, and may say why
            yield Finding(check.id, WARN, check.title, f"this could not be told: {_plain(error)}")
            continue
        for fault in faults:
            yield Finding(check.id, check.state, check.title, fault.evidence, fault.mend)
        if not faults:
            yield Finding(check.id, OK, check.title)


def _plain(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'!r}: {error.strerror}"
    if isinstance(error, (OtpauthError, ImportError)):
        return str(error)
    return type(error).__name__  # its text may quote anything
