"""Changes to an account's tokens: how a proposal says them, and how the host adopts them.

A change removes tokens, adds drafts and relabels tokens, all at once or not at all. The first
enrolment needs no proof. Afterwards (`changes = confirm`) a change carries a code of a present
token inside its seal; the host checks and burns it like a login's, at most one in a transaction. A
wrong proof drops the proposal and is charged; one without proof waits for the administrator. A
token that is limited to some groups proves nothing about others, so nobody widens a limit by the
token that has it.
"""

from __future__ import annotations

from otpauth import (
    answer,
    bypass,
    canonical,
    joining,
    limits,
    login,
    oath,
    secretfile,
    token,
    wishes,
)
from otpauth.errors import FormatError, RefusedError
from otpauth.kinds import ACCEPTED
from otpauth.state import State, bounded, with_notice
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from otpauth.channels import Channel
    from otpauth.policy import Rule, Setup
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from otpauth.secretfile import Opened, Proposal
    from otpauth.token import Draft, Token
    from otpauth.wishes import Wishes

PROOF_LIFE = 7 * 86400  # seconds from the claimed time
PROOF_MAX = 32  # characters of a code; a list password may be longer
PROPOSAL_LIFE = 90 * 86400
SIZE_MAX = 16 * 1024  # bytes of JSON in a proposal
LABELS = ("name", "note", "expires", "enabled", "groups")


class Proof(NamedTuple):
    """A code of a present token and when it was typed, in Unix seconds.

    A list password stands as it was typed, with its number in front.
    """

    code: str
    time: int

    def __repr__(self) -> str:
        return f"Proof(at {self.time})"


class Change(NamedTuple):
    """What is to be done: `remove` are token ids, `relabel` maps ids to new label fields.

    `wishes` take the place of the present ones, None leaves those alone. Sessions that began up to
    `ended` are over, in Unix seconds.
    """

    add: tuple[Draft, ...] = ()
    remove: tuple[str, ...] = ()
    relabel: dict[str, dict[str, Any]] = {}
    proof: Proof | None = None
    wishes: Wishes | None = None
    ended: int = 0


class Adoption(NamedTuple):
    """What came of a file's proposals: the record, and (digest, verb, name, result) of each."""

    record: Record
    results: tuple[tuple[str, str, str, str], ...]


class Ground(NamedTuple):
    """What the host goes by. `now` is in Unix seconds.

    `sent_to` says that codes are sent to the account: then its first enrolment is not free, since
    whoever can write its home would get past them. `channels` are those of otpauth.conf.
    """

    setup: Setup
    rule: Rule
    now: int
    marks: Fingerprints
    sent_to: bool = False
    channels: dict[str, Channel] = {}


def encode(change: Change) -> bytes:
    """Return a change as the bytes that are sealed."""
    return canonical.dumps(
        {
            "add": [token.draft_value(draft) for draft in change.add],
            "remove": list(change.remove),
            "relabel": change.relabel,
            "proof": list(change.proof) if change.proof else None,
            "wishes": wishes.value(change.wishes) if change.wishes else None,
            "ended": change.ended,
        }
    )


def decode(plain: bytes) -> Change:
    """Read a change. Raises FormatError."""
    got = canonical.fields(canonical.loads(plain, limit=SIZE_MAX), Change._fields)
    return Change(
        tuple(token.draft_from(e) for e in canonical.array(got["add"], most=token.TOKENS_MAX)),
        tuple(_ident(e) for e in canonical.array(got["remove"], most=token.MERGED_MAX)),
        {
            _ident(ident): _labels(fields)
            for ident, fields in canonical.mapping(got["relabel"], most=token.MERGED_MAX).items()
        },
        _proof(got["proof"]),
        _wished(got["wishes"]),
        canonical.integer(got["ended"]),
    )


def _ident(value: Any) -> str:
    return canonical.hexadecimal(value, size=token.ID_SIZE)


