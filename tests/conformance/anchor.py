"""Both modules side by side: one secret, one clock, one application, the same typed answers.

`Pair` is one person with a file of google-authenticator and a record of ours made from it; `login`
gives an answer to both, each in the same stack and mode. What is compared is a `Seen`.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self, Unpack

from otpauth import account, formats, moving, store
from otpauth.host import Host
from otpauth.policy import Policy
from otpauth.record import Record
from tests.parts import accounts, enrolment, pam

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from otpauth.seal import Fingerprints
    from tests.parts.accounts import Person
    from tests.parts.faketime import Clock

GOOGLE, OURS = "pam_google_authenticator.so", "pam_python.so pam_otpauth.py"
PASSWORD = "0123456789"  # its own tail looks like a code
ADDRESS = "192.0.2.1"
SECRET = "2SH3V3GDW7ZNMGYE"  # published, with these codes, in google-authenticator's own tests
HOTP = ("488176", "293240", "445965", "464407", "374703", "932068", "687830", "642338", "765147")
_FROM_9996 = (
    *("316007", "719291", "374875", "692344", "050548", "478726", "646986", "842639", "671031"),
    *("319389", "324466", "049310", "253103"),
)
TOTP = dict(enumerate(_FROM_9996, 9996)) | {
    11000: "229713",
    11001: "099452",
    11002: "175332",
    11003: "339128",
    11010: "059380",
    12000: "746135",
    12020: "140928",
    20000: "178844",
    20001: "246264",
    20002: "425737",
    20003: "949587",
    20004: "676949",
    20006: "152533",
}
DAY = 86400


class Mode(NamedTuple):
    """One of the eight ways to hand a code over; None leaves PAM_AUTHTOK alone."""

    words: tuple[str, ...]
    authtok: str | None
    answer: str | None


MODES = {
    "M0": Mode((), None, "{code}"),
    "M1": Mode(("forward_pass",), None, "{password}{code}"),
    "M2": Mode(("use_first_pass",), "{password}{code}", None),
    "M3": Mode(("use_first_pass", "forward_pass"), "{password}{code}", None),
    "M4": Mode(("try_first_pass",), "{password}{code}", ""),
    "M5": Mode(("try_first_pass", "forward_pass"), "{password}{code}", ""),
    "M6": Mode(("try_first_pass",), "{password}", "{code}"),
    "M7": Mode(("try_first_pass", "forward_pass"), "{password}", "{password}{code}"),
}


class Seen(NamedTuple):
    """What an application and the next module see: PAM's code, prompts, and PAM_AUTHTOK.

    Of state that is looked at between logins it has the line, as its code.
    """

    code: str
    prompts: int
    authtok: str | None


def seen(done: pam.Drive, *, first: bool) -> Seen:
    """Read a transaction; `first` says that the neighbour asked for a password before."""
    one = done.one
    prefix = "probe authtok: "
    shown = [text.removeprefix(prefix) for text in one.told if text.startswith(prefix)]
    code = "PAM_IGNORE" if "probe ignored" in one.told else one.code
    return Seen(code, len(one.asked) - first, shown[0] if shown else None)


def stack(module: str, words: Sequence[str], *, first: bool) -> str:
    """Return a stack that shows what a module does: its code, and PAM_AUTHTOK afterwards."""
    argv = " ".join(f"[{word}]" if " " in word else word for word in words)
    shows, ignored = pam.probe("show"), pam.probe("ignored")
    lines = [pam.probe("ask")] * first
    lines += [f"auth [ignore=1 default=ok] {module} {argv}"]
    lines += [shows.replace("required", "[default=1]", 1), ignored]
    return "\n".join(lines)


def file_text(*options: str, scratch: Sequence[str] = (), secret: str = SECRET) -> str:
    """Return a file of google-authenticator."""
    return "".join(f"{each}\n" for each in (secret, *(f'" {o}' for o in options), *scratch))


def imported(text: str) -> tuple[formats.Imported, ...]:
    """Return what the product reads in a file of google-authenticator."""
    return formats.parse(text.encode(), name="phone", format="google-authenticator")


@dataclass
class Pair:
    """One person, enrolled with both modules."""

    person: Person
    clock: Clock

    @property
    def google_file(self) -> Path:
        """Return where google-authenticator keeps its file."""
        return self.person.home / ".google_authenticator"

    @property
    def our_file(self) -> Path:
        """Return where we keep ours."""
        return self.person.home / ".otpauth"

    def install(self, text: str | None, *, ago: int = DAY) -> None:
        """Give the person this file, moved to ours so many seconds ago; nothing, if None."""
        for path in (self.google_file, self.our_file, Path("/var/lib/otpauth/users", self.name)):
            path.unlink(missing_ok=True)
        if text is not None:
            self.write_google(text)
            self.move(text, int(self.clock.now()) - ago)

    def write_google(self, text: str) -> None:
        """Write google-authenticator's file."""
        self.google_file.unlink(missing_ok=True)
        self.google_file.write_text(text)
        self.google_file.chmod(0o600)
        os.chown(self.google_file, self.person.uid, self.person.gid)

    def move(self, text: str, now: int) -> None:
        """Make our record as `otpauth-admin import` does at that Unix time."""
        policy = Policy()
        terms = store.Terms(Host(), policy, policy.login, now)
        items, _ = moving.allowed(imported(text), policy.setup.kinds)

        def act(held: Record | None, marks: Fingerprints) -> store.Act:
            blank = held or Record(self.name, self.person.uid)
            moved = moving.move(blank, items, store.ground(terms, marks))
            return store.Act(moved.record, None, home=True)

        assert store.transact(account.lookup(self.name), terms, act).recorded

    def states(self, option: str) -> tuple[Seen, Seen]:
        """Return an option's line in their file, and in what `otpauth-admin export` writes."""
        done = enrolment.admin("export", self.name, "--format", "google-authenticator")
        assert done.returncode == 0, done.stderr
        texts = (self.google_file.read_text(), done.stdout)
        found = [re.findall(f'^" ({option}.*)$', text, re.MULTILINE) for text in texts]
        (google,), (ours,) = found
        return Seen(google, 0, None), Seen(ours, 0, None)

    def forgive(self) -> None:
        """Forget our record's wrong answers, for sequences that are not about limits."""
        terms = store.Terms(Host(), Policy(), Policy().login, int(self.clock.now()))

        def act(held: Record | None, _: Fingerprints) -> store.Act:
            assert held is not None
            state = held.state._replace(events=frozenset(), wrong={}, tries={})
            return store.Act(held._replace(state=state), None, home=False)

        store.transact(account.lookup(self.name), terms, act)

    @property
    def name(self) -> str:
        """Return the person's login name."""
        return self.person.name

    def google(self, words: Sequence[str], authtok: str | None, answers: Sequence[str]) -> Seen:
        """Log in through google-authenticator's module."""
        return self._login(GOOGLE, words, authtok, answers)

    def ours(self, words: Sequence[str], authtok: str | None, answers: Sequence[str]) -> Seen:
        """Log in through ours."""
        return self._login(OURS, words, authtok, answers)

    def _login(
        self, module: str, words: Sequence[str], authtok: str | None, answers: Sequence[str]
    ) -> Seen:
        first = authtok is not None
        given = ([authtok] if authtok is not None else []) + list(answers)
        return seen(self.drive(module, words, given, first=first), first=first)

    def drive(
        self,
        module: str,
        words: Sequence[str],
        answers: Sequence[str],
        *,
        first: bool = False,
        user: str = "",
        service: str | None = None,
        **options: Unpack[pam.Options],
    ) -> pam.Drive:
        """Run a transaction through a module; `service` gives it a name that stays."""
        if not options.setdefault("rhost", ADDRESS):
            del options["rhost"]
        options["environment"] = self.clock.environment
        with pam.service(stack(module, words, first=first), service) as name:
            return pam.drive(name, user or self.name, answers, **options)

    def both(
        self, mode: str, code: str, *, words: Sequence[str] = (), only_ours: Sequence[str] = ()
    ) -> tuple[Seen, Seen]:
        """Hand one code to both modules in one mode."""
        way = MODES[mode]
        authtok = way.authtok and way.authtok.format(password=PASSWORD, code=code)
        answers = [] if way.answer is None else [way.answer.format(password=PASSWORD, code=code)]
        theirs = self.google((*way.words, *words), authtok, answers)
        return theirs, self.ours((*way.words, *words, *only_ours), authtok, answers)


