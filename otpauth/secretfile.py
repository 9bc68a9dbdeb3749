"""The text of `~/.otpauth`, and of the host's copy of a record: sections, each strict for itself.

A first line names the version. Then come sections, proposals and sealed records in any order, each
from its own first line to `end`. A section that is not canonical is Damaged: it is carried along,
costs nobody but itself, and what it was is not guessed. otpauth(5) has the grammar.
"""

from __future__ import annotations

import binascii
import re

from otpauth import canonical, keys, record, state, token, wishes
from otpauth.errors import FormatError, UnknownVersionError
from otpauth.value import NamedTuple
from otpauth.wishes import Wishes

FIRST_LINE = b"otpauth 1\n"
SIZE_MAX = 192 * 1024  # bytes
RECORDS_MAX = 16
PROPOSALS_MAX = 16
SEALED_MAX = record.SIZE_MAX + 64  # bytes under one seal
LINE = 64  # characters of base64 in a line
VERBS = ("add", "codes", "import", "logout", "remove", "replace", "set", "setup", "wish")
_DIGITS = "0123456789"
_END = b"\nend\n"
_STARTS = (b"proposal ", b"record ")


class Proposal(NamedTuple):
    """What a user's tool asks of the host. `made` is in Unix seconds, `sealed` is HPKE's output."""

    verb: str
    name: str
    user: str
    key: str
    made: int
    sealed: bytes

    def header(self) -> bytes:
        """Return the clear lines, which the seal is bound to."""
        lines = (
            f"proposal {self.verb} {self.name}",
            f"user {self.user}",
            f"key {self.key}",
            f"made {self.made}",
        )
        return _lines(lines)

    def digest(self) -> str:
        """Return what names this proposal to an administrator: 64 bits, hex."""
        import hashlib

        return hashlib.sha256(serialize_section(self)).hexdigest()[:16]


ADOPTED, PENDING = "adopted", "pending"  # what came of a proposal; all else says why not


class Opened(NamedTuple):
    """A proposal and what was under its seal; `plain` is None if it did not open.

    `approved` says that the administrator wants it adopted.
    """

    proposal: Proposal
    plain: bytes | None
    approved: bool = False

    def __repr__(self) -> str:
        return f"Opened({self.proposal.verb} {self.proposal.name!r})"


class Listed(NamedTuple):
    """A token as the clear header shows it.

    `used` and `expires` are 0 for never. Of a set `left` of `size` codes are good; both are -1
    where nothing is counted. `bits` are those of the secret, or of each code. `groups` are as in
    the token. `to` is so much of an address that its owner knows it.
    """

    id: str
    kind: str
    name: str
    switch: str
    added: int
    used: int
    expires: int
    left: int
    size: int
    bits: int
    groups: tuple[str, ...] = ()
    to: str = ""

    def live(self, now: int) -> bool:
        """Say whether the token is switched on and not expired at `now`, in Unix seconds."""
        return self.switch == "on" and not 0 < self.expires <= now


class SealedRecord(NamedTuple):
    """A record of some host: its clear header and the sealed bytes.

    `bypass` is until when, in Unix seconds, and how often no code is asked for; (0, 0) for never.
    """

    host: str
    generation: int
    user: str
    era: int
    enrolled: bool
    tokens: tuple[Listed, ...]
    notices: tuple[state.Notice, ...]
    sealed: bytes
    wishes: Wishes = wishes.NONE
    bypass: tuple[int, int] = (0, 0)

    def header(self) -> bytes:
        """Return the clear lines, which the seal is bound to."""
        lines = [
            f"record {self.host} {self.generation}",
            f"user {self.user}",
            f"era {self.era}",
            f"enrolled {_yes_no(self.enrolled)}",
            *_wishes_lines(self.wishes),
            *_bypass_lines(self.bypass),
        ]
        lines += [
            f"token {t.id} {t.kind} {t.name} {t.switch}"
            f" {t.added} {t.used} {t.expires} {t.left} {t.size} {t.bits} {_groups_word(t.groups)}"
            for t in self.tokens
        ]
        lines += [f"to {t.id} {t.to}" for t in self.tokens if t.to]
        lines += [f"notice {n.second} {n.what} {n.name} {n.reason}" for n in self.notices]
        return _lines(lines)


def _yes_no(truth: bool) -> str:  # noqa: FBT001 -- this is about one
    return "yes" if truth else "no"


