"""A question from outside of PAM: is this a code of this user? For `verify` and for api.py.

It is decided as a login is, by otpauth.conf alone: there is no PAM line, hence none of its
arguments. Nobody was asked for a code in a way of his own, so a list password counts with its
number in front.
"""

from __future__ import annotations

import time

from otpauth import account, attempt, limits, login, policy, store
from otpauth.errors import UnknownUserError
from otpauth.login import Outcome, Request
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.account import Account
    from otpauth.attempt import Watch
    from otpauth.errors import ConfigError
    from otpauth.host import Host
    from otpauth.login import Typed
    from otpauth.store import Terms


class Inquiry(NamedTuple):
    """Whose code it is said to be (None: nobody's), for what, and what is gone by."""

    who: Account | None
    request: Request
    terms: Terms


def inquire(user: str, service: str, rhost: str, first_factor: str, place: Host) -> Inquiry:
    """Return a question about a code that is given now. Raises ConfigError."""
    found = place.policy()
    now = int(time.time())
    terms = store.Terms(place, found, policy.effective(found, service, rhost), now)
    where = limits.place(rhost, 0)
    request = Request(user, service, rhost, where, first_factor, now)
    try:
        who = account.lookup(user)
    except UnknownUserError:
        return Inquiry(None, request, terms)
    return Inquiry(who, request._replace(user=who.name), terms)


def answer(one: Inquiry, typed: Typed, *, dry_run: bool, watch: Watch | None = None) -> Outcome:
    """Decide; what is right is used up and what is wrong counts, but in a dry run."""
    if one.who is None:
        outcome = Outcome(login.REFUSE, login.UNKNOWN_USER)
        if not dry_run:
            attempt.note(one.request, outcome, one.terms.rule.log)
        return outcome
    decide = attempt.rehearse if dry_run else attempt.attempt
    return decide(one.who, one.request, typed, one.terms, watch=watch)


def note_broken(user: str, service: str, rhost: str, error: ConfigError) -> None:
    """Log that nobody can be let in under the otpauth.conf that is there."""
    outcome = Outcome(login.UNAVAILABLE, login.CONFIG_BROKEN)
    request = Request(user, service, rhost, "", "", int(time.time()))
    attempt.note(request, outcome, fault=str(error), mend=error.hint)
