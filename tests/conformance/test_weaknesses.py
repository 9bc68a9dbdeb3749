"""google-authenticator's weaknesses W1 to W15: each shown in theirs, and not in ours.

W3, W4, W10 and others were published or found by running it; tests name them by number.
"""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import oath
from tests import stage
from tests.conformance.anchor import (
    ADDRESS,
    GOOGLE,
    OURS,
    SECRET,
    TOTP,
    Pair,
    file_text,
    stack,
)
from tests.conformance.scenarios import PERIOD, PLAIN, STRICT
from tests.parts import accounts, enrolment, log, pam
from tests.parts.dialogue import Dialogue
from tests.parts.phone import Phone
from tests.parts.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.conformance.anchor import Seen
    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage

NOW = 10000 * PERIOD
OK, NO = "PAM_SUCCESS", "PAM_AUTH_ERR"
ELSEWHERE = "203.0.113.9"


def theirs(pair: Pair, *answers: str, words: Sequence[str] = ()) -> Seen:
    """Log in through google-authenticator's module."""
    return pair.google(words, None, answers)


def ours(pair: Pair, *answers: str, words: Sequence[str] = ()) -> Seen:
    """Log in through ours."""
    return pair.ours(words, None, answers)


def test_w1_secret_at_rest(pair: Pair) -> None:
    """W1: what lies in the home discloses the secret to its reader; ours does not."""
    assert SECRET in pair.google_file.read_text()
    raw = base64.b32decode(SECRET)
    for path in (pair.our_file, Path("/var/lib/otpauth/users", pair.name)):
        data = path.read_bytes()
        for form in (SECRET.encode(), raw, raw.hex().encode(), base64.b64encode(raw)):
            assert form not in data


def _accepted_beside(pair: Pair, code: str) -> list[bool]:
    """Return what two logins with one code come to, one of them halted as it puts its file back."""
    options: pam.Options = {"rhost": ADDRESS, "environment": pair.clock.environment}
    with (
        pam.service(stack(GOOGLE, (), first=False)) as name,
        pam.attempt(name, pair.name, [code], **options) as slow,
    ):
        slow.ready()
        trace = stage.workspace() / "tmp" / "rename"
        calls = "?rename,?renameat,?renameat2"
        words = ("-qq", "-o", str(trace), "-p", str(slow.pid), f"-etrace={calls}")
        tracer = subprocess.Popen(("strace", *words, f"-einject={calls}:delay_enter=3s"))
        status = Path("/proc", str(slow.pid), "status")
        wait_until(lambda: "TracerPid:\t0\n" not in status.read_text(), 10, what="strace")
        slow.release()
        wait_until(lambda: "rename" in trace.read_text(), 10, what="the file is put back")
        beside = pam.drive(name, pair.name, [code], **options)
        both = [slow.result().one.ok, beside.one.ok]
        tracer.wait(10)
    return both


def test_w2_double_acceptance(pair: Pair) -> None:
    """W2: of two logins at once with one code both are accepted; by ours one, even of eight."""
    assert _accepted_beside(pair, TOTP[10000]) == [True, True]
    with pam.service(stack(OURS, (), first=False)) as name:
        for _ in range(3):
            pair.install(STRICT)
            done = pam.storm(
                *(name, pair.name, [[TOTP[10000]]] * 8),
                rhost=ADDRESS,
                environment=pair.clock.environment,
            )
            assert sum(each.one.ok for each in done) == 1


