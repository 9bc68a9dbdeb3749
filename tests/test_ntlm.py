"""What NTLM makes of a password, by published vectors; responses compared with codes."""

from __future__ import annotations

import sys
from typing import NamedTuple

import pytest

from otpauth import ntlm
from otpauth.answer import Candidate
from otpauth.errors import FormatError, NtlmMissingError
from otpauth.policy import Span
from tests import samples
from tests.samples import APP_PASSWORD, NOW, RULE, after, code_at, code_of, decide, wrong_code

CHALLENGE = "d02e4386bce91226"
ON = RULE._replace(ntlm=True)
HELD = samples.account(samples.totp_draft(), samples.hotp_draft(), samples.scratch_draft())


class Vector(NamedTuple):
    """A password, and what a document says becomes of it."""

    password: str
    nt_hash: str
    challenge: str
    response: str
    nt_key: str


VECTORS = {
    "RFC 2759 9.2": Vector(
        "clientPass",
        "44ebba8d5312b8d611474411f56989ae",
        "d02e4386bce91226",
        "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df",
        "41C00C584BD2D91C4017A2A12FA59F3F",
    ),
    "MS-NLMP 4.2.2": Vector(
        "Password",
        "a4f49c406510bdcab6824ee7c30fd852",
        "0123456789abcdef",
        "67c43011f30298a2ad35ece64f16331c44bdbed927841f94",
        "D87262B0CDE4B1CB7499BECCCDF10784",
    ),
    "RFC 2433 appendix B": Vector(
        "MyPw",
        "fc156af7edcd6c0edde3337d427f4eac",
        "102db5df085d3041",
        "4e9d3c8f9cfd385d5bf4d3246791956ca4c351ab409a3d61",
        "874FB0693E18106A814481BC51CD7D37",
    ),
    "OTPme's guide": Vector(
        "8784c7",
        "9e67ee33055ba40acb2b852a605bbcdf",
        "3f58375faf829603",
        "97782e415a958e11d6790387147c15b3ac5bf277be9f95e3",
        "4B08626DED20567648A3C1B09A35044C",
    ),
}


def response(code: str, challenge: str = CHALLENGE) -> ntlm.Response:
    """Return a client's response, if this is what was typed there."""
    made = ntlm.response(ntlm.nt_hash(code), bytes.fromhex(challenge))
    return ntlm.Response(challenge, made.hex())


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_vectors(vector: Vector) -> None:
    """Hash, response and session key are those of the documents."""
    assert ntlm.nt_hash(vector.password) == vector.nt_hash
    made = ntlm.response(vector.nt_hash, bytes.fromhex(vector.challenge))
    assert made.hex() == vector.response
    assert ntlm.session_key(vector.nt_hash) == vector.nt_key


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_the_key_is_that_of_the_password_that_fits(vector: Vector) -> None:
    """Of passwords in any order, the one that fits gives the session key, and the others none."""
    one = ntlm.Response(vector.challenge, vector.response.upper())
    candidate = one.candidate()
    assert not candidate.equals(vector.password.lower() + "x")
    assert one.key() == ""
    assert candidate.equals(vector.password)
    assert not candidate.equals("000000")
    assert one.key() == vector.nt_key


def test_a_hash_fits_as_its_password_does() -> None:
    """An NT hash that is kept is compared as the password is; none and another one fit nothing."""
    one = response("k7mq3x2vd9")
    candidate = one.candidate()
    for other in ("", ntlm.nt_hash("k7mq3x2vd8")):
        assert not candidate.equals_hashed(other)
    assert one.key() == ""
    assert candidate.equals_hashed(ntlm.nt_hash("k7mq3x2vd9"))
    assert one.key() == ntlm.session_key(ntlm.nt_hash("k7mq3x2vd9"))


def test_no_hash_is_no_hash_of_zeros() -> None:
    """Where no NT hash is kept a response to one of zeros, which anybody can make, does not fit."""
    made = ntlm.response("", bytes.fromhex(CHALLENGE)).hex()
    assert made == ntlm.response("00" * 16, bytes.fromhex(CHALLENGE)).hex()
    assert not ntlm.Response(CHALLENGE, made).candidate().equals_hashed("")


def test_without_a_client_that_hashes_no_hash_fits() -> None:
    """What a person types is compared with no NT hash, whatever he types."""
    hashed = ntlm.nt_hash("123456")
    for typed in ("", "123456", hashed):
        assert not Candidate(typed, whole=typed).equals_hashed(hashed)
        assert not Candidate(typed, whole=typed).equals_hashed("")


