"""The PAM side: items in, prompts out, one integer back.

Called by the shim pam/pam_otpauth.py, in whatever process asks: sshd, su, an IMAP server. Nothing
is locked while a person types. Whatever is not an explicit acceptance is a refusal.

A code that `split` took off a password waits for the line below the password in PAM_OLDAUTHTOK:
libpam keeps that item for one handle and one pam_authenticate(3), overwrites it at its end, and
shows it to modules only.
"""

from __future__ import annotations

import os
import time

from otpauth import account, answer, arguments, attempt, home, limits, login, store
from otpauth.errors import ConfigError, UnknownUserError
from otpauth.host import Host
from otpauth.login import Asked, Outcome, Request
from otpauth.policy import effective
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from otpauth.account import Account
    from otpauth.arguments import Line
    from otpauth.login import Typed
    from otpauth.sending import Ways
    from otpauth.store import Terms

FIRST_FACTORS = ("publickey", "hostbased", "gssapi-with-mic")
PASSWORD_PROMPT = "Password: "  # noqa: S105 -- a question
SENDS_MAX = 3  # messages that one login asks for beyond the first
PASSED_ON = 0.1  # seconds after the answer at which split passes it on, whoever's it is
AGAIN_MAX = 1  # further prompts in one login, and only with a first factor


class Login(NamedTuple):
    """One login: whose (None: nobody's), what is asked for, and what it goes by."""

    who: Account | None
    request: Request
    terms: Terms
    line: Line


def authenticate(pamh: Any, _flags: int, argv: list[str]) -> int:
    """Ask for a code and decide: pam_sm_authenticate(3)."""
    host = Host()
    request = _request(pamh, after_password="after_password" in argv)
    try:
        policy = host.policy()
        rule = effective(policy, request.service, request.rhost)
        line = arguments.read(rule, argv[1:])
        opener = opener_of(line)
    except ConfigError as error:
        return _end(pamh, request, Outcome(login.UNAVAILABLE, login.CONFIG_BROKEN), error)
    if os.geteuid() != 0:
        return _end(pamh, request, Outcome(login.UNAVAILABLE, login.NOT_PRIVILEGED))
    terms = store.Terms(host, policy, line.rule, request.now, adopt=line.adopt)
    one = _whose(request, terms, line, opener)
    attempt.describe(one.request, line, one.terms)
    if line.split:
        return _split(pamh, one)
    passes = attempt.passing(one.who, one.request, one.terms) if one.who else None
    if passes:
        _tell(pamh, passes.say)
        return int(pamh.PAM_IGNORE)  # the only line that lets pass by it
    return _login(pamh, one)


def opener_of(line: Line) -> Account | None:
    """Return whose rights user= names, None for the user's own. Raises ConfigError."""
    if not line.user:
        return None
    try:
        numeric = line.user.isascii() and line.user.isdecimal()
        return account.of_uid(int(line.user)) if numeric else account.lookup(line.user)
    except (UnknownUserError, OverflowError):
        raise ConfigError(f"PAM argument 'user': no account {line.user!r}") from None


def place_of(who: Account, opener: Account | None, line: Line, default: str) -> home.Place:
    """Return where a user's file is, by the line or by default. Raises UnknownUserError."""
    path = home.path_of(who, line.secret or default)
    return home.Place(path, opener or who, home.Checks(line.forbidden, line.any_owner))


def _whose(request: Request, terms: Terms, line: Line, opener: Account | None) -> Login:
    """Return the login of the account that is asked for; of nobody, if there is none."""
    try:
        who = account.lookup(request.user)
        place = place_of(who, opener, line, terms.policy.setup.file)
    except UnknownUserError:
        return Login(None, request, terms, line)
    return Login(who, request._replace(user=who.name), terms._replace(place=place), line)


