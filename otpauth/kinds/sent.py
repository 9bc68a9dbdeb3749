"""Codes that the host sends, by mail, SMS or push: truncated HMACs, nothing of them stored.

A channel of otpauth.conf gives a user a way to have codes; while a login is decided it stands
beside his tokens as one that no record holds. `reserve` notes that a code is due: to this user,
for this service, at this place, from this second on. What is noted is a random number, and the code
is a keyed hash of it. A code that is due is not made anew but sent again, so fifty logins at once
send one message; it is good for one of them. Time is in Unix seconds.
"""

from __future__ import annotations

from otpauth import limits, login, token, wishes
from otpauth.kinds import ACCEPTED, USED, WRONG, Match
from otpauth.state import Due, Event
from otpauth.token import Token
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.answer import Candidate
    from otpauth.login import Request
    from otpauth.policy import Rule
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from otpauth.state import State

LEAST_LEFT = 60  # seconds that a code must be good for, to be sent or asked for again


class Route(NamedTuple):
    """A way to one user: the channel's name, where his codes go, and the channel's terms."""

    kind: str
    to: str
    digits: int
    lifetime: int
    per_user: tuple[int, int]


class Reserved(NamedTuple):
    """What reserving a code gave: the record to write, and the code, empty if there is none.

    `send` is whether a message is to go out now. `mark` names what is due.
    """

    record: Record
    code: str = ""
    until: int = 0
    mark: str = ""
    send: bool = False

    def __repr__(self) -> str:
        """Tell no code."""
        return f"Reserved(until {self.until})"


def given(
    account: Record, routes: tuple[Route, ...], request: Request, marks: Fingerprints
) -> Record:
    """Return a record in which each route is a token, for one login to be decided by."""
    tokens = dict(account.tokens)
    for route in routes:
        ident = marks.route(account.user, route.kind, route.to)
        due = marks.due(account.user, request.service, request.place, ident)
        params = {**route._asdict(), "due": due}
        tokens[ident] = Token(ident, route.kind, route.kind, params, 0, 0)
    return account._replace(enrolled=account.enrolled or bool(routes), tokens=tokens)


def stripped(after: Record, before: Record) -> Record:
    """Return what became of a given record, without the tokens of its routes."""
    passing = {ident for ident, each in after.tokens.items() if each.kind in token.SENT}
    return after._replace(
        enrolled=before.enrolled,
        tokens={ident: each for ident, each in after.tokens.items() if ident not in passing},
        state=after.state._replace(
            last={ident: at for ident, at in after.state.last.items() if ident not in passing}
        ),
    )


def match(
    each: Token, state: State, code: Candidate, *, now: int, marks: Fingerprints
) -> Match | None:
    """Compare a code with the one that is due; None where none was sent."""
    due = state.due.get(each.params["due"])
    if due is None or not code.fits(each.params["digits"]):
        return None
    if not code.equals(_code(each, due, marks)):
        return Match(WRONG, state)
    if due.over:
        return Match(USED, state)
    if not due.second <= now + limits.CLOCK_SLACK or now >= due.second + each.params["lifetime"]:
        return Match(WRONG, state)
    return Match(ACCEPTED, ended(state, each.params["due"]))


def reserve(
    account: Record,
    kind: str,
    request: Request,
    rule: Rule,
    *,
    marks: Fingerprints,
    number: str,
    again: bool,
) -> Reserved:
    """Reserve a code by the route of a kind, of a given record; `number` is 64 random bits in hex.

    Without `again`, a code that is due is not sent once more. Nothing is reserved while the user
    is limited, or when he was sent too many.
    """
    rule = wishes.effective(rule, account.wishes)
    state = limits.prune(account.state, request.now)
    account = account._replace(state=state)
    each = next((e for e in login.usable_tokens(account, request, rule) if e.kind == kind), None)
    bucket = limits.bucket(state, request.place)
    shut = limits.locked(state, request.place, rule, request.now)
    if each is None or shut or limits.wait(state, bucket, rule, request.now):
        return Reserved(account)
    mark, lifetime = each.params["due"], each.params["lifetime"]
    due = state.due.get(mark)
    least = request.now + min(LEAST_LEFT, lifetime // 2)
    if due is None or due.over or due.second + lifetime < least:
        due = Due(request.now, number, 0)
        again = True
    if again:
        most, span = each.params["per_user"]
        sends = [e for e in state.sends if e.bucket == bucket and e.second > request.now - span]
        if len(sends) >= most:
            return Reserved(account)
        state = state._replace(
            due={**state.due, mark: due}, sends=state.sends | {Event(request.now, number, bucket)}
        )
    return Reserved(
        account._replace(state=state),
        _code(each, due, marks),
        due.second + lifetime,
        mark,
        send=again,
    )


def ended(state: State, mark: str) -> State:
    """Return the state in which what was due is so no more: it was used, or never sent."""
    due = state.due.get(mark)
    if due is None:
        return state
    return state._replace(due={**state.due, mark: due._replace(over=1)})


def _code(each: Token, due: Due, marks: Fingerprints) -> str:
    digits = each.params["digits"]
    number = int(marks.sent(each.params["due"], due.second, due.number), 16)
    return f"{number % 10**digits:0{digits}}"
