"""What front ends get and give (--json): one object on stdout, then codes on stdin, a line each.

The object is shown before anything is written; it is worth something only if the command ends well.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from otpauth import uri
from otpauth.cli import mobile, report, wizard
from otpauth.cli.target import proof_of
from otpauth.errors import RefusedError

if TYPE_CHECKING:
    from typing import Any

    from otpauth.changes import Proof
    from otpauth.cli.target import Target
    from otpauth.token import Draft

LINE_MAX = 4096  # characters of a line on stdin


class Shown(NamedTuple):
    """What is shown of an enrolment: the token, its names in the app, its scratch codes."""

    draft: Draft
    named: wizard.Words
    codes: list[str]

    def __repr__(self) -> str:
        return f"Shown({self.draft!r})"


def show(target: Target, shown: Shown) -> None:
    """Print a new token as an object."""
    report.as_json(as_value(target, shown))
    sys.stdout.flush()


def show_codes(target: Target, codes: list[str]) -> None:
    """Print new scratch codes as an object."""
    spelt = [wizard.spelt(code) for code in codes]
    head = {"user": target.account.name, "name": "scratch", "kind": "scratch"}
    report.as_json({**head, "scratch_codes": spelt, **_end(target)})
    sys.stdout.flush()


def show_password(target: Target, draft: Draft, password: str) -> None:
    """Print a new app password as an object."""
    head = {"user": target.account.name, "name": draft.name, "kind": draft.kind}
    groups = list(draft.groups)
    report.as_json({**head, "groups": groups, "password": password, **_end(target)})
    sys.stdout.flush()


def proof(target: Target) -> Proof | None:
    """Read a code of a present token from stdin, if the change needs one; an empty line is none.

    Raises RefusedError.
    """
    if not target.needs_proof():
        return None
    typed = sys.stdin.readline(LINE_MAX).strip()
    found = proof_of(typed)
    if typed and found is None:
        raise RefusedError(
            "the first line on stdin is not a code of a token you have",
            hint="an empty line: the change then waits for the administrator",
        )
    return found


def confirmed(target: Target, draft: Draft, *, hint: str) -> Draft:
    """Read codes of a new token from stdin until one is right; before these the PIN of a mOTP one.

    Raises FormatError, at the end of stdin RefusedError.
    """
    if draft.kind == "motp":
        draft = mobile.with_pin(draft, sys.stdin.readline(LINE_MAX))
    while line := sys.stdin.readline(LINE_MAX):
        seen, fault = wizard.check(draft, line, int(time.time()))
        if not fault:
            return draft._replace(seen=seen)
        report.say(target.program, "warning", fault)
    raise RefusedError("no right code came; nothing was changed", hint=hint)


def as_value(target: Target, shown: Shown) -> dict[str, Any]:
    """Return an enrolment for JSON."""
    draft = shown.draft
    params = {k: value for k, value in draft.params.items() if k not in ("secret", "pin")}
    if draft.kind == "hotp":
        params["counter"] = draft.seen
    return {
        "user": target.account.name,
        "name": draft.name,
        "kind": draft.kind,
        "params": params,
        "issuer": shown.named.issuer,
        "account": shown.named.account,
        "uri": wizard.address(draft, shown.named),
        "secret": uri.key(draft),
        "scratch_codes": [wizard.spelt(code) for code in shown.codes],
        **_end(target),
    }


def _end(target: Target) -> dict[str, Any]:
    return {"key": target.public.id, "file": target.path, "proof": target.needs_proof()}
