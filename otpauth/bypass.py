"""The bypass: an administrator lets a user in without a code, for some hours and some logins.

For whoever lost the phone and the scratch codes. Only where another factor is vouched for, see
login.vouched; everybody else is asked as ever. At most one grant is in a record. It is never
deleted, only followed by one with the next number, so that an old copy of the record brings neither
an ended grant nor a used login back. A limit on wrong codes does not hold it up, or strangers could
keep its user out; and it forgives none of them. A use counts only in the host's copy: the home's is
its owner's to put back. Time is in Unix seconds.
"""

from __future__ import annotations

from otpauth.limits import CLOCK_SLACK
from otpauth.state import Bypass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.state import State

HOUR = 3600
HOURS, USES = 4, 2  # if not said otherwise
HOURS_MAX = 168
USES_MAX = 100


def granted(state: State, now: int, *, hours: int, uses: int) -> State:
    """Return the state with a new grant, in the place of the present one."""
    number = state.bypass.number + 1
    return state._replace(bypass=Bypass(number, now, now + hours * HOUR, uses, 0))


def ended(state: State) -> State:
    """Return the state with no login left of its grant."""
    return state._replace(bypass=state.bypass._replace(spent=state.bypass.uses))


def spent(state: State) -> State:
    """Return the state with one login less."""
    return state._replace(bypass=state.bypass._replace(spent=state.bypass.spent + 1))


def clear(state: State) -> tuple[int, int]:
    """Return what everybody may see who may read the file: until when, and how many are left."""
    grant = state.bypass
    rest = max(0, grant.uses - grant.spent)
    return (grant.until, rest) if rest else (0, 0)


def left(state: State, now: int) -> int:
    """Return how many logins are left now. A grant of the future is of a clock that was wrong."""
    grant = state.bypass
    if not grant.since - CLOCK_SLACK <= now < grant.until:
        return 0
    return clear(state)[1]


def mended(state: State, now: int) -> Bypass:
    """Return the grant, none for one of the future: that is for a new era."""
    return Bypass() if state.bypass.since > now + CLOCK_SLACK else state.bypass


def told(state: State, now: int) -> str:
    """Return until when, and how often: `until 14:00 UTC, 1 login left`."""
    return span(state.bypass.until, left(state, now), now)


def span(until: int, logins: int, now: int) -> str:
    """Return the same of an end and a number."""
    from datetime import UTC, datetime

    end, today = (datetime.fromtimestamp(each, UTC) for each in (until, now))
    day = "" if end.date() == today.date() else f"{end:%Y-%m-%d} "
    return f"until {day}{end:%H:%M} UTC, {logins} {'login' if logins == 1 else 'logins'} left"
