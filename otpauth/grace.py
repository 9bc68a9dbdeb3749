"""The grace period: an accepted one-time code spares its owner the next one, for a while.

Bound to the user, the service, the token, and where the login comes from: a literal address, or,
without one, the caller and the terminal. A host's name, a loopback address or root's own terminal
tells nobody apart, so there is no grace for them. What is kept is in the record, so nobody can
forge it; it cannot lie in the future; and it ends with the token, whether that is removed, expires,
is switched off, be it on again, or changed in another way. No grace while a limit holds; a scratch
code begins none; none prolongs itself.
"""

from __future__ import annotations

from otpauth import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.login import Request
    from otpauth.policy import Rule
    from otpauth.seal import Fingerprints
    from otpauth.state import State
    from otpauth.token import Token


def source(request: Request) -> str:
    """Return what a login must have in common with an earlier one, empty if nothing serves."""
    if request.rhost:
        return limits.address(request.rhost)
    apart = request.tty and limits.may_be_known(request.place)
    return f"{request.place} {request.tty}" if apart else ""


def may_hold(request: Request, rule: Rule) -> bool:
    """Say whether a login can have a grace period at all, whoever's it is."""
    return bool(rule.grace and source(request))


def begin(state: State, request: Request, rule: Rule, each: Token, marks: Fingerprints) -> State:
    """Note that a one-time code of a token was accepted, where the rule has a grace period."""
    if not may_hold(request, rule):
        return state
    return state._replace(graces={**state.graces, _mark(request, each, marks): request.now})


def holder(
    state: State, request: Request, rule: Rule, usable: list[Token], marks: Fingerprints
) -> Token | None:
    """Return the token whose grace a login has. `state` is pruned: nothing in it is of the future.

    `usable` are the tokens that would be good for this login.
    """
    if not may_hold(request, rule):
        return None
    if limits.wait(state, limits.bucket(state, request.place), rule, request.now):
        return None
    if limits.locked(state, request.place, rule, request.now):
        return None
    late = request.now - rule.grace
    for each in usable:
        begun = state.graces.get(_mark(request, each, marks), late)
        if begun > late and begun >= each.labelled:  # not off and on again since
            return each
    return None


def _mark(request: Request, each: Token, marks: Fingerprints) -> str:
    return marks.grace(request.user, request.service, source(request), each.id)
