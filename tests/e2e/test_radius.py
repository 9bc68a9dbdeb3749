"""FreeRADIUS: PAP by PAM, and MSCHAPv2 by the program that takes the place of Samba's ntlm_auth."""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from otpauth import ntlm
from tests.howto import page, reader
from tests.parts import accounts, enrolment, freeradius, log, secrets, withntlm
from tests.parts.covered import covered
from tests.stage import TREE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person
    from tests.parts.freeradius import Radius

PROGRAM = "/usr/local/lib/otpauth/otpauth-ntlm-auth"
CONF = Path("/etc/otpauth/otpauth.conf")
DROP_INS = Path("/etc/systemd/system/freeradius.service.d")
CHALLENGE = "0123456789abcdef"
FOR_WIFI = ("--for", "radius")
FAILURE = "Logon failure (0xc000006d)\n"


@pytest.fixture(name="radius", scope="module", autouse=True)
def _radius(stage: Path) -> Iterator[Radius]:
    """Give a server that was set up by the lines of both how-tos."""
    folder = stage / "tmp" / "radius"
    folder.mkdir(mode=0o755)
    with withntlm.installed(), covered(Path("/etc"), folder), ExitStack() as opened:
        DROP_INS.mkdir()
        for step in _edits("radius", "wifi-mschap"):
            reader.edit(step)
        Path("/etc/freeradius/3.0/mods-enabled/pam").symlink_to("../mods-available/pam")
        server = opened.enter_context(freeradius.of_the_host(folder / "server"))
        server.restart()
        yield server
    folder.rmdir()


def _edits(*names: str) -> dict[page.Edit, None]:
    """Return what pages write into files; what two of them write alike is written once."""
    steps = (step for name in names for step in page.steps(TREE / f"docs/howto/{name}.md"))
    return dict.fromkeys(step for step in steps if isinstance(step, page.Edit))


def answer(code: str, challenge: str = CHALLENGE) -> str:
    """Return what a client answers to a challenge."""
    return ntlm.response(ntlm.nt_hash(code), bytes.fromhex(challenge)).hex()


def ask(name: str, response: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the program as FreeRADIUS does, behind sudo."""
    words = ("--request-nt-key", f"--username={name}", f"--challenge={CHALLENGE}", *more)
    command = (PROGRAM, *words, f"--nt-response={response}")
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_wifi(radius: Radius, person: Person) -> None:
    """By PEAP a code lets in once, with keys that the phone and the server agree on."""
    fob = enrolment.fob(person)
    code = fob.next()
    assert radius.peap(person.name, code)
    assert not radius.peap(person.name, code)
    assert not radius.peap(person.name, fob.wrong())
    assert radius.peap(person.name, fob.next())


def test_a_device(radius: Radius, person: Person) -> None:
    """An app password for wifi lets its device in again and again, to the letter; others not."""
    fob = enrolment.fob(person)
    made = enrolment.admin("add", person.name, "password", "handset", *FOR_WIFI, "--ntlm", "--json")
    assert made.returncode == 0, made.stderr
    password = secrets.remember(json.loads(made.stdout)["password"])
    assert radius.peap(person.name, password)
    assert radius.peap(person.name, password)
    assert not radius.peap(person.name, password.replace("-", ""))
    without = enrolment.admin("add", person.name, "password", "tablet", *FOR_WIFI, "--json")
    other = secrets.remember(json.loads(without.stdout)["password"])
    assert not radius.peap(person.name, other)
    assert radius.peap(person.name, fob.next())


def test_both_at_once(radius: Radius) -> None:
    """Requests of several people at once, some by PAM and some by MSCHAP, get their own answers."""
    with ExitStack() as opened:
        people = [opened.enter_context(accounts.make()) for _ in range(4)]
        fobs = [enrolment.fob(each) for each in people]
        asked = []
        for number, (each, fob) in enumerate(zip(people, fobs, strict=True)):
            name = "User_Password" if number % 2 else "MS_CHAP_Password"
            asked += [radius.begin(User_Name=each.name, **{name: fob.wrong()})]
            asked += [radius.begin(User_Name=each.name, **{name: fob.next()})]
        assert [each.accepted() for each in asked] == [False, True] * len(people)


def test_radiusd_is_not_root(radius: Radius) -> None:
    """The server that does all this runs as a user without rights, and cannot become root again."""
    pid = radius.unit.with_name("pid").read_text().strip()
    status = Path(f"/proc/{pid}/status").read_text()
    ids = dict(line.split(":\t", 1) for line in status.splitlines())
    assert "0" not in ids["Uid"].split() + ids["Gid"].split()
    assert int(ids["CapPrm"], 16) == int(ids["CapEff"], 16) == 0


def test_as_samba_says_it(person: Person) -> None:
    """A right response gives the session key, a used and a wrong one Samba's words and status 1."""
    fob = enrolment.fob(person)
    code = fob.next()
    done = ask(person.name, answer(code).upper(), "--domain=WORK", "--allow-mschapv2")
    key = ntlm.session_key(ntlm.nt_hash(code))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"NT_KEY: {key}\n", "")
    for response in (answer(code), answer(fob.wrong())):
        done = ask(person.name, response)
        assert (done.returncode, done.stdout, done.stderr) == (1, FAILURE, "")


