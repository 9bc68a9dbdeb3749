"""Real logins: sshd and ssh, sftp and scp, with every first factor and with none."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from otpauth import login
from tests.parts import accounts, client, dialogue, enrolment, log
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person
    from tests.parts.client import Login

PASSWORD = "correct horse battery"
PROMPT = "Verification code: "
ALONE = ("AuthenticationMethods keyboard-interactive",)
INTERACTIVE = "keyboard-interactive"


@pytest.fixture(scope="module")
def by_key(stage: object) -> Iterator[Sshd]:
    """Give a server that wants a key and a code."""
    assert stage
    with Sshd(enrolment.STACK) as sshd:
        yield sshd


@pytest.fixture(scope="module")
def by_password(stage: object) -> Iterator[Sshd]:
    """Give a server that wants a password and a code, both asked for by PAM."""
    assert stage
    stack = f"auth requisite pam_unix.so\n{enrolment.STACK} after_password"
    with Sshd(stack, ALONE) as sshd:
        yield sshd


@pytest.fixture(scope="module")
def by_code(stage: object) -> Iterator[Sshd]:
    """Give a server that wants a code alone."""
    assert stage
    with Sshd(enrolment.STACK, ALONE) as sshd:
        yield sshd


def asked(done: Login) -> list[str]:
    """Return the prompts without ssh's `(user@host) `."""
    return [re.sub(r"^\(\S+@\S+\) ", "", prompt) for prompt in done.prompts]


def shown(person: Person) -> dict[str, object]:
    """Return what `otpauth-admin show --json` says."""
    done = enrolment.admin("show", person.name, "--json")
    seen: dict[str, object] = json.loads(done.stdout)
    return seen


def outcomes(person: Person) -> list[str]:
    """Return the reasons of the latest outcomes."""
    rows = shown(person)["outcomes"]
    assert isinstance(rows, list)
    return [row["reason"] for row in rows]


def test_key_and_code(person: Person, by_key: Sshd) -> None:
    """With key and code one is in; without either one is not; the code asked for is one prompt."""
    fob = enrolment.fob(person)
    done = client.login(person, by_key, [fob.next()])
    assert (done.ok, asked(done)) == (True, [PROMPT])
    assert not client.login(person, by_key, [fob.next()], key=False).ok
    assert not client.login(person, by_key, methods="publickey").ok


def test_the_whole_story_of_an_enrolment(person: Person, by_key: Sshd) -> None:
    """The wizard's phone logs in, a used code is told so, scratch codes work once each."""
    phone, codes, _ = dialogue.enrol(person)
    code = phone.next()
    assert client.login(person, by_key, [code]).ok
    again = client.login(person, by_key, [code])
    assert not again.ok
    assert re.match(r"That code was used already. Next code \(in \d+ s\): $", asked(again)[1])
    assert client.login(person, by_key, [codes[0]]).ok
    assert not client.login(person, by_key, [codes[0]]).ok
    assert client.login(person, by_key, [codes[1].replace("-", "").upper()]).ok


def test_an_interactive_login_shows_what_is_new(by_key: Sshd) -> None:
    """Before a shell one reads which tokens were added, once, and how many codes are left."""
    with accounts.make(shell="/usr/bin/true") as person:  # noqa: S604 (a login shell)
        phone, codes, _ = dialogue.enrol(person)
        first = client.login(person, by_key, [phone.next()], command="")
        assert first.ok
        assert any("token 'phone' was added on" in line for line in first.messages), first.output
        second = client.login(person, by_key, [codes[0]], command="")
        assert not any("was added" in line for line in second.messages), second.output
        assert any("9 of 10 scratch codes left" in line for line in second.messages)


def test_the_wizards_own_code_is_used_up(person: Person, by_key: Sshd) -> None:
    """The code typed in the wizard does not log in, the next one on the second prompt does."""
    phone, _, used = dialogue.enrol(person)
    done = client.login(person, by_key, [used, phone.next()])
    assert (done.ok, len(done.prompts)) == (True, 2)


