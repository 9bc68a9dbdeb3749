"""The examples of the pages run as written: commands in a shell, stacks under real programs."""

from __future__ import annotations

import re
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.man import pages
from tests.parts import accounts, client, enrolment, pam, privilege, secrets
from tests.parts.dovecot import Dovecot
from tests.parts.phone import Phone
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage
STACKS = pages.examples("pam_otpauth.8")
KEY_WAS_GIVEN = {"SSH_AUTH_INFO_0": "publickey ssh-ed25519 AAAA"}
PASSWORD = "correct horse battery"
SECRETS = ("KVKFKRCPNZQUYMLXOVYDSQKJKZDTSRLD", "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U")


@pytest.fixture
def alice(stage: Path) -> Iterator[Person]:
    """Give the pages' alice, of whom the host knows nothing."""
    assert stage.is_dir()
    with accounts.make("alice", password=PASSWORD) as made:
        _forget("alice")
        yield made
    _forget("alice")


@pytest.fixture
def phone(alice: Person) -> Phone:
    """Give alice's phone, enrolled."""
    return _enrolled(alice, SECRETS[0])


@pytest.mark.parametrize("name", pages.examples("otpauth.1"))
def test_user(alice: Person, name: str) -> None:
    """Each example of otpauth(1), after those before it, prints what the page says."""
    names = list(pages.examples("otpauth.1"))
    for each in names[: names.index(name) + 1]:
        _run_session(pages.examples("otpauth.1")[each], "$ ", person=alice)


@pytest.mark.parametrize("name", pages.examples("otpauth-admin.8"))
def test_admin(alice: Person, tmp_path: Path, name: str) -> None:
    """Each example of otpauth-admin(8), after those before it, prints what the page says."""
    assert alice.home.is_dir()
    names = list(pages.examples("otpauth-admin.8"))
    for each in names[: names.index(name) + 1]:
        _run_session(pages.examples("otpauth-admin.8")[each], "# ", folder=tmp_path)


def test_key_and_code(alice: Person, phone: Phone) -> None:
    """Public key, then code: the right code is let in, the same one again and none are not."""
    with _sshd("sshd-key", "sshd_config-key") as sshd:
        code = phone.next()
        assert client.login(alice, sshd, [code]).ok
        assert not client.login(alice, sshd, [code]).ok
        assert not client.login(alice, sshd, [phone.next()], key=False).ok


def test_key_and_code_nullok(alice: Person) -> None:
    """With nullok the key alone lets in who is not enrolled, and nobody who is."""
    with _sshd("sshd-key-nullok", "sshd_config-key") as sshd:
        assert client.login(alice, sshd, []).ok
        phone = _enrolled(alice, SECRETS[1])
        assert not client.login(alice, sshd, []).ok
        assert client.login(alice, sshd, [phone.next()]).ok


def test_password_and_code(alice: Person, phone: Phone) -> None:
    """Password, then code: both must be right, and the code of a wrong password is not burnt."""
    with _sshd("sshd-password", "sshd_config-password") as sshd:
        code = phone.next()
        assert not _login(alice, sshd, [secrets.remember("not the password"), code])
        assert not _login(alice, sshd, [PASSWORD, phone.wrong()])
        assert _login(alice, sshd, [PASSWORD, code])


def test_code_alone(alice: Person, phone: Phone) -> None:
    """The code alone lets in where the page says so."""
    with _sshd("sshd-key", "sshd_config-password") as sshd:
        assert not _login(alice, sshd, [phone.wrong()])
        assert _login(alice, sshd, [phone.next()])


def test_key_and_code_through_pam_exec(alice: Person, phone: Phone) -> None:
    """The pam_exec line lets the right code in, once, and no wrong one."""
    with _sshd("sshd-exec", "sshd_config-key") as sshd:
        code = phone.next()
        assert not client.login(alice, sshd, [phone.wrong()]).ok
        found = client.login(alice, sshd, [code])
        assert found.ok
        assert any("Password:" in prompt for prompt in found.prompts)
        assert not client.login(alice, sshd, [code]).ok


def test_sudo(alice: Person, phone: Phone) -> None:
    """Sudo asks for one's own password and code."""
    rule = Path("/etc/sudoers.d/alice")
    rule.write_text("alice ALL=(ALL) ALL\n", encoding="utf-8")
    rule.chmod(0o440)
    try:
        with pam.service(STACKS["sudo"], "sudo"):
            assert not privilege.sudo(alice, [PASSWORD, phone.wrong()]).ok
            assert "IN-root" in privilege.sudo(alice, [PASSWORD, phone.next()]).output
    finally:
        rule.unlink()


