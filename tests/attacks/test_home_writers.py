"""B: whoever can write the home: malware, sftp with an app password, another NFS client."""

from __future__ import annotations

import os
import re
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import seal, secretfile, state, token
from otpauth.changes import Change, Proof
from otpauth.host import Host
from otpauth.secretfile import Damaged, Proposal, SecretFile
from otpauth.state import Event, Notice
from otpauth.token import Draft
from otpauth.wishes import Wishes
from tests.attacks import malware
from tests.attacks import victim as victims
from tests.attacks.malware import Order
from tests.attacks.victim import HERE, KNOWN_FIRST, STACK
from tests.parts import accounts, client, log, pam, secrets
from tests.parts.phone import Fob
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.attacks.victim import Victim
    from tests.parts.pam import Transaction

KINDS = ("totp", "hotp", "scratch")
NULLOK = f"{STACK} nullok\nauth required pam_permit.so"
PROOFLESS = "its%20code%20is%20not%20one%20of%20a%20present%20token"


@pytest.fixture(scope="module")
def lenient(stage: Path) -> Iterator[str]:
    """Give a PAM service that lets users pass who are not enrolled."""
    assert stage.is_dir()
    with pam.service(NULLOK) as name:
        yield name


def log_in(service: str, victim: Victim, code: str) -> Transaction:
    """Log in from the owner's place with a public key before."""
    return pam.drive(service, victim.name, [code], rhost=HERE, env=KNOWN_FIRST).one


def burglar() -> Change:
    """Return a change that adds a token of the attacker's own."""
    return Change(add=(victims.hotp_draft("burglar"),))


def put_back(victim: Victim, data: bytes) -> None:
    """Write the home file as its owner would, in place of what is there."""
    victim.file.unlink(missing_ok=True)
    victim.file.write_bytes(data)
    os.chown(victim.file, victim.person.uid, victim.person.gid)
    victim.file.chmod(0o600)


def test_b1_a_proposal_without_proof_waits_for_ever(service: str, victim: Victim) -> None:
    """Malware's token is not adopted by any ordinary login of the owner, who is told of it."""
    malware.propose(victim.person, Order(burglar(), name="burglar"))
    for kind in KINDS:
        since = log.position()
        login = log_in(service, victim, victim.code(kind))
        assert login.ok
        assert any("burglar" in line for line in login.told)
        assert victims.results(since, victim.name) == ["pending"]
    assert "burglar" not in victim.names()


@pytest.mark.parametrize("verb", ["setup", "replace", "codes", "set", "remove", "wish"])
def test_b1_no_verb_goes_without_proof(service: str, victim: Victim, verb: str) -> None:
    """Whatever a proposal without proof is called and does, it changes nothing."""
    before = victim.record()
    ids = tuple(before.tokens)
    what = {
        "wish": Change(wishes=Wishes(window=1, rate_limit=(1, 3600))),
        "set": Change(relabel={ids[0]: {"enabled": False}, ids[1]: {"name": "gone"}}),
        "remove": Change(remove=ids),
        "codes": Change(add=(victims.scratch_draft(),)),
    }.get(verb, Change(add=burglar().add, remove=ids))
    malware.propose(victim.person, Order(what, verb=verb, name="burglar"))
    assert log_in(service, victim, victim.fob.next()).ok
    after = victim.record()
    assert (after.tokens, after.wishes) == (before.tokens, before.wishes)


def test_b1_wrong_proofs_are_dropped_charged_and_soon_not_compared(
    service: str, victim: Victim
) -> None:
    """Of ten wrong proofs three are compared, one a login, and each of these is charged."""
    orders = [
        Order(burglar()._replace(proof=Proof(victim.wrong("totp"), int(time.time()))))
        for _ in range(10)
    ]
    malware.propose(victim.person, *orders)
    for turn in range(5):
        since = log.position()
        assert log_in(service, victim, victim.fob.next()).ok
        dropped = victims.results(since, victim.name).count(PROOFLESS)
        assert dropped == (1 if turn < 3 else 0)
    assert victim.charged() == 3
    assert "burglar" not in victim.names()


@pytest.mark.parametrize("kind", KINDS)
def test_b1_a_used_code_proves_nothing(service: str, victim: Victim, kind: str) -> None:
    """A code that was seen at a login cannot prove a proposal made afterwards."""
    code = victim.code(kind)
    assert log_in(service, victim, code).ok
    order = Order(burglar()._replace(proof=Proof(code, int(time.time()))), name="burglar")
    malware.propose(victim.person, order)
    since = log.position()
    assert log_in(service, victim, victim.fob.next()).ok
    assert victims.results(since, victim.name) == [PROOFLESS]
    assert "burglar" not in victim.names()


