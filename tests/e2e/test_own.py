"""Codes to users' own addresses: real sshd, the user's own command, and what a stranger tries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.test_moving import write_google
from tests.man import pages
from tests.parts import accounts, client, enrolment, log, pam, postfix
from tests.parts.dialogue import Dialogue
from tests.parts.phone import Fob, Phone
from tests.parts.post import CONF
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.parts.accounts import Person
    from tests.parts.client import Login
    from tests.parts.post import Post

PLAIN = "Verification code: "
OWN = "own = yes"
NONE = "for = !*"


@pytest.fixture
def service(stage: Path) -> Iterator[str]:
    """Give a service that asks for a code below a password."""
    assert stage.is_dir()
    with pam.service(f"{enrolment.STACK} after_password") as name:
        yield name


def own(post: Post, name: str, more: str = "") -> str:
    """Return a channel that is for nobody but who adds an address."""
    return post.channel(name, f"{OWN}\n{more}").replace("for = *", NONE)


def add(person: Person, *words: str, proof: str = "") -> None:
    """Add an address by the user's command, with a code of a present token or as the first."""
    done = person.run(enrolment.OTPAUTH, "add", *words, "--json", text=f"{proof}\n")
    assert done.returncode == 0, done.stderr


def fob_and_mail(person: Person, sshd: Sshd, *words: str) -> Fob:
    """Give a person with a device, who adds an address."""
    fob = enrolment.fob(person)
    assert client.login(person, sshd, [fob.next()]).ok
    add(person, *words, proof=fob.next())
    return fob


def states(person: Person) -> dict[str, str]:
    """Return what `otpauth list` says of each token."""
    done = person.run(enrolment.OTPAUTH, "list", "--json")
    return {each["name"]: each["state"] for each in json.loads(done.stdout)["tokens"]}


def where(to: str) -> str:
    """Return the prompt for a code that was sent."""
    return f"Code (sent by {to}; Enter sends again): "


def test_beside_a_device(person: Person, by_key: Sshd, post: Post) -> None:
    """Its name, or its kind, has a code sent at once; the device is asked for as ever."""
    CONF.write_text(own(post, "mail"))
    fob = fob_and_mail(person, by_key, "mail", "Work", "me@example.org")
    done = client.login(person, by_key, lambda prompt: post.code() if "sent" in prompt else "work")
    assert done.ok, done.output
    assert done.asked == [PLAIN, where("mail to m…@example.org")]
    done = client.login(person, by_key, lambda prompt: post.code() if "sent" in prompt else "mail")
    assert (done.ok, done.asked) == (True, [PLAIN, where("mail to m…@example.org")]), done.output
    done = client.login(person, by_key, [fob.next()])
    assert (done.ok, done.asked) == (True, [PLAIN])
    assert len(post.texts()) == 2
    assert states(person)["Work"] == "ready, m…@example.org"


def test_alone(person: Person, by_key: Sshd, post: Post) -> None:
    """An address as the first token is adopted by the login that sends the first code there."""
    CONF.write_text(f"[login]\nnullok = yes\n{own(post, 'mail')}")
    add(person, "mail", "work", "me@example.org", "-e", "0")
    done = client.login(person, by_key, lambda _: post.code())
    assert done.ok, done.output
    assert done.asked == [where("mail to m…@example.org")]
    done = client.login(person, by_key, ["", post.code()])
    assert not done.ok, "a used code"


def test_by_hand(person: Person, by_key: Sshd, post: Post) -> None:
    """On a terminal the first address comes with scratch codes, which let in where no mail does."""
    CONF.write_text(own(post, "mail"))
    words = [enrolment.OTPAUTH, "add", "mail", "work", "me@example.org"]
    with Dialogue(person, words) as dialogue:
        dialogue.until("Enter when you have them")
        code = dialogue.scratch_codes()[0]
        dialogue.type("")
        dialogue.until("type work to have a code sent")
        assert dialogue.end() == 0
    (post.folder / "fail-mail").touch()
    done = client.login(person, by_key, [code])
    assert done.ok, done.output
    assert done.asked[0].startswith("No code could be sent by mail.")


def test_an_address_proves_nothing(person: Person, service: str, post: Post) -> None:
    """Who has nothing but an address is told who can change that; beside a device it is not named.

    Nor is a name of digits, which would be a code, told as the word to type.
    """
    CONF.write_text(own(post, "mail"))
    add(person, "mail", "work", "me@example.org", "-e", "0")
    pam.drive(service, person.name, ["no code", "no code"])
    assert pam.drive(service, person.name, [post.code()]).one.ok
    with Dialogue(person, [enrolment.OTPAUTH, "remove", "work"]) as dialogue:
        dialogue.until("no token whose code would prove that it is you")
        dialogue.until(f"otpauth-admin add {person.name} totp phone")
        assert dialogue.end() == 1
    fob = Fob(enrolment.new_secret())
    enrolment.propose(person, enrolment.uri("hotp", fob.secret), "add", "hotp", "phone")
    assert enrolment.admin("approve", person.name).returncode == 0
    words = [enrolment.OTPAUTH, "add", "mail", "123456", "me@example.com"]
    with Dialogue(person, words) as dialogue:
        dialogue.until("A code of one of phone, to show")
        dialogue.type(fob.next())
        dialogue.until("type mail to have a code sent")
        assert dialogue.end() == 0
    assert states(person)["work"] == "ready, m…@example.org"
    shown = person.run(enrolment.OTPAUTH, "list").stdout
    assert "new, ready at your next login" in shown


