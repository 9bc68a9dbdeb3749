"""What a person typed: spaces, dashes, widths and line ends do not change a code."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import answer, oath

SAME = {
    "plain": "123456",
    "space": "123 456",
    "dash": "123-456",
    "pasted_newline": "123456\n",
    "pasted_crlf": " 123456\r\n",
    "tab": "\t123456",
    "nbsp": "123\u00a0456",
    "narrow_nbsp": "123\u202f456",
    "ideographic_space": "123\u3000456",
    "full_width": "\uff11\uff12\uff13\uff14\uff15\uff16",
    "full_width_dash": "123\uff0d456",
    "hyphen": "123\u2010456",
    "hyphen_non_breaking": "123\u2011456",
    "en_dash": "123\u2013456",
    "mathematical": "\U0001d7cf\U0001d7d0\U0001d7d1456",
}
NO_CODE = {
    "nothing": "",
    "white_space": " \r\n",
    "dashes": "---",
    "10_kb": "1" * 10_240,
    "10_kb_of_full_width": "\uff11" * 10_240,
    "comma": "123,456",
    "arabic_indic": "\u0661\u0662\u0663\u0664\u0665\u0666",
    "letter_not_ascii": "12345ä",
    "nul": "123456\0",
    "escape": "\x1b[31m123456",
    "lone_surrogate": "\udc80123456",
    "ligature": "\ufdfa" * 20,
}


@pytest.mark.parametrize("name", SAME)
def test_same_code(name: str) -> None:
    """However it is spelt or pasted, it is the code 123456."""
    assert answer.code(SAME[name]) == "123456"


@pytest.mark.parametrize("name", NO_CODE)
def test_no_code(name: str) -> None:
    """What cannot be a code is the empty string."""
    assert answer.code(NO_CODE[name]) == ""


def test_none() -> None:
    """No answer at all is no code."""
    assert answer.code(None) == ""


def test_letters() -> None:
    """A scratch code may be typed in capitals and with its dash."""
    assert answer.code("K7MQ-X2VD\n") == "k7mqx2vd"


@settings(max_examples=500, deadline=None)
@given(st.text(st.characters(), max_size=200))
def test_any_text(typed: str) -> None:
    """Any text gives small ASCII letters and digits; once more changes nothing."""
    code = answer.code(typed)
    assert code == "" or (code.isascii() and code.isalnum() and code == code.lower())
    assert len(code) > answer.TYPED_MAX or answer.code(code) == code


TAILS = {
    "hunter-482913": [("482913", "hunter-")],
    "hunter482913": [("482913", "hunter"), ("er482913", "hunt")],
    "482913": [("482913", "")],
    "pw12345678": [("345678", "pw12"), ("12345678", "pw"), ("2345678", "pw1")],
    "hunter2k7mq-x2vd": [("k7mqx2vd", "hunter2")],
    "hunter2K7MQX2VD": [("k7mqx2vd", "hunter2")],
    "hunter2 482913": [("482913", "hunter2 ")],
    "482913 ": [],
    "hunter2": [],
    "": [],
}


@pytest.mark.parametrize("typed", TAILS)
def test_tails(typed: str) -> None:
    """A password with a code at its end gives that code, six digits first, and what it is."""
    found = answer.tails(typed, bare=True)
    assert [(each.code, each.prefix) for each in found] == TAILS[typed]


def test_tails_of_a_password_alone() -> None:
    """In what may be a password alone, eight letters are not taken for a scratch code."""
    assert answer.tails("correcthorse", bare=False) == ()
    assert [each.code for each in answer.tails("correcthorse", bare=True)] == ["recthorse"[1:]]
    assert answer.tails("horse-k7mq-x2vd", bare=False)[0].prefix == "horse-"


def test_a_candidate_is_not_shown() -> None:
    """Neither code nor password is in a repr."""
    (each,) = answer.alone("482913")
    assert "482913" not in repr(each)
    assert "hunter2" not in repr(answer.tails("hunter2482913", bare=True))


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(), max_size=40), st.booleans())
def test_any_tail(typed: str, bare: bool) -> None:  # noqa: FBT001 -- drawn by name
    """Prefix and code put together are what was typed, but for comma, dashes and capitals."""
    for each in answer.tails(typed, bare=bare):
        assert typed.startswith(each.prefix)
        tail = typed[len(each.prefix) :].removeprefix(",")
        assert tail.replace("-", "").lower() == each.code


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("hunter2,a1B2c3", [("a1b2c3", "hunter2")]),
        ("hunter2a1b2c3", []),
        ("hunter2,482913", [("482913", "hunter2,"), ("482913", "hunter2")]),
        ("hunter2,K7mq3-x2vd9-wtr4h-c3fys", [("k7mq3x2vd9wtr4hc3fys", "hunter2")]),
        ("k7mq3-x2vd9-wtr4h-c3fys", [("k7mq3x2vd9wtr4hc3fys", "")]),
        ("hunter2k7mq3-x2vd9-wtr4h-c3fys", []),
        (",k7mq3x2vd9wtr4hc3fys", [("k7mq3x2vd9wtr4hc3fys", "")]),
    ],
)
def test_tails_behind_a_comma(typed: str, found: list[tuple[str, str]]) -> None:
    """Six hexadecimal digits need a comma before them, an app password that or nothing."""
    assert [(e.code, e.prefix) for e in answer.tails(typed, bare=False)] == found


SIX = answer.Shapes((6,), scratch=True)
EIGHT = answer.Shapes((8, 7), scratch=False)
PAPER = answer.Shapes((), scratch=True)
CLIENT = answer.Shapes((6,), scratch=False, hashes=(64, 16))
MOTP = answer.Shapes((), scratch=False, hexadecimal=True)
STATIC = answer.Shapes((6,), scratch=False, static=True)
PARTED = [
    (CLIENT, f"hunter2,{'0a' * 32}", ("0a" * 32, "hunter2")),
    (CLIENT, f"hunter2,{'1' * 16}", ("1" * 16, "hunter2")),
    (CLIENT, f"hunter2,{'0a' * 16}", None),
    (CLIENT, f"hunter2,{'0g' * 8}", None),
    (CLIENT, f"hunter2{'0a' * 32}", None),
    (SIX, f"hunter2,{'0a' * 8}", None),
    (SIX, "hunter2482913", ("482913", "hunter2")),
    (SIX, "hunter2,482913", ("482913", "hunter2")),
    (SIX, "hunter2,482 913\n", ("482913", "hunter2")),
    (SIX, "hunter2000000482913", ("482913", "hunter2000000")),
    (SIX, "hunter2000000,482913", ("482913", "hunter2000000")),
    (SIX, "a,b,482913", ("482913", "a,b")),
    (SIX, "a,b482913", ("482913", "a,b")),
    (SIX, "a,123456482913", ("482913", "a,123456")),
    (SIX, "hunter2,,482913", ("482913", "hunter2,")),
    (SIX, ",482913", ("482913", "")),
    (
        SIX,
        "\u043f\u0430\u0440\u043e\u043b\u044c482913",
        ("482913", "\u043f\u0430\u0440\u043e\u043b\u044c"),
    ),
    (SIX, "hunter2,K7MQ-x2vd", ("k7mqx2vd", "hunter2")),
    (SIX, "hunter2,1234-5678", ("12345678", "hunter2")),
    (SIX, "hunter2,12345678", ("12345678", "hunter2")),
    (SIX, "hunter2", None),
    (SIX, "", None),
    (SIX, "482913", None),
    (SIX, "hunter2482913 ", None),
    (SIX, "hunter2k7mq-x2vd", None),
    (SIX, "horse,elephant", None),
    (SIX, "hunter2,", None),
    (SIX, "hunter2,48291", None),
    (SIX, "hunter\u0661\u0662\u0663\u0664\u0665\u0666", None),
    (SIX, "x" * 510 + "482913", None),
    (EIGHT, "hunter2,482913", None),
    (EIGHT, "hunter2482913", None),
    (EIGHT, "hunter48291300", ("48291300", "hunter")),
    (EIGHT, "hunter,4829130", ("4829130", "hunter")),
    (EIGHT, "hunter2,k7mq-x2vd", None),
    (PAPER, "hunter2482913", None),
    (PAPER, "hunter2,482913", None),
    (PAPER, "hunter2,k7mq-x2vd", ("k7mqx2vd", "hunter2")),
    (MOTP, "hunter2,a1B2 c3", ("a1b2c3", "hunter2")),
    (MOTP, "hunter2,482913", ("482913", "hunter2")),
    (MOTP, "hunter2a1b2c3", None),
    (MOTP, "hunter2482913", None),
    (MOTP, "hunter2,a1b2g3", None),
    (MOTP, "hunter2,a1b2c3d4", None),
    (SIX, "hunter2,a1b2c3", None),
    (STATIC, "hunter2,k7mq3-x2vd9-wtr4h-c3fys", ("k7mq3x2vd9wtr4hc3fys", "hunter2")),
    (STATIC, "hunter2,k7mq3-x2vd9-wtr4h-c3fy", None),
    (STATIC, "k7mq3-x2vd9-wtr4h-c3fys", None),
    (SIX, "hunter2,k7mq3-x2vd9-wtr4h-c3fys", None),
]


@pytest.mark.parametrize(("shapes", "typed", "found"), PARTED)
def test_parted(shapes: answer.Shapes, typed: str, found: tuple[str, str] | None) -> None:
    """Behind a password stands a code of these shapes: any of them behind a comma, else digits."""
    each = answer.parted(typed, shapes)
    assert (each and (each.code, each.prefix)) == found


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(), max_size=40), st.sampled_from(["482913", "48291300", "k7mq-x2vd"]))
def test_a_comma_parts_any_password(password: str, code: str) -> None:
    """Whatever the password, with a comma and a code behind it both are had back as they were."""
    found = answer.parted(f"{password},{code}", answer.Shapes((6, 8), scratch=True))
    assert found == answer.Candidate(code.replace("-", ""), password)


@settings(max_examples=500, deadline=None)
@given(
    st.from_regex(r".{0,9},?[0-9a-z-]{0,9}", fullmatch=True),
    st.sampled_from([SIX, EIGHT, PAPER, MOTP, STATIC]),
)
def test_nothing_is_lost_in_parting(typed: str, shapes: answer.Shapes) -> None:
    """What is not taken for a code begins the answer, and only a comma may lie between."""
    found = answer.parted(typed, shapes)
    if found:
        assert typed.startswith(found.prefix)
        assert answer.code(typed[len(found.prefix) :].removeprefix(",")) == found.code


def test_a_code_that_a_client_changed() -> None:
    """What a trusted client made of a code equals what it makes of the same code, and no other."""
    changed = answer.Candidate("654321", form=lambda code: code[::-1])
    assert changed.equals("123456")
    assert not changed.equals("654321")
    assert changed.fits(8)
    assert not answer.Candidate("654321").fits(8)
    assert answer.Candidate("a1b2c3").fits(6, oath.MOTP_DIGITS)
    assert not answer.Candidate("a1b2c3").fits(6)
    assert not answer.Candidate("a1b2g3").fits(6, oath.MOTP_DIGITS)
