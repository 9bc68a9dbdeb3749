"""A person whose logins are put through faults: state saved and put back, and what must hold."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from otpauth import account, attempt, limits, login, secretfile, store
from otpauth.host import Host

if TYPE_CHECKING:
    from tests.parts.accounts import Person
    from tests.parts.phone import Fob

USERS = Path("/var/lib/otpauth/users")
LOCKS = Path("/var/lib/otpauth/lock")


def answer(name: str, code: str) -> login.Outcome:
    """Give one answer as a login without a first factor does."""
    who = account.lookup(name)
    now = int(time.time())
    request = login.Request(who.name, "faults", "", limits.place("", 0), "", now)
    policy = Host().policy()
    return attempt.attempt(who, request, code, store.Terms(Host(), policy, policy.login, now))


def accepted(name: str, code: str) -> bool:
    """Say whether an answer is accepted."""
    return answer(name, code).verdict == login.ACCEPT


@dataclass(frozen=True)
class Saved:
    """An account's files at one moment."""

    person: Person
    files: dict[Path, bytes]

    @classmethod
    def of(cls, person: Person) -> Saved:
        """Read what is there."""
        return cls(person, {path: path.read_bytes() for path in places(person)})

    def restore(self) -> None:
        """Put everything back, and nothing else beside it."""
        for path in places(self.person):
            if path not in self.files:
                path.unlink()
        for path, data in self.files.items():
            path.write_bytes(data)
            path.chmod(0o600)


def places(person: Person) -> list[Path]:
    """Return the files of the product that are the person's, litter included."""
    own = [*person.home.glob(".otpauth*"), *USERS.glob(f"*{person.name}*")]
    return [path for path in own if path.is_file()]


def whole(person: Person) -> None:
    """Check that every copy there is reads as exactly one whole file."""
    for path in (person.home / ".otpauth", USERS / person.name):
        if not path.exists():
            continue
        data = path.read_bytes()
        content = secretfile.parse(data)
        assert secretfile.serialize(content) == data
        damaged = [each for each in content.sections if isinstance(each, secretfile.Damaged)]
        assert not damaged, path


def sound(person: Person, fob: Fob, counter: int, *, already: bool) -> None:
    """Check what must hold after a login with the code of `counter`, `already` if it was let in.

    Files are whole, the code was or is good once and no more, the next one logs in, and a login
    after all that leaves no litter.
    """
    whole(person)
    code = fob.code(counter)
    times = already + accepted(person.name, code) + accepted(person.name, code)
    assert times <= 1, f"the code was accepted {times} times"
    assert accepted(person.name, fob.code(counter + 1)), "locked out"
    whole(person)
    assert (USERS / person.name).exists()
    allowed = {person.name, ".otpauth", ".otpauth.lock"}
    litter = {path.name for path in places(person)} - allowed
    assert not {name for name in litter if not name.startswith("=aside-")}