@pytest.mark.parametrize(
    ("challenge", "given"),
    [
        ("", "00" * 24),
        ("00" * 7, "00" * 24),
        ("00" * 8, "00" * 23),
        ("00" * 8, ""),
        ("zz" * 8, "00" * 24),
        ("\N{ARABIC-INDIC DIGIT ONE}0" * 8, "00" * 24),
        ("00" * 9, "00" * 24),
        ("00" * 8, "00" * 1_000_000),
    ],
)
def test_what_is_no_response(challenge: str, given: str) -> None:
    """Anything but 8 and 24 bytes in hex is an error that repeats none of it."""
    with pytest.raises(FormatError) as caught:
        ntlm.Response(challenge, given)
    assert str(caught.value) in {
        "the challenge is not 16 hex digits",
        "the response is not 48 hex digits",
    }


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MD4 and DES a response is an error that says how to install them."""
    monkeypatch.setitem(sys.modules, "Crypto.Hash", None)
    with pytest.raises(NtlmMissingError) as caught:
        ntlm.Response("00" * 8, "00" * 24)
    assert "make install NTLM=yes" in caught.value.hint


def test_a_code_once() -> None:
    """A response to a code is accepted once, whatever the next challenge is, and gives its key."""
    one = response(code_at(NOW))
    first = decide(HELD, (one.candidate(),), rule=ON)
    assert (first.verdict, first.reason, first.token) == ("accept", "AUTH_OK_OTP", "phone")
    assert one.key() == ntlm.session_key(ntlm.nt_hash(code_at(NOW)))
    again = response(code_at(NOW), "0123456789abcdef")
    second = decide(after(first, HELD), (again.candidate(),), rule=ON)
    assert second.reason == "AUTH_OTP_ALREADY_USED"
    assert samples.events_of(after(second, HELD)) == 0


def test_off_by_default() -> None:
    """Without the rule's leave a right response is refused, and nothing is compared or counted."""
    one = response(code_at(NOW))
    outcome = decide(HELD, (one.candidate(),))
    assert (outcome.verdict, outcome.reason, outcome.record) == ("refuse", "NTLM_OFF", None)
    assert one.key() == ""


def test_a_wrong_one_is_charged() -> None:
    """A response to no code is charged as a wrong code is, once for the same challenge."""
    wrong = response(wrong_code(0, now=NOW, drafts=(samples.SECRET, samples.OTHER_SECRET)))
    first = decide(HELD, (wrong.candidate(),), rule=ON)
    assert first.reason == "AUTH_FAILED"
    assert samples.events_of(after(first, HELD)) == 1
    same = decide(after(first, HELD), (wrong.candidate(),), rule=ON)
    assert samples.events_of(after(same, HELD)) == 1


def test_scratch_codes_are_not_found_in_it() -> None:
    """A response to a scratch code is refused: of those the host has no hash of this kind."""
    one = response("0123abcd")
    assert decide(HELD, (one.candidate(),), rule=ON).verdict == "refuse"
    assert one.key() == ""


@pytest.mark.parametrize("first", [code_at(NOW), code_of(2)])
def test_a_session(first: str) -> None:
    """Where the rule has sessions, a response to their code is accepted hours later, no other."""
    rule = ON._replace(session=Span(timeout=36000, logins=0))
    begun = decide(HELD, (response(first).candidate(),), rule=rule)
    assert begun.reason == "AUTH_OK_OTP"
    held, later = after(begun, HELD), NOW + 20000
    again = response(first, "0123456789abcdef")
    assert decide(held, (again.candidate(),), rule=rule, now=later).reason == "AUTH_OK_SESSION"
    assert again.key() == ntlm.session_key(ntlm.nt_hash(first))
    typed = decide(held, first, rule=rule, now=later)
    assert typed.reason == "AUTH_OK_SESSION"
    for code in (code_at(NOW - 600), code_at(NOW + 600)):
        other = decide(held, (response(code).candidate(),), rule=rule, now=later)
        assert other.verdict == "refuse"
    over = decide(held, (again.candidate(),), rule=rule, now=NOW + 36000)
    assert over.verdict == "refuse"


def test_a_response_seen_before() -> None:
    """Who sends a response a second time, with its challenge, gets no more than with a new one."""
    rule = ON._replace(session=Span(timeout=600, logins=2))
    seen = response(code_at(NOW))
    held, reasons = HELD, []
    for again in (seen, seen, response(code_at(NOW), "00" * 8), seen):
        outcome = decide(held, (again.candidate(),), rule=rule)
        held = after(outcome, held)
        reasons.append(outcome.reason)
    assert reasons == ["AUTH_OK_OTP", "AUTH_OK_SESSION"] + ["AUTH_SESSION_MAX_LOGIN"] * 2


def test_app_passwords() -> None:
    """An app password is accepted again and again if its NT hash is kept, by no other spelling."""
    kept, rule = ntlm.nt_hash(APP_PASSWORD), ON._replace(names=("imap",))
    for nt in (kept, ""):
        held = samples.account(samples.password_draft(nt=nt))
        for challenge in (CHALLENGE, "00" * 8):
            one = response(APP_PASSWORD, challenge)
            outcome = decide(held, (one.candidate(),), rule=rule)
            assert (outcome.reason == "AUTH_OK_STATIC") == bool(nt)
            assert one.key() == (ntlm.session_key(kept) if nt else "")
            held = after(outcome, held)
        other = response(APP_PASSWORD.upper())
        assert decide(held, (other.candidate(),), rule=rule).verdict == "refuse"
        assert samples.events_of(
            after(decide(held, (other.candidate(),), rule=rule), held)
        ) == bool(nt)