def _labels(value: Any) -> dict[str, Any]:
    labels = canonical.mapping(value, most=len(LABELS))
    checks: dict[str, Callable[[Any], Any]] = {
        "name": token.check_name,
        "note": token.check_note,
        "expires": canonical.integer,
        "enabled": canonical.boolean,
        "groups": token.check_groups,
    }
    if not set(labels) <= set(LABELS):
        raise FormatError("sealed data has other labels than it should")
    return {key: checks[key](field) for key, field in labels.items()}


def _proof(value: Any) -> Proof | None:
    if value is None:
        return None
    row = canonical.array(value, most=2)
    if len(row) != 2:
        raise FormatError("sealed data has a proof that is none")
    code = canonical.text(row[0], most=answer.JOINED_MAX)
    short = len(code) <= PROOF_MAX and answer.code(code) == code
    if not code or not (short or answer.numbered(code)):
        raise FormatError("sealed data has a proof that is no code")
    return Proof(code, canonical.integer(row[1]))


def _wished(value: Any) -> Wishes | None:
    """Read wishes; the host says when they were made."""
    wished = None if value is None else wishes.read(value)
    if wished and wished.set:
        raise FormatError("sealed data has wishes that say when they were made")
    return wished


def adopt(
    account: Record, proposals: tuple[Opened, ...], ground: Ground, idents: tuple[str, ...]
) -> Adoption:
    """Adopt what may be adopted, in the order of the file; the rest waits or is dropped.

    `idents` has 64 random bits in hex for each proposal, in case its proof is charged.
    """
    account = account._replace(state=limits.prune(account.state, ground.now))
    results = []
    spent = False
    for opened, ident in zip(proposals, idents, strict=True):
        proposal = opened.proposal
        digest = proposal.digest()
        if digest in account.state.done:
            continue
        account, result, proved = _consider(account, opened, ground, ident=ident, spent=spent)
        spent = spent or proved
        if result != secretfile.PENDING:
            account = _close(account, opened, digest, result, ground.now)
        results.append((digest, proposal.verb, proposal.name, result))
    return Adoption(account, tuple(results))


def apply(account: Record, change: Change, ground: Ground) -> Record:
    """Carry out a change that is allowed. Raises RefusedError, then nothing of it was done.

    Adding what is there already joins its state, removing what is gone changes nothing.
    """
    if change.wishes:
        if not (account.enrolled or change.add):
            raise RefusedError("there is no token yet")
        account = _wish(account, change.wishes, ground.now)
    if change.ended:
        account = _log_out(account, min(change.ended, ground.now))
    for ident in change.remove:
        account = remove(account, ident, ground.now)
    for ident, labels in change.relabel.items():
        account = _relabel(account, ident, labels, ground.now)
    return joining.add(account, change.add, ground)


def remove(account: Record, ident: str, now: int) -> Record:
    """Remove a token for good: no old copy of it comes back."""
    each = account.tokens.get(ident)
    if each is None:
        return account
    state = account.state._replace(removed={**account.state.removed, ident: now})
    state = with_notice(state, now, "removed", each.name)
    tokens = {key: value for key, value in account.tokens.items() if key != ident}
    return account._replace(tokens=tokens, state=bounded(state))


def _relabel(account: Record, ident: str, labels: dict[str, Any], now: int) -> Record:
    each = account.tokens.get(ident)
    if each is None:
        raise RefusedError("no such token")
    name = labels.get("name", each.name)
    if name != each.name and account.named(name):
        raise RefusedError(f"there is another token called {name!r}")
    if each.kind == "password" and not labels.get("groups", each.groups):
        raise RefusedError("an app password is good for named services alone")
    relabelled = each._replace(**labels, labelled=max(now, each.labelled + 1))
    state = account.state if relabelled.enabled else _without_sessions(account.state, ident)
    account = account._replace(tokens={**account.tokens, ident: relabelled})
    return account._replace(state=with_notice(state, now, "changed", relabelled.name))


