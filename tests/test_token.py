"""Tokens and drafts: what is read is bounded, and no secret is in a repr."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import canonical, token
from otpauth.errors import FormatError
from otpauth.token import Draft, Token
from tests import samples

DRAFTS = {
    "totp": samples.totp_draft(note="grün", expires=7, seen=8, groups=("imap", "smtp")),
    "hotp": samples.hotp_draft(seen=2**32 - 1),
    "motp": samples.motp_draft(seen=8),
    "password": samples.password_draft(nt="0f" * 16),
    "scratch": samples.scratch_draft(),
    "mail": samples.address_draft(note="grün", expires=7),
    "sms": samples.address_draft(to="+49301234567", kind="sms"),
}


@pytest.mark.parametrize("kind", DRAFTS)
def test_draft_round_trip(kind: str) -> None:
    """A draft that is written is read, as the same draft."""
    data = canonical.dumps(token.draft_value(DRAFTS[kind]))
    assert token.draft_from(canonical.loads(data, limit=4096)) == DRAFTS[kind]


@pytest.mark.parametrize("kind", DRAFTS)
def test_token_round_trip(kind: str) -> None:
    """A token that is written is read, as the same token."""
    (each,) = samples.account(DRAFTS[kind]._replace(seen=0)).ordered()
    data = canonical.dumps(token.token_value(each))
    assert token.token_from(each.id, canonical.loads(data, limit=4096)) == each


BAD_PARAMS: dict[str, tuple[str, dict[str, Any]]] = {
    "secret_short": ("totp", samples.totp_params(b"123456789")),
    "secret_long": ("totp", samples.totp_params(b"1" * 129)),
    "secret_upper": (
        "totp",
        samples.totp_params(secret=b"\xff" * 20) | {"secret": "FF" * 20},
    ),
    "secret_odd": ("totp", samples.totp_params() | {"secret": "1" * 41}),
    "secret_text": ("totp", samples.totp_params() | {"secret": "z" * 40}),
    "secret_number": ("totp", samples.totp_params() | {"secret": 1}),
    "algorithm_md5": ("totp", samples.totp_params(algorithm="MD5")),
    "algorithm_lower": ("totp", samples.totp_params(algorithm="sha1")),
    "digits_5": ("totp", samples.totp_params(digits=5)),
    "digits_9": ("hotp", samples.hotp_params(digits=9)),
    "digits_text": ("totp", samples.totp_params(digits="6")),
    "digits_true": ("totp", samples.totp_params(digits=True)),
    "period_0": ("totp", samples.totp_params(period=0)),
    "period_4": ("totp", samples.totp_params(period=4)),
    "period_301": ("totp", samples.totp_params(period=301)),
    "period_of_hotp": ("hotp", samples.hotp_params(period=30)),
    "period_missing": ("totp", samples.hotp_params()),
    "list": ("totp", []),  # type: ignore[dict-item]
    "kind": ("steam", samples.totp_params()),
    "motp_short": ("motp", {"secret": "abcdef0", "pin": "1234"}),
    "motp_long": ("motp", {"secret": "a" * 65, "pin": "1234"}),
    "motp_upper": ("motp", {"secret": "E3152AFEE62599C8", "pin": "1234"}),
    "motp_letter": ("motp", {"secret": "g3152afee62599c8", "pin": "1234"}),
    "motp_number": ("motp", {"secret": 3152152135, "pin": "1234"}),
    "motp_no_pin": ("motp", {"secret": samples.MOTP_SECRET}),
    "pin_short": ("motp", {"secret": samples.MOTP_SECRET, "pin": "123"}),
    "pin_long": ("motp", {"secret": samples.MOTP_SECRET, "pin": "1" * 17}),
    "pin_letter": ("motp", {"secret": samples.MOTP_SECRET, "pin": "12a4"}),
    "pin_arabic": ("motp", {"secret": samples.MOTP_SECRET, "pin": "\u0661234"}),
    "pin_number": ("motp", {"secret": samples.MOTP_SECRET, "pin": 1234}),
    "password_short": ("password", {"bits": 100, "codes": ["k7mq3x2vd9wtr4hc3fy"], "nt": ""}),
    "password_dash": ("password", {"bits": 100, "codes": ["k7mq3-x2vd9-wtr4h-c3"], "nt": ""}),
    "password_upper": ("password", {"bits": 100, "codes": ["K7MQ3X2VD9WTR4HC3FYS"], "nt": ""}),
    "password_none": ("password", {"bits": 100, "codes": [], "nt": ""}),
    "password_two": ("password", {"bits": 100, "codes": ["0" * 20, "1" * 20], "nt": ""}),
    "password_number": ("password", {"bits": 100, "codes": [1], "nt": ""}),
    "password_bits": ("password", {"bits": 79, "codes": ["0" * 20], "nt": ""}),
    "password_nt_short": ("password", {"bits": 100, "codes": ["0" * 20], "nt": "0f" * 15}),
    "password_nt_upper": ("password", {"bits": 100, "codes": ["0" * 20], "nt": "0F" * 16}),
    "password_nt_null": ("password", {"bits": 100, "codes": ["0" * 20], "nt": None}),
    "password_nt_missing": ("password", {"bits": 100, "codes": ["0" * 20]}),
    "codes_none": ("scratch", {"bits": 40, "codes": []}),
    "codes_many": ("scratch", {"bits": 40, "codes": [f"{n:08}" for n in range(21)]}),
    "codes_order": ("scratch", {"bits": 40, "codes": ["22222222", "11111111"]}),
    "codes_double": ("scratch", {"bits": 40, "codes": ["11111111", "11111111"]}),
    "codes_upper": ("scratch", {"bits": 40, "codes": ["ABCDEFGH"]}),
    "codes_short": ("scratch", {"bits": 40, "codes": ["1234567"]}),
    "codes_numbers": ("scratch", {"bits": 40, "codes": [11111111]}),
    "bits_19": ("scratch", {"bits": 19, "codes": ["11111111"]}),
    "bits_missing": ("scratch", {"codes": ["11111111"]}),
    "to_blank": ("mail", {"salt": "1" * 16, "to": "bob @example.org"}),
    "to_empty": ("mail", {"salt": "1" * 16, "to": ""}),
    "to_long": ("push", {"salt": "1" * 16, "to": "x" * 255}),
    "to_unicode": ("push", {"salt": "1" * 16, "to": "ä"}),
    "to_number": ("sms", {"salt": "1" * 16, "to": 4930}),
    "salt_short": ("mail", {"salt": "1" * 14, "to": "bob@example.org"}),
    "salt_missing": ("mail", {"to": "bob@example.org"}),
}


@pytest.mark.parametrize("name", BAD_PARAMS)
def test_bad_params(name: str) -> None:
    """Parameters with one defect are a FormatError."""
    kind, params = BAD_PARAMS[name]
    with pytest.raises(FormatError):
        token.check_params(kind, params, hashed=False)


@pytest.mark.parametrize("name", ["phone", "a", "A-1_b.c", "x" * 32])
def test_good_names(name: str) -> None:
    """Letters, digits, dots, dashes and underscores make a name."""
    assert token.check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "x" * 33, "a b", "a\n", "a\x1b[2J", "ä", "a/b", "\uff41", None, 1]
)
def test_bad_names(name: object) -> None:
    """Anything else is none: no blank, no escape, no letter of another alphabet."""
    with pytest.raises(FormatError):
        token.check_name(name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2**54) | st.text(max_size=5) | st.just("11" * 20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(list(DRAFTS)),
    st.dictionaries(st.sampled_from(Draft._fields), json_values, max_size=2),
    st.dictionaries(
        st.sampled_from(["secret", "codes", "bits", "digits", "pin", "nt", "to", "salt"]),
        json_values,
    ),
)
def test_arbitrary_draft(kind: str, fields: dict[str, Any], params: dict[str, Any]) -> None:
    """Any JSON in any field gives a draft or FormatError."""
    good = token.draft_value(DRAFTS[kind])
    value = {**good, "params": {**good["params"], **params}, **fields}
    with contextlib.suppress(FormatError):
        assert isinstance(token.draft_from(value), Draft)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=17),
    st.dictionaries(st.sampled_from(Token._fields[1:]), json_values, max_size=2),
)
def test_arbitrary_token(ident: str, fields: dict[str, Any]) -> None:
    """Any JSON in any field of a token gives a token or FormatError."""
    value = {**token.token_value(samples.a_token()), **fields}
    with contextlib.suppress(FormatError):
        assert isinstance(token.token_from(ident, value), Token)


def test_no_secret_in_repr() -> None:
    """No secret, PIN, code, hash or address is in the repr of a draft, a token or a record."""
    held = samples.account(*DRAFTS.values())
    texts = [repr(each) for each in (*DRAFTS.values(), *held.ordered(), held)]
    hidden = [
        samples.SECRET.hex(),
        *samples.SCRATCH_CODES,
        "bob@example.org",
        *(samples.MOTP_SECRET, "1234", samples.APP_PASSWORD, "0f" * 16),
        *(code for each in held.ordered() for code in each.params.get("codes", ())),
    ]
    assert not [(text, each) for text in texts for each in hidden if each in text]


def test_password_without_groups() -> None:
    """An app password that is good everywhere is neither read as a draft nor as a token."""
    draft = samples.password_draft()
    (each,) = samples.account(draft).ordered()
    with pytest.raises(FormatError):
        token.draft_from({**token.draft_value(draft), "groups": []})
    with pytest.raises(FormatError):
        token.token_from(each.id, {**token.token_value(each), "groups": []})


def test_material_of_motp() -> None:
    """The PIN is a part of what identifies a mOTP token: the same phone with another is another."""
    one, two = samples.motp_draft(), samples.motp_draft(pin="4321")
    assert one.material() != two.material()
    assert one.material() == samples.motp_draft("other", note="x").material()


def test_live() -> None:
    """A token lives until the second it expires, and only while it is switched on."""
    each = samples.a_token(expires=100)
    assert each.live(99)
    assert not each.live(100)
    assert samples.a_token().live(2**40)
    assert not samples.a_token(enabled=False).live(1)


def test_serves() -> None:
    """A token is good at logins that have one of its names, and without names at all."""
    mail = samples.a_token(groups=("imap", "smtp"))
    assert token.serves(mail, ("dovecot", "smtp"))
    assert not token.serves(mail, ("sshd", "imaps"))
    assert not token.serves(mail, ())
    assert token.serves(samples.a_token(), ("sshd",))
    assert token.serves(samples.a_token(), ())


@pytest.mark.parametrize(
    "groups",
    [
        ["smtp", "imap"],
        ["imap", "imap"],
        ["a b"],
        ["*"],
        [""],
        [1],
        "imap",
        None,
        [f"{n:02}" for n in range(token.GROUPS_MAX + 1)],
        [f"{n:032}" for n in range(8)],
    ],
)
def test_bad_groups(groups: object) -> None:
    """Groups out of order, doubled, too many, too long or with other names are a FormatError."""
    with pytest.raises(FormatError):
        token.check_groups(groups)
    assert len(token.check_groups([f"{n:02}" for n in range(token.GROUPS_MAX)])) == 16


def test_material_is_secret_alone() -> None:
    """What identifies a token is its secret, not its name, digits or note."""
    one = samples.totp_draft("phone")
    two = Draft("totp", "tablet", samples.totp_params(digits=8), note="x", expires=5)
    assert one.material() == two.material()
    assert one.material() != samples.totp_draft(secret=samples.OTHER_SECRET).material()
