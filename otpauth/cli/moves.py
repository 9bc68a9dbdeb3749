"""otpauth-admin import: many accounts at once, each a transaction of its own.

One account's fault is its own: it is named at the end with file, line and mend, and the others
are moved. What was moved before is joined, so a run that was interrupted is just run again.
"""

from __future__ import annotations

import os
import pwd
import sys
from typing import TYPE_CHECKING, NamedTuple

from otpauth import account, formats, moving, originals, store, wishes
from otpauth.cli import importing, report
from otpauth.cli.at_once import AtOnce
from otpauth.cli.hostkeys import first_line
from otpauth.errors import FormatError, OtpauthError, RefusedError, UnknownUserError, UsageError
from otpauth.record import Record

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from otpauth.account import Account
    from otpauth.formats import Imported

PROGRAM = "otpauth-admin"
PEOPLE = (1000, 60000)  # uids of people where /etc/login.defs does not say
MOVED, HERE, ABSENT, FAILED = "moved", "here already", "without such a file", "not moved"
WHATS = (MOVED, HERE, ABSENT, FAILED)
SHOWN = 3  # users named in a warning


class Result(NamedTuple):
    """What came of one user. `names` are the new tokens, `removed` is the original that is gone.

    `whole` says that all that was found is in the record now.
    """

    user: str
    what: str
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fault: str = ""
    hint: str = ""
    whole: bool = True
    removed: str = ""


class Source(NamedTuple):
    """Where the tokens are from: each user's own file, or one file that was read.

    `named` are those whom the file names, nobody if it is of one user. `by_user` are its tokens,
    None if it has a line that is not understood: then each user is read for himself, and only those
    of that line are not moved.
    """

    pattern: str
    passphrase: str | None = None
    content: importing.Content | None = None
    named: tuple[str, ...] = ()
    by_user: dict[str, tuple[Imported, ...]] | None = None


def move(options: argparse.Namespace) -> int:
    """Move users' tokens into their records."""
    if bool(options.users) == options.all:
        raise UsageError("name users, or --all of them", hint=f"{PROGRAM} import --all --dry-run")
    if options.only and options.remove_originals:
        raise UsageError("--only leaves entries behind, --remove-originals does not")
    source = _source(options)
    names = _names(options, source)
    results: list[Result] = []
    interrupted = False
    try:
        for name in _counted(names):
            results.append(_one(name, source, options))  # noqa: PERF401 -- kept if interrupted
    except KeyboardInterrupt:
        interrupted = True
    if interrupted:
        report.say(PROGRAM, "warning", "stopped; the same command goes on where it was")
    elif source.content and options.remove_originals and not options.dry_run:
        results.append(_remove_shared(source, results))
    _report(results, dry=options.dry_run)
    failed = interrupted or any(each.what == FAILED for each in results)
    return report.FAILED if failed else report.DONE


def _source(options: argparse.Namespace) -> Source:
    pattern = options.source or originals.usual(options.format)
    passphrase = first_line(options.passphrase_file) if options.passphrase_file else None
    if originals.is_pattern(pattern):
        return Source(pattern, passphrase)
    content = importing.content([pattern], options.format)
    _warn_of_others(pattern)
    with importing.at_path(pattern):
        named = formats.users(content.data, format=content.format)
    source = Source(pattern, passphrase, content, named)
    try:
        return _divided(source, options)
    except formats.PassphraseError:
        if passphrase is not None:
            raise
    return _divided(source._replace(passphrase=importing.ask_passphrase(pattern)), options)


def _warn_of_others(path: str) -> None:
    """Warn of a file of many users that somebody else than root may have written."""
    found = os.stat(path) if path != "-" else None
    if found and (found.st_uid != 0 or found.st_mode & 0o022):
        told = f"{path!r} is not root's alone to write: whoever wrote it chose these secrets"
        report.say(PROGRAM, "warning", told)