@pytest.mark.parametrize("kind", KINDS)
def test_b1_the_code_of_a_proof_is_burnt(service: str, victim: Victim, kind: str) -> None:
    """A right proof lets its own proposal in, no second one, and no login."""
    code = victim.code(kind)
    proof = Proof(code, int(time.time()))
    mine = Order(Change(add=(victims.hotp_draft("tablet"),), proof=proof), name="tablet")
    theirs = Order(burglar()._replace(proof=proof), name="burglar")
    malware.propose(victim.person, mine, theirs)
    assert not log_in(service, victim, code).ok
    assert log_in(service, victim, victim.code("scratch")).ok
    assert victim.names() == {"phone", "fob", "scratch", "tablet"}


def test_b1_a_limited_token_proves_nothing_beyond_its_limit(service: str, victim: Victim) -> None:
    """Who has a device that is good for mail alone gets neither a token nor a wider limit by it."""
    victims.admin("set", victim.name, "fob", "--for", "imap")
    fob = next(each for each in victim.record().ordered() if each.name == "fob")
    wider = Change(relabel={fob.id: {"groups": ()}})
    now = int(time.time())
    malware.propose(
        victim.person,
        Order(burglar()._replace(proof=Proof(victim.fob.next(), now)), name="burglar"),
        Order(wider._replace(proof=Proof(victim.fob.next(), now)), verb="set", name="fob"),
    )
    since = log.position()
    for _ in range(2):
        assert log_in(service, victim, victim.phone.next()).ok
    assert victims.results(since, victim.name).count(PROOFLESS) == 2
    assert "burglar" not in victim.names()
    assert victim.record().tokens[fob.id].groups == ("imap",)


def test_b1_an_app_password_proves_nothing(service: str, victim: Victim) -> None:
    """Who reads an app password out of a mail program enrols nothing with it, not even its like."""
    password = secrets.remember("0123456789abcdefghjk")
    stolen = Draft(
        "password", "mail", {"bits": 100, "codes": [password], "nt": ""}, groups=(service,)
    )
    mine = Change(add=(stolen,), proof=Proof(victim.fob.next(), int(time.time())))
    malware.propose(victim.person, Order(mine, name="mail"))
    assert log_in(service, victim, victim.phone.next()).ok
    assert log_in(service, victim, password).ok
    other = stolen._replace(name="burglar", params={**stolen.params, "codes": [password[::-1]]})
    proof = Proof(password, int(time.time()))
    malware.propose(victim.person, Order(Change(add=(other,), proof=proof), name="burglar"))
    since = log.position()
    assert log_in(service, victim, password).ok
    assert victims.results(since, victim.name) == [PROOFLESS]
    assert victim.names() == {"phone", "fob", "scratch", "mail"}


def test_b1_through_real_sshd(victim: Victim) -> None:
    """An owner who logs in by key and code over ssh lets no proposal in that waits."""
    malware.propose(victim.person, Order(burglar(), name="burglar"))
    since = log.position()
    with Sshd(STACK) as sshd:
        assert client.login(victim.person, sshd, [victim.phone.next()]).ok
    assert victims.results(since, victim.name) == ["pending"]
    assert "burglar" not in victim.names()


def test_b1_a_file_without_records_is_no_first_enrolment(service: str, victim: Victim) -> None:
    """Malware that empties the file and proposes a setup is refused: the host remembers."""
    victim.file.unlink()
    malware.propose(victim.person, Order(burglar(), verb="setup"))
    assert log_in(service, victim, victim.fob.next()).ok
    assert "burglar" not in victim.names()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("var", ["with the host's copy", "with the host's copy as old"])
def test_b2_a_used_code_stays_used_in_an_old_file(
    service: str, victim: Victim, kind: str, var: str
) -> None:
    """No old copy of one of the two records makes a used code good again."""
    home, host = victim.file.read_bytes(), victim.host_copy.read_bytes()
    code = victim.code(kind)
    assert log_in(service, victim, code).ok
    if var == "with the host's copy":
        put_back(victim, home)
    else:
        victim.host_copy.write_bytes(host)
    since = log.position()
    assert not log_in(service, victim, code).ok
    assert victims.reasons(since, victim.name)[0] == "AUTH_OTP_ALREADY_USED"


