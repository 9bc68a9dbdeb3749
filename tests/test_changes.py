"""Changes: who may make them, what a proof costs, and that nothing removed comes back."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otpauth import canonical, changes, limits, oath, policy, record, state, token
from otpauth.changes import Change, Proof
from otpauth.errors import FormatError, RefusedError
from otpauth.record import Record
from otpauth.secretfile import Opened, Proposal
from otpauth.wishes import Wishes
from tests import samples
from tests.samples import NOW, SCRATCH_CODES, STEP, code_at, code_of, ground

if TYPE_CHECKING:
    from otpauth.changes import Adoption

EMPTY = Record("alice", 1000)
HELD = samples.account(samples.totp_draft(), samples.scratch_draft())
NEW = bytes(range(40, 60))
PHONE = HELD.named("phone")
assert PHONE


def proposal(
    change: Change, *, verb: str = "", name: str = "", made: int = NOW, number: int = 0
) -> Opened:
    """Return a change as the host finds it, opened; its first line says what it is, if not told."""
    sealed = number.to_bytes(4, "big") + changes.encode(change)
    shown = Proposal(
        verb or honest_verb(change),
        name or (change.add[0].name if change.add else f"p{number}"),
        "alice",
        samples.HOST_ID,
        made,
        sealed,
    )
    return Opened(shown, changes.encode(change))


def honest_verb(change: Change) -> str:
    """Return the verb of a change."""
    if {draft.kind for draft in change.add} == {"scratch"}:
        return "codes"
    if change.remove:
        return "replace" if change.add else "remove"
    if change.relabel:
        return "set"
    return "add" if len(change.add) == 1 else "setup"


def adopt(held: Record, *opened: Opened, now: int = NOW, **setup: Any) -> Adoption:
    """Adopt proposals with the defaults of otpauth.conf but for some keys of [setup]."""
    idents = tuple(samples.fresh_id() for _ in opened)
    return changes.adopt(held, opened, ground(now, **setup), idents)


def results(adoption: Adoption) -> list[str]:
    """Return what came of each proposal."""
    return [result for *_, result in adoption.results]


def adding(secret: bytes = NEW, proof: Proof | None = None, name: str = "tablet") -> Change:
    """Return a change that adds a phone."""
    return Change(add=(samples.totp_draft(name, secret),), proof=proof)


RIGHT = Proof(code_at(NOW), NOW)
WRONG = Proof(samples.wrong_code(0, now=NOW), NOW)
WRONG_CODE = "its code is not one of a present token"


def charged(held: Record) -> int:
    """Return how many wrong proofs are charged."""
    return samples.events_of(held, limits.PROPOSALS)


# Who may: `changes = confirm`


def test_first_enrolment() -> None:
    """The first enrolment needs no proof."""
    adoption = adopt(EMPTY, proposal(adding()))
    assert results(adoption) == ["adopted"]
    assert adoption.record.enrolled
    assert adoption.record.named("tablet")


def test_only_the_first() -> None:
    """Of two proposals to a new account the second needs a proof."""
    adoption = adopt(EMPTY, proposal(adding()), proposal(adding(samples.SECRET), number=1))
    assert results(adoption) == ["adopted", "pending"]


def test_no_proof_waits() -> None:
    """A change of an enrolled account without proof waits, and changes nothing (B1)."""
    adoption = adopt(HELD, proposal(adding()))
    assert results(adoption) == ["pending"]
    assert adoption.record == HELD


def test_wrong_proof() -> None:
    """A wrong proof drops the proposal, is charged, and its owner hears of it (B1)."""
    opened = proposal(adding(proof=WRONG))
    adoption = adopt(HELD, opened)
    assert results(adoption) == [WRONG_CODE]
    after = adoption.record
    assert after.tokens == HELD.tokens
    assert charged(after) == 1
    assert opened.proposal.digest() in after.state.done
    assert {notice.what for notice in after.state.notices} == {"added", "refused"}
    assert adopt(after, opened).results == ()


def test_right_proof() -> None:
    """The owner's proof adopts the change and is burnt: it opens no login after it (B1)."""
    adoption = adopt(HELD, proposal(adding(proof=RIGHT)))
    assert results(adoption) == ["adopted"]
    assert adoption.record.named("tablet")
    assert adoption.record.state.steps == {PHONE.id: STEP}
    assert samples.decide(adoption.record, code_at(NOW)).reason == "AUTH_OTP_ALREADY_USED"


