"""mOTP phones: enrolled by dialogue, by URI and for programs; at real logins, in one box."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_onebox import PASSWORD, QUICK
from tests.e2e.test_pam_exec import stack
from tests.formats import vaults
from tests.parts import accounts, client, enrolment, pam
from tests.parts.dialogue import Dialogue
from tests.parts.mobile import MobilePhone
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

SECRET, PIN = "Init-secret that the app shows, or Enter: ", "PIN that you type into it: "


@pytest.fixture(scope="module")
def service(stage: object) -> Iterator[str]:
    """Give a service that wants a code alone."""
    assert stage
    with pam.service(enrolment.STACK) as name:
        yield name


def enrolled(person: Person, *, pin: str = "24681357") -> MobilePhone:
    """Enrol a phone by its URI, as a script would."""
    phone = MobilePhone(pin=pin)
    text = f"motp://stage:{person.name}?secret={phone.secret}\n{phone.pin}"
    enrolment.propose(person, text, "add", "motp", "old")
    return phone


def test_by_dialogue(person: Person, service: str) -> None:
    """The secret that the app made is typed, then PIN and code; a real ssh takes the next code."""
    phone = MobilePhone()
    with Dialogue(person, [enrolment.OTPAUTH, "add", "motp", "old"], size=(30, 80)) as screen:
        for question, answer in (
            (SECRET, "?"),
            (SECRET, "no hex digits"),
            (PIN, phone.pin),
            (SECRET, phone.secret.upper()),
            (PIN, "123"),
            (SECRET, phone.secret),
            (PIN, "87654321"),
            ("Code: ", phone.code()),
            (SECRET, phone.secret),
            (PIN, phone.pin),
            ("Code: ", used := phone.code()),
        ):
            screen.until(question)
            screen.type(answer)
        assert screen.end() == 0, screen.text()
        shown = screen.output.decode()
        for told in ("must be one for Mobile-OTP", "8 to 64 digits", "a PIN is 4 to 16 digits"):
            assert told in shown
        assert "is it the right PIN" in shown
        assert phone.pin not in shown
        assert phone.secret not in screen.text()
    assert not pam.drive(service, person.name, [used]).one.ok
    with Sshd(enrolment.STACK) as sshd:
        assert client.login(person, sshd, [phone.code(30)]).ok
    listed = person.run(enrolment.OTPAUTH, "list").stdout
    assert " motp " in listed
    assert "ready" in listed
    assert "weak" not in listed


def test_the_secret_shown(person: Person, service: str) -> None:
    """Enter takes the secret that is shown; a camera reads it as motp:// without the PIN."""
    with Dialogue(person, [enrolment.OTPAUTH, "add", "motp", "old"], size=(30, 80)) as screen:
        screen.until(SECRET)
        text = screen.qr()
        assert text.startswith("motp://")
        phone = MobilePhone(text.rpartition("secret=")[2])
        assert " ".join(phone.secret[n : n + 4] for n in range(0, 16, 4)) in screen.text()
        screen.type("")
        screen.until(PIN)
        screen.type(phone.pin)
        screen.until("Code: ")
        screen.type(phone.code().upper())
        assert screen.end() == 0, screen.text()
    assert pam.drive(service, person.name, [phone.code(20)]).one.ok


def test_at_logins(person: Person, service: str) -> None:
    """A code is good once, in capitals, too; with another PIN it is wrong; pam_exec takes it."""
    phone = enrolled(person)
    code = phone.next()
    assert pam.drive(service, person.name, [code.upper()]).one.ok
    assert not pam.drive(service, person.name, [code]).one.ok
    assert not pam.drive(service, person.name, [phone.wrong()]).one.ok
    assert not pam.drive(service, person.name, [MobilePhone(phone.secret, "999999").code()]).one.ok
    with pam.service(stack()) as other:
        assert pam.pamtester(other, person.name, [phone.next()]).ok


def test_in_one_box(service: str) -> None:
    """Behind a password and a comma a mOTP code is taken; right behind it nobody sees it."""
    assert service
    with accounts.make(password=PASSWORD) as person, pam.service(QUICK) as box:
        phone = enrolled(person)
        assert enrolment.admin("approve", person.name).returncode == 0
        code = next(c for n in range(-3, 4) if not (c := phone.code(10 * n)).isdigit())
        assert not pam.drive(box, person.name, [f"{PASSWORD}{code}"]).one.ok
        assert not pam.drive(box, person.name, [f"wrong,{code}"]).one.ok
        assert pam.drive(box, person.name, [f"{PASSWORD},{code}"]).one.ok
        assert not pam.drive(box, person.name, [f"{PASSWORD},{code}"]).one.ok


