"""Sessions: an accepted one-time code that stays good for a while, for who cannot type a new one.

A mail client logs in with every click, a file transfer opens ten connections. Where the rule has
sessions, the same answer again is accepted from the same literal address (or, where the rule says
so, from anywhere), in the same access group, until the session's time is over, or it was not used
for too long, or it was used as often as it may be. An accepted answer begins sessions in the groups
of the rule's family, too, each with a span of its own: whether the token may be used there is asked
when that is done. Without a group a session is the PAM service's.

A session belongs to the token that began it, and ends with it. No code is kept: a session is found
by a keyed hash of user, group, address and answer. Loopback addresses count as literal ones here,
since the host's own webmail or proxy comes from there; names count as nothing. One that is over is
kept for a week, so that a client which goes on with its code is not charged for it. Time is in Unix
seconds.
"""

from __future__ import annotations

from otpauth import limits, login, remarks, token
from otpauth.login import Outcome, shown
from otpauth.state import Session
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.answer import Candidate
    from otpauth.login import Case, Request
    from otpauth.policy import Rule
    from otpauth.seal import Fingerprints
    from otpauth.state import State
    from otpauth.token import Token

ALIVE, FULL, OVER = "alive", "full", "over"
ANYWHERE = "any, first "  # before the address of a session that is good from all
SENT = "-"  # in the place of a token's name, for a code that was sent
LOGOUT_LENGTH = 16  # hexadecimal digits of a logout password
LOGOUT_TEXT = b"otpauth logout"
_HEX = "0123456789abcdef"


class Found(NamedTuple):
    """A session that an answer belongs to: its mark, what it is worth, and the candidate.

    `token` is the one that began it, None if that is none that may be used.
    """

    mark: str
    session: Session
    worth: str
    candidate: Candidate
    token: Token | None


def decided(case: Case, usable: list[Token]) -> Outcome | Found | None:
    """Decide by the session that an answer belongs to; what is over is for the tokens to decide.

    `usable` are the tokens that are good for this login.
    """
    account, request, rule = case.account, case.request, case.rule
    state, marks = account.state, case.chance.marks
    if rule.logout:
        ended = logged_out(state, account.user, case.candidates, marks)
        if ended:
            account = account._replace(state=ended)
            return Outcome(login.REFUSE, login.SESSION_LOGOUT, record=account)
    found = find(state, request, rule, case.candidates, usable, marks)
    if found is None or found.token is None or found.worth == OVER:
        return found
    name = found.token.name
    if found.worth == FULL:
        again = "That code was used as often as it may be. Next code: "
        return Outcome(login.REFUSE, login.SESSION_MAX_LOGIN, name, account, again=again)
    state = used(state, found, request.now)
    say: tuple[str, ...] = ()
    if request.first_factor:
        say = remarks.news(state, request.now)
        state = state._replace(told=request.now)
    account = account._replace(state=state)
    forward = found.candidate.prefix
    return Outcome(login.ACCEPT, login.OK_SESSION, name, account, say, forward=forward)


def source(request: Request) -> str:
    """Return what the logins of a session have in common; empty if nothing serves."""
    if request.rhost:
        return limits.address(request.rhost, loopback=True)
    apart = limits.may_be_known(request.place)
    return f"{request.place} {request.tty}" if apart else ""


def begin(
    state: State,
    request: Request,
    rule: Rule,
    each: Token,
    candidate: Candidate,
    marks: Fingerprints,
) -> State:
    """Begin the sessions of a rule with an answer that a token of a daily kind accepted."""
    typed = _key(candidate)
    ends = rule.logout and marks.logout(request.user, logout_password(typed))
    begun = {}
    for group, span in ((rule.group, rule.session), *rule.family):
        where = "" if span.anywhere else source(request)
        if not span.timeout or not (where or span.anywhere):
            continue
        mark = marks.session(request.user, _scope(request, group), where, typed)
        begun[mark] = Session(
            until=request.now + span.timeout,
            since=request.now,
            idle=span.idle,
            logins=span.logins,
            token=each.id,
            group=group,
            service=shown(request.service),
            address=shown(where or f"{ANYWHERE}{request.rhost or request.place}"),
            logout=ends or "",
            last=request.now,
            uses=int(group == rule.group),
        )
    return state._replace(sessions=_joined(state.sessions, begun))


def _joined(held: dict[str, Session], begun: dict[str, Session]) -> dict[str, Session]:
    """Add sessions to those there are, as a merge of two copies would."""
    for mark, session in begun.items():
        held = {**held, mark: held[mark].joined(session) if mark in held else session}
    return held


