"""What is to be changed so that a service asks for codes, or no longer, and what comes of it.

Nothing is changed here. What the files would come to is told by the doctor's own checks, on a host
that differs from the real one by nothing but these files.
"""

from __future__ import annotations

import difflib
import glob
import os
import re
import stat
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from otpauth import stack
from otpauth.doctor import clock, files, keys, onebox, pamstack, program, sshd, system
from otpauth.doctor.finding import FAIL, OK, WARN, Finding, run
from otpauth.doctor.ground import Ground
from otpauth.enable import affected, pamfile, sshdfile
from otpauth.enable.edit import Edit
from otpauth.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from otpauth.doctor.finding import Check
    from otpauth.enable.affected import Someone
    from otpauth.enable.wanted import Wanted
    from otpauth.stack import Line

SSHD = sshd.SERVICE
TWINS = {"sudo": "sudo-i", "su": "su-l"}  # the same program under another name
SILENT = frozenset(  # modules that nobody has to answer
    f"pam_{name}.so"
    for name in (
        *("permit", "env", "nologin", "faildelay", "rootok", "succeed_if", "cap", "group", "echo"),
        *("shells", "keyinit", "warn", "access", "wheel", "listfile", "localuser", "securetty"),
    )
)
SKIPPED = ("sshd-keys", "sshd-dropins")  # `affected` and `_effect` know better
WORSE = ("pam-unprivileged",)  # a warning elsewhere, a reason to refuse here
ROUNDS_MAX = 16  # includes of includes


class Plan(NamedTuple):
    """The files to change. `reload`: sshd must read its own anew. `tester` logs in to prove it."""

    service: str
    edits: tuple[Edit, ...]
    reload: bool
    tester: str


def to_enable(wanted: Wanted) -> tuple[Edit, ...]:
    """Return what makes a service ask; nothing if it does so already. Raises RefusedError."""
    _check_service(wanted.service)
    edits = []
    for name in _names(wanted.service):
        path = os.path.join(stack.FOLDER, name)
        data = _needed(path)
        edits.append(Edit(path, data, pamfile.put(data, wanted._replace(service=name))))
    if wanted.service == SSHD:
        edits += _sshd_edits(wanted)
    return _changes(edits)


def to_disable(service: str, kept: Iterable[Edit] = ()) -> tuple[Edit, ...]:
    """Return what puts a service back; `kept` are the edits that made it ask, if they are known.

    A file that somebody edited since loses our lines and nothing else.
    """
    _check_service(service)
    before = {each.path: each for each in kept}
    edits = []
    for name in _names(service):
        path = os.path.join(stack.FOLDER, name)
        data = _needed(path)
        edits.append(Edit(path, data, pamfile.take_out(_original(data, before.get(path)), name)))
    if service == SSHD:
        edits += _sshd_removal(before)
    return _changes(edits)


class Preview:
    """A change that is not made: what its files come to, and what it does to whom.

    `folder` is an empty one, for copies. The caller is root.
    """

    def __init__(self, service: str, edits: Sequence[Edit], folder: str) -> None:
        self._service = service
        self._folder = folder
        now = Ground()
        self._before: Ground = Proposed(now, service, (), f"{folder}/before")
        self._after: Ground = Proposed(now, service, edits, folder)

    def enabling(self, wanted: Wanted) -> tuple[str, list[Finding]]:
        """Return who is to prove the change, empty if nobody is fit, and what there is to say."""
        people = affected.everyone(self._before, wanted)
        found = list(self._run(_checks()))
        good = sum(each.state == OK for each in found)
        found = [each for each in found if each.state != OK]
        found.append(Finding("enable-checks", OK, f"{good} checks of otpauth-admin doctor"))
        if self._service == SSHD:
            if self._after.sshd.status != 0:
                return "", found  # what it would do to whom cannot be told
            found += _effect(self._after, people, wanted)
        found += affected.findings(self._before, self._after, people, wanted)
        return affected.tester(people), found

    def disabling(self) -> list[Finding]:
        """Say whether the service still works without our lines."""
        title = f"{self._service} still asks for something"
        found = [Finding("disable-stack", OK, title)]
        if all(line.name in SILENT for line in self._after.stack_of(self._service)):
            text = f"nothing that asks would be left in {stack.FOLDER}/{self._service}"
            mend = "put the password's line in first: @include common-auth"
            found = [Finding("disable-stack", FAIL, title, text, mend)]
        return found + list(self._run([_UNDERSTOOD] if self._service == SSHD else []))

    def _run(self, checks: Iterable[Check[Ground]]) -> Iterator[Finding]:
        """Run checks; no path they name is of the folder of the copies."""
        for each in run(checks, self._after):
            yield each._replace(evidence=each.evidence.replace(self._folder, ""))