def _without_sessions(state: State, ident: str) -> State:
    """End the sessions of a token that is switched off: on again, it does not bring them back."""
    marked = [mark for mark, session in state.sessions.items() if session.token == ident]
    if not marked:
        return state
    from otpauth import sessions

    return sessions.without(state, marked)


def _log_out(account: Record, until: int) -> Record:
    """End the sessions that began up to a time: it is not of the future, where others would end."""
    state = account.state
    return account._replace(state=state._replace(ended=max(state.ended, until)))


def _wish(account: Record, wished: Wishes, now: int) -> Record:
    """Put wishes in the place of the present ones; their owner hears of it, but when he enrols."""
    state = account.state
    if account.enrolled:
        state = with_notice(state, now, "wished", "limits")
    wished = wished._replace(set=max(now, account.wishes.set + 1))
    return account._replace(wishes=wished, state=state)


def _consider(
    account: Record, opened: Opened, ground: Ground, *, ident: str, spent: bool
) -> tuple[Record, str, bool]:
    """Deal with one proposal; return what came of it, and whether a proof was compared."""
    try:
        change = _understood(account, opened, ground.now)
    except RefusedError as error:
        return account, str(error), False
    proved = False
    if not _free(account, opened, change, ground):
        checked = None
        if change.proof and not spent and ground.setup.changes != "admin":
            checked = _prove(account, change, change.proof, ground, ident=ident)
        if checked is None:
            return account, secretfile.PENDING, False
        account, right = checked
        if not right:
            return account, "its code is not one of a present token", True
        proved = True
    try:
        return apply(account, change, ground), secretfile.ADOPTED, proved
    except RefusedError as error:
        return account, str(error), proved


def _understood(account: Record, opened: Opened, now: int) -> Change:
    if opened.plain is None:
        raise RefusedError("it is not sealed to this host, or was changed")
    if not now - PROPOSAL_LIFE < opened.proposal.made <= now + PROOF_LIFE:
        raise RefusedError("it is too old, or dated in the future")
    try:
        change = decode(opened.plain)
    except FormatError:
        raise RefusedError("it is not understood") from None
    if not _is_as_said(account, opened.proposal, change):
        raise RefusedError("it does something else than its first line says")
    return change


def _is_as_said(account: Record, proposal: Proposal, change: Change) -> bool:
    """Say whether a change is what its clear verb and name tell the administrator."""
    gone = {account.tokens[ident].kind for ident in change.remove if ident in account.tokens}
    kinds = {draft.kind for draft in change.add}
    named = bool(change.add) and change.add[0].name == proposal.name
    only_adds = not change.remove and not change.relabel
    if change.ended or proposal.verb == "logout":
        nothing_else = change == Change(proof=change.proof, ended=change.ended)
        return proposal.verb == "logout" and bool(change.ended) and nothing_else
    wishes_alone = only_adds and not change.add
    if change.wishes and (account.enrolled or proposal.verb not in ("setup", "import")):
        return proposal.verb == "wish" and wishes_alone
    return {
        "setup": named and only_adds,
        "import": named and only_adds,
        "add": named and only_adds and len(change.add) == 1,
        "replace": named and len(change.add) == 1 and not change.relabel,
        "codes": kinds | gone <= {"scratch"} and not change.relabel,
        "remove": not change.add and not change.relabel,
        "set": not change.add and not change.remove,
        "wish": False,
    }[proposal.verb]


def _free(account: Record, opened: Opened, change: Change, ground: Ground) -> bool:
    """Say whether a change needs no proof; taking away the last token always does.

    To end sessions takes nothing from anybody but the need to type a code.
    """
    takes_last = not change.add and set(account.tokens) <= set(change.remove)
    trusted = ground.setup.changes == "trust" and not takes_last
    first = not account.enrolled and not ground.sent_to
    return opened.approved or first or trusted or bool(change.ended)


