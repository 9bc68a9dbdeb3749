"""Codes that come to the user: real sshd, real mail systems, and what happens when they fail."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.man import pages
from tests.parts import accounts, client, enrolment, gateway, log, pam, postfix
from tests.parts.mailserver import MailServer
from tests.parts.phone import Fob
from tests.parts.post import CONF, SECRETS
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from tests.parts.accounts import Person
    from tests.parts.client import Login
    from tests.parts.post import Post

UNIX = "auth requisite pam_unix.so nodelay"  # common-auth refuses after 2 s


@pytest.fixture
def service(stage: Path) -> Iterator[str]:
    """Give a service that asks for a code below a password."""
    assert stage.is_dir()
    with pam.service(f"{enrolment.STACK} after_password") as name:
        yield name


def where(person: Person) -> str:
    """Return the prompt for a code that was sent by mail."""
    return f"Code (sent by mail to {person.name[0]}…@example.org; Enter sends again): "


def outcomes(person: Person) -> list[str]:
    """Return the reasons of the latest outcomes."""
    shown = json.loads(enrolment.admin("show", person.name, "--json").stdout)
    return [row["reason"] for row in shown["outcomes"]]


def test_mail(person: Person, by_key: Sshd, post: Post) -> None:
    """Without any enrolment a key and the code that came let in; the code does so once."""
    CONF.write_text(post.channel("mail"))
    done = client.login(person, by_key, lambda _: post.code())
    assert done.ok, done.output
    assert done.asked == [where(person)]
    (text,) = post.texts()
    assert text.split()[2:] == [person.name, by_key.service]
    assert not (person.home / ".otpauth").exists()
    used = post.code()
    again = client.login(person, by_key, [used, used])
    assert not again.ok
    assert len(post.texts()) == 2
    assert post.code() != used
    assert "AUTH_OK_OTP" in outcomes(person)
    assert "is sent codes (mail)" in enrolment.admin("why", person.name).stdout


def test_no_first_factor(person: Person, post: Post) -> None:
    """Nothing is sent to a user whose first factor is not known, whatever he types."""
    CONF.write_text(post.channel("mail"))
    alone = ("AuthenticationMethods keyboard-interactive",)
    with Sshd(enrolment.STACK, alone) as sshd:
        done = client.login(person, sshd, ["", "mail", "123456"], methods="keyboard-interactive")
    assert not done.ok
    assert set(done.asked) == {"Verification code: "}
    assert not post.texts()


def test_wrong_code(person: Person, by_key: Sshd, post: Post) -> None:
    """A wrong code is asked for once more, and the right one still lets in."""
    CONF.write_text(post.channel("mail"))
    turns: list[str] = []

    def answer(_: str) -> str:
        turns.append(post.code())
        wrong = f"{(int(turns[0]) + 1) % 10**6:06}"
        return wrong if len(turns) == 1 else turns[0]

    done = client.login(person, by_key, answer)
    assert done.ok
    assert done.asked == [where(person), f"Wrong code. {where(person)}"]
    assert len(post.texts()) == 1


def test_enter_sends_again(person: Person, by_key: Sshd, post: Post) -> None:
    """Enter sends the same code once more; a second login asks for it and sends none."""
    CONF.write_text(post.channel("mail"))
    empty = iter([""])
    done = client.login(person, by_key, lambda _: next(empty, None))
    assert not done.ok
    assert [text.split()[1] for text in post.texts()] == [post.code()] * 2
    assert client.login(person, by_key, [post.code()]).ok
    assert len(post.texts()) == 2


def test_su(person: Person, post: Post) -> None:
    """At su a code is sent whatever the caller's ids, descriptors, umask and environment are.

    Where his limits leave no room to count it, none is.
    """
    CONF.write_text(post.channel("mail"))
    hostile = {"http_proxy": "http://127.0.0.1:9", "PATH": "/tmp", "PYTHONPATH": "/tmp"}
    with accounts.make() as caller, pam.service(f"{enrolment.STACK} after_password") as service:
        words = (service, person.name, ["no code", "no code"])
        done = pam.drive(*words, ruid=caller.uid, close=(0, 2), umask=0o777, environment=hostile)
        assert done.one.asked[0] == where(person)
        assert len(post.texts()) == 1
        done = pam.drive(*words, ruid=caller.uid, limits={"FSIZE": 0})
    assert done.one.asked[0].startswith("No code could be sent by mail.")
    assert len(post.texts()) == 1


def test_limit_per_user(person: Person, by_key: Sshd, post: Post) -> None:
    """A user is sent so many, and then told that none comes; a login does not go on for ever."""
    CONF.write_text(post.channel("mail", "per_user = 2/1h"))
    done = client.login(person, by_key, ["", "", "", ""])
    assert not done.ok
    assert len(post.texts()) == 2
    assert any(prompt.startswith("No code could be sent by mail.") for prompt in done.asked)
    assert client.login(person, by_key, [post.code()]).ok


def test_limit_per_host(person: Person, by_key: Sshd, post: Post) -> None:
    """A host sends so many by a channel, whoever they are for."""
    CONF.write_text(post.channel("mail", "per_host = 1/1h"))
    with accounts.make() as other:
        assert client.login(person, by_key, lambda _: post.code()).ok
        done = client.login(other, by_key, ["123456"])
    assert done.asked[0].startswith("No code could be sent by mail.")
    assert len(post.texts()) == 1


def test_choice(person: Person, by_key: Sshd, post: Post) -> None:
    """Who has a phone is asked as ever, and sent nothing until he types how; both codes let in."""
    fob = enrolment.fob(person)
    assert client.login(person, by_key, [fob.next()]).ok
    CONF.write_text(post.channel("mail") + post.channel("sms"))
    done = client.login(person, by_key, [fob.next()])
    assert (done.ok, done.asked) == (True, ["Verification code: "])
    assert not post.texts()
    done = client.login(person, by_key, lambda prompt: post.code() if "sms" in prompt else "SMS")
    assert done.ok
    assert done.asked[1] == "Code (sent by sms to …55; Enter sends again): "
    assert [text.split()[0] for text in post.texts()] == ["sms"]
    done = client.login(
        person, by_key, lambda prompt: fob.next() if "sent by mail" in prompt else "mail"
    )
    assert done.ok


def test_failing_channel(person: Person, by_key: Sshd, post: Post) -> None:
    """A channel that fails is told, the other one is offered and works, the log says why."""
    CONF.write_text(post.channel("mail") + post.channel("sms"))
    (post.folder / "fail-mail").touch()
    since = log.position()
    done = client.login(
        person, by_key, lambda prompt: post.code() if "sent by sms" in prompt else "sms"
    )
    assert done.ok
    assert done.asked[0] == (
        "No code could be sent by mail. Type sms for one by that, or Enter tries again. Code: "
    )
    (line,) = log.lines(since, containing="sent=no")
    assert "by=mail" in line.text
    assert "exit%201" in line.text
    (post.folder / "fail-mail").unlink()
    done = client.login(person, by_key, lambda _: post.code())
    assert done.ok, "a code that never left is not waited for"


def test_silent_gateway(person: Person, by_key: Sshd, post: Post) -> None:
    """Where it is not known whether a message left, the prompt says so, and its code is good."""
    CONF.write_text(post.channel("mail", "timeout = 2s"))
    (post.folder / "late").touch()
    done = client.login(person, by_key, lambda _: post.code())
    assert done.ok, done.output
    assert done.asked == [where(person).replace("sent", "perhaps sent", 1)]


def test_who(person: Person, post: Post) -> None:
    """Groups and exceptions decide who has codes; nullok passes nobody who has, or may have."""
    text = f"[login]\nnullok = yes\n{post.channel('mail')}"
    with Sshd(f"{enrolment.STACK}\nauth required pam_permit.so") as sshd:
        for who, sent_to in (
            (f"* !{person.name}", False),
            (f"!* %{person.name}", True),
            (f"{person.name} !%{person.name}", False),
            ("%daemon nobody", False),
        ):
            CONF.write_text(text.replace("for = *", f"for = {who}"))
            done = client.login(person, sshd, ["no code"])
            assert (not done.ok, done.asked[:1] == [where(person)]) == (sent_to, sent_to), who
        CONF.write_text(text.replace("for = *", "for = %no-such-group"))
        done = client.login(person, sshd, ["no code"])
        assert not done.ok, "it is not known whether he has"
        assert done.asked[0].startswith("No code could be sent by mail.")


def test_map(person: Person, by_key: Sshd, post: Post) -> None:
    """Addresses come from a map; one that others may write gives none, and nobody gets past it."""
    phones = Path("/etc/otpauth/phones")
    phones.write_text(f"{person.name}: +1 555 01 77\n")
    text = post.channel("sms").replace("to = +15550155", f"to = map:{phones}")
    CONF.write_text(f"[login]\nnullok = yes\n{text}")
    done = client.login(person, by_key, lambda _: post.code())
    assert done.ok
    assert "sent by sms to …77" in done.asked[0]
    phones.chmod(0o666)
    done = client.login(person, by_key, ["000000"])
    assert (done.ok, len(post.texts())) == (False, 1)
    phones.unlink()


def test_gecos_without_a_home(service: str, post: Post) -> None:
    """A number of GECOS serves who has no home; one that no prefix allows is sent nothing."""
    text = post.channel("sms", "sms_prefixes = +49").replace("to = +15550155", "to = gecos:work")
    CONF.write_text(f"[login]\nnullok = yes\n{text}")
    with accounts.make(home="missing") as person:
        for number, sent in (("+49 30 12345", True), ("+1 555 0100", False), ("no number", False)):
            gecos = ("usermod", "--comment", f"Bob,,{number}", person.name)
            subprocess.run(gecos, check=True)
            done = pam.drive(service, person.name, ["no code", "no code"]).one
            assert not done.ok
            assert ("sent by sms to …45" in done.asked[0]) == sent, done.asked
        assert not pam.drive(service, person.name, [post.code()]).one.ok, "for another number"
        subprocess.run(("usermod", "--comment", "Bob,,+49 30 12345", person.name), check=True)
        assert pam.drive(service, person.name, [post.code()]).one.ok
        assert len(post.texts()) == 1
        assert not person.home.exists()


def test_bound_to_its_place(person: Person, by_key: Sshd, post: Post) -> None:
    """A code for one service is none for another."""
    CONF.write_text(post.channel("mail"))
    client.login(person, by_key, lambda _: None)
    code = post.code()
    with Sshd(enrolment.STACK) as other:
        assert not client.login(person, other, [code, code]).ok
        assert len(post.texts()) == 2
    assert client.login(person, by_key, [code]).ok


def test_one_code_for_a_group(person: Person, service: str, post: Post) -> None:
    """A code that one service of a group asked for is good at another one of it, once."""
    with (
        pam.service(f"{enrolment.STACK} after_password") as second,
        pam.service(f"{enrolment.STACK} after_password") as third,
    ):
        CONF.write_text(
            f"{post.channel('mail')}[group post]\n[service imap]\npam = {service}\ngroup = post\n"
            f"[service smtp]\npam = {second}\ngroup = post\n"
        )
        pam.drive(service, person.name, ["no code", "no code"])
        code = post.code()
        assert not pam.drive(third, person.name, [code, code]).one.ok
        assert pam.drive(second, person.name, [code]).one.ok
        assert not pam.drive(service, person.name, [code, code]).one.ok


def test_session(person: Person, service: str, post: Post) -> None:
    """Where a session makes a code good for further logins, they are told so and sent nothing."""
    CONF.write_text(f"[login]\nsession = 10m logins=3\n{post.channel('mail')}")
    here = "192.0.2.7"
    pam.drive(service, person.name, ["no code", "no code"], rhost=here)
    code = post.code()
    to = f"by mail to {person.name[0]}…@example.org"
    for number in range(3):
        done = pam.drive(service, person.name, [code], rhost=here).one
        assert done.ok, done.asked
        still = f"Code (the one sent {to} is still good; Enter sends another): "
        assert done.asked == [still if number else where(person)]
    assert len(post.texts()) == 1
    done = pam.drive(service, person.name, [code, code], rhost=here).one
    assert (done.ok, done.asked[0], len(post.texts())) == (False, where(person), 2)


def test_home_writer(person: Person, by_key: Sshd, post: Post) -> None:
    """Who can write the home of a user with sent codes cannot enrol a token of his own."""
    CONF.write_text(post.channel("mail"))
    secret = enrolment.new_secret()
    told = enrolment.propose(person, enrolment.uri("hotp", secret), "setup").stdout
    assert told.endswith(f"waits for the administrator: otpauth-admin approve {person.name}\n")
    fob = Fob(secret)
    assert not client.login(person, by_key, [fob.next()]).ok
    assert client.login(person, by_key, lambda _: post.code()).ok
    assert not client.login(person, by_key, [fob.next()]).ok
    assert "waits" in enrolment.admin("show", person.name).stdout
    assert enrolment.admin("approve", person.name).returncode == 0
    done = client.login(person, by_key, [fob.next()])
    assert (done.ok, done.asked) == (True, ["Verification code: "])


def test_is_told(person: Person, by_key: Sshd, post: Post) -> None:
    """Who is sent codes is listed so, by himself and by root, before a login and after it."""
    for channels in (post.channel("mail"), post.channel("mail") + post.channel("sms")):
        CONF.write_text(channels)
        kinds = "mail, sms" if "sms" in channels else "mail"
        own = person.run(enrolment.OTPAUTH, "list").stdout
        assert f"codes are sent to you ({kinds}) where a first factor is known" in own
        assert "otpauth setup" not in own
        (one,) = json.loads(enrolment.admin("list", person.name, "--json").stdout)
        assert one["state"] == f"sent codes ({kinds})"
        assert person.name not in enrolment.admin("list", "--without").stdout
        assert client.login(person, by_key, lambda _: post.code()).ok
    CONF.write_text(post.channel("mail").replace("for = *", "for = %none-such"))
    (one,) = json.loads(enrolment.admin("list", person.name, "--json").stdout)
    assert one["state"] == "not enrolled", "nobody knows whom it is for"
    CONF.write_text("")
    (one,) = json.loads(enrolment.admin("list", person.name, "--json").stdout)
    assert one["state"] == "not enrolled", "nobody has reset it"
    assert "begin with: otpauth setup" in person.run(enrolment.OTPAUTH, "list").stdout


def test_many_at_once(person: Person, post: Post) -> None:
    """Fifty connections at once send one message, and its code lets one of them in."""
    CONF.write_text(post.channel("mail"))
    with pam.service(f"{enrolment.STACK} after_password") as service:
        asking = pam.storm(service, person.name, [["no code", "no code"]] * 50, gate="start")
        assert not any(each.one.ok for each in asking)
        assert {each.one.asked[0] for each in asking} == {where(person)}
        assert len(post.texts()) == 1
        answers = [[post.code(), post.code()]] * 12
        results = pam.storm(service, person.name, answers, gate="start")
    assert sum(each.one.ok for each in results) == 1
    assert len(post.texts()) <= 2


def test_one_box(post: Post) -> None:
    """With one box the word behind the password has a code sent, and the code goes there next.

    A wrong password sends nothing; where a second question is shown, it comes at once.
    """
    CONF.write_text(post.channel("mail") + post.channel("sms"))
    examples = pages.examples("pam_otpauth.8")
    lines = examples["sshd_config-one-box"].splitlines()
    stack = examples["sshd-one-box"].replace("@include common-auth", UNIX)
    with accounts.make(password="hunter2") as alice, Sshd(stack, lines) as sshd:

        def login(answer: str, method: str = "password") -> Login:
            turns = iter([answer])
            return client.login(alice, sshd, lambda _: next(turns, None), methods=method, key=False)

        assert not login("wrong,sms").ok
        assert not post.texts()
        assert not login("hunter2,sms").ok
        (text,) = post.texts()
        assert text.startswith("sms\n")
        assert login(f"hunter2{post.code()}").ok
        answers = iter(["hunter2,mail", ""])
        done = client.login(
            alice,
            sshd,
            lambda _: next(answers, "") or post.code(),
            methods="keyboard-interactive",
            key=False,
        )
        assert (done.ok, len(post.texts())) == (True, 2)
        assert done.asked[1] == where(alice)


def test_postfix(person: Person, by_key: Sshd, post: Post) -> None:
    """A mail through Postfix's sendmail arrives in the local mailbox, and its code lets in."""
    with postfix.running(post.folder) as mail:
        CONF.write_text(
            "[channel mail]\ntype = sendmail\nfor = *\nto = {user}@localhost\n"
            "html = <p>Ihr Code für {user}: <b>{code}</b></p>\n"
        )
        done = client.login(person, by_key, lambda _: mail.code(person.name))
        (message,) = mail.of(person.name)
    assert done.ok, done.output
    page = message.get_body(["html"])
    assert page
    code = read_code(message, person, by_key)
    assert page.get_content() == f"<p>Ihr Code für {person.name}: <b>{code}</b></p>\n"


