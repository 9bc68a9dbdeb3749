"""What a person is told beside a verdict; login.py says to whom, and when."""

from __future__ import annotations

from otpauth import token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.kinds import Match
    from otpauth.policy import Rule
    from otpauth.state import State
    from otpauth.token import Token

AGAIN_WRONG = "Wrong code. Type the next one that the device shows: "


def next_code(match: Match) -> str:
    """Ask for the next code of the token whose code was used, and say when it comes."""
    return f"Next code (in {match.wait} s)" if match.wait else "Next code"


def skewed(off: int) -> str:
    """Ask for the next code of a skewed phone; say by how much only if it is slow.

    A code of the past is worth nothing. Of a code of the future a guesser would learn that it will
    be right, so it looks like any wrong one.
    """
    if off >= 0:
        return AGAIN_WRONG
    minutes = max(1, round(-off / 60))
    unit = "minute" if minutes == 1 else "minutes"
    return f"Wrong code, or the phone is {minutes} {unit} slow: type its next code too: "


def news(state: State, now: int) -> tuple[str, ...]:
    """Return lines for what its owner has not been told yet."""
    fresh = [n for n in sorted(state.notices) if state.told < n.second <= now]
    if not fresh:
        return ()
    from datetime import UTC, datetime

    lines = []
    for notice in fresh:
        day = f"{datetime.fromtimestamp(notice.second, UTC):%Y-%m-%d %H:%M} UTC"
        if notice.what == "refused":
            lines.append(f"otpauth: a change to '{notice.name}' was refused: {notice.reason}")
        elif notice.what == "wished":
            lines.append(
                f"otpauth: the limits of your logins were changed on {day}; "
                "not you? Tell your administrator"
            )
        else:
            lines.append(
                f"otpauth: token '{notice.name}' was {notice.what} on {day}; "
                "not you? Tell your administrator"
            )
    return tuple(lines)


def remaining(each: Token, used: int, rule: Rule) -> tuple[str, ...]:
    """Return the line that tells how many codes of a set are left."""
    if each.kind not in token.SETS:
        return ()
    total, rest = len(each.params["codes"]), token.left(each, used)
    if each.kind == "scratch":
        more = "; make new ones: otpauth codes" if rest < rule.warn_below else ""
        return (f"otpauth: {rest} of {total} scratch codes left{more}",)
    more = f"; print a new one: otpauth replace {each.name}" if rest < rule.list_warn_below else ""
    return (f"otpauth: {rest} of {total} passwords left on list '{each.name}'{more}",)
