"""What a user wishes for his own logins, beside the host's rule: narrower, never wider.

google-authenticator lets its user choose window and rate limit. Here the host's rule holds, and a
wish is kept to where it asks for more safety than the rule. What it asks beyond that, a wider
window, no limit, codes that work twice, is kept, shown, and has no effect.
"""

from __future__ import annotations

from otpauth import canonical
from otpauth.errors import FormatError
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from otpauth.policy import Rule

WINDOW_MAX = 21  # codes, google-authenticator's bound
TRIES_MAX = 100
CUT = "; wished "
SECONDS_MAX = 3600  # what google-authenticator reads in a file; its tool writes 600 at most


class Wishes(NamedTuple):
    """The wishes of one account.

    `window` is in codes, 0 for no wish; `rate_limit` is (wrong answers, seconds), zeros for no
    wish; `unlimited` asks for no limit at all, `reuse` for codes that work twice. `set` is when
    they were made, in Unix seconds.
    """

    window: int = 0
    rate_limit: tuple[int, int] = (0, 0)
    unlimited: bool = False
    reuse: bool = False
    set: int = 0


NONE = Wishes()


def value(wishes: Wishes) -> dict[str, Any]:
    """Return wishes as a value for canonical JSON."""
    return {**wishes._asdict(), "rate_limit": list(wishes.rate_limit)}


def read(item: Any) -> Wishes:
    """Read wishes from decoded JSON. Raises FormatError."""
    got = canonical.fields(item, Wishes._fields)
    pair = canonical.array(got["rate_limit"], most=2)
    if len(pair) != 2:
        raise FormatError("sealed data has a rate limit that is none")
    return checked(
        Wishes(
            window=canonical.integer(got["window"]),
            rate_limit=(canonical.integer(pair[0]), canonical.integer(pair[1])),
            unlimited=canonical.boolean(got["unlimited"]),
            reuse=canonical.boolean(got["reuse"]),
            set=canonical.integer(got["set"]),
        )
    )


def checked(wishes: Wishes) -> Wishes:
    """Return wishes, or raise FormatError if one is out of range or against another."""
    tries, seconds = wishes.rate_limit
    canonical.integer(wishes.window, 0, WINDOW_MAX)
    canonical.integer(tries, 0, TRIES_MAX)
    canonical.integer(seconds, 0, SECONDS_MAX)
    if bool(tries) != bool(seconds) or (tries and wishes.unlimited):
        raise FormatError("sealed data has a rate limit that is none")
    return wishes


def join(one: Wishes, two: Wishes) -> Wishes:
    """Return the wishes that were made last; of those of one second, the greater."""
    return max(one, two, key=lambda each: (each.set, each))


def effective(rule: Rule, wishes: Wishes) -> Rule:
    """Return the rule as it holds for a user with these wishes: never laxer than the host's.

    The window is the narrower one. Both rate limits hold, so none of them is compared with the
    other.
    """
    window = wishes.window or WINDOW_MAX
    return rule._replace(
        window=min(rule.window, window), wished_window=window, wished_limit=wishes.rate_limit
    )


def told(rule: Rule, wishes: Wishes) -> list[str]:
    """Return a line for each wish: what is in force and, behind CUT, what was wished instead."""
    lines = []
    if wishes.window > rule.window:
        lines.append(f"window {rule.window}, the host's rule{CUT}{wishes.window}")
    elif wishes.window:
        lines.append(f"window {wishes.window}")
    if wishes.rate_limit[0] or wishes.unlimited:
        lines.append(f"rate_limit {_limit(rule, wishes)}")
    if wishes.reuse:
        lines.append(f"each code works once{CUT}reuse")
    return lines


def cut(rule: Rule, wishes: Wishes) -> list[str]:
    """Return a line for each wish that the host's rule cuts short."""
    return [f"in force is {line}" for line in told(rule, wishes) if CUT in line]


def _limit(rule: Rule, wishes: Wishes) -> str:
    host = "{}/{}s".format(*rule.rate_limit)
    own = "{}/{}s".format(*wishes.rate_limit)
    tries, seconds = wishes.rate_limit
    most, span = rule.rate_limit
    if wishes.unlimited:
        return f"{host}, the host's rule{CUT}none"
    if tries <= most and seconds >= span:
        return own
    if tries >= most and seconds <= span:
        return f"{host}, the host's rule{CUT}{own}"
    return f"{own}, and the host's {host}"