def test_password_and_code(by_password: Sshd) -> None:
    """Password and code are asked one after the other; a wrong password asks for no code."""
    with accounts.make(password=PASSWORD) as person:
        fob = enrolment.fob(person)
        done = client.login(
            person, by_password, [PASSWORD, fob.next()], key=False, methods=INTERACTIVE
        )
        assert (done.ok, asked(done)) == (True, ["Password: ", PROMPT])
        wrong = client.login(
            person, by_password, ["another", "another"], key=False, methods=INTERACTIVE
        )
        assert not wrong.ok
        assert not any("ode" in prompt for prompt in asked(wrong))
        second = client.login(
            person, by_password, [PASSWORD, fob.wrong(), fob.next()], key=False, methods=INTERACTIVE
        )
        assert asked(second) == ["Password: ", PROMPT, login.AGAIN_WRONG]
        assert second.ok


def test_code_alone(person: Person, by_code: Sshd) -> None:
    """A code alone logs in; without a first factor each try is one prompt and no explanation."""
    fob = enrolment.fob(person)
    first = fob.next()
    assert client.login(person, by_code, [first], key=False, methods=INTERACTIVE).ok
    start = log.position()
    done = client.login(person, by_code, [first, fob.wrong(), "x"], key=False, methods=INTERACTIVE)
    assert not done.ok
    assert set(asked(done)) == {PROMPT}
    assert not [line for line in done.messages if "otpauth" in line or "used" in line]
    lines = log.lines(start, containing="reason=")
    reasons = [line.text.partition("reason=")[2].split()[0] for line in lines]
    assert reasons[:3] == ["AUTH_OTP_ALREADY_USED", "AUTH_FAILED", "AUTH_NO_CODE"]


def test_d10_a_password_answered_to_our_prompt(by_key: Sshd) -> None:
    """Sshd's `password` method puts the password where a code is wanted: refused, not charged."""
    del by_key
    lines = ("PasswordAuthentication yes", "AuthenticationMethods password publickey,password")
    with accounts.make(password=PASSWORD) as person, Sshd(enrolment.STACK, lines) as sshd:
        fob = enrolment.fob(person)
        assert client.login(person, sshd, [fob.next()], methods="password", key=False).ok
        for _ in range(3):
            done = client.login(person, sshd, [PASSWORD] * 3, methods="password", key=False)
            assert not done.ok
        reasons = outcomes(person)
        assert "AUTH_FAILED" not in reasons
        assert "AUTH_RATE_LIMITED" not in reasons
        assert client.login(person, sshd, [fob.next()], methods="password", key=False).ok


def test_d10_sshds_dummy_password_is_not_charged(person: Person) -> None:
    """What sshd itself answers for those it does not let in counts as no wrong code."""
    fob = enrolment.fob(person)
    lines = (
        "PasswordAuthentication yes",
        "AuthenticationMethods password",
        f"DenyUsers {person.name}",
    )
    with Sshd(enrolment.STACK) as by_key:
        assert client.login(person, by_key, [fob.next()]).ok
        start = log.position()
        with Sshd(enrolment.STACK, lines) as sshd:
            for _ in range(2):
                code = fob.code(fob.counter)
                done = client.login(person, sshd, [code] * 3, methods="password", key=False)
                assert not done.ok
        seen = log.lines(start, containing="reason=")
        assert seen
        assert not [line for line in seen if "AUTH_FAILED" in line.text]
        assert client.login(person, by_key, [fob.next()]).ok