def find(
    state: State,
    request: Request,
    rule: Rule,
    candidates: tuple[Candidate, ...],
    usable: list[Token],
    marks: Fingerprints,
) -> Found | None:
    """Return the session that an answer belongs to, the best of them; None if there is none."""
    found = []
    tokens = {each.id: each for each in usable}
    scope, places = _scope(request, rule.group), {source(request), ""}
    for candidate in candidates:
        for where in places:
            mark = marks.session(request.user, scope, where, _key(candidate))
            session = state.sessions.get(mark)
            each = tokens.get(session.token) if session else None
            if each and each.kind == "motp" and candidate.prefix.endswith(","):
                continue  # as in kinds.motp: the comma is none of the password's
            if session:
                now = worth(state, session, request.now) if each else OVER
                found.append(Found(mark, session, now, candidate, each))
    return min(found, key=lambda one: (ALIVE, FULL, OVER).index(one.worth), default=None)


def lasting(state: State, request: Request, rule: Rule, ident: str) -> bool:
    """Say whether a code of a token is still good for a login, by the session that it began."""
    here = shown(source(request))
    return any(
        (each.token, each.group) == (ident, rule.group)
        and (rule.group or each.service == shown(request.service))
        and (each.address == here or each.address.startswith(ANYWHERE))
        and worth(state, each, request.now) == ALIVE
        for each in state.sessions.values()
    )


def worth(state: State, session: Session, now: int) -> str:
    """Say what a session is worth: ALIVE, FULL if it had all its logins, or OVER."""
    idle = 0 < session.idle <= now - session.last
    if session.over or idle or now >= session.until or session.since <= state.ended:
        return OVER
    return FULL if 0 < session.logins <= session.uses else ALIVE


def used(state: State, one: Found, now: int) -> State:
    """Return the state with one login more of a session."""
    session = one.session._replace(last=max(now, one.session.last), uses=one.session.uses + 1)
    return state._replace(sessions={**state.sessions, one.mark: session})


def logout_password(typed: str) -> str:
    """Return the password that ends the sessions of an answer: whoever knows that can make it."""
    import hmac

    key = typed.encode("utf-8", "surrogatepass")
    return hmac.digest(key, LOGOUT_TEXT, "sha256").hex()[:LOGOUT_LENGTH]


def logouts(candidates: tuple[Candidate, ...]) -> list[str]:
    """Return those candidates that have the shape of a logout password."""
    codes = (each.code for each in candidates)
    return [code for code in codes if len(code) == LOGOUT_LENGTH and not code.strip(_HEX)]


def is_guess(
    candidates: tuple[Candidate, ...], state: State, usable: list[Token], now: int
) -> bool:
    """Say whether an answer that no token was compared with was one to a session's code.

    A session outlives the code that was sent, and the question for a number of a list.
    """
    lasting = {each.token for each in state.sessions.values() if worth(state, each, now) != OVER}
    begun = [each for each in usable if each.id in lasting]
    return any(_is_like(candidate, each) for candidate in candidates for each in begun)


def _is_like(candidate: Candidate, each: Token) -> bool:
    """Say whether an answer looks like a code of a token that is not compared without being due."""
    if each.kind == "list":
        from otpauth.kinds import paper

        form, length = each.params["form"], each.params["length"]
        return bool(paper.digest(candidate.whole or candidate.code, form=form, length=length))
    return each.kind in token.SENT and candidate.fits(each.params["digits"])


def logged_out(
    state: State, user: str, candidates: tuple[Candidate, ...], marks: Fingerprints
) -> State | None:
    """Return the state without the sessions that a logout password ends; None if it ends none."""
    ends = {marks.logout(user, code) for code in logouts(candidates)}
    marked = [mark for mark, session in state.sessions.items() if session.logout in ends]
    return without(state, marked) if marked else None


def without(state: State, marked: list[str]) -> State:
    """Return the state in which these sessions are over; no old copy brings them back."""
    there = [mark for mark in marked if mark in state.sessions]
    over = {mark: state.sessions[mark]._replace(over=1) for mark in there}
    return state._replace(sessions={**state.sessions, **over})


def _scope(request: Request, group: str) -> tuple[str, str]:
    return (group, "" if group else request.service)


def _key(candidate: Candidate) -> str:
    """Return an answer in the one form in which it counts."""
    return candidate.code or candidate.whole.strip()
