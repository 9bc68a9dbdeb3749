"""One box: the code behind the password, with Debian's common-auth in between as it is."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import login
from otpauth import pam as module
from tests.e2e.test_moving import SPARE, write_google
from tests.e2e.test_ssh import INTERACTIVE, PROMPT, asked, outcomes
from tests.man import pages
from tests.parts import accounts, client, dialogue, enrolment, log, pam, privilege
from tests.parts.phone import Fob, Phone
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

STACKS = pages.examples("pam_otpauth.8")
SETTINGS = STACKS["sshd_config-one-box"].splitlines()
SPLIT = f"{enrolment.STACK.replace('required', 'optional')} split debug"
AFTER = f"{enrolment.STACK} debug after_password"
UNIX = "auth requisite pam_unix.so nodelay"  # common-auth refuses after 2 s
QUICK = f"{SPLIT}\n{UNIX}\n{AFTER}"
BOX = "password"  # sshd's method whose clients have one box
PASSWORD = "hunter2"
OTHER = "not-the-password"
KEY = Path("/etc/otpauth/record.key")
CONF = Path("/etc/otpauth/otpauth.conf")


@pytest.fixture(scope="module")
def sshd(stage: Path) -> Iterator[Sshd]:
    """Give a server as the manual sets it up for clients with one box."""
    assert stage.is_dir()
    with Sshd(STACKS["sshd-one-box"], SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def refusing(stage: Path) -> Iterator[Sshd]:
    """Give the same server, but for pam_unix's delay after a refusal."""
    assert stage.is_dir()
    text = STACKS["sshd-one-box"].replace("@include common-auth", UNIX)
    with Sshd(text, SETTINGS) as running:
        yield running


@pytest.fixture
def quick(stage: Path) -> Iterator[str]:
    """Give a service with the two lines around a password's line that refuses at once."""
    assert stage.is_dir()
    with pam.service(QUICK) as name:
        yield name


@pytest.fixture
def alice(stage: Path) -> Iterator[Person]:
    """Give somebody with a password."""
    assert stage.is_dir()
    with accounts.make(password=PASSWORD) as made:
        yield made


def reasons(start: int) -> list[str]:
    """Return the reasons that were logged since."""
    lines = log.lines(start, containing="reason=")
    return [line.text.partition("reason=")[2].split()[0] for line in lines]


def test_password_and_code_in_one_answer(alice: Person, sshd: Sshd) -> None:
    """By both methods, from the first login on, a code or a scratch code behind the password."""
    phone, codes, _ = dialogue.enrol(alice)
    for method, number in ((BOX, 0), (INTERACTIVE, 1)):
        answers = [f"{PASSWORD}{phone.next()}", f"{PASSWORD},{codes[number]}"]
        for answer in answers:
            done = client.login(alice, sshd, [answer], methods=method, key=False)
            assert (done.ok, len(done.prompts)) == (True, 1), done.output


def test_sftp(alice: Person, sshd: Sshd) -> None:
    """Sftp by the method of one box copies a file after password and code in one answer."""
    fob = enrolment.fob(alice)
    for name, answer in (("one", f"{PASSWORD}{fob.next()}"), ("two", f"{PASSWORD},{fob.next()}")):
        put = f"put /etc/hostname {name}"
        assert client.sftp(alice, sshd, put, [answer], methods=BOX, key=False).ok
        assert (alice.home / name).read_bytes() == Path("/etc/hostname").read_bytes()


def test_a_wrong_password_burns_and_counts_nothing(alice: Person, refusing: Sshd) -> None:
    """A code behind a wrong password is not looked at, not even by the connection's next try."""
    fob = enrolment.fob(alice)
    assert client.login(alice, refusing, [f"{PASSWORD}{fob.next()}"], methods=BOX, key=False).ok
    start = log.position()
    code = fob.code(fob.counter)
    wrong = client.login(alice, refusing, [f"{OTHER},{code}", PASSWORD], methods=BOX, key=False)
    assert not wrong.ok
    assert len(wrong.prompts) > 1
    assert set(reasons(start)) == {login.NO_CODE}
    assert client.login(alice, refusing, [f"{PASSWORD}{code}"], methods=BOX, key=False).ok


