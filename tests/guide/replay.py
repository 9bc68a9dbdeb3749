"""The guide's commands in ours: a user, his phone, and verifying, on a clock that a chapter moves.

All chapters begin at the same frozen second, at which the phones of the guide show the guide's own
codes: their secrets were searched for that. A phone computes by itself, from the definition on
motp.sourceforge.net.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from tests.parts import enrolment, secrets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.parts.faketime import Clock

USER = "testuser1"
BEGIN = 1_799_056_800  # 2027-01-04 10:00:00 UTC, a whole step of 10 s
PIN = "1234"
SECRETS = {  # by the code of the guide that their phones show at BEGIN
    "3a5e9d": "1a2b3c4d00230e5e",
    "8784c7": "1a2b3c4d0047932f",
    "5f0735": "1a2b3c4d006e8a96",
    "484af2": "1a2b3c4d009ba0ab",
    "d1f9c1": "1a2b3c4d03ad25ff",
}
BROWSER = "192.0.2.10"  # where the person sits, if nothing else is said
_LINE = re.compile(r"(accepted|refused): .* \(([A-Z_]+)\)(?: (\S+))?\n")

Chapter = TypeVar("Chapter", bound="Callable[..., None]")
REPLAYED: dict[str, list[str]] = {}  # the guide's rules and our differences, and their chapters


def replays(*rules: str) -> Callable[[Chapter], Chapter]:
    """Say which of the guide's rules, and which of our differences (7a), a chapter shows."""

    def note(chapter: Chapter) -> Chapter:
        for rule in rules:
            REPLAYED.setdefault(rule, []).append(chapter.__name__)
        return chapter

    return note


class Phone:
    """A phone with mOTP."""

    def __init__(self, clock: Clock, secret: str) -> None:
        """Take the clock that it goes by, and the secret that it shows to its owner."""
        self._clock, self.secret = clock, secret

    def code(self) -> str:
        """Return what it shows now."""
        step = str(int(self._clock.now()) // 10)
        return hashlib.md5(f"{step}{self.secret}{PIN}".encode()).hexdigest()[:6]  # noqa: S324

    def next(self) -> str:
        """Wait for the next code and return it."""
        self._clock.advance(10)
        return self.code()


class Guide:
    """The host of the guide."""

    def __init__(self, clock: Clock, conf: Path, kept: tuple[Path, ...]) -> None:
        """Take the clock, the place of otpauth.conf, and where the user's tokens are kept."""
        self.clock, self._conf, self._kept = clock, conf, kept

    def begin(self) -> None:
        """Begin a chapter: nothing is configured, and of the user nothing is known."""
        self.clock.freeze(BEGIN)
        self.configure("")
        for path in self._kept:
            path.unlink(missing_ok=True)

    def configure(self, text: str) -> None:
        """Put an otpauth.conf in place."""
        self._conf.write_text(text, encoding="utf-8")

    def admin(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run the administrator's command."""
        return subprocess.run(
            (enrolment.ADMIN, *words),
            input=text,
            env=self.clock.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, *words: str, text: str = "") -> str:
        """Run it where it must succeed, and return what it prints."""
        done = self.admin(*words, text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def values(self, *words: str) -> Any:
        """Run it with --json, and return what that says."""
        return json.loads(self.done(*words, "--json"))

    def phone(self, shows: str, *, name: str = "phone", groups: str = "") -> Phone:
        """Give the user a phone that shows a code of the guide now, for all or some groups."""
        limit = ("--for", groups) if groups else ()
        secret = SECRETS[shows]
        text = f"motp://web1:{USER}?secret={secret}\n{PIN}\n"
        self.done("add", USER, "motp", name, "--uri", "-", *limit, text=text)
        phone = Phone(self.clock, secret)
        assert phone.code() == shows
        return phone

    def app_password(self, name: str, groups: str) -> str:
        """Give the user an app password, and return it."""
        told = json.loads(self.done("add", USER, "password", name, "--for", groups, "--json"))
        return secrets.remember(str(told["password"]))

    def verify(self, service: str, code: str, *, rhost: str = BROWSER) -> str:
        """Verify as the guide's otpme-auth does, and return Accept or Reject with the reason.

        No service: as a request without a client.
        """
        asked = ("--service", service) if service else ()
        done = self.admin("verify", USER, "--rhost", rhost, *asked, text=f"{code}\n")
        found = _LINE.fullmatch(done.stdout)
        assert found, done.stdout + done.stderr
        assert (done.returncode, found[1]) in ((0, "accepted"), (1, "refused"))
        return f"{'Reject' if done.returncode else 'Accept'} {found[2]}"

    def verify_all(self, service: str, codes: list[str], *, rhost: str = BROWSER) -> list[str]:
        """Verify several codes at the same time."""
        with ThreadPoolExecutor(len(codes)) as pool:
            return list(pool.map(lambda code: self.verify(service, code, rhost=rhost), codes))
