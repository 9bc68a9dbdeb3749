"""Make the vectors: `python -m tests.vectors.make`. Those that are there already stay.

A proposal's seal is random, so making a vector anew changes its bytes; what it shows stays the
same. The keys are in host.key and record.key beside, and are worth nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from otpauth import changes, copies, keyfiles, keys, record, seal, secretfile, state
from otpauth.keys import HostKey
from otpauth.secretfile import Proposal
from otpauth.wishes import Wishes
from tests import samples

if TYPE_CHECKING:
    from collections.abc import Callable

    from otpauth.keys import RecordKey
    from otpauth.record import Record
    from otpauth.secretfile import SealedRecord

HERE = Path(__file__).parent
HEAD = secretfile.FIRST_LINE
HOST_KEY = HostKey("-", ((samples.HOST_ID, samples.HOST_SECRET),))
PUBLIC = keyfiles.public_of(HOST_KEY)
KEY = samples.RECORD_KEY
HELD = samples.account(samples.totp_draft(), samples.hotp_draft(), samples.scratch_draft())
NEW = samples.totp_draft("tablet", bytes(range(20)), note="azure")  # sealed, its base64 ends with =
CHANGE = changes.Change(add=(NEW,))
LISTED = samples.account(samples.list_draft())
ADDRESSED = samples.account(samples.address_draft())
MAILED = secretfile.serialize_section(copies.sealed(KEY, ADDRESSED))
(WAY,) = (f"to {each} b…@example.org\n" for each in ADDRESSED.tokens)
ADDRESS = changes.encode(changes.Change(add=(samples.address_draft(),)))
PLAIN, ASKED = record.encode(HELD), changes.encode(CHANGE)
LIST = changes.encode(changes.Change(add=(samples.list_draft(),)))
SEALED = copies.sealed(KEY, HELD)
RECORD = secretfile.serialize_section(SEALED)
WISHED = Wishes(1, (2, 600), reuse=True)
WISHFUL = secretfile.serialize_section(
    copies.sealed(KEY, HELD._replace(wishes=WISHED._replace(set=samples.NOW)))
)
LIMITED = secretfile.serialize_section(
    copies.sealed(KEY, samples.account(samples.totp_draft(groups=("imap", "smtp"))))
)
PHONES = samples.account(samples.motp_draft(), samples.password_draft(nt="0f" * 16))
PASSWORD = changes.encode(changes.Change(add=(samples.password_draft(),)))
MOTP = changes.encode(changes.Change(add=(samples.motp_draft(),)))
OTHER_HOST = keys.RecordKey(bytes(32), (("00AA-11BB", bytes(32)),))

Vector = tuple[str, str, bytes]  # what is expected, what is wrong, the file


def asked(plain: bytes = ASKED, **header: object) -> bytes:
    """Return a proposal with these bytes under its seal."""
    clear = Proposal("add", "tablet", "alice", PUBLIC.id, samples.NOW, b"")._replace(**header)  # type: ignore[arg-type]
    sealed = seal.seal_proposal(PUBLIC, clear.user, clear.header(), plain)
    return secretfile.serialize_section(clear._replace(sealed=sealed))


PROPOSAL = asked()
NEW_PASSWORD = asked(PASSWORD, name="laptop")


def held(plain: bytes, clear: SealedRecord = SEALED, key: RecordKey = KEY) -> bytes:
    """Return a record with these bytes under its seal."""
    sealed = seal.seal_record(key, clear.user, clear.header(), plain)
    return secretfile.serialize_section(clear._replace(sealed=sealed))


def plain_with(old: bytes, new: bytes, of: Record = HELD) -> bytes:
    """Return a record whose JSON has one place edited before it was sealed."""
    text = record.encode(of).rstrip()
    assert text.count(old) >= 1
    edited = text.replace(old, new, 1)
    return held(edited + b" " * (-len(edited) % record.PADDING), copies.sealed(KEY, of))


def edited(section: bytes, old: str, new: str) -> bytes:
    """Return a section with one place of its text edited."""
    assert old.encode() in section
    return section.replace(old.encode(), new.encode(), 1)


def body(section: bytes, change: Callable[[list[str]], list[str]]) -> bytes:
    """Return a section with the lines under its `sealed` changed."""
    before, sealed, after = section.decode().partition("sealed\n")
    rows = after.removesuffix("end\n").splitlines()
    return (before + sealed + "\n".join(change(rows)) + "\nend\n").encode()


def flipped(section: bytes, place: int) -> bytes:
    """Return a section with one bit under its seal changed."""
    (one,) = secretfile.parse(HEAD + section).sections
    assert not isinstance(one, secretfile.Damaged)
    data = bytearray(one.sealed)
    data[place] ^= 1
    return secretfile.serialize_section(one._replace(sealed=bytes(data)))


def cut(section: bytes, size: int) -> bytes:
    """Return a section with only so many bytes under its seal."""
    (one,) = secretfile.parse(HEAD + section).sections
    assert not isinstance(one, secretfile.Damaged)
    return secretfile.serialize_section(one._replace(sealed=one.sealed[:size]))


def good() -> dict[str, Vector]:
    """Return files without a defect."""
    foreign = copies.sealed(OTHER_HOST, HELD)
    every = record_of_all()
    return {
        "file_empty": ("ok", "no section at all", HEAD),
        "file_proposal": ("ok", "one proposal", HEAD + PROPOSAL),
        "file_record": ("ok", "one record", HEAD + RECORD),
        "file_both": ("ok", "a proposal and a record", HEAD + PROPOSAL + RECORD),
        "file_both_turned": ("ok", "a record before a proposal", HEAD + RECORD + PROPOSAL),
        "file_other_host": (
            "ok",
            "a record and a proposal of another host are carried along",
            HEAD
            + secretfile.serialize_section(foreign)
            + secretfile.serialize_section(
                Proposal("set", "x", "alice", "00AA-11BB", 1, b"not to be opened here")
            ),
        ),
        "file_every_field": (
            "ok",
            "a record with something in every field of its state",
            HEAD + secretfile.serialize_section(copies.sealed(KEY, every)),
        ),
        "proposal_proof": (
            "ok",
            "a proposal with a code of a present token",
            HEAD + asked(changes.encode(CHANGE._replace(proof=changes.Proof("123456", 5)))),
        ),
        "proposal_wishes": (
            "ok",
            "a proposal that narrows a user's own limits",
            HEAD + asked(changes.encode(changes.Change(wishes=WISHED)), verb="wish", name="limits"),
        ),
        "record_wishes": ("ok", "a record with wishes", HEAD + WISHFUL),
        "record_list": (
            "ok",
            "a record with a list",
            HEAD + secretfile.serialize_section(copies.sealed(KEY, LISTED)),
        ),
        "record_groups": ("ok", "a record with a token that is limited to groups", HEAD + LIMITED),
        "record_motp_password": (
            "ok",
            "a record with a mOTP token and an app password",
            HEAD + secretfile.serialize_section(copies.sealed(KEY, PHONES)),
        ),
        "proposal_password": ("ok", "a proposal with an app password", HEAD + NEW_PASSWORD),
        "proposal_list": ("ok", "a proposal with a list", HEAD + asked(LIST, name="paper")),
        "record_address": ("ok", "a record with an address", HEAD + MAILED),
        "proposal_address": ("ok", "a proposal of an address", HEAD + asked(ADDRESS, name="work")),
        "proposal_list_proof": (
            "ok",
            "a proposal with a list password as proof",
            HEAD + asked(changes.encode(CHANGE._replace(proof=changes.Proof("071 lusab", 5)))),
        ),
        "proposal_relabel": (
            "ok",
            "a proposal that renames a token",
            HEAD
            + asked(
                changes.encode(changes.Change(relabel={"0" * 16: {"name": "new"}})), verb="set"
            ),
        ),
    }


def record_of_all() -> Record:
    """Return a record with something in every field."""
    now = samples.NOW
    after = HELD
    for number, typed in enumerate(
        [
            samples.code_at(now),
            samples.code_of(0),
            samples.SCRATCH_CODES[0],
            samples.code_at(now - 300),
            samples.code_of(30),
            "00000000",
        ]
    ):
        place = f"192.0.2.{number}"
        after = samples.after(samples.decide(after, typed, now=now, place=place), after)
    after = changes.remove(after, "0" * 16, now)
    drifts = dict.fromkeys(after.state.steps, (now, -2))
    full = after.state._replace(
        drifts=drifts,
        tries={"192.0.2.1": now},
        graces={"2" * 16: now},
        bypass=state.Bypass(3, now, now + 3600, 2, 1),
        done={"1" * 16: now},
        due={"3" * 16: state.Due(now, "4" * 16, 1)},
        sends=frozenset({state.Event(now, "5" * 16, "192.0.2.1")}),
    )
    events = sorted(full.events)
    fixed = frozenset(each._replace(id=f"{n:016x}") for n, each in enumerate(events))
    return after._replace(state=full._replace(events=fixed))


def heads() -> dict[str, Vector]:
    """Return files with a defect before any section."""
    rest = PROPOSAL
    wrong = "FormatError"
    newer = "UnknownVersionError"
    return {
        "head_missing": (wrong, "the first line is missing", rest),
        "head_nothing": (wrong, "the file is empty", b""),
        "head_no_newline": (wrong, "the first line has no end", b"otpauth 1"),
        "head_crlf": (wrong, "the first line ends with CRLF", b"otpauth 1\r\n" + rest),
        "head_mark": (wrong, "a byte order mark", b"\xef\xbb\xbf" + HEAD + rest),
        "head_blank": (wrong, "a blank before the first line", b" " + HEAD + rest),
        "head_case": (wrong, "capitals", b"OTPAUTH 1\n" + rest),
        "head_no_version": (wrong, "no version", b"otpauth \n" + rest),
        "head_zeros": (newer, "another spelling of 1", b"otpauth 01\n" + rest),
        "version_0": (newer, "version 0", b"otpauth 0\n" + rest),
        "version_2": (newer, "version 2", b"otpauth 2\n" + rest),
        "version_9999": (newer, "version 9999", b"otpauth 9999\n" + rest),
        "version_long": (wrong, "a version of five digits", b"otpauth 10000\n" + rest),
        "limit_proposals": (
            wrong,
            "17 proposals",
            HEAD
            + b"".join(
                secretfile.serialize_section(Proposal("add", "x", "alice", "00AA-11BB", n, b"x"))
                for n in range(17)
            ),
        ),
        "limit_records": (wrong, "17 records", HEAD + RECORD * 17),
    }


def texts() -> dict[str, Vector]:
    """Return files with a section that is not canonical."""
    made = f"made {samples.NOW}"
    line = f"token {SEALED.tokens[0].id} totp phone on"
    named = {
        "section_no_end": ("the line `end` is missing", PROPOSAL.removesuffix(b"end\n")),
        "section_end_cut": ("the last newline is missing", PROPOSAL[:-1]),
        "section_no_sealed": ("the line `sealed` is missing", edited(PROPOSAL, "sealed\n", "")),
        "section_crlf": ("CRLF line ends", PROPOSAL.replace(b"\n", b"\r\n")),
        "section_blank_line": ("a blank line behind it", PROPOSAL + b"\n"),
        "section_text_behind": ("text behind it", PROPOSAL + b"hello\n"),
        "section_text_before": ("text before it", b"hello\n" + PROPOSAL),
        "section_without_head": ("nothing before `sealed`", b"sealed\nend\n"),
        "section_unknown": ("an unknown first word", edited(PROPOSAL, "proposal ", "wish ")),
        "section_not_utf8": ("a byte that is no UTF-8", PROPOSAL.replace(b"tablet", b"tabl\xff")),
        "base64_no_padding": ("no padding", body(PROPOSAL, lambda r: [*r[:-1], r[-1].rstrip("=")])),
        "base64_empty_line": ("an empty line", body(PROPOSAL, lambda r: [*r, ""])),
        "base64_short_line": ("a short line", body(PROPOSAL, lambda r: [r[0][:60], *r[1:]])),
        "base64_one_line": ("one long line", body(PROPOSAL, lambda r: ["".join(r)])),
        "base64_blank": ("a blank", body(PROPOSAL, lambda r: [r[0] + " ", *r[1:]])),
        "base64_sign": (
            "a sign that is none of base64",
            body(PROPOSAL, lambda r: ["-" + r[0][1:]]),
        ),
        "base64_bits": ("bits behind the end", loose_bits()),
        "proposal_verb": ("an unknown verb", edited(PROPOSAL, "proposal add", "proposal steal")),
        "proposal_no_name": ("no name", edited(PROPOSAL, "add tablet", "add")),
        "proposal_name": ("a name with a slash", edited(PROPOSAL, "add tablet", "add a/b")),
        "proposal_name_long": ("33 characters", edited(PROPOSAL, "tablet", "x" * 33)),
        "proposal_two_blanks": ("two blanks", edited(PROPOSAL, "add tablet", "add  tablet")),
        "proposal_no_user": ("no user line", edited(PROPOSAL, "user alice\n", "")),
        "proposal_empty_user": ("an empty user", edited(PROPOSAL, "user alice", "user ")),
        "proposal_escape_user": ("an escape", edited(PROPOSAL, "user alice", "user \x1b[2J")),
        "proposal_long_user": ("256 characters", edited(PROPOSAL, "alice", "x" * 256)),
        "proposal_key_case": ("small letters", edited(PROPOSAL, "AAA8-FFF7", "aaa8-fff7")),
        "proposal_key_short": ("a short key id", edited(PROPOSAL, "AAA8-FFF7", "AAA8-FFF")),
        "proposal_made_zero": ("a leading zero", edited(PROPOSAL, made, "made 01")),
        "proposal_made_sign": ("a sign", edited(PROPOSAL, made, "made -1")),
        "proposal_made_long": ("17 digits", edited(PROPOSAL, made, "made " + "1" * 17)),
        "proposal_made_digits": ("Arabic digits", edited(PROPOSAL, made, "made \u0661")),
        "proposal_line_more": ("a line more", edited(PROPOSAL, made, f"{made}\nnote x")),
        "proposal_order": (
            "lines in another order",
            edited(PROPOSAL, f"key AAA8-FFF7\n{made}", f"{made}\nkey AAA8-FFF7"),
        ),
        "record_generation": ("a leading zero", edited(RECORD, "FFF7 1\n", "FFF7 01\n")),
        "record_no_era": ("no era line", edited(RECORD, "era 0\n", "")),
        "record_era": ("a sign", edited(RECORD, "era 0", "era +0")),
        "record_enrolled": ("neither yes nor no", edited(RECORD, "enrolled yes", "enrolled true")),
        "record_token_kind": ("an unknown kind", edited(RECORD, " totp phone", " steam phone")),
        "record_token_switch": ("neither on nor off", edited(RECORD, "phone on", "phone yes")),
        "record_token_id": ("an id in capitals", edited(RECORD, line, line.replace("d", "D", 1))),
        "record_token_left": (
            "a left of -2",
            edited(RECORD, " 0 0 -1 -1 160 *\n", " 0 0 -2 -1 160 *\n"),
        ),
        "record_token_words": (
            "a word less",
            edited(RECORD, " 0 0 -1 -1 160 *\n", " 0 0 -1 160 *\n"),
        ),
        "record_token_groups": (
            "groups that are not sorted",
            edited(LIMITED, " imap,smtp\n", " smtp,imap\n"),
        ),
        "record_token_no_groups": ("no groups", edited(LIMITED, " imap,smtp\n", " \n")),
        "record_tokens_many": (
            "41 tokens",
            edited(
                RECORD,
                "token ",
                "token 0000000000000000 totp x on 1 0 0 -1 -1 160 *\n" * 38 + "token ",
            ),
        ),
        "record_bypass_none": (
            "a bypass with no login left",
            edited(RECORD, "enrolled yes\n", "enrolled yes\nbypass 1772528400 0\n"),
        ),
        "record_bypass_late": (
            "a bypass behind the tokens",
            edited(RECORD, "sealed\n", "bypass 1772528400 1\nsealed\n"),
        ),
        "record_wishes_none": (
            "a line of no wishes",
            edited(RECORD, "enrolled yes\n", "enrolled yes\nwishes 0 0 0 no no\n"),
        ),
        "record_wishes_window": ("a window of 22", edited(WISHFUL, "wishes 1 ", "wishes 22 ")),
        "record_wishes_limit": ("2 in no time", edited(WISHFUL, " 2 600 ", " 2 0 ")),
        "record_wishes_both": ("a limit and none", edited(WISHFUL, " 600 no ", " 600 yes ")),
        "record_wishes_word": ("neither yes nor no", edited(WISHFUL, " no yes\n", " no maybe\n")),
        "record_wishes_less": ("a word less", edited(WISHFUL, " no yes\n", " no\n")),
        "record_wishes_late": (
            "wishes behind the tokens",
            edited(RECORD, "sealed\n", "wishes 1 0 0 no no\nsealed\n"),
        ),
        "record_to_words": ("an address with a blank", edited(MAILED, "b…@", "b …@")),
        "record_to_nobody": ("an address of no token", edited(RECORD, "notice ", f"{WAY}notice ")),
        "record_to_first": (
            "an address before its token",
            edited(edited(MAILED, WAY, ""), "token ", f"{WAY}token "),
        ),
        "record_to_twice": ("an address twice", edited(MAILED, WAY, WAY * 2)),
        "record_notice_what": ("an unknown notice", edited(RECORD, " added fob", " stolen fob")),
        "record_notice_words": ("no reason", edited(RECORD, "added fob -", "added fob")),
        "record_notice_first": (
            "a notice before the tokens",
            edited(RECORD, "token ", "notice 1 added x -\ntoken "),
        ),
        "record_notices_many": (
            "nine notices",
            edited(RECORD, "sealed\n", "notice 1 added x -\n" * 6 + "sealed\n"),
        ),
    }
    return {name: ("FormatError", why, HEAD + data) for name, (why, data) in named.items()}


def loose_bits() -> bytes:
    """Return a proposal whose last base64 character has bits that mean nothing."""
    one = secretfile.serialize_section(
        Proposal("add", "tablet", "alice", "00AA-11BB", 1, b"\0" * 49)
    )
    return edited(one, "A==\n", "B==\n")


def plains() -> dict[str, Vector]:
    """Return files with a defect inside a seal that opens."""
    named = {
        "record_json_nan": ("NaN", plain_with(b'"told":0', b'"told":NaN')),
        "record_json_fraction": ("a fraction", plain_with(b'"told":0', b'"told":0.5')),
        "record_json_huge": ("a huge integer", plain_with(b'"told":0', b'"told":' + b"9" * 400)),
        "record_json_nesting": ("nesting", plain_with(b'"told":0', b'"told":' + b"[" * 9000)),
        "record_json_twice": ("a key twice", plain_with(b'"told":0', b'"told":0,"told":0')),
        "record_json_blank": ("a blank", plain_with(b'"told":0', b'"told": 0')),
        "record_json_more": ("a field more", plain_with(b'"told":0', b'"told":0,"tolk":0')),
        "record_json_less": ("a field less", plain_with(b',"told":0', b"")),
        "record_json_sign": ("a negative number", plain_with(b'"told":0', b'"told":-1')),
        "record_version": ("version 2 of a record", plain_with(b'"version":1', b'"version":2')),
        "record_uid": ("a negative uid", plain_with(b'"uid":1000', b'"uid":-1')),
        "record_secret_case": (
            "a secret in capitals",
            plain_with(
                samples.OTHER_SECRET.hex().encode(), samples.OTHER_SECRET.hex().upper().encode()
            ),
        ),
        "record_secret_short": (
            "a secret of nine bytes",
            plain_with(samples.SECRET.hex().encode(), samples.SECRET[:9].hex().encode()),
        ),
        "record_digits": ("nine digits", plain_with(b'"digits":6', b'"digits":9')),
        "record_period": ("a period of 0", plain_with(b'"period":30', b'"period":0')),
        "record_bypass": ("a number less", plain_with(b'"bypass":[0,', b'"bypass":[')),
        "record_wishes": ("a window of 22", plain_with(b'"window":0', b'"window":22')),
        "record_no_padding": ("no padding", held(PLAIN.rstrip())),
        "record_long_padding": ("a step too much of padding", held(PLAIN + b" " * record.PADDING)),
        "record_padding_newline": ("a newline as padding", held(PLAIN[:-1] + b"\n")),
        "record_list_number": (
            "a number of letters",
            plain_with(b'"codes":["000', b'"codes":["00x', LISTED),
        ),
        "record_list_twice": ("a number twice", plain_with(b'"007', b'"000', LISTED)),
        "record_list_order": ("numbers out of order", plain_with(b'"007', b'"072', LISTED)),
        "record_list_form": ("an unknown form", plain_with(b'"words"', b'"runes"', LISTED)),
        "record_list_length": (
            "a length of 81",
            plain_with(b'"length":10', b'"length":81', LISTED),
        ),
        "record_list_bits": ("23 bits", plain_with(b'"bits":32', b'"bits":23', LISTED)),
        "record_address_blank": (
            "an address with a blank",
            plain_with(b'"bob@example.org"', b'"bob @example.org"', ADDRESSED),
        ),
        "record_address_salt": (
            "a salt of seven bytes",
            plain_with(b'"salt":"00', b'"salt":"', ADDRESSED),
        ),
        "proposal_address_long": (
            "255 characters",
            asked(ADDRESS.replace(b"bob@", b"b" * 243 + b"@"), name="work"),
        ),
        "proposal_list_digest": (
            "a digest that is as short as a hash",
            asked(re.sub(rb'"(007.{16})..', rb'"\1', LIST), name="paper"),
        ),
        "proposal_list_bare": (
            "a list password without its number as proof",
            asked(
                changes.encode(CHANGE._replace(proof=changes.Proof("lusab babad", 5))),
            ),
        ),
        "proposal_json_twice": ("a key twice", asked(ASKED[:-1] + b',"remove":[]}')),
        "proposal_json_nan": ("NaN", asked(ASKED.replace(b'"seen":0', b'"seen":NaN'))),
        "proposal_json_huge": ("a huge integer", asked(ASKED.replace(b":0", b":" + b"9" * 5000))),
        "proposal_json_nesting": ("nesting", asked(b"[" * 10_000)),
        "proposal_json_long": ("17 KiB", asked(b'"' + b"a" * 17 * 1024 + b'"')),
        "proposal_json_text": ("no JSON", asked(b"hello")),
        "proposal_kind": ("an unknown kind", asked(ASKED.replace(b'"totp"', b'"steam"'))),
        "proposal_proof": ("a proof of one", asked(ASKED.replace(b'proof":null', b'proof":["1"]'))),
        "proposal_seen": (
            "a step over 2^32",
            asked(ASKED.replace(b'seen":0', b'seen":4294967296')),
        ),
        "proposal_wishes": (
            "wishes that say when they were made",
            asked(
                changes.encode(changes.Change(wishes=WISHED._replace(set=5))),
                verb="wish",
                name="limits",
            ),
        ),
        "proposal_drift": ("a drift of years", asked(ASKED.replace(b'drift":0', b'drift":20001'))),
        "proposal_password_groups": (
            "an app password for everywhere",
            asked(PASSWORD.replace(b'["imap","smtp"]', b"[]"), name="laptop"),
        ),
        "proposal_password_short": (
            "an app password of 19 characters",
            asked(PASSWORD.replace(b'["k7m', b'["k7'), name="laptop"),
        ),
        "proposal_motp_pin": (
            "a PIN of 3 digits",
            asked(MOTP.replace(b'"1234"', b'"123"'), name="motp"),
        ),
        "proposal_motp_secret": (
            "a mOTP secret in capitals",
            asked(MOTP.replace(b'"e3152', b'"E3152'), name="motp"),
        ),
        "record_password_groups": (
            "an app password for everywhere",
            plain_with(b'["imap","smtp"]', b"[]", PHONES),
        ),
        "record_password_nt": (
            "an NT hash of 17 bytes",
            plain_with(b'"nt":"', b'"nt":"00', PHONES),
        ),
        "proposal_groups": (
            "a group twice",
            asked(ASKED.replace(b'groups":[]', b'groups":["imap","imap"]')),
        ),
        "proposal_note": (
            "an escape",
            asked(ASKED.replace(b'note":"azure"', b'note":"\\u001b[2J"')),
        ),
    }
    return {
        f"{name}_sealed": ("FormatError", why, HEAD + data) for name, (why, data) in named.items()
    }


def seals() -> dict[str, Vector]:
    """Return files with a seal that does not open."""
    size = len(SEALED.sealed)
    line = next(each for each in RECORD.decode().splitlines() if each.startswith("token "))
    moved = secretfile.serialize_section(copies.sealed(KEY, HELD._replace(user="bob")))
    named = {
        "record_first_bit": ("a bit of the seal's tag", flipped(RECORD, 0)),
        "record_middle_bit": ("a bit in the middle", flipped(RECORD, size // 2)),
        "record_last_bit": ("a bit of the last byte", flipped(RECORD, size - 1)),
        "record_cut": ("a byte is missing", cut(RECORD, size - 1)),
        "record_tag_only": ("only the tag", cut(RECORD, 16)),
        "record_nothing": ("nothing under the seal", cut(RECORD, 0)),
        "record_era_edited": ("another era", edited(RECORD, "era 0", "era 1")),
        "record_enrolled_edited": ("enrolled no", edited(RECORD, "enrolled yes", "enrolled no")),
        "record_bypass_added": (
            "a bypass that is not under the seal",
            edited(RECORD, "enrolled yes\n", "enrolled yes\nbypass 1772528400 1\n"),
        ),
        "record_wishes_edited": ("another window", edited(WISHFUL, "wishes 1 ", "wishes 2 ")),
        "record_wishes_dropped": (
            "a line of wishes is missing",
            edited(WISHFUL, "wishes 1 2 600 no yes\n", ""),
        ),
        "record_to_edited": ("another address", edited(MAILED, "b…@", "e…@")),
        "record_to_dropped": ("an address is missing", edited(MAILED, WAY, "")),
        "record_groups_edited": (
            "a limit that is taken off",
            edited(LIMITED, " imap,smtp\n", " *\n"),
        ),
        "record_name_edited": ("another name", edited(RECORD, "totp phone", "totp phony")),
        "record_token_dropped": ("a token line is missing", edited(RECORD, line + "\n", "")),
        "record_notice_dropped": (
            "a notice is missing",
            edited(RECORD, f"notice {samples.NOW - 86400} added fob -\n", ""),
        ),
        "record_generation_missing": ("generation 2", edited(RECORD, "FFF7 1\n", "FFF7 2\n")),
        "record_generation_zero": ("generation 0", edited(RECORD, "FFF7 1\n", "FFF7 0\n")),
        "record_other_user": ("bob's record", moved),
        "record_user_edited": ("bob's record, called alice's", edited(moved, "bob", "alice")),
        "record_clear_differs": (
            "clear lines that are not those of the JSON, but sealed with it",
            held(PLAIN, SEALED._replace(era=7)),
        ),
        "record_inner_user": (
            "bob's JSON, sealed for alice",
            held(record.encode(HELD._replace(user="bob"))),
        ),
        "record_other_key": ("another key", held(PLAIN, key=samples.ROTATED_KEY)),
        "proposal_first_bit": ("a bit of the ephemeral key", flipped(PROPOSAL, 0)),
        "proposal_last_bit": ("a bit of the tag", flipped(PROPOSAL, -1)),
        "proposal_cut": ("only the ephemeral key", cut(PROPOSAL, 32)),
        "proposal_nothing": ("nothing under the seal", cut(PROPOSAL, 0)),
        "proposal_verb_edited": ("another verb", edited(PROPOSAL, " add ", " remove ")),
        "proposal_name_edited": ("another name", edited(PROPOSAL, " tablet", " phone")),
        "proposal_user_edited": ("another user's", edited(asked(user="bob"), "bob", "alice")),
        "proposal_other_user": ("bob's proposal", asked(user="bob")),
        "proposal_made_edited": ("another date", edited(PROPOSAL, str(samples.NOW), "1")),
        "proposal_zero_key": ("an ephemeral key of zeros", zero_key()),
    }
    return {name: ("SealError", why, HEAD + data) for name, (why, data) in named.items()}


def zero_key() -> bytes:
    """Return a proposal whose ephemeral key is the point of order one."""
    (one,) = secretfile.parse(HEAD + PROPOSAL).proposals
    return secretfile.serialize_section(one._replace(sealed=bytes(32) + one.sealed[32:]))


def everything() -> dict[str, Vector]:
    """Return all vectors by name."""
    parts = (good(), heads(), texts(), plains(), seals())
    names = [name for part in parts for name in part]
    assert len(names) == len(set(names))
    return {name: vector for part in parts for name, vector in part.items()}


def main() -> None:
    """Write what is missing."""
    (HERE / "host.key").write_bytes(keys.write_host(HOST_KEY))
    (HERE / "record.key").write_bytes(keys.write_record(KEY))
    for name, (expect, comment, data) in everything().items():
        path = HERE / f"{name}.txt"
        if not path.exists():
            path.write_bytes(f"expect: {expect}\ncomment: {comment}\n\n".encode() + data)
            print(f"made {path.name}")


if __name__ == "__main__":
    main()