def test_a_wrong_code_counts_once(alice: Person, refusing: Sshd) -> None:
    """Behind the right password a wrong code is counted once, and told where that can be shown."""
    fob = enrolment.fob(alice)
    assert not client.login(
        alice, refusing, [f"{PASSWORD}{fob.wrong()}"], methods=BOX, key=False
    ).ok
    assert outcomes(alice) == [login.FAILED]
    answers = [f"{PASSWORD},{fob.wrong()}", fob.next()]
    done = client.login(alice, refusing, answers, methods=INTERACTIVE, key=False)
    assert (done.ok, asked(done)) == (True, [module.PASSWORD_PROMPT, login.AGAIN_WRONG])
    assert outcomes(alice).count(login.FAILED) == 2


def test_guesses(alice: Person, quick: str) -> None:
    """Guesses behind wrong passwords limit nobody; of those behind the right one three count."""
    fob = enrolment.fob(alice)
    start = log.position()
    for _ in range(4):
        assert not pam.drive(quick, alice.name, [f"{OTHER}{fob.wrong()}"]).one.ok
    assert pam.drive(quick, alice.name, [f"{PASSWORD}{fob.next()}"]).one.ok
    for _ in range(3):
        assert not pam.drive(quick, alice.name, [f"{PASSWORD}{fob.wrong()}"]).one.ok
    assert not pam.drive(quick, alice.name, [f"{PASSWORD}{fob.code(fob.counter)}"]).one.ok
    told = reasons(start)
    assert (told[0], told.count(login.FAILED), told[-1]) == (login.OK_OTP, 3, login.RATE_LIMITED)


def test_two_questions(alice: Person, refusing: Sshd) -> None:
    """Who types the password alone is asked for the code; in one box he is refused, uncounted."""
    fob = enrolment.fob(alice)
    done = client.login(alice, refusing, [PASSWORD, fob.next()], methods=INTERACTIVE, key=False)
    assert (done.ok, asked(done)) == (True, [module.PASSWORD_PROMPT, PROMPT])
    start = log.position()
    assert not client.login(alice, refusing, [PASSWORD], methods=BOX, key=False).ok
    assert set(reasons(start)) == {login.NO_CODE}


@pytest.mark.parametrize(
    ("password", "bare", "alone"),
    [
        ("hunter2000000", True, False),
        ("x,482913", True, False),
        ("482913", True, True),
        ("correct,elephant", True, True),
        ("\u043f\u0430\u0440\u043e\u043b\u044c,", False, True),
    ],
    ids=["six digits", "comma and six", "digits", "comma and letters", "comma"],
)
def test_passwords_that_look_like_it(quick: str, password: str, bare: bool, alone: bool) -> None:  # noqa: FBT001
    """A comma and a code go behind every password, where alone or without it many fail."""
    with accounts.make(password=password) as person:
        fob = enrolment.fob(person)
        assert pam.drive(quick, person.name, [f"{password},{fob.next()}"]).one.ok
        assert pam.drive(quick, person.name, [f"{password}{fob.code(fob.counter)}"]).one.ok == bare
        fob.counter += bare
        start = log.position()
        one = pam.drive(quick, person.name, [password, fob.next()]).one
        assert (one.ok, PROMPT in one.asked, bool(reasons(start))) == (alone, alone, alone)


def test_a_password_that_is_no_text(alice: Person, quick: str) -> None:
    """What is not UTF-8 is left to the password's own module, which asks by itself."""
    fob = enrolment.fob(alice)
    one = pam.drive(quick, alice.name, [b"\xff\xfe", PASSWORD, fob.next()]).one
    assert (one.ok, one.asked) == (True, [*[module.PASSWORD_PROMPT] * 2, PROMPT])


def test_nobody_who_answers(alice: Person, quick: str) -> None:
    """An application that cannot ask is refused, and nothing breaks."""
    enrolment.fob(alice)
    start = log.position()
    assert not pam.drive(quick, alice.name, []).one.ok
    assert reasons(start) == []


