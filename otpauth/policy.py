"""The host's rule for a login and for setting up, and how each of its keys is spelt.

The same table serves otpauth.conf and PAM arguments, so a key means the same in both. Durations
are in seconds once read.
"""

from __future__ import annotations

import re

from otpauth import networks, oath, token
from otpauth.canonical import INTEGER_MAX
from otpauth.errors import ConfigError
from otpauth.value import NamedTuple
from otpauth.wishes import WINDOW_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from otpauth.channels import Channel
    from otpauth.groups import Group, Service

CHANGES = ("confirm", "trust", "admin")
LOGS = ("syslog", "off")
QRS = ("auto", "utf8", "ansi", "none")
TRUSTS = ("sha256", "md5")
RESYNC_MAX = 12 * 3600
GRACE_MAX = 90 * 86400  # seconds
WEEK = 7 * 86400  # seconds, the most of a session and of a lock
LOCK_MAX = 20  # wrong answers
LOGINS_MAX = 10_000
WHO_MAX = 256  # words
PROMPT_MAX = 200  # characters
NEVER, ALWAYS = 0, INTEGER_MAX  # of nullok, beside Unix seconds
DAY = 86400  # seconds
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Span(NamedTuple):
    """How long a session lives: seconds from its first login, seconds unused, logins in all.

    `timeout` 0: there are no sessions; `idle` 0: no bound; `logins` 0: no bound. `anywhere` says
    that the same code is good from every address.
    """

    timeout: int = 0
    idle: int = 0
    logins: int = 10
    anywhere: bool = False


class Rule(NamedTuple):
    """What holds for a login.

    `nullok` is until when users without any enrolment pass, in Unix seconds, NEVER or ALWAYS;
    `kinds` are the kinds accepted; `window` is in time steps; `rate_limit` is (wrong answers,
    seconds); `resync` is in seconds, 0 for off.
    `grace` is for how many seconds an accepted one-time code spares the next, 0 for off.
    Fewer scratch codes than `warn_below`, or list passwords than `list_warn_below`, are warned of.
    `after_password` says that a first factor was demanded before this line of the stack,
    `before_password` that one is demanded after it. `wished_window` and `wished_limit` are what
    its user demands besides, see wishes.effective.

    `who` are the words of those who are asked, `skip_from` the networks from which nobody is.
    `lock` is (distinct wrong answers, seconds for which nothing is accepted after the last of
    them), of 0 seconds until the administrator unlocks; (0, 0) for off. `session` is how long the
    same one-time code stays good, `logout` whether a session's logout password ends it.
    `client_secret` names the secret that a trusted client shares with the host, `trust` the hash
    that it sends. `group` is the access group, empty for none; `names` are all by which a token may
    be limited to this login; `family` are the other groups in which a session begins with one
    here. `ntlm` is whether responses of NTLM and MSCHAPv2 are accepted.
    """

    nullok: int = NEVER
    kinds: tuple[str, ...] = token.KINDS
    window: int = 3
    rate_limit: tuple[int, int] = (3, 30)
    resync: int = 600
    grace: int = 0
    warn_below: int = 3
    list_warn_below: int = 20
    prompt: str = "Verification code: "
    log: str = "syslog"
    after_password: bool = False
    before_password: bool = False
    wished_window: int = WINDOW_MAX
    wished_limit: tuple[int, int] = (0, 0)
    who: tuple[str, ...] = ("*",)
    skip_from: tuple[str, ...] = ()
    lock: tuple[int, int] = (0, 0)
    session: Span = Span()
    logout: bool = False
    client_secret: str = ""
    trust: str = "sha256"
    group: str = ""
    names: tuple[str, ...] = ()
    family: tuple[tuple[str, Span], ...] = ()
    ntlm: bool = False


class Setup(NamedTuple):
    """What holds for setting up: defaults for the tool, and who may change what.

    `changes`: confirm, a change needs a code of a present token or the administrator; trust,
    whoever writes the home may; admin, the administrator approves each. `totp` is (algorithm,
    digits, period in seconds). `scratch` is the number of scratch codes. `qr` is how a QR is drawn.
    """

    file: str = "~/.otpauth"
    changes: str = "confirm"
    kinds: tuple[str, ...] = token.KINDS
    totp: tuple[str, int, int] = ("SHA1", 6, 30)
    issuer: str = "{host}"
    account: str = "{user}"
    scratch: int = 10
    qr: str = "auto"


