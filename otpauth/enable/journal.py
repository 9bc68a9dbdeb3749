"""The journal of a trial: what was changed, what it was before, and until when it is on trial.

It is written before the first file is touched, and removed after the last one was put back. When
a trial is confirmed, the journal itself becomes the note of what `disable` restores.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from otpauth import home, host
from otpauth.enable.edit import Edit
from otpauth.enable.files import Look
from otpauth.errors import OtpauthError, RefusedError, UnsafeFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

ENABLE, DISABLE = "enable", "disable"
_VERSION = 1
_SIZE_MAX = 32 * 1024 * 1024  # bytes


class Trial(NamedTuple):
    """A change of the host that is on trial, or was confirmed.

    `started` and `until` are Unix seconds, to be shown; what counts is `due`, in seconds of the
    clock of the boot `boot`. `applied` is when all of it was in force, by the same clock, 0 before.
    `looks` are the files' owners and modes, `origins` their bytes before otpauth was first enabled.
    """

    service: str
    edits: tuple[Edit, ...]
    started: int
    until: int
    kind: str = ENABLE
    reload: bool = False
    boot: str = ""
    due: float = 0.0
    applied: float = 0.0
    looks: tuple[Look, ...] = ()
    origins: tuple[bytes | None, ...] = ()


class Last(NamedTuple):
    """How the latest trial ended, and when, in Unix seconds."""

    service: str
    how: str
    at: int

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"the trial of {self.service} {self.how} at {hour(self.at)}"


class Journal:
    """Where trials are kept: below the host's state, for its owner alone."""

    def __init__(self, place: host.Host) -> None:
        self._owner = place.owner
        self.folder = os.path.join(place.var, "trial")
        self.path = os.path.join(self.folder, "journal")
        self._last = os.path.join(self.folder, "last")
        self._enabled = os.path.join(place.var, "enabled")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock of trials; another one's is waited for. Raises BusyError."""
        self._make(self.folder)
        with home.locked(self.path, seconds=60, insist=True):
            yield

    def read(self) -> Trial | None:
        """Return the trial that is pending. Raises RefusedError if it cannot be read."""
        return self._load(self.path)

    def write(self, trial: Trial) -> None:
        """Write the pending trial, durably. Raises OSError, WriteError."""
        self._save(self.path, _as_json(trial))

    def end(self, how: str, trial: Trial) -> None:
        """Forget the pending trial, and note how it ended."""
        self._note(how, trial)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        home.sync_folder(self.folder)

    def keep(self, trial: Trial) -> None:
        """Make the pending trial the confirmed change of its service, in one step."""
        if trial.kind == DISABLE:
            self.end("was confirmed", trial)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._kept(trial.service))
            return
        self._note("was confirmed", trial)
        self._make(self._enabled)
        os.rename(self.path, self._kept(trial.service))
        home.sync_folder(self._enabled)
        home.sync_folder(self.folder)

    def enabled(self, service: str) -> Trial | None:
        """Return the confirmed change of a service, from the very first bytes to the latest."""
        found = self._load(self._kept(service))
        if found is None:
            return None
        edits = zip(found.edits, found.origins, strict=True)
        return found._replace(edits=tuple(e._replace(before=origin) for e, origin in edits))

    def last(self) -> str:
        """Say how the latest trial ended, or nothing."""
        try:
            data = host.trusted(self._last, self._owner, most=4096, private=True)
            return str(Last(**json.loads(data)))
        except (OSError, OtpauthError, ValueError, TypeError):
            return ""

    def set_aside(self, edit: Edit) -> str:
        """Keep what a file was before, where it is not put back; return where."""
        path = os.path.join(self.folder, "before-" + edit.path.strip("/").replace("/", "-"))
        self._save(path, edit.before or b"")
        return path

    def _note(self, how: str, trial: Trial) -> None:
        last = Last(trial.service, how, int(time.time()))
        self._save(self._last, json.dumps(last._asdict()).encode())

    def _kept(self, service: str) -> str:
        return os.path.join(self._enabled, host.file_name(service))

    def _make(self, folder: str) -> None:
        os.makedirs(folder, mode=0o700, exist_ok=True)

    def _save(self, path: str, data: bytes) -> None:
        home.write(path, data, temporary=f"{path}.new")

    def _load(self, path: str) -> Trial | None:
        try:
            return _from_json(host.trusted(path, self._owner, most=_SIZE_MAX, private=True))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, TypeError, KeyError, UnsafeFileError) as error:
            why = str(error) if isinstance(error, UnsafeFileError) else "it is damaged"
            raise RefusedError(
                f"{path!r} is not usable: {why}",
                hint="look into it, put the files that it names back by hand, then remove it",
            ) from None


def hour(second: int) -> str:
    """Return the time of a day."""
    return time.strftime("%H:%M:%S", time.localtime(second))


def _as_json(trial: Trial) -> bytes:
    plain: dict[str, Any] = {"version": _VERSION, **trial._asdict()}
    plain["edits"] = [[e.path, _text(e.before), _text(e.after), e.mode] for e in trial.edits]
    plain["origins"] = [_text(each) for each in trial.origins]
    plain["looks"] = [
        [*shape[:3], [[name, _text(value)] for name, value in shape.attributes]]
        for shape in trial.looks
    ]
    return json.dumps(plain, indent=1).encode()


def _from_json(data: bytes) -> Trial:
    plain = json.loads(data)
    if plain.pop("version") != _VERSION:
        raise UnsafeFileError("another version of otpauth wrote it")
    plain["edits"] = tuple(
        Edit(path, _bytes(before), _bytes(after), mode)
        for path, before, after, mode in plain["edits"]
    )
    plain["origins"] = tuple(_bytes(each) for each in plain["origins"])
    plain["looks"] = tuple(
        Look(mode, uid, gid, tuple((name, _bytes(value) or b"") for name, value in attributes))
        for mode, uid, gid, attributes in plain["looks"]
    )
    return Trial(**plain)


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
