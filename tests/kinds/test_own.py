"""Users' own addresses: tokens that serve where a channel lets them, and only then."""

from __future__ import annotations

import pytest

from otpauth import changes, channels, copies, limits, login, policy, secretfile, state
from otpauth.changes import Change
from otpauth.errors import RefusedError
from otpauth.kinds import sent
from otpauth.kinds.sent import Reserved, Route
from otpauth.login import Chance, Outcome
from otpauth.record import Record, decode, encode, join
from tests import samples
from tests.samples import MARKS, NOW, OWN, address_draft, code_at, ground, totp_draft

RULE = policy.Rule()
HOST = Route("mail", "alice@example.com", 6, 300, (3, 3600))


def given(
    held: Record, now: int = NOW, found: dict[str, channels.Channel] = OWN
) -> tuple[Record, tuple[Route, ...]]:
    """Return the record that a login is decided by, and its ways."""
    routes = sent.own(held, found)
    request = samples.request(now, first_factor="publickey")
    return sent.given(held, routes, request, MARKS), routes


def reserve(held: Record, name: str = "work", now: int = NOW, number: int = 1) -> Reserved:
    """Have a code sent by an address's name; the record is as it is written."""
    seen, routes = given(held, now)
    way = next(each for each in routes if each.name == name)
    found = sent.reserve(
        seen, way, samples.request(now, first_factor="publickey"), RULE,
        marks=MARKS, number=f"{number:016x}", again=True,
    )  # fmt: skip
    return found._replace(record=decode(encode(sent.stripped(found.record, held))))


def answer(
    held: Record, code: str, now: int = NOW, found: dict[str, channels.Channel] = OWN
) -> Outcome:
    """Decide an answer; the record of the outcome is as it is written."""
    seen, _ = given(held, now, found)
    outcome = login.decide(
        seen,
        samples.request(now, first_factor="publickey"),
        code,
        RULE,
        chance=Chance(MARKS, samples.fresh_id()),
    )
    after = sent.stripped(outcome.record, held) if outcome.record else held
    return outcome._replace(record=decode(encode(after)))


def test_once() -> None:
    """A code that was sent to an own address lets in once, and the address stays what it was."""
    held = samples.account(totp_draft(), address_draft())
    found = reserve(held)
    assert (found.send, len(found.code)) == (True, 6)
    first = answer(found.record, found.code)
    assert (first.reason, first.token) == ("AUTH_OK_OTP", "work")
    assert first.record
    assert first.record.tokens == held.tokens
    work = held.named("work")
    assert work
    assert first.record.state.last == {work.id: NOW}
    assert answer(first.record, found.code).reason == "AUTH_OTP_ALREADY_USED"


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"sms": OWN["sms"]},
        {"mail": OWN["mail"]._replace(own=False)},
    ],
)
def test_not_served(found: dict[str, channels.Channel]) -> None:
    """Without a channel that takes own addresses the code is none, and other tokens serve."""
    held = samples.account(totp_draft(), address_draft())
    due = reserve(held)
    assert answer(due.record, due.code, found=found).verdict == "refuse"
    assert answer(due.record, code_at(NOW), found=found).token == "phone"
    alone = samples.account(address_draft())
    assert answer(alone, "123456", found=found).reason == "AUTH_TOKEN_MISSING"


def test_no_repr_has_the_address() -> None:
    """A way tells its name in its repr, and not where it leads."""
    _, (way,) = given(samples.account(address_draft()))
    assert repr(way) == "Route('work')"


def test_never_a_proof() -> None:
    """In a proposal an address proves nothing, nor does it hinder a code that does."""
    held = samples.account(totp_draft(), address_draft())
    for each in held.ordered():
        candidate = samples.answer_of("123456")
        match = login.compare(each, held, candidate, NOW, RULE, MARKS)
        assert (match is None) == (each.kind == "mail")


def test_prefixes() -> None:
    """A number that no prefix allows is not adopted; where that is forbidden later, not served."""
    for to in ("+1900555", "004930123", "0", "+4"):
        with pytest.raises(RefusedError):
            samples.account(address_draft(to=to, kind="sms"))
    held = samples.account(address_draft(to="+49 (30) 123-456", kind="sms"))
    (only,) = held.ordered()
    assert only.params["to"] == "+4930123456"
    narrow = {"sms": OWN["sms"]._replace(sms_prefixes=("+43",))}
    assert (len(sent.own(held, OWN)), sent.own(held, narrow)) == (1, ())


@pytest.mark.parametrize("to", ["bob", "-oQ@example.org", "a@b,c@d", "a@b;c@d", "<a@b>"])
def test_hostile_addresses(to: str) -> None:
    """A proposal that no tool of ours made does not bring in what is no address."""
    with pytest.raises(RefusedError):
        samples.account(address_draft(to=to))


