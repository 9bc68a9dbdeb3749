"""The login decision: pure, whole, and meant to be read in one sitting.

`decide` takes the record, what is asked for and what was answered, and returns an Outcome: a
verdict with its reason, the record as it must be written before anybody acts on the verdict, and
what the person is told. Clock, random bits and keys are arguments.

The order is fixed: enrolment, limits, comparison with every token that the answer's shape fits,
then one consequence. A wrong answer is charged only if it was compared. A password with a code at
its end holds several candidates: the first that is right wins, and together they are one answer.
"""

from __future__ import annotations

from otpauth import answer, bypass, grace, kinds, limits, record, token, wishes
from otpauth.kinds import ACCEPTED, CLOCK, SKEWED, USED, WRONG, Match
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.answer import Candidate
    from otpauth.policy import Rule
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from otpauth.state import State
    from otpauth.token import Token

    Typed = str | tuple[Candidate, ...] | None  # one code and nothing else, or candidates

# Verdicts.
ACCEPT = "accept"
REFUSE = "refuse"
IGNORE = "ignore"
UNAVAILABLE = "unavailable"

# Reasons: one for each way a login can end. Logs, `verify`, `show` and the tests share them.
OK_OTP = "AUTH_OK_OTP"
OK_SCRATCH = "AUTH_OK_SCRATCH"
OK_STATIC = "AUTH_OK_STATIC"
OK_GRACE = "AUTH_OK_GRACE"
OK_BYPASS = "AUTH_OK_BYPASS"
OK_NULLOK = "AUTH_OK_NULLOK"
OK_NOT_ASKED = "AUTH_OK_NOT_ASKED"
ALREADY_USED = "AUTH_OTP_ALREADY_USED"
FAILED = "AUTH_FAILED"
NO_CODE = "AUTH_NO_CODE"
PHONE_SKEWED = "AUTH_PHONE_SKEWED"
CLOCK_WENT_BACK = "CLOCK_WENT_BACK"
RATE_LIMITED = "AUTH_RATE_LIMITED"
NOT_ENROLLED = "NOT_ENROLLED"
TOKEN_MISSING = "AUTH_TOKEN_MISSING"  # noqa: S105 -- a reason
UNKNOWN_USER = "UNKNOWN_USER"
RECORD_UNREADABLE = "RECORD_UNREADABLE"
NOT_RECORDED = "NOT_RECORDED"
BUSY = "BUSY"
UNSAFE_PROCESS = "UNSAFE_PROCESS"
NOT_PRIVILEGED = "NOT_PRIVILEGED"
CONFIG_BROKEN = "CONFIG_BROKEN"
KEY_MISSING = "KEY_MISSING"
INTERNAL = "INTERNAL_ERROR"

REASONS = {
    OK_OTP: "a one-time code was right",
    OK_SCRATCH: "a scratch code was right",
    OK_STATIC: "an app password was right",
    OK_GRACE: "a one-time code was accepted from there within the grace period",
    OK_BYPASS: "the administrator lets the user in without a code for a while",
    OK_NULLOK: "the user has no tokens, and nullok lets such users pass",
    OK_NOT_ASKED: "who or skip_from says that the user is asked for no code there",
    ALREADY_USED: "the code had been used before",
    FAILED: "the code was wrong",
    NO_CODE: "the answer does not have the shape of a code of any of the user's tokens",
    PHONE_SKEWED: "the code is right for another time: the phone's clock is off",
    CLOCK_WENT_BACK: "the host's clock is behind the last accepted code",
    RATE_LIMITED: "too many wrong answers; nothing was compared",
    NOT_ENROLLED: "the user has no tokens on this host",
    TOKEN_MISSING: "the user is enrolled, but no token is left that may be used",
    UNKNOWN_USER: "there is no such account",
    RECORD_UNREADABLE: "a record is there, but it does not open",
    NOT_RECORDED: "the result could not be written, so it cannot stand",
    BUSY: "another login of the same user held the lock for too long",
    UNSAFE_PROCESS: "the process could not be shielded from its caller",
    NOT_PRIVILEGED: "the program that asked does not run as root",
    CONFIG_BROKEN: "otpauth.conf or the PAM line is not understood",
    KEY_MISSING: "the host's record key is missing or unreadable",
    INTERNAL: "a fault in otpauth itself",
}


