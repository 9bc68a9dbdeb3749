"""PAM services, and applications that use them: pamtester, and our own (pamdrive.c).

Answers go to both on stdin, never in their arguments.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict, Unpack

from tests import stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

CODES = {
    0: "PAM_SUCCESS",
    1: "PAM_OPEN_ERR",
    2: "PAM_SYMBOL_ERR",
    3: "PAM_SERVICE_ERR",
    4: "PAM_SYSTEM_ERR",
    5: "PAM_BUF_ERR",
    6: "PAM_PERM_DENIED",
    7: "PAM_AUTH_ERR",
    9: "PAM_AUTHINFO_UNAVAIL",
    10: "PAM_USER_UNKNOWN",
    11: "PAM_MAXTRIES",
    19: "PAM_CONV_ERR",
    25: "PAM_IGNORE",
    26: "PAM_ABORT",
    28: "PAM_MODULE_UNKNOWN",
}
_PERMIT = "account required pam_permit.so\nsession required pam_permit.so\n"
_HERE = Path(__file__).parent
_numbers = itertools.count(1)


class Options(TypedDict, total=False):
    """What `drive`, `attempt` and `storm` take besides; pamdrive.c says what each does."""

    times: int
    rounds: Sequence[Sequence[str | bytes]]
    do: Sequence[str]
    rhost: str
    ruser: str
    tty: str
    env: Mapping[str, str]
    flags: int
    two: bool
    ident: str
    ruid: int
    limits: Mapping[str, int]
    umask: int
    close: Sequence[int]
    environment: Mapping[str, str]
    seconds: float


@dataclass(frozen=True)
class Prompt:
    """One message of the conversation; style 1 hides what is typed, 2 shows it, 3 and 4 tell."""

    style: int
    text: str

    @property
    def asks(self) -> bool:
        """Return whether it wants an answer."""
        return self.style in {1, 2}


@dataclass(frozen=True)
class Transaction:
    """How one transaction went; times in milliseconds, `answer_ms` from answer to verdict."""

    rc: int
    prompts: tuple[Prompt, ...]
    ms: float
    answer_ms: float
    rss_kb: int

    @property
    def ok(self) -> bool:
        """Return whether everything asked for succeeded."""
        return self.rc == 0

    @property
    def code(self) -> str:
        """Return PAM's name of the result."""
        return CODES.get(self.rc, str(self.rc))

    @property
    def asked(self) -> list[str]:
        """Return the texts that wanted an answer."""
        return [prompt.text for prompt in self.prompts if prompt.asks]

    @property
    def told(self) -> list[str]:
        """Return the texts that did not."""
        return [prompt.text for prompt in self.prompts if not prompt.asks]


@dataclass(frozen=True)
class Drive:
    """How a process went: its exit status (negative: the signal), and its transactions."""

    status: int
    transactions: tuple[Transaction, ...]
    stderr: str

    @property
    def one(self) -> Transaction:
        """Return the only transaction."""
        (only,) = self.transactions
        return only


@dataclass(frozen=True)
class Result:
    """What pamtester said: `text` is PAM's message, `shown` everything on its terminal."""

    ok: bool
    text: str
    shown: str


@contextmanager
def service(text: str, name: str | None = None) -> Iterator[str]:
    """Write a PAM service file, give its name, and put back what was there before.

    A text without account and session lines gets ones that permit everything.
    """
    stage.workspace()
    name = name or f"otpauth-test-{next(_numbers)}"
    path = Path("/etc/pam.d", name)
    before = path.read_bytes() if path.exists() else None
    whole = text if "account" in text else f"{text.rstrip()}\n{_PERMIT}"
    path.write_text(whole, encoding="utf-8")
    try:
        yield name
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)


def probe(word: str) -> str:
    """Return the service line of the neighbour module: `ask` a password, or `show` the token."""
    return f"auth required {compiled('pam_probe.so')} {word}"


def pamtester(  # noqa: PLR0913 (pamtester's own options)
    name: str,
    user: str,
    answers: Sequence[str] = (),
    *,
    rhost: str | None = None,
    ruser: str | None = None,
    tty: str | None = None,
    env: Mapping[str, str] | None = None,
    ops: Sequence[str] = ("authenticate",),
    environment: Mapping[str, str] | None = None,
) -> Result:
    """Run pamtester, answering its prompts on stdin."""
    stage.workspace()
    items = {"rhost": rhost, "ruser": ruser, "tty": tty}
    words = [f"-I{key}={value}" for key, value in items.items() if value is not None]
    words += [f"-E{key}={value}" for key, value in (env or {}).items()]
    done = subprocess.run(
        ("pamtester", *words, name, user, *ops),
        input="".join(f"{answer}\n" for answer in answers),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | dict(environment or {}),
        text=True,
        check=False,
    )
    verdict = done.stdout.rpartition("pamtester: ")[2].strip()
    return Result(done.returncode == 0, verdict, done.stdout)


def drive(
    name: str, user: str | None, answers: Sequence[str | bytes] = (), **options: Unpack[Options]
) -> Drive:
    """Run transactions in one process of our PAM application.

    Each gets the same answers, or those of its `rounds`. Without a user the module must ask.
    """
    with Attempt(name, user, answers, gate="", **options) as attempt:
        return attempt.result()