def test_replayed_proof() -> None:
    """A proof that a login or an earlier change burnt is none (B1)."""
    used = samples.after(samples.decide(HELD, code_at(NOW)), HELD)
    for held in (used, adopt(HELD, proposal(adding(proof=RIGHT))).record):
        again = adopt(held, proposal(adding(bytes(20), RIGHT, "evil"), number=9))
        assert results(again) == [WRONG_CODE]
        assert not again.record.named("evil")
        assert charged(again.record) == 1


def test_older_proof_after_a_login() -> None:
    """A proof older than the last accepted code is none, though it was never used."""
    used = samples.after(samples.decide(HELD, code_at(NOW)), HELD)
    older = Proof(code_at(NOW - 3600), NOW - 3600)
    assert results(adopt(used, proposal(adding(proof=older)))) == [WRONG_CODE]


@pytest.mark.parametrize("code", SCRATCH_CODES)
def test_scratch_proof(code: str) -> None:
    """A scratch code is a proof, once."""
    adoption = adopt(HELD, proposal(adding(proof=Proof(code, NOW))))
    assert results(adoption) == ["adopted"]
    assert samples.decide(adoption.record, code).reason == "AUTH_OTP_ALREADY_USED"


def test_hotp_proof() -> None:
    """A counter-based code is a proof, once."""
    held = samples.account(samples.hotp_draft())
    adoption = adopt(held, proposal(adding(proof=Proof(code_of(3), NOW))))
    assert results(adoption) == ["adopted"]
    assert samples.decide(adoption.record, code_of(3)).reason == "AUTH_OTP_ALREADY_USED"


@pytest.mark.parametrize(
    ("ago", "result"),
    [
        (0, "adopted"),
        (86400, "adopted"),
        (7 * 86400 - 30, "adopted"),
        (7 * 86400 + 30, WRONG_CODE),
        (-600, WRONG_CODE),
        (-86400, WRONG_CODE),
    ],
)
def test_age_of_a_proof(ago: int, result: str) -> None:
    """A proof may be seven days old, and not of the future."""
    old = samples.account(samples.totp_draft(), now=NOW - 30 * 86400)
    proof = Proof(code_at(NOW - ago), NOW - ago)
    made = proposal(adding(proof=proof), made=NOW - max(ago, 0))
    assert results(adopt(old, made)) == [result]


def test_one_proof_in_a_transaction() -> None:
    """Of several proofs one is compared, the other proposals wait (B1)."""
    many = [
        proposal(adding(bytes([n]) * 20, Proof(f"{n:06}", NOW - 1), f"n{n}"), number=n)
        for n in range(16)
    ]
    adoption = adopt(HELD, *many)
    assert results(adoption) == [WRONG_CODE] + ["pending"] * 15
    assert charged(adoption.record) == 1


def test_wrong_proofs_are_limited() -> None:
    """After three wrong proofs in 30 s none is compared; not even the owner's; then it is."""
    held = HELD
    for number in range(3):
        wrong = Proof(samples.wrong_code(number, now=NOW), NOW)
        held = adopt(held, proposal(adding(proof=wrong), number=number)).record
    assert charged(held) == 3
    mine = proposal(adding(proof=RIGHT), number=9)
    assert results(adopt(held, mine)) == ["pending"]
    assert results(adopt(held, mine, now=NOW + 31)) == ["adopted"]


def test_wrong_proofs_of_other_times() -> None:
    """The same wrong code for another claimed time is another guess, and is charged (B1)."""
    held = HELD
    for number in range(6):
        proof = Proof("000000", NOW - 3600 * number)
        held = adopt(held, proposal(adding(proof=proof), number=number)).record
    assert charged(held) == 3


def test_wrong_proofs_shut_nobody_out() -> None:
    """Whoever floods wrong proofs leaves logins as they were."""
    held = HELD
    for number in range(60):
        wrong = Proof(samples.wrong_code(number, now=NOW), NOW)
        now = NOW + number * 3600
        held = adopt(held, proposal(adding(proof=wrong), made=now, number=number), now=now).record
    later = NOW + 61 * 3600
    assert samples.decide(held, code_at(later), now=later).verdict == "accept"


ODD_CODES = [
    "",
    " ",
    "\u0661\u0662\u0663\u0664\u0665\u0666",
    "\u00b2" * 6,
    "\U0001d7cf" * 6,
    "a" * 32,
]


@pytest.mark.parametrize("code", ODD_CODES)
def test_odd_proofs(code: str) -> None:
    """A proof that is no code is dropped, and never costs its owner a login (B1)."""
    adoption = adopt(HELD, proposal(adding(proof=Proof(code, NOW))))
    assert results(adoption)[0] in (WRONG_CODE, "it is not understood")
    assert adoption.record.tokens == HELD.tokens


