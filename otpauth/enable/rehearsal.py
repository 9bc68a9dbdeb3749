"""The rehearsal of a change: real logins through it, on a stage where nothing real is touched.

Run as a program of its own, as root, in mount, network and process namespaces of its own:
`/usr/bin/python3 -ISB rehearsal.py FOLDER...`, the folders being put in front of the module search
path. The change comes on stdin, what was found goes to stdout, both as JSON. Token, key and
password are made here, in memory, and never leave.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from otpauth.account import Account
    from otpauth.arguments import Line
    from otpauth.changes import Ground
    from otpauth.enable.edit import Edit
    from otpauth.enable.typist import Talk
    from otpauth.record import Record

    Login = Callable[[str, Sequence[str]], Talk]

OK, WARN, FAIL = "ok", "warn", "fail"
LOGIN_SECONDS = 8
START_SECONDS = 5
CONFIG = "/etc/ssh/sshd_config"
PERIOD = 30


class Player(NamedTuple):
    """Who logs in, and with what; the secret is that of a TOTP token."""

    account: Account
    password: str
    secret: bytes
    lines: tuple[Line, ...]
    work: str

    @property
    def splits(self) -> bool:
        """Whether the code is typed behind the password."""
        return any(line.split for line in self.lines)

    def __repr__(self) -> str:
        return f"Player({self.account.name!r})"


class NoWayError(Exception):
    """Raised if no test login can be made, whether the change is right or wrong."""


class Found(NamedTuple):
    """A finding of the rehearsal; `evidence` is empty if all is well."""

    state: str
    title: str
    evidence: str = ""
    mend: str = ""


def main() -> int:
    """Rehearse one change."""
    sys.path[:0] = sys.argv[1:]
    found = _rehearsed(json.load(sys.stdin))
    json.dump([each._asdict() for each in found], sys.stdout)
    return 0


def _rehearsed(request: dict[str, Any]) -> list[Found]:
    from otpauth.errors import OtpauthError

    service, title = request["service"], "a test login is made"
    try:
        player = _prepared(service, request["tester"], request["edits"])
    except (OtpauthError, OSError) as error:
        return [Found(WARN, title, f"no test login could be made: {error}")]
    try:
        return PLAYS[service](player)
    except NoWayError as error:
        return [Found(WARN, title, str(error))]
    except (OtpauthError, OSError) as error:
        return [Found(FAIL, title, str(error))]


def _prepared(service: str, tester: str, edits: list[list[str | int | None]]) -> Player:
    from otpauth import account, arguments, stack
    from otpauth.enable import stagehand
    from otpauth.host import Host
    from otpauth.policy import effective

    os.umask(0o022)
    host = Host()
    policy = host.policy()
    who = account.lookup(tester)
    work = stagehand.workspace()
    stagehand.loopback()
    stagehand.terminals()
    stagehand.place([_edit(each) for each in edits], work)
    rule = effective(policy, service, "127.0.0.1")
    lines = tuple(
        arguments.read(rule, stack.words(line)) for line in stack.read(service) if line.ours
    )
    password = stagehand.password(who, work)
    stagehand.cover(who, lines, host, policy.setup.file)
    return Player(who, password, _new_token(who), lines, work)


def _edit(fields: list[str | int | None]) -> Edit:
    from otpauth.enable.edit import Edit

    path, before, after, mode = fields
    old, new = (None if each is None else base64.b64decode(str(each)) for each in (before, after))
    return Edit(str(path), old, new, int(mode or 0))


def _new_token(who: Account) -> bytes:
    """Add a throw-away token to the copy of the record and return its secret.

    No wrong code of the tester's, and no bypass, is to tell on the change.
    """
    from otpauth import bypass, changes, token
    from otpauth.cli.at_once import AtOnce

    target = AtOnce(who)
    secret = os.urandom(20)
    params = {"secret": secret.hex(), "algorithm": "SHA1", "digits": 6, "period": PERIOD}
    draft = token.Draft("totp", "rehearsal", params)
    full = len(target.tokens) >= token.TOKENS_MAX
    remove = tuple(each.id for each in target.tokens[:1]) if full else ()
    change = changes.Change(add=(draft,), remove=remove)

    def edited(held: Record, ground: Ground) -> Record:
        fresh = changes.unlock(held, ground.now)
        fresh = fresh._replace(state=bypass.ended(fresh.state))
        return changes.apply(fresh, change, ground)

    target.transact(edited)
    return secret


# ---- the plays, one a service ----------------------------------------------------------------


def _sshd(player: Player) -> list[Found]:
    client = shutil.which("ssh")
    if client is None:
        hint = "apt-get install openssh-client"
        return [Found(WARN, "a test login is made", "ssh is not installed: no test login", hint)]
    server, port = _server(player)
    with server:
        try:
            return _verdicts(
                player, "sshd", lambda code, more: _ssh(player, client, port, code, more)
            )
        finally:
            server.kill()


def _sudo(player: Player) -> list[Found]:
    words = ("/usr/bin/sudo", "-k", "/bin/true")
    return _verdicts(player, "sudo", lambda code, _: _typed(player, words, code, player.account))


def _su(player: Player) -> list[Found]:
    """Let the tester become himself: he may be of the group that may; root would not be asked."""
    from otpauth import account

    words = ("/bin/su", player.account.name, "-c", "true")
    caller = player.account if player.account.uid else account.lookup("nobody")
    return _verdicts(player, "su", lambda code, _: _typed(player, words, code, caller))


PLAYS = {"sshd": _sshd, "sudo": _sudo, "su": _su}


def _verdicts(player: Player, service: str, login: Login) -> list[Found]:
    """Log in with the right code, and try to with a wrong one and with none."""
    name = player.account.name
    title = f"a test login of {name} through the new {service} works, with a code"
    right = login(_code(player), ())
    if right.status != 0:
        return [Found(FAIL, title, f"a test login of {name} is refused: {_last_words(right)}")]
    if not any(_is_for_code(player, question) for question in right.asked):
        told = f"the new {service} lets {name} in and asks for no code"
        return [Found(WARN, title, told, f"is {name} among those who are to be asked?")]
    os.openpty()  # keeps the number of that terminal taken: no grace period for what follows
    return [Found(OK, title), *_refusals(player, service, login)]


def _refusals(player: Player, service: str, login: Login) -> Iterator[Found]:
    """Try to log in with a wrong code, and with none."""
    by_key = ("PreferredAuthentications=publickey",)
    tries: list[tuple[str, str, Sequence[str]]] = [
        ("with a wrong code", _wrong_code(player), ()),
        ("without a code", "", ()),
    ]
    for what, code, more in [*tries, *([("with a key alone", "", by_key)] * (service == "sshd"))]:
        let_in = login(code, more).status == 0
        told = f"the new {service} lets {player.account.name} in {what}" if let_in else ""
        yield Found(FAIL if let_in else OK, f"a test login {what} is refused", told)


def _last_words(talk: Talk) -> str:
    """Say what was seen last; nothing that was typed is in it, since terminals hide it."""
    lines = [line.strip() for line in talk.shown.splitlines() if line.strip()]
    if talk.status is None:
        lines.append(f"no end in {LOGIN_SECONDS} s")
    return " / ".join(lines[-2:]) or f"status {talk.status}"


def _is_for_code(player: Player, question: str) -> bool:
    return player.splits or any(_own(line) in question for line in player.lines)


def _own(line: Line) -> str:
    return line.prompt.strip().rpartition("\n")[2]


def _code(player: Player, step: int = 0) -> str:
    from otpauth import oath

    return oath.hotp(player.secret, int(time.time()) // PERIOD + step)


def _wrong_code(player: Player) -> str:
    near = {_code(player, step) for step in range(-20, 21)}
    return next(text for text in (f"{n:06}" for n in range(123456, 999999)) if text not in near)


def _typed(player: Player, words: Sequence[str], code: str, who: Account | None = None) -> Talk:
    """Run a program that asks, and answer it: each question once."""
    from otpauth.doctor.ground import ENVIRONMENT
    from otpauth.enable import typist

    asked: list[str] = []

    def answer(question: str, hidden: bool) -> str | None:  # noqa: FBT001 -- as typist wants it
        own = next((line for line in player.lines if _own(line) in question), None)
        kind = "code" if own else "password"
        if not (own or hidden):
            return None
        if kind in asked:
            raise typist.HangUp
        asked.append(kind)
        if own:
            return (player.password if own.forward else "") + code
        return f"{player.password},{code}" if player.splits and code else player.password

    environment = {**ENVIRONMENT, "HOME": player.work, "TERM": "dumb"}
    return typist.talk(words, answer, seconds=LOGIN_SECONDS, environment=environment, account=who)


# ---- sshd: a server of the stage's own, as the real one would be ----------------------------


def _server(player: Player) -> tuple[subprocess.Popen[bytes], int]:
    """Start the real sshd with the real configuration on this loopback; return its port, too."""
    from otpauth.enable import stagehand
    from otpauth.errors import RefusedError

    for name in ("key", "host_key"):
        path = os.path.join(player.work, name)
        stagehand.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path)
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    words = [
        "/usr/sbin/sshd",
        "-D",
        "-e",
        "-f",
        CONFIG,
        "-h",
        os.path.join(player.work, "host_key"),
    ]
    for setting in _settings(player):
        words += ["-o", setting]
    port = _port(words)
    _offer_key(player, words, port)
    said = os.path.join(player.work, "sshd.log")
    with open(said, "wb") as log:
        server = subprocess.Popen(  # noqa: S603 -- a fixed program
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            with open(said, encoding="utf-8", errors="replace") as log_text:
                last = (log_text.read().splitlines() or ["no word of why"])[-1]
            raise RefusedError(f"sshd does not start with the new configuration: {last}")
        time.sleep(0.05)
    return server, port


def _settings(player: Player) -> list[str]:
    settings = [
        "ListenAddress=127.0.0.1",
        "PidFile=none",
        "UseDNS=no",
        f"AuthorizedKeysFile={os.path.join(player.work, 'key.pub')}",
    ]
    known = _told("/usr/sbin/sshd", "-T", "-f", CONFIG)
    return [*settings, *(["PerSourcePenalties=no"] if "persourcepenalties" in known else [])]


def _offer_key(player: Player, words: Sequence[str], port: int) -> None:
    """Put the throw-away key where sshd looks for the tester's, if a Match block says elsewhere.

    Raises NoWayError if that is none.
    """
    from otpauth.enable import stagehand

    who = player.account
    user = f"user={who.name},host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport={port}"
    said = _told(words[0], "-T", "-C", user, *words[3:]).splitlines()
    line = next((each for each in said if each.startswith("authorizedkeysfile ")), "")
    paths = line.split()[1:]
    tokens = {"%%": "%", "%h": who.home, "%u": who.name, "%U": str(who.uid)}
    for path in paths:
        full = os.path.join(who.home, re.sub("%.", lambda each: tokens.get(each[0], ""), path))
        if path != "none" and stagehand.offer(player.work, full, who):
            return
    if line:  # else sshd does not understand its files, and does not start
        raise NoWayError(f"AuthorizedKeysFile {' '.join(paths)}: no test login can be made")


def _port(words: Sequence[str]) -> int:
    text = _told(words[0], "-T", *words[3:]).split()
    return int(text[text.index("port") + 1]) if "port" in text else 22


def _told(*command: str) -> str:
    from otpauth.doctor.ground import ask

    return ask(*command).output


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _ssh(player: Player, client: str, port: int, code: str, more: Sequence[str]) -> Talk:
    settings = [
        *more,
        f"IdentityFile={os.path.join(player.work, 'key')}",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "GlobalKnownHostsFile=/dev/null",
        "NumberOfPasswordPrompts=1",
        "LogLevel=ERROR",
    ]
    words = [client, "-F", "/dev/null", *(f"-o{each}" for each in settings)]
    words += ["-p", str(port), f"{player.account.name}@127.0.0.1", "true"]
    return _typed(player, words, code)


if __name__ == "__main__":
    sys.exit(main())
