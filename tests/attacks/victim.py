"""An enrolled person with a phone, a fob and scratch codes, and what the host knows of it.

Enrolment goes the real way: a proposal written by a process of the person, adopted by the host.
What the host knows is read with otpauth's own `peek`, as root; log lines come from /dev/log.
"""

from __future__ import annotations

import base64
import re
import secrets as random
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from otpauth import account, changes, store
from otpauth.host import Host
from otpauth.token import Draft
from tests.attacks import malware
from tests.parts import accounts, log, secrets
from tests.parts.phone import Fob, Phone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otpauth.record import Record
    from otpauth.seal import Fingerprints
    from tests.parts.accounts import Person

STACK = "auth required pam_python.so pam_otpauth.py"
KNOWN_FIRST = {"SSH_AUTH_INFO_0": "publickey ssh-ed25519 AAAA\n"}
HERE = "192.0.2.7"  # where the owner logs in from
ELSEWHERE = "198.51.100.9"  # where strangers do
ALPHABET, LENGTH = "0123456789abcdefghjkmnpqrstvwxyz", 8  # of scratch codes
USERS = Path("/var/lib/otpauth/users")
LOCKS = Path("/var/lib/otpauth/lock")
DIGITS = 8  # of the fob: a run uses hundreds of its codes, and none may turn up by chance


@dataclass(frozen=True)
class Victim:
    """An account with all three kinds of tokens, and its owner's devices."""

    person: Person
    phone: Phone
    fob: Fob
    scratch: list[str]

    @property
    def name(self) -> str:
        """Return the account's name."""
        return self.person.name

    @property
    def file(self) -> Path:
        """Return the secret file in the home."""
        return self.person.home / ".otpauth"

    @property
    def host_copy(self) -> Path:
        """Return the host's copy of the record."""
        return USERS / self.name

    def code(self, kind: str) -> str:
        """Return an unused code of a token of this kind."""
        if kind == "scratch":
            return self.scratch.pop()
        return self.phone.next() if kind == "totp" else self.fob.next()

    def wrong(self, kind: str = "hotp") -> str:
        """Return a code that fits none of the tokens but has the shape of one of this kind."""
        if kind == "scratch":
            return new_scratch_code()
        return self.phone.wrong() if kind == "totp" else self.fob.wrong()

    def record(self) -> Record:
        """Return the joined record, as the next login will see it."""
        held = known(self.name)
        assert held is not None
        return held

    def charged(self) -> int:
        """Return how many wrong answers are counted at this time."""
        return len(self.record().state.events)

    def names(self) -> set[str]:
        """Return the names of the tokens."""
        return {each.name for each in self.record().tokens.values()}

    def unlock(self) -> None:
        """Have the administrator forget the failures."""
        admin("unlock", self.name)


@contextmanager
def enrolled(name: str | None = None, *, password: str | None = None) -> Iterator[Victim]:
    """Make a person, enrol it, and remove it afterwards."""
    with accounts.make(name, password=password) as person:
        yield enrol(person)


def enrol(person: Person) -> Victim:
    """Have a person propose a phone, a fob and scratch codes, and the host adopt them."""
    drafts = totp_draft(), hotp_draft(), scratch_draft()
    malware.propose(person, malware.Order(changes.Change(add=drafts)))
    admin("approve", person.name)
    codes = [secrets.remember(code) for code in drafts[2].params["codes"]]
    phone, fob = (base32(draft) for draft in drafts[:2])
    return Victim(person, Phone(phone), Fob(fob, digits=DIGITS), codes)


def totp_draft(name: str = "phone") -> Draft:
    """Return a new time-based token."""
    params = {"secret": random.token_hex(20), "algorithm": "SHA1", "digits": 6, "period": 30}
    return Draft("totp", name, params)


def hotp_draft(name: str = "fob") -> Draft:
    """Return a new counter-based token."""
    params = {"secret": random.token_hex(20), "algorithm": "SHA1", "digits": DIGITS}
    return Draft("hotp", name, params)


def scratch_draft() -> Draft:
    """Return ten new scratch codes."""
    codes = sorted(new_scratch_code() for _ in range(10))
    return Draft("scratch", "scratch", {"bits": 5 * LENGTH, "codes": codes})


def new_scratch_code() -> str:
    """Return a random text of a scratch code's shape, never one of digits alone."""
    return "z" + "".join(random.choice(ALPHABET) for _ in range(LENGTH - 1))


def base32(draft: Draft) -> str:
    """Return a draft's secret as a phone scans it."""
    return base64.b32encode(bytes.fromhex(draft.params["secret"])).decode().rstrip("=")


def give(name: str, draft: Draft) -> None:
    """Put a token of this name in the place of the present one, at once, as root does."""
    terms = _terms()

    def act(held: Record | None, marks: Fingerprints) -> store.Act:
        assert held is not None
        old = held.named(draft.name)
        change = changes.Change(add=(draft,), remove=(old.id,) if old else ())
        return store.Act(changes.apply(held, change, store.ground(terms, marks)), None, home=True)

    assert store.transact(account.lookup(name), terms, act).recorded


def rewrite(name: str, held: Record) -> None:
    """Put a record in the place of the present one."""
    done = store.transact(
        account.lookup(name), _terms(), lambda *_: store.Act(held, None, home=True)
    )
    assert done.recorded


def known(name: str) -> Record | None:
    """Return what the host knows of an account, without touching it."""
    return store.peek(account.lookup(name), _terms())[0]


def _terms() -> store.Terms:
    host = Host()
    policy = host.policy()
    return store.Terms(host, policy, policy.login, int(time.time()))


def admin(*words: str) -> str:
    """Run otpauth-admin as root and return what it printed."""
    done = subprocess.run(
        ("/usr/local/sbin/otpauth-admin", *words), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def reasons(since: int, name: str) -> list[str]:
    """Return the reasons of an account's logins since a position of the log, in order."""
    return fields(since, "reason", f"user={name} service=")


def results(since: int, name: str) -> list[str]:
    """Return what came of an account's proposals since a position of the log."""
    return fields(since, "result", f"user={name} proposal=")


def fields(since: int, field: str, containing: str) -> list[str]:
    """Return one field of each log line that has it and contains a text."""
    texts = (line.text for line in log.lines(since, containing=containing))
    return [found[1] for text in texts if (found := re.search(rf" {field}=(\S+)", text))]
