"""Lists on paper: each password once, only by its number, typed as people type it."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otpauth import answer, login, token
from otpauth.kinds import ACCEPTED, USED, WRONG, Match, paper
from otpauth.state import State
from tests import samples
from tests.samples import LIST_PASSWORDS, MARKS, NOW

(TOKEN,) = samples.account(samples.list_draft(prefix="Blue Horse")).ordered()
NOTHING = State()
PASSWORD = f"bluehorse{LIST_PASSWORDS[71]}"


def match(typed: str, number: int | None = 71, held: State = NOTHING) -> Match | None:
    """Compare an answer with the password of the number asked for; None: nobody asked."""
    numbers = None if number is None else {TOKEN.id: number}
    return paper.match(TOKEN, held, typed, numbers=numbers, marks=MARKS)


def result(typed: str, number: int | None = 71, held: State = NOTHING) -> str:
    """Return what comparing gave, `-` if nothing was compared."""
    found = match(typed, number, held)
    return found.result if found else "-"


@pytest.mark.parametrize("number", LIST_PASSWORDS)
def test_each_once(number: int) -> None:
    """Each password is accepted once, at its number, and the others are not touched by it."""
    found = match(f"bluehorse{LIST_PASSWORDS[number]}", number)
    assert found
    assert found.result == ACCEPTED
    assert result(f"bluehorse{LIST_PASSWORDS[number]}", number, found.state) == USED
    rest = set(LIST_PASSWORDS) - {number}
    assert set(paper.order(TOKEN, found.state)) == rest
    assert token.left(TOKEN, found.state.used[TOKEN.id]) == len(rest)
    for other in rest:
        assert result(f"bluehorse{LIST_PASSWORDS[other]}", other, found.state) == ACCEPTED


@pytest.mark.parametrize(
    "typed",
    [
        "bluehorse damuh hidum",
        " Blue-Horse DamuhHidum\n",
        "BLUE HORSEdamuh-hidum",
        "\uff42\uff4c\uff55\uff45 horse damuh hidum",
        "71 bluehorsedamuhhidum",
        "071: blue horse damuh hidum",
    ],
)
def test_typed(typed: str) -> None:
    """Blanks, dashes, capitals, full-width letters and the number in front do not matter."""
    assert result(typed) == ACCEPTED


@pytest.mark.parametrize(
    "typed",
    ["damuh hidum", "redhorse damuh hidum", "bluehorse lusab babad", "72 bluehorse damuh hidum"],
)
def test_wrong(typed: str) -> None:
    """Without the prefix, with another, with another number's password: wrong."""
    assert result(typed) == WRONG


@pytest.mark.parametrize("typed", ["", "damuh", "123456", "hunter2!", "damuh hidu5", "\0", "é" * 9])
def test_shape(typed: str) -> None:
    """What does not end in as many letters as a password has is not compared, nor charged."""
    assert result(typed) == "-"


@pytest.mark.parametrize("number", [70, 1, 101, 999])
def test_no_such_number(number: int) -> None:
    """For a number that the list has not nothing is compared."""
    assert result(PASSWORD, number) == "-"


def test_unasked() -> None:
    """Where nobody asked, a password counts with its number in front and not without."""
    assert result(PASSWORD, None) == "-"
    assert result(f"71 {PASSWORD}", None) == ACCEPTED
    assert result(f"7 {PASSWORD}", None) == WRONG
    assert paper.match(TOKEN, State(), f"71 {PASSWORD}", numbers={}, marks=MARKS) is None


def test_order() -> None:
    """Numbers are asked for in an order that is the same until they are used, and not theirs."""
    first = paper.order(TOKEN, State())
    assert sorted(first) == sorted(LIST_PASSWORDS)
    found = match(f"bluehorse{LIST_PASSWORDS[first[1]]}", first[1])
    assert found
    assert paper.order(TOKEN, found.state) == (first[0], *first[2:])
    orders = set()
    for prefix in "abcdefgh":
        (each,) = samples.account(samples.list_draft(prefix=prefix)).ordered()
        orders.add(paper.order(each, State()))
    assert len(orders) > 1


@pytest.mark.parametrize(("form", "typed"), [("base32", "OIL0 abcd"), ("digits", "O123 45l7")])
def test_look_alikes(form: str, typed: str) -> None:
    """In base32 and digits letters that look like digits are those digits, as in the prefix."""
    plain = typed.lower().translate(str.maketrans("ilo", "110"))
    made = paper.digest(typed, form=form, length=8)
    assert made
    assert made == paper.digest(plain, form=form, length=8)
    assert paper.digest("lil o" + typed, form=form, length=8) == paper.digest(
        "1110" + plain, form=form, length=8
    )


