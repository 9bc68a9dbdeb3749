"""A change on trial: made all at once, and put back by itself unless it is confirmed.

What must hold, each with its test in tests/enable/test_trial.py:

 1. The journal is durable and the revert arranged before the first file is touched (test_killed).
 2. All files are changed or none (test_half_way).
 3. A file that somebody else changed since is neither overwritten nor silently left (test_edited);
    only our lines are taken out of it (test_our_lines_are_taken_out).
 4. What was put back is, byte for byte, with owner and mode, what was there (test_put_back).
 5. Confirming and putting back never both happen, and whoever comes second is told (test_race).
 6. Only a login made since the change confirms it (tests/e2e/test_trial.py).
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from otpauth import log, stack
from otpauth.enable import clock, fallback, files, journal, newlogin, pamfile, sshd, sshdfile
from otpauth.enable.journal import Journal, Trial
from otpauth.errors import OtpauthError, RefusedError, UnsafeFileError, WriteError
from otpauth.host import Host

if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.enable.edit import Edit
    from otpauth.enable.plan import Plan

CONFIRM = "sudo otpauth-admin confirm"
CONFIRMING = {
    "sshd": f"log in and run: {CONFIRM}",
    "sudo": f"run: sudo -k; {CONFIRM}",
    "su": "run: su -c 'otpauth-admin confirm'",
}


class Place(NamedTuple):
    """Where trials are kept, and what ends them by itself."""

    host: Host = Host()
    arrange: Callable[[int], None] = fallback.arrange
    cancel: Callable[[], list[str]] = fallback.cancel
    reload: Callable[[], str] = sshd.reload

    @property
    def journal(self) -> Journal:
        """The journal."""
        return Journal(self.host)


HERE = Place()


class Reverted(NamedTuple):
    """What came of putting back: paths put back; (path, where its old bytes are) left alone.

    Of those left alone `bared` are the paths out of which our lines were taken. `faults` are what
    else went wrong.
    """

    trial: Trial
    put_back: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()
    bared: tuple[str, ...] = ()


def begin(plan: Plan, seconds: int, *, kind: str = journal.ENABLE, at: Place = HERE) -> Trial:
    """Change all files of a plan, or none, and arrange that they are put back in so many seconds.

    Raises RefusedError if a trial is pending or a file is not what the plan has read, OSError or
    OtpauthError if something failed; then everything is as it was.
    """
    with at.journal.alone():
        _put_back_overdue(at)
        check_none(at=at)
        trial = _planned(plan, seconds, kind, at)
        at.journal.write(trial)
        try:
            trial = _carry_out(trial, seconds, at)
        except BaseException:
            _put_back(trial, at, how="was given up", event="given-up")
            raise
    _log(trial, "begun", until=trial.until)
    return trial


def pending(*, at: Place = HERE) -> Trial | None:
    """Return the trial that is neither confirmed nor put back. Raises RefusedError, OSError."""
    return at.journal.read()


def to_confirm(service: str) -> str:
    """Return what confirms a change of a service, from a second terminal."""
    return CONFIRMING.get(service, f"log in through {service} and run: {CONFIRM}")


def check_none(*, at: Place = HERE) -> None:
    """Raise RefusedError if a trial is pending: another one must wait for its end."""
    held = at.journal.read()
    if held is not None:
        raise RefusedError(
            f"a trial of {held.service} is pending until {journal.hour(held.until)}",
            hint=f"{to_confirm(held.service)}; or put it back: sudo otpauth-admin revert",
        )


def enabled(service: str, *, at: Place = HERE) -> Trial | None:
    """Return the confirmed change of a service: its edits are from what was before otpauth."""
    return at.journal.enabled(service)


def confirm(*, anyway: bool = False, at: Place = HERE) -> Trial:
    """Keep what is on trial. Raises RefusedError unless called from a login made since."""
    with at.journal.alone():
        _put_back_overdue(at)
        trial = at.journal.read()
        if trial is None:
            at.cancel()
            raise RefusedError(
                at.journal.last() or "nothing is on trial",
                hint="otpauth-admin enable SERVICE begins a trial",
            )
        if not trial.applied:
            raise RefusedError(
                f"the change of {trial.service} was interrupted and is not whole",
                hint=f"it is put back at {journal.hour(trial.until)}, or now: otpauth-admin revert",
            )
        if not anyway and not newlogin.made_since(trial.service, trial.applied):
            raise RefusedError(
                f"this is not a login that {trial.service} let in since the change",
                hint=f"from a second terminal, without tmux, {to_confirm(trial.service)}",
            )
        for each in trial.edits:
            files.forget(each.path)
        at.journal.keep(trial)
        faults = at.cancel()
    _log(trial, "confirmed", anyway="yes" if anyway else "", fault="; ".join(faults))
    return trial


def revert(*, at: Place = HERE, only: Trial | None = None) -> Reverted | None:
    """Put back what is on trial; None if nothing is, or, with `only`, if it is another trial.

    Raises WriteError if a file could not be put back: the trial is pending still.
    """
    with at.journal.alone():
        trial = at.journal.read()
        if trial is None:
            at.cancel()
            return None
        if only is not None and trial.due != only.due:
            return None
        return _put_back(trial, at, how="was put back", event="put-back")


def revert_overdue(*, at: Place = HERE) -> Reverted | None:
    """Put back what is on trial if its time is over: for a host on which nothing else does."""
    with at.journal.alone():
        return _put_back_overdue(at)


def is_over(trial: Trial) -> bool:
    """Say whether the time of a trial is over: it ended, or the machine was started anew."""
    return clock.boot() != trial.boot or clock.now() >= trial.due


def _planned(plan: Plan, seconds: int, kind: str, at: Place) -> Trial:
    found = [each._replace(path=os.path.realpath(each.path)) for each in plan.edits]
    # Else there were a moment in which PAM asks for a code alone, and sshd for nothing before it.
    edits = tuple(sorted(found, key=_is_of_sshd, reverse=kind == journal.ENABLE))
    for each in edits:
        if files.read(each.path) != each.before:
            raise RefusedError(f"{each.path!r} was changed meanwhile", hint="look, and try again")
    edits, origins = _with_origins(edits, at.journal.enabled(plan.service))
    now = int(time.time())
    return Trial(
        plan.service,
        edits,
        now,
        now + seconds,
        kind=kind,
        reload=plan.reload,
        boot=clock.boot(),
        due=clock.now() + seconds,
        looks=tuple(files.look(each.path, mode=each.mode) for each in edits),
        origins=origins,
    )


def _with_origins(
    edits: tuple[Edit, ...], kept: Trial | None
) -> tuple[tuple[Edit, ...], tuple[bytes | None, ...]]:
    """Return edits, and what each file was before otpauth, also those that an earlier one made."""
    first = {each.path: each for each in kept.edits} if kept else {}
    origins = []
    for each in edits:
        old = first.pop(each.path, None)
        origins.append(old.before if old and old.after == each.before else each.before)
    rest = tuple(each._replace(before=each.after) for each in first.values())
    return (*edits, *rest), (*origins, *(each.before for each in first.values()))


def _carry_out(trial: Trial, seconds: int, at: Place) -> Trial:
    at.arrange(seconds)
    changed = [pair for pair in _with_looks(trial) if pair[0].after != pair[0].before]
    for each, shape in changed:
        files.keep(each.path, each.before, shape)
    last_read = sorted((each for each, _ in changed), key=_is_of_sshd)[-1:]
    for each, shape in changed:
        files.put(each.path, each.after, shape)
        fault = at.reload() if trial.reload and [each] == last_read else ""
        if fault:
            raise RefusedError(f"sshd does not take the change: {fault}", hint="all was put back")
    newlogin.forget(trial.service)
    trial = trial._replace(applied=clock.now())
    at.journal.write(trial)
    time.sleep(clock.TICK)
    return trial


def _put_back_overdue(at: Place) -> Reverted | None:
    trial = at.journal.read()
    if trial is None or not is_over(trial):
        return None
    return _put_back(trial, at, how="was put back", event="put-back")


def _put_back(trial: Trial, at: Place, *, how: str, event: str) -> Reverted:
    done, failed = _restore(trial, at)
    faults = [at.reload()] if trial.reload else []
    if failed:
        raise WriteError("not put back: " + "; ".join(failed), hint="otpauth-admin revert again")
    if done.left:
        how = f"{how}, but for {', '.join(path for path, _ in done.left)},"
    at.journal.end(how, trial)
    faults += at.cancel()
    faults = [each for each in faults if each]
    _log(trial, event, files=" ".join(done.put_back), fault="; ".join(faults))
    for path, kept in done.left:
        _log(trial, "bared" if path in done.bared else "left-alone", file=path, before=kept)
    return done._replace(faults=tuple(faults))


def _restore(trial: Trial, at: Place) -> tuple[Reverted, list[str]]:
    """Put files back, the latest first; return what came of it, and what failed."""
    done, failed = Reverted(trial), []
    for edit, shape in reversed(_with_looks(trial)):
        try:
            if _is_somebody_elses(edit):
                done = _bare(edit, done, at)
            elif edit.before != edit.after and files.read(edit.path) != edit.before:
                files.put_back(edit.path, edit.before, shape)
                done = done._replace(put_back=(*done.put_back, edit.path))
            files.forget(edit.path)
        except (OSError, OtpauthError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            failed.append(f"{edit.path!r}: {why}")
    return done, failed


def _is_of_sshd(edit: Edit) -> bool:
    return os.path.dirname(edit.path) in (sshdfile.FOLDER, f"{sshdfile.MAIN}.d")


def _with_looks(trial: Trial) -> list[tuple[Edit, files.Look]]:
    return list(zip(trial.edits, trial.looks, strict=True))


def _bare(edit: Edit, done: Reverted, at: Place) -> Reverted:
    """Leave a file of somebody else's alone, but for lines that this trial put into it.

    The code would be asked for alone, were its line left where that of the password was.
    """
    try:
        found = files.read(edit.path)
        bare = _without_ours(edit, found)
    except (UnsafeFileError, RefusedError):
        found = bare = None
    is_to_go = found is not None and bare is None
    kept = at.journal.set_aside(edit._replace(before=found) if is_to_go else edit)
    if found != bare:
        files.put(edit.path, bare, files.look(edit.path, mode=edit.mode))
        done = done._replace(bared=(*done.bared, edit.path))
    return done._replace(left=(*done.left, (edit.path, kept)))


def _without_ours(edit: Edit, found: bytes | None) -> bytes | None:
    """Return what is found without our lines, if to take them out undoes this edit."""
    if found is None or edit.after is None or _taken_out(edit.path, edit.after) != edit.before:
        return found
    return _taken_out(edit.path, found)


def _taken_out(path: str, data: bytes) -> bytes | None:
    folder, name = os.path.split(path)
    if path == sshdfile.MAIN:
        return sshdfile.take_out(data)
    if path == sshdfile.DROPIN:
        return None if sshdfile.is_dropin(data) else data
    return pamfile.take_out(data, name) if folder == stack.FOLDER else data


def _is_somebody_elses(edit: Edit) -> bool:
    """Say whether a file is neither what the trial made of it nor what it was before."""
    files.sweep(edit.path)
    if edit.before == edit.after:
        return False
    try:
        return files.read(edit.path) not in (edit.before, edit.after)
    except UnsafeFileError:
        return True


def _log(trial: Trial, event: str, **more: object) -> None:
    calm = event in ("begun", "confirmed") and not more.get("fault")
    text = log.line(trial=event, service=trial.service, kind=trial.kind, **more)
    log.send(text, warning=not calm)