def test_su(alice: Person, phone: Phone) -> None:
    """Su asks for the password and code of the account that one becomes."""
    with accounts.make() as other, pam.service(STACKS["su"], "su"):
        assert not privilege.su(other, alice, [PASSWORD, phone.wrong()]).ok
        assert "IN-alice" in privilege.su(other, alice, [PASSWORD, phone.next()]).output


def test_one_box(alice: Person, phone: Phone) -> None:
    """One answer holds the password and the code; each of them must be right."""
    with pam.service(STACKS["one-box"]) as name:
        for answer, ok in (
            (f"{PASSWORD}{phone.wrong()}", False),
            (f"wrong{phone.next()}", False),
            (f"{PASSWORD}{phone.next()}", True),
        ):
            one = pam.drive(name, alice.name, [answer]).one
            assert (one.ok, len(one.asked)) == (ok, 1)


def test_one_box_at_ssh(alice: Person, phone: Phone) -> None:
    """The same stack serves sshd, where one question is asked, too."""
    with _sshd("one-box", "sshd_config-password") as sshd:
        assert not _login(alice, sshd, [f"wrong{phone.next()}"])
        assert _login(alice, sshd, [f"{PASSWORD}{phone.next()}"])


def test_dovecot(alice: Person, phone: Phone) -> None:
    """IMAP: a code once, an app password again and again, and not the password of the account."""
    with Dovecot(STACKS["dovecot"]) as server:
        code = phone.next()
        app_password = enrolment.app_password(alice, "laptop", server.services[0])
        answers = (code, code, app_password, app_password, PASSWORD)
        came = [server.login(alice.name, each) for each in answers]
    assert came == [True, False, True, True, False]


def test_arguments(alice: Person, phone: Phone) -> None:
    """The line with a prompt of one's own asks with it and takes a code two steps ahead."""
    with pam.service(STACKS["arguments"]) as name:
        one = pam.drive(name, alice.name, [phone.code(offset_steps=2)]).one
    assert one.ok
    assert one.asked == ["Code of web1: "]


@pytest.mark.parametrize("way", ["pam_python", "pam_exec"])
def test_abilities(alice: Person, phone: Phone, way: str) -> None:
    """What the table of both ways in says of prompts, refusals and second tries is so."""
    head, *rows = pages.table("pam_otpauth.8", "pam_exec")
    says = {row[0]: row[head.index(way)] for row in rows}
    line = _line(way)
    with pam.service(f"{line} [prompt=Number: ]") as name:
        alone = pam.drive(name, alice.name, [phone.wrong()]).one
        told = pam.drive(name, alice.name, [phone.wrong(), phone.next()], env=KEY_WAS_GIVEN).one
        right = pam.drive(name, alice.name, [phone.next()]).one
        other = pam.drive(name, alice.name, [phone.next()], ruid=alice.uid).one
    assert (alone.code, right.code) == (says["refusal"], "PAM_SUCCESS")
    assert right.asked == ["Number: " if says["prompt"] == "prompt" else "Password: "]
    assert says["code alone"] == "yes"
    assert (told.code == "PAM_SUCCESS") == (says["why refused, second try"] == "yes")
    assert len(told.asked) == (2 if says["why refused, second try"] == "yes" else 1)
    assert other.ok, "a set-uid program, such as su, is root enough"


@pytest.mark.parametrize("word", ["nullok", "who=root", "skip_from=192.0.2.0/24"])
@pytest.mark.parametrize("way", ["pam_python", "pam_exec"])
def test_ability_nullok(alice: Person, way: str, word: str) -> None:
    """What the table of both ways in says of nullok, who and skip_from is so."""
    head, *rows = pages.table("pam_otpauth.8", "pam_exec")
    row = next(each for each in rows if each[0] == "nullok, who, skip_from pass")
    code, asked = row[head.index(way)].split(", ")
    with pam.service(f"{_line(way)} {word}") as name:
        options: pam.Options = {"env": KEY_WAS_GIVEN, "rhost": "192.0.2.7"}
        one = pam.drive(name, alice.name, ["anything"], **options).one
        strange = pam.drive(name, alice.name, ["anything"]).one
    # Where a module is all that there is, PAM makes "denied" of PAM_IGNORE.
    assert one.code == {"PAM_IGNORE": "PAM_PERM_DENIED"}.get(code, code)
    assert bool(one.asked) == (asked == "asked")
    assert not strange.ok


