"""The login decision: pure, whole, and meant to be read in one sitting.

`decide` takes the record, what is asked for and what was answered, and returns an Outcome: a
verdict with its reason, the record as it must be written before anybody acts on the verdict, and
what the person is told. Clock, random bits and keys are arguments.

The order is fixed: enrolment, lock, limits, sessions, comparison with every token that the answer's
shape fits, then one consequence. A wrong answer is charged only if it was compared. A password with
a code at its end holds several candidates: the first that is right wins, and together they are one
answer.
"""

from __future__ import annotations

from otpauth import answer, bypass, grace, kinds, limits, record, remarks, token, wishes
from otpauth.kinds import ACCEPTED, CLOCK, SKEWED, USED, WRONG, Match
from otpauth.remarks import AGAIN_WRONG
from otpauth.state import SHOWN_MAX
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.answer import Candidate
    from otpauth.policy import Rule
    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from otpauth.sessions import Found
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
OK_SESSION = "AUTH_OK_SESSION"
OK_TRUST = "AUTH_OK_TRUST_PW"
OK_GRACE = "AUTH_OK_GRACE"
OK_BYPASS = "AUTH_OK_BYPASS"
OK_NULLOK = "AUTH_OK_NULLOK"
OK_NOT_ASKED = "AUTH_OK_NOT_ASKED"
ALREADY_USED = "AUTH_OTP_ALREADY_USED"
FAILED = "AUTH_FAILED"
NO_CODE = "AUTH_NO_CODE"
NOT_HERE = "AUTH_NOT_HERE"
PHONE_SKEWED = "AUTH_PHONE_SKEWED"
CLOCK_WENT_BACK = "CLOCK_WENT_BACK"
RATE_LIMITED = "AUTH_RATE_LIMITED"
USER_LOCKED = "AUTH_USER_LOCKED"
SESSION_LOGOUT = "AUTH_SESSION_LOGOUT"
SESSION_MAX_LOGIN = "AUTH_SESSION_MAX_LOGIN"
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
NTLM_OFF = "NTLM_OFF"
INTERNAL = "INTERNAL_ERROR"