def test_disabled_tokens_prove_nothing() -> None:
    """A token that is off or expired gives no proof."""
    for label in ({"enabled": False}, {"expires": NOW - 5}):
        held = changes.apply(HELD, Change(relabel={PHONE.id: label}), ground(NOW - 9))
        assert results(adopt(held, proposal(adding(proof=RIGHT)))) == [WRONG_CODE]


MAIL = ("imap", "smtp")
SSH = ("sshd",)


@pytest.mark.parametrize(
    ("change", "result"),
    [
        (Change(add=(samples.totp_draft("tablet", NEW),)), WRONG_CODE),
        (Change(add=(samples.totp_draft("tablet", NEW, groups=SSH),)), WRONG_CODE),
        (Change(add=(samples.totp_draft("tablet", NEW, groups=("imap", "sshd")),)), WRONG_CODE),
        (Change(add=(samples.totp_draft("tablet", NEW, groups=("imap",)),)), "adopted"),
        (Change(relabel={PHONE.id: {"groups": ()}}), WRONG_CODE),
        (Change(relabel={PHONE.id: {"groups": ("sshd",)}}), WRONG_CODE),
        (Change(relabel={PHONE.id: {"groups": ("smtp",)}}), "adopted"),
        (Change(relabel={PHONE.id: {"note": "blue"}}), "adopted"),
        (Change(wishes=Wishes(window=1)), WRONG_CODE),
    ],
)
def test_limited_proof(change: Change, result: str) -> None:
    """A token that is limited to groups proves a change within these alone."""
    held = samples.account(samples.totp_draft(groups=MAIL), samples.scratch_draft())
    opened = proposal(change._replace(proof=RIGHT), verb="wish" if change.wishes else "")
    adoption = adopt(held, opened)
    assert results(adoption) == [result]
    assert (adoption.record.tokens == held.tokens) == (result != "adopted")


def test_limited_proof_removes_no_other() -> None:
    """A limited token proves no removal of one that is good elsewhere."""
    held = samples.account(samples.totp_draft(groups=MAIL), samples.hotp_draft())
    fob = held.named("fob")
    assert fob
    gone = Change(remove=(fob.id,), proof=RIGHT)
    assert results(adopt(held, proposal(gone))) == [WRONG_CODE]
    assert results(adopt(HELD, proposal(Change(remove=(PHONE.id,), proof=RIGHT)))) == ["adopted"]


def test_app_passwords_prove_nothing() -> None:
    """An app password proves no change, not even of what it is good for."""
    held = samples.account(samples.totp_draft(), samples.password_draft())
    change = Change(
        add=(samples.password_draft("tablet", "0" * 20),), proof=Proof(samples.APP_PASSWORD, NOW)
    )
    assert results(adopt(held, proposal(change))) == [WRONG_CODE]
    assert results(adopt(held, proposal(change._replace(proof=RIGHT)))) == ["adopted"]


def test_app_password_keeps_a_limit() -> None:
    """Nobody takes the limit off an app password; another one it may have."""
    held = samples.account(samples.totp_draft(), samples.password_draft())
    each = held.named("laptop")
    assert each
    with pytest.raises(RefusedError, match="named services alone"):
        changes.apply(held, Change(relabel={each.id: {"groups": ()}}), ground())
    for labels in ({"groups": ("smtp",)}, {"note": "x"}):
        changed = changes.apply(held, Change(relabel={each.id: labels}), ground())
        assert record.decode(record.encode(changed)) == changed


def test_motp_proof() -> None:
    """A mOTP code is a proof, once."""
    held = samples.account(samples.motp_draft())
    adoption = adopt(held, proposal(adding(proof=Proof(samples.motp_at(NOW), NOW))))
    assert results(adoption) == ["adopted"]
    assert samples.decide(adoption.record, samples.motp_at(NOW)).verdict == "refuse"