def _prove(
    account: Record, change: Change, proof: Proof, ground: Ground, *, ident: str
) -> tuple[Record, bool] | None:
    """Check and burn a proof. None: nothing was compared, because of too many wrong ones."""
    now, marks, about = ground.now, ground.marks, _about(account, change)
    rule = wishes.effective(ground.rule, account.wishes)
    if limits.wait(account.state, limits.PROPOSALS, rule, now):
        return None
    typed = answer.Candidate(answer.code(proof.code), whole=proof.code)
    if now - PROOF_LIFE < proof.time <= now + limits.CLOCK_SLACK:
        for each in account.ordered():
            if each.live(now) and each.kind in rule.kinds and _vouches(each, about):
                match = login.compare(each, account, typed, proof.time, rule, marks)
                if match and match.result == ACCEPTED:
                    return account._replace(state=match.state), True
    mark = marks.answer(account.user, f"{proof.code} at {proof.time}")
    state = limits.charge(account.state, limits.PROPOSALS, mark, now=now, ident=ident)
    return account._replace(state=state), False


def _about(account: Record, change: Change) -> frozenset[str] | None:
    """Return the groups that a change has to do with, before it and after; None for all."""
    there = [account.tokens.get(ident) for ident in (*change.remove, *change.relabel)]
    reaches = [each.groups for each in (*there, *change.add) if each]
    reaches += [labels["groups"] for labels in change.relabel.values() if "groups" in labels]
    if change.wishes or not all(reaches):
        return None
    return frozenset(name for names in reaches for name in names)


def _vouches(each: Token, about: frozenset[str] | None) -> bool:
    """Say whether a token's code may prove a change: none beyond what the token is limited to.

    App passwords prove none, since programs keep them.
    """
    if each.kind == "password":
        return False
    return not each.groups or (about is not None and about <= set(each.groups))


def _close(account: Record, opened: Opened, digest: str, result: str, now: int) -> Record:
    """Note that a proposal was dealt with, and tell its owner if it was refused."""
    order = 1 + max(account.state.done.values(), default=0)  # even within a second
    state = account.state._replace(done={**account.state.done, digest: max(now, order)})
    if result != secretfile.ADOPTED:
        state = with_notice(state, now, "refused", opened.proposal.name, result[:64])
    return account._replace(state=bounded(state))


def dismiss(account: Record, digests: tuple[str, ...], now: int) -> Record:
    """Drop proposals that wait, by their digests."""
    done = {**account.state.done, **dict.fromkeys(digests, now)}
    return account._replace(state=bounded(account.state._replace(done=done)))


def unlock(account: Record, now: int) -> Record:
    """Raise the era: no failures, no sessions, no steps of the future. Used codes stay used."""
    state = account.state
    steps = {
        ident: _mended(account, ident, step, now)
        for ident, step in state.steps.items()
        if ident in account.tokens
    }
    cleared = state._replace(
        steps=steps,
        events=frozenset(),
        wrong={},
        tries={},
        graces={},
        resyncs={},
        told=min(state.told, now),
        bypass=bypass.mended(state, now),
        fails={},
        locked={},
        cleared={},
        sessions={},
        ended=min(state.ended, now),
    )
    return account._replace(era=account.era + 1, state=cleared)


def _mended(account: Record, ident: str, step: int, now: int) -> int:
    """Return a used step, or that of now for one of a clock that was ahead: no phone is so fast."""
    each = account.tokens[ident]
    here = oath.time_step(now, period=token.period(each))
    drift = account.state.drifts.get(ident, (0, 0))[1]
    reach = token.steps(each, wishes.WINDOW_MAX) // 2
    return step if step <= here + max(drift, 0) + reach else here


def reset(account: Record, now: int) -> Record:
    """Raise the era and forget all tokens: the next enrolment needs no proof.

    The tokens stay removed, so that no old file or proposal brings one of them back.
    """
    gone = {**account.state.removed, **dict.fromkeys(account.tokens, now)}
    kept = bounded(State(removed=gone, done=account.state.done))
    return account._replace(
        era=account.era + 1, enrolled=False, tokens={}, state=kept, wishes=wishes.NONE
    )
