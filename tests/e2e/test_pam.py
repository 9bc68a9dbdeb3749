"""The module in PAM applications: pamtester, su, sudo, two handles, many logins in one process."""

from __future__ import annotations

import re
import statistics
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import login
from tests.parts import accounts, enrolment, log, pam, privilege

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

PROMPT = "Verification code: "
KEY = {"SSH_AUTH_INFO_0": "publickey ssh-ed25519 AAAA"}
EMPTY_MODULE = """
def pam_sm_authenticate(pamh, flags, argv):
    answer = pamh.conversation(pamh.Message(pamh.PAM_PROMPT_ECHO_OFF, "Verification code: "))
    return pamh.PAM_SUCCESS
def pam_sm_setcred(pamh, flags, argv):
    return pamh.PAM_SUCCESS
"""


@pytest.fixture
def service(stage: Path) -> Iterator[str]:
    """Give a service that wants a code and nothing else."""
    assert stage.is_dir()
    with pam.service(enrolment.STACK) as name:
        yield name


def test_a_code_and_all_other_calls(person: Person, service: str) -> None:
    """Authenticate wants a code; setcred succeeds, and the module decides nothing else."""
    fob = enrolment.fob(person)
    done = pam.drive(
        service,
        person.name,
        [fob.next()],
        do=("authenticate", "setcred", "acct_mgmt", "open_session", "close_session"),
    )
    assert (done.one.code, done.one.asked) == ("PAM_SUCCESS", [PROMPT])
    assert pam.pamtester(service, person.name, [fob.next()]).ok
    assert not pam.pamtester(service, person.name, [fob.wrong()]).ok


@pytest.mark.parametrize(
    "dress",
    [
        lambda code: f"{code[:3]} {code[3:]}",
        lambda code: f"{code[:3]}-{code[3:]}",
        lambda code: f"  {code}\t",
        lambda code: f"{code}\r\n",
        lambda code: f"{code}\n",
        lambda code: "".join(chr(ord(each) + 0xFEE0) for each in code),
        lambda code: f"{code[:3]}\u00a0{code[3:]}",
        lambda code: f"{code[:3]}\u2013{code[3:]}",
    ],
    ids=["blank", "dash", "around", "crlf", "newline", "full-width", "no-break", "en-dash"],
)
def test_codes_as_people_type_them(person: Person, service: str, dress: object) -> None:
    """Blanks, dashes, pasted line ends and full-width digits do not change a code."""
    assert callable(dress)
    fob = enrolment.fob(person)
    assert pam.drive(service, person.name, [dress(fob.next())]).one.ok


@pytest.mark.parametrize(
    "answer",
    [b"", b" ", b"x" * 480, b"\xff\xfe\xfd", b"1234567", "١٢٣٤٥٦".encode(), b"123456\x01"],
    ids=["empty", "blank", "long", "not-utf8", "seven", "arabic", "control"],
)
def test_what_is_no_code_is_refused_and_not_charged(
    person: Person, service: str, answer: bytes
) -> None:
    """An answer that cannot be a code is refused however often, and the right one then lets in."""
    fob = enrolment.fob(person)
    start = log.position()
    for _ in range(4):
        assert pam.drive(service, person.name, [answer]).one.code == "PAM_AUTH_ERR"
    lines = log.lines(start, containing="reason=")
    assert [line for line in lines if "reason=AUTH_NO_CODE" in line.text] == lines
    assert pam.drive(service, person.name, [fob.next()]).one.ok


def test_ten_kilobytes_are_no_code(person: Person, service: str) -> None:
    """Whatever the application hands over of 10 kB, nobody is let in and nothing breaks."""
    fob = enrolment.fob(person)
    code = fob.next().encode()
    for answer in (b"1" * 10240, code * 1700, code + b" " * 10240):
        assert pam.drive(service, person.name, [answer]).one.code in (
            "PAM_AUTH_ERR",
            "PAM_CONV_ERR",
        )
    assert pam.drive(service, person.name, [code]).one.ok


def test_nobody_who_answers_is_a_refusal(person: Person, service: str) -> None:
    """An application that cannot ask gets a refusal, not an error and not a pass."""
    enrolment.fob(person)
    assert pam.drive(service, person.name, []).one.code == "PAM_AUTH_ERR"


