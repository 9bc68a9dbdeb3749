"""How often an answer may be wrong: buckets by place, back-off, and the owner's way in.

A place is where a login comes from. One that logged in with a one-time code in the last 90 days is
known and has a bucket of its own. All others share the strangers' bucket: whoever has many
addresses gets no more tries, and his failures do not shut out a known place. Time is in Unix
seconds.

In a bucket: `rate_limit` (3 in 30 s) and what its user wishes besides, after 10 wrong answers in an
hour one try in 5 minutes, after 50 in a week one an hour. A known place's next accepted code
forgives it the first two, but not the week's count: somebody who guesses from its owner's own
address gets no more than others. A scratch code of 40 bits is compared even then, once a second
and place. SECURITY.md computes what a guesser gets.
"""

from __future__ import annotations

from otpauth.policy import GRACE_MAX
from otpauth.state import LOCKS_MAX, STRANGERS, TRIES_MAX, Event, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from otpauth.policy import Rule

KNOWN_LIFE = 90 * 86400
HOUR, DAY, WEEK = 3600, 86400, 7 * 86400
DUE_LIFE = 900  # seconds; no channel has codes of a longer life
BACKOFF = ((10, HOUR, 300), (50, WEEK, HOUR))  # wrong answers, within, then one try per; seconds
REPEAT_LIFE = 60  # the same wrong answer again within this is not charged twice
CLOCK_SLACK = 120  # what is dated later than this from now is ignored
PROPOSALS = "proposals"  # the bucket of proofs inside proposals


def place(rhost: str, caller: int) -> str:
    """Return the place of a login: an IPv4 address, an IPv6 /64, or the local caller's uid."""
    if not rhost:
        return f"local:{caller}"
    found = _literal(rhost)
    if found is None:
        return "name"
    if found.version == 4:
        return str(found)
    import ipaddress

    return str(ipaddress.ip_network((found, 64), strict=False))


def address(rhost: str, *, loopback: bool = False) -> str:
    """Return the address that a remote host's text is, empty for names; for loopback, if allowed.

    What this host's own proxies ask for comes from a loopback address, whoever it is for.
    """
    found = _literal(rhost)
    if found is None or found.is_unspecified or (found.is_loopback and not loopback):
        return ""
    return str(found)


def _literal(rhost: str) -> IPv4Address | IPv6Address | None:
    import ipaddress

    try:
        found = ipaddress.ip_address(rhost.partition("%")[0] if ":" in rhost else rhost)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return mapped or found


def may_be_known(where: str) -> bool:
    """Say whether a place tells people apart: not names, loopback, or root's own processes."""
    return where not in ("name", "local:0", "::/64") and not where.startswith("127.")


def prune(state: State, now: int) -> State:
    """Drop what has no effect any more, and what is dated in the future."""
    late = now + CLOCK_SLACK
    known = {
        where: second for where, second in state.known.items() if now - KNOWN_LIFE < second <= late
    }
    return state._replace(
        known=known,
        events=frozenset(event for event in state.events if now - WEEK < event.second <= late),
        wrong={
            mark: second
            for mark, second in state.wrong.items()
            if now - REPEAT_LIFE < second <= late
        },
        tries={where: second for where, second in state.tries.items() if now <= second <= late},
        graces={
            mark: second
            for mark, second in state.graces.items()
            if now - GRACE_MAX < second <= late
        },
        due={mark: due for mark, due in state.due.items() if now - DUE_LIFE < due.second <= late},
        sends=frozenset(event for event in state.sends if now - DAY < event.second <= late),
        fails={mark: second for mark, second in state.fails.items() if second <= late},
        locked={group: pair for group, pair in state.locked.items() if pair[0] <= late},
        cleared={group: second for group, second in state.cleared.items() if second <= late},
        sessions={
            mark: session
            for mark, session in state.sessions.items()
            if now - WEEK < session.until and session.since <= late
        },
    )


def bucket(state: State, where: str) -> str:
    """Return the bucket that a place is charged to."""
    return where if where in state.known else STRANGERS


def wait(state: State, name: str, rule: Rule, now: int) -> int:
    """Return for how many seconds no answer charged to this bucket will be compared, 0 for none."""
    every = sorted(event.second for event in state.events if event.bucket == name)
    unforgiven = [second for second in every if second >= state.known.get(name, 0)]
    waits = [
        unforgiven[-most] + span - now
        for most, span in (rule.rate_limit, rule.wished_limit)
        if 0 < most <= len(unforgiven)
    ]
    for number, within, pause in BACKOFF:
        counted = unforgiven if within < WEEK else every
        if sum(now - within < second for second in counted) >= number:
            waits.append(counted[-1] + pause - now)
    return max([0, *waits])


def locked(state: State, where: str, rule: Rule, now: int) -> bool:
    """Say whether a login from a place is refused, whatever the answer is: see failures.py."""
    if not rule.lock[0] or bucket(state, where) != STRANGERS:
        return False
    from otpauth import failures

    found = failures.locked(state, now)
    return rule.group in found or len(found) >= LOCKS_MAX  # a further one would open the oldest


def charge(state: State, name: str, mark: str, *, now: int, ident: str) -> State:
    """Count one wrong answer, unless it is the repetition of one within a minute.

    `mark` is the answer's keyed hash, `ident` 64 random bits in hex.
    """
    if mark in state.wrong:
        return state
    return state._replace(
        events=state.events | {Event(now, ident, name)},
        wrong={**state.wrong, mark: now},
    )


def accepted(state: State, where: str, now: int) -> State:
    """Make a place known after an accepted one-time code; its own failures are forgiven."""
    if not may_be_known(where):
        return state
    return state._replace(known={**state.known, where: now})


def scratch_open(state: State, where: str) -> bool:
    """Say whether a scratch code from this place may be compared in this second.

    Once a place; in all TRIES_MAX places, so that strangers with many cannot crowd out known ones.
    """
    crowded = len(state.tries) >= TRIES_MAX and where not in state.known
    return where not in state.tries and not crowded


def scratch_tried(state: State, where: str, now: int) -> State:
    """Note that a scratch code from this place was compared in this second."""
    return state._replace(tries={**state.tries, where: now})