class Policy(NamedTuple):
    """A whole otpauth.conf. `places` says where each key that is not a default was set.

    `channels` are by name, which is the kind of code that they bring; `groups` are by name, and
    `services` in the order of the file.
    """

    setup: Setup = Setup()
    login: Rule = Rule()
    places: dict[str, str] = {}
    channels: dict[str, Channel] = {}
    groups: dict[str, Group] = {}
    services: tuple[Service, ...] = ()


def effective(found: Policy, service: str, rhost: str) -> Rule:
    """Return what holds for a PAM service asked from a remote host.

    What [service] says goes before its [group], and that before [login].
    """
    if not found.services and not found.groups:
        return found.login._replace(names=(service,))
    from otpauth import groups

    return groups.effective(found, service, rhost)


def anywhere(found: Policy) -> Rule:
    """Return the rule of [login] with all kinds of tokens that any section accepts.

    It is what an account's tokens are shown by, where no login is meant.
    """
    said = [each.keys for each in found.groups.values()] + [each.keys for each in found.services]
    more = [kind for keys in said for kind in keys.get("kinds", ())]
    return found.login._replace(kinds=tuple(dict.fromkeys((*found.login.kinds, *more))))


def of_records(found: Policy) -> Rule:
    """Return anywhere() without the kinds of users' own addresses to which no channel sends."""
    rule = anywhere(found)
    owned = {name for name, channel in found.channels.items() if channel.own}
    kinds = (each for each in rule.kinds if each not in token.SENT or each in owned)
    return rule._replace(kinds=tuple(kinds))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return as a hint which of the known words may be meant, or all of them."""
    from difflib import get_close_matches

    words = list(dict.fromkeys(known))
    near = get_close_matches(word, words, 1)
    return f"{near[0]} ?" if near else "known: " + " ".join(words[:NAMED_MAX] or ["none"])


def duration(text: str) -> int:
    """Read 30s, 5m, 12h or 90d as seconds."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not _is_number(number) or number == "0":
        raise ConfigError(f"{text!r} is not a duration", hint="like 30s, 5m, 12h or 90d")
    return int(number) * _UNITS[unit]


def _is_number(text: str) -> bool:
    """Say whether a text is a number of at most six digits, without zeros before it."""
    plain = text.isascii() and text.isdigit() and len(text) <= 6
    return plain and (text[0] != "0" or text == "0")


def _nullok(text: str) -> int:
    if text in ("yes", "no"):
        return ALWAYS if text == "yes" else NEVER
    found = re.fullmatch(r"until[ :](20[0-9]{2}-[0-9]{2}-[0-9]{2})", text)
    if not found:
        raise ConfigError(f"{text!r} is neither yes nor no", hint="or until 2027-01-31")
    from datetime import UTC, datetime

    try:
        begin = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError:
        raise ConfigError(f"{found[1]!r} is not a date") from None
    return int(begin.timestamp()) + DAY  # the end of that day


