"""App passwords: right again and again, and nothing comes of it but the login."""

from __future__ import annotations

import pytest

from otpauth import answer
from otpauth.answer import Candidate
from otpauth.kinds import ACCEPTED, WRONG, password
from otpauth.state import State
from tests import samples
from tests.samples import APP_PASSWORD, MARKS

(TOKEN,) = samples.account(samples.password_draft()).ordered()


@pytest.mark.parametrize(
    "typed",
    [
        APP_PASSWORD,
        "k7mq3-x2vd9-wtr4h-c3fys",
        " K7MQ3 X2VD9 WTR4H C3FYS\n",
        "k7mq3-x2vd9-wtr4h-c3fys".replace("-", "\u2010"),
    ],
)
def test_right(typed: str) -> None:
    """Dashes, blanks and capitals do not matter, and being used changes nothing."""
    held = State()
    found = password.match(TOKEN, held, Candidate(answer.code(typed)), marks=MARKS)
    assert found
    assert (found.result, found.state) == (ACCEPTED, held)


def test_look_alikes() -> None:
    """A letter that looks like a digit is read as that."""
    (each,) = samples.account(samples.password_draft(code="10" * 10)).ordered()
    for typed in ("il" * 5 + "0o" * 5, "lo" * 10):
        found = password.match(each, State(), Candidate(typed), marks=MARKS)
        assert found
        assert (found.result == ACCEPTED) == (typed == "lo" * 10)


def test_wrong() -> None:
    """Another password of its shape is wrong, also that of another token."""
    for typed in ("0" * 20, APP_PASSWORD[::-1]):
        found = password.match(TOKEN, State(), Candidate(typed), marks=MARKS)
        assert found
        assert found.result == WRONG


@pytest.mark.parametrize("typed", ["", "482913", APP_PASSWORD[1:], APP_PASSWORD + "0", "u" * 20])
def test_shape(typed: str) -> None:
    """What has another shape is not compared."""
    assert password.match(TOKEN, State(), Candidate(typed), marks=MARKS) is None


def test_not_for_trusted_clients() -> None:
    """What a trusted client made of a code is not compared: the host does not have the password."""
    made = Candidate(APP_PASSWORD, form=lambda code: code)
    assert password.match(TOKEN, State(), made, marks=MARKS) is None


def test_kept_as_hash() -> None:
    """Nothing of the password is in the token, and two tokens never have the same hash."""
    assert APP_PASSWORD not in str(tuple(TOKEN))
    assert MARKS.code(TOKEN.id, APP_PASSWORD) == TOKEN.params["codes"][0]
    assert MARKS.code("0" * 16, APP_PASSWORD) != TOKEN.params["codes"][0]