@pytest.mark.parametrize(("digits", "typed", "taken"), [(8, 6, 0), (8, 8, 8), (7, 7, 7)])
def test_as_many_digits_as_the_token_gives(
    alice: Person, stage: Path, digits: int, typed: int, taken: int
) -> None:
    """Only digits of the length of the user's codes are taken off a password."""
    assert stage.is_dir()
    secret = enrolment.new_secret()
    enrolment.propose(alice, enrolment.uri("hotp", secret, digits=digits), "setup")
    with pam.service(enrolment.STACK) as name:
        assert pam.drive(name, alice.name, [Fob(secret, digits=digits).next()]).one.ok
    assert passed_on(alice.name, PASSWORD + typed * "7") == PASSWORD + (typed - taken) * "7"


def passed_on(user: str, answer: str) -> str:
    """Return what the module behind the first line is given as the password."""
    with pam.service(f"{SPLIT}\n{pam.probe('show')}") as name:
        (told,) = pam.drive(name, user, [answer]).one.told
    return told.removeprefix("probe authtok: ")


def test_only_a_user_with_tokens(alice: Person, stage: Path) -> None:
    """Who has no token, or no account, has his password passed on as it is; so has who lost all."""
    assert stage.is_dir()
    for user in (alice.name, "nobody-of-that-name", "root"):
        for answer in (f"{PASSWORD}000000", f"{PASSWORD},000000"):
            assert passed_on(user, answer) == answer
    fob = enrolment.fob(alice)
    assert passed_on(alice.name, f"{PASSWORD}000000") == PASSWORD
    with pam.service(enrolment.STACK) as name:
        assert pam.drive(name, alice.name, [fob.next()]).one.ok
    assert enrolment.admin("reset", alice.name).returncode == 0
    (alice.home / ".otpauth").unlink(missing_ok=True)
    assert passed_on(alice.name, f"{PASSWORD}000000") == f"{PASSWORD}000000"


def test_without_tokens_one_is_as_before(alice: Person, stage: Path) -> None:
    """With nullok, who has no tokens logs in with his password, however it ends."""
    assert stage.is_dir()
    with (
        accounts.make(password="hunter2000000") as other,
        pam.service(f"{QUICK} nullok") as name,
    ):
        for person, password in ((alice, PASSWORD), (other, "hunter2000000")):
            one = pam.drive(name, person.name, [password]).one
            assert (one.ok, one.asked) == (True, [module.PASSWORD_PROMPT])
            assert not pam.drive(name, person.name, [f"{password}482913"]).one.ok


def test_nobody_can_tell_who_has_tokens(alice: Person, stage: Path) -> None:
    """Unknown, unenrolled and enrolled users are asked alike, and each waits as long."""
    assert stage.is_dir()
    fob = enrolment.fob(alice)
    with (
        accounts.make() as other,
        pam.service(f"{SPLIT}\nauth required pam_permit.so") as name,
        pam.service(QUICK) as whole,
    ):
        for user in ("nobody-of-that-name", other.name, alice.name):
            answer = f"{OTHER},{fob.code(0)}"
            drive = pam.drive(name, user, [answer], times=3)
            for each in drive.transactions:
                assert each.asked == [module.PASSWORD_PROMPT]
                assert module.PASSED_ON * 1000 <= each.answer_ms < module.PASSED_ON * 1000 + 900
            refused = pam.drive(whole, user, [answer, answer]).one
            assert (refused.ok, refused.asked) == (False, [module.PASSWORD_PROMPT])


def test_eight_at_once(alice: Person, quick: str) -> None:
    """Of eight logins at one instant with one code one is let in."""
    fob = enrolment.fob(alice)
    answer = f"{PASSWORD}{fob.next()}"
    start = log.position()
    done = pam.storm(quick, alice.name, [[answer]] * 8)
    assert sum(each.one.ok for each in done) == 1
    assert reasons(start).count(login.ALREADY_USED) == 7


