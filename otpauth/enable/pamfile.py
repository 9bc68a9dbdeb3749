"""A service's file in /etc/pam.d with our lines in it, and without them, as bytes.

Every other byte stays what and where it is, and what is put in is taken out again by the text
alone: the line of our module is known by the module, a line that goes with it by the comment at
its end, and the line in whose place ours stands is kept behind a comment at its beginning. Files
that are included are read and never changed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from otpauth import services, stack
from otpauth.doctor.pamstack import PASSWORDS, actions, password_demanded
from otpauth.enable.wanted import KEY, ONE_BOX
from otpauth.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from otpauth.enable.wanted import Wanted
    from otpauth.stack import Line, Part

MODULE = "auth required pam_python.so pam_otpauth.py"
SPLIT = "auth optional pam_python.so pam_otpauth.py split"  # and what our other line says
MARK = " # otpauth"
HELD = "#otpauth: "
PERMIT = f"auth required pam_permit.so{MARK}"
MANAGED = ("after_password", "split")
UNTIL = "nullok=until:"
BY_HAND = "write the lines by hand, see pam_otpauth(8), EXAMPLES"


class _Bare(NamedTuple):
    """A file without our lines, what its auth stack comes to, and what is wanted of it."""

    lines: list[str]
    found: tuple[Part, ...]
    wanted: Wanted
    kept: list[str]  # what an earlier line of ours was told besides
    folder: str

    @property
    def passwords(self) -> list[int]:
        """The places of the statements that ask for a password."""
        return [place for place, part in enumerate(self.found) if _asks_password(part)]


def put(data: bytes, wanted: Wanted, *, folder: str = stack.FOLDER) -> bytes:
    """Return the file with our lines as wanted; older ones of ours go. Raises RefusedError."""
    kept = _own_words(data, wanted.service, folder)
    text = _text(take_out(data, wanted.service, folder=folder))
    found = stack.parts(text, wanted.service, folder=folder)
    bare = _Bare(text.split("\n"), found, wanted, kept, folder)
    _check_included(bare)
    lines = _in_place_of_password(bare) if wanted.first == KEY else _behind_password(bare)
    made = "\n".join(lines)
    same = _sense(made, wanted.service, folder) == _sense(_text(data), wanted.service, folder)
    return data if same else _bytes(made)


def take_out(data: bytes, service: str, *, folder: str = stack.FOLDER) -> bytes:
    """Return the file without any line of ours. Raises RefusedError if others jump over it."""
    text = _text(data)
    lines: list[str | None] = list(text.split("\n"))
    found = stack.parts(text, service, folder=folder)
    ours = [part.first for part in found if _is_ours(part.words, lines[part.last])]
    for place, part in enumerate(found):
        if part.first in ours:
            _check_not_jumped(found, place, but=ours)
    for first, last, words in stack.statements(text):
        if _is_ours(words, lines[last]):
            lines[first : last + 1] = [None] * (last + 1 - first)
    left = [each.removeprefix(HELD) for each in lines if each is not None]
    return _bytes("\n".join(left))


def _in_place_of_password(bare: _Bare) -> list[str]:
    """Put the code in the place of the password: a key was demanded before."""
    ours = [_module(bare), *([PERMIT] if bare.wanted.ignores else [])]
    guarded = _guarded(ours, bare.wanted)
    if not bare.passwords:
        return _inserted(bare.lines, _first_place(bare), guarded)
    place = bare.passwords[0]
    part = bare.found[place]
    _check_replaceable(bare, part)
    if bare.wanted.group:
        guarded = [_jump("ingroup", bare.wanted.group, 1), _theirs(part), *guarded]
    held = [HELD + each for each in bare.lines[part.first : part.last + 1]]
    return [*bare.lines[: part.first], *held, *guarded, *bare.lines[part.last + 1 :]]


def _first_place(bare: _Bare) -> int:
    """Return the line for a code that nothing is asked before."""
    if bare.found:
        _check_not_jumped(bare.found, len(bare.found))
        return bare.found[-1].last + 1
    starts = [first for first, _, _ in stack.statements("\n".join(bare.lines))]
    return starts[0] if starts else len(bare.lines) - (not bare.lines[-1])


def _check_replaceable(bare: _Bare, part: Part) -> None:
    """Refuse to put a code in the place of what does more than to ask for a password."""
    place = bare.passwords[0]
    if len(bare.passwords) > 1:
        raise RefusedError(f"{part.place}: it is not the only line with a password", hint=BY_HAND)
    _check_not_jumped(bare.found, place)
    _check_not_jumped(bare.found, place + 1)
    for kind in ("account", "session", "password"):
        others = stack.parts("\n".join(bare.lines), bare.wanted.service, kind, folder=bare.folder)
        if any(each.first == part.first for each in others):
            raise RefusedError(f"{part.place} includes lines of type {kind}, too", hint=BY_HAND)


def _behind_password(bare: _Bare) -> list[str]:
    """Put the code behind the password, or behind all there is if none is asked."""
    service, found = bare.wanted.service, bare.found
    if not found:
        raise RefusedError(f"{service!r} has no auth line of its own", hint=BY_HAND)
    place = (bare.passwords or [len(found) - 1])[-1] + 1
    while place < len(found) and _jumping(found, place):
        place += 1
    _check_not_jumped(found, place)
    demanded = password_demanded(tuple(line for part in found[:place] for line in part.lines))
    words = ["after_password"] if demanded else []
    ours = _guarded([_module(bare, *words)], bare.wanted)
    lines = _inserted(bare.lines, found[place - 1].last + 1, ours)
    if bare.wanted.first != ONE_BOX:
        return lines
    if not demanded:
        raise RefusedError(
            f"{found[0].place}: nothing stops {service} after a wrong password",
            hint="--one-box needs a requisite password, as in Debian's common-auth",
        )
    _check_not_jumped(found, bare.passwords[0])
    split = _guarded([" ".join([SPLIT, *bare.kept])], bare.wanted)
    return _inserted(lines, found[bare.passwords[0]].first, split)


def _module(bare: _Bare, *words: str) -> str:
    until = [UNTIL + bare.wanted.until] if bare.wanted.until else []
    return " ".join([MODULE, *words, *bare.kept, *until])


def _guarded(ours: list[str], wanted: Wanted) -> list[str]:
    """Return lines with one above that leads all but the group past them."""
    return [_jump("notingroup", wanted.group, len(ours)), *ours] if wanted.group else ours


def _jump(test: str, group: str, number: int) -> str:
    control = f"[success={number} default=ignore]"
    return f"auth {control} pam_succeed_if.so quiet user {test} {group}{MARK}"


def _theirs(part: Part) -> str:
    """Return the password's line for those who are not asked: what ends in it ends it alone."""
    if part.includes:
        return f"auth substack {part.includes}{MARK}"
    return " ".join(part.words) + MARK