def test_without_a_terminal(person: Person, service: str, post: Post) -> None:
    """A change that needs a code says that there is no terminal to ask for it on, and its mend."""
    CONF.write_text(own(post, "mail"))
    fob = enrolment.fob(person)
    assert pam.drive(service, person.name, [fob.next()]).one.ok
    words = ("setsid", "-w", enrolment.OTPAUTH, "add", "mail", "work", "me@example.org")
    done = person.run(*words)
    assert done.returncode == 1
    assert done.stderr == (
        "otpauth: error: no terminal to ask for a code on\n"
        "otpauth: hint: on one: ssh -t HOST otpauth ...\n"
    )


def test_no_channel_any_more(person: Person, service: str, post: Post) -> None:
    """Where the host takes own addresses no longer, they stay, serve nothing, and are told."""
    CONF.write_text(own(post, "mail"))
    fob = enrolment.fob(person)
    assert pam.drive(service, person.name, [fob.next()]).one.ok
    add(person, "mail", "work", "me@example.org", proof=fob.next())
    assert pam.drive(service, person.name, [fob.next()]).one.ok
    for text in ("", own(post, "mail").replace(OWN, "own = no")):
        CONF.write_text(text)
        done = pam.drive(service, person.name, ["work", "mail"]).one
        assert (done.ok, post.texts()) == (False, [])
        assert states(person)["work"] == (
            "refused by this host: m…@example.org is an own address (otpauth.conf: own)"
        )
    assert pam.drive(service, person.name, [fob.next()]).one.ok
    CONF.write_text(own(post, "mail"))
    pam.drive(service, person.name, ["work", "no code", "no code"])
    assert pam.drive(service, person.name, [post.code()]).one.ok


def test_beside_the_hosts(person: Person, by_key: Sshd, post: Post) -> None:
    """The host's way comes first; an own one is told where it fails, and works."""
    CONF.write_text(post.channel("mail") + own(post, "sms", "sms_prefixes = +49"))
    done = enrolment.admin("add", person.name, "sms", "sim", "+49 (30) 1234567")
    assert done.returncode == 0, done.stderr
    assert enrolment.admin("show", person.name, "sim").stdout == "+49301234567\n"
    (post.folder / "fail-mail").touch()
    done = client.login(person, by_key, lambda prompt: post.code() if "sms to" in prompt else "sim")
    assert done.ok, done.output
    assert done.asked == [
        "No code could be sent by mail. Type sim for one by that, or Enter tries again. Code: ",
        where("sms to …67"),
    ]


def test_home_writer(person: Person, service: str, post: Post) -> None:
    """Who writes the home of one whom the host sends codes has none sent to himself."""
    CONF.write_text(post.channel("mail", OWN))
    add(person, "mail", "eve", "eve@example.net", "-e", "0")
    done = pam.drive(service, person.name, ["eve", "eve"]).one
    assert done.asked[0] == where(f"mail to {person.name[0]}…@example.org")
    assert "example.net" not in "".join(done.asked + done.told)
    (text,) = post.texts()
    assert text.split()[2] == person.name
    assert "waits: " in enrolment.admin("show", person.name).stdout


def test_home_writer_in_doubt(person: Person, stage: Path, post: Post) -> None:
    """Nor where it is not known, as without a name service, whether the host sends him codes."""
    assert stage.is_dir()
    stack = f"{enrolment.STACK} after_password nullok\nauth required pam_permit.so"
    with pam.service(stack) as name:
        CONF.write_text(post.channel("mail").replace("for = *", "for = %away"))
        assert not pam.drive(name, person.name, ["", ""]).one.ok
        eve = enrolment.fob(person)
        code = eve.next()
        assert not pam.drive(name, person.name, [code, code]).one.ok
        assert not post.texts()
        assert "waits: " in enrolment.admin("show", person.name).stdout
        CONF.write_text(post.channel("mail").replace("for = *", "for = * !%away"))
        assert not pam.drive(name, person.name, [eve.next(), ""]).one.ok
        CONF.write_text(post.channel("mail").replace("for = *", NONE))
        assert pam.drive(name, person.name, [eve.next()]).one.ok