def test_many_users_in_one_process(alice: Person, stage: Path) -> None:
    """In one process no code goes from one login, or from one user, to another."""
    assert stage.is_dir()
    with accounts.make(password=PASSWORD) as bob, pam.service(QUICK) as name:
        first, second = enrolment.fob(alice).next(), enrolment.fob(bob).next()
        pairs = [
            ((alice.name, f"{OTHER},{first}"), (alice.name, PASSWORD)),
            ((bob.name, PASSWORD), (bob.name, f"{PASSWORD},{first}")),
            ((bob.name, f"{PASSWORD}{second}"), (alice.name, PASSWORD)),
            ((alice.name, f"{PASSWORD}{first}"), (bob.name, PASSWORD)),
        ]
        rounds = [each for pair in pairs for each in pair]
        done = pam.drive(name, None, rounds=rounds, times=len(pairs), two=True)
    good = [number for number, each in enumerate(done.transactions) if each.ok]
    assert good == [rounds.index((bob.name, f"{PASSWORD}{second}")), len(rounds) - 2]


def test_a_code_is_its_users_alone(alice: Person, stage: Path) -> None:
    """If a module between the lines makes the login another user's, that one is asked."""
    script = stage / "tmp" / "another.py"
    with accounts.make(password=PASSWORD) as bob:
        script.write_text(ANOTHER.format(user=bob.name))
        fob = enrolment.fob(alice)
        stack = QUICK.replace(AFTER, f"auth required pam_python.so {script}\n{AFTER}")
        with pam.service(stack) as name:
            one = pam.drive(name, alice.name, [f"{PASSWORD}{fob.next()}"]).one
    assert (one.ok, one.asked) == (False, [module.PASSWORD_PROMPT, PROMPT])


ANOTHER = """
def pam_sm_authenticate(pamh, flags, argv):
    pamh.user = {user!r}
    return pamh.PAM_SUCCESS
"""


@pytest.mark.parametrize("control", ["required", "sufficient", "optional"])
def test_split_lets_nobody_in(alice: Person, stage: Path, control: str) -> None:
    """Alone in a stack the line that splits is no way in, whatever its control."""
    assert stage.is_dir()
    with pam.service(SPLIT.replace("optional", control)) as name:
        assert not pam.drive(name, alice.name, [PASSWORD]).one.ok


def test_adopted_users(alice: Person, stage: Path) -> None:
    """Who is moved from other software by this very login types its code behind the password."""
    assert stage.is_dir()
    secret = enrolment.new_secret()
    write_google(alice, secret, "TOTP_AUTH", spare=SPARE)
    with pam.service(QUICK.replace(" debug", " debug adopt=google-authenticator")) as name:
        assert pam.drive(name, alice.name, [f"{PASSWORD}{Phone(secret).next()}"]).one.ok
        assert pam.drive(name, alice.name, [f"{PASSWORD},{SPARE[0]}"]).one.ok


def test_modules_behind_see_the_password_alone(alice: Person, stage: Path) -> None:
    """What comes after both lines finds the password in PAM_AUTHTOK, without the code."""
    assert stage.is_dir()
    fob = enrolment.fob(alice)
    with pam.service(f"{QUICK}\n{pam.probe('show')}") as name:
        one = pam.drive(name, alice.name, [f"{PASSWORD}{fob.next()}"]).one
    assert (one.ok, one.told[-1]) == (True, f"probe authtok: {PASSWORD}")


@pytest.mark.parametrize("reason", [login.KEY_MISSING, login.CONFIG_BROKEN])
def test_a_broken_host(alice: Person, quick: str, reason: str) -> None:
    """Without key or configuration the password is left whole, nobody gets in, the log says why."""
    fob = enrolment.fob(alice)
    with broken(reason):
        for answers in ([f"{PASSWORD},{fob.code(0)}"], [PASSWORD, fob.code(0)]):
            start = log.position()
            assert not pam.drive(quick, alice.name, answers).one.ok
            assert set(reasons(start)) == {reason}
    assert pam.drive(quick, alice.name, [f"{PASSWORD},{fob.next()}"]).one.ok


