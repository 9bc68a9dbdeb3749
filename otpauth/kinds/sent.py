"""Codes that the host sends, by mail, SMS or push: truncated HMACs, nothing of them stored.

A channel of otpauth.conf gives a user a way to have codes; while a login is decided it stands
beside his tokens as one that no record holds. An address of his own is a token in the record; it
serves where a channel lets it, on the channel's terms. `reserve` notes that a code is due: to this
user, for this service, at this place, from this second on. What is noted is a random number, and
the code is a keyed hash of it. A code that is due is not made anew but sent again, so fifty logins
at once send one message; it is good for one of them. Time is in Unix seconds.
"""

from __future__ import annotations

import contextlib

from otpauth import channels, limits, login, wishes
from otpauth.errors import ConfigError
from otpauth.kinds import ACCEPTED, USED, WRONG, Match
from otpauth.state import SENDS_MAX, STRANGERS, Due, Event
from otpauth.token import Token
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.answer import Candidate
    from otpauth.channels import Channel
    from otpauth.login import Request
    from otpauth.policy import Rule
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from otpauth.state import State

LEAST_LEFT = 60  # seconds that a code must be good for, to be sent or asked for again


class Route(NamedTuple):
    """A way to one user: the channel's name, where his codes go, and the channel's terms.

    `name` is that of the way, `id` the token's whose address it is; empty for the host's.
    """

    kind: str
    to: str
    digits: int
    lifetime: int
    per_user: tuple[int, int]
    name: str = ""
    id: str = ""

    def __repr__(self) -> str:
        """Tell no address."""
        return f"Route({self.word!r})"

    @property
    def word(self) -> str:
        """The word that chooses this way."""
        return (self.name or self.kind).lower()


def route(channel: Channel, to: str, name: str = "", ident: str = "") -> Route:
    """Return the way by a channel to an address."""
    terms = (channel.digits, channel.lifetime, channel.per_user)
    return Route(channel.name, to, *terms, name, ident)


def own(account: Record, found: dict[str, Channel]) -> tuple[Route, ...]:
    """Return the ways to an account's own addresses, as far as the channels take them."""
    routes = []
    for each in sorted(account.tokens.values(), key=lambda each: each.name):
        channel = channels.owned(found, each.kind)
        if channel:
            with contextlib.suppress(ConfigError):
                to = channels.admitted(channel, each.params["to"])
                routes.append(route(channel, to, each.name, each.id))
    return tuple(routes)


class Reserved(NamedTuple):
    """What reserving a code gave: the record to write, and the code, empty if there is none.

    `send` is whether a message is to go out now. `mark` names what is due. `lasts` says that the
    one of before is still good, by a session.
    """

    record: Record
    code: str = ""
    until: int = 0
    mark: str = ""
    send: bool = False
    lasts: bool = False

    def __repr__(self) -> str:
        """Tell no code."""
        return f"Reserved(until {self.until})"


def given(
    account: Record,
    routes: tuple[Route, ...],
    request: Request,
    marks: Fingerprints,
    group: str = "",
) -> Record:
    """Return a record in which each route is a token, for one login to be decided by.

    Within an access group a code is good for each of its services, else for the one alone.
    """
    where = f"group {group}" if group else request.service
    tokens = dict(account.tokens)
    for each in routes:
        ident = each.id or marks.route(account.user, each.kind, each.to)
        due = marks.due(account.user, where, request.place, ident)
        held = tokens.get(ident) or Token(ident, each.kind, each.kind, {}, 0, 0)
        tokens[ident] = held._replace(params={**each._asdict(), "due": due})
    return account._replace(enrolled=account.enrolled or bool(routes), tokens=tokens)


def stripped(after: Record, before: Record) -> Record:
    """Return what became of a given record, without the tokens of its routes."""
    passing = after.tokens.keys() - before.tokens.keys()
    last = {ident: at for ident, at in after.state.last.items() if ident not in passing}
    return after._replace(
        enrolled=before.enrolled, tokens=before.tokens, state=after.state._replace(last=last)
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
    way: Route,
    request: Request,
    rule: Rule,
    *,
    marks: Fingerprints,
    number: str,
    again: bool,
) -> Reserved:
    """Reserve a code by one of a given record's ways; `number` is 64 random bits in hex.

    Without `again`, a code that is due is not sent once more, nor another one while a session makes
    that of before good. Nothing is reserved while the user is limited, or was sent too many.
    """
    rule = wishes.effective(rule, account.wishes)
    state = limits.prune(account.state, request.now)
    account = account._replace(state=state)
    each = next((e for e in login.usable_tokens(account, request, rule) if _is(e, way)), None)
    bucket = limits.bucket(state, request.place)
    shut = limits.locked(state, request.place, rule, request.now)
    if each is None or shut or limits.wait(state, bucket, rule, request.now):
        return Reserved(account)
    mark, lifetime = each.params["due"], each.params["lifetime"]
    due = state.due.get(mark)
    least = request.now + min(LEAST_LEFT, lifetime // 2)
    if not again and _lasts(each, state, request, rule):
        return Reserved(account, lasts=True)
    if due is None or due.over or due.second + lifetime < least:
        after = due.second + 1 if due else 0  # so that no copy's older one goes before it
        due = Due(max(request.now, after), number, 0)
        again = True
    if again:
        most, span = each.params["per_user"]
        if _sent_enough(state, bucket, most=most, since=request.now - span):
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


def _sent_enough(state: State, bucket: str, *, most: int, since: int) -> bool:
    """Say whether so many messages went out to a bucket, or to its like as many as are kept.

    More than that would crowd out those that count for another known place.
    """
    late = [event.bucket for event in state.sends if event.second > since]
    like = [each for each in late if (each == STRANGERS) == (bucket == STRANGERS)]
    return late.count(bucket) >= most or len(like) >= SENDS_MAX


def _lasts(each: Token, state: State, request: Request, rule: Rule) -> bool:
    if not state.sessions:
        return False
    from otpauth import sessions

    return sessions.lasting(state, request, rule, each.id)


def usable(
    account: Record, routes: tuple[Route, ...], request: Request, rule: Rule
) -> tuple[Route, ...]:
    """Return those of the ways of a given record that are good for a login."""
    there = login.usable_tokens(account, request, rule)
    return tuple(way for way in routes if any(_is(each, way) for each in there))


def _is(each: Token, way: Route) -> bool:
    """Say whether a token of a given record is a way."""
    return each.kind == way.kind and each.params.get("id") == way.id


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