def attempt(
    name: str,
    user: str | None,
    answers: Sequence[str | bytes] = (),
    *,
    gate: str = "answer",
    **options: Unpack[Options],
) -> Attempt:
    """Begin a transaction that stops at its first prompt (or at `start`) until released."""
    return Attempt(name, user, answers, gate=gate, **options)


def storm(
    name: str,
    user: str,
    answers_of_each: Sequence[Sequence[str | bytes]],
    *,
    gate: str = "answer",
    **options: Unpack[Options],
) -> list[Drive]:
    """Start one process for each list of answers, release all at one instant, await all."""
    attempts: list[Attempt] = []
    try:
        for answers in answers_of_each:  # one by one, so that an error leaves none behind
            attempts.append(Attempt(name, user, answers, gate=gate, **options))  # noqa: PERF401
        for waiting in attempts:
            waiting.ready()
        for waiting in attempts:
            waiting.release()
        return [waiting.result() for waiting in attempts]
    finally:
        for waiting in attempts:
            waiting.end()


class Attempt:
    """A running process of our PAM application, whose pid a test may stop, kill or trace."""

    def __init__(
        self,
        name: str,
        user: str | None,
        answers: Sequence[str | bytes],
        *,
        gate: str,
        **options: Unpack[Options],
    ) -> None:
        """Start it; `ready` waits until it stands at its gate."""
        self._seconds = options.get("seconds", 60.0)
        gate_end, self._gate = os.pipe()
        self._ready, ready_end = os.pipe()
        words = [f"--gate={gate},{gate_end},{ready_end}"] if gate else []
        whom = [name] if user is None else [name, user]
        command = [str(compiled("pamdrive")), *words, *_words(options), "--", *whom]
        self._process = _start(command, gate_end, ready_end, options)
        os.close(gate_end)
        os.close(ready_end)
        self.pid = self._process.pid
        assert self._process.stdin is not None
        self._process.stdin.write(_records(options.get("rounds", [answers])))
        self._process.stdin.close()
        self._process.stdin = None

    def __enter__(self) -> Self:
        """Go on; it runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it if it runs still."""
        self.end()

    def ready(self) -> None:
        """Wait until it stands at its gate (or has ended before)."""
        os.read(self._ready, 1)

    def release(self) -> None:
        """Open its gate."""
        if self._gate >= 0:
            os.close(self._gate)
            self._gate = -1

    def result(self) -> Drive:
        """Release it, wait for it, and return how it went."""
        self.release()
        out, errors = self._process.communicate(timeout=self._seconds)
        lines = out.decode("utf-8", "surrogateescape").splitlines()
        stderr = errors.decode("utf-8", "replace")
        return Drive(self._process.returncode, tuple(map(_transaction, lines)), stderr)

    def end(self) -> None:
        """Kill it if it runs still, and let go of its pipes."""
        self.release()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1


def _start(
    command: list[str], gate_end: int, ready_end: int, options: Options
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(gate_end, ready_end),
        env=os.environ | dict(options.get("environment", {})),
    )


def _words(options: Options) -> list[str]:
    words = [f"--{key}={value}" for key, value in options.items() if key in _PLAIN]
    words += ["--two"] * options.get("two", False)
    words += [f"--do={','.join(options['do'])}"] if "do" in options else []
    words += [f"--umask={options['umask']:o}"] if "umask" in options else []
    words += [f"--env={key}={value}" for key, value in options.get("env", {}).items()]
    words += [f"--rlimit={key}={value}" for key, value in options.get("limits", {}).items()]
    return words + [f"--close={number}" for number in options.get("close", ())]


_PLAIN = ("times", "rhost", "ruser", "tty", "flags", "ident", "ruid")


def _records(rounds: Sequence[Sequence[str | bytes]]) -> bytes:
    groups = (b"".join(b"a" + _bytes(answer) + b"\0" for answer in round_) for round_ in rounds)
    return b"n\0".join(groups)


def _bytes(answer: str | bytes) -> bytes:
    return answer if isinstance(answer, bytes) else answer.encode()


def _transaction(line: str) -> Transaction:
    seen = json.loads(line)
    prompts = tuple(Prompt(prompt["style"], prompt["text"]) for prompt in seen.pop("prompts"))
    return Transaction(prompts=prompts, **seen)


@functools.cache
def compiled(name: str) -> Path:
    """Compile a program or module beside this file, once a run."""
    target = stage.workspace() / "bin" / name
    source = _HERE / f"{name.removesuffix('.so')}.c"
    shared = ("-shared", "-fPIC") if name.endswith(".so") else ()
    command = ("gcc", "-O1", "-Wall", "-Wextra", "-Werror", *shared, str(source))
    done = subprocess.run(
        (*command, "-o", str(target), "-lpam"), capture_output=True, text=True, check=False
    )
    if done.returncode:
        hint = "apt-get install gcc libc6-dev libpam0g-dev"
        raise stage.StageError(f"{source.name} does not compile ({hint}): {done.stderr}")
    return target