def _split(pamh: Any, one: Login) -> int:
    """Ask for the password, and leave it to the next module without the code behind it."""
    typed = _passed_on(pamh)
    if typed is None:
        asked = PASSWORD_PROMPT if one.line.asks is None else one.line.asks
        typed = _converse(pamh, asked, echo=False)
    since = time.monotonic()
    if typed is None:
        return int(pamh.PAM_IGNORE)  # the next module asks by itself
    pamh.authtok = typed
    from otpauth import onebox

    try:
        found = onebox.parted(one.who, one.request, typed, one.terms) if one.who else None
    except attempt.FAULTS as error:
        return _code(pamh, attempt.faulty(one.request, one.terms, error))
    finally:
        attempt.hold_back(since, PASSED_ON)
    if found:
        pamh.oldauthtok = f"{one.request.user}\n{found.code}"  # no name has a line end
        pamh.authtok = found.prefix
    return int(pamh.PAM_IGNORE)


def _kept(pamh: Any, one: Login) -> str | None:
    """Take what split kept of this user's answer, once; None if there is nothing."""
    if not one.line.rule.after_password or one.line.forward:
        return None
    try:
        owner, end, code = (pamh.oldauthtok or "").partition("\n")
        pamh.oldauthtok = None
    except (pamh.exception, UnicodeDecodeError):
        return None
    return code if end and owner == one.request.user else None


def _login(pamh: Any, one: Login) -> int:
    """Take the code that an earlier module was given, or do without one, or ask."""
    kept = _kept(pamh, one)
    if kept is not None:
        return _ask(pamh, one, kept)
    outcome = _first_pass(pamh, one) if one.line.first_pass else None
    if outcome and outcome.verdict == login.ACCEPT:
        return _accepted(pamh, one, outcome)
    spared = attempt.spared(one.who, one.request, one.terms) if one.who else None
    if spared:
        return _spared(pamh, one, spared)
    if outcome and one.line.first_pass == arguments.USE:
        return _code(pamh, outcome)
    return _ask(pamh, one)


def _first_pass(pamh: Any, one: Login) -> Outcome | None:
    """Decide on the end of PAM_AUTHTOK; None if there is no code and the person will be asked."""
    only = one.line.first_pass == arguments.USE
    candidates = answer.tails(_passed_on(pamh), bare=only)
    if not candidates and not only:
        return None
    since = time.monotonic()
    outcome = _decide(one, candidates)
    if outcome.verdict != login.ACCEPT:
        attempt.hold_back(since)
    return outcome


def _ask(pamh: Any, one: Login, kept: str | None = None) -> int:
    """Prompt, unless the answer was kept, and decide; as everybody, if a password comes with it."""
    if one.line.forward:
        return _turns(pamh, one, Asked(one.line.prompt))
    with attempt.asking(one.who, one.request, one.terms, one.line.prompt) as asked:
        ways = _ways(one)
        if not ways:
            return _turns(pamh, one, asked, None, kept)
        begun = ways.begin(asked) if kept is None else ways.offered(asked)
        return _turns(pamh, one, begun, ways, kept)


def _ways(one: Login) -> Ways | None:
    """Return how codes may be sent to the person, None where that is out of the question."""
    if one.who is None or not one.request.first_factor or not one.terms.policy.channels:
        return None
    from otpauth import sending

    return sending.Ways(one.who, one.request, one.terms)


def _turns(
    pamh: Any, one: Login, asked: Asked, ways: Ways | None = None, kept: str | None = None
) -> int:
    """Ask, and with a first factor perhaps once more."""
    prompt = asked.prompt
    again_max = 0 if one.line.forward else AGAIN_MAX  # a second answer had no password in it
    turn = sends = 0
    while True:
        typed = _converse(pamh, prompt, echo=one.line.echo) if kept is None else kept
        kept = None
        answered = time.monotonic()
        if ways and typed is not None:
            asked = ways.offered(asked, typed)
        wish = asked.wish(typed)
        if ways and wish and sends < SENDS_MAX:
            asked, sends = ways.more(asked, wish), sends + 1
            prompt = asked.prompt
            continue
        now = int(time.time())
        one = one._replace(request=one.request._replace(now=now), terms=one.terms._replace(now=now))
        candidates = answer.tails(typed, bare=True) if one.line.forward else typed
        outcome = _decide(one, candidates, asked)
        if outcome.verdict == login.ACCEPT:
            return _accepted(pamh, one, outcome)
        attempt.hold_back(answered)
        prompt = outcome.again
        if typed is None or not prompt or turn == again_max:
            return _code(pamh, outcome)
        _tell(pamh, outcome.say)
        turn += 1