class Proposed(Ground):
    """The host as it would be with some files changed, as far as one service is concerned."""

    def __init__(self, now: Ground, service: str, edits: Sequence[Edit], folder: str) -> None:
        self._files = {each.path: each.after for each in edits}
        self._services = _names(service)
        super().__init__(now.host, sshd_config=folder + sshdfile.MAIN)
        files = _mirrored(self._files, folder) if service == SSHD else []
        self._for_all = not any(sshdfile.has_match(each) for each in files)
        self.homes, self.people = now.homes, now.people

    def settings_for(self, name: str) -> dict[str, str]:
        """Return what is in force for an account; without Match blocks it is the same for all."""
        return self.settings if self._for_all else super().settings_for(name)

    @cached_property
    def stacks(self) -> dict[str, tuple[Line, ...]]:
        """The auth stacks of the service, if they ask."""
        found = {name: self.stack_of(name) for name in self._services}
        return {name: lines for name, lines in found.items() if any(e.ours for e in lines)}

    def stack_of(self, service: str) -> tuple[Line, ...]:
        """Return the auth stack that a service would have."""
        data = self._files.get(os.path.join(stack.FOLDER, service))
        if data is None:
            return super().stack_of(service)
        found = stack.parts(data.decode("utf-8", "surrogateescape"), service)
        return tuple(line for part in found for line in part.lines)


_UNDERSTOOD = next(each for each in sshd.CHECKS if each.id == "sshd")._replace(
    applies=lambda _: True
)


def _checks() -> list[Check[Ground]]:
    own = (*keys.CHECKS, *files.CHECKS, *program.CHECKS, *pamstack.CHECKS, *onebox.CHECKS)
    every = (*own, *sshd.CHECKS, *clock.CHECKS, *system.CHECKS)
    wanted = [each for each in every if each.id not in SKIPPED]
    return [each._replace(state=FAIL) if each.id in WORSE else each for each in wanted]


def _effect(after: Ground, people: list[Someone], wanted: Wanted) -> Iterator[Finding]:
    """Say whether sshd does what its files are to make it do, for whom they are to."""
    title = "sshd -T: what is wanted is in force"
    mend = "see what another file says first: grep -rn -e Match -e Authentication /etc/ssh"
    asked = [each.name for each in people if each.is_asked]
    if not asked:
        text = f"%{wanted.group} has no member who can log in"
        yield Finding("enable-effect", WARN, title, text, f"usermod -aG {wanted.group} USER")
        return
    service = after.settings.get("pamservicename", SSHD)
    if service != SSHD:
        text = f"sshd -T: PAMServiceName {service}: {stack.FOLDER}/{SSHD} is not what it uses"
        yield Finding("enable-effect", FAIL, title, text, f"otpauth-admin enable {service}")
    spared = {"AuthenticationMethods": "publickey"}
    expected = {name: sshdfile.asking(wanted) for name in asked}
    expected |= dict.fromkeys(wanted.spared, spared)
    faults = {name: _other(after, name, should) for name, should in expected.items()}
    odd = {name: fault for name, fault in faults.items() if fault}
    hard = len(odd) == len(expected) or any(name in wanted.spared for name in odd)
    for fault in sorted(set(odd.values())):
        names = affected.listed([name for name in odd if odd[name] == fault])
        text = f"{names}: sshd -T says {fault}"
        yield Finding("enable-effect", FAIL if hard else WARN, title, text, mend)
    if not odd:
        yield Finding("enable-effect", OK, title)


def _other(after: Ground, name: str, expected: dict[str, str]) -> str:
    """Return what sshd has in force for an account that is not as expected."""
    settings = after.settings_for(name)
    found = {key: settings.get(key.lower(), "nothing") for key in expected}
    return ", ".join(f"{key} {found[key]}" for key in expected if found[key] != expected[key])