def _inserted(lines: list[str], place: int, new: list[str]) -> list[str]:
    return [*lines[:place], *new, *lines[place:]]


def _sense(text: str, service: str, folder: str) -> list[tuple[object, ...]]:
    """Return what PAM makes of a text, wherever in it its lines stand."""
    found = stack.parts(text, service, folder=folder)
    return [line._replace(number=0) for part in found for line in part.lines]


def _asks_password(part: Part) -> bool:
    return any(line.name in PASSWORDS for line in part.lines)


def _jumping(found: Sequence[Part], place: int, but: Sequence[int] = ()) -> Line | None:
    """Return a line that leads past what is, or would be, put before the statement at a place.

    Statements that begin at the lines `but` may.
    """
    if not found:
        return None
    lines = tuple(line for part in found for line in part.lines)
    lines += (lines[-1]._replace(inside=()),)  # what a jump past all the others would reach
    owners = [part.first for part in found for _ in part.lines]
    end = sum(len(part.lines) for part in found[:place])
    for number, line in enumerate(lines[:end]):
        jumps = [int(each) for each in actions(line.control).values() if each.isdigit()]
        past = any(stack.landing(lines, number, each) > end for each in jumps)
        if past and owners[number] not in but and not line.inside:
            return line
    return None


def _check_not_jumped(found: Sequence[Part], place: int, but: Sequence[int] = ()) -> None:
    line = _jumping(found, place, but)
    if line:
        raise RefusedError(
            f"{line.place}: {line.name} with {line.control!r} leads past the line of the code",
            hint=BY_HAND,
        )


def _check_included(bare: _Bare) -> None:
    """Refuse where the lines of another service are included, or ask for the code already."""
    for part in bare.found:
        if part.includes in services.WELL_KNOWN:
            raise RefusedError(
                f"{part.place} takes the auth lines of {part.includes}",
                hint=f"otpauth-admin enable {part.includes}",
            )
        for line in part.lines:
            if line.ours:
                raise RefusedError(
                    f"{line.place} asks for a code already", hint="take that line out first"
                )


def _own_words(data: bytes, service: str, folder: str) -> list[str]:
    """Return what an earlier line of ours was told besides what `enable` says itself."""
    for part in stack.parts(_text(data), service, folder=folder):
        if _names_us(part.words):
            names = [os.path.basename(word) for word in part.words]
            if stack.PROGRAM in names:
                raise RefusedError(f"{part.place} asks through pam_exec already", hint=BY_HAND)
            words = part.words[names.index(stack.MODULE) + 1 :]
            if "split" not in words:
                return [each for each in words if each not in MANAGED and UNTIL not in each]
    return []


def _is_ours(words: Sequence[str], line: str | None) -> bool:
    return _names_us(words) or bool(line and line.endswith(MARK))


def _names_us(words: Sequence[str]) -> bool:
    return any(os.path.basename(each) in (stack.MODULE, stack.PROGRAM) for each in words)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
