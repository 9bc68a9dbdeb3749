"""One answer, from the transaction to the log line: what PAM, pam_exec and `verify` share."""

from __future__ import annotations

import contextlib
import os
import time

from otpauth import answer, grace, hostcopy, log, login, record, secretfile, store, token
from otpauth.account import is_meant
from otpauth.errors import (
    BusyError,
    ConfigError,
    FormatError,
    GuardError,
    HostKeyError,
    RecordError,
)
from otpauth.login import Asked, Outcome
from otpauth.networks import within
from otpauth.policy import ALWAYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from otpauth.account import Account
    from otpauth.arguments import Line
    from otpauth.challenge import Challenge
    from otpauth.login import Request, Typed
    from otpauth.policy import Rule
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from otpauth.store import Done, Terms

    # Told, with each decision: the record that was decided by, what was typed and asked, the keyed
    # hashes, and the outcome with its record. For `verify --explain`; not in a login.
    Watch = Callable[[Record | None, Typed, Asked, Fingerprints, Outcome], None]

DEADLINE = 0.25  # seconds after the answer at which every refusal is given
DAY = 86400

_FAULTS: tuple[tuple[type[Exception], str, str], ...] = (
    (BusyError, login.REFUSE, login.BUSY),
    (GuardError, login.REFUSE, login.UNSAFE_PROCESS),
    (HostKeyError, login.UNAVAILABLE, login.KEY_MISSING),
    (RecordError, login.REFUSE, login.RECORD_UNREADABLE),
    (FormatError, login.REFUSE, login.RECORD_UNREADABLE),
    (ConfigError, login.UNAVAILABLE, login.CONFIG_BROKEN),
    (OSError, login.REFUSE, login.INTERNAL),
)
FAULTS = tuple(kind for kind, _, _ in _FAULTS)  # what a transaction may raise


class _Ways:
    """The ways by which codes are sent to an account, put beside its tokens for one decision."""

    def __init__(self, account: Account, terms: Terms) -> None:
        self._blank = record.Record(account.name, account.uid)
        self._routes = store.routes_of(account, terms)
        self._channels = terms.policy.channels
        self._group = terms.rule.group

    def given(self, held: Record | None, request: Request, marks: Fingerprints) -> Record | None:
        """Return the record to decide by."""
        tokens = held.tokens.values() if held and self._channels else ()
        if not self._routes and not any(each.kind in token.SENT for each in tokens):
            return held
        from otpauth.kinds import sent

        before = held or self._blank
        routes = (*self._routes, *sent.own(before, self._channels))
        return sent.given(before, routes, request, marks, self._group)

    def stripped(self, after: Record | None, held: Record | None) -> Record:
        """Return the record to write."""
        before = held or self._blank
        if after is None or after.tokens == before.tokens:
            return after or before
        from otpauth.kinds import sent

        return sent.stripped(after, before)


def attempt(
    account: Account,
    request: Request,
    typed: Typed,
    terms: Terms,
    asked: Asked = login.UNASKED,
    *,
    watch: Watch | None = None,
) -> Outcome:
    """Decide one answer, make the result durable, log it. Never raises for what may go wrong."""
    if asked.numbers is None and not _may_name(account, typed, terms):
        asked = asked._replace(numbers={})
    ways = _Ways(account, terms)
    try:
        typed = _understood(typed, terms)

        def act(held: Record | None, marks: Fingerprints) -> store.Act:
            chance = login.Chance(marks, os.urandom(8).hex())
            seen = ways.given(held, request, marks)
            outcome = login.decide(seen, request, typed, terms.rule, chance=chance, asked=asked)
            if watch:
                watch(seen, typed, asked, marks, outcome)
            after = ways.stripped(outcome.record, held)
            return store.Act(after, outcome, home=_for_home(outcome, held, after))

        done = store.transact(account, terms, act)
    except FAULTS as error:
        return faulty(request, terms, error)
    outcome: Outcome = done.value
    if outcome.verdict == login.ACCEPT and not done.recorded:
        outcome = Outcome(login.REFUSE, login.NOT_RECORDED)
    elif request.first_factor:
        outcome = outcome._replace(say=(*_waiting(done), *outcome.say))
    _log(request, terms, outcome, done)
    return outcome._replace(record=None)


@contextlib.contextmanager
def asking(account: Account | None, request: Request, terms: Terms, prompt: str) -> Iterator[Asked]:
    """Give what to ask, and hold what is reserved for it until the login's end. Never raises.

    That is `prompt`, without looking at anything but who it is, unless the person's first factor
    is known and the host's copy of his record lists a kind that is asked for in a way of its own.
    """
    wanted = request.first_factor and {*token.ASKED}.intersection(terms.rule.kinds)
    if account is None or not wanted or not wanted & hostcopy.kinds(account, terms.host):
        yield Asked(prompt)
        return
    from otpauth import numbers

    challenge = _challenge(account, request, terms, prompt)
    with numbers.holder(terms.host.asked_of(account.name)) as own:
        yield challenge.asked({each.id: own.first(each.numbers) for each in challenge.papers})


