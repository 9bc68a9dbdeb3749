"""How a draft gets into a record: as a new token, or joined to the one that is there.

A token is the same wherever it comes from again: from a proposal, an import, the same import a
year later. Then nothing that either side refuses becomes good: the later step, the higher
counter, every scratch code that either side knows as used. Its name and dates stay what they are.
"""

from __future__ import annotations

from otpauth import oath, token
from otpauth.errors import ConfigError, RefusedError
from otpauth.state import with_notice
from otpauth.token import Draft, Token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from otpauth.changes import Ground
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from otpauth.state import State

AHEAD_MAX = 50  # steps that a used code may be ahead: what wide windows of other software accept


def add(account: Record, drafts: tuple[Draft, ...], ground: Ground) -> Record:
    """Return the record with these drafts in it. Raises RefusedError; then none of them is."""
    for kind in token.SETS:
        offered = [draft for draft in drafts if draft.kind == kind]
        codes = {code for draft in offered for code in draft.params["codes"]}
        account = _spent_elsewhere(account, kind, codes, ground.marks)
    for draft in drafts:
        account = _add(account, draft, ground)
    return account


def _add(account: Record, draft: Draft, ground: Ground) -> Record:
    marks, now = ground.marks, ground.now
    if draft.kind not in ground.setup.kinds:
        raise RefusedError(f"kind {draft.kind} is not allowed (otpauth.conf: kinds)")
    if draft.kind in token.SENT:
        draft = _addressed(account, draft, ground)
    if draft.kind in token.SETS:
        left = unknown(account, draft, marks)
        if not left:
            return account
        draft = draft._replace(params={**draft.params, "codes": left})
    ident = marks.token(draft.material())
    draft = draft._replace(params=_kept_params(draft, ident, marks))
    if ident in account.state.removed:
        raise RefusedError("this secret was removed on this host, make a new one")
    each = account.tokens.get(ident)
    if each is None:
        each = _made(account, ident, draft, ground)
        account = account._replace(enrolled=True, tokens={**account.tokens, ident: each})
        account = account._replace(state=with_notice(account.state, now, "added", each.name))
    elif (each.kind, each.params) != (draft.kind, draft.params):
        fault = f"the secret of {each.name!r}, but of another kind of code, make a new one"
        raise RefusedError(fault)
    return account._replace(state=_seen(account, each, draft, now))


def _addressed(account: Record, draft: Draft, ground: Ground) -> Draft:
    """Return the draft of a user's own address as it will be used, if the host sends there."""
    from otpauth import channels

    channel = channels.owned(ground.channels, draft.kind)
    if channel is None:
        raise RefusedError(f"kind {draft.kind} is not for own addresses (otpauth.conf: own)")
    try:
        to = channels.admitted(channel, draft.params["to"])
    except ConfigError:
        raise RefusedError("the host sends nothing to this address") from None
    draft = draft._replace(params={**draft.params, "to": to})
    ident = ground.marks.token(draft.material())
    for each in account.ordered():
        if (each.kind, each.params.get("to")) == (draft.kind, to) and each.id != ident:
            raise RefusedError(f"the address is that of {each.name!r}")
    return draft


def _made(account: Record, ident: str, draft: Draft, ground: Ground) -> Token:
    """Return a draft as the token that it becomes."""
    lists = draft.kind == "list"
    most, what = (token.LISTS_MAX, "lists") if lists else (token.TOKENS_MAX, "tokens")
    if sum((each.kind == "list") == lists for each in account.ordered()) >= most:
        raise RefusedError(f"there are {most} {what} already")
    sent = [each for each in account.ordered() if each.kind in token.SENT]
    if draft.kind in token.SENT and len(sent) >= token.ADDRESSES_MAX:
        raise RefusedError(f"there are {token.ADDRESSES_MAX} addresses already")
    name, now = _free_name(account, draft.name), ground.now
    return Token(
        ident,
        draft.kind,
        name,
        draft.params,
        created=now,
        labelled=now,
        note=draft.note,
        expires=draft.expires,
        groups=draft.groups,
    )


def _seen(account: Record, each: Token, draft: Draft, now: int) -> State:
    """Return the state with what the draft says was used, and how far the phone is off."""
    state, ident = account.state, each.id
    if each.kind == "hotp":
        counter = max(state.counters.get(ident, 0), draft.seen)
        return state._replace(counters={**state.counters, ident: counter})
    if each.kind in token.TIMED and draft.seen:
        here = oath.time_step(now, period=token.period(each))
        if draft.seen > here + max(draft.drift, 0) + AHEAD_MAX:
            raise RefusedError("a code of the future is said to be used")
        step = max(state.steps.get(ident, 0), draft.seen)
        state = state._replace(steps={**state.steps, ident: step})
    if each.kind in token.TIMED and draft.drift and ident not in state.drifts:
        state = state._replace(drifts={**state.drifts, ident: (now, draft.drift)})
    return state


def _kept_params(draft: Draft, ident: str, marks: Fingerprints) -> dict[str, Any]:
    """Return a draft's parameters as a token has them."""
    if draft.kind not in token.HASHED:
        return draft.params
    codes = sorted(_kept(draft.kind, ident, code, marks) for code in draft.params["codes"])
    return {**draft.params, "codes": codes}


def _kept(kind: str, ident: str, code: str, marks: Fingerprints) -> str:
    """Return what is kept of one code of a set: its keyed hash, behind a list password's number."""
    number = code[: token.NUMBER_SIZE] if kind == "list" else ""
    return number + marks.code(ident, code)


def _spent_elsewhere(account: Record, kind: str, codes: set[str], marks: Fingerprints) -> Record:
    """Note as used what is missing of sets that come again: a list loses a code by its use."""
    used = dict(account.state.used)
    for each in account.ordered():
        if each.kind == kind:
            again = {_kept(kind, each.id, code, marks) for code in codes}
            if again & set(each.params["codes"]):
                gone = (1 << n for n, mark in enumerate(each.params["codes"]) if mark not in again)
                used[each.id] = used.get(each.id, 0) | sum(gone)
    used = {ident: bits for ident, bits in used.items() if bits}
    return account._replace(state=account.state._replace(used=used))


def unknown(account: Record, draft: Draft, marks: Fingerprints) -> list[str]:
    """Return the codes of a draft that are in no set of the account."""
    sets = [each for each in account.ordered() if each.kind == draft.kind]
    return [
        code
        for code in draft.params["codes"]
        if not any(_kept(each.kind, each.id, code, marks) in each.params["codes"] for each in sets)
    ]


def _free_name(account: Record, name: str) -> str:
    """Return the name, or name-2, name-3 … if it is taken."""
    number, free = 1, name
    while account.named(free):
        number += 1
        free = f"{name[:29]}-{number}"
    return free