REASONS = {
    OK_OTP: "a one-time code was right",
    OK_SCRATCH: "a scratch code was right",
    OK_STATIC: "an app password was right",
    OK_SESSION: "the code was right before, and its session lasts",
    OK_TRUST: "what a trusted client made of a one-time code was right",
    OK_GRACE: "a one-time code was accepted from there within the grace period",
    OK_BYPASS: "the administrator lets the user in without a code for a while",
    OK_NULLOK: "the user has no tokens, and nullok lets such users pass",
    OK_NOT_ASKED: "who or skip_from says that the user is asked for no code there",
    ALREADY_USED: "the code had been used before",
    FAILED: "the code was wrong",
    NO_CODE: "the answer does not have the shape of a code of any of the user's tokens",
    NOT_HERE: "the app password is for other services, switched off, expired or removed",
    PHONE_SKEWED: "the code is right for another time, or of a counter too far ahead",
    CLOCK_WENT_BACK: "the host's clock is behind the last accepted code",
    RATE_LIMITED: "too many wrong answers; nothing was compared",
    USER_LOCKED: "the user is locked after too many wrong answers; nothing was compared",
    SESSION_LOGOUT: "a logout password ended the sessions of a code",
    SESSION_MAX_LOGIN: "the session of the code had all the logins that it may have",
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
    NTLM_OFF: "NTLM is not switched on for this service, or what it needs is not installed",
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


class Case(NamedTuple):
    """One decision: whose record, what is asked for, what was typed, and what it goes by."""

    account: Record
    request: Request
    candidates: tuple[Candidate, ...]
    rule: Rule
    chance: Chance
    asked: Asked

    @property
    def bucket(self) -> str:
        """The bucket that a wrong answer is charged to."""
        return limits.bucket(self.account.state, self.request.place)


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
    if not rule.ntlm and any(each.ntlm for each in candidates):
        return Outcome(REFUSE, NTLM_OFF)
    outcome = _compare(Case(account, request, candidates, rule, chance, asked))
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
        say = (*say, *remarks.news(state, request.now))
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


def _compare(case: Case) -> Outcome:
    account, request, rule = case.account, case.request, case.rule
    if limits.locked(account.state, request.place, rule, request.now):
        return Outcome(REFUSE, USER_LOCKED)
    usable = usable_tokens(account, request, rule)
    if not usable:
        return Outcome(REFUSE, TOKEN_MISSING)
    wait = limits.wait(account.state, case.bucket, rule, request.now)
    if wait:
        open_ = limits.scratch_open(account.state, request.place)
        usable = [each for each in usable if always_compared(each, scratch=open_)]
    case = case if wait else _known(case, usable)
    found = None if wait else _session(case, usable)
    if isinstance(found, Outcome):
        return found
    tries = [
        Try(candidate, each, match)
        for candidate in case.candidates
        for each in sorted(usable, key=lambda each: _ORDER.index(each.kind))
        if (
            match := compare(
                each, account, candidate, request.now, rule, case.chance.marks, case.asked
            )
        )
    ]
    noted = bool(wait) and any(t.token.kind == "scratch" for t in tries)
    if noted:
        state = limits.scratch_tried(account.state, request.place, request.now)
        account = account._replace(state=state)
    best = next((t for t in tries if t.match.result == ACCEPTED), None)
    if best and _is_repeated(case, best, tries):
        tries = [t._replace(match=Match(WRONG, account.state)) for t in tries]
    elif best:
        return _accept(case._replace(account=account), best)
    if wait:
        again = f"Too many tries. Wait {wait} s, then code: " if wait <= AGAIN_MAX else ""
        return Outcome(REFUSE, RATE_LIMITED, record=account if noted else None, again=again)
    return _refuse(case, tries, found)


def _known(case: Case, usable: list[Token]) -> Case:
    """Return the case with the code that a response of NTLM was made of, if it is a known one.

    Those are the codes of now, and of the times when tokens began sessions. From there on it is as
    if that code was typed: a session begins with it, and goes by it.
    """
    if not any(each.ntlm for each in case.candidates):
        return case
    account, marks, then = case.account, case.chance.marks, case.rule._replace(resync=0)
    for candidate in case.candidates:
        for each in usable:
            compare(each, account, candidate, case.request.now, case.rule, marks)
            for session in account.state.sessions.values():
                if session.token == each.id:
                    compare(each, account, candidate, session.since, then, marks)
    return case._replace(candidates=answer.known(case.candidates))


def _session(case: Case, usable: list[Token]) -> Outcome | Found | None:
    """Decide by the session that an answer belongs to; what is over is for the tokens to decide."""
    if not case.account.state.sessions:
        return None
    from otpauth import sessions

    return sessions.decided(case, usable)


_ORDER = token.KINDS[::-1]  # of comparing; all are compared
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


def always_compared(each: Token, *, scratch: bool) -> bool:
    """Say whether a token is strong enough to be compared even while its owner is limited.

    `scratch` says whether a scratch code may be compared in this second. App passwords may always:
    nobody guesses one, and programs that log in by themselves shall not be shut out by guessing.
    """
    if each.kind == "password":
        return True
    return scratch and each.kind == "scratch" and token.bits(each) >= token.SCRATCH_STRONG


def _accept(case: Case, best: Try) -> Outcome:
    """Advance the one token that fits; the lowest id wins where a code fits two."""
    account, request, rule, each = case.account, case.request, case.rule, best.token
    state = best.match.state._replace(
        tries=account.state.tries,
        last={**best.match.state.last, each.id: request.now},
    )
    if each.kind in token.DAILY:
        state = _daily(state, case, best)
    say: tuple[str, ...] = ()
    if request.first_factor and each.kind != "password":  # a program would not read it
        left = state.used.get(each.id, 0)
        say = remarks.news(state, request.now) + remarks.remaining(each, left, rule)
        state = state._replace(told=request.now)
    return _accepted(best)._replace(
        token=each.name,
        record=account._replace(state=state),
        say=say,
        forward=best.candidate.prefix,
    )


def _accepted(best: Try) -> Outcome:
    """Return what an accepted answer is called."""
    if best.candidate.trusted:
        return Outcome(ACCEPT, OK_TRUST)
    if best.token.kind == "password":
        return Outcome(ACCEPT, OK_STATIC)
    return Outcome(ACCEPT, OK_OTP if best.token.kind in token.DAILY else OK_SCRATCH)


def _daily(state: State, case: Case, best: Try) -> State:
    """Return the state with what an accepted code of a daily kind begins, and what it forgives."""
    request, rule, marks = case.request, case.rule, case.chance.marks
    if rule.lock[0]:
        from otpauth import failures

        state = failures.reset(state, rule, request.now)
    if rule.session.timeout or rule.family:
        from otpauth import sessions

        state = sessions.begin(state, request, rule, best.token, best.candidate, marks)
    state = limits.accepted(state, request.place, request.now)
    return grace.begin(state, request, rule, best.token, marks)


def _refuse(case: Case, tries: list[Try], over: Found | None) -> Outcome:
    """Refuse: charge a wrong answer, but not a used code nor what could not be a code.

    `over` is the session that was the answer's, which makes a used code of it.
    """
    asked = case.asked
    found = {t.match.result: t for t in reversed(tries)}
    spent = _spent(case, found, over)
    if spent is not None:
        return spent
    if not tries and not _is_for_session(case):
        prompt = asked.prompt if asked.numbers or asked.by else "Code: "
        return Outcome(REFUSE, NO_CODE, again=f"That is not a code. {prompt}")
    account = _charged(case, tries)
    if SKEWED in found:
        again = remarks.skewed(found[SKEWED].match.off)
        return Outcome(REFUSE, PHONE_SKEWED, found[SKEWED].token.name, account, again=again)
    again = f"Wrong code. {asked.prompt}" if asked.numbers or asked.by else AGAIN_WRONG
    names = {t.token.name for t in tries}
    name = names.pop() if len(names) == 1 else ""  # of several it is none's fault
    return Outcome(REFUSE, FAILED, name, account, again=again)


def _spent(case: Case, found: dict[str, Try], over: Found | None) -> Outcome | None:
    """Refuse what was right once, or is right elsewhere; None for all else."""
    account = case.account
    if USED in found:
        again = f"That code was used already. {remarks.next_code(found[USED].match)}: "
        return Outcome(REFUSE, ALREADY_USED, found[USED].token.name, account, again=again)
    if CLOCK in found:
        return Outcome(REFUSE, CLOCK_WENT_BACK, found[CLOCK].token.name, account)
    if over:
        name = over.token.name if over.token else ""
        again = "That code was used already. Next code: "
        return Outcome(REFUSE, ALREADY_USED, name, account, again=again)
    of_program = _not_here(case)
    return None if of_program is None else Outcome(REFUSE, NOT_HERE, of_program, account)


def _not_here(case: Case) -> str | None:
    """Return the name of an app password that was typed though it is not, or no more, good here.

    Of one that was removed the name is empty; None for all else. Programs go on with a password
    long after its end, so it is no guess.
    """
    for each in case.candidates:
        typed = each.code.translate(token.LOOK_ALIKES)
        if token.is_password(typed):
            ident = case.chance.marks.token(typed.encode())
            if ident in case.account.state.removed:
                return ""
            if ident in case.account.tokens:
                return case.account.tokens[ident].name
    return None


def _is_for_session(case: Case) -> bool:
    """Say whether an answer was compared with sessions' codes or their logout passwords alone."""
    if not case.account.state.sessions:
        return False
    from otpauth import sessions

    if case.rule.logout and sessions.logouts(case.candidates):
        return True
    usable = usable_tokens(case.account, case.request, case.rule)
    return sessions.is_guess(case.candidates, case.account.state, usable, case.request.now)


def _is_repeated(case: Case, best: Try, tries: list[Try]) -> bool:
    """Say whether a code that is right by now was a wrong answer that still counts towards a lock.

    Each answer counts once. So who repeats one guess, as good as any other, would never be locked.
    """
    if not case.rule.lock[0] or best.token.kind not in _CHANGING:
        return False
    from otpauth import failures

    return failures.counts(case.account.state, case.bucket, _mark(case, tries), case.rule)


_CHANGING = (*token.ONE_TIME, *token.SENT)  # kinds of which a wrong code may be a right one later


def _mark(case: Case, tries: list[Try]) -> str:
    """Return the keyed hash of what was compared."""
    texts = [_compared(each) for each in tries] or [each.code for each in case.candidates]
    return case.chance.marks.answer(case.account.user, "\n".join(dict.fromkeys(texts)))


def _charged(case: Case, tries: list[Try]) -> Record:
    """Return the record with one more wrong answer, and with what it says of a skewed phone."""
    account, rule, now = case.account, case.rule, case.request.now
    state = account.state
    for each in tries:
        if each.match.result == SKEWED:
            pending = each.match.state.resyncs[each.token.id]
            state = state._replace(resyncs={**state.resyncs, each.token.id: pending})
    mark = _mark(case, tries)
    state = limits.charge(state, case.bucket, mark, now=now, ident=case.chance.ident)
    if rule.lock[0]:
        from otpauth import failures

        state = failures.counted(state, case.bucket, mark, rule, now)
    return account._replace(state=state)


def _compared(each: Try) -> str:
    return each.candidate.whole if each.token.kind == "list" else each.candidate.code


_OF_PROGRAMS = (OK_STATIC, OK_SESSION, NOT_HERE)  # many of the same crowd out no other outcome


def _remembered(outcome: Outcome, request: Request) -> Record:
    """Return the outcome's record with the outcome itself in it, for `otpauth-admin show`."""
    account = outcome.record
    assert account is not None  # noqa: S101 -- the caller's condition
    row = record.Past(
        request.now,
        outcome.reason,
        shown(request.service),
        shown(request.rhost or request.place),
        outcome.token,
    )
    before = account.outcomes
    if outcome.reason in _OF_PROGRAMS:
        before = tuple(each for each in before if each[1:] != row[1:])
    return account._replace(outcomes=(*before, row)[-record.OUTCOMES_MAX :])


def shown(text: str) -> str:
    """Return what a login said of itself as it may be shown."""
    plain = (each if each.isascii() and each.isprintable() else "?" for each in text)
    return "".join(plain)[:SHOWN_MAX]
