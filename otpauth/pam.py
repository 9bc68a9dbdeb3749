"""The PAM side: items in, prompts out, one integer back.

Called by the shim pam/pam_otpauth.py, in whatever process asks: sshd, su, an IMAP server. Nothing
is locked while a person types. Whatever is not an explicit acceptance is a refusal.
"""

from __future__ import annotations

import os
import time

from otpauth import account, arguments, attempt, limits, login, store
from otpauth.errors import ConfigError, GuardError, HostKeyError, RecordError, UnknownUserError
from otpauth.host import Host
from otpauth.login import Outcome, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from otpauth.account import Account
    from otpauth.store import Terms

FIRST_FACTORS = ("publickey", "hostbased", "gssapi-with-mic")
AGAIN_MAX = 1  # further prompts in one login, and only with a first factor


def authenticate(pamh: Any, _flags: int, argv: list[str]) -> int:
    """Ask for a code and decide: pam_sm_authenticate(3)."""
    host = Host()
    request = _request(pamh, after_password="after_password" in argv)
    try:
        policy = host.policy()
        rule = arguments.apply(policy.login, argv[1:])
    except ConfigError as error:
        return _end(pamh, request, Outcome(login.UNAVAILABLE, login.CONFIG_BROKEN), error)
    if os.geteuid() != 0:
        return _end(pamh, request, Outcome(login.UNAVAILABLE, login.NOT_PRIVILEGED))
    terms = store.Terms(host, policy, rule, request.now)
    who = _known(request.user)
    if who:
        request = request._replace(user=who.name)
    if who and _passes_without(who, request, terms):
        outcome = Outcome(login.IGNORE, login.OK_NULLOK)
        attempt.note(request, outcome, rule.log)
        return int(pamh.PAM_IGNORE)  # the only line that gives it
    return _ask(pamh, who, request, terms)


def _known(user: str) -> Account | None:
    try:
        return account.lookup(user)
    except UnknownUserError:
        return None


def _ask(pamh: Any, who: Account | None, request: Request, terms: Terms) -> int:
    """Prompt, decide, and with a first factor perhaps once more."""
    prompt = terms.rule.prompt
    for turn in range(1 + AGAIN_MAX):
        typed = _converse(pamh, prompt)
        answered = time.monotonic()
        request = request._replace(now=int(time.time()))
        outcome = _decide(who, request, typed, terms._replace(now=request.now))
        if outcome.verdict == login.ACCEPT:
            _tell(pamh, outcome.say)
            return int(pamh.PAM_SUCCESS)
        attempt.hold_back(answered)
        prompt = outcome.again
        if typed is None or not prompt or turn == AGAIN_MAX:
            break
        _tell(pamh, outcome.say)
    return _code(pamh, outcome)


def _decide(who: Account | None, request: Request, typed: str | None, terms: Terms) -> Outcome:
    if who is None:
        outcome = Outcome(login.REFUSE, login.UNKNOWN_USER)
        attempt.note(request, outcome, terms.rule.log)
        return outcome
    return attempt.attempt(who, request, typed, terms)


def _passes_without(who: Account, request: Request, terms: Terms) -> bool:
    """Say whether nullok lets a user pass: certainly unenrolled, with a known first factor."""
    if not terms.rule.nullok or not request.first_factor:
        return False
    try:
        return store.unenrolled(who, terms)
    except (GuardError, HostKeyError, RecordError):
        return False


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
        place=limits.place(rhost, _caller(pamh)),
        first_factor=_first_factor(pamh) or ("password" if after_password else ""),
        now=int(time.time()),
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


def _caller(pamh: Any) -> int:
    """Return the uid that a local login comes from: the real one, or the one su or sudo names."""
    uid = os.getuid()
    if uid == 0 and pamh.ruser:
        caller = _known(pamh.ruser)
        return caller.uid if caller else 0
    return uid


def _converse(pamh: Any, prompt: str) -> str | None:
    """Ask one question, echo off; None if there is nobody to answer."""
    try:
        return pamh.conversation(pamh.Message(pamh.PAM_PROMPT_ECHO_OFF, prompt)).resp or ""
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