class Request(NamedTuple):
    """Who asks for what, from where. `place` is limits.place's, `now` in Unix seconds.

    `first_factor` is publickey, password or the empty string; `tty` is PAM's.
    """

    user: str
    service: str
    rhost: str
    place: str
    first_factor: str
    now: int
    tty: str = ""


class Outcome(NamedTuple):
    """What comes of one answer.

    `record` is to be written if it is another than the one given. `say` are lines for the person,
    `again` is the prompt for a second try in the same login; both only with a first factor.
    `forward` is what stood before an accepted code.
    """

    verdict: str
    reason: str
    token: str = ""
    record: Record | None = None
    say: tuple[str, ...] = ()
    again: str = ""
    forward: str = ""

    def __repr__(self) -> str:
        """Tell no password."""
        return f"Outcome({self.verdict} {self.reason} {self.token!r})"


class Chance(NamedTuple):
    """What one decision needs beside its data: keyed hashes and 64 random bits in hex."""

    marks: Fingerprints
    ident: str


class Asked(NamedTuple):
    """What a person was asked: the prompt, and the numbers by the id of their list.

    `numbers` None: nothing but the rule's prompt, so a list password counts with its number.
    `ways` are the words by which a code is sent to him; `by` is that of the one on its way.
    """

    prompt: str = ""
    numbers: dict[str, int] | None = None
    ways: tuple[str, ...] = ()
    by: str = ""

    def wish(self, typed: str | None) -> str:
        """Return the way of sending that an answer asks for: its word, or Enter for one more."""
        if typed is None:
            return ""
        word = answer.word(typed)
        return word if word in self.ways else "" if word else self.by


UNASKED = Asked()


class Try(NamedTuple):
    """A candidate compared with one token."""

    candidate: Candidate
    token: Token
    match: Match


def decide(
    account: Record | None,
    request: Request,
    typed: Typed,
    rule: Rule,
    *,
    chance: Chance,
    asked: Asked = UNASKED,
) -> Outcome:
    """Decide one login. The record in the outcome must be durable before it is acted on."""
    if account is None or not account.enrolled:
        return Outcome(REFUSE, NOT_ENROLLED)
    account = account._replace(state=limits.prune(account.state, request.now))
    rule = wishes.effective(rule, account.wishes)
    candidates = typed if isinstance(typed, tuple) else answer.alone(typed)
    outcome = _compare(account, request, candidates, rule, chance=chance, asked=asked)
    if outcome.record is not None:
        outcome = outcome._replace(record=_remembered(outcome, request))
    return outcome if request.first_factor else outcome._replace(say=(), again="")


def vouched(request: Request, rule: Rule) -> bool:
    """Say whether the stack demands another factor than a code, before its line or after it."""
    return bool(request.first_factor) or rule.before_password


def spared(
    account: Record | None, request: Request, rule: Rule, *, marks: Fingerprints
) -> Outcome | None:
    """Return the outcome of a login that grace period or bypass spare a code; None for all others.

    As with decide(), the record in the outcome must be durable before it is acted on.
    """
    if account is None or not account.enrolled or not vouched(request, rule):
        return None
    rule = wishes.effective(rule, account.wishes)
    state = limits.prune(account.state, request.now)
    each = grace.holder(state, request, rule, usable_tokens(account, request, rule), marks)
    say: tuple[str, ...] = ()
    if each is None:
        if not bypass.left(state, request.now):
            return None
        state = bypass.spent(state)
        words = "otpauth: no code was asked: your administrator lets you in without one"
        say = (f"{words} {bypass.told(state, request.now)}",)
    if request.first_factor:
        say = (*say, *_news(state, request.now))
        state = state._replace(told=request.now)
    outcome = Outcome(
        ACCEPT,
        OK_GRACE if each else OK_BYPASS,
        each.name if each else "",
        account._replace(state=state),
        say if request.first_factor else (),
    )
    return outcome._replace(record=_remembered(outcome, request))