@pytest.mark.parametrize(
    ("algorithm", "digits", "period"),
    [
        ("SHA1", 6, 30),
        ("SHA256", 6, 30),
        ("SHA512", 6, 30),
        ("SHA1", 7, 30),
        ("SHA1", 8, 30),
        ("SHA256", 8, 60),
        ("SHA512", 8, 15),
    ],
)
def test_every_phone(
    person: Person, service: str, algorithm: str, digits: int, period: int
) -> None:
    """A phone of every algorithm, length and period logs in once with each code."""
    phone = enrolment.phone(person, algorithm=algorithm, digits=digits, period=period)
    code = phone.next()
    assert pam.pamtester(service, person.name, [code]).ok
    assert not pam.pamtester(service, person.name, [code]).ok
    assert not pam.pamtester(service, person.name, [phone.wrong()]).ok


@pytest.mark.parametrize("digits", [6, 7, 8])
def test_every_fob(person: Person, service: str, digits: int) -> None:
    """A counter-based token of every length, from a counter of its own, logs in."""
    secret = enrolment.new_secret()
    uri = enrolment.uri("hotp", secret, counter=41, digits=digits)
    enrolment.propose(person, uri, "setup")
    fob = enrolment.Fob(secret, digits=digits, counter=41)
    assert pam.pamtester(service, person.name, [fob.next()]).ok
    assert not pam.pamtester(service, person.name, [fob.code(41)]).ok
    assert pam.pamtester(service, person.name, [fob.next()]).ok


def test_two_prompts_only_behind_a_first_factor(person: Person, service: str) -> None:
    """With a first factor a wrong code is asked once more, without one there is one prompt."""
    fob = enrolment.fob(person)
    with_key = pam.drive(service, person.name, [fob.wrong(), fob.next()], env=KEY).one
    assert (with_key.ok, with_key.asked) == (True, [PROMPT, login.AGAIN_WRONG])
    without = pam.drive(service, person.name, [fob.wrong(), fob.next()]).one
    assert (without.ok, without.asked, without.told) == (False, [PROMPT], [])


def test_a_refusal_takes_its_time(person: Person, service: str) -> None:
    """No refusal comes sooner than a quarter of a second after the answer."""
    fob = enrolment.fob(person)
    for answer in (fob.wrong(), "x", ""):
        assert pam.drive(service, person.name, [answer]).one.answer_ms >= 250


NOTHING = "auth required pam_permit.so"


@pytest.mark.parametrize(
    ("odd", "passes"),
    [("none", True), ("file", False), ("eacces", False), ("enotdir", False), ("missing", False)],
)
def test_nullok_passes_only_who_certainly_has_nothing(
    person: Person, odd: str, *, passes: bool
) -> None:
    """With a first factor and nullok, only an absent file in one's own home is IGNOREd."""
    make = {
        "none": lambda: None,
        "file": lambda: (person.home / ".otpauth").write_bytes(b""),
        "eacces": lambda: person.home.chmod(0o000),
        "enotdir": lambda: (person.home.rename(f"{person.home}-x"), person.home.write_bytes(b"")),
        "missing": lambda: person.home.rename(f"{person.home}-x"),
    }
    make[odd]()
    with pam.service(f"{enrolment.STACK} nullok\n{NOTHING}") as name:
        done = pam.drive(name, person.name, ["123456"], env=KEY).one
        assert done.ok == passes
        assert bool(done.asked) != passes
        assert not pam.drive(name, person.name, ["123456"]).one.ok
    subprocess.run(("rm", "-rf", f"{person.home}-x"), check=True)


def test_nullok_of_a_stack_alone_is_ignored_by_pam(person: Person) -> None:
    """Ignored by the only module, an authentication fails: nullok never is a success itself."""
    with pam.service(f"{enrolment.STACK} nullok") as name:
        assert not pam.drive(name, person.name, ["123456"], env=KEY).one.ok


def test_su_and_sudo(person: Person) -> None:
    """Su wants the target's code and sudo the caller's own; a used or wrong one is refused."""
    rule = Path("/etc/sudoers.d/otpauth-test")
    rule.write_text(f"{person.name} ALL=(ALL) ALL\n", encoding="utf-8")
    fob = enrolment.fob(person)
    with accounts.make() as other, pam.service(enrolment.STACK, "su"):
        theirs = enrolment.fob(other)
        code = theirs.next()
        done = privilege.su(person, other, [code])
        assert f"IN-{other.name}" in done.output, done.output
        assert not privilege.su(person, other, [code]).ok
        assert not privilege.su(person, other, [fob.next()]).ok
    with pam.service(enrolment.STACK, "sudo"):
        assert "IN-root" in privilege.sudo(person, [fob.next()]).output
        assert not privilege.sudo(person, [fob.wrong(), "x", "y"]).ok
    rule.unlink()