@contextmanager
def broken(reason: str) -> Iterator[None]:
    """Take the record key away, or write nonsense into otpauth.conf, for a while."""
    aside = KEY.with_name("aside")
    if reason == login.KEY_MISSING:
        KEY.rename(aside)
    else:
        CONF.write_text("[login]\nwindw = 3\n")
    try:
        yield
    finally:
        if aside.exists():
            aside.rename(KEY)
        else:
            CONF.unlink()


def test_hostile_homes(alice: Person, quick: str) -> None:
    """A home without the file, with garbage, a FIFO or a folder in its place changes nothing."""
    fob = enrolment.fob(alice)
    assert pam.drive(quick, alice.name, [f"{PASSWORD}{fob.next()}"]).one.ok
    path = alice.home / ".otpauth"
    for make in (lambda: path.write_bytes(b"\0" * 200_000), lambda: os.mkfifo(path), path.mkdir):
        path.unlink(missing_ok=True)
        make()
        assert pam.drive(quick, alice.name, [f"{PASSWORD}{fob.next()}"]).one.ok
    path.rmdir()
    with accounts.missing_home(alice):
        assert pam.drive(quick, alice.name, [f"{PASSWORD}{fob.next()}"]).one.ok


def test_killed_between_the_lines(alice: Person, stage: Path) -> None:
    """A login killed after the code was taken off leaves it good, and locks nobody out."""
    assert stage.is_dir()
    fob = enrolment.fob(alice)
    answer = f"{PASSWORD},{fob.next()}"
    with pam.service(QUICK.replace(AFTER, f"{pam.probe('ask')}\n{AFTER}")) as name:
        with pam.attempt(name, alice.name, [answer, "x"]) as waiting:
            waiting.ready()
            waiting.end()
        assert pam.drive(name, alice.name, [answer, "x"]).one.ok


def test_grace(alice: Person, stage: Path) -> None:
    """In a grace period the password is enough; a code that is typed all the same must be right."""
    assert stage.is_dir()
    fob = enrolment.fob(alice)
    with pam.service(f"{QUICK} grace=1h") as name:
        for answer, ok in (
            (fob.next(), True),
            ("", True),
            (fob.wrong(), False),
            (fob.next(), True),
        ):
            one = pam.drive(name, alice.name, [f"{PASSWORD}{answer}"], rhost="192.0.2.1").one
            assert one.ok == ok, answer


def test_pam_exec_does_not_split(alice: Person, stage: Path) -> None:
    """A pam_exec line with split refuses, and the log says that the line is wrong."""
    assert stage.is_dir()
    fob = enrolment.fob(alice)
    program = "expose_authtok seteuid quiet /usr/local/lib/otpauth/otpauth-pam-exec"
    start = log.position()
    with pam.service(f"auth required pam_exec.so {program} split") as name:
        assert not pam.drive(name, alice.name, [fob.next()]).one.ok
    assert reasons(start) == [login.CONFIG_BROKEN]


def test_su_and_sudo(alice: Person, stage: Path) -> None:
    """In the stacks of su and sudo, too, the code goes behind the password, or is asked for."""
    assert stage.is_dir()
    fob = enrolment.fob(alice)
    stacks = {
        each: STACKS[each].replace("@include common-auth", f"{SPLIT}\n@include common-auth")
        for each in ("su", "sudo")
    }
    rule = Path("/etc/sudoers.d/onebox")
    rule.write_text(f"{alice.name} ALL=(ALL) ALL\n", encoding="utf-8")
    rule.chmod(0o440)
    try:
        with pam.service(stacks["sudo"], "sudo"):
            answers = [f"{PASSWORD}{fob.next()}"]
            assert "IN-root" in privilege.sudo(alice, answers).output
    finally:
        rule.unlink()
    with accounts.make() as other, pam.service(stacks["su"], "su"):
        in_one = privilege.su(other, alice, [f"{PASSWORD},{fob.next()}"])
        asked_for = privilege.su(other, alice, [PASSWORD, fob.next()])
    assert f"IN-{alice.name}" in in_one.output
    assert f"IN-{alice.name}" in asked_for.output