def test_w3_grace_of_the_future(pair: Pair) -> None:
    """W3: an entry of the future lets in without a code, even without grace_period; not by ours."""
    pair.write_google(file_text(f"LAST0 {ADDRESS} {NOW + 10**6}", "TOTP_AUTH"))
    assert theirs(pair) == (OK, 0, None)
    words = ("grace_period=3600", "after_password")
    pair.clock.freeze(NOW + 10**6)
    code = oath.hotp(base64.b32decode(SECRET), (NOW + 10**6) // PERIOD)
    assert pair.drive(OURS, words, [code], service="w3").one.ok
    assert pair.drive(OURS, words, [], service="w3").one.asked == []
    pair.clock.freeze(NOW)
    assert not pair.drive(OURS, words, [], service="w3").one.ok


def test_w4_replayed_codes(pair: Pair) -> None:
    """W4: three used codes replayed in a row are good for skew learning; not for ours."""
    for step in (10001, 10002, 10003):
        pair.clock.freeze(step * PERIOD)
        assert theirs(pair, TOTP[step]).code == ours(pair, TOTP[step]).code == OK
    results = []
    for step in (10001, 10002, 10003):
        pair.clock.freeze((step + 100) * PERIOD)
        replayed = TOTP[step]
        results.append(
            (theirs(pair, replayed).code, ours(pair, replayed, words=["resync=12h"]).code)
        )
    assert results == [(NO, NO), (NO, NO), (OK, NO)]


def test_w5_weak_defaults(pair: Pair) -> None:
    """W5: by default a code is good again and guessing is not limited; ours is strict unasked."""
    pair.install(PLAIN)
    assert [theirs(pair, TOTP[10000]).code for _ in range(2)] == [OK, OK]
    assert [ours(pair, TOTP[10000]).code for _ in range(2)] == [OK, NO]
    pair.install(PLAIN)
    for number in range(5):
        wrong = f"{number:06}"
        assert theirs(pair, wrong).code == ours(pair, wrong).code == NO
    assert theirs(pair, TOTP[10000]).code == OK
    assert ours(pair, TOTP[10000]).code == NO


def test_w6_strangers_lock_out(pair: Pair) -> None:
    """W6: a stranger's wrong codes lock the owner out; not from where ours knows him."""
    pair.install(file_text("RATE_LIMIT 3 30", "DISALLOW_REUSE", "TOTP_AUTH"))
    assert theirs(pair, TOTP[10000]).code == ours(pair, TOTP[10000]).code == OK
    pair.clock.freeze(NOW + PERIOD)
    for number in range(4):
        for module in (GOOGLE, OURS):
            assert not pair.drive(module, (), [f"{number:06}"], rhost=ELSEWHERE).one.ok
    assert theirs(pair, TOTP[10001]) == (NO, 0, None)
    assert ours(pair, TOTP[10001]).code == OK


def test_w6_veto(pair: Pair) -> None:
    """W6: a stranger's wrong code vetoes the right one at an open prompt; not with ours."""
    pair.install(file_text("RATE_LIMIT 9 60", "DISALLOW_REUSE", "TOTP_AUTH"))
    for module, expected in ((GOOGLE, False), (OURS, True)):
        with (
            pam.service(stack(module, (), first=False)) as name,
            pam.attempt(
                name, pair.name, [TOTP[10000]], rhost=ADDRESS, environment=pair.clock.environment
            ) as pending,
        ):
            pending.ready()
            pair.drive(module, (), ["000000"], rhost=ELSEWHERE)
            assert pending.result().one.ok is expected, module


def test_w7_full_disk(stage: Path) -> None:
    """W7: a full disk costs the old secret; ours stays as it was, and good."""
    assert stage.is_dir()
    with accounts.make() as person:
        phone = enrolment.phone(person)
        tool = ("google-authenticator", "-tdfCq", "-r3", "-R30", "-w3")
        assert person.run(*tool).returncode == 0
        with accounts.full_home(person):
            before = (person.home / ".otpauth").read_bytes()
            assert person.run(*tool).returncode != 0
            assert not (person.home / ".google_authenticator").exists()
            uri = enrolment.uri("totp", enrolment.new_secret())
            again = person.run(enrolment.OTPAUTH, "setup", "--uri", "-", text=f"{uri}\n")
            assert again.returncode != 0
            assert (person.home / ".otpauth").read_bytes() == before
            with pam.service(enrolment.STACK) as name:
                assert pam.drive(name, person.name, [phone.next()]).one.ok


def test_w8_disclosed_code(pair: Pair) -> None:
    """W8: their tool tells the right code to who types a wrong one; ours never does."""
    words = ("-tdf", "-r3", "-R30", "-w3", "-Q", "NONE")
    told = pair.person.run("google-authenticator", *words, text="1\n-1\n")
    assert "correct code" in told.stdout
    with accounts.make() as person, Dialogue(person, [enrolment.OTPAUTH]) as wizard:
        wizard.until("Code: ")
        phone = Phone(wizard.secret())
        right = {phone.code(offset_steps=offset) for offset in range(-2, 4)}
        wizard.type(phone.wrong())
        wizard.until("Code: ")
        shown = wizard.output.decode("utf-8", "replace")
        assert not [code for code in right if code in shown]


@contextmanager
def _nothing_writable(person: Person) -> Iterator[None]:
    """Make the home and the host's folder of records read-only."""
    folder = "/var/lib/otpauth"
    with accounts.read_only_home(person):
        subprocess.run(("mount", "--bind", folder, folder), check=True)
        subprocess.run(("mount", "-o", "remount,bind,ro", folder), check=True)
        try:
            yield
        finally:
            subprocess.run(("umount", "--lazy", folder), check=True)


def test_w9_logged_too_early(pair: Pair) -> None:
    """W9: a login that could not be recorded is logged as accepted, then refused; not by ours."""
    with _nothing_writable(pair.person):
        since = log.position()
        assert theirs(pair, TOTP[10000]).code == NO
        assert log.lines(since, containing="Accepted google_authenticator")
        since = log.position()
        assert ours(pair, TOTP[10000]).code == NO
        assert log.lines(since, containing="reason=NOT_RECORDED")
        assert not log.lines(since, containing="verdict=accept")


@pytest.fixture
def locked_folder(stage: Path) -> Iterator[Path]:
    """Give root's folder for secrets, with a file just outside of it that must not be used."""
    folder = stage / "tmp" / "locked"
    (folder / "in").mkdir(parents=True)
    outside = folder / "outside"
    outside.write_text(STRICT)
    outside.chmod(0o600)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def known_as() -> Iterator[Callable[[str], None]]:
    """Give what makes an account of a name that useradd(8) would refuse."""
    passwd = Path("/etc/passwd")
    before = passwd.read_text()

    def make(name: str) -> None:
        passwd.write_text(f"{before}{name}:x:4242:4242::/nonexistent:/bin/sh\n")
        assert pwd.getpwnam(name).pw_uid == 4242

    yield make
    passwd.write_text(before)


@pytest.mark.parametrize("known", [False, True])
def test_w10_traversal(
    pair: Pair, locked_folder: Path, known_as: Callable[[str], None], *, known: bool
) -> None:
    """W10: with user= a login name of ../x leads out of the folder of secrets; not with ours."""
    words = ("user=root", f"secret={locked_folder}/in/${{USER}}")
    name = "../outside"
    if known:
        known_as(name)
    since = log.position()
    google = pair.drive(GOOGLE, words, [TOTP[10000]], user=name)
    assert google.one.ok
    done = pair.drive(OURS, words, [TOTP[10001]], user=name)
    assert (done.one.code, len(done.one.asked)) == (NO, 1)
    assert log.lines(since, containing="reason=UNKNOWN_USER")
    assert sorted(os.listdir(locked_folder)) == ["in", "outside"]


def test_w11_symlink(pair: Pair) -> None:
    """W11: a symbolic link is followed and replaced; ours leaves it and goes by the host's copy."""
    for path in (pair.google_file, pair.our_file):
        target = path.with_name(f"{path.name}.target")
        path.rename(target)
        path.symlink_to(target)
        os.chown(path, pair.person.uid, pair.person.gid, follow_symlinks=False)
    assert theirs(pair, TOTP[10000]).code == ours(pair, TOTP[10000]).code == OK
    assert not pair.google_file.is_symlink()
    assert pair.our_file.is_symlink()


def test_w11_fifo(pair: Pair) -> None:
    """W11: a FIFO hangs the login for ever; ours does without the file."""
    for path in (pair.google_file, pair.our_file):
        path.unlink()
        os.mkfifo(path, 0o600)
        os.chown(path, pair.person.uid, pair.person.gid)
    with pytest.raises(subprocess.TimeoutExpired):
        pair.drive(GOOGLE, (), [TOTP[10000]], seconds=2)
    assert ours(pair, TOTP[10000]).code == OK


def test_w12_timing(pair: Pair) -> None:
    """W12: how long a refusal takes tells who exists; with ours all wait for one deadline."""
    taken = {}
    for user in (pair.name, "nobody-there"):
        done = [pair.drive(OURS, (), ["000000"], user=user).one for _ in range(3)]
        assert all(not each.ok and len(each.asked) == 1 for each in done)
        taken[user] = min(each.answer_ms for each in done)
    assert all(each >= 250 for each in taken.values())
    assert abs(taken[pair.name] - taken["nobody-there"]) < 40


def test_w13_grace_goes_round_limits(pair: Pair) -> None:
    """W13: grace passes by the limit and goes by the text of a host name; ours does neither."""
    limit = ("grace_period=600",)
    pair.install(file_text("RATE_LIMIT 3 30", "DISALLOW_REUSE", "TOTP_AUTH"))
    mine = (*limit, "after_password")
    for module, words in ((GOOGLE, limit), (OURS, mine)):
        name = "host.example"
        pair.drive(module, words, [TOTP[10000]], service="w13", rhost=name)
        spared = pair.drive(module, words, [], service="w13", rhost=name).one.ok
        assert spared is (module == GOOGLE)
    pair.clock.freeze(NOW + PERIOD)
    assert pair.drive(OURS, mine, [TOTP[10001]], service="w13").one.ok
    assert pair.drive(OURS, mine, [], service="w13").one.asked == []
    for number in range(3):
        pair.drive(OURS, (*mine, "grace=off"), [f"{number:06}"] * 2, service="w13")
    assert not pair.drive(OURS, mine, [], service="w13").one.ok


def test_w14_longer_codes(pair: Pair) -> None:
    """W14: only SHA-1 and six digits; ours takes SHA-256 and eight, too."""
    with accounts.make() as person:
        phone = enrolment.phone(person, algorithm="SHA256", digits=8)
        with pam.service(enrolment.STACK) as name:
            assert pam.drive(name, person.name, [phone.next()]).one.ok
    text = file_text("TOTP_AUTH", "ALGORITHM sha256", "DIGITS 8")
    pair.write_google(text)
    code = oath.hotp(base64.b32decode(SECRET), 10000, digits=8, algorithm="SHA256")
    assert theirs(pair, code).code == NO


def test_w15_deleted_file(pair: Pair) -> None:
    """W15: with nullok a user who deletes his file is asked nothing; ours goes by its own copy."""
    pair.google_file.unlink()
    pair.our_file.unlink()
    assert theirs(pair, words=["nullok"]) == ("PAM_IGNORE", 0, None)
    assert ours(pair, "000000", words=["nullok"]) == (NO, 1, None)
    assert ours(pair, TOTP[10000], words=["nullok"]).code == OK
