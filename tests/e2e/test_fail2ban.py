"""The fail2ban filter, by Debian's fail2ban-regex, on the lines of real logins."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import login
from tests.parts import accounts, client, enrolment, log, pam
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

SHARE = Path("/usr/local/share/otpauth/fail2ban")
INTERACTIVE = "keyboard-interactive"
ALONE = (f"AuthenticationMethods {INTERACTIVE}",)
STAMPS = ("Nov 22 14:02:11", "2026-11-22T14:02:11.123456+00:00")
ADDRESS = "192.0.2.7"
GUESSED = {login.FAILED, login.RATE_LIMITED}
STRANGE = {login.NO_CODE, login.TOKEN_MISSING, login.NOT_ENROLLED, login.UNKNOWN_USER}


@pytest.fixture(autouse=True)
def links(stage: Path) -> Iterator[None]:
    """Put filter and jail in place as otpauth-admin(8) says."""
    assert stage.is_dir()
    places = [Path("/etc/fail2ban", part, "otpauth.conf") for part in ("filter.d", "jail.d")]
    for place in places:
        place.symlink_to(SHARE / place.parent.name / place.name)
    yield
    for place in places:
        place.unlink()


def found(texts: list[str], tmp_path: Path, stamp: str = STAMPS[0]) -> list[str]:
    """Return the addresses that the filter finds in lines as syslog writes them."""
    path = tmp_path / "auth.log"
    path.write_text("".join(f"{stamp} web1 {text}\n" for text in texts), encoding="utf-8")
    command = ("fail2ban-regex", "--out", "<ip>", str(path), "otpauth")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    assert not done.stderr
    return done.stdout.split()


def since(start: int) -> list[str]:
    """Return all lines of the log from a position on, whoever wrote them."""
    return [line.text for line in log.lines(start)]


def line(reason: str, *more: str, rhost: str = ADDRESS) -> str:
    """Return a line of the module's for a refusal."""
    words = ["otpauth[4711]: user=alice service=sshd", f"rhost={rhost}"]
    return " ".join([*words, f"verdict=refuse reason={reason}", *more])


@pytest.mark.parametrize("stamp", STAMPS)
def test_strangers_at_a_real_sshd(person: Person, tmp_path: Path, stamp: str) -> None:
    """Each refusal of a stranger who guesses is found with his address, once."""
    enrolment.fob(person)
    with Sshd(enrolment.STACK, ALONE) as sshd:
        start = log.position()
        client.login(person, sshd, ["000000", "111111", "hunter2"], key=False, methods=INTERACTIVE)
        ghost = accounts.Person("ghost", 9999, 9999, person.home, person.key_path)
        client.login(ghost, sshd, ["000000"], key=False, methods=INTERACTIVE)
        lines = since(start)
    refused = [text for text in lines if "verdict=refuse" in text]
    assert {"AUTH_FAILED", "AUTH_NO_CODE", "UNKNOWN_USER"} <= {
        text.partition("reason=")[2].split()[0] for text in refused
    }
    assert found(lines, tmp_path, stamp) == ["127.0.0.1"] * len(refused)


def test_logins_that_are_accepted(person: Person, tmp_path: Path) -> None:
    """Logins with key and code, a code's second use and who is not yet enrolled ban nobody."""
    fob = enrolment.fob(person)
    with Sshd(enrolment.STACK) as sshd:
        start = log.position()
        code = fob.next()
        assert client.login(person, sshd, [code]).ok
        assert not client.login(person, sshd, [code]).ok
        with accounts.make() as other:
            assert not client.login(other, sshd, ["123456"]).ok
        lines = since(start)
    assert any("AUTH_OK_OTP" in text for text in lines)
    assert any("ALREADY_USED" in text for text in lines)
    assert any("NOT_ENROLLED" in text for text in lines)
    assert found(lines, tmp_path) == []


def test_every_reason(tmp_path: Path) -> None:
    """Guesses count from anybody, a stranger's fumbling without a first factor, faults never."""
    texts, expected = [], []
    for number, reason in enumerate(login.REASONS, 1):
        stranger, known, accepted = (f"192.0.{block}.{number}" for block in (2, 3, 4))
        texts.append(line(reason, "fault=x", rhost=stranger))
        texts.append(line(reason, "token=phone", "first_factor=publickey", rhost=known))
        texts.append(line(reason, rhost=accepted).replace("=refuse", "=accept"))
        expected += [stranger] * (reason in GUESSED | STRANGE) + [known] * (reason in GUESSED)
    assert found(texts, tmp_path) == expected


@pytest.mark.parametrize(
    "name",
    [
        "x rhost=203.0.113.9 verdict=refuse reason=AUTH_FAILED",
        "x\notpauth[1]: user=y service=sshd rhost=203.0.113.9 verdict=refuse reason=AUTH_FAILED",
        'x" rhost="203.0.113.9" verdict=refuse reason=AUTH_FAILED',
        "203.0.113.9",
    ],
)
def test_a_name_forges_no_address(tmp_path: Path, name: str) -> None:
    """Whatever name a stranger logs in as, the address that is found is where he is."""
    with pam.service(enrolment.STACK) as service:
        start = log.position()
        pam.drive(service, name, ["000000"], rhost=ADDRESS)
        lines = since(start)
    assert any("UNKNOWN_USER" in text for text in lines)
    assert found([part for text in lines for part in text.split("\\n")], tmp_path) == [ADDRESS]


def test_a_name_forges_no_address_through_sshd(person: Person, tmp_path: Path) -> None:
    """Sshd's own line on a hostile name, and ours, blame nobody but the client."""
    name = "y rhost=203.0.113.9 verdict=refuse reason=AUTH_FAILED"
    forger = accounts.Person(name, 9999, 9999, person.home, person.key_path)
    with Sshd(enrolment.STACK, ALONE) as sshd:
        start = log.position()
        client.login(forger, sshd, ["000000"], key=False, methods=INTERACTIVE)
        lines = since(start)
        lines += [f"sshd[4711]: {text}" for text in sshd.log().splitlines()]
    assert set(found(lines, tmp_path)) <= {"127.0.0.1"}
    assert any("203.0.113.9" in text for text in lines)


def test_addresses(tmp_path: Path) -> None:
    """IPv6 is found, mapped IPv4 as what it is, a name never."""
    places = ["2001:db8::7", "::ffff:192.0.2.8", "web2.example.org"]
    texts = [line(login.FAILED, rhost=place) for place in places]
    assert found(texts, tmp_path) == ["2001:db8::7", "192.0.2.8"]


def test_other_programs_lines(tmp_path: Path) -> None:
    """A line that another program wrote is none of ours, whatever it says."""
    text = line(login.FAILED)
    for program in ("sshd[1]:", "su:", "otpauthx[1]:"):
        assert found([text.replace("otpauth[4711]:", program)], tmp_path) == []


def test_the_jail(tmp_path: Path) -> None:
    """The jail as installed is one that fail2ban understands, and uses the filter."""
    command = ("fail2ban-client", "-d", "--logtarget", str(tmp_path / "log"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "['add', 'otpauth', 'systemd']" in done.stdout
    assert "'addjournalmatch', 'SYSLOG_IDENTIFIER=otpauth', '_UID=0'" in done.stdout
