"""The dialogue that enrols a mOTP phone: an init-secret from here or from the app, and its PIN.

Many of these apps make the secret themselves and show it once; then it is typed here. What the
phone makes of both is checked by a code, as for every token. The PIN is asked for without echo, and
is shown and written nowhere but under the seal.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from otpauth import oath, token, uri
from otpauth.cli import wizard
from otpauth.errors import FormatError
from otpauth.token import Draft

if TYPE_CHECKING:
    from otpauth.cli.terminal import Terminal
    from otpauth.cli.wizard import Words

SECRET_SIZE = 8  # bytes: the 16 digits that every such app knows
_HELP = (
    "Type what the app shows for the new entry; it must be one for Mobile-OTP (mOTP).\n"
    "The PIN is the one that you type into the app. q stops, and nothing is changed."
)


def blank(name: str) -> Draft:
    """Return a token with a new secret, and without its PIN."""
    return Draft("motp", name, {"secret": secrets.token_hex(SECRET_SIZE), "pin": ""})


def with_pin(draft: Draft, typed: str) -> Draft:
    """Return a token with its PIN. Raises FormatError if it is none."""
    params = {**draft.params, "pin": typed.strip()}
    try:
        return draft._replace(params=token.check_params("motp", params, hashed=False))
    except FormatError:
        raise FormatError(
            f"a PIN is {oath.PIN_MIN} to {oath.PIN_MAX} digits", hint="the one typed into the app"
        ) from None


def enrol(terminal: Terminal, draft: Draft, words: Words) -> Draft:
    """Show the secret, ask for the phone's own and for the PIN, and check a code.

    Raises RefusedError if its user quits.
    """
    message = ""
    while True:
        wizard.show(terminal, draft, words, message=message)
        typed = wizard.answer_of(
            terminal, "Init-secret that the app shows, or Enter: ", fresh=not message
        )
        if typed == "?":
            message = _HELP
            continue
        pin = wizard.answer_of(terminal, "PIN that you type into it: ", echo=False)
        try:
            made = with_pin(_with_secret(draft, typed), pin)
        except FormatError as error:
            message = str(error)
            continue
        code = wizard.answer_of(terminal, "Code: ")
        seen, message = wizard.check(made, code, int(time.time()))
        if not message:
            return made._replace(seen=seen)
        message += "\nis it the right PIN, and the init-secret to the letter?"


def _with_secret(draft: Draft, typed: str) -> Draft:
    """Return a token with the app's own secret, if one was typed. Raises FormatError."""
    if not typed:
        return draft
    return draft._replace(params={**draft.params, "secret": uri.motp_secret(typed)})