def test_as_proof(person: Person, service: str) -> None:
    """A third line behind URI and PIN is a code of a present token, which may be mOTP, too."""
    phone = enrolled(person)
    assert pam.drive(service, person.name, [phone.next()]).one.ok
    second = MobilePhone(pin="11223344")
    text = f"otpauth://motp/stage:x?secret={second.secret}\n{second.pin}\n{phone.next()}"
    enrolment.propose(person, text, "add", "motp", "new")
    assert pam.drive(service, person.name, [phone.next()]).one.ok  # adopts it
    assert pam.drive(service, person.name, [second.next()]).one.ok


def test_for_programs(person: Person, service: str) -> None:
    """--json shows the secret and no PIN, reads the PIN and a code; root shows the QR again."""
    command = ("add", person.name, "motp", "old", "--json")
    done = enrolment.admin(*command, text="24681357\nffffff\n")
    assert done.returncode == 1
    assert "no right code came" in done.stderr
    made = json.loads(done.stdout)
    assert made["params"] == {}
    assert made["uri"].endswith(f"secret={made['secret']}")
    assert enrolment.admin(*command, text="12\n").returncode == 1
    phone = enrolled(person)
    assert pam.drive(service, person.name, [phone.next()]).one.ok
    again = enrolment.admin("show", person.name, "old", "--json")
    assert json.loads(again.stdout)["secret"] == phone.secret
    assert phone.pin not in again.stdout


def test_moved_from_aegis(person: Person, service: str) -> None:
    """A mOTP entry of a vault goes on working; a backup without its PIN says what to do."""
    phone = MobilePhone()
    secret = base64.b32encode(bytes.fromhex(phone.secret)).decode()
    entry = vaults.aegis_entry("motp", algo="MD5", secret=secret, period=10, pin=phone.pin)
    vault = json.dumps(vaults.aegis(entry))
    done = person.run(enrolment.OTPAUTH, "import", "-", text=vault)
    assert done.returncode == 0, done.stderr
    assert pam.drive(service, person.name, [phone.next()]).one.ok
    assert not pam.drive(service, person.name, [phone.wrong()]).one.ok
    without = f"motp://stage:x?secret={phone.secret}"
    done = person.run(enrolment.OTPAUTH, "import", "-", text=without)
    assert done.returncode == 1
    assert "otpauth add motp NAME" in done.stderr
    assert phone.secret not in done.stderr


def test_where_nothing_else_is_allowed(person: Person, service: str) -> None:
    """Where a host allows mOTP alone, setup enrols that; what cannot ask for a PIN is refused."""
    conf = Path("/etc/otpauth/otpauth.conf")
    conf.write_text("[setup]\nkinds = motp scratch\n", encoding="utf-8")
    phone = MobilePhone()
    try:
        for word in ("-C", "-q"):
            done = person.run(enrolment.OTPAUTH, "setup", word)
            assert (done.returncode, "needs its PIN" in done.stderr) == (2, True)
        done = enrolment.admin("setup", person.name, "--sheets", f"{person.home}/sheets")
        assert (done.returncode, "needs its user's PIN" in done.stderr) == (1, True)
        with Dialogue(person, [enrolment.OTPAUTH], size=(30, 80)) as screen:
            for question, answer in ((SECRET, phone.secret), (PIN, phone.pin)):
                screen.until(question)
                screen.type(answer)
            screen.until("Code: ")
            screen.type(phone.code())
            screen.until("Enter when you have them")
            assert screen.scratch_codes()
            screen.type("")
            assert screen.end() == 0, screen.text()
    finally:
        conf.unlink()
    assert pam.drive(service, person.name, [phone.code(20)]).one.ok


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("motp://a:b?secret=e3152afee62599c8", "a PIN is 4 to 16 digits"),
        ("motp://a:b?secret=e3152afee62599c8\n12a4", "a PIN is 4 to 16 digits"),
        ("motp://a:b?secret=xyz\n1234", "an init-secret has 8 to 64 digits"),
        ("otpauth://totp/a?secret=GEZDGNBVGY3TQOJQ\n1234", "the URI is of a totp token, not motp"),
    ],
)
def test_bad_uri(person: Person, lines: str, told: str) -> None:
    """A URI or PIN with a fault changes nothing, says what is wrong, and quotes nothing."""
    done = person.run(enrolment.OTPAUTH, "add", "motp", "x", "--uri", "-", text=f"{lines}\n")
    assert done.returncode in (1, 2)
    assert told in done.stderr
    assert "e3152" not in done.stderr
    assert not (person.home / ".otpauth").exists()


def test_options_of_others(person: Person) -> None:
    """Options that mOTP has not are an error, and -C and -q cannot ask for a PIN."""
    done = person.run(enrolment.OTPAUTH, "add", "motp", "x", "--digits", "8")
    assert (done.returncode, "mOTP knows neither" in done.stderr) == (2, True)