def _challenge(account: Account, request: Request, terms: Terms, prompt: str) -> Challenge:
    """Find what to ask in a transaction of its own; after a fault no list password counts."""
    from otpauth import challenge

    def act(held: Record | None, _: Fingerprints) -> store.Act:
        found = challenge.challenge(held, request, terms.rule, prompt)
        return store.Act(held or record.Record(account.name, account.uid), found, home=False)

    try:
        done = store.transact(account, terms, act)
    except FAULTS:
        return challenge.Challenge(prompt)
    log_adopted(request, done)
    found: Challenge = done.value
    return found if done.recorded else challenge.Challenge(prompt)


def _understood(typed: Typed, terms: Terms) -> Typed:
    """Return an answer as it is compared: one that a trusted client made of a code is known as it.

    Raises ConfigError without that client's secret.
    """
    if not terms.rule.client_secret:
        return typed
    from otpauth import trust

    text = trust.handed_on(typed, terms.rule)
    return (trust.candidate(text, terms.rule, terms.host.secrets()),) if text else typed


def _may_name(account: Account, typed: Typed, terms: Terms) -> bool:
    """Say whether a list password that nobody asked for may count: its number is asked nowhere."""
    named = answer.numbered(typed) if isinstance(typed, str) else None
    if named is None:
        return False
    from otpauth import numbers

    return numbers.free(terms.host.asked_of(account.name), named[0])


def spared(account: Account, request: Request, terms: Terms) -> Outcome | None:
    """Return the outcome of a login that grace period or bypass spare a code, logged.

    None for all others, and for what goes wrong: the prompt follows, and its outcome says it.
    Never raises.
    """
    if not _may_be_spared(account, request, terms):
        return None
    ways = _Ways(account, terms)

    def act(held: Record | None, marks: Fingerprints) -> store.Act:
        seen = ways.given(held, request, marks)
        outcome = login.spared(seen, request, terms.rule, marks=marks)
        after = ways.stripped(outcome and outcome.record, held)
        home = bool(outcome and outcome.reason == login.OK_BYPASS and after.enrolled)
        return store.Act(after, outcome, home=home)

    try:
        done = store.transact(account, terms, act)
    except FAULTS:
        return None
    outcome: Outcome | None = done.value
    enough = done.recorded if outcome and outcome.reason == login.OK_GRACE else done.on_host
    if outcome is None or not enough:
        log_adopted(request, done)
        return None
    if request.first_factor:
        outcome = outcome._replace(say=(*_waiting(done), *outcome.say))
    _log(request, terms, outcome, done)
    return outcome._replace(record=None)


def _may_be_spared(account: Account, request: Request, terms: Terms) -> bool:
    """Say whether a transaction before the prompt is worth while: most logins have none."""
    if not login.vouched(request, terms.rule):
        return False
    if grace.may_hold(request, terms.rule):
        return True
    return hostcopy.hints_at_bypass(account, terms.host, request.now)


def _for_home(outcome: Outcome, held: Record | None, after: Record) -> bool:
    """Say whether the home's copy is to be written, too: for app passwords once a day.

    For a session's logins never: the host's copy counts them. That sessions are over is in both.
    """
    if not after.enrolled or outcome.reason == login.OK_SESSION:
        return False
    if outcome.reason != login.OK_STATIC:
        return outcome.verdict == login.ACCEPT or outcome.reason == login.SESSION_LOGOUT
    before = held.state.last if held else {}
    return any(at - before.get(ident, 0) >= DAY for ident, at in after.state.last.items())


def passing(account: Account, request: Request, terms: Terms) -> Outcome | None:
    """Return the outcome of a user whom the host's rule lets pass, logged; None for all others.

    That takes another factor. Never raises.
    """
    if not login.vouched(request, terms.rule):
        return None
    if exempt(account, request.rhost, terms.rule):
        outcome = Outcome(login.IGNORE, login.OK_NOT_ASKED)
        note(request, outcome, terms.rule.log)
        return outcome
    return _unenrolled(account, request, terms)


def exempt(account: Account, rhost: str, rule: Rule) -> str:
    """Return the key by which a user is asked for no code from somewhere; empty if he is asked."""
    if within(rule.skip_from, rhost):
        return "skip_from"
    return "" if rule.who == ("*",) or is_meant(account, rule.who, in_doubt=True) else "who"


