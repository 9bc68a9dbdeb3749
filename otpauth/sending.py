"""Sending a code within a login: reserve, make durable, send, and say what to type.

Loaded only where otpauth.conf has channels. Nothing is sent without a known first factor, and
nothing is locked while it is being sent; but the process is shielded, so that whoever called su
can neither end nor starve what carries his victim's code. A channel that fails is said so; other
ways still work.
"""

from __future__ import annotations

import os
import time

from otpauth import attempt, guard, log, login, record, send, store
from otpauth.channels import veiled
from otpauth.errors import OtpauthError, SendError
from otpauth.kinds import sent
from otpauth.send import quota
from otpauth.token import DAILY, SENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.account import Account
    from otpauth.kinds.sent import Reserved, Route
    from otpauth.login import Asked, Request
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from otpauth.store import Terms


class Ways:
    """The ways to a user within one login. Nothing of it raises."""

    def __init__(self, who: Account, request: Request, terms: Terms) -> None:
        """Look them up."""
        self._who, self._request, self._terms = who, request, terms
        found = store.routes_of(who, terms)
        self._routes = tuple(each for each in found if each.kind in terms.rule.kinds)

    def begin(self, asked: Asked) -> Asked:
        """Return what to ask instead: for the code by the first way, if the user has nothing else.

        What else he has needs no sending: a device, a list. The ways are there to be chosen.
        """
        asked = self.offered(asked)
        return self._sent(asked, self._routes[0], first=True) if asked.ways else asked

    def offered(self, asked: Asked) -> Asked:
        """Return what was asked, with the ways to be chosen, and send nothing."""
        if not self._request.first_factor:
            return asked
        return asked._replace(ways=tuple(each.kind for each in self._routes))

    def more(self, asked: Asked, kind: str) -> Asked:
        """Return what to ask after a code by this kind was asked for."""
        route = next(each for each in self._routes if each.kind == kind)
        return self._sent(asked, route, first=False)

    def _sent(self, asked: Asked, route: Route, *, first: bool) -> Asked:
        now = int(time.time())
        self._request = self._request._replace(now=now)
        self._terms = self._terms._replace(now=now)
        try:
            reserved = self._reserve(route, first=first, again=not first and asked.by == route.kind)
        except (OtpauthError, OSError) as error:
            return self._failed(asked, route, f"{type(error).__name__}")
        if reserved is None:
            return asked
        if not reserved.code:
            return self._failed(asked, route, "too many were asked for")
        how = "sent"
        try:
            if reserved.send:
                self._deliver(route, reserved)
        except SendError as error:
            if error.lost:
                self._end(reserved.mark)
                return self._failed(asked, route, str(error))
            self._note(route, str(error))
            how = "perhaps sent"
        where = f"{how} by {route.kind} to {veiled(route.kind, route.to)}"
        return asked._replace(prompt=f"Code ({where}; Enter sends again): ", by=route.kind)

    def _reserve(self, route: Route, *, first: bool, again: bool) -> Reserved | None:
        """Reserve a code, durably. None where the user has something else to begin with."""
        number = os.urandom(8).hex()

        def act(held: Record | None, marks: Fingerprints) -> store.Act:
            before = held or record.Record(self._who.name, self._who.uid)
            seen = sent.given(before, self._routes, self._request, marks)
            usable = login.usable_tokens(seen, self._request, self._terms.rule)
            if first and any(each.kind in DAILY and each.kind not in SENT for each in usable):
                return store.Act(before, None, home=False)
            reserved = sent.reserve(
                seen,
                route.kind,
                self._request,
                self._terms.rule,
                marks=marks,
                number=number,
                again=again,
            )
            if not reserved.send:
                return store.Act(before, reserved, home=False)
            return store.Act(sent.stripped(reserved.record, before), reserved, home=False)

        done = store.transact(self._who, self._terms, act)
        attempt.log_adopted(self._request, done)
        if not done.recorded:
            raise OSError
        reserved: Reserved | None = done.value
        return reserved

    def _deliver(self, route: Route, reserved: Reserved) -> None:
        """Count and send a message, and note it. Raises SendError."""
        letter = send.Letter(
            route.to,
            reserved.code,
            self._who.name,
            self._request.service,
            self._request.rhost,
            reserved.until,
            reserved.mark + os.urandom(4).hex(),
        )
        try:
            with guard.shielded():
                self._counted(route)
                channel = self._terms.policy.channels[route.kind]
                secrets = self._terms.host.secrets() if channel.secrets() else {}
                send.deliver(channel, letter, secrets)
        except SendError:
            raise
        except (OtpauthError, OSError) as error:
            raise SendError(str(error), lost=True) from None
        self._note(route)

    def _counted(self, route: Route) -> None:
        if not route.to:
            raise SendError("no address can be found out", lost=True)
        folder = os.path.join(self._terms.host.var, "sent")
        if not quota.take(folder, self._terms.policy.channels[route.kind], self._request.now):
            raise SendError("the host sent too many", lost=True)

    def _end(self, mark: str) -> None:
        """Let what certainly does not arrive not be waited for: the next login has a new one."""

        def act(held: Record | None, _: Fingerprints) -> store.Act:
            before = held or record.Record(self._who.name, self._who.uid)
            return store.Act(
                before._replace(state=sent.ended(before.state, mark)), None, home=False
            )

        try:
            store.transact(self._who, self._terms, act)
        except (OtpauthError, OSError):
            return

    def _failed(self, asked: Asked, route: Route, fault: str) -> Asked:
        """Say that no code comes by a way, and which others there are."""
        self._note(route, fault)
        others = [each for each in asked.ways if each != route.kind]
        hint = f" Type {' or '.join(others)} for one by that, or" if others else ""
        prompt = f"No code could be sent by {route.kind}.{hint} Enter tries again. Code: "
        return asked._replace(prompt=prompt, by=route.kind)

    def _note(self, route: Route, fault: str = "") -> None:
        if self._terms.rule.log == "off":
            return
        text = log.line(
            user=self._who.name,
            service=self._request.service,
            rhost=self._request.rhost,
            sent="no" if fault else route.kind,
            by=route.kind if fault else "",
            to=veiled(route.kind, route.to),
            fault=fault,
        )
        log.send(text, warning=bool(fault))