def _check_service(service: str) -> None:
    """Refuse what is no service, or stands for every service."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", service):
        raise RefusedError(f"{service!r} is not the name of a service", hint="like sshd or sudo")
    if service == "other" or service.startswith("common-"):
        raise RefusedError(
            f"{service!r} is a part of every service",
            hint="enable each service by its name; for all: pam-auth-update --enable otpauth",
        )
    if not os.path.lexists(os.path.join(stack.FOLDER, service)):
        near = difflib.get_close_matches(service, os.listdir(stack.FOLDER), 1)
        hint = f"{near[0]} ?" if near else f"is it installed? services are files of {stack.FOLDER}"
        raise RefusedError(f"there is no service {service!r}", hint=hint)


def _names(service: str) -> list[str]:
    """Return the service, and the other name of its program if that has lines of its own."""
    twin = TWINS.get(service, "")
    data = _read(os.path.join(stack.FOLDER, twin)) if twin else None
    if data is None:
        return [service]
    found = stack.parts(data.decode("utf-8", "surrogateescape"), twin)
    return [service] if any(part.includes == service for part in found) else [service, twin]


def _sshd_edits(wanted: Wanted) -> list[Edit]:
    main, old = _needed(sshdfile.MAIN), _read(sshdfile.DROPIN)
    if not sshdfile.reads_dropin(main) or not os.path.isdir(os.path.dirname(sshdfile.DROPIN)):
        gone = None if sshdfile.is_dropin(old) else old
        return [
            Edit(sshdfile.MAIN, main, sshdfile.put(main, wanted)),
            Edit(sshdfile.DROPIN, old, gone),
        ]
    new = sshdfile.dropin(wanted)
    if old is not None and sshdfile.sense(old) == sshdfile.sense(new):
        new = old
    elif old is not None and not sshdfile.is_dropin(old):
        raise RefusedError(
            f"{sshdfile.DROPIN!r} was written by hand and says something else",
            hint="compare it with otpauth-admin enable in pam_otpauth(8), then move it away",
        )
    return [
        Edit(sshdfile.MAIN, main, sshdfile.take_out(main)),
        Edit(sshdfile.DROPIN, old, new),
    ]


def _sshd_removal(before: dict[str, Edit]) -> list[Edit]:
    main, old = _needed(sshdfile.MAIN), _read(sshdfile.DROPIN)
    edits = [
        Edit(
            sshdfile.MAIN,
            main,
            sshdfile.take_out(_original(main, before.get(sshdfile.MAIN))),
        )
    ]
    if old is not None:
        kept = before.get(sshdfile.DROPIN)
        back = kept.before if kept and kept.after == old else old
        gone = None if sshdfile.is_dropin(back) else back
        edits.append(Edit(sshdfile.DROPIN, old, gone))
    return edits


def _original(data: bytes, kept: Edit | None) -> bytes:
    """Return what a file was before, if nobody has edited it since; else what it is."""
    return kept.before if kept and kept.after == data and kept.before is not None else data


def _changes(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Return the edits that change anything. A link would be replaced by a file: refused."""
    found = tuple(each for each in edits if each.before != each.after)
    for each in found:
        if os.path.islink(each.path):
            raise RefusedError(
                f"{each.path!r} is a link to {os.readlink(each.path)!r}",
                hint="change that file by hand, or put a copy in the link's place",
            )
    return found


def _needed(path: str) -> bytes:
    data = _read(path)
    if data is None:
        raise RefusedError(f"{path!r} is not there", hint="is the service installed?")
    return data


def _read(path: str) -> bytes | None:
    """Return a file's bytes; None if it is not there."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise RefusedError(f"{path!r} is not a plain file", hint=f"look: ls -l {path}")
    with open(path, "rb") as file:
        return file.read()


def _mirrored(changed: dict[str, bytes | None], folder: str) -> list[bytes]:
    """Copy sshd's configuration, as it would be, to below a folder, and return its files."""
    waiting, done = [sshdfile.MAIN], set()
    found = []
    for _ in range(ROUNDS_MAX):
        patterns: list[str] = []
        for path in waiting:
            data = changed[path] if path in changed else _read(path)
            done.add(path)
            if data is not None:
                found.append(data)
                patterns += sshdfile.includes(data)
                _copy(folder + path, sshdfile.mirrored(data, lambda each: folder + each))
        waiting = sorted({e for p in patterns for e in _matching(p, changed)} - done)
    return found


def _matching(pattern: str, changed: dict[str, bytes | None]) -> list[str]:
    return [*glob.glob(pattern), *(path for path in changed if sshdfile.is_read(path, pattern))]


def _copy(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