class Pairs:
    """One pair for each mode; all modes run at the same time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rest = ExitStack()

    def __enter__(self) -> Self:
        """Make the people."""
        self.pairs = {
            mode: Pair(self._rest.enter_context(accounts.make()), self._clock) for mode in MODES
        }
        self._threads = self._rest.enter_context(ThreadPoolExecutor(len(MODES)))
        for name in ("pamdrive", "pam_probe.so", "true_sleep.so"):  # before several threads want it
            pam.compiled(name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the people."""
        self._rest.close()

    def install(self, text: str | None) -> None:
        """Give all of them the same file and record."""
        for pair in self.pairs.values():
            pair.install(text)

    def both(
        self,
        modes: Sequence[str],
        code: str,
        *,
        words: Sequence[str] = (),
        only_ours: Sequence[str] = (),
    ) -> dict[str, tuple[Seen, Seen]]:
        """Hand one code to both modules in each of these modes."""

        def hand(mode: str) -> tuple[Seen, Seen]:
            return self.pairs[mode].both(mode, code, words=words, only_ours=only_ours)

        return dict(zip(modes, self._threads.map(hand, modes), strict=True))

    def states(self, modes: Sequence[str], option: str) -> dict[str, tuple[Seen, Seen]]:
        """Return an option's line on both sides, for each of these modes."""

        def look(mode: str) -> tuple[Seen, Seen]:
            return self.pairs[mode].states(option)

        return dict(zip(modes, self._threads.map(look, modes), strict=True))