def _groups_word(groups: tuple[str, ...]) -> str:
    return ",".join(groups) or EVERYWHERE


def _wishes_lines(wished: Wishes) -> list[str]:
    """Return the line of wishes, without their date, or none if there are no wishes."""
    if wished._replace(set=0) == wishes.NONE:
        return []
    tries, seconds = wished.rate_limit
    free = f"{_yes_no(wished.unlimited)} {_yes_no(wished.reuse)}"
    return [f"wishes {wished.window} {tries} {seconds} {free}"]


def _bypass_lines(granted: tuple[int, int]) -> list[str]:
    until, left = granted
    return [f"bypass {until} {left}"] if left else []


class Damaged(NamedTuple):
    """A section that is not canonical, as it stands."""

    data: bytes


Section = Proposal | SealedRecord | Damaged
SWITCHES = ("on", "off")
EVERYWHERE = "*"  # in the place of groups: no token's name, so no group's


class SecretFile(NamedTuple):
    """A whole file."""

    sections: tuple[Section, ...] = ()

    @property
    def proposals(self) -> tuple[Proposal, ...]:
        """The proposals, in the order of the file."""
        return tuple(each for each in self.sections if isinstance(each, Proposal))

    @property
    def records(self) -> tuple[SealedRecord, ...]:
        """The records of all hosts."""
        return tuple(each for each in self.sections if isinstance(each, SealedRecord))


def parse(data: bytes) -> SecretFile:
    """Read a file. Raises FormatError, UnknownVersionError for a newer version's file."""
    if len(data) > SIZE_MAX:
        raise FormatError("the file is larger than its limit")
    if not data.startswith(FIRST_LINE):
        if re.match(rb"otpauth [0-9]{1,4}\n", data):
            raise UnknownVersionError("the file was written by a newer otpauth")
        raise FormatError("the file's first line is not that of an otpauth file")
    parts = _split(data[len(FIRST_LINE) :])
    result = SecretFile(tuple(_section(part) for part in parts))
    if len(result.proposals) > PROPOSALS_MAX or len(result.records) > RECORDS_MAX:
        raise FormatError("the file has more sections than its limit")
    return result


def serialize(content: SecretFile) -> bytes:
    """Return a file as bytes. Raises FormatError if it is over a limit."""
    data = FIRST_LINE + b"".join(serialize_section(each) for each in content.sections)
    over = len(content.proposals) > PROPOSALS_MAX or len(content.records) > RECORDS_MAX
    if over or len(data) > SIZE_MAX:
        raise FormatError("the file would be over its limit")
    return data


def serialize_section(section: Section) -> bytes:
    """Return one section as bytes."""
    if isinstance(section, Damaged):
        return section.data
    text = binascii.b2a_base64(section.sealed, newline=False).decode("ascii")
    rows = [text[start : start + LINE] for start in range(0, len(text), LINE)]
    return section.header() + _lines(["sealed", *rows, "end"])