def test_grace_at_sudo(person: Person) -> None:
    """With grace= sudo asks for a code once on a terminal, though its own tickets are dropped."""
    rule = Path("/etc/sudoers.d/otpauth-test")
    rule.write_text(f"{person.name} ALL=(ALL) ALL\n", encoding="utf-8")
    fob = enrolment.fob(person)
    commands = ("/bin/sh", "-c", "for n in 1 2 3; do sudo -k echo IN-$n; done")
    with pam.service(f"{enrolment.STACK} after_password grace=1h", "sudo"):
        done = privilege.at_terminal(person, commands, [fob.next()])
    rule.unlink()
    assert all(f"IN-{number}" in done.output for number in (1, 2, 3)), done.output
    assert done.output.count(PROMPT.strip()) == 1


def test_an_unprivileged_application_is_told_apart(person: Person) -> None:
    """A screen locker, which is not root, gets AUTHINFO_UNAVAIL and is not asked."""
    fob = enrolment.fob(person)
    with pam.service(enrolment.STACK) as name:
        pam.drive(name, person.name, [fob.next()])
        start = log.position()
        done = person.run("pamtester", name, person.name, "authenticate", text=f"{fob.next()}\n")
        assert done.returncode != 0
        assert "cannot retrieve authentication info" in done.stderr
        assert log.lines(start, containing="reason=NOT_PRIVILEGED")


def test_two_handles_at_once(service: str) -> None:
    """Two handles of one process, open at once, each decide for their own user."""
    with accounts.make() as one:
        fob = enrolment.fob(one)
        first, second = fob.next(), fob.next()
        done = pam.drive(service, one.name, rounds=[[first], [second]], two=True)
        assert [each.ok for each in done.transactions] == [True, True]
        done = pam.drive(service, one.name, rounds=[[fob.next()], [first]], two=True)
        assert [each.ok for each in done.transactions] == [True, False]


def test_200_transactions_in_one_process(person: Person, service: str) -> None:
    """The 200th is right as the first was, and memory grows little more than without us."""
    fob = enrolment.fob(person)
    module = Path("/lib/security/empty_module.py")
    module.write_text(EMPTY_MODULE, encoding="utf-8")
    with pam.service("auth required pam_python.so empty_module.py") as empty:
        base = pam.drive(empty, person.name, ["x"], times=200, seconds=300)
    module.unlink()
    ours = pam.drive(
        service, person.name, rounds=[[fob.next()] for _ in range(200)], times=200, seconds=300
    )
    assert [each.ok for each in base.transactions] == [True] * 200
    assert [each.code for each in ours.transactions] == ["PAM_SUCCESS"] * 200
    theirs, mine = growth(base), growth(ours)
    print(f"growth per transaction: empty module {theirs:.1f} kB, ours {mine:.1f} kB")
    assert mine < 3 * theirs + 60


def growth(done: pam.Drive) -> float:
    """Return kB of memory per transaction, between the first tenth and the last."""
    sizes = [each.rss_kb for each in done.transactions]
    tenth = len(sizes) // 10
    first, last = statistics.median(sizes[tenth : 2 * tenth]), statistics.median(sizes[-tenth:])
    return (last - first) / (len(sizes) - 2 * tenth)


def test_d6_the_host_programs_own_log_lines_are_its_own(person: Person, service: str) -> None:
    """After a login, lines of the program that asked carry its own ident and facility."""
    fob = enrolment.fob(person)
    start = log.position()
    done = pam.drive(service, person.name, [fob.next()], ident="hostprogram")
    assert done.one.ok
    (line,) = log.lines(start, containing="own line")
    assert (line.facility, line.text) == (19, "hostprogram: the host program's own line")
    (ours,) = log.lines(start, containing="reason=AUTH_OK_OTP")
    assert (ours.facility, bool(re.match(r"otpauth\[\d+\]: user=", ours.text))) == (10, True)


@pytest.mark.soak
def test_d6_10_000_transactions_in_one_process(person: Person, service: str) -> None:
    """The ten-thousandth login in one process is right, and so is the program's own log line."""
    fob = enrolment.fob(person)
    codes = codes_of(fob, 10_000)
    start = log.position()
    done = pam.drive(
        service,
        person.name,
        rounds=[[code] for code in codes],
        times=10_000,
        ident="hostprogram",
        seconds=3600,
    )
    wrong = [number for number, each in enumerate(done.transactions) if not each.ok]
    assert (len(done.transactions), wrong) == (10_000, [])
    (line,) = log.lines(start, containing="own line")
    assert line.text == "hostprogram: the host program's own line"


def codes_of(fob: enrolment.Fob, count: int) -> list[str]:
    """Return that many codes of a fob in one go; they are too many to be searched for in logs."""
    done = subprocess.run(
        ("oathtool", "--base32", "--hotp", "-w", str(count - 1), "-"),
        input=fob.secret,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()
