"""Hand PAM's calls to otpauth; see pam_otpauth(8).

pam_python compiles this file at every login, so it is short and imports nothing until a code is
asked for. It MUST NOT let an exception out (pam_python logs its text) nor return anything but a
known code as an exact int (pam_python takes False for PAM_SUCCESS).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIB = "@LIB@"
DEPS = LIB + "/deps"
if LIB.startswith("@"):  # not installed: the work tree itself
    LIB = __file__.rpartition("/pam/")[0] or "."
    DEPS = LIB + "/build/deps"

SUCCESS, AUTH_ERR, AUTHINFO_UNAVAIL, IGNORE = 0, 7, 9, 25
ANSWERS = frozenset((SUCCESS, AUTH_ERR, AUTHINFO_UNAVAIL, IGNORE))


def pam_sm_authenticate(pamh: Any, flags: int, argv: list[str]) -> int:
    """Return what otpauth.pam answers, PAM_AUTH_ERR if it answers nothing PAM may be told."""
    try:
        if LIB not in sys.path:
            sys.path[:0] = [LIB, DEPS]
        from otpauth.pam import authenticate

        answer = authenticate(pamh, flags, argv)
    except BaseException as fault:  # noqa: BLE001 -- nothing may reach pam_python
        note(type(fault).__name__)
        return AUTH_ERR
    if type(answer) is int and answer in ANSWERS:
        return answer
    note("answer")
    return AUTH_ERR


def note(fault: str) -> None:
    """Log the class of a fault, never its text, if that much of otpauth works."""
    try:
        from otpauth.log import line, send

        send(line(verdict="refuse", reason="INTERNAL_ERROR", fault=fault), warning=True)
    except BaseException:  # noqa: BLE001, S110 -- the refusal matters, not the note
        pass


def pam_sm_setcred(_pamh: object, _flags: int, _argv: list[str]) -> int:
    """Return PAM_SUCCESS: there are no credentials to set."""
    return SUCCESS


def ignore(_pamh: object, _flags: int, _argv: list[str]) -> int:
    """Return PAM_IGNORE: other modules decide."""
    return IGNORE


pam_sm_acct_mgmt = ignore
pam_sm_open_session = ignore
pam_sm_close_session = ignore
pam_sm_chauthtok = ignore