def _lines(lines: list[str] | tuple[str, ...]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _split(data: bytes) -> list[bytes]:
    """Cut before every line that starts a section and after every `end`; nothing is left out."""
    parts: list[bytes] = []
    for line in re.findall(rb"[^\n]*\n|[^\n]+", data):
        if line.startswith(_STARTS) or not parts or parts[-1].endswith(_END):
            parts.append(b"")
        parts[-1] += line
    return parts


def _section(data: bytes) -> Section:
    try:
        section = _read(data.decode())
        if serialize_section(section) == data:
            return section
    except (FormatError, UnicodeDecodeError):
        pass
    return Damaged(data)


def _read(text: str) -> Section:
    lines = text.split("\n")
    if "sealed" not in lines[1:] or lines[-2:] != ["end", ""]:
        raise FormatError("a section has no seal or no end")
    cut = lines.index("sealed", 1)
    header = lines[:cut]
    try:
        sealed = binascii.a2b_base64("".join(lines[cut + 1 : -2]), strict_mode=True)
    except (binascii.Error, ValueError):
        raise FormatError("a section has a seal that is not base64") from None
    if len(sealed) > SEALED_MAX:
        raise FormatError("a section is larger than its limit")
    return _proposal(header, sealed) if header[0].startswith("p") else _record(header, sealed)


def _proposal(header: list[str], sealed: bytes) -> Proposal:
    if len(header) != 4:
        raise FormatError("a proposal has more or fewer lines than it should")
    _, verb, name = _words(header[0], "proposal", 3)
    if verb not in VERBS:
        raise FormatError("a proposal has an unknown verb")
    return Proposal(
        verb,
        token.check_name(name),
        _user(header[1]),
        _key(_words(header[2], "key", 2)[1]),
        _number(_words(header[3], "made", 2)[1]),
        sealed,
    )


def _record(header: list[str], sealed: bytes) -> SealedRecord:
    if len(header) < 4:
        raise FormatError("a record has fewer lines than it should")
    _, host, generation = _words(header[0], "record", 3)
    enrolled = _words(header[3], "enrolled", 2)[1]
    wished = _wishes(header[4]) if header[4:] and header[4].startswith("wishes ") else wishes.NONE
    rest = header[4 + len(_wishes_lines(wished)) :]
    granted = _bypass(rest[0]) if rest and rest[0].startswith("bypass ") else (0, 0)
    rest = rest[len(_bypass_lines(granted)) :]
    tokens = [_listed(line) for line in rest if line.startswith("token ")]
    sent = dict(_to(line) for line in rest if line.startswith("to "))
    tokens = [each._replace(to=sent.get(each.id, "")) for each in tokens]
    notices = [_notice(line) for line in rest[len(tokens) + len(sent) :]]
    if len(tokens) > token.MERGED_MAX or len(notices) > state.NOTICES_MAX:
        raise FormatError("a record lists more than its limit")
    return SealedRecord(
        _key(host),
        _number(generation),
        _user(header[1]),
        _number(_words(header[2], "era", 2)[1]),
        enrolled == "yes",
        tuple(tokens),
        tuple(notices),
        sealed,
        wished,
        granted,
    )


def _words(line: str, first: str, count: int) -> list[str]:
    words = line.split(" ")
    if words[0] != first or len(words) != count:
        raise FormatError(f"a section has a line that is no {first!r} line")
    return words


def _user(line: str) -> str:
    word, _, name = line.partition(" ")
    if word != "user" or not name.isprintable() or not 0 < len(name) <= record.NAME_MAX:
        raise FormatError("a section has a user line that is none")
    return name


def _key(text: str) -> str:
    if not keys.is_id(text):
        raise FormatError("a section has a key id that is none")
    return text


def _number(text: str) -> int:
    if not 0 < len(text) <= 16 or text.strip(_DIGITS) or (text[0] == "0" and text != "0"):
        raise FormatError("a section has a number that is none")
    return int(text)


def _listed(line: str) -> Listed:
    words = _words(line, "token", 12)
    _, ident, kind, name, switch, added, used, expires, left, size, bits, groups = words
    if kind not in token.KINDS or switch not in SWITCHES:
        raise FormatError("a record lists a token of an unknown kind, or neither on nor off")
    canonical.hexadecimal(ident, size=token.ID_SIZE)
    return Listed(
        ident,
        kind,
        token.check_name(name),
        switch,
        _number(added),
        _number(used),
        _number(expires),
        _counted(left),
        _counted(size),
        _number(bits),
        () if groups == EVERYWHERE else token.check_groups(groups.split(",")),
    )


def _counted(text: str) -> int:
    return -1 if text == "-1" else _number(text)


def _to(line: str) -> tuple[str, str]:
    _, ident, to = _words(line, "to", 3)
    return ident, canonical.text(to, most=token.ADDRESS_MAX)


def _wishes(line: str) -> Wishes:
    _, window, tries, seconds, unlimited, reuse = _words(line, "wishes", 6)
    limit = (_number(tries), _number(seconds))
    return wishes.checked(Wishes(_number(window), limit, unlimited == "yes", reuse == "yes"))


def _bypass(line: str) -> tuple[int, int]:
    _, until, left = _words(line, "bypass", 3)
    return _number(until), _number(left)


def _notice(line: str) -> state.Notice:
    words = line.split(" ", 4)
    if len(words) != 5 or words[0] != "notice" or words[2] not in state.WHATS:
        raise FormatError("a record has a notice line that is none")
    if not words[4].isprintable() or len(words[4]) > state.PLACE_MAX:
        raise FormatError("a record has a notice that is too long or not printable")
    return state.Notice(_number(words[1]), words[2], token.check_name(words[3]), words[4])
