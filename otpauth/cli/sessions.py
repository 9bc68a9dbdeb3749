"""otpauth-admin sessions: codes that are still good somewhere, whose they are, and to end them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from otpauth import account, limits, sessions
from otpauth.changes import Change
from otpauth.cli import accounts, report, roster
from otpauth.errors import NotEnrolledError, UsageError
from otpauth.host import Host

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from otpauth.state import Session

HEAD = (
    *("ID", "USER", "TOKEN", "GROUP", "SERVICE", "ADDRESS"),
    *("SINCE", "LAST", "USES", "UNTIL", "UNUSED UNTIL"),
)


class Row(NamedTuple):
    """A session that lasts: its mark, whose it is, and the name of the token that began it."""

    mark: str
    user: str
    token: str
    session: Session


def show(options: argparse.Namespace) -> int:
    """Print the sessions that last, or end some of them."""
    if options.json and (options.end or options.all):
        raise UsageError("--json shows sessions; --end and --all end them")
    found = list(_lasting(options.user))
    if options.end:
        found = [each for each in found if each.mark == options.end]
        if not found:
            raise NotEnrolledError(
                f"no session {options.end!r}", hint=f"{accounts.PROGRAM} sessions"
            )
    if options.json:
        report.as_json([_value(each) for each in found])
    elif not found:
        print("no sessions")
    elif options.end or options.all:
        _end(found, everything=options.all)
    else:
        report.table(HEAD, [_cells(each) for each in found])
    return report.DONE


def _lasting(user: str | None) -> Iterator[Row]:
    """Give the sessions of a user, or of all who have a record here."""
    host, now = Host(), int(time.time())
    ground = roster.Ground(host, host.record_key(), host.policy().login, now)
    names = [account.lookup(user).name] if user else roster.names(host)
    for name in names:
        one = roster.entry(name, ground)
        held = one.held
        if held is None or accounts.gone(name):
            if one.state.startswith("damaged"):
                report.say(accounts.PROGRAM, "warning", f"{name}: {one.state}")
            continue
        state = limits.prune(held.state, now)
        for mark, session in sorted(state.sessions.items(), key=_order):
            token = held.tokens.get(session.token)
            known = token.name if token else sessions.SENT
            ended = session.token in state.removed or (token and not token.live(now))
            if not ended and sessions.worth(state, session, now) != sessions.OVER:
                yield Row(mark, held.user, known, session)


def _order(item: tuple[str, Session]) -> tuple[int, str, str]:
    session = item[1]
    return session.since, session.group, session.service


def _end(found: list[Row], *, everything: bool) -> None:
    """End sessions: those that are found, or all there are of their users."""
    for user in dict.fromkeys(each.user for each in found):
        marks = [each.mark for each in found if each.user == user]
        one = accounts.target(user)
        if everything:
            one.submit("logout", "sessions", Change(ended=int(time.time())))
        else:
            one.transact(
                lambda held, _, marks=marks: held._replace(  # type: ignore[misc]
                    state=sessions.without(held.state, marks)
                )
            )
        for mark in marks:
            print(f"{mark}  {user}: ended")


def _value(row: Row) -> dict[str, Any]:
    """Return a session for JSON. Times are Unix seconds, null for no bound."""
    session = row.session
    return {
        "id": row.mark,
        "user": row.user,
        "token": row.token,
        "group": session.group,
        "service": session.service,
        "address": session.address,
        "since": session.since,
        "last": session.last,
        "uses": session.uses,
        "logins": session.logins or None,
        "until": session.until,
        "unused_until": session.last + session.idle if session.idle else None,
    }


def _cells(row: Row) -> tuple[str, ...]:
    session = row.session
    uses = f"{session.uses} of {session.logins}" if session.logins else str(session.uses)
    unused = report.moment(session.last + session.idle) if session.idle else "-"
    return (
        row.mark,
        row.user,
        row.token,
        session.group or "-",
        session.service,
        session.address,
        report.moment(session.since),
        report.moment(session.last),
        uses,
        report.moment(session.until),
        unused,
    )