def test_b2_a_removed_phone_stays_removed(service: str, victim: Victim) -> None:
    """An old file does not bring a removed token back, not even with its proposal."""
    draft = victims.hotp_draft("stolen")
    fob = Fob(victims.base32(draft), digits=victims.DIGITS)
    proof = Proof(victim.code("totp"), int(time.time()))
    malware.propose(victim.person, Order(Change(add=(draft,), proof=proof), name="stolen"))
    proposed = victim.file.read_bytes()
    assert log_in(service, victim, fob.next()).ok
    adopted = victim.file.read_bytes()
    victims.admin("remove", victim.name, "stolen")
    for old in (adopted, proposed):
        put_back(victim, old)
        assert not log_in(service, victim, fob.next()).ok
        assert "stolen" not in victim.names()
        victim.unlock()


def test_b2_limits_stay_as_they_were(service: str, victim: Victim) -> None:
    """An old file does not forget wrong answers."""
    old = victim.file.read_bytes()
    for _ in range(3):
        assert not pam.drive(service, victim.name, [victim.wrong()]).one.ok
    put_back(victim, old)
    since = log.position()
    assert not pam.drive(service, victim.name, [victim.fob.next()]).one.ok
    assert victims.reasons(since, victim.name) == ["AUTH_RATE_LIMITED"]
    assert victim.charged() == 3


def _uri(draft: token.Draft) -> str:
    secret = victims.base32(draft)
    return f"otpauth://hotp/x?secret={secret}&digits={victims.DIGITS}&counter=0"


def _own_add(victim: Victim, name: str, uri: str) -> None:
    """Add a token with the user's own command, a code of the phone proving it."""
    done = victim.person.run(
        *("/usr/local/bin/otpauth", "add", "hotp", name, "--uri", "-"),
        text=f"{uri}\n{victim.phone.next()}\n",
    )
    assert done.returncode == 0, done.stderr


def test_b3_one_secret_under_two_names_is_one_token(service: str, victim: Victim) -> None:
    """A secret added as phone and as tablet is one token, whose codes work once."""
    draft = victims.hotp_draft()
    fob = Fob(victims.base32(draft), digits=victims.DIGITS)
    for name in ("tablet", "watch"):
        _own_add(victim, name, _uri(draft))
        code = fob.next()
        assert log_in(service, victim, code).ok
        assert not log_in(service, victim, code).ok
    assert not log_in(service, victim, fob.code(0)).ok
    assert victim.names() == {"phone", "fob", "scratch", "tablet"}


def test_b3_removed_and_added_again_is_not_new(service: str, victim: Victim) -> None:
    """A secret that was removed is refused when it is proposed again, with all its codes."""
    draft = victims.hotp_draft()
    fob = Fob(victims.base32(draft), digits=victims.DIGITS)
    _own_add(victim, "tablet", _uri(draft))
    used = fob.next()
    assert log_in(service, victim, used).ok
    victims.admin("remove", victim.name, "tablet")
    _own_add(victim, "tablet", _uri(draft))
    for code in (used, fob.next()):
        assert not log_in(service, victim, code).ok
    assert "tablet" not in victim.names()


def test_b3_a_proposal_works_once(service: str, victim: Victim) -> None:
    """A proposal that is put back, or stands in the file three times, is adopted once."""
    draft = victims.hotp_draft("tablet")
    proof = Proof(victim.code("totp"), int(time.time()))
    malware.propose(victim.person, Order(Change(add=(draft,), proof=proof), name="tablet"))
    content = secretfile.parse(victim.file.read_bytes())
    (proposal,) = content.proposals
    copied = secretfile.serialize(SecretFile((*content.sections, proposal, proposal)))
    put_back(victim, copied)
    fob = Fob(victims.base32(draft), digits=victims.DIGITS)
    since = log.position()
    used = fob.next()
    assert log_in(service, victim, used).ok
    put_back(victim, copied)
    assert not log_in(service, victim, used).ok
    assert log_in(service, victim, fob.next()).ok
    assert victims.results(since, victim.name) == ["adopted"]
    assert sorted(victim.names()) == ["fob", "phone", "scratch", "tablet"]