def test_why_in_doubt(person: Person, service: str, post: Post) -> None:
    """To root a channel is a way in only for those who certainly are sent codes somewhere."""
    fob = enrolment.fob(person)
    assert pam.drive(service, person.name, [fob.next()]).one.ok
    assert enrolment.admin("set", person.name, "phone", "--off").returncode == 0
    for words, certain in (("%away", False), ("* !%away", False), ("*", True)):
        CONF.write_text(post.channel("mail").replace("for = *", f"for = {words}"))
        said = enrolment.admin("why", person.name).stdout
        assert ("no token may be used" not in said) == certain


def test_home_writer_adopts(person: Person, stage: Path, post: Post) -> None:
    """Nor by a file of other software in that home, where such files are adopted."""
    assert stage.is_dir()
    CONF.write_text(post.channel("mail"))
    secret = enrolment.new_secret()
    write_google(person, secret, "TOTP_AUTH")
    stack = f"{enrolment.STACK} after_password adopt=google-authenticator"
    with pam.service(stack) as name:
        start = log.position()
        assert not pam.drive(name, person.name, [Phone(secret).next()]).one.ok
        assert "codes%20are%20sent" in log.lines(start, containing="verb=adopt")[0].text
        assert "is not enrolled" in enrolment.admin("show", person.name).stdout
        assert pam.drive(name, person.name, [post.code()]).one.ok


def test_wrong_proof(person: Person, service: str, post: Post) -> None:
    """A wrong code proves nothing: no address is added, and the log says why."""
    CONF.write_text(own(post, "mail"))
    fob = enrolment.fob(person)
    assert pam.drive(service, person.name, [fob.next()]).one.ok
    since = log.position()
    add(person, "mail", "work", "me@example.org", proof="000000")
    assert not pam.drive(service, person.name, ["work", "mail"]).one.ok
    (line,) = log.lines(since, containing="proposal=")
    assert "is%20not%20one%20of" in line.text
    assert not post.texts()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("sms", "sim", "+1900555"), "no number that this host sends to"),
        (("mail", "work", "me@example.org,you@example.org"), "is not an address for mail"),
        (("push", "mine", "topic"), "sends no codes by push"),
        (("mail", "work"), "an address is missing"),
        (("totp", "phone", "me@example.org"), "has no address"),
    ],
)
def test_refused_at_once(person: Person, post: Post, words: tuple[str, ...], fault: str) -> None:
    """What the host would refuse is an error of the user's command, and nothing is written."""
    CONF.write_text(own(post, "mail") + own(post, "sms", "sms_prefixes = +49"))
    done = person.run(enrolment.OTPAUTH, "add", *words)
    assert done.returncode != 0
    assert fault in done.stderr
    assert not (person.home / ".otpauth").exists()


def test_address_on_stdin(person: Person, post: Post) -> None:
    """What ps should not show is read from the standard input, and not listed whole."""
    CONF.write_text(own(post, "push"))
    done = person.run(
        enrolment.OTPAUTH, "add", "push", "mine", "-", "-e", "0", text="topic-7f3a91c2\n"
    )
    assert done.returncode == 0, done.stderr
    assert "7f3a91c2" not in (person.home / ".otpauth").read_text() + done.stdout
    assert enrolment.admin("approve", person.name).returncode == 0
    shown = person.run(enrolment.OTPAUTH, "list").stdout
    assert "…c2" in shown
    assert "7f3a91c2" not in shown + (person.home / ".otpauth").read_text()


def test_one_box(post: Post) -> None:
    """With one box the name behind the password has a code sent there."""
    CONF.write_text(own(post, "mail"))
    examples = pages.examples("pam_otpauth.8")
    lines = examples["sshd_config-one-box"].splitlines()
    unix = "auth requisite pam_unix.so nodelay"
    stack = examples["sshd-one-box"].replace("@include common-auth", unix)
    with accounts.make(password="hunter2") as alice, Sshd(stack, lines) as sshd:

        def login(answer: str) -> Login:
            turns = iter([answer])
            return client.login(
                alice, sshd, lambda _: next(turns, None), methods="password", key=False
            )

        add(alice, "mail", "my.box", "me@example.org", "-e", "0")
        assert not login("wrong,my.box").ok
        assert not post.texts()
        assert not login("hunter2,my.box").ok
        (text,) = post.texts()
        assert login(f"hunter2,{text.split()[1]}").ok


def test_postfix(person: Person, by_key: Sshd, post: Post) -> None:
    """A code goes through a real mail system to the address that its user named."""
    with postfix.running(post.folder) as mail, accounts.make() as box:
        CONF.write_text("[channel mail]\ntype = sendmail\nown = yes\n")
        add(person, "mail", "work", f"{box.name}@localhost", "-e", "0")
        done = client.login(person, by_key, lambda _: mail.code(box.name, of=person.name))
        assert done.ok, done.output
        assert not mail.of(person.name)
