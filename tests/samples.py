"""Values that the tests of the pure layers share: keys, tokens, records, and how to draw states.

All keys here are fixed and worth nothing. Strategies draw from few ids and few seconds, so that
what they draw collides.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from otpauth import answer, changes, keys, limits, login, oath, policy, record, seal, state, token
from otpauth.channels import Channel
from otpauth.kinds import paper
from otpauth.state import Bypass, Due, Event, Notice, Session, State
from otpauth.token import Draft, Token
from otpauth.wishes import Wishes

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from otpauth.login import Outcome, Typed
    from otpauth.policy import Rule
    from otpauth.record import Record

NOW = 1_800_000_000  # a whole number of periods of 30 s
PERIOD = 30
STEP = NOW // PERIOD
SECRET = b"12345678901234567890"
OTHER_SECRET = b"abcdefghijklmnopqrst"
MARKS = seal.Fingerprints(bytes(range(32)))
HOST_SECRET = bytes(range(1, 33))
HOST_ID = "AAA8-FFF7"  # of HOST_SECRET's public key; test_keys.py computes it
RECORD_KEY = keys.RecordKey(bytes(32), ((HOST_ID, bytes(range(64, 96))),))
ROTATED_KEY = keys.RecordKey(
    RECORD_KEY.ids, (*RECORD_KEY.generations, ("00AA-11BB", bytes(range(96, 128))))
)
SCRATCH_CODES = ("0123abcd", "23456789", "k7mqx2vd", "zzzz0000")
MOTP_SECRET = "e3152afee62599c8"
APP_PASSWORD = "k7mq3x2vd9wtr4hc3fys"
RULE = policy.Rule()
ADDRESS = "192.0.2.7"


def totp_params(secret: bytes = SECRET, **more: Any) -> dict[str, Any]:
    """Return the parameters of a TOTP token."""
    plain = {"secret": secret.hex(), "algorithm": "SHA1", "digits": 6, "period": PERIOD}
    return {**plain, **more}


def hotp_params(secret: bytes = OTHER_SECRET, **more: Any) -> dict[str, Any]:
    """Return the parameters of an HOTP token."""
    return {"secret": secret.hex(), "algorithm": "SHA1", "digits": 6, **more}


def totp_draft(name: str = "phone", secret: bytes = SECRET, **more: Any) -> Draft:
    """Return a draft of a TOTP token."""
    return Draft("totp", name, totp_params(secret), **more)


def hotp_draft(name: str = "fob", secret: bytes = OTHER_SECRET, **more: Any) -> Draft:
    """Return a draft of an HOTP token."""
    return Draft("hotp", name, hotp_params(secret), **more)


def scratch_draft(name: str = "scratch", *codes: str, bits: int = 40) -> Draft:
    """Return a draft of a set of scratch codes."""
    return Draft("scratch", name, {"bits": bits, "codes": sorted(codes or SCRATCH_CODES)})


def address_draft(
    name: str = "work", to: str = "bob@example.org", kind: str = "mail", salt: int = 1, **more: Any
) -> Draft:
    """Return a draft of a user's own address."""
    return Draft(kind, name, {"salt": f"{salt:016x}", "to": to}, **more)


OWN = {  # channels that send to users' own addresses
    "mail": Channel("mail", "otpauth.conf:1", own=True, per_user=(3, 3600)),
    "sms": Channel("sms", "otpauth.conf:9", own=True, sms_prefixes=("+49", "+43")),
    "push": Channel("push", "otpauth.conf:19", own=True),
}


LIST_PASSWORDS = {0: "lusab babad", 7: "gutih tugad", 71: "damuh hidum", 100: "zusop livub"}


def list_draft(
    name: str = "paper", passwords: dict[int, str] = LIST_PASSWORDS, prefix: str = "", **more: Any
) -> Draft:
    """Return a draft of a list of passwords, two words each, with a prefix before each."""
    codes = sorted(
        paper.code(number, paper.digest(prefix + text, form="words", length=10))
        for number, text in passwords.items()
    )
    params = {"bits": 32, "codes": codes, "form": "words", "length": 10}
    return Draft("list", name, params, **more)


def motp_draft(name: str = "motp", pin: str = "1234", **more: Any) -> Draft:
    """Return a draft of a mOTP token."""
    return Draft("motp", name, {"secret": MOTP_SECRET, "pin": pin}, **more)


