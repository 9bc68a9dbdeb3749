"""A password and a code in one answer, taken apart before the password's module sees it.

Only shapes decide: nothing is compared, written or locked here, so that a code is neither burnt nor
counted before the password was right.
"""

from __future__ import annotations

from otpauth import answer, attempt, login, store
from otpauth.answer import Shapes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.account import Account
    from otpauth.answer import Candidate
    from otpauth.kinds.sent import Route
    from otpauth.login import Request
    from otpauth.record import Record
    from otpauth.store import Terms


def parted(who: Account, request: Request, typed: str, terms: Terms) -> Candidate | None:
    """Return the code behind a user's password, and the password; None if there is none.

    Raises attempt.FAULTS.
    """
    shapes = shapes_of(who, request, terms)
    return answer.parted(typed, shapes) if shapes else None


def shapes_of(who: Account, request: Request, terms: Terms) -> Shapes | None:
    """Return what a user's codes look like; None if no code will be asked of him.

    Of what waits to be adopted nothing is known but that it is there, so any shape may be of it.
    Raises as store.peek().
    """
    if attempt.exempt(who, request.rhost, terms.rule):
        return None
    held, found = store.peek(who, terms)
    enrolled = held is not None and held.enrolled
    ways = _ways(who, held, request, terms)
    if not enrolled and not ways and store.unenrolled(who, terms):
        return None
    words = {word for each in ways for word in (each.word, each.kind)}
    own = {kind for kind, each in terms.policy.channels.items() if each.own}
    if own and found.content.proposals:
        words |= own | {answer.word(each.name) for each in found.content.proposals}
    usable = login.usable_tokens(held, request, terms.rule) if held and enrolled else []
    digits = {each.params.get("digits") for each in usable} | {each.digits for each in ways}
    known = tuple(length for length in answer.LENGTHS if length in digits)
    kinds = {each.kind for each in usable}
    shapes = Shapes(
        known,
        "scratch" in kinds,
        tuple(words),
        hexadecimal="motp" in kinds,
        static="password" in kinds,
        hashes=_hashes(terms),
    )
    if not (enrolled or ways) or found.content.proposals:
        any_length = tuple(dict.fromkeys((*known, *answer.LENGTHS)))
        return shapes._replace(digits=any_length, scratch=True, hexadecimal=True, static=True)
    return shapes


def _hashes(terms: Terms) -> tuple[int, ...]:
    """Return the lengths of what a client makes of a code: to log in with, or to log out."""
    found: tuple[int, ...] = ()
    if terms.rule.client_secret:
        from otpauth import trust

        found = (trust.LENGTHS[terms.rule.trust],)
    if terms.rule.logout:
        from otpauth import sessions

        found = (*found, sessions.LOGOUT_LENGTH)
    return found


def _ways(who: Account, held: Record | None, request: Request, terms: Terms) -> tuple[Route, ...]:
    """Return the ways to have a code sent, the host's and the user's own."""
    ways = tuple(e for e in store.routes_of(who, terms) if e.kind in terms.rule.kinds)
    if held is None or not terms.policy.channels:
        return ways
    from otpauth.kinds import sent

    routes = sent.own(held, terms.policy.channels)
    seen = sent.given(held, routes, request, store.fingerprints(terms.host), terms.rule.group)
    return ways + sent.usable(seen, routes, request, terms.rule)
