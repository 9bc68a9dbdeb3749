"""The worked example of otpauth(5): made with fixed keys that are worth nothing.

`python -m tests.man.example` writes it into the page anew. The record's seal is the same each
time; the proposal's is not, because HPKE takes a fresh key for every message.
"""

from __future__ import annotations

from typing import NamedTuple

from otpauth import changes, copies, keys, record, seal, secretfile
from otpauth.changes import Change, Proof
from otpauth.keyfiles import public_of
from otpauth.policy import Rule, Setup
from otpauth.secretfile import Proposal, SealedRecord, SecretFile
from otpauth.token import Draft
from tests.man import pages

PAGE = "otpauth.5"
USER, UID = "alice", 1000
ENROLLED = 1772438400  # 2026-03-02 08:00:00 UTC
USED = ENROLLED + 86400
ASKED = USED + 3600
SECRET = b"12345678901234567890"  # of RFC 4226
CODES = ("23456789", "k7mqx2vd")
HOST_SECRET = bytes(range(1, 33))
WIDTH = 64


class Parts(NamedTuple):
    """The example in pieces: keys, the sections of the file, and what is under the seals."""

    host: keys.HostKey
    record_key: keys.RecordKey
    account: record.Record
    change: Change
    proposal: Proposal
    section: SealedRecord


def parts() -> Parts:
    """Make the example."""
    ident = public_of(keys.HostKey("-", (("0000-0000", HOST_SECRET),)))
    host = keys.HostKey("-", ((keys.key_id(ident.key), HOST_SECRET),))
    public = public_of(host)
    record_key = keys.RecordKey(bytes(range(32)), ((public.id, bytes(range(64, 96))),))
    account = _account(record_key)
    (phone,) = [each for each in account.ordered() if each.kind == "totp"]
    change = Change(relabel={phone.id: {"note": "the blue one"}}, proof=Proof("287082", ASKED))
    empty = Proposal("set", "phone", USER, public.id, ASKED, b"")
    sealed = seal.seal_proposal(public, USER, empty.header(), changes.encode(change))
    return Parts(
        host,
        record_key,
        account,
        change,
        empty._replace(sealed=sealed),
        copies.sealed(record_key, account),
    )


def _account(record_key: keys.RecordKey) -> record.Record:
    """Enrol a phone and two scratch codes; each was used once since."""
    marks = seal.Fingerprints(record_key.ids)
    ground = changes.Ground(Setup(), Rule(), ENROLLED, marks)
    params = {"secret": SECRET.hex(), "algorithm": "SHA1", "digits": 6, "period": 30}
    phone = Draft("totp", "phone", params, seen=ENROLLED // 30)
    scratch = Draft("scratch", "scratch", {"bits": 40, "codes": sorted(CODES)})
    enrolled = changes.apply(record.Record(USER, UID), Change(add=(phone, scratch)), ground)
    ids = {each.kind: each.id for each in enrolled.ordered()}
    state = enrolled.state._replace(
        steps={ids["totp"]: USED // 30},
        used={ids["scratch"]: 1},
        last={ids["totp"]: USED, ids["scratch"]: USED - 3600},
        known={"192.0.2.7": USED},
        told=USED,
    )
    return enrolled._replace(state=state)


def texts(made: Parts, proposal: Proposal) -> dict[str, str]:
    """Return all examples of the page that come from here, by name."""
    content = SecretFile((proposal, made.section))
    header = made.section.header()
    info = seal.prefixed(b"otpauth record 1", USER.encode(), made.record_key.host.encode())
    derived = seal.expand(made.record_key.generations[0][1], info, size=64)
    return {
        "host.key": keys.write_host(made.host).decode(),
        "host.pub": keys.write_public(public_of(made.host)).decode(),
        "record.key": keys.write_record(made.record_key).decode(),
        "file": secretfile.serialize(content).decode(),
        "record-json": _wrapped(record.encode(made.account).rstrip(b" ").decode()),
        "change-json": _wrapped(changes.encode(made.change).decode()),
        "record-info": _wrapped(info.hex()),
        "record-derived": _wrapped(derived.hex()),
        "record-header": header.decode(),
        "proposal-info": _wrapped(seal.proposal_info(USER, proposal.key, proposal.header()).hex()),
    }


def _wrapped(text: str) -> str:
    return "".join(text[at : at + WIDTH] + "\n" for at in range(0, len(text), WIDTH))


def main() -> None:
    """Write the example into the page."""
    text = pages.source(PAGE)
    made = parts()
    for name, content in texts(made, made.proposal).items():
        text = pages.with_example(text, name, content)
    (pages.TREE / "man" / PAGE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