def usable_tokens(account: Record, request: Request, rule: Rule) -> list[Token]:
    """Return the tokens whose codes are compared at a login, the lowest id first."""
    return [
        each
        for each in account.ordered()
        if each.live(request.now)
        and each.kind in rule.kinds
        and each.served()
        and token.serves(each, rule.names)
    ]


def _compare(
    account: Record,
    request: Request,
    candidates: tuple[Candidate, ...],
    rule: Rule,
    *,
    chance: Chance,
    asked: Asked,
) -> Outcome:
    usable = usable_tokens(account, request, rule)
    if not usable:
        return Outcome(REFUSE, TOKEN_MISSING)
    bucket = limits.bucket(account.state, request.place)
    wait = limits.wait(account.state, bucket, rule, request.now)
    if wait:
        open_ = limits.scratch_open(account.state, request.place)
        usable = [each for each in usable if _always_compared(each, scratch=open_)]
    tries = [
        Try(candidate, each, match)
        for candidate in candidates
        for each in sorted(usable, key=lambda each: _ORDER.index(each.kind))
        if (match := compare(each, account, candidate, request.now, rule, chance.marks, asked))
    ]
    noted = bool(wait) and any(t.token.kind == "scratch" for t in tries)
    if noted:
        state = limits.scratch_tried(account.state, request.place, request.now)
        account = account._replace(state=state)
    best = next((t for t in tries if t.match.result == ACCEPTED), None)
    if best:
        return _accept(account, best, request, rule, chance.marks)
    if wait:
        again = f"Too many tries. Wait {wait} s, then code: " if wait <= AGAIN_MAX else ""
        return Outcome(REFUSE, RATE_LIMITED, record=account if noted else None, again=again)
    return _refuse(account, tries, bucket, request, chance=chance, asked=asked)


_ORDER = token.KINDS[::-1]  # of comparing; all are compared
SHOWN_MAX = 45  # characters of a service or address in an outcome; the longest address
AGAIN_WRONG = "Wrong code. Type the next one that the device shows: "
AGAIN_MAX = 30  # seconds that a person is asked to wait at a prompt


def compare(
    each: Token,
    account: Record,
    candidate: Candidate,
    now: int,
    rule: Rule,
    marks: Fingerprints,
    asked: Asked = UNASKED,
) -> Match | None:
    """Compare what was typed with one token of an account; None if its shape cannot fit."""
    numbers = asked.numbers
    return kinds.match(
        each, account.state, candidate, now=now, rule=rule, marks=marks, numbers=numbers
    )


def _always_compared(each: Token, *, scratch: bool) -> bool:
    """Say whether a token is strong enough to be compared even while its owner is limited.

    `scratch` says whether a scratch code may be compared in this second. App passwords may always:
    nobody guesses one, and programs that log in by themselves shall not be shut out by guessing.
    """
    if each.kind == "password":
        return True
    return scratch and each.kind == "scratch" and token.bits(each) >= token.SCRATCH_STRONG


def _accept(
    account: Record, best: Try, request: Request, rule: Rule, marks: Fingerprints
) -> Outcome:
    """Advance the one token that fits; the lowest id wins where a code fits two."""
    each = best.token
    state = best.match.state._replace(
        tries=account.state.tries,
        last={**best.match.state.last, each.id: request.now},
    )
    static, daily = each.kind == "password", each.kind in token.DAILY
    if daily:
        state = limits.accepted(state, request.place, request.now)
        state = grace.begin(state, request, rule, each, marks)
    say: tuple[str, ...] = ()
    if request.first_factor and not static:  # a program would not read it
        say = _news(state, request.now) + _remaining(each, account._replace(state=state), rule)
        state = state._replace(told=request.now)
    account = account._replace(state=state)
    return Outcome(
        ACCEPT,
        OK_STATIC if static else OK_OTP if daily else OK_SCRATCH,
        each.name,
        account,
        say,
        forward=best.candidate.prefix,
    )