def password_draft(
    name: str = "laptop",
    code: str = APP_PASSWORD,
    groups: tuple[str, ...] = ("imap", "smtp"),
    nt: str = "",
) -> Draft:
    """Return a draft of an app password."""
    return Draft("password", name, {"bits": 100, "codes": [code], "nt": nt}, groups=groups)


def ground(now: int = NOW, *, rule: Rule = RULE, **setup: Any) -> changes.Ground:
    """Return what the host goes by at a time."""
    return changes.Ground(policy.Setup()._replace(**setup), rule, now, MARKS, channels=OWN)


def account(*drafts: Draft, now: int = NOW - 86400) -> Record:
    """Return the record of an account that has adopted these drafts."""
    empty = record.Record("alice", 1000)
    return changes.apply(empty, changes.Change(add=drafts), ground(now))


def code_at(now: int, *, secret: bytes = SECRET, digits: int = 6) -> str:
    """Return what a phone with the right time shows."""
    return oath.hotp(secret, now // PERIOD, digits=digits)


def motp_at(now: int, *, pin: str = "1234") -> str:
    """Return what a mOTP phone with the right time shows."""
    return oath.motp(MOTP_SECRET, pin, now // 10)


def code_of(counter: int, *, secret: bytes = OTHER_SECRET) -> str:
    """Return what a counter-based device shows."""
    return oath.hotp(secret, counter)


def wrong_code(number: int, *, now: int, drafts: tuple[bytes, ...] = (SECRET,)) -> str:
    """Return the `number`th six-digit code that fits nothing anywhere near `now`."""
    right = {
        oath.hotp(secret, step)
        for secret in drafts
        for step in range(now // PERIOD - 60, now // PERIOD + 61)
    }
    wrong = (text for value in range(10**6) if (text := f"{value:06}") not in right)
    for _ in range(number):
        next(wrong)
    return next(wrong)


def request(now: int, place: str = ADDRESS, *, first_factor: str = "") -> login.Request:
    """Return a login from a place, by default without a first factor."""
    return login.Request("alice", "sshd", place, place, first_factor, now)


_idents = iter(range(10**9))


def fresh_id() -> str:
    """Return an event id that was not used before."""
    return f"{next(_idents):016x}"


def decide(
    held: Record,
    typed: Typed,
    *,
    now: int = NOW,
    place: str = ADDRESS,
    rule: Rule = RULE,
    first_factor: str = "",
    asked: login.Asked = login.UNASKED,
) -> Outcome:
    """Decide one login with the marks of these samples and a fresh event id."""
    chance = login.Chance(MARKS, fresh_id())
    request_ = request(now, place, first_factor=first_factor)
    return login.decide(held, request_, typed, rule, chance=chance, asked=asked)


def answer_of(code: str) -> answer.Candidate:
    """Return an answer that is one code and nothing else."""
    return answer.Candidate(code, whole=code)


def after(outcome: Outcome, before: Record) -> Record:
    """Return the record that is in force after an outcome."""
    return outcome.record or before


def a_token(number: int = 1, **more: Any) -> Token:
    """Return an adopted TOTP token with a made-up id."""
    plain = Token(f"{number:016x}", "totp", f"t{number}", totp_params(), 5, 5)
    return plain._replace(**more)


def events_of(held: Record, bucket: str = state.STRANGERS) -> int:
    """Return how many wrong answers are charged to a bucket."""
    return sum(event.bucket == bucket for event in held.state.events)


# Strategies

ids = st.sampled_from([f"{number:016x}" for number in range(4)])
seconds = st.integers(0, 5)
places = st.sampled_from([state.STRANGERS, "192.0.2.1", "192.0.2.2", limits.PROPOSALS])
digests = st.sampled_from([f"{number:016x}" for number in range(100, 104)])
answers = st.sampled_from([f"{number:08x}" for number in range(4)])
pairs = st.tuples(seconds, st.integers(-3, 3))
events = st.builds(  # an event's id is random: two events never share one
    lambda second, place, number: Event(
        second, f"{second:08x}{zlib.crc32(place.encode()) ^ number:08x}", place
    ),
    seconds,
    places,
    st.integers(0, 2),
)
dues = st.builds(Due, seconds, digests, st.integers(0, 1))
groups = st.sampled_from(["", "mail", "imap"])
fails = st.sampled_from([f"{group}/{n:08x}" for group in ("", "mail") for n in range(3)])
SESSION = Session(0, 0, 0, 1, f"{1:016x}", "mail", "imap", "192.0.2.1", "", 0, 0)
sessions = st.sampled_from(
    [
        SESSION._replace(until=until, since=since, last=last, uses=uses, over=over)
        for until in range(4)
        for since in range(2)
        for last in range(3)
        for uses in range(3)
        for over in range(2)
    ]
)
notices = st.builds(
    Notice,
    seconds,
    st.sampled_from(state.WHATS),
    st.sampled_from(["phone", "tablet"]),
    st.sampled_from(["-", "it is not understood"]),
)


def states(removed: SearchStrategy[str] = ids, *, filled: int = 0) -> SearchStrategy[State]:
    """Draw states; `filled` is the least number of entries in each field, `removed` draws ids."""
    most = 6

    def table(key: SearchStrategy[str], value: SearchStrategy[Any]) -> SearchStrategy[Any]:
        return st.dictionaries(key, value, min_size=filled, max_size=most)

    return st.builds(
        State,
        steps=table(ids, seconds),
        counters=table(ids, seconds),
        used=table(ids, st.integers(0, 15)),
        last=table(ids, seconds),
        drifts=table(ids, pairs),
        resyncs=table(ids, pairs),
        removed=table(removed, seconds),
        events=st.frozensets(events, min_size=filled, max_size=most),
        known=table(places, seconds),
        wrong=table(answers, seconds),
        tries=table(places, seconds),
        graces=table(digests, seconds),
        done=table(digests, seconds),
        due=table(digests, dues),
        sends=st.frozensets(events, min_size=filled, max_size=most),
        notices=st.frozensets(notices, min_size=filled, max_size=most),
        told=seconds,
        bypass=st.builds(
            lambda number, spent: Bypass(number, 10 * number, 10 * number + 5, number % 3, spent),
            st.integers(0, 3),
            st.integers(0, 3),
        ),
        fails=table(fails, seconds),
        locked=table(groups, st.tuples(seconds, seconds)),
        cleared=table(groups, seconds),
        sessions=table(digests, sessions),
        ended=seconds,
    )


def tokens_of(ident: str) -> SearchStrategy[Token]:
    """Draw versions of the token with this id: only its label differs."""
    number = int(ident, 16)
    return st.builds(
        a_token,
        st.just(number),
        name=st.sampled_from(["phone", "tablet"]),
        labelled=seconds,
        note=st.sampled_from(["", "blue", "grün"]),
        expires=seconds,
        enabled=st.booleans(),
        groups=st.sampled_from([(), ("imap",), ("imap", "smtp")]),
    )


_outcomes = st.builds(
    record.Past, seconds, st.sampled_from(sorted(login.REASONS)), places, places, places
)
limited = st.tuples(st.integers(1, 100), st.integers(1, 3600))
wishes = st.builds(
    Wishes, st.integers(0, 21), limited, reuse=st.booleans(), set=seconds
) | st.builds(Wishes, st.integers(0, 21), unlimited=st.booleans(), set=seconds)
_tokens = st.tuples(*[tokens_of(f"{number:016x}") for number in range(4)])


def _record(held: State, those: tuple[Token, ...], some: set[str], *rest: Any) -> Record:
    held = state.bounded(held)
    tokens = {each.id: each for each in those if each.id in some and each.id not in held.removed}
    era, enrolled, outcomes, wished = rest
    past = tuple(sorted(outcomes))
    return record.Record("alice", 1000, era, enrolled, tokens, held, past, wished)


# Records of one account as `encode` takes them: no removed token, all within limits.
records = st.builds(
    _record,
    states(),
    _tokens,
    st.sets(ids, max_size=3),
    st.integers(0, 2),
    st.booleans(),
    st.sets(_outcomes, max_size=4),
    wishes,
)


def mutations(data: bytes) -> SearchStrategy[bytes]:
    """Draw versions of some bytes with a few bytes changed, put in, doubled or cut away."""
    place = st.integers(0, len(data))
    piece = st.one_of(
        st.binary(max_size=4),
        st.sampled_from([b"\n", b"\r\n", b" ", b"0", b"-1", b"NaN", b"sealed\n", b"end\n", b"="]),
    )

    def edited(edits: list[tuple[int, int, bytes]]) -> bytes:
        out = data
        for start, size, new in edits:
            out = out[:start] + new + out[start + size :]
        return out

    edit = st.tuples(place, st.integers(0, 3), piece)
    return st.lists(edit, min_size=1, max_size=3).map(edited)


assert len(token.KINDS) == 9, "a new kind needs samples here"