def _decide(one: Login, typed: Typed, asked: Asked = login.UNASKED) -> Outcome:
    if one.who is None:
        outcome = Outcome(login.REFUSE, login.UNKNOWN_USER)
        attempt.note(one.request, outcome, one.terms.rule.log)
        return outcome
    return attempt.attempt(one.who, one.request, typed, one.terms, asked)


def _accepted(pamh: Any, one: Login, outcome: Outcome) -> int:
    """Tell what is to be told, and leave the password to the next module if the line says so."""
    _tell(pamh, outcome.say)
    if one.line.forward:
        pamh.authtok = outcome.forward
    return int(pamh.PAM_SUCCESS)


def _spared(pamh: Any, one: Login, outcome: Outcome) -> int:
    """Accept without a code; where a password is to be forwarded and none is there, ask for it."""
    _tell(pamh, outcome.say)
    if one.line.forward and _passed_on(pamh) is None:
        password = _converse(pamh, PASSWORD_PROMPT, echo=False)
        if password is not None:  # else the next module has none, and refuses
            pamh.authtok = password
    return int(pamh.PAM_SUCCESS)


def _passed_on(pamh: Any) -> str | None:
    """Return PAM_AUTHTOK, what an earlier module was answered; None if there is none."""
    try:
        return pamh.authtok or None
    except (pamh.exception, UnicodeDecodeError):
        return None


def _request(pamh: Any, *, after_password: bool) -> Request:
    """Collect what PAM says of this login."""
    try:
        user = pamh.get_user(None)
    except pamh.exception:
        user = None
    rhost = pamh.rhost or ""
    return Request(
        user=user or "",
        service=pamh.service or "",
        rhost=rhost,
        place=limits.place(rhost, caller(pamh.ruser or "", pamh.tty or "")),
        first_factor=_first_factor(pamh) or ("password" if after_password else ""),
        now=int(time.time()),
        tty=pamh.tty or "",
    )


def _first_factor(pamh: Any) -> str:
    """Return what sshd says was proved before: SSH_AUTH_INFO_0 in the PAM environment, sshd(8)."""
    try:
        return first_factor(pamh.env["SSH_AUTH_INFO_0"] or "")
    except (KeyError, pamh.exception):
        return ""


def first_factor(info: str) -> str:
    """Return publickey, password or nothing for the text of SSH_AUTH_INFO_0."""
    methods = {line.split(" ", 1)[0] for line in info.splitlines()}
    if methods & set(FIRST_FACTORS):
        return "publickey"
    return "password" if "password" in methods else ""


def caller(ruser: str, tty: str) -> int:
    """Return the uid that a local login comes from: the real one, or the one su or sudo names.

    A service may give a name there that is not a local caller's: Dovecot gives the user's own, for
    logins by way of servers that tell it no address. Its PAM_TTY is no terminal.
    """
    uid = os.getuid()
    if uid or not ruser or (tty and not os.path.exists(os.path.join("/dev", tty))):
        return uid
    try:
        return account.lookup(ruser).uid
    except UnknownUserError:
        return 0


def _converse(pamh: Any, prompt: str, *, echo: bool) -> str | None:
    """Ask one question; None if there is nobody to answer."""
    style = pamh.PAM_PROMPT_ECHO_ON if echo else pamh.PAM_PROMPT_ECHO_OFF
    try:
        return pamh.conversation(pamh.Message(style, prompt)).resp or ""
    except (pamh.exception, UnicodeDecodeError):
        return None


def _tell(pamh: Any, lines: tuple[str, ...]) -> None:
    for line in lines:
        try:
            pamh.conversation(pamh.Message(pamh.PAM_TEXT_INFO, line))
        except pamh.exception:
            return


def _end(pamh: Any, request: Request, outcome: Outcome, error: Exception | None = None) -> int:
    """Refuse before anything was asked, and say why in the log."""
    hint = getattr(error, "hint", "")
    attempt.note(request, outcome, fault=str(error or ""), mend=hint)
    return _code(pamh, outcome)


def _code(pamh: Any, outcome: Outcome) -> int:
    if outcome.verdict == login.UNAVAILABLE:
        return int(pamh.PAM_AUTHINFO_UNAVAIL)
    return int(pamh.PAM_AUTH_ERR)
