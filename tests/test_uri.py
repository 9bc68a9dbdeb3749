"""Provisioning URIs: what is shown is what is read, bounds are ours, errors quote nothing."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import oath, policy, uri
from otpauth.errors import FormatError
from otpauth.token import Draft
from tests import samples

SECRET32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
WHOLE = (
    f"otpauth://totp/web1:alice?secret={SECRET32}&issuer=web1&algorithm=SHA256&digits=8&period=60"
)
drafts = st.builds(
    lambda secret, algorithm, digits, period, counter: (
        Draft("totp", "t", samples.totp_params(secret, **_params(algorithm, digits, period)))
        if counter is None
        else Draft(
            "hotp", "t", samples.hotp_params(secret, **_params(algorithm, digits)), seen=counter
        )
    ),
    st.binary(min_size=oath.SECRET_MIN, max_size=oath.SECRET_MAX),
    st.sampled_from(oath.ALGORITHMS),
    st.sampled_from(oath.DIGITS),
    st.integers(oath.PERIOD_MIN, oath.PERIOD_MAX),
    st.none() | st.integers(0, oath.COUNTER_MAX),
)


def _params(algorithm: str, digits: int, period: int = 0) -> dict[str, object]:
    return {"algorithm": algorithm, "digits": digits} | ({"period": period} if period else {})


@settings(max_examples=200, deadline=None)
@given(
    drafts,
    st.sampled_from(["web1", "b\u00fcro", "a b", ""]),
    st.sampled_from(["alice", "m\u00fc/x?&"]),
)
def test_round_trip(draft: Draft, issuer: str, account: str) -> None:
    """Every token that the format allows has a URI, which is read as the same token."""
    read = uri.parse(uri.build(draft, issuer=issuer, account=account), name="t")
    assert read == uri.Read(draft, issuer, account)


def test_longest_period() -> None:
    """The longest period that otpauth.conf takes can be shown to a phone."""
    algorithm, digits, period = policy.SETUP_KEYS["totp"]("SHA1 6 5m")
    draft = Draft("totp", "t", samples.totp_params(**_params(algorithm, digits, period)))
    assert f"period={oath.PERIOD_MAX}" in uri.build(draft, issuer="web1", account="alice")


def test_whole() -> None:
    """A URI with everything in it is read."""
    read = uri.parse(WHOLE + "\n", name="phone")
    params = samples.totp_params(algorithm="SHA256", digits=8, period=60)
    assert read == uri.Read(Draft("totp", "phone", params), "web1", "alice")


def test_defaults() -> None:
    """A URI with a secret alone means SHA1, 6 digits, 30 s."""
    read = uri.parse(f"otpauth://totp/x?secret={SECRET32.lower()}", name="phone")
    assert read.draft == samples.totp_draft()


BAD = {
    "nothing": "",
    "http": WHOLE.replace("otpauth://", "https://"),
    "kind": WHOLE.replace("totp", "motp"),
    "steam": f"otpauth://totp/Steam:x?secret={SECRET32}&encoder=steam",
    "no_secret": "otpauth://totp/x?issuer=x",
    "secret_short": "otpauth://totp/x?secret=GEZDGNBVGY3TQ",
    "secret_long": f"otpauth://totp/x?secret={SECRET32 * 7}",
    "secret_not_base32": "otpauth://totp/x?secret=11111111111111111111111111111111",
    "secret_not_ascii": "otpauth://totp/x?secret=" + "\u00c4" * 32,
    "algorithm": WHOLE.replace("SHA256", "MD5"),
    "digits_5": WHOLE.replace("digits=8", "digits=5"),
    "digits_9": WHOLE.replace("digits=8", "digits=9"),
    "digits_text": WHOLE.replace("digits=8", "digits=six"),
    "period_0": WHOLE.replace("period=60", "period=0"),
    "period_301": WHOLE.replace("period=60", "period=301"),
    "period_negative": WHOLE.replace("period=60", "period=-30"),
    "counter_negative": f"otpauth://hotp/x?secret={SECRET32}&counter=-1",
    "counter_33_bits": f"otpauth://hotp/x?secret={SECRET32}&counter=4294967296",
    "two_secrets": WHOLE + f"&secret={SECRET32}",
    "too_long": WHOLE + "&x=" + "y" * uri.URI_MAX,
    "port": "otpauth://totp:99999999/x?secret=" + SECRET32,
    "bracket": "otpauth://[/x?secret=" + SECRET32,
}


@pytest.mark.parametrize("name", BAD)
def test_bad(name: str) -> None:
    """A URI with one defect is a FormatError that quotes nothing of it."""
    with pytest.raises(FormatError) as caught:
        uri.parse(BAD[name], name="phone")
    assert SECRET32 not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=40).map("otpauth://totp/".__add__)
    | st.text(max_size=40)
    | samples.mutations(WHOLE.encode()).map(lambda data: data.decode("latin-1"))
)
def test_any_text(text: str) -> None:
    """Any text is a token or a FormatError."""
    with contextlib.suppress(FormatError):
        read = uri.parse(text, name="t")
        assert len(bytes.fromhex(read.draft.params["secret"])) >= oath.SECRET_MIN


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=oath.SECRET_MIN, max_size=oath.SECRET_MAX))
def test_base32(secret: bytes) -> None:
    """A secret in base32 is read back, however it was grouped, in capitals or small, padded."""
    text = uri.base32(secret)
    assert "".join(uri.groups(text)) == text
    for spelt in (text, text.lower(), " ".join(uri.groups(text)), "-".join(uri.groups(text))):
        assert uri.from_base32(spelt) == secret
    assert uri.from_base32(text + "=" * (-len(text) % 8)) == secret


def test_no_secret_in_repr() -> None:
    """What a URI was read as does not show its secret."""
    assert samples.SECRET.hex() not in repr(uri.parse(WHOLE, name="phone"))


MOTP = "e3152afee62599c8"


@pytest.mark.parametrize(
    "text",
    [
        f"motp://web1:alice?secret={MOTP}",
        f"motp://web1:alice?secret={MOTP.upper()}",
        f"otpauth://motp/web1:alice?secret={MOTP}",
        f"otpauth://motp/web1%3Aalice?secret={MOTP}&digits=6&period=10",
    ],
)
def test_motp(text: str) -> None:
    """Both ways to write a mOTP token give its secret and names, and never a PIN."""
    read = uri.parse(text, name="t")
    assert read == uri.Read(Draft("motp", "t", {"secret": MOTP, "pin": ""}), "web1", "alice")


@pytest.mark.parametrize(("issuer", "account"), [("web1", "alice"), ("b\u00fc ro", "m/x?&")])
def test_motp_round_trip(issuer: str, account: str) -> None:
    """What a phone scans is read as the same token, and has no PIN in it."""
    draft = samples.motp_draft("t", pin="987654")
    text = uri.build(draft, issuer=issuer, account=account)
    assert text.startswith("motp://")
    assert "987654" not in text
    assert uri.parse(text, name="t") == uri.Read(
        draft._replace(params={**draft.params, "pin": ""}), issuer, account
    )
    assert uri.build(draft, issuer="", account="alice").startswith("motp://alice:alice?")


@pytest.mark.parametrize("secret", ["", "abcdef0", "a" * 65, "e3152afee62599cg", "\u0661" * 16])
def test_bad_motp(secret: str) -> None:
    """A mOTP secret of another length or with other digits is a FormatError without it."""
    with pytest.raises(FormatError) as caught:
        uri.parse(f"motp://web1:alice?secret={secret}", name="t")
    assert not secret or secret not in str(caught.value)


def test_motp_secret_in_groups() -> None:
    """An init-secret is read as people write it."""
    assert uri.motp_secret(" E315 2afe-E625 99C8\n") == MOTP