def test_smtp(person: Person, by_key: Sshd, post: Post) -> None:
    """A mail through a server with STARTTLS and AUTH arrives, and its code lets in."""
    chain, key = gateway.certificate(post.folder)
    SECRETS.write_text("pw = right-password\n")
    SECRETS.chmod(0o600)
    with MailServer(chain, key, post.folder) as server:
        CONF.write_text(
            "[channel mail]\ntype = smtp\nfor = *\nto = {user}@example.org\n"
            f"host = localhost\nport = {server.port}\nca = {chain}\nuser = otpauth\n"
            "password = {secret.pw}\nsender = otp@example.org\n"
        )
        done = client.login(
            person, by_key, lambda _: read_code(server.messages()[0][1], person, by_key)
        )
        ((envelope, _),) = server.messages()
    assert done.ok, done.output
    assert (envelope["tls"], envelope["auth"]) == (True, True)
    assert envelope["to"] == [f"{person.name}@example.org"]


def test_killed_while_sending(person: Person, by_key: Sshd, post: Post) -> None:
    """A login that is killed while the gateway hangs leaves a code that Enter sends."""
    CONF.write_text(post.channel("mail", "timeout = 20s"))
    (post.folder / "hang").touch()
    with pytest.raises(TimeoutError, match="so far: ''"):
        client.login(person, by_key, ["x"], seconds=2)
    (post.folder / "hang").unlink()
    assert not post.texts()
    done = client.login(person, by_key, lambda _: post.code() if post.texts() else "")
    assert done.ok, done.output


def read_code(message: EmailMessage, person: Person, sshd: Sshd) -> str:
    """Return the code in a message, which says who logs in, from where and to what."""
    part = message.get_body(["plain"])
    assert part
    text = part.get_content()
    for word in (person.name, "127.0.0.1", sshd.service, "administrator", "UTC"):
        assert word in text
    assert message["Subject"].startswith("Login code for ")
    found = re.match(r"(\d{6}) is the code", text)
    assert found
    return found[1]