@pytest.mark.parametrize("word", ["authtok_prompt=Code:", "echo_verification_code", "forward_pass"])
def test_ability_refused(alice: Person, phone: Phone, word: str) -> None:
    """A line that asks of pam_exec what it cannot do lets nobody in."""
    with pam.service(f"{_line('pam_exec')} {word}") as name:
        assert not pam.drive(name, alice.name, [phone.next()]).one.ok
    with pam.service(f"{_line('pam_python')} {word}") as name:
        assert pam.drive(name, alice.name, [phone.next()]).one.ok


def test_ability_both_in_one_answer(alice: Person, phone: Phone) -> None:
    """With use_first_pass the answer that pam_exec hands over may be a password and a code."""
    with pam.service(f"{_line('pam_exec')} use_first_pass") as name:
        assert pam.drive(name, alice.name, [f"hunter2{phone.next()}"]).one.ok
    with pam.service(_line("pam_exec")) as name:
        assert not pam.drive(name, alice.name, [f"hunter2{phone.next()}"]).one.ok


@pytest.mark.parametrize("way", ["pam_python", "pam_exec"])
def test_ability_grace(alice: Person, phone: Phone, way: str) -> None:
    """What the table of both ways in says of grace is so."""
    head, *rows = pages.table("pam_otpauth.8", "pam_exec")
    says = {row[0]: row[head.index(way)] for row in rows}["grace"]
    with pam.service(f"{_line(way)} grace=1h") as name:
        more: pam.Options = {"env": KEY_WAS_GIVEN, "rhost": "192.0.2.1"}
        assert pam.drive(name, alice.name, [phone.next()], **more).one.ok
        again = pam.drive(name, alice.name, [], **more).one
    assert again.ok is (says == "yes")


@contextmanager
def _sshd(stack: str, settings: str) -> Iterator[Sshd]:
    with ExitStack() as opened:
        lines = STACKS[settings].splitlines()
        yield opened.enter_context(Sshd(STACKS[stack], lines))


def _line(way: str) -> str:
    """Return the auth line of the page's example for one of both ways in."""
    return STACKS["sshd-key" if way == "pam_python" else "sshd-exec"].splitlines()[0]


def _login(person: Person, sshd: Sshd, answers: list[str]) -> bool:
    """Log in by keyboard-interactive alone."""
    return client.login(person, sshd, answers, methods="keyboard-interactive", key=False).ok


def _enrolled(person: Person, secret: str) -> Phone:
    uri = f"otpauth://totp/web1:{person.name}?secret={secret}"
    command = ("otpauth-admin", "setup", person.name, "--uri", "-")
    subprocess.run(command, input=uri, text=True, check=True, capture_output=True)
    return Phone(secret)


def _forget(name: str) -> None:
    Path("/var/lib/otpauth/users", name).unlink(missing_ok=True)


def _run_session(
    text: str, prompt: str, *, person: Person | None = None, folder: Path | None = None
) -> None:
    """Run the commands of a transcript in one shell each and compare what they print."""
    for command, expected in _commands(text, prompt):
        shell = ("/bin/bash", "-c", f"exec 2>&1; {command}")
        if person:
            done = person.run(*shell)
        else:
            done = subprocess.run(shell, cwd=folder, capture_output=True, text=True, check=False)
        assert _masked(done.stdout) == _masked(expected), command


def _commands(text: str, prompt: str) -> list[tuple[str, str]]:
    """Return commands, with the lines that continue them, and what they print."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        command, output = found[-1] if found else ("", "")
        if line.startswith(prompt):
            found.append((line.removeprefix(prompt), ""))
        elif command.endswith("|") and not output:
            found[-1] = (f"{command}\n{line}", output)
        else:
            found[-1] = (command, f"{output}{line}\n")
    assert found
    return found


def _masked(text: str) -> str:
    """Return a text without the id of the host's key, which is another one everywhere."""
    return re.sub(r"\b[0-9A-F]{4}-[0-9A-F]{4}\b", "KEY", text)
