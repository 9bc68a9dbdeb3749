"""The dialogue that enrols a token: QR and words on one screen, a code from the app, scratch codes.

All of it happens on the terminal's alternate screen; nothing is written anywhere before its end,
so that ^C at any point leaves everything as it was.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, NamedTuple

from otpauth import __version__, answer, oath, token, uri
from otpauth.errors import RefusedError
from otpauth.kinds import hotp
from otpauth.token import SCRATCH_ALPHABET, SCRATCH_LENGTH, SCRATCH_STRONG, Draft

if TYPE_CHECKING:
    from otpauth.cli.qr import Drawing
    from otpauth.cli.terminal import Terminal

SECRET_SIZE = 20  # bytes: RFC 4226 section 4, R6
SKEW_SEEN = 43200  # seconds: as far as a phone's clock is looked for, to tell its owner
QUESTION_ROWS = 3
WINDOW = 3  # codes that count as those of now


class Words(NamedTuple):
    """Who is enrolled where: for the screen and for the app."""

    user: str
    host: str
    issuer: str
    account: str


def new_secret() -> str:
    """Return a random secret, hex."""
    return secrets.token_bytes(SECRET_SIZE).hex()


def new_scratch(count: int) -> list[str]:
    """Return that many different random scratch codes of 40 bits, none all digits."""
    codes: set[str] = set()
    while len(codes) < count:
        code = "".join(secrets.choice(SCRATCH_ALPHABET) for _ in range(SCRATCH_LENGTH))
        if not code.isdigit():
            codes.add(code)
    return sorted(codes)


def scratch_draft(codes: list[str]) -> Draft:
    """Return codes as a token."""
    return Draft("scratch", "scratch", {"codes": sorted(codes), "bits": SCRATCH_STRONG})


def enrol(terminal: Terminal, draft: Draft, words: Words) -> Draft:
    """Show a token's QR and check a code from the app; return the draft with that code used.

    Raises RefusedError if its user quits.
    """
    if draft.kind == "motp":
        from otpauth.cli import mobile

        return mobile.enrol(terminal, draft, words)
    misses = 0
    message = ""
    while True:
        show(terminal, draft, words, _question(draft), message)
        typed = answer_of(terminal, "Code: ", fresh=not message)
        if typed == "?":
            message = _HELP
            continue
        seen, message = check(draft, typed, int(time.time()))
        if not message:
            return draft._replace(seen=seen)
        misses += 1
        if misses % 3 == 0:
            message += "\nis it another entry of the app?"


def answer_of(terminal: Terminal, question: str, *, echo: bool = True, fresh: bool = False) -> str:
    """Ask one question of the dialogue. Raises RefusedError if the answer is to stop."""
    typed = terminal.ask(question, echo=echo, fresh=fresh).strip()
    if typed.lower() == "q":
        raise RefusedError("stopped; nothing was changed")
    return typed


def show_again(terminal: Terminal, draft: Draft, words: Words) -> None:
    """Show a token's QR until Enter, for another app or a new phone of the same owner."""
    show(terminal, draft, words)
    terminal.ask("Enter clears the screen: ", echo=False, fresh=True)


def check(draft: Draft, typed: str, now: int) -> tuple[int, str]:
    """Compare a code with a draft; return the state it leaves, and what is wrong or nothing.

    Never says what would have been right.
    """
    code = answer.code(typed)
    length, digits = _shape(draft)
    if not answer.Candidate(code).fits(length, digits):
        return 0, _not_a_code(code, length, digits)
    if draft.kind == "hotp":
        return _check_counter(draft, code)
    return _check_time(draft, code, now)


def _check_time(draft: Draft, code: str, now: int) -> tuple[int, str]:
    period = token.period(draft)
    here = oath.time_step(now, period=period)
    reach = SKEW_SEEN // period
    fits = [step for step in range(here - reach, here + reach + 1) if _code(draft, step) == code]
    if not fits:
        return 0, "that is not the code of this entry"
    step = min(fits, key=lambda each: abs(each - here))
    if abs(step - here) <= token.steps(draft, WINDOW) // 2:
        return step, ""
    shown = time.strftime("%H:%M", time.localtime(step * period))
    minutes = round(abs(step - here) * period / 60)
    off = f"{minutes} min" if minutes < 100 else f"{round(minutes / 60)} h"
    way = "fast" if step > here else "slow"
    return 0, f"that was the code of {shown}: the phone is {off} {way}; switch automatic time on"


def _check_counter(draft: Draft, code: str) -> tuple[int, str]:
    for counter in range(draft.seen, draft.seen + hotp.LOOK_AHEAD):
        if _code(draft, counter) == code:
            return counter + 1, ""
    return 0, "that is not one of the first codes of this entry"


def _code(draft: Draft, moving: int) -> str:
    params = draft.params
    if draft.kind == "motp":
        return oath.motp(params["secret"], params["pin"], max(moving, 0))
    secret = bytes.fromhex(params["secret"])
    return oath.hotp(secret, max(moving, 0), digits=params["digits"], algorithm=params["algorithm"])