def _edited(old: str, new: str) -> Callable[[bytes], bytes]:
    def edit(data: bytes) -> bytes:
        found = re.subn(old.encode(), new.encode(), data, flags=re.MULTILINE)
        assert found[1], "the edit changes nothing"
        return found[0]

    return edit


def _sections(change: Callable[[list[secretfile.Section]], list[secretfile.Section]]) -> object:
    def edit(data: bytes) -> bytes:
        sections = list(secretfile.parse(data).sections)
        return secretfile.serialize(SecretFile(tuple(change(sections))))

    return edit


EDITS = {
    "era raised": _edited("^era 0$", "era 9"),
    "enrolled no": _edited("^enrolled yes$", "enrolled no"),
    "token off": _edited(" on ([0-9]+ )", r" off \1"),
    "token line gone": _edited("^token .* fob .*\n", ""),
    "token renamed": _edited(" fob on", " bof on"),
    "codes left": _edited(" 10 10 40 ", " 99 99 40 "),
    "generation 99": _edited(r"^(record [0-9A-F-]+) \d+$", r"\1 99"),
    "another host": _edited("^record [0-9A-F-]+ ", "record 0123-4567 "),
    "another user": _edited("^user .*$", "user root"),
    "verb": _edited("^proposal add ", "proposal setup "),
    "name": _edited(" burglar$", " phone"),
    "made": _edited("^made [0-9]+$", "made 1"),
    "sections reversed": _sections(lambda sections: sections[::-1]),
    "sections doubled": _sections(lambda sections: sections * 2),
    "record gone": _sections(lambda sections: [s for s in sections if isinstance(s, Proposal)]),
    "all gone": _sections(lambda _: []),
    "half a record": lambda data: data[: len(data) // 2],
}


@pytest.mark.parametrize("what", EDITS)
def test_b4_an_edited_file_has_no_effect(service: str, victim: Victim, what: str) -> None:
    """Headers edited, sections reordered, doubled, deleted: codes are as right as before."""
    malware.propose(victim.person, Order(burglar(), name="burglar"))
    used = victim.fob.next()
    assert log_in(service, victim, used).ok
    before = victim.record()
    edited = EDITS[what](victim.file.read_bytes())  # type: ignore[operator]
    for answer, right in ((used, False), (victim.fob.next(), True)):
        put_back(victim, edited)
        assert log_in(service, victim, answer).ok is right
    after = victim.record()
    assert (after.tokens, after.era, after.enrolled) == (before.tokens, before.era, True)


def test_b4_sections_of_another_user_have_no_effect(service: str, victim: Victim) -> None:
    """Another user's record and proposal, moved here as they are or renamed, give nothing."""
    with victims.enrolled() as other:
        malware.propose(other.person, Order(burglar(), name="burglar"))
        theirs = secretfile.parse(other.file.read_bytes()).sections
        renamed = tuple(_named(section, victim.name) for section in theirs)
        own = secretfile.parse(victim.file.read_bytes()).sections
        for sections in ((*own, *theirs), (*renamed, *own), theirs, renamed):
            put_back(victim, secretfile.serialize(SecretFile(sections)))
            assert not log_in(service, victim, other.fob.next()).ok
            put_back(victim, secretfile.serialize(SecretFile(sections)))
            assert log_in(service, victim, victim.fob.next()).ok
            victim.unlock()
        assert victim.names() == {"phone", "fob", "scratch"}


def _named(section: secretfile.Section, name: str) -> secretfile.Section:
    return section if isinstance(section, Damaged) else section._replace(user=name)


@contextmanager
def without_host_copy(victim: Victim) -> Iterator[None]:
    """Lose the host's copy of one account."""
    data = victim.host_copy.read_bytes()
    victim.host_copy.unlink()
    yield
    victim.host_copy.write_bytes(data)
    victim.host_copy.chmod(0o600)


@contextmanager
def without_var(_victim: Victim) -> Iterator[None]:
    """Lose all that the host keeps outside of homes."""
    state_folder = Path("/var/lib/otpauth")
    aside = state_folder.with_name("otpauth-aside")
    state_folder.rename(aside)
    try:
        yield
    finally:
        aside.rename(state_folder)


@contextmanager
def file_deleted(victim: Victim) -> Iterator[None]:
    """Delete the file in the home."""
    victim.file.unlink()
    yield


@contextmanager
def home_missing(victim: Victim) -> Iterator[None]:
    """Take the home away."""
    with accounts.missing_home(victim.person):
        yield


@contextmanager
def home_no_folder(victim: Victim) -> Iterator[None]:
    """Put a file of the user's where the home was."""
    with accounts.missing_home(victim.person):
        victim.person.home.touch()
        os.chown(victim.person.home, victim.person.uid, victim.person.gid)
        yield
        victim.person.home.unlink()


@contextmanager
def home_closed(victim: Victim) -> Iterator[None]:
    """Take all rights to the home away, the owner's, too."""
    victim.person.home.chmod(0)
    yield
    victim.person.home.chmod(0o700)


@contextmanager
def home_foreign(victim: Victim) -> Iterator[None]:
    """Let the home, without the file, be root's: a mount point with nothing mounted."""
    with accounts.missing_home(victim.person):
        victim.person.home.mkdir(mode=0o755)
        yield


@contextmanager
def dangling(victim: Victim) -> Iterator[None]:
    """Put a symlink to nowhere in the place of the file."""
    victim.file.unlink()
    victim.file.symlink_to("/nonexistent/x")
    yield


LOSSES = {
    "file deleted": (file_deleted,),
    "file dangling, copy lost": (dangling, without_host_copy),
    "file there, copy lost": (without_host_copy,),
    "file deleted, var lost": (file_deleted, without_var),
    "home missing": (home_missing,),
    "home missing, copy lost": (home_missing, without_host_copy),
    "home missing, var lost": (home_missing, without_var),
    "home a file, copy lost": (home_no_folder, without_host_copy),
    "home closed, copy lost": (home_closed, without_host_copy),
    "home of root, copy lost": (home_foreign, without_host_copy),
}


@pytest.mark.parametrize("what", LOSSES)
def test_b5_losing_files_does_not_switch_two_factor_off(
    lenient: str, victim: Victim, what: str
) -> None:
    """With nullok and a public key, an enrolled user needs a code whatever is lost but all."""
    with ExitStack() as lost:
        for loss in LOSSES[what]:
            lost.enter_context(loss(victim))
        for answers in ([], [""], [victim.wrong()]):
            driven = pam.drive(lenient, victim.name, answers, rhost=HERE, env=KNOWN_FIRST)
            assert driven.one.asked
            assert not driven.one.ok


def test_b5_only_an_account_without_any_copy_passes(lenient: str, victim: Victim) -> None:
    """Nullok lets in who has no host copy, a home of his own, and no file there: nobody else."""
    assert not log_in(lenient, victim, "").ok
    with without_host_copy(victim), file_deleted(victim):
        passed = log_in(lenient, victim, "")
        assert passed.ok
        assert not passed.asked
        without_key = pam.drive(lenient, victim.name, [""], rhost=HERE).one
        assert not without_key.ok


def test_b6_a_strangers_failure_enrols_nobody(lenient: str, stage: Path) -> None:
    """Failed logins before the first enrolment leave a user as unenrolled as before."""
    assert stage.is_dir()
    with accounts.make() as person:
        for code in ("000000", "12345678", "k7mqx2vd", ""):
            assert not pam.drive(lenient, person.name, [code], rhost=HERE).one.ok
        passed = pam.drive(lenient, person.name, [], rhost=HERE, env=KNOWN_FIRST).one
        assert passed.ok
        assert not passed.asked
        assert victims.known(person.name) is None


def _as_owner(victim: Victim, script: str) -> None:
    done = victim.person.run("/usr/bin/python3", "-ISBc", script, str(victim.file))
    assert done.returncode == 0, done.stderr


@contextmanager
def replaced(victim: Victim, script: str) -> Iterator[None]:
    """Put something else in the place of the file, as its owner."""
    _as_owner(victim, f"import os, sys; path = sys.argv[1]; os.unlink(path); {script}")
    yield
    subprocess.run(("rm", "-rf", victim.file), check=True)


@contextmanager
def device(victim: Victim) -> Iterator[None]:
    """Put a terminal device that is the user's in the place of the file."""
    victim.file.unlink()
    os.mknod(victim.file, 0o600 | 0o020000, os.makedev(5, 0))
    os.chown(victim.file, victim.person.uid, victim.person.gid)
    yield


_LEASE = """
import fcntl, os, signal, sys
file = os.open(sys.argv[1], os.O_RDWR)
signal.signal(signal.SIGIO, signal.SIG_IGN)
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print("leased", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""
_FLOCK = """
import fcntl, os, sys
held = [os.open(sys.argv[1] + end, os.O_RDWR | os.O_CREAT, 0o600) for end in ("", ".lock")]
for file in held:
    fcntl.flock(file, fcntl.LOCK_EX)
    fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""
_REWRITE = """
import os, sys
path = sys.argv[1]
data = open(path, "rb").read()
print("rewriting", flush=True)
while True:
    with open(path + ".own", "wb") as file:
        file.write(data[: -os.getpid() % 7 or None])
    os.chmod(path + ".own", 0o600)
    os.rename(path + ".own", path)
"""


@contextmanager
def meddled(victim: Victim, script: str) -> Iterator[None]:
    """Have a process of the owner meddle with the file all the time."""
    with malware.running(victim.person, script, str(victim.file)):
        yield


@contextmanager
def no_server(victim: Victim) -> Iterator[None]:
    """Let the home hang on a server that never answers."""
    with malware.dead_server(victim.person):
        yield


HOSTILE: dict[str, Callable[[Victim], object]] = {
    "symlink to zeros": lambda v: replaced(v, "os.symlink('/dev/zero', path)"),
    "symlink to shadow": lambda v: replaced(v, "os.symlink('/etc/shadow', path)"),
    "symlink to itself": lambda v: replaced(v, "os.symlink(path, path)"),
    "hard link": lambda v: replaced(
        v, "open(path + '.b', 'w'); os.chmod(path + '.b', 0o600); os.link(path + '.b', path)"
    ),
    "fifo": lambda v: replaced(v, "os.mkfifo(path, 0o600)"),
    "folder": lambda v: replaced(v, "os.mkdir(path)"),
    "socket": lambda v: replaced(
        v, "import socket; socket.socket(socket.AF_UNIX).bind(path); os.chmod(path, 0o600)"
    ),
    "sparse terabyte": lambda v: replaced(
        v, "os.close(os.open(path, os.O_CREAT, 0o600)); os.truncate(path, 1 << 40)"
    ),
    "world-writable": lambda v: replaced(v, "open(path, 'w'); os.chmod(path, 0o666)"),
    "lock is a fifo": lambda v: replaced(v, "os.unlink(path + '.lock'); os.mkfifo(path + '.lock')"),
    "new is a folder": lambda v: replaced(v, "os.makedirs(path + '.new/x')"),
    "device": device,
    "closed home": home_closed,
    "missing home": home_missing,
    "write lease": lambda v: meddled(v, _LEASE),
    "locks held for ever": lambda v: meddled(v, _FLOCK),
    "rewritten all the time": lambda v: meddled(v, _REWRITE),
    "dead server": no_server,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_b7_a_hostile_home_stops_nobody(service: str, victim: Victim, what: str) -> None:
    """Whatever lies or hangs at the path, its owner logs in with the host's copy; nobody waits."""
    with victims.enrolled() as neighbour:
        used, after = victim.fob.next(), victim.fob.next()
        code = neighbour.fob.next()
        with HOSTILE[what](victim):  # type: ignore[attr-defined]
            with pam.attempt(service, victim.name, [used], rhost=HERE, seconds=20.0) as attempt:
                attempt.ready()
                attempt.release()
                began = time.monotonic()
                assert pam.drive(service, neighbour.name, [code], rhost=HERE).one.ok
                assert time.monotonic() - began < 1.5
                own = attempt.result().one
            assert own.ok
            assert own.answer_ms < 5000
            assert not pam.drive(service, victim.name, [used], rhost=HERE).one.ok
        assert pam.drive(service, victim.name, [after], rhost=HERE).one.ok


_SUBMIT = """
import json, os, sys, time
sys.path[:0] = ["/usr/local/lib/otpauth", "/usr/local/lib/otpauth/deps"]
from otpauth import account, changes, propose, secretfile
from otpauth.errors import OtpauthError
from otpauth.host import Host
me, public = account.of_uid(os.getuid()), Host().public_key()
ident, number = sys.argv[1], int(sys.argv[2])
print("ready", flush=True)
for turn in range(number):
    change = changes.Change(relabel={ident: {"note": f"note {turn}"}})
    proposal = propose.sealed(me, public, change, verb="set", name="phone", now=int(time.time()))
    while True:
        try:
            propose.submit(me, me.home + "/.otpauth", proposal)
            break
        except OtpauthError:
            time.sleep(0.01)
    print(proposal.digest(), flush=True)
    time.sleep(float(sys.argv[3]))
"""


def test_b8_setup_and_login_racing_lose_nothing(service: str, victim: Victim) -> None:
    """While logins and changes race for the file, each counts, and each counts once."""
    _race_setup(service, victim, 100, pause=0.03)


@pytest.mark.soak
def test_b8_setup_and_login_racing_lose_nothing_for_long(service: str, victim: Victim) -> None:
    """In 500 logins and 500 changes that race for the file, each counts, and each counts once."""
    _race_setup(service, victim, 500, pause=0)


def _race_setup(service: str, victim: Victim, number: int, *, pause: float) -> None:
    conf = Path("/etc/otpauth/otpauth.conf")
    conf.write_text("[setup]\nchanges = trust\n", encoding="ascii")
    codes = [[victim.fob.next()] for _ in range(number)]
    (phone,) = (each.id for each in victim.record().tokens.values() if each.name == "phone")
    since = log.position()
    try:
        with malware.running(victim.person, _SUBMIT, phone, str(number), str(pause)) as setup:
            driven = pam.drive(
                service, victim.name, rounds=codes, times=number, rhost=HERE, seconds=300.0
            )
            submitted = setup.communicate(timeout=300)[0].split()
        assert log_in(service, victim, victim.fob.next()).ok
    finally:
        conf.unlink()
    assert all(one.ok for one in driven.transactions)
    assert len(driven.transactions) == len(submitted) == number
    adopted = victims.fields(since, "proposal", " verb=set name=phone result=adopted")
    assert sorted(adopted) == sorted(submitted)
    assert max(victim.record().state.counters.values()) == victim.fob.counter
    assert not secretfile.parse(victim.file.read_bytes()).proposals


HOSTILE_JSON = {
    "duplicate": b'{"add":[],"add":[],"proof":null,"relabel":{},"remove":[],"wishes":null}',
    "nan": b'{"add":NaN,"proof":null,"relabel":{},"remove":[],"wishes":null}',
    "infinity": b'{"add":[],"proof":["000000",-Infinity],"relabel":{},"remove":[],"wishes":null}',
    "nested": b"[" * 12000 + b"]" * 4000,
    "nested objects": b'{"a":' * 3000,
    "huge integer": b'{"add":[],"proof":["000000",'
    + b"9" * 9000
    + b'],"relabel":{},"remove":[],"wishes":null}',
    "float": b'{"add":[],"proof":["000000",1e400],"relabel":{},"remove":[],"wishes":null}',
    "surrogate": b'{"add":[],"proof":["\\ud800",1],"relabel":{},"remove":[],"wishes":null}',
    "latin-1": b'{"add":[],"proof":["\xff",1],"relabel":{},"remove":[],"wishes":null}',
    "empty": b"",
    "null": b"null",
    "other keys": b'{"__class__":1,"add":[],"proof":null,"relabel":{},"remove":[],"wishes":null}',
    "blanks": b' {"add":[],"proof":null,"relabel":{},"remove":[],"wishes":null}',
    "many tokens": b'{"add":['
    + b"{}," * 3000
    + b'{}],"proof":null,"relabel":{},"remove":[],"wishes":null}',
}


def test_b9_hostile_json_under_a_valid_seal_costs_only_itself(service: str, victim: Victim) -> None:
    """Whatever bytes are sealed to the host, the login goes on and they are not understood."""
    before = victim.record().tokens
    names = list(HOSTILE_JSON)
    malware.propose(
        victim.person,
        *(Order(HOSTILE_JSON[name], name=name.replace(" ", "-")) for name in names),
    )
    since = log.position()
    assert log_in(service, victim, victim.fob.next()).ok
    results = victims.results(since, victim.name)
    assert results == ["it%20is%20not%20understood"] * len(names)
    assert victim.record().tokens == before
    assert not secretfile.parse(victim.file.read_bytes()).proposals


def test_b9_hostile_json_is_no_first_enrolment(service: str, stage: Path) -> None:
    """A user who was never enrolled is not by bytes that are no change."""
    assert stage.is_dir()
    with accounts.make() as person:
        malware.propose(person, *(Order(data) for data in HOSTILE_JSON.values()))
        assert not pam.drive(service, person.name, ["000000"], rhost=HERE).one.ok
        held = victims.known(person.name)
        assert held is None or not held.enrolled


def _maximal(victim: Victim) -> None:
    """Fill the record of an account up to its limits, through a transaction."""
    held = victim.record()
    tokens = dict(held.tokens)
    while len(tokens) < token.TOKENS_MAX:
        ident = os.urandom(8).hex()
        params = {"secret": os.urandom(64).hex(), "algorithm": "SHA512", "digits": 8}
        tokens[ident] = token.Token(
            ident, "hotp", f"t{ident}"[:32].ljust(32, "x"), params, 1, 1, "n" * token.NOTE_MAX
        )
    now = int(time.time())
    filled = held.state._replace(
        steps=dict.fromkeys(tokens, now // 30 - 9),
        removed={os.urandom(8).hex(): now for _ in range(state.REMOVED_MAX)},
        events=frozenset(
            Event(now - 90, os.urandom(8).hex(), bucket)
            for bucket in ("*", "2001:db8:1234:5678::/64")
            for _ in range(state.EVENTS_MAX)
        ),
        done={os.urandom(8).hex(): now - 60 for _ in range(state.DONE_MAX)},
        known={f"2001:db8:1234:{n:x}::/64": now for n in range(state.KNOWN_MAX)},
        notices=frozenset(
            Notice(now - n, "refused", "x" * 32, "r" * 64) for n in range(state.NOTICES_MAX)
        ),
    )
    victims.rewrite(victim.name, held._replace(tokens=tokens, state=filled))


def _maximal_proposals(victim: Victim) -> bytes:
    """Return as many proposals as a file holds, as large as it holds them."""
    public = Host().public_key()
    empty = Proposal("add", "x" * 32, victim.name, public.id, int(time.time()), b"")
    room = secretfile.SIZE_MAX - len(victim.file.read_bytes()) - 64
    size = (room // secretfile.PROPOSALS_MAX - len(empty.header()) - 16) * 64 // 65 * 3 // 4
    size -= seal.HPKE_OVERHEAD + 8
    rows = []
    for _ in range(secretfile.PROPOSALS_MAX):
        sealed = seal.seal_proposal(public, victim.name, empty.header(), os.urandom(size))
        rows.append(secretfile.serialize_section(empty._replace(sealed=sealed)))
    return b"".join(rows)


@pytest.mark.parametrize("copy", ["both copies", "home only"])
def test_b10_a_file_at_its_limits_is_still_a_login(service: str, victim: Victim, copy: str) -> None:
    """One maximal record and 16 maximal proposals leave their owner a login, and the file clean."""
    _maximal(victim)
    data = victim.file.read_bytes() + _maximal_proposals(victim)
    assert len(data) > 0.95 * secretfile.SIZE_MAX
    put_back(victim, data)
    if copy == "home only":
        victim.host_copy.unlink()
    place = "2001:db8:1234:1::7"
    assert pam.drive(service, victim.name, [victim.fob.next()], rhost=place).one.ok
    assert pam.drive(service, victim.name, [victim.code("scratch")], rhost=place).one.ok
    assert not secretfile.parse(victim.file.read_bytes()).proposals


def _odd(data: bytes) -> Iterator[bytes]:
    yield data.replace(b"\n", b"\r\n")
    yield data + b"\n"
    yield b"\n" + data
    yield b"\xef\xbb\xbf" + data
    yield data.rstrip(b"\n")
    yield b""
    yield b"\0" * len(data)
    for place in range(3, len(data), len(data) // 23):
        yield data[:place] + b"\n" + data[place:]
        yield data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_b10_one_odd_byte_anywhere_is_still_a_login(service: str, victim: Victim) -> None:
    """CRLF, a further newline, one changed byte: the host's copy serves, and is written again."""
    malware.propose(victim.person, Order(burglar(), name="burglar"))
    good = victim.file.read_bytes()
    for data in _odd(good):
        put_back(victim, data)
        assert log_in(service, victim, victim.fob.next()).ok
        assert "burglar" not in victim.names()


def test_b10_an_odd_proposal_does_not_cost_the_record(service: str, victim: Victim) -> None:
    """Without a host copy, one odd byte in a proposal leaves the record beside it readable."""
    record_only = victim.file.read_bytes()
    malware.propose(victim.person, Order(burglar(), name="burglar"))
    whole = victim.file.read_bytes()
    assert whole.startswith(record_only)
    code = victim.fob.next()  # good each time, since all that knew better is lost
    for place in range(len(record_only), len(whole), 40):
        put_back(victim, whole[:place] + b"\xff" + whole[place + 1 :])
        victim.host_copy.unlink()
        assert log_in(service, victim, code).ok
