"""What the user's own tool does to `~/.otpauth`: read it, and put proposals into it.

It runs with the user's rights and holds no key but the host's public one. A write that fails
leaves the old file, and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from otpauth import home, secretfile
from otpauth.errors import FormatError, RefusedError, UnsafeFileError
from otpauth.secretfile import Proposal, SealedRecord, SecretFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.account import Account
    from otpauth.changes import Change
    from otpauth.keys import PublicKey

LOCK_SECONDS = 5


class Own(NamedTuple):
    """A user's own file as he may see it: his record on this host, if any, and what waits."""

    content: SecretFile
    record: SealedRecord | None
    waiting: tuple[Proposal, ...]
    foreign: tuple[SealedRecord, ...]


def view(account: Account, path: str, public: PublicKey) -> Own:
    """Read the file. Raises UnsafeFileError if it is there but not fit."""
    return sorted_out(account, _read(account, path), public)


def sorted_out(account: Account, content: SecretFile, public: PublicKey) -> Own:
    """Return a file's content by what it is to its owner on this host."""
    ids = (public.id, *public.retired)
    mine = [each for each in content.records if each.user == account.name and each.host in ids]
    return Own(
        content,
        max(mine, key=lambda each: each.generation, default=None),
        tuple(each for each in content.proposals if each.key in ids),
        tuple(each for each in content.records if each.host not in ids),
    )


def submit(account: Account, path: str, proposal: Proposal) -> None:
    """Add a proposal to the file.

    Raises UnsafeFileError, BusyError, WriteError, RefusedError; then nothing was changed.
    """

    def with_it(content: SecretFile) -> SecretFile:
        if len(content.proposals) >= secretfile.PROPOSALS_MAX:
            raise RefusedError(
                f"{path!r} has {secretfile.PROPOSALS_MAX} changes that wait already",
                hint="log in once, so that the host adopts them",
            )
        return SecretFile((*_ended(content).sections, proposal))

    _rewrite(account, path, with_it)


def withdraw(account: Account, path: str, digests: frozenset[str]) -> None:
    """Take proposals that wait out of the file. Raises as submit()."""
    _rewrite(
        account,
        path,
        lambda content: SecretFile(
            tuple(
                each
                for each in content.sections
                if not (isinstance(each, Proposal) and each.digest() in digests)
            )
        ),
    )


def prune(account: Account, path: str, public: PublicKey) -> int:
    """Drop records of other hosts and damaged sections; return how many. Raises as submit()."""
    before = _read(account, path)
    own = sorted_out(account, before, public)
    kept = tuple(
        each for each in before.sections if each is own.record or isinstance(each, Proposal)
    )
    if len(kept) != len(before.sections):
        _rewrite(account, path, lambda _: SecretFile(kept), expected=before)
    return len(before.sections) - len(kept)


def sealed(
    account: Account, public: PublicKey, change: Change, *, verb: str, name: str, now: int
) -> Proposal:
    """Seal a change to the host as a proposal."""
    from otpauth import changes, seal

    empty = Proposal(verb, name, account.name, public.id, now, b"")
    plain = changes.encode(change)
    return empty._replace(sealed=seal.seal_proposal(public, account.name, empty.header(), plain))


def _read(account: Account, path: str) -> SecretFile:
    found = home.understand(home.look(account, path))
    if found.condition == "unfit":
        raise UnsafeFileError(
            f"{path!r} cannot be used: {found.fault}",
            hint="move it away and run otpauth again; the host still knows your tokens",
        )
    return found.content


def _rewrite(
    account: Account,
    path: str,
    edit: Callable[[SecretFile], SecretFile],
    *,
    expected: SecretFile | None = None,
) -> None:
    """Read, edit and replace the file, all under its lock."""
    with home.locked(path, seconds=LOCK_SECONDS, insist=True):
        found = home.understand(home.look(account, path))
        if found.condition == "unfit":
            raise UnsafeFileError(f"{path!r} cannot be used: {found.fault}")
        if expected is not None and expected != found.content:
            raise RefusedError(f"{path!r} was changed meanwhile", hint="try again")
        try:
            data = secretfile.serialize(edit(found.content))
        except FormatError:
            raise RefusedError(
                f"{path!r} would grow over its limit", hint="otpauth list --prune"
            ) from None
        home.replace(path, data, uid=account.uid, before=found.data, alone=True)


def _ended(content: SecretFile) -> SecretFile:
    """Return the file with its last section ended by a line end, so that another may follow."""
    if content.sections and isinstance(content.sections[-1], secretfile.Damaged):
        last = content.sections[-1].data
        if not last.endswith(b"\n"):
            return SecretFile((*content.sections[:-1], secretfile.Damaged(last + b"\n")))
    return content