def _unenrolled(account: Account, request: Request, terms: Terms) -> Outcome | None:
    """Return the outcome of a user whom nullok lets pass: he certainly has nothing here, in time.

    None for all others.
    """
    rule = terms.rule
    if request.now >= rule.nullok:
        return None
    try:
        if not store.unenrolled(account, terms):
            return None
    except (GuardError, HostKeyError, RecordError):
        return None
    say = (_deadline(rule.nullok),) if request.first_factor and rule.nullok != ALWAYS else ()
    outcome = Outcome(login.IGNORE, login.OK_NULLOK, say=say)
    note(request, outcome, rule.log)
    return outcome


def rehearse(
    account: Account,
    request: Request,
    typed: Typed,
    terms: Terms,
    *,
    watch: Watch | None = None,
) -> Outcome:
    """Decide one answer as attempt() would, but write, burn, count and log nothing."""
    asked = login.UNASKED if _may_name(account, typed, terms) else login.Asked(numbers={})
    try:
        chance = login.Chance(store.fingerprints(terms.host), os.urandom(8).hex())
        held, _ = store.peek(account, terms)
        seen = _Ways(account, terms).given(held, request, chance.marks)
        typed = _understood(typed, terms)
        outcome = login.decide(seen, request, typed, terms.rule, chance=chance, asked=asked)
    except FAULTS as error:
        verdict, reason = _mapped(error)
        return Outcome(verdict, reason)
    if watch:
        watch(seen, typed, asked, chance.marks, outcome)
    return outcome._replace(record=None)


def faulty(request: Request, terms: Terms, error: Exception) -> Outcome:
    """Return the outcome of one of FAULTS, logged."""
    verdict, reason = _mapped(error)
    outcome = Outcome(verdict, reason)
    note(request, outcome, terms.rule.log, fault=str(error))
    return outcome


def hold_back(since: float, seconds: float = DEADLINE) -> None:
    """Sleep until so long after `since`, in time.monotonic's seconds: refusals look alike."""
    time.sleep(max(0.0, since + seconds - time.monotonic()))


def note(request: Request, outcome: Outcome, log_to: str = "syslog", **more: object) -> None:
    """Write the one line of a decision to the log."""
    if log_to == "off":
        return
    text = log.line(
        user=request.user,
        service=request.service,
        rhost=request.rhost,
        verdict=outcome.verdict,
        reason=outcome.reason,
        token=outcome.token,
        first_factor=request.first_factor,
        **more,
    )
    bad = outcome.verdict not in (login.ACCEPT, login.IGNORE)
    log.send(text, warning=bad or outcome.reason == login.OK_BYPASS)


def describe(request: Request, line: Line, terms: Terms) -> None:
    """Log, if the line says debug, what a login goes by; never what is typed."""
    if not line.debug or line.rule.log == "off":
        return
    text = log.line(
        user=request.user,
        service=request.service,
        debug="login",
        place=request.place,
        tty=request.tty,
        first_factor=request.first_factor,
        file=terms.place.path if terms.place else "",
        opened_as=terms.place.owner.name if terms.place else "",
        first_pass=line.first_pass,
        forward=line.forward,
        **line.rule._asdict(),
    )
    log.send(text)


def _mapped(error: Exception) -> tuple[str, str]:
    return next((verdict, reason) for kind, verdict, reason in _FAULTS if isinstance(error, kind))


def _waiting(done: Done) -> tuple[str, ...]:
    """Tell the owner of proposals that wait."""
    names = [name for _, _, name, result in done.adopted if result == secretfile.PENDING]
    return tuple(
        f"otpauth: the change to '{name}' waits for your administrator, or for a code of a token "
        "you have: run otpauth again"
        for name in names
    )


def _deadline(until: int) -> str:
    """Tell who has not enrolled from when on he must have."""
    day = time.strftime("%Y-%m-%d", time.gmtime(until))
    return f"otpauth: from {day} on (UTC) this host asks for a code; enrol now: otpauth"


def _log(request: Request, terms: Terms, outcome: Outcome, done: Done) -> None:
    note(request, outcome, terms.rule.log)
    log_adopted(request, done)
    if done.home_fault and _first_today(done, request.now):
        log.send(log.line(user=request.user, home=done.home_fault), warning=True)


def log_adopted(request: Request, done: Done) -> None:
    """Write a line for each change that a transaction dealt with."""
    for digest, verb, name, result in done.adopted:
        text = log.line(user=request.user, proposal=digest, verb=verb, name=name, result=result)
        log.send(text, warning=result != secretfile.ADOPTED)


def _first_today(done: Done, now: int) -> bool:
    """Say whether this is the first accepted login in a day: a home's fault is logged once."""
    held = done.value.record
    earlier = held.outcomes[:-1] if held else ()
    return not any(row.reason in _ACCEPTED and row.second > now - DAY for row in earlier)


_ACCEPTED = (
    login.OK_OTP, login.OK_TRUST, login.OK_SCRATCH, login.OK_STATIC, login.OK_SESSION,
    login.OK_GRACE, login.OK_BYPASS,
)  # fmt: skip