def _shape(draft: Draft) -> tuple[int, str]:
    """Return how many digits a code has, and which there are."""
    if draft.kind == "motp":
        return oath.MOTP_LENGTH, oath.MOTP_DIGITS
    return draft.params["digits"], "0123456789"


def _not_a_code(code: str, length: int, digits: str) -> str:
    if code and not code.strip(digits):
        unit = "digit" if len(code) == 1 else "digits"
        return f"that is {len(code)} {unit}; the app shows {length}"
    which = " 0 to 9, a to f" if len(digits) > 10 else ""
    return f"that is not a code; the app shows {length} digits{which}"


_HELP = (
    "Type the number that the app shows now for the new entry; any app for one-time\n"
    "passwords (TOTP) will do. q or ^C stops, and nothing is changed."
)


def show(
    terminal: Terminal, draft: Draft, words: Words, asked: tuple[str, ...] = (), message: str = ""
) -> None:
    """Paint the screen; a message goes below the QR, which must not scroll."""
    from otpauth.cli.terminal import beside

    columns, rows = terminal.size()
    told = [*_words(draft, words), *asked]
    if terminal.plain:
        terminal.write("\n".join([message] if message else told) + "\n")
        return
    if terminal.qr == "none":
        terminal.show([*told, *message.splitlines()])
        return
    utf8 = terminal.utf8 if terminal.qr == "auto" else terminal.qr == "utf8"
    drawing = _drawing(draft, words, utf8=utf8, rows=rows)
    if drawing.fits(columns, rows):
        told = beside(drawing.lines, told, left_width=drawing.width, columns=columns)
    else:
        told = [*told, "", "(the terminal is too small for the QR code: type the key instead)"]
    terminal.show([*told, *message.splitlines()], keep=1 if message else QUESTION_ROWS)


def _drawing(draft: Draft, words: Words, *, utf8: bool, rows: int) -> Drawing:
    """Draw the QR; where it would leave no room for questions, with a shorter label."""
    from otpauth.cli import qr

    drawing = qr.draw(address(draft, words), utf8=utf8)
    if len(drawing.lines) + QUESTION_ROWS > rows:
        short = uri.build(draft, issuer="", account=f"{words.account}@{words.issuer}"[:32])
        drawing = qr.draw(short, utf8=utf8)
    return drawing


def address(draft: Draft, words: Words) -> str:
    """Return the URI that the app is to scan."""
    return uri.build(draft, issuer=words.issuer, account=words.account)


def _words(draft: Draft, words: Words) -> list[str]:
    groups = uri.groups(uri.key(draft))
    keys = [" ".join(groups[start : start + 4]) for start in range(0, len(groups), 4)]
    title = f"otpauth {__version__.rpartition('.')[0]}"
    return [
        f"{title}    {words.user} on {words.host}",
        "",
        "1. Open your authenticator app,",
        "   press +, scan the code.",
        "   It will be called",
        f"     {words.issuer} ({words.account})" if words.issuer else f"     {words.account}",
        "   No camera? Type this key:",
        *(f"     {line}" for line in keys),
        *(f"   {line}" for line in _moving(draft)),
    ]


def _moving(draft: Draft) -> tuple[str, ...]:
    """Return what the app must be told where it takes no QR code."""
    params = draft.params
    if draft.kind == "motp":
        return ("mOTP, the key is its init-secret;", "or type that of the app below")
    if draft.kind == "hotp":
        return (f"counter-based, {params['digits']} digits,", params["algorithm"])
    told = f"time-based, {params['digits']} digits, {params['period']} s,"
    return (told, params["algorithm"])


def _question(draft: Draft) -> tuple[str, ...]:
    return (
        "",
        f"2. Type the {draft.params['digits']} digits",
        "   that the app shows now.",
        "   (? help  q quit, nothing changed)",
    )


def spelt(code: str) -> str:
    """Return a scratch code as people read it; the dash need not be typed."""
    return f"{code[:4]}-{code[4:]}"


def codes_told(terminal: Terminal, codes: list[str]) -> list[str]:
    """Return what is shown of scratch codes."""
    rows = [spelt(code) for code in codes]
    columns = 5 if terminal.size()[0] >= 72 else 3 if terminal.size()[0] >= 44 else 2
    lines = ["   ".join(rows[start : start + columns]) for start in range(0, len(rows), columns)]
    return [
        "Phone lost? Each of these works once. Write them down.",
        "",
        *(f"  {line}" for line in lines),
        "",
        "They are not shown again.",
    ]


def hand_out(terminal: Terminal, told: list[str], them: str = "them") -> None:
    """Show codes or a password until their owner says that he has them."""
    terminal.show(told)
    question = f"Enter when you have {them} (p prints {them}): "
    while terminal.ask(question, fresh=True).strip().lower() == "p":
        terminal.write(printed("\n".join([*told, ""])) + "\n")


def printed(sheet: str) -> str:
    """Send a sheet to the printer, over a pipe; return what came of it."""
    import subprocess

    try:
        done = subprocess.run(
            ["/usr/bin/lp", "-s", "-t", "otpauth"], input=sheet.encode(), check=False
        )
    except OSError:
        return "there is no printer here (/usr/bin/lp is missing)"
    return "printed" if done.returncode == 0 else "lp could not print"