def _refuse(
    account: Record,
    tries: list[Try],
    bucket: str,
    request: Request,
    *,
    chance: Chance,
    asked: Asked,
) -> Outcome:
    """Refuse: charge a wrong answer, but not a used code nor what could not be a code."""
    found = {t.match.result: t for t in reversed(tries)}
    if USED in found:
        again = f"That code was used already. {_next_code(found[USED].match)}: "
        return Outcome(REFUSE, ALREADY_USED, found[USED].token.name, account, again=again)
    if CLOCK in found:
        return Outcome(REFUSE, CLOCK_WENT_BACK, found[CLOCK].token.name, account)
    if not tries:
        prompt = asked.prompt if asked.numbers or asked.by else "Code: "
        return Outcome(REFUSE, NO_CODE, again=f"That is not a code. {prompt}")
    state = account.state
    for each in tries:
        if each.match.result == SKEWED:
            pending = each.match.state.resyncs[each.token.id]
            state = state._replace(resyncs={**state.resyncs, each.token.id: pending})
    compared = "\n".join(dict.fromkeys(_compared(each) for each in tries))
    mark = chance.marks.answer(account.user, compared)
    state = limits.charge(state, bucket, mark, now=request.now, ident=chance.ident)
    account = account._replace(state=state)
    if SKEWED in found:
        again = _skewed(found[SKEWED].match.off)
        return Outcome(REFUSE, PHONE_SKEWED, found[SKEWED].token.name, account, again=again)
    again = f"Wrong code. {asked.prompt}" if asked.numbers or asked.by else AGAIN_WRONG
    return Outcome(REFUSE, FAILED, found[WRONG].token.name, account, again=again)


def _compared(each: Try) -> str:
    return each.candidate.whole if each.token.kind == "list" else each.candidate.code


def _remembered(outcome: Outcome, request: Request) -> Record:
    """Return the outcome's record with the outcome itself in it, for `otpauth-admin show`."""
    account = outcome.record
    assert account is not None  # noqa: S101 -- the caller's condition
    row = record.Past(
        request.now,
        outcome.reason,
        _printable(request.service),
        _printable(request.rhost or request.place),
        outcome.token,
    )
    before = account.outcomes
    if outcome.reason == OK_STATIC:  # a program's many logins crowd out no other
        before = tuple(each for each in before if each[1:] != row[1:])
    return account._replace(outcomes=(*before, row)[-record.OUTCOMES_MAX :])


def _printable(text: str) -> str:
    plain = (each if each.isascii() and each.isprintable() else "?" for each in text)
    return "".join(plain)[:SHOWN_MAX]


def _next_code(match: Match) -> str:
    return f"Next code (in {match.wait} s)" if match.wait else "Next code"


def _skewed(off: int) -> str:
    """Ask for the next code of a skewed phone; say by how much only if it is slow.

    A code of the past is worth nothing. Of a code of the future a guesser would learn that it will
    be right, so it looks like any wrong one.
    """
    if off >= 0:
        return AGAIN_WRONG
    minutes = max(1, round(-off / 60))
    unit = "minute" if minutes == 1 else "minutes"
    return f"Wrong code, or the phone is {minutes} {unit} slow: type its next code too: "


def _news(state: State, now: int) -> tuple[str, ...]:
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


def _remaining(each: Token, account: Record, rule: Rule) -> tuple[str, ...]:
    """Return the line that tells how many codes of a set are left."""
    if each.kind not in token.SETS:
        return ()
    total, rest = len(each.params["codes"]), token.left(each, account.state.used.get(each.id, 0))
    if each.kind == "scratch":
        more = "; make new ones: otpauth codes" if rest < rule.warn_below else ""
        return (f"otpauth: {rest} of {total} scratch codes left{more}",)
    more = f"; print a new one: otpauth replace {each.name}" if rest < rule.list_warn_below else ""
    return (f"otpauth: {rest} of {total} passwords left on list '{each.name}'{more}",)
