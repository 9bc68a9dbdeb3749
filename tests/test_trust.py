"""Client trust passwords: what a trusted client makes of a code, compared, burnt and kept apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from otpauth import answer, login, trust
from otpauth.errors import ConfigError
from otpauth.policy import Span
from tests import samples
from tests.samples import MARKS, NOW, after, code_at, code_of

if TYPE_CHECKING:
    from otpauth.login import Outcome, Typed
    from otpauth.policy import Rule
    from otpauth.record import Record

HELD = samples.account(
    samples.totp_draft(), samples.hotp_draft(), samples.scratch_draft(), samples.list_draft()
)
SECRETS = {"webmail": "dbf549610e49f02a"}
RULE = samples.RULE._replace(client_secret="webmail", session=Span(600))
MD5 = RULE._replace(trust="md5")
SHA = trust.form("sha256", SECRETS["webmail"])


def decide(held: Record, typed: Typed, rule: Rule = RULE, *, now: int = NOW) -> Outcome:
    """Decide one login with an answer as attempt.py understands it."""
    text = trust.handed_on(typed, rule) if rule.client_secret else ""
    typed = (trust.candidate(text, rule, SECRETS),) if text else typed
    chance = login.Chance(MARKS, samples.fresh_id())
    return login.decide(held, samples.request(now), typed, rule, chance=chance)


def test_vectors() -> None:
    """The MD5 form is that of OTPme 1.x, the other one RFC 2104's with SHA-256."""
    assert trust.form("md5", "dbf549610e49f02a")("3a5e9d") == "bef56300a694ce7d0e6828e080952c5e"
    rfc4231 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert trust.form("sha256", "Jefe")("what do ya want for nothing?") == rfc4231


@pytest.mark.parametrize("rule", [RULE, MD5])
@pytest.mark.parametrize("code", [code_at(NOW), code_of(0)])
def test_accepted_once_and_within_its_session(rule: Rule, code: str) -> None:
    """What the client sends is accepted, again within its session; the code is used with it."""
    sent = trust.form(rule.trust, SECRETS["webmail"])(code)
    first = decide(HELD, sent, rule)
    assert (first.verdict, first.reason) == ("accept", "AUTH_OK_TRUST_PW")
    held = after(first, HELD)
    assert decide(held, sent.upper(), rule, now=NOW + 1).reason == "AUTH_OK_SESSION"
    assert decide(held, code, rule, now=NOW + 1).reason == "AUTH_OTP_ALREADY_USED"
    assert decide(held, sent, rule._replace(session=Span()), now=NOW + 600).verdict == "refuse"


def test_clear_code_serves() -> None:
    """The code itself is accepted, with a session of its own."""
    first = decide(HELD, code_at(NOW))
    assert first.reason == "AUTH_OK_OTP"
    held = after(first, HELD)
    assert decide(held, code_at(NOW), now=NOW + 1).reason == "AUTH_OK_SESSION"
    assert decide(held, SHA(code_at(NOW)), now=NOW + 1).reason == "AUTH_OTP_ALREADY_USED"


OTHERS = {
    "another_secret": trust.form("sha256", "x")(code_at(NOW)),
    "another_code": SHA(samples.wrong_code(0, now=NOW)),
    "scratch_code": SHA(samples.SCRATCH_CODES[0]),
    "list_password": SHA("071 damuh hidum"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_wrong_is_charged(name: str) -> None:
    """What fits no code of a device is a wrong answer; scratch and list codes have no such form."""
    outcome = decide(HELD, OTHERS[name])
    assert outcome.reason == "AUTH_FAILED"
    assert samples.events_of(after(outcome, HELD)) == 1


def test_only_where_it_is_said() -> None:
    """Where no client is trusted, or another hash is agreed on, it is no code."""
    sent = SHA(code_at(NOW))
    for rule in (samples.RULE, MD5):
        assert decide(HELD, sent, rule).reason == "AUTH_NO_CODE"
    assert decide(HELD, trust.form("md5", SECRETS["webmail"])(code_at(NOW))).verdict == "refuse"


def test_handed_on_by_an_earlier_module() -> None:
    """As the whole of PAM_AUTHTOK it is known, too, and behind a password it is not."""
    sent = SHA(code_at(NOW))
    assert decide(HELD, answer.tails(sent, bare=True)).reason == "AUTH_OK_TRUST_PW"
    assert decide(HELD, answer.tails(f"hunter2{sent}", bare=False)).verdict == "refuse"


def test_missing_secret() -> None:
    """Without the client's secret nothing is compared, and the error names what is missing."""
    with pytest.raises(ConfigError, match="has no 'webmail'"):
        trust.candidate("0" * 64, RULE, {"other": "x"})
