"""Lines with split: each above the password's, with one below that checks what it takes off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otpauth.doctor.finding import FAIL, Check, Fault
from otpauth.doctor.pamstack import PASSWORDS, SEE, asks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.doctor.ground import Ground
    from otpauth.stack import Line

CHECKED = "below the password: auth required pam_python.so pam_otpauth.py after_password"


def split_apart(ground: Ground) -> Iterator[Fault]:
    """Give lines with split that come too late, and those whose code no line checks."""
    for name, lines in ground.stacks.items():
        for place, each in enumerate(lines):
            if each.splits:
                yield from _above(each, lines[:place])
                yield from _below(each, lines[place + 1 :], name)


def _above(line: Line, above: tuple[Line, ...]) -> Iterator[Fault]:
    early = next((each for each in above if each.name in PASSWORDS), None)
    if early:
        text = f"{line.place} splits an answer that {early.name} at {early.place} had before"
        yield Fault(f"{text}: a code behind the password is refused", f"move it up; {SEE}")
    if line.name == "pam_exec.so":
        text = f"{line.place}: pam_exec.so cannot split an answer"
        yield Fault(text, "use pam_python.so for both lines")


def _below(line: Line, below: tuple[Line, ...], service: str) -> Iterator[Fault]:
    text = f"{line.place} takes the code off the password, and"
    asking = [each for each in below if each.asks]
    if not asking:
        text = f"{text} no line below checks it: the password alone lets into {service}"
        yield Fault(text, CHECKED)
    elif not any(_checks(each) for each in asking):
        text = f"{text} {asking[0].place} asks for it again: who typed it in one box is refused"
        yield Fault(text, CHECKED)


def _checks(line: Line) -> bool:
    """Say whether a line that asks gets to see what a line with split took off."""
    return line.name == "pam_python.so" and "after_password" in line.args


CHECKS: tuple[Check[Ground], ...] = (
    Check("pam-split", FAIL, "a code behind a password is seen, and checked", split_apart, asks),
)
