"""An account's record, and how it becomes bytes: canonical JSON, padded.

The record is what the host knows of one account: its tokens, their state, and the era. Two sealed
copies of it exist, in the home and on the host; `join` merges them. Secrets are in it, so it is
never printed: reprs show names only.
"""

from __future__ import annotations

from otpauth import canonical, state, statetext, token, wishes
from otpauth.errors import FormatError
from otpauth.state import State
from otpauth.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from otpauth.token import Token
    from otpauth.wishes import Wishes

VERSION = 1
SIZE_MAX = 112 * 1024  # bytes of JSON; all limits of its parts together come to 107
PADDING = 1024  # the sealed size tells nothing finer than this
OUTCOMES_MAX = 20
NAME_MAX = 255  # characters of an account's name


class Past(NamedTuple):
    """What came of one login: kept for `otpauth-admin show`, in the host copy only."""

    second: int
    reason: str
    service: str
    place: str
    token: str


class Record(NamedTuple):
    """One account as the host knows it.

    `era` only an administrator raises: the higher one wins whole. `enrolled` is set when a first
    token was adopted and stays set when the last one goes.
    """

    user: str
    uid: int
    era: int = 0
    enrolled: bool = False
    tokens: dict[str, Token] = {}
    state: State = State()
    outcomes: tuple[Past, ...] = ()
    wishes: Wishes = wishes.NONE

    def __repr__(self) -> str:
        return f"Record({self.user!r} era {self.era} {sorted(self.tokens)})"

    def ordered(self) -> list[Token]:
        """Return the tokens, the lowest id first."""
        return [self.tokens[ident] for ident in sorted(self.tokens)]

    def named(self, name: str) -> Token | None:
        """Return the token of that name, if there is one."""
        return next((each for each in self.tokens.values() if each.name == name), None)


def join(one: Record, two: Record) -> Record:
    """Merge two copies of one account's record. The higher era wins whole; equal eras join."""
    if one.era != two.era:
        return one if one.era > two.era else two
    merged = state.join(one.state, two.state)
    tokens = dict(one.tokens)
    for ident, each in two.tokens.items():
        mine = tokens.get(ident)
        tokens[ident] = each if mine is None else max(mine, each, key=_seniority)
    return Record(
        user=one.user,
        uid=one.uid,
        era=one.era,
        enrolled=one.enrolled or two.enrolled,
        tokens={ident: each for ident, each in tokens.items() if ident not in merged.removed},
        state=merged,
        outcomes=tuple(sorted({*one.outcomes, *two.outcomes})[-OUTCOMES_MAX:]),
        wishes=wishes.join(one.wishes, two.wishes),
    )


def bounded(record: Record) -> Record:
    """Return a record within the limits of its parts: the oldest entries give way."""
    return join(record, record)


def _seniority(each: Token) -> tuple[int, bytes]:
    """Order versions of one token: the latest label wins, equal times by their bytes."""
    return each.labelled, canonical.dumps(token.token_value(each))


def encode(record: Record) -> bytes:
    """Return a record as bytes: canonical JSON, then spaces up to a multiple of PADDING.

    What is over a limit of its own loses its oldest entries, so that it can be read again. Raises
    FormatError if the whole is larger than SIZE_MAX.
    """
    record = bounded(record)
    data = canonical.dumps(
        {
            "version": VERSION,
            "user": record.user,
            "uid": record.uid,
            "era": record.era,
            "enrolled": record.enrolled,
            "tokens": {each.id: token.token_value(each) for each in record.tokens.values()},
            "state": statetext.value(record.state),
            "outcomes": [list(each) for each in record.outcomes],
            "wishes": wishes.value(record.wishes),
        },
    )
    if len(data) > SIZE_MAX:
        raise FormatError("the record is larger than its limit")
    return data + b" " * (-len(data) % PADDING)


def decode(data: bytes) -> Record:
    """Read a record: exactly what `encode` writes, or FormatError."""
    trimmed = data.rstrip(b" ")
    if data != trimmed + b" " * (-len(trimmed) % PADDING):
        raise FormatError("the record's padding is not what it should be")
    item = canonical.loads(trimmed, limit=SIZE_MAX)
    got = canonical.fields(item, ("version", *Record._fields))
    canonical.choice(got["version"], (VERSION,))
    record = Record(
        user=canonical.text(got["user"], most=NAME_MAX),
        uid=canonical.integer(got["uid"], 0, 2**32 - 1),
        era=canonical.integer(got["era"]),
        enrolled=canonical.boolean(got["enrolled"]),
        tokens={
            ident: token.token_from(ident, each)
            for ident, each in canonical.mapping(got["tokens"], most=token.MERGED_MAX).items()
        },
        state=statetext.read(got["state"]),
        outcomes=tuple(_outcome(e) for e in canonical.array(got["outcomes"], most=OUTCOMES_MAX)),
        wishes=wishes.read(got["wishes"]),
    )
    if encode(record) != data:
        raise FormatError("the record is not in its canonical form")
    return record


def _outcome(item: Any) -> Past:
    row = canonical.array(item, most=5)
    if len(row) != 5:
        raise FormatError("sealed data has an outcome of another length than it should")
    second = canonical.integer(row[0])
    return Past(second, *(canonical.text(each, most=state.PLACE_MAX) for each in row[1:]))