def test_bounds() -> None:
    """There are at most four addresses, none twice, and other tokens are no fewer for them."""
    drafts = [address_draft(f"a{n}", f"a{n}@example.org", salt=n) for n in range(4)]
    held = samples.account(totp_draft(), *drafts)
    with pytest.raises(RefusedError, match="4 addresses"):
        changes.apply(held, Change(add=(address_draft("x", "x@example.org"),)), ground())
    with pytest.raises(RefusedError, match="'a1'"):
        changes.apply(
            samples.account(*drafts[:2]),
            Change(add=(address_draft("x", "a1@example.org", salt=9),)),
            ground(),
        )


def test_not_allowed() -> None:
    """Where no channel takes own addresses, or the kind is not to be set up, none is adopted."""
    change = Change(add=(address_draft(),))
    empty = Record("alice", 1000)
    for bad in (ground()._replace(channels={}), ground(kinds=("totp",))):
        with pytest.raises(RefusedError, match=r"otpauth\.conf"):
            changes.apply(empty, change, bad)


def test_added_again() -> None:
    """An address that was removed may come back; its old proposal or record may not."""
    held = samples.account(totp_draft(), address_draft())
    (ident,) = (each.id for each in held.ordered() if each.kind == "mail")
    gone = changes.apply(held, Change(remove=(ident,)), ground())
    with pytest.raises(RefusedError, match="removed"):
        changes.apply(gone, Change(add=(address_draft(),)), ground())
    back = changes.apply(gone, Change(add=(address_draft(salt=2),)), ground())
    joined = join(held, back)
    assert [each.name for each in joined.ordered() if each.kind == "mail"] == ["work"]
    assert ident not in joined.tokens


def test_limit_is_one_for_all() -> None:
    """Many addresses do not make more messages: the channel's limit is the user's."""
    held = samples.account(
        address_draft("a", "a@example.org", salt=1), address_draft("b", "b@example.org", salt=2)
    )
    for number in range(3):
        found = reserve(held, "ab"[number % 2], NOW + number, number)
        assert found.send
        held = found.record
    assert not reserve(held, "b", NOW + 4, 9).code


def test_beside_the_host() -> None:
    """A way of the host's and an own one to the same person are two: each has its own code."""
    held = samples.account(address_draft())
    request = samples.request(NOW, first_factor="publickey")
    routes = (HOST, *sent.own(held, OWN))
    seen = sent.given(held, routes, request, MARKS)
    assert sent.usable(seen, routes, request, RULE) == routes
    codes = {
        sent.reserve(seen, way, request, RULE, marks=MARKS, number=f"{1:016x}", again=True).code
        for way in routes
    }
    assert len(codes) == 2


@pytest.mark.parametrize("labels", [{"enabled": False}, {"expires": NOW - 1}])
def test_switched_off(labels: dict[str, object]) -> None:
    """An address that is switched off or expired is no way, and a code sent before is none."""
    held = samples.account(totp_draft(), address_draft())
    found = reserve(held)
    (ident,) = (each.id for each in held.ordered() if each.kind == "mail")
    off = changes.apply(found.record, Change(relabel={ident: labels}), ground())
    seen, routes = given(off)
    request = samples.request(NOW, first_factor="publickey")
    assert sent.usable(seen, routes, request, RULE) == ()
    assert answer(off, found.code).verdict == "refuse"


def test_clear_lines() -> None:
    """The clear lines show where codes go so that its owner knows it, and open again."""
    held = samples.account(
        totp_draft(), address_draft(), address_draft("sim", "+4930123456", "sms")
    )
    section = copies.sealed(samples.RECORD_KEY, held)
    shown = {each.name: each.to for each in section.tokens}
    assert shown == {"phone": "", "work": "b…@example.org", "sim": "…56"}
    assert b"bob@" not in section.header()
    data = secretfile.serialize(secretfile.SecretFile((section,)))
    (read,) = secretfile.parse(data).records
    assert read == section
    assert copies.opened(samples.RECORD_KEY, read, "alice") == held
    edited = data.replace("b…@example.org".encode(), "m…@example.org".encode())
    (read,) = secretfile.parse(edited).records
    with pytest.raises(Exception, match="open"):
        copies.opened(samples.RECORD_KEY, read, "alice")


def test_largest() -> None:
    """Four addresses of the greatest length fit into a record beside all else."""
    names = [f"{n}{'x' * 60}@{'y' * 60}.{'z' * 60}.{'w' * 60}.org" for n in range(4)]
    held = samples.account(*(address_draft(f"a{n}", to, salt=n) for n, to in enumerate(names)))
    assert decode(encode(held)) == held


def test_guessing_is_charged() -> None:
    """A guess at a code that is due counts as any other."""
    found = reserve(samples.account(address_draft()))
    wrong = f"{(int(found.code) + 1) % 10**6:06}"
    outcome = answer(found.record, wrong)
    assert outcome.reason == "AUTH_FAILED"
    assert outcome.record
    assert samples.events_of(outcome.record) == 1


def test_other_place() -> None:
    """Of a place that is limited nothing is sent to an own address either."""
    events = frozenset(
        state.Event(NOW - 1, f"{number:016x}", state.STRANGERS) for number in range(3)
    )
    held = samples.account(address_draft())
    held = held._replace(state=held.state._replace(events=events))
    assert not reserve(held).code
    assert limits.wait(held.state, state.STRANGERS, RULE, NOW)