@pytest.mark.parametrize("ahead", [31, 32, 10**6])
def test_unlock_of_motp(ahead: int) -> None:
    """Unlock keeps used a mOTP code that may still be good, and mends one of a clock gone wrong."""
    held = samples.account(samples.motp_draft())
    (each,) = held.ordered()
    held = held._replace(state=held.state._replace(steps={each.id: NOW // 10 + ahead}))
    after = changes.unlock(held, NOW).state.steps[each.id]
    assert after == NOW // 10 + (ahead if ahead <= 31 else 0)


def test_owner_may_widen() -> None:
    """Who has an unlimited token may take the limit off another, also one that root has set."""
    held = samples.account(samples.totp_draft(), samples.hotp_draft(groups=MAIL))
    fob = held.named("fob")
    assert fob
    adoption = adopt(held, proposal(Change(relabel={fob.id: {"groups": ()}}, proof=RIGHT)))
    assert adoption.record.tokens[fob.id].groups == ()


def test_last_token_needs_proof() -> None:
    """Removing all tokens needs a proof even where the home is trusted; enrolled stays."""
    gone = Change(remove=tuple(HELD.tokens))
    for who_may in ("confirm", "trust", "admin"):
        assert results(adopt(HELD, proposal(gone, verb="remove"), changes=who_may)) == ["pending"]
    adoption = adopt(HELD, proposal(gone._replace(proof=RIGHT), verb="remove"))
    assert results(adoption) == ["adopted"]
    assert adoption.record.tokens == {}
    assert adoption.record.enrolled
    assert results(adopt(adoption.record, proposal(adding(), number=1))) == ["pending"]


def test_trust() -> None:
    """With `changes = trust` a change needs no proof."""
    adoption = adopt(HELD, proposal(adding()), changes="trust")
    assert results(adoption) == ["adopted"]


def test_admin() -> None:
    """With `changes = admin` even a right proof waits, unburnt, for the administrator."""
    opened = proposal(adding(proof=RIGHT))
    adoption = adopt(HELD, opened, changes="admin")
    assert results(adoption) == ["pending"]
    assert adoption.record == HELD
    approved = adopt(HELD, opened._replace(approved=True), changes="admin")
    assert results(approved) == ["adopted"]
    assert approved.record.state.steps == {}


@pytest.mark.parametrize("policy", ["confirm", "trust", "admin"])
def test_approved(policy: str) -> None:
    """What the administrator approved is adopted without proof."""
    opened = proposal(adding(), number=3)._replace(approved=True)
    assert results(adopt(HELD, opened, changes=policy)) == ["adopted"]


# What is adopted


def test_adopted_once() -> None:
    """A proposal that was adopted is not looked at again."""
    opened = proposal(adding())
    adoption = adopt(EMPTY, opened)
    again = adopt(adoption.record, opened)
    assert again.results == ()
    assert again.record == adoption.record


def test_removed_stays_removed() -> None:
    """A secret that was removed does not come back, under any name, by whomever (B2, B3)."""
    gone = changes.apply(HELD, Change(remove=(PHONE.id,)), ground())
    again = adding(samples.SECRET, name="other")
    for opened in (
        proposal(again._replace(proof=Proof(SCRATCH_CODES[0], NOW))),
        proposal(again)._replace(approved=True),
    ):
        adoption = adopt(gone, opened)
        assert "this secret was removed" in results(adoption)[0]
        assert set(adoption.record.tokens) == set(gone.tokens)
    with pytest.raises(RefusedError):
        changes.apply(gone, again, ground())
    assert PHONE.id not in record.join(gone, HELD).tokens


def test_remove_and_add_at_once() -> None:
    """One change that removes a token and adds its secret again is refused whole."""
    change = Change(add=HELD and (samples.totp_draft("x"),), remove=(PHONE.id,), proof=RIGHT)
    adoption = adopt(HELD, proposal(change, verb="replace"))
    assert "this secret was removed" in results(adoption)[0]
    assert adoption.record.tokens == HELD.tokens
    assert PHONE.id not in adoption.record.state.removed


def test_same_secret_twice() -> None:
    """The same secret as phone and tablet is one token, whose codes work once (B3)."""
    proof = Proof(SCRATCH_CODES[0], NOW)
    adoption = adopt(HELD, proposal(adding(samples.SECRET, proof)))
    assert set(adoption.record.tokens) == set(HELD.tokens)
    first = samples.decide(adoption.record, code_at(NOW))
    assert first.verdict == "accept"
    assert samples.decide(samples.after(first, HELD), code_at(NOW)).verdict == "refuse"


def test_same_secret_keeps_used_codes() -> None:
    """Adding a present secret again, as if nothing of it was used, un-uses nothing (B3)."""
    used = samples.after(samples.decide(HELD, code_at(NOW)), HELD)
    later = Proof(SCRATCH_CODES[1], NOW)
    adoption = adopt(used, proposal(adding(samples.SECRET, later)))
    assert adoption.record.state.steps == used.state.steps


@pytest.mark.parametrize("name", ["phone", "x" * 32])
def test_same_name(name: str) -> None:
    """A second token of one name becomes name-2, the third name-3, within 32 characters."""
    held = EMPTY
    for number in range(3):
        held = changes.apply(held, adding(bytes([number]) * 20, name=name), ground())
    short = name[:29]
    assert {each.name for each in held.tokens.values()} == {name, f"{short}-2", f"{short}-3"}
    assert record.decode(record.encode(held)) == held


def test_most_tokens() -> None:
    """An account has sixteen tokens at most."""
    drafts = tuple(samples.totp_draft(f"t{n}", bytes([n]) * 20) for n in range(token.TOKENS_MAX))
    held = changes.apply(EMPTY, Change(add=drafts), ground())
    with pytest.raises(RefusedError):
        changes.apply(held, adding(), ground())
    replaced = changes.apply(held, adding()._replace(remove=(held.ordered()[0].id,)), ground())
    assert len(replaced.tokens) == token.TOKENS_MAX


def test_kind_not_allowed() -> None:
    """A kind that the host does not allow is refused, and its owner hears why."""
    adoption = adopt(EMPTY, proposal(Change(add=(samples.hotp_draft(),))), kinds=("totp",))
    assert results(adoption) == ["kind hotp is not allowed (otpauth.conf: kinds)"]
    assert not adoption.record.enrolled
    assert {notice.what for notice in adoption.record.state.notices} == {"refused"}


def test_all_or_nothing() -> None:
    """Of a change of which one part is refused, no part is done."""
    change = Change(add=(samples.totp_draft("a", NEW), samples.hotp_draft("b")))
    adoption = adopt(EMPTY, proposal(change), kinds=("totp",))
    assert adoption.record.tokens == {}


@pytest.mark.parametrize(
    ("seen", "fine"),
    [(0, True), (STEP - 5, True), (STEP, True), (STEP + 50, True), (STEP + 51, False)],
)
def test_seen_step(seen: int, *, fine: bool) -> None:
    """A draft's used step may be of the past or within a wide window, not of the future."""
    change = Change(add=(samples.totp_draft(seen=seen),))
    adoption = adopt(EMPTY, proposal(change))
    assert (results(adoption) == ["adopted"]) == fine
    assert adoption.record.state.steps == ({PHONE.id: seen} if fine and seen else {})


def test_seen_code_is_used() -> None:
    """The code that confirmed an enrolment is used up, the next one is taken."""
    held = adopt(EMPTY, proposal(Change(add=(samples.totp_draft(seen=STEP),)))).record
    assert samples.decide(held, code_at(NOW)).reason == "AUTH_OTP_ALREADY_USED"
    assert samples.decide(held, code_at(NOW + 30), now=NOW + 30).verdict == "accept"
    fob = adopt(EMPTY, proposal(Change(add=(samples.hotp_draft(seen=4),)))).record
    assert samples.decide(fob, code_of(3)).reason == "AUTH_OTP_ALREADY_USED"
    assert samples.decide(fob, code_of(4)).verdict == "accept"


@pytest.mark.parametrize("made", [NOW - 90 * 86400, NOW + 8 * 86400])
def test_expired(made: int) -> None:
    """A proposal older than 90 days, or of next week, is dropped."""
    adoption = adopt(EMPTY, proposal(adding(), made=made))
    assert results(adoption) == ["it is too old, or dated in the future"]
    assert not adoption.record.enrolled
    assert results(adopt(EMPTY, proposal(adding(), made=NOW - 89 * 86400))) == ["adopted"]


def test_not_opened() -> None:
    """A proposal that did not open is dropped, and its owner hears of it."""
    adoption = adopt(HELD, proposal(adding())._replace(plain=None))
    assert results(adoption) == ["it is not sealed to this host, or was changed"]
    assert adoption.record.tokens == HELD.tokens


def test_relabel() -> None:
    """A label is changed without touching used codes; a taken name and a missing token are not."""
    label = {"name": "new", "note": "grün", "expires": NOW + 5, "enabled": False}
    held = changes.apply(HELD, Change(relabel={PHONE.id: label}), ground())
    each = held.tokens[PHONE.id]
    assert (each.name, each.note, each.expires, each.enabled) == tuple(label.values())
    assert each.labelled > PHONE.labelled
    assert each.params == PHONE.params
    for relabel in ({PHONE.id: {"name": "scratch"}}, {"0" * 16: {"name": "x"}}):
        with pytest.raises(RefusedError):
            changes.apply(HELD, Change(relabel=relabel), ground())


# What is sealed

FULL = Change(
    add=(samples.totp_draft(), samples.hotp_draft(), samples.scratch_draft()),
    remove=("0" * 16, "f" * 16),
    relabel={"0" * 16: {"name": "x", "note": "", "expires": 0, "enabled": True}},
    proof=Proof("123456", NOW),
    wishes=Wishes(5, (3, 600), reuse=True),
)


@pytest.mark.parametrize("change", [Change(), FULL, adding()])
def test_round_trip(change: Change) -> None:
    """A change that is sealed is read, as the same change."""
    assert changes.decode(changes.encode(change)) == change


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60) | samples.mutations(changes.encode(FULL)))
def test_arbitrary_bytes(plain: bytes) -> None:
    """Any bytes under a seal give a change that is written as those bytes, or FormatError."""
    with contextlib.suppress(FormatError):
        assert changes.encode(changes.decode(plain)) == plain


BLANK = changes.Change()._asdict() | {"add": [], "remove": []}
WISHED = {**Wishes(window=1)._asdict(), "rate_limit": [0, 0]}
HOSTILE = {
    "nan": {**BLANK, "proof": ["1", "NaN"]},
    "field_more": {**BLANK, "x": 1},
    "field_missing": {key: value for key, value in BLANK.items() if key != "proof"},
    "remove_short": {**BLANK, "remove": ["00"]},
    "relabel_secret": {**BLANK, "relabel": {"0" * 16: {"params": {}}}},
    "relabel_list": {**BLANK, "relabel": {"0" * 16: []}},
    "relabel_id": {**BLANK, "relabel": {"0" * 16: {"id": "1"}}},
    "proof_short": {**BLANK, "proof": ["1"]},
    "proof_negative": {**BLANK, "proof": ["1", -1]},
    "proof_long": {**BLANK, "proof": ["1" * 33, 1]},
    "add_many": {**BLANK, "add": [token.draft_value(samples.totp_draft())] * 17},
    "wishes_empty": {**BLANK, "wishes": {}},
    "wishes_list": {**BLANK, "wishes": [1]},
    "wishes_dated": {**BLANK, "wishes": {**WISHED, "set": NOW}},
    "wishes_wide": {**BLANK, "wishes": {**WISHED, "window": 22}},
    "wishes_unlimited": {**BLANK, "wishes": {**WISHED, "unlimited": 1}},
    "wishes_both": {**BLANK, "wishes": {**WISHED, "rate_limit": [3, 30], "unlimited": True}},
    "wishes_no_time": {**BLANK, "wishes": {**WISHED, "rate_limit": [3, 0]}},
    "wishes_no_tries": {**BLANK, "wishes": {**WISHED, "rate_limit": [0, 30]}},
    "wishes_one": {**BLANK, "wishes": {**WISHED, "rate_limit": [3]}},
    "list": [],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    """A sealed change with one defect is a FormatError, and its proposal is dropped (B9)."""
    plain = canonical.dumps(HOSTILE[name])
    with pytest.raises(FormatError):
        changes.decode(plain)
    adoption = adopt(HELD, proposal(Change())._replace(plain=plain))
    assert results(adoption) == ["it is not understood"]


@pytest.mark.parametrize(
    "plain",
    [b"[" * 10**6, b'{"add":' * 10**5, b"9" * 10_000, b"{" + b" " * 20_000 + b"}", b"NaN", b""],
)
def test_hostile_json(plain: bytes) -> None:
    """Deep, huge or strange JSON inside a valid seal is dropped (B9)."""
    adoption = adopt(HELD, proposal(Change())._replace(plain=plain))
    assert results(adoption) == ["it is not understood"]


@settings(max_examples=100, deadline=None)
@given(
    samples.records,
    st.lists(st.sampled_from([Change(), FULL, adding(), adding(proof=RIGHT)]), max_size=4),
    st.sampled_from(["confirm", "trust", "admin"]),
)
def test_any_record(held: Record, several: list[Change], policy: str) -> None:
    """Whatever is proposed, no used code becomes good and no removed token comes back."""
    opened = [proposal(each, number=n, made=3) for n, each in enumerate(several)]
    after = adopt(held, *opened, now=5, changes=policy).record
    assert set(held.state.removed) <= set(after.state.removed)
    assert not set(after.tokens) & set(after.state.removed)
    assert after.enrolled or not held.enrolled
    for ident in set(held.tokens) & set(after.tokens):
        assert after.tokens[ident].params == held.tokens[ident].params
        assert after.state.steps.get(ident, 0) >= held.state.steps.get(ident, 0)
        assert after.state.counters.get(ident, 0) >= held.state.counters.get(ident, 0)


# The administrator's way down


def test_unlock() -> None:
    """`unlock` forgets failures, not tokens nor used codes, and an old copy does not undo it."""
    held = samples.after(samples.decide(HELD, code_at(NOW)), HELD)
    held = samples.after(samples.decide(held, SCRATCH_CODES[0]), held)
    for number in range(3):
        wrong = samples.wrong_code(number, now=NOW)
        held = samples.after(samples.decide(held, wrong, place="203.0.113.9"), held)
    free = record.join(changes.unlock(held, NOW), held)
    assert free.era == held.era + 1
    assert samples.events_of(free) == 0
    assert free.tokens == held.tokens
    assert samples.decide(free, code_at(NOW)).reason == "AUTH_OTP_ALREADY_USED"
    assert samples.decide(free, SCRATCH_CODES[0]).reason == "AUTH_OTP_ALREADY_USED"
    later = NOW + 30
    assert samples.decide(free, code_at(later), now=later, place="203.0.113.9").verdict == "accept"


def test_unlock_mends_the_clock() -> None:
    """`unlock` lowers steps of the future to now; a fast phone's used code stays used."""
    far = samples.after(samples.decide(HELD, code_at(NOW + 10**7), now=NOW + 10**7), HELD)
    mended = changes.unlock(far, NOW)
    assert mended.state.steps == {PHONE.id: STEP}
    assert oath.time_step(NOW) == STEP
    fast = samples.after(samples.decide(HELD, code_at(NOW + 30)), HELD)
    assert samples.decide(changes.unlock(fast, NOW), code_at(NOW + 30)).verdict == "refuse"


def test_reset() -> None:
    """`reset` forgets all tokens for good: enrolling is free, the old secrets stay removed."""
    empty = record.join(changes.reset(HELD, NOW), HELD)
    assert (empty.tokens, empty.enrolled) == ({}, False)
    assert set(empty.state.removed) == set(HELD.tokens)
    assert samples.decide(empty, code_at(NOW)).reason == "NOT_ENROLLED"
    old = adopt(empty, proposal(adding(samples.SECRET)))
    assert "this secret was removed" in results(old)[0]
    assert results(adopt(empty, proposal(adding(), number=1))) == ["adopted"]


# Wishes

NARROW = Wishes(window=1, rate_limit=(2, 600))


def wished(wishes: Wishes = NARROW, proof: Proof | None = None) -> Opened:
    """Return the proposal of a change of wishes."""
    return proposal(Change(wishes=wishes, proof=proof), verb="wish", name="limits")


def test_wishes_of_the_first_enrolment() -> None:
    """The first enrolment may bring wishes; the record says when they were made."""
    adoption = adopt(EMPTY, proposal(adding()._replace(wishes=NARROW), verb="setup"))
    assert results(adoption) == ["adopted"]
    assert adoption.record.wishes == NARROW._replace(set=NOW)


def test_wishes_need_a_proof() -> None:
    """Afterwards wishes change like tokens: with a code of a token, and their owner hears of it."""
    assert results(adopt(HELD, wished())) == ["pending"]
    assert results(adopt(HELD, wished(proof=WRONG))) == [WRONG_CODE]
    adoption = adopt(HELD, wished(proof=RIGHT))
    assert results(adoption) == ["adopted"]
    assert adoption.record.wishes == NARROW._replace(set=NOW)
    assert adoption.record.tokens == HELD.tokens
    assert "wished" in {notice.what for notice in adoption.record.state.notices}


def test_wishes_of_nobody() -> None:
    """Wishes alone enrol nobody, and are not kept for somebody who is not enrolled."""
    adoption = adopt(EMPTY, wished())
    assert results(adoption) == ["there is no token yet"]
    assert (adoption.record.enrolled, adoption.record.wishes) == (False, EMPTY.wishes)


def test_latest_wishes_count() -> None:
    """Wishes take the place of earlier ones as a whole, even within a second; a reset ends them."""
    held = changes.apply(HELD, Change(wishes=NARROW), ground())
    later = changes.apply(held, Change(wishes=Wishes(window=2)), ground())
    assert later.wishes == Wishes(window=2, set=NOW + 1)
    assert record.join(held, later).wishes == record.join(later, held).wishes == later.wishes
    assert changes.unlock(later, NOW).wishes == later.wishes
    assert record.join(changes.reset(later, NOW), later).wishes == EMPTY.wishes


@pytest.mark.parametrize("who", ["confirm", "trust", "admin"])
def test_logout_needs_no_proof(who: str) -> None:
    """Ending sessions takes no code and no administrator; it is never of the future."""
    ended = proposal(Change(ended=NOW - 5), verb="logout", name="sessions")
    adoption = adopt(HELD, ended, changes=who)
    assert results(adoption) == ["adopted"]
    assert adoption.record.state.ended == NOW - 5
    assert adoption.record.tokens == HELD.tokens
    late = proposal(Change(ended=NOW + 86400), verb="logout", name="sessions", number=1)
    again = adopt(adoption.record, late, changes=who)
    assert again.record.state.ended == NOW
    early = adopt(again.record, proposal(Change(ended=1), verb="logout", name="sessions", number=2))
    assert early.record.state.ended == NOW


@pytest.mark.parametrize(
    ("change", "verb"),
    [
        (adding(), "logout"),
        (Change(), "logout"),
        (adding()._replace(ended=NOW), "logout"),
        (adding()._replace(ended=NOW), "add"),
        (Change(remove=(PHONE.id,), ended=NOW), "remove"),
        (Change(ended=NOW), "set"),
        (Change(ended=NOW, wishes=NARROW), "logout"),
    ],
)
def test_logout_hides_nothing(change: Change, verb: str) -> None:
    """A change that ends sessions does nothing else, and says so in the clear."""
    adoption = adopt(HELD, proposal(change, verb=verb, name="tablet"))
    assert results(adoption) == ["it does something else than its first line says"]
    assert (adoption.record.tokens, adoption.record.state.ended) == (HELD.tokens, 0)


def test_dismiss() -> None:
    """A proposal that the administrator rejected is not looked at again."""
    opened = proposal(adding(proof=RIGHT))
    held = changes.dismiss(HELD, (opened.proposal.digest(),), NOW)
    assert adopt(held, opened).results == ()


@pytest.mark.parametrize(
    ("change", "verb", "name"),
    [
        (adding(), "codes", "scratch"),
        (adding(), "remove", "phone"),
        (adding(), "set", "phone"),
        (adding(), "add", "phone"),
        (adding()._replace(remove=(PHONE.id,)), "add", "tablet"),
        (adding()._replace(relabel={PHONE.id: {"note": "x"}}), "setup", "tablet"),
        (Change(remove=(PHONE.id,)), "codes", "scratch"),
        (Change(remove=(PHONE.id,)), "set", "phone"),
        (Change(relabel={PHONE.id: {"enabled": False}}), "remove", "phone"),
        (adding(), "wish", "tablet"),
        (adding()._replace(wishes=NARROW), "setup", "tablet"),
        (adding()._replace(wishes=NARROW), "wish", "tablet"),
        (Change(wishes=NARROW), "set", "phone"),
        (Change(wishes=NARROW, relabel={PHONE.id: {"enabled": False}}), "wish", "limits"),
        (Change(wishes=NARROW, remove=(PHONE.id,)), "wish", "limits"),
        (Change(relabel={PHONE.id: {"enabled": False}}), "wish", "limits"),
    ],
)
def test_not_as_said(change: Change, verb: str, name: str) -> None:
    """A change that its first line does not tell the administrator is dropped, even if approved."""
    opened = proposal(change, verb=verb, name=name)._replace(approved=True)
    adoption = adopt(HELD, opened)
    assert results(adoption) == ["it does something else than its first line says"]
    assert adoption.record.tokens == HELD.tokens
    assert adoption.record.wishes == HELD.wishes


def test_made_up_ids_flush_nothing() -> None:
    """Removing ids that are no tokens leaves the set of removed ones as it is (B2)."""
    made_up = tuple(f"{number:016x}" for number in range(32))
    adoption = adopt(HELD, proposal(Change(remove=made_up, proof=RIGHT)))
    assert results(adoption) == ["adopted"]
    assert not adoption.record.state.removed


def test_kinds_that_prove() -> None:
    """A token of a kind that logins do not take proves no change."""
    rule = policy.Rule(kinds=("hotp", "scratch"))
    opened = (proposal(adding(proof=RIGHT)),)
    adoption = changes.adopt(HELD, opened, ground(NOW)._replace(rule=rule), (samples.fresh_id(),))
    assert results(adoption) == [WRONG_CODE]


def test_many_in_one_second() -> None:
    """Of any number of changes in one second the latest are known to be done (B8)."""
    held = HELD
    last: list[Opened] = []
    for number in range(3 * state.DONE_MAX):
        change = Change(relabel={PHONE.id: {"note": f"{number}"}})
        last = [*last, proposal(change, number=number)._replace(approved=True)][-state.DONE_MAX :]
        held = adopt(held, last[-1]).record
    assert adopt(held, *last).results == ()
    assert held.tokens[PHONE.id].note == f"{3 * state.DONE_MAX - 1}"
