"""A record and its sealed copies: the clear header is derived from the record, never trusted."""

from __future__ import annotations

from otpauth import bypass, record, seal, token
from otpauth.errors import SealError
from otpauth.secretfile import Listed, SealedRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from otpauth.keys import RecordKey
    from otpauth.record import Record
    from otpauth.token import Token


def sealed(keys: RecordKey, account: Record) -> SealedRecord:
    """Return a record as the section that is written, sealed with the newest key generation."""
    account = record.bounded(account)
    clear = _clear(account, keys.host, keys.newest)
    data = seal.seal_record(keys, account.user, clear.header(), record.encode(account))
    return clear._replace(sealed=data)


def opened(keys: RecordKey, section: SealedRecord, user: str) -> Record:
    """Return the record in a section. Raises SealError, or FormatError if it is not as it should.

    The section must be of this host and user, and its clear lines those of the record inside.
    """
    if section.user != user or not keys.owns(section.host):
        raise SealError("a record is another user's or another host's")
    plain = seal.open_record(keys, section.generation, user, section.header(), section.sealed)
    account = record.decode(plain)
    same = _clear(account, section.host, section.generation)
    if account.user != user or same.header() != section.header():
        raise SealError("a record's clear lines are not those of the record")
    return account


def _clear(account: Record, host: str, generation: int) -> SealedRecord:
    return SealedRecord(
        host=host,
        generation=generation,
        user=account.user,
        era=account.era,
        enrolled=account.enrolled,
        tokens=tuple(listed(account, each) for each in account.ordered()),
        notices=tuple(sorted(account.state.notices)),
        sealed=b"",
        wishes=account.wishes._replace(set=0),
        bypass=bypass.clear(account.state),
    )


def listed(account: Record, each: Token) -> Listed:
    """Return a token as everybody may see it who may read the file."""
    counted = each.kind in token.SETS
    return Listed(
        each.id,
        each.kind,
        each.name,
        "on" if each.enabled else "off",
        each.created,
        account.state.last.get(each.id, 0),
        each.expires,
        token.left(each, account.state.used.get(each.id, 0)) if counted else -1,
        len(each.params["codes"]) if counted else -1,
        token.bits(each),
        each.groups,
        _veiled(each),
    )


def _veiled(each: Token) -> str:
    if each.kind not in token.SENT:
        return ""
    from otpauth import channels

    return channels.veiled(each.kind, each.params["to"])
