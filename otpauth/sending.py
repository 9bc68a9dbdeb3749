"""Sending a code within a login: reserve, make durable, send, and say what to type.

Loaded only where otpauth.conf has channels. Nothing is sent without a known first factor, and
nothing is locked while it is being sent; but the process is shielded, so that whoever called su
can neither end nor starve what carries his victim's code. A channel that fails is said so; other
ways still work.
"""

from __future__ import annotations

import os
import time

from otpauth import answer, attempt, channels, guard, hostcopy, log, login, record, send, store
from otpauth.channels import veiled
from otpauth.errors import OtpauthError, SendError
from otpauth.kinds import sent
from otpauth.send import quota
from otpauth.token import DAILY, NAME_MAX, SENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.account import Account
    from otpauth.kinds.sent import Reserved, Route
    from otpauth.login import Asked, Request
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from otpauth.store import Terms


class Ways:
    """The ways to a user within one login. Nothing of it raises."""

    def __init__(self, who: Account, request: Request, terms: Terms) -> None:
        """Look up those that the host has for him; those of his own are in his record."""
        self._who, self._request, self._terms = who, request, terms
        self._host = store.routes_of(who, terms)
        self._routes = tuple(each for each in self._host if each.kind in terms.rule.kinds)
        self._looked = not any(channels.owned(terms.policy.channels, kind) for kind in SENT)

    def begin(self, asked: Asked) -> Asked:
        """Return what to ask instead: for the code by the first way, if the user has nothing else.

        What else he has needs no sending: a device, a list. The ways are there to be chosen.
        """
        if not self._request.first_factor or not (self._routes or self._may_have_own()):
            return asked
        return self._sent(asked, "")

    def offered(self, asked: Asked, typed: str | None = None) -> Asked:
        """Return what was asked, with the ways to be chosen, and send nothing.

        `typed` is an answer: where it is no word that is known, an address may have been added.
        """
        if not self._request.first_factor:
            return asked
        unknown = typed is not None and _is_word(typed) and not asked.wish(typed)
        if not self._looked and (unknown or (typed is None and self._may_have_own())):
            try:
                self._transact(lambda seen, _: (seen, None))
            except (OtpauthError, OSError):
                return asked
        return self._named(asked)

    def more(self, asked: Asked, word: str) -> Asked:
        """Return what to ask after a code was asked for by a word."""
        return self._sent(asked, word)

    def _may_have_own(self) -> bool:
        """Say whether the user may have an address of his own: it is listed, or nothing is yet."""
        if self._looked:
            return False
        listed = hostcopy.kinds(self._who, self._terms.host)
        return not listed or not listed.isdisjoint(SENT)

    def _words(self) -> dict[str, Route]:
        """Return the ways by the words that choose them: a name, or a kind for its first way.

        No address of a user's own takes a kind's word from the host's way.
        """
        words = {each.kind: each for each in reversed(self._routes)}
        named = {each.word: each for each in reversed(self._routes) if each.id}
        return {**words, **named, **{each.word: each for each in self._routes if not each.id}}

    def _named(self, asked: Asked) -> Asked:
        return asked._replace(ways=tuple(filter(_is_word, self._words())))

    def _sent(self, asked: Asked, word: str) -> Asked:
        """Send by the way of a word; without one by the first, to who has nothing else."""
        now = int(time.time())
        self._request = self._request._replace(now=now)
        self._terms = self._terms._replace(now=now)
        try:
            reserved = self._reserve(word, again=bool(word) and asked.by == word)
        except (OtpauthError, OSError) as error:
            return self._failed(self._named(asked), word, f"{type(error).__name__}")
        asked = self._named(asked)
        if reserved is None:
            return asked
        route = self._words()[word] if word else self._routes[0]
        to = f"by {route.kind} to {veiled(route.kind, route.to)}"
        if reserved.lasts:
            prompt = f"Code (the one sent {to} is still good; Enter sends another): "
            return asked._replace(prompt=prompt, by=route.word)
        if not reserved.code:
            return self._failed(asked, route.word, "too many were asked for")
        how = "sent"
        try:
            if reserved.send:
                self._deliver(route, reserved)
        except SendError as error:
            if error.lost:
                self._end(reserved.mark)
                return self._failed(asked, route.word, str(error))
            self._note(route, str(error))
            how = "perhaps sent"
        return asked._replace(prompt=f"Code ({how} {to}; Enter sends again): ", by=route.word)

    def _reserve(self, word: str, *, again: bool) -> Reserved | None:
        """Reserve a code, durably. None where the user has something else to begin with."""
        number = os.urandom(8).hex()

        def reserve(seen: Record, marks: Fingerprints) -> tuple[Record, Reserved | None]:
            rule = self._terms.rule
            usable = login.usable_tokens(seen, self._request, rule)
            if not word and any(each.kind in DAILY and each.kind not in SENT for each in usable):
                return seen, None
            way = self._words().get(word) if word else next(iter(self._routes), None)
            if way is None:
                return seen, None
            reserved = sent.reserve(
                seen, way, self._request, rule, marks=marks, number=number, again=again
            )
            return (reserved.record if reserved.send else seen), reserved

        return self._transact(reserve)

    def _transact(
        self, act: Callable[[Record, Fingerprints], tuple[Record, Reserved | None]]
    ) -> Reserved | None:
        """Do something in a transaction, to the record with all ways beside its tokens."""

        def whole(held: Record | None, marks: Fingerprints) -> store.Act:
            before = held or record.Record(self._who.name, self._who.uid)
            routes = (*self._host, *sent.own(before, self._terms.policy.channels))
            rule = self._terms.rule
            seen = sent.given(before, routes, self._request, marks, rule.group)
            self._routes = sent.usable(seen, routes, self._request, rule)
            after, reserved = act(seen, marks)
            return store.Act(sent.stripped(after, before), reserved, home=False)

        done = store.transact(self._who, self._terms, whole)
        attempt.log_adopted(self._request, done)
        if not done.recorded:
            raise OSError
        self._looked = True
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

    def _failed(self, asked: Asked, word: str, fault: str) -> Asked:
        """Say that no code comes by a way, and which others there are."""
        route = self._words().get(word) or next(iter(self._routes), None)
        if route is None:
            return asked
        self._note(route, fault)
        others = [each.word for each in self._routes if each != route and _is_word(each.word)]
        hint = f" Type {' or '.join(others)} for one by that, or" if others else ""
        prompt = f"No code could be sent by {route.kind}.{hint} Enter tries again. Code: "
        return asked._replace(prompt=prompt, by=route.word)

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


def _is_word(text: str) -> bool:
    """Say whether a text may choose a way: no code of digits does."""
    word = answer.word(text)
    return 0 < len(word) <= NAME_MAX and not answer.code(word).isdigit()
