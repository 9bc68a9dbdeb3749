"""What of an import goes into a record: nothing the host does not allow, nothing that was removed.

A second import of the same file is a join. It takes over what was used since, resets nothing, and
brings nothing back that was removed here.
"""

from __future__ import annotations

from otpauth import changes, joining, oath, policy, token
from otpauth.changes import Change
from otpauth.errors import RefusedError
from otpauth.value import NamedTuple
from otpauth.wishes import Wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.changes import Ground
    from otpauth.formats.imported import Imported
    from otpauth.record import Record
    from otpauth.token import Draft

REMOVED_HERE = "a secret that was removed on this host is not moved again"


class Moved(NamedTuple):
    """What came of an import: the record, and whether all tokens of the file are in it now."""

    record: Record
    whole: bool


def allowed(
    items: tuple[Imported, ...], kinds: tuple[str, ...]
) -> tuple[tuple[Imported, ...], list[str]]:
    """Leave out scratch codes where the host has none; return what is worth a warning, too.

    Raises RefusedError if a token is of another kind that the host does not allow.
    """
    kept = tuple(item for item in items if item.draft.kind in kinds)
    lost = {item.draft.kind for item in items} - set(kinds)
    if lost - {"scratch"} or not kept:
        raise RefusedError(
            f"kind {' and '.join(sorted(lost))} is not allowed on this host",
            hint="administrator: otpauth.conf: kinds in [setup]",
        )
    notes = [note for item in kept for note in item.notes]
    notes += [
        f"the secret of {item.draft.name} is weak, {token.bits(item.draft)} bits: replace it soon"
        for item in kept
        if item.weak and item.draft.kind not in token.SETS
    ]
    if lost:
        notes.append("scratch codes are not allowed on this host and left out")
    return kept, notes


def wished(items: tuple[Imported, ...]) -> Wishes | None:
    """Return window and limit as they were elsewhere; here they only narrow the host's rule."""
    spelt = {key: text for item in items for key, text in item.wishes.items()}
    if not spelt:
        return None
    read = {key: policy.RULE_KEYS[key](text) for key, text in spelt.items()}
    return Wishes(**read)


def closed(item: Imported, now: int) -> Draft:
    """Return the draft of an import, with every code used up that may have been used just before.

    That is for files that do not tell: until `now`, in Unix seconds, and as far ahead as the
    window reaches that they were used with.
    """
    draft = item.draft
    if item.window and draft.kind in token.TIMED:
        here = oath.time_step(now, period=token.period(draft))
        return draft._replace(seen=max(draft.seen, here + draft.drift + item.window // 2))
    return draft


def move(held: Record, items: tuple[Imported, ...], ground: Ground) -> Moved:
    """Join an import to an account's record. Raises RefusedError; then nothing of it was done."""
    first = [
        (ground.marks.token(item.draft.material()), item)
        for item in items
        if item.draft.kind in token.ONE_TIME
    ]
    removed = held.state.removed
    kept = [
        item.draft if ident in held.tokens else closed(item, ground.now)
        for ident, item in first
        if ident not in removed
    ]
    again = any(ident in held.tokens or ident in removed for ident, _ in first)
    spare = [item.draft for item in items if item.draft.kind in token.SETS]
    kept += _still_here(held, spare, ground) if again else spare
    wishes = None if held.enrolled or not kept else wished(items)
    record = changes.apply(held, Change(add=tuple(kept), wishes=wishes), ground)
    return Moved(record, whole=all(ident not in removed for ident, _ in first))


def _still_here(held: Record, spare: list[Draft], ground: Ground) -> list[Draft]:
    """Return sets without the codes that are not here: those were removed since."""
    sets = []
    for draft in spare:
        gone = joining.unknown(held, draft, ground.marks)
        codes = [code for code in draft.params["codes"] if code not in gone]
        if codes:
            sets.append(draft._replace(params={**draft.params, "codes": codes}))
    return sets
