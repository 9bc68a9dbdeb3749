"""otpauth-admin verify: is this a code of this user? Decided as a login, and told step by step."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from otpauth import answer, attempt, explain, groups, inquiry, login, policy
from otpauth.cli import policies, report
from otpauth.cli.terminal import Terminal
from otpauth.errors import FormatError, UsageError
from otpauth.host import Host

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from otpauth.explain import Step
    from otpauth.inquiry import Inquiry
    from otpauth.login import Outcome
    from otpauth.ntlm import Response

LINE_MAX = 4 * answer.JOINED_MAX  # bytes, in UTF-8


def verify(options: argparse.Namespace) -> int:
    """Check a code from stdin with the same decision as a login."""
    response = _response(*options.ntlm) if options.ntlm else None
    typed = (response.candidate(),) if response else _typed()
    factor = "password" if options.after_password else ""
    since = time.monotonic()
    one = inquiry.inquire(options.user, options.service, options.rhost, factor, Host())
    seen: list[explain.Seen] = []

    def watch(*parts: Any) -> None:
        seen[:] = [explain.Seen(*parts)]

    outcome = inquiry.answer(
        one, typed, dry_run=options.dry_run, watch=watch if options.explain else None
    )
    accepted = outcome.verdict == login.ACCEPT
    if not accepted:
        attempt.hold_back(since)
    steps = _steps(one, outcome, seen, dry_run=options.dry_run) if options.explain else ()
    key = {"nt_key": response.key()} if response and accepted else {}
    if options.json:
        report.as_json({**_value(one, outcome, steps if options.explain else None), **key})
    else:
        _print(outcome, steps)
        for text in key.values():
            print(f"NT_KEY: {text}")
    return report.DONE if accepted else report.FAILED


def _response(challenge: str, given: str) -> Response:
    """Return a response of NTLM. Raises UsageError, NtlmMissingError."""
    from otpauth import ntlm

    try:
        return ntlm.Response(challenge, given)
    except FormatError as error:
        raise UsageError(f"--ntlm: {error}") from None


def _typed() -> str:
    """Read the one line that is the code; ask for it at a terminal. Raises UsageError."""
    if sys.stdin.isatty():
        with Terminal(plain=True) as terminal:
            return terminal.ask("Code: ", echo=False)
    data = sys.stdin.buffer.read(LINE_MAX + 1)
    hint = "one line: the code, or the number and password of a list"
    if not data:
        raise UsageError("there is no code on the standard input", hint=hint)
    line, _, more = data.partition(b"\n")
    if more.strip():
        raise UsageError("there is more than one line on the standard input", hint=hint)
    if len(data) > LINE_MAX or len(line.decode("utf-8", "replace")) > answer.JOINED_MAX:
        raise UsageError(f"a code is at most {answer.JOINED_MAX} characters long", hint=hint)
    return line.decode("utf-8", "replace").removesuffix("\r")


def _steps(
    one: Inquiry, outcome: Outcome, seen: list[explain.Seen], *, dry_run: bool
) -> tuple[Step, ...]:
    told = explain.steps(
        seen[0] if seen else None,
        one.request,
        one.terms.rule,
        outcome,
        clock=report.moment,
        dry_run=dry_run,
    )
    return (*(explain.Step("rule", text) for text in _rule(one)), *told)


def _rule(one: Inquiry) -> Iterator[str]:
    """Tell what of otpauth.conf fits, and what it sets."""
    found, rule, request = one.terms.policy, one.terms.rule, one.request
    section = groups.fitting(found.services, request.service, request.rhost)
    if section:
        place = found.places[f"service {section.name}"]
        yield f"{request.service} is [service {section.name}], {place}"
    else:
        yield f"no [service] is about {request.service}"
    if rule.group:
        yield f"its group is [group {rule.group}], {found.places[f'group {rule.group}']}"
    yield f"a limited token may be used if it is for one of: {' '.join(rule.names)}"
    sections = [f"service {section.name}"] if section else []
    sections += [f"group {rule.group}", "login"]
    for key in (*policy.RULE_KEYS, *groups.CLIENT_KEYS):
        place = policies.where(found, sections, key)
        if place != policies.DEFAULT:
            yield f"{key} = {policies.spelt(key, getattr(rule, key))}, {place}"
    by = attempt.exempt(one.who, request.rhost, rule) if one.who else ""
    if by:
        yield f"where another factor is proved {request.user} is asked for no code, by {by}"
    for name, span in rule.family:
        yield f"a session begins in [group {name}], too: {policies.spelt('session', span)}"


def _value(one: Inquiry, outcome: Outcome, steps: tuple[Step, ...] | None) -> dict[str, Any]:
    """Return what programs are told."""
    value = {
        "accepted": outcome.verdict == login.ACCEPT,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "sentence": login.REASONS[outcome.reason],
        "token": outcome.token or None,
        "group": one.terms.rule.group or None,
        "service": one.request.service,
        "say": list(outcome.say),
    }
    return value if steps is None else {**value, "steps": [each._asdict() for each in steps]}


def _print(outcome: Outcome, steps: tuple[Step, ...]) -> None:
    for each in steps[:-1]:
        print(f"{each.about}: {each.text}")
    for line in outcome.say:
        print(f"say: {line}")
    print(f"{explain.verdict(outcome).text} {outcome.token}".rstrip())