def _divided(source: Source, options: argparse.Namespace) -> Source:
    """Return the source with its tokens by user. Raises PassphraseError."""
    assert source.content is not None  # noqa: S101 -- the caller's condition
    by_user: dict[str, tuple[Imported, ...]] = {}
    try:
        items = _parsed(source.content, source, options)
    except formats.PassphraseError:
        raise
    except FormatError:
        return source
    for item in items:
        by_user[item.user] = (*by_user.get(item.user, ()), item)
    return source._replace(by_user=by_user)


def _names(options: argparse.Namespace, source: Source) -> list[str]:
    if source.content is None:
        return list(dict.fromkeys(options.users)) or [entry.pw_name for entry in _everybody()]
    chosen = list(dict.fromkeys(options.users)) or list(source.named)
    if not source.named and len(chosen) != 1:
        raise RefusedError(
            f"{source.content.path!r} does not say whose tokens it has", hint="name one USER"
        )
    return chosen


def _everybody() -> list[pwd.struct_passwd]:
    """Return the accounts of people, and of root."""
    low, high = _uids()
    return [each for each in pwd.getpwall() if each.pw_uid == 0 or low <= each.pw_uid <= high]


def _uids() -> tuple[int, int]:
    """Return the lowest and the highest uid of people, by login.defs(5)."""
    found = dict(zip(("UID_MIN", "UID_MAX"), PEOPLE, strict=True))
    try:
        with open("/etc/login.defs", encoding="utf-8", errors="replace") as file:
            for words in map(str.split, file):
                if len(words) == 2 and words[0] in found and words[1].isdecimal():
                    found[words[0]] = int(words[1])
    except FileNotFoundError:
        pass
    return found["UID_MIN"], found["UID_MAX"]