def test_sftp_and_scp_ask_and_copy(person: Person, by_key: Sshd) -> None:
    """Sftp and both protocols of scp copy after a code, each with one of its own."""
    fob = enrolment.fob(person)
    assert client.sftp(person, by_key, "put /etc/hostname one", [fob.next()]).ok
    assert client.scp(person, by_key, "/etc/hostname", ":two", [fob.next()]).ok
    assert client.scp(person, by_key, "/etc/hostname", ":three", [fob.next()], old_protocol=True).ok
    assert (person.home / "three").read_bytes() == (person.home / "one").read_bytes()
    assert not client.scp(person, by_key, "/etc/hostname", ":four", [fob.wrong()]).ok
    assert not (person.home / "four").exists()


@pytest.mark.parametrize("skew", [150, -330])
def test_a_skewed_phone_is_learned(person: Person, by_key: Sshd, skew: int) -> None:
    """A phone far off is let in by its next code at the second prompt, and fits from then on.

    By how much is told of a slow one only: that a code will be right is not for guessers.
    """
    phone = enrolment.phone(person, skew=skew)
    done = client.login(person, by_key, [phone.code(), phone.code(offset_steps=1)])
    assert done.ok, done.output
    assert len(done.prompts) == 2
    told = re.search(r"phone is (\d+) minutes slow", asked(done)[1])
    assert bool(told) == (skew < 0)
    assert not told or 5 <= int(told[1]) <= 6
    later = client.login(person, by_key, [phone.next()])
    assert (later.ok, len(later.prompts)) == (True, 1)


def test_a_phone_a_step_off_just_works(person: Person, by_key: Sshd) -> None:
    """A phone 30 seconds fast or slow is let in at once."""
    phone = enrolment.phone(person)
    assert client.login(person, by_key, [phone.code(offset_steps=-1)]).ok
    assert client.login(person, by_key, [phone.code(offset_steps=1)]).ok
    assert not client.login(person, by_key, [phone.code(offset_steps=0)]).ok


def test_a_fob_pressed_too_often_comes_back(person: Person, by_key: Sshd) -> None:
    """Four presses ahead are let in; thirty need two codes in a row at two prompts."""
    fob = enrolment.fob(person)
    fob.counter += 4
    assert client.login(person, by_key, [fob.next()]).ok
    fob.counter += 30
    done = client.login(person, by_key, [fob.next(), fob.next()])
    assert (done.ok, len(done.prompts)) == (True, 2)
    assert asked(done)[1] == login.AGAIN_WRONG


def test_too_many_wrong_codes_are_told_only_behind_a_first_factor(
    person: Person, by_key: Sshd, by_code: Sshd
) -> None:
    """Three wrong codes shut the place; who has the key hears for how long, others nothing."""
    fob = enrolment.fob(person)
    assert client.login(person, by_key, [fob.next()]).ok
    for _ in range(2):
        client.login(person, by_key, [fob.wrong(), fob.wrong()])
    told = client.login(person, by_key, [fob.wrong()])
    assert re.match(r"Too many tries. Wait \d+ s, then code: ", asked(told)[1])
    blind = client.login(person, by_code, [fob.code(fob.counter)], key=False, methods=INTERACTIVE)
    assert not blind.ok
    assert set(asked(blind)) == {PROMPT}
    assert outcomes(person).count("AUTH_FAILED") <= 3


def test_nullok_behind_a_key_asks_nothing(person: Person) -> None:
    """With nullok and a key, who has nothing is let in unasked; without a key he is refused."""
    stack = f"{enrolment.STACK} nullok\nauth required pam_permit.so"
    with Sshd(stack) as by_key, Sshd(stack, ALONE) as by_code:
        done = client.login(person, by_key)
        assert (done.ok, done.prompts) == (True, ())
        refused = client.login(person, by_code, ["123456"], key=False, methods=INTERACTIVE)
        assert not refused.ok
        assert asked(refused)[0] == PROMPT
        fob = enrolment.fob(person)
        enrolled = client.login(person, by_key, [fob.next()])
        assert (enrolled.ok, asked(enrolled)) == (True, [PROMPT])
        (person.home / ".otpauth").unlink()
        assert asked(client.login(person, by_key))[:1] == [PROMPT]