def test_only_hashes_are_kept() -> None:
    """Neither password nor digest is in a token, and another host's key makes other hashes."""
    kept = " ".join(TOKEN.params["codes"])
    made = paper.digest(PASSWORD, form="words", length=10)
    assert made not in kept
    found = paper.match(
        TOKEN, State(), PASSWORD, numbers={TOKEN.id: 71}, marks=MARKS._replace(key=bytes(32))
    )
    assert found
    assert found.result == WRONG


# OTPW's own way of reading


def otpw(prefix: str, password: str) -> str:
    """Return what OTPW's hash of a prefix and a normalised password is."""
    return hashlib.new("ripemd160", (prefix + password).encode()).digest()[:9].hex()


@pytest.mark.parametrize(
    ("typed", "prefix", "password"),
    [
        ("geheimuUFq zMdW", "geheim", "uUFqzMdW"),
        ("My pre fix uUFq zMdW", "My pre fix ", "uUFqzMdW"),
        ("xl1|0\\ab+", "", "xIIIO/ab+"[:9]),
        ("puUFqx\bzMdW", "p", "uUFqzMdW"),
        ("puUFqxy\x7f\x7fzMdW", "p", "uUFqzMdW"),
        ("l0uUFq-zMdW", "l0", "uUFqzMdW"),
    ],
)
def test_otpw(typed: str, prefix: str, password: str) -> None:
    """The password is read from the end, its look-alikes are one, the prefix is verbatim."""
    made = paper.digest(typed, form="otpw", length=len(password))
    assert made == otpw(prefix, password)


def test_otpw_shape() -> None:
    """Fewer characters than a password has are not compared."""
    assert paper.digest("uUFq zMd", form="otpw", length=8) == ""


def test_without_ripemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenSSL has no RIPEMD-160 no password of such a list is compared."""

    def missing(name: str, _: bytes) -> None:
        raise ValueError(f"unsupported hash type {name}")

    monkeypatch.setattr(hashlib, "new", missing)
    assert paper.digest("geheimuUFq zMdW", form="otpw", length=8) == ""


@given(st.text(max_size=60), st.sampled_from(token.LIST_FORMS), st.integers(5, 20))
def test_any_answer(typed: str, form: str, length: int) -> None:
    """Whatever is typed gives 72 bits or nothing, the same each time."""
    made = paper.digest(typed, form=form, length=length)
    assert made == paper.digest(typed, form=form, length=length)
    assert len(made) in (0, 18)


# In a login


def test_charged() -> None:
    """A wrong password is charged, the same again within a minute is not, a shapeless one not."""
    held = samples.account(samples.list_draft())
    (each,) = held.ordered()
    asked = login.Asked("Password 071 from list 'paper': ", {each.id: 71})
    for typed, events in (("babad babad", 1), ("babad babad", 1), ("x", 1), ("babad gutih", 2)):
        outcome = samples.decide(held, typed, asked=asked, first_factor="publickey")
        held = samples.after(outcome, held)
        assert samples.events_of(held) == events, typed
        assert outcome.again.endswith(asked.prompt)


def test_told() -> None:
    """After a login its owner reads how many are left, and what to do when they are few."""
    held = samples.account(samples.list_draft())
    (each,) = held.ordered()
    for below, more in ((0, ""), (4, "; print a new one: otpauth replace paper")):
        outcome = samples.decide(
            held,
            LIST_PASSWORDS[71],
            rule=samples.RULE._replace(list_warn_below=below),
            asked=login.Asked("", {each.id: 71}),
            first_factor="publickey",
        )
        assert outcome.reason == "AUTH_OK_OTP"
        assert outcome.say[-1] == f"otpauth: 3 of 4 passwords left on list 'paper'{more}"


def test_known_place() -> None:
    """A list password makes a place known, as the codes of devices do."""
    held = samples.account(samples.list_draft())
    outcome = samples.decide(held, f"71 {LIST_PASSWORDS[71]}")
    assert outcome.record
    assert outcome.record.state.known == {samples.ADDRESS: NOW}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("071 lusab babad", (71, "lusab babad")),
        ("7: x", (7, "x")),
        ("7:x", (7, "x")),
        ("  12\tx ", (12, "x ")),
        ("123 456", (123, "456")),
        ("123456", None),
        ("1234 x", None),
        ("7", None),
        ("7 ", None),
        ("7x", None),
        ("\u0667 x", None),
    ],
)
def test_numbered(typed: str, found: object) -> None:
    """A number in front is one to three digits and a blank or a colon."""
    assert answer.numbered(typed) == found
