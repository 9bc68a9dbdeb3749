"""App passwords: generated, shown once, for programs that take nothing but a password."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from otpauth import token
from otpauth.changes import Change
from otpauth.cli import limited, programs, report, verbs, wizard
from otpauth.cli.target import Own
from otpauth.errors import NotEnrolledError, UsageError
from otpauth.token import Draft

if TYPE_CHECKING:
    import argparse

    from otpauth.cli.target import Target

_GROUP = 5  # characters between dashes
_NOT_OURS = ("algorithm", "digits", "period", "codes", "issuer", "label", "qr_file", "uri")


def check(kind: str, options: argparse.Namespace) -> None:
    """Raise UsageError if an option is given that is for app passwords alone, and this is none."""
    if options.ntlm and kind != "password":
        raise UsageError("--ntlm is for app passwords")


def make(
    target: Target,
    options: argparse.Namespace,
    name: str,
    *,
    verb: str,
    remove: tuple[str, ...] = (),
) -> int:
    """Make a password, show it, and have it carried out as a change."""
    _check(target, options, name)
    password = _random()
    nt = _nt_hash(spelt(password)) if options.ntlm else ""
    draft = Draft(
        "password",
        name,
        {"bits": 5 * token.PASSWORD_LENGTH, "codes": [password], "nt": nt},
        expires=verbs.expiry(options.expires),
        groups=options.groups,
    )
    change = Change(add=(draft,), remove=remove)
    if options.json:
        programs.show_password(target, draft, spelt(password))
        target.submit(verb, name, change._replace(proof=programs.proof(target)))
        return report.DONE
    with verbs.opened_terminal(plain=options.plain) as terminal:
        proof = target.prove(terminal)
        with terminal.screen():
            wizard.hand_out(terminal, _told(draft, spelt(password)), "it")
            target.submit(verb, name, change._replace(proof=proof))
    end = "; the old one ends then" if remove else ""
    print(f"{target.program}: {name}{limited.told(draft.groups)}, {verbs.when(target)}{end}")
    return report.DONE


def _check(target: Target, options: argparse.Namespace, name: str) -> None:
    verbs.check_allowed(target, "password")
    given = [each for each in _NOT_OURS if getattr(options, each, None) is not None]
    if given:
        raise UsageError(f"--{given[0].replace('_', '-')} is not for app passwords")
    if not options.groups:
        raise UsageError(
            "an app password is good for named services alone",
            hint=f"--for, and of this host: {' '.join(limited.known(target))}",
        )
    if isinstance(target, Own) and not target.enrolled:
        raise NotEnrolledError(
            f"{name} would be all you have, and lets nobody in by ssh",
            hint="first a token of your own: otpauth setup",
        )


def _random() -> str:
    letters = [secrets.choice(token.SCRATCH_ALPHABET) for _ in range(token.PASSWORD_LENGTH)]
    return "".join(letters)


def _nt_hash(text: str) -> str:
    from otpauth import ntlm

    return ntlm.nt_hash(text)


def spelt(password: str) -> str:
    """Return a password as people read it; the dashes need not be typed."""
    places = range(0, len(password), _GROUP)
    return "-".join(password[start : start + _GROUP] for start in places)


def _told(draft: Draft, shown: str) -> list[str]:
    typed = "dashes and capitals do not matter."
    if draft.params["nt"]:
        typed = "type it exactly so for wifi."
    return [
        f"App password {draft.name}{limited.told(draft.groups)}",
        "",
        f"  {shown}",
        "",
        "Give it to one program, in the place of your password. It stays good until",
        f"you remove it; {typed}",
        "It is not shown again.",
    ]