def test_at_once(person: Person) -> None:
    """Of several requests at once with one code, to one challenge or another, one is accepted."""
    fob = enrolment.fob(person)
    code = fob.next()
    challenges = [CHALLENGE] * 3 + [f"{number:016x}" for number in range(3)]
    asked = [
        subprocess.Popen(
            (PROGRAM, f"--username={person.name}", f"--challenge={challenge}", given),
            stdout=subprocess.PIPE,
            text=True,
        )
        for challenge in challenges
        if (given := f"--nt-response={answer(code, challenge)}")
    ]
    shown = [each.communicate()[0] for each in asked]
    assert sorted(each.returncode for each in asked) == [0] + [1] * 5
    assert shown.count(FAILURE) == 5


@pytest.mark.parametrize("name", ["nobody-of-that-name", "", "../../etc", "a\nb", "ä" * 5000])
def test_who_is_nobody(name: str) -> None:
    """A name of no account is refused with the same words, and logged in one line."""
    start = log.position()
    done = ask(name, answer("123456"))
    assert (done.returncode, done.stdout, done.stderr) == (1, FAILURE, "")
    assert len(log.lines(start, containing="reason=UNKNOWN_USER")) == 1


@pytest.mark.parametrize("response", ["", "00", "zz" * 24, "00" * 25])
def test_what_is_no_response(response: str) -> None:
    """What is no response is an error of the caller's, and never a key."""
    done = ask("root", response)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "otpauth-ntlm-auth: error: the response is not 48 hex digits\n"


def test_verify(person: Person) -> None:
    """The administrator's verify takes a response, too, uses it up, and gives the key."""
    fob = enrolment.fob(person)
    assert ask(person.name, answer(fob.next())).returncode == 0
    code = fob.next()
    key = ntlm.session_key(ntlm.nt_hash(code))
    words = ("verify", person.name, "--service", "radius", "--ntlm", CHALLENGE)
    done = enrolment.admin(*words, answer(code), "--dry-run", "--json")
    assert json.loads(done.stdout)["nt_key"] == key
    done = enrolment.admin(*words, answer(code), "--explain")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"NT_KEY: {key}")
    done = enrolment.admin(*words, answer(code))
    assert (done.returncode, "AUTH_OTP_ALREADY_USED" in done.stdout) == (1, True)
    assert "NT_KEY" not in done.stdout
    done = enrolment.admin(*words, "00")
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: --ntlm: the response is not 48 hex digits" in done.stderr
    elsewhere = enrolment.admin("verify", person.name, "--ntlm", CHALLENGE, answer(fob.next()))
    assert "NTLM_OFF" in elsewhere.stdout


def test_not_switched_on(person: Person) -> None:
    """Without `ntlm = yes` a right response is refused, says why in the log, and burns nothing."""
    fob = enrolment.fob(person)
    code = fob.next()
    text = CONF.read_text()
    CONF.write_text(text.replace("ntlm = yes", "ntlm = no"))
    try:
        start = log.position()
        assert ask(person.name, answer(code)).stdout == FAILURE
        assert log.lines(start, containing="reason=NTLM_OFF")
    finally:
        CONF.write_text(text)
    assert ask(person.name, answer(code)).returncode == 0


def test_a_broken_configuration(person: Person) -> None:
    """Under an otpauth.conf that is not understood nobody gets in, and the log has the line."""
    fob = enrolment.fob(person)
    text = CONF.read_text()
    CONF.write_text(f"{text}ntlm_too = yes\n")
    try:
        start = log.position()
        assert ask(person.name, answer(fob.next())).returncode == 1
        (line,) = log.lines(start, containing="reason=CONFIG_BROKEN")
        assert "otpauth.conf:" in line.text
    finally:
        CONF.write_text(text)


def test_as_anybody_but_root(person: Person) -> None:
    """A user who runs the program himself is refused, and told what it is for."""
    fob = enrolment.fob(person)
    code = fob.next()
    words = (f"--username={person.name}", f"--challenge={CHALLENGE}")
    done = person.run(PROGRAM, *words, f"--nt-response={answer(code)}")
    assert (done.returncode, done.stdout) == (1, FAILURE)
    assert done.stderr == "otpauth-ntlm-auth: error: not root; FreeRADIUS runs it by sudo\n"
    assert ask(person.name, answer(code)).returncode == 0