def _counted(names: list[str]) -> Iterator[str]:
    """Yield the names, and show on a terminal how far it is."""
    shown = sys.stderr.isatty() and len(names) > 1
    try:
        for place, name in enumerate(names):
            if shown:
                bar = "#" * (place * 30 // len(names))
                text = f"[{bar:30}] {place}/{len(names)} {name[:24]}"
                print(f"\r{text:72}", end="", file=sys.stderr, flush=True)
            yield name
    finally:
        if shown:
            print(f"\r{'':72}\r", end="", file=sys.stderr, flush=True)


def _one(name: str, source: Source, options: argparse.Namespace) -> Result:
    try:
        who = account.lookup(name)
        if source.content is None:
            return _from_his_own(who, source, options)
        return _recorded(who, _of_user(name, source, options), options)
    except OtpauthError as error:
        return Result(name, FAILED, fault=str(error), hint=error.hint)
    except OSError as error:
        return Result(name, FAILED, fault=f"{error.filename!r}: {error.strerror}")


def _of_user(name: str, source: Source, options: argparse.Namespace) -> tuple[Imported, ...]:
    """Return a user's tokens in the one file. Raises FormatError."""
    assert source.content is not None  # noqa: S101 -- the caller's condition
    user = name if source.named else ""
    if source.by_user is None:
        found = _parsed(source.content, source, options, user=user)
        items = tuple(item for item in found if item.user == user)
    else:
        items = source.by_user.get(user, ())
    if not items:
        raise FormatError(f"{source.content.path!r}: there is no token of that user")
    return items


def _from_his_own(who: Account, source: Source, options: argparse.Namespace) -> Result:
    """Move what a user's own file has."""
    with originals.Keeper(who, originals.path_of(source.pattern, who)) as keeper:
        found = keeper.read()
        if found.fault:
            raise importing.unfit(found)
        if found.data is None:
            if options.all:
                return Result(who.name, ABSENT)
            raise UnknownUserError(f"{found.path!r} is not there", hint="--from PATTERN")
        with importing.at_path(found.path):
            named = options.format or formats.detect(found.data, found.path)
        whole = importing.Content(found.data, named, found.path)
        state = _state(who, options)
        result = _recorded(who, _parsed(whole, source, options, state=state), options)
        if options.remove_originals and not options.dry_run and result.whole:
            return _without(result, found.path, keeper.remove())
        return result


def _without(result: Result, path: str, fault: str) -> Result:
    """Return a result with what came of the removal of the original."""
    if fault:
        return result._replace(notes=(*result.notes, f"{path!r} is left: {fault}"))
    return result._replace(removed=path)


def _state(who: Account, options: argparse.Namespace) -> bytes:
    """Read the state that is kept beside the secret, as totpcgi does."""
    if not options.state:
        return b""
    with originals.Keeper(who, originals.path_of(options.state, who)) as keeper:
        found = keeper.read()
    if found.fault:
        raise importing.unfit(found)
    return found.data or b""


def _parsed(
    content: importing.Content,
    source: Source,
    options: argparse.Namespace,
    *,
    user: str = "",
    state: bytes = b"",
) -> tuple[Imported, ...]:
    return importing.parsed(
        content,
        user=user,
        only=options.only or "",
        passphrase=source.passphrase,
        state=state,
        ask=False,
    )


def _recorded(who: Account, items: tuple[Imported, ...], options: argparse.Namespace) -> Result:
    """Join the tokens to the account's record, in a transaction; a dry run only tries."""
    one = AtOnce(who)
    kept, notes = moving.allowed(items, one.policy.setup.kinds)
    before = one.record or Record(who.name, who.uid)
    marks = store.fingerprints(one.host)
    after, whole = moving.move(before, kept, store.ground(one.terms(), marks))
    if not options.dry_run:
        one.transact(lambda held, ground: moving.move(held, kept, ground).record)
    if not whole:
        notes.append(moving.REMOVED_HERE)
    notes += wishes.cut(one.policy.login, after.wishes)
    new = sorted(each.name for each in after.ordered() if each.id not in before.tokens)
    what = MOVED if after != before else HERE
    return Result(who.name, what, tuple(new), tuple(notes), whole=whole)


def _remove_shared(source: Source, results: list[Result]) -> Result:
    """Remove the one file if all that it names were moved, and it is what was read."""
    content, nobody = source.content, Result("", ABSENT)
    assert content is not None  # noqa: S101 -- the caller's condition
    done = {each.user for each in results if each.what in (MOVED, HERE) and each.whole}
    if not set(source.named) <= done or len(done) < len(results):
        return _without(nobody, content.path, "not everybody in it was moved")
    if importing.content([content.path], content.format) != content:
        return _without(nobody, content.path, "it was changed meanwhile")
    os.unlink(content.path)
    return _without(nobody, content.path, "")


def _report(results: list[Result], *, dry: bool) -> None:
    """Print what came of everybody."""
    for each in results:
        if each.what == MOVED:
            would = "would be " if dry else ""
            print(f"{each.user}: {', '.join(each.names) or 'state'} {would}moved")
        if each.removed:
            print(f"{each.removed!r} removed")
    _warn(results)
    for each in results:
        if each.what == FAILED:
            report.say(PROGRAM, "error", f"{each.user}: {each.fault}")
            if each.hint:
                report.say(PROGRAM, "hint", each.hint)
    count = {what: sum(r.what == what for r in results if r.user) for what in WHATS}
    said = {each: each for each in WHATS} | ({MOVED: "would be moved"} if dry else {})
    print(
        ", ".join(f"{count[what]} {said[what]}" for what in WHATS if count[what] or what == MOVED)
    )


def _warn(results: list[Result]) -> None:
    """Print each note once, with the users it is about."""
    about: dict[str, list[str]] = {}
    for each in results:
        for note in each.notes:
            about.setdefault(note, []).append(each.user)
    for note, users in about.items():
        more = f" and {len(users) - SHOWN} more" if len(users) > SHOWN else ""
        names = ", ".join(filter(None, users[:SHOWN]))
        report.say(PROGRAM, "warning", f"{note} ({names}{more})" if names else note)