def _kinds(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        words = tuple(text.split())
        if words == ("*",):
            return known
        wrong = next((word for word in words if word not in known), None)
        if wrong is not None or not words:
            raise ConfigError(
                f"{wrong or text!r} is not a kind of token", hint="kinds: " + " ".join(known)
            )
        return words

    return read


def _count(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not _is_number(text) or not low <= int(text) <= high:
            raise ConfigError(f"{text!r} is not a number from {low} to {high}")
        return int(text)

    return read


def _rate(text: str) -> tuple[int, int]:
    number, slash, seconds = text.partition("/")
    if not slash:
        raise ConfigError(f"{text!r} is not a rate", hint="like 3/30s")
    return _count(1, 100)(number), duration(seconds)


def _resync(text: str) -> int:
    if text in ("yes", "no"):
        return Rule().resync if text == "yes" else 0
    seconds = duration(text)
    if seconds > RESYNC_MAX:
        raise ConfigError(f"{text!r} is longer than 12h")
    return seconds


def _grace(text: str) -> int:
    seconds = 0 if text == "off" else duration(text)
    if seconds > GRACE_MAX:
        raise ConfigError(f"{text!r} is longer than 90d")
    return seconds


def _lock(text: str) -> tuple[int, int]:
    if text == "off":
        return 0, 0
    number, slash, span = text.partition("/")
    if not slash:
        raise ConfigError(f"{text!r} is not a lock", hint="off, or like 5/1h or 5/admin")
    seconds = 0 if span == "admin" else duration(span)
    if seconds > WEEK:
        raise ConfigError(f"{span!r} is longer than 7d", hint="until you unlock it: 5/admin")
    return _count(1, LOCK_MAX)(number), seconds


def _session(text: str) -> Span:
    if text == "off":
        return Span()
    first, *words = text.split() or [""]
    if not first[:1].isdecimal():
        mend = "off, or like 10h idle=1h logins=12"
        raise ConfigError(f"{first!r} does not say for how long", hint=mend)
    said: dict[str, Any] = {"timeout": duration(first)}
    for word in words:
        key, _, value = word.partition("=")
        if key not in _SESSION:
            raise ConfigError(f"{word!r} is not of a session", hint="like 10h idle=1h logins=12")
        field, read = _SESSION[key]
        if field in said:
            raise ConfigError(f"{key} is there twice")
        said[field] = read(value)
    span = Span(**said)
    if max(span.timeout, span.idle) > WEEK:
        raise ConfigError(f"{text!r} is longer than 7d")
    if span.idle > span.timeout:
        raise ConfigError("idle is longer than the session", hint="a shorter one, or none")
    return span


def who(text: str) -> tuple[str, ...]:
    """Read whom something is for: *, names, %groups, and with ! in front those it is not for."""
    words = tuple(text.split())
    wrong = next((each for each in words if not re.fullmatch(r"!?(\*|%?[^*%!=\s]+)", each)), None)
    if wrong or not words:
        raise ConfigError(f"{wrong or text!r} is no user", hint="* or names, %groups, !not")
    if len(words) > WHO_MAX:
        raise ConfigError(f"there are {len(words)} words", hint=f"{WHO_MAX} at most: use a %group")
    return words


def _asked(text: str) -> tuple[str, ...]:
    words = who(text)
    if all(each.startswith("!") for each in words):
        raise ConfigError(f"{text!r} means nobody", hint=f"* {text}")
    return words


def yes(text: str) -> bool:
    """Read yes or no."""
    return one_of("yes", "no")(text) == "yes"


def _prompt(text: str) -> str:
    if not text or len(text) > PROMPT_MAX or not text.isprintable():
        raise ConfigError(f"a prompt is 1 to {PROMPT_MAX} printable characters")
    return text.rstrip() + " "


def one_of(*words: str) -> Callable[[str], str]:
    """Return a reader of one of these words. It raises ConfigError for any other."""

    def read(text: str) -> str:
        if text not in words:
            raise ConfigError(f"{text!r} is none of: {' '.join(words)}")
        return text

    return read


def _totp(text: str) -> tuple[str, int, int]:
    words = text.split()
    if len(words) != 3 or words[0] not in oath.ALGORITHMS:
        raise ConfigError(f"{text!r} is not an algorithm, digits and period", hint="SHA1 6 30s")
    digits = _count(oath.DIGITS[0], oath.DIGITS[-1])(words[1])
    period = duration(words[2])
    if not oath.PERIOD_MIN <= period <= oath.PERIOD_MAX:
        raise ConfigError(f"{words[2]!r} is not a period from 5s to 5m")
    return words[0], digits, period


def _file(text: str) -> str:
    if not re.fullmatch(r"~/[^/\0]+(/[^/\0]+)*", text) or "/../" in text + "/":
        raise ConfigError(f"{text!r} is not a path under the home", hint="like ~/.otpauth")
    return text


def _template(text: str) -> str:
    rest = text.replace("{host}", "").replace("{user}", "")
    if not text.isprintable() or not 0 < len(text) <= 64 or set(rest) & set("{}:"):
        raise ConfigError(f"{text!r} is not a label", hint="text with {host} and {user}")
    return text


NAMED_MAX = 40  # words that a hint names
_SESSION: dict[str, tuple[str, Callable[[str], Any]]] = {
    "idle": ("idle", duration),
    "logins": ("logins", _count(0, LOGINS_MAX)),
    "from": ("anywhere", lambda text: one_of("any")(text) == "any"),
}
RULE_KEYS: dict[str, Callable[[str], Any]] = {
    "nullok": _nullok,
    "kinds": _kinds(token.KINDS),
    "window": _count(1, WINDOW_MAX),
    "rate_limit": _rate,
    "resync": _resync,
    "grace": _grace,
    "warn_below": _count(0, token.SCRATCH_MAX),
    "list_warn_below": _count(0, token.LIST_MAX),
    "prompt": _prompt,
    "log": one_of(*LOGS),
    "who": _asked,
    "skip_from": networks.read,
    "lock": _lock,
    "session": _session,
    "logout": yes,
    "ntlm": yes,
}
SETUP_KEYS: dict[str, Callable[[str], Any]] = {
    "file": _file,
    "changes": one_of(*CHANGES),
    "kinds": _kinds(token.KINDS),
    "totp": _totp,
    "issuer": _template,
    "account": _template,
    "scratch": _count(0, token.SCRATCH_MAX),
    "qr": one_of(*QRS),
}
