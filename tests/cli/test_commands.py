"""Both commands as people and scripts run them: results, messages, exit statuses, effects."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.screen import read_qr
from tests.faults import logins
from tests.parts import accounts, enrolment, log, pam, secrets
from tests.parts.dialogue import Dialogue
from tests.parts.phone import Fob, Phone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage
CONF = Path("/etc/otpauth/otpauth.conf")
admin = enrolment.admin


@pytest.fixture
def config(stage: Path) -> Iterator[Path]:
    """Give the place of otpauth.conf, and put back what was there."""
    assert stage.is_dir()
    before = CONF.read_bytes() if CONF.exists() else None
    yield CONF
    CONF.unlink(missing_ok=True)
    if before is not None:
        CONF.write_bytes(before)


@contextlib.contextmanager
def as_root(*words: str) -> Iterator[Dialogue]:
    """Run the administrator's command on a terminal of root's."""
    with Dialogue(root(), [enrolment.ADMIN, *words]) as dialogue:
        yield dialogue


def root() -> Person:
    """Return root as somebody who sits at a terminal."""
    return accounts.Person("root", 0, 0, Path("/root"), Path("/nowhere"))


def enrolled(person: Person) -> Fob:
    """Enrol a fob and log in with it."""
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.next())
    return fob


def shown(person: Person) -> dict[str, Any]:
    """Return what `show --json` says."""
    done = admin("show", person.name, "--json")
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


# Usage


@pytest.mark.parametrize("program", [enrolment.OTPAUTH, enrolment.ADMIN])
@pytest.mark.parametrize(
    ("words", "status"),
    [(["--help"], 0), (["--version"], 0), (["nonsense"], 2), (["--no-such"], 2), (["set"], 2)],
)
def test_usage_has_its_status(person: Person, program: str, words: list[str], status: int) -> None:
    """Help and version go to stdout with status 0, wrong words to stderr with status 2."""
    done = person.run(program, *words)
    assert done.returncode == status
    assert bool(done.stdout) == (status == 0)
    assert bool(done.stderr) == (status == 2)


def test_only_root_administers(person: Person) -> None:
    """Every verb of otpauth-admin but config refuses a user, and says how to go on."""
    for words in (["list"], ["init"], ["key", "list"], ["show", "x"], ["verify", "x"]):
        done = person.run(enrolment.ADMIN, *words)
        assert done.returncode == 1
        assert done.stderr.startswith("otpauth-admin: error: only root may do this\n")
        assert "hint: sudo otpauth-admin" in done.stderr
    assert person.run(enrolment.ADMIN, "config").returncode == 0


# URIs on stdin


@pytest.mark.parametrize(
    "params",
    [
        {"kind": "totp"},
        {"kind": "totp", "algorithm": "SHA256", "digits": 8, "period": 60},
        {"kind": "totp", "algorithm": "SHA512", "digits": 7},
        {"kind": "hotp", "counter": 5},
        {"kind": "hotp", "counter": 0, "digits": 8},
    ],
)
def test_a_uri_without_a_terminal_enrols(person: Person, params: dict[str, Any]) -> None:
    """`setup --uri -` asks nothing, shows nothing of the secret, and what it enrolled logs in."""
    secret = enrolment.new_secret()
    more = {key: value for key, value in params.items() if key != "kind"}
    uri = enrolment.uri(params["kind"], secret, **more)
    done = person.run("setsid", "-w", enrolment.OTPAUTH, "setup", "--uri", "-", text=f"{uri}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert secret not in done.stdout
    device: Fob | Phone
    if params["kind"] == "hotp":
        device = Fob(secret, counter=more["counter"], digits=more.get("digits", 6))
    else:
        device = Phone(secret, **more)
    assert logins.accepted(person.name, device.next())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "otpauth://totp/x",
        "otpauth://totp/x?secret=!!!!",
        "otpauth://motp/x?secret=GEZDGNBVGY3TQOJQ",
        "https://example.org/",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=99",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=1",
        "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ&counter=-1",
        "otpauth://totp/x?secret=GE",
    ],
)
def test_a_bad_uri_enrols_nothing(person: Person, text: str) -> None:
    """What is no usable URI is an error that quotes nothing of it, and no file is made."""
    done = person.run(enrolment.OTPAUTH, "setup", "--uri", "-", text=f"{text}\n")
    assert done.returncode == 1
    assert done.stderr.startswith("otpauth: error: ")
    assert "GEZDG" not in done.stderr
    assert not (person.home / ".otpauth").exists()


def test_a_uri_in_the_arguments_is_refused(person: Person) -> None:
    """A secret in argv, where everybody can read it, is a usage error."""
    done = person.run(enrolment.OTPAUTH, "setup", "--uri", "otpauth://totp/x")
    assert done.returncode == 2
    assert "never from argv" in done.stderr


def test_setup_twice_is_refused(person: Person) -> None:
    """While an enrolment waits, and after it, setup refuses and says what to do instead."""
    fob = enrolment.fob(person)
    uri = enrolment.uri("hotp", enrolment.new_secret())
    before = (person.home / ".otpauth").read_bytes()
    waiting = person.run(enrolment.OTPAUTH, "setup", "--uri", "-", text=f"{uri}\n")
    assert (waiting.returncode, "hint: " in waiting.stderr) == (1, True)
    assert (person.home / ".otpauth").read_bytes() == before
    assert logins.accepted(person.name, fob.next())
    after = person.run(enrolment.OTPAUTH, "setup", "--uri", "-", text=f"{uri}\n")
    assert (after.returncode, "is enrolled on this host already" in after.stderr) == (1, True)


def test_a_name_that_is_taken_is_refused(person: Person) -> None:
    """The same label twice is refused in setup; a bad label is none."""
    enrolled(person)
    uri = enrolment.uri("hotp", enrolment.new_secret())
    for name, words in (("phone", "there is a token 'phone' already"), ("a b", "name is")):
        done = person.run(enrolment.OTPAUTH, "add", "hotp", name, "--uri", "-", text=uri)
        assert (done.returncode, words in done.stderr) == (1, True), done.stderr


def test_list_shows_names_and_nothing_else(person: Person) -> None:
    """`list` and its JSON tell kinds, dates and states, before and after the first login."""
    nothing = person.run(enrolment.OTPAUTH, "list")
    assert "nothing is enrolled on this host" in nothing.stdout
    fob = enrolment.fob(person)
    assert "new, ready at your next login" in person.run(enrolment.OTPAUTH).stdout
    assert logins.accepted(person.name, fob.next())
    value = json.loads(person.run(enrolment.OTPAUTH, "list", "--json").stdout)
    (one,) = value["tokens"]
    assert (one["name"], one["kind"], one["state"], one["on"]) == ("phone", "hotp", "ready", True)
    assert value["enrolled"]
    assert value["user"] == person.name
    with pam.service(enrolment.STACK) as name:
        assert name in person.run(enrolment.OTPAUTH, "list").stdout.splitlines()[0]


def test_an_unfit_file_is_named_and_left(person: Person) -> None:
    """A file that is not ours is an error with a way out, and stays byte for byte."""
    path = person.home / ".otpauth"
    path.write_bytes(b"my shopping list\n")
    subprocess.run(("chown", f"{person.uid}:{person.gid}", str(path)), check=True)
    uri = enrolment.uri("hotp", enrolment.new_secret())
    done = person.run(enrolment.OTPAUTH, "setup", "--uri", "-", text=uri)
    assert (done.returncode, "hint: move it away" in done.stderr) == (1, True)
    assert path.read_bytes() == b"my shopping list\n"


# The administrator's verbs


def test_root_enrols_somebody_at_once(person: Person) -> None:
    """`setup USER` through the wizard on root's terminal: the phone works without a first login."""
    with as_root("setup", person.name, "-e", "3") as dialogue:
        dialogue.until("Code: ")
        phone = Phone(dialogue.secret())
        dialogue.type(phone.next())
        dialogue.until("Enter when you have them")
        codes = dialogue.scratch_codes()
        assert len(codes) == 3
        dialogue.type("")
        assert dialogue.end() == 0
    assert {each["name"] for each in shown(person)["tokens"]} == {"phone", "scratch"}
    assert logins.accepted(person.name, phone.next())
    assert logins.accepted(person.name, codes[0])
    assert (person.home / ".otpauth").stat().st_uid == person.uid


def test_root_adds_replaces_sets_and_removes_at_once(person: Person) -> None:
    """Add, set, codes, replace and remove take effect at once and ask for no code."""
    fob = enrolled(person)
    name = person.name
    second = Fob(enrolment.new_secret())
    uri = enrolment.uri("hotp", second.secret, counter=0)
    assert admin("add", name, "hotp", "second", "--uri", "-", text=uri).returncode == 0
    assert logins.accepted(name, second.next())
    assert admin("set", name, "second", "--off").returncode == 0
    assert not logins.accepted(name, second.next())
    assert admin("set", name, "second", "--on", "--name", "other").returncode == 0
    assert logins.accepted(name, second.next())
    with as_root("replace", name, "other") as dialogue:
        dialogue.until("Code: ")
        new = Fob(dialogue.secret())
        dialogue.type(new.next())
        assert dialogue.end() == 0
    assert not logins.accepted(name, second.next())
    assert logins.accepted(name, new.next())
    assert admin("remove", name, "other").returncode == 0
    assert not logins.accepted(name, new.next())
    assert admin("unlock", name).returncode == 0  # that were three wrong codes
    assert logins.accepted(name, fob.next())
    assert admin("set", name, "phone", "--expires", "2020-01-01").returncode == 0
    assert not logins.accepted(name, fob.next())


def test_notes_are_shown(person: Person) -> None:
    """The note of a token is told to the administrator, who alone can open the record."""
    enrolled(person)
    assert admin("set", person.name, "phone", "--note", "the blue one").returncode == 0
    assert "note of phone: the blue one" in admin("show", person.name).stdout.splitlines()
    (phone,) = json.loads(admin("show", person.name, "--json").stdout)["tokens"]
    assert phone["note"] == "the blue one"


def test_what_does_not_exist_is_said(person: Person) -> None:
    """Unknown users and tokens are errors that name them, and change nothing."""
    fob = enrolled(person)
    with accounts.make() as nobody:
        assert f"setup {nobody.name}" in admin("remove", nobody.name, "tablet").stderr
        enrolment.fob(nobody)
        assert "'phone' waits for the first login" in admin("set", nobody.name, "tablet").stderr
    for words, told in (
        (["show", "no-such-user"], "no-such-user"),
        (["remove", person.name, "tablet"], "no token 'tablet'"),
        (["set", person.name, "tablet", "--off"], "there are: phone"),
        (["unlock", "no-such-user"], "no-such-user"),
        (["approve", person.name], "no change waits"),
        (["reject", person.name, "0" * 16], "0000"),
    ):
        done = admin(*words)
        assert (done.returncode, told in done.stderr) == (1, True), done.stderr
    assert logins.accepted(person.name, fob.next())


def test_list_and_show_tell_and_hide(person: Person) -> None:
    """`list` has a row for each account, `show` its outcomes; neither a secret nor a code."""
    fob = enrolled(person)
    logins.answer(person.name, fob.wrong())
    listed = json.loads(admin("list", "--json").stdout)
    (row,) = [each for each in listed if each["user"] == person.name]
    assert row["tokens"] == ["phone (hotp)"]
    value = shown(person)
    reasons = {each["reason"] for each in value["outcomes"]}
    assert reasons == {"AUTH_OK_OTP", "AUTH_FAILED"}
    text = admin("list").stdout + admin("show", person.name).stdout + json.dumps(value)
    assert not secrets.registry.found_in(text.encode())


def test_show_shows_the_qr_again(person: Person) -> None:
    """Root can show a phone's QR once more, on the screen and as a file; scratch codes not."""
    phone = enrolment.phone(person)
    assert logins.accepted(person.name, phone.next())
    path = "/run/otpauth-stage/tmp/again.png"
    with as_root("show", person.name, "phone", "--qr-file", path) as dialogue:
        dialogue.until("Enter clears the screen")
        assert f"secret={phone.secret}" in dialogue.qr()
        dialogue.type("")
        assert dialogue.end() == 0
    assert f"secret={phone.secret}" in read_qr(path)
    Path(path).unlink()
    assert admin("show", person.name, "phone", "--qr-file", path).returncode == 0
    assert f"secret={phone.secret}" in read_qr(path)
    Path(path).unlink()
    again = json.loads(admin("show", person.name, "phone", "--json").stdout)
    assert (again["secret"], again["scratch_codes"]) == (phone.secret, [])
    assert f"secret={phone.secret}" in again["uri"]
    assert admin("show", person.name, "--qr-file", path).returncode == 2
    assert not Path(path).exists()


@pytest.mark.parametrize("stream", [">&-", ">/dev/full", "<&-", "2>&-"])
@pytest.mark.parametrize(
    "words", ["otpauth-admin list", "otpauth-admin export {}", "otpauth-admin verify {}"]
)
def test_a_stream_that_is_not_there(person: Person, words: str, stream: str) -> None:
    """Without an output, or a full one, a command fails with one line; none ends in a traceback."""
    enrolled(person)
    shell = ("/bin/sh", "-c", f"{words.format(person.name)} {stream}")
    done = subprocess.run(shell, input="123456\n", capture_output=True, text=True, check=False)
    told = done.stderr.splitlines()
    assert not [line for line in told if not line.startswith(("otpauth-admin: ", "    "))]
    assert "Traceback" not in done.stderr
    asks = "verify" in words
    status = 2 if asks and stream == "<&-" else int(stream.startswith(">") or asks)
    assert done.returncode == status, done.stderr


def test_unlock_ends_a_lock_out_and_keeps_used_codes_used(person: Person) -> None:
    """After too many wrong codes `unlock` lets the owner in at once, with a new code only."""
    fob = enrolment.fob(person)
    used = fob.next()
    assert logins.accepted(person.name, used)
    for _ in range(3):
        logins.answer(person.name, fob.wrong())
    assert logins.answer(person.name, fob.code(fob.counter)).reason == "AUTH_RATE_LIMITED"
    assert admin("unlock", person.name).returncode == 0
    assert logins.answer(person.name, used).reason == "AUTH_OTP_ALREADY_USED"
    assert logins.accepted(person.name, fob.next())


def test_reset_lets_one_begin_anew(person: Person) -> None:
    """After `reset` the old token is nothing, and setup works as the first time."""
    fob = enrolled(person)
    assert admin("reset", person.name).returncode == 0
    assert logins.answer(person.name, fob.next()).reason == "NOT_ENROLLED"
    anew = enrolment.fob(person)
    assert logins.accepted(person.name, anew.next())
    assert not logins.accepted(person.name, fob.next())


def test_forget_is_for_accounts_that_are_gone() -> None:
    """`forget` refuses while the account exists, and takes the record away afterwards."""
    person = accounts.add("gustav")
    enrolled(person)
    refused = admin("forget", "gustav")
    assert refused.returncode == 1
    accounts.remove(person)
    assert "no such account" in admin("list").stdout
    assert admin("forget", "gustav").returncode == 0
    assert "gustav" not in admin("list").stdout


def test_waiting_changes_are_approved_or_rejected(person: Person) -> None:
    """A change without proof waits until root adopts it, by its digest, or drops it."""
    fob = enrolled(person)
    tokens = {name: Fob(enrolment.new_secret()) for name in ("one", "two")}
    for name, token in tokens.items():
        uri = enrolment.uri("hotp", token.secret, counter=0)
        enrolment.propose(person, uri, "add", "hotp", name)
    assert logins.accepted(person.name, fob.next())
    waiting = {each["name"]: each["digest"] for each in shown(person)["waiting"]}
    assert set(waiting) == {"one", "two"}
    assert admin("approve", person.name, waiting["one"]).returncode == 0
    assert admin("reject", person.name, waiting["two"]).returncode == 0
    assert shown(person)["waiting"] == []
    assert logins.accepted(person.name, tokens["one"].next())
    assert not logins.accepted(person.name, tokens["two"].next())


def test_changes_admin_lets_only_root_approve(person: Person, config: Path) -> None:
    """With `changes = admin` a right proof is not enough, with `trust` none is needed."""
    fob = enrolled(person)
    for changes, works in (("admin", False), ("trust", True)):
        config.write_text(f"[setup]\nchanges = {changes}\n", encoding="utf-8")
        other = Fob(enrolment.new_secret())
        text = f"{enrolment.uri('hotp', other.secret, counter=0)}\n{fob.next()}"
        enrolment.propose(person, text, "add", "hotp", changes)
        assert logins.accepted(person.name, other.next()) == works, changes


def test_a_copy_that_does_not_open_is_reset(person: Person) -> None:
    """Where no record opens, logins are refused with that reason, and `reset` mends it."""
    enrolled(person)
    for path in (person.home / ".otpauth", logins.USERS / person.name):
        data = path.read_bytes()
        place = data.index(b"sealed\n") + 80
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    assert logins.answer(person.name, "123456").reason == "RECORD_UNREADABLE"
    done = admin("reset", person.name)
    assert (done.returncode, "set aside" in done.stderr) == (0, True), done.stderr
    anew = enrolment.fob(person)
    assert logins.accepted(person.name, anew.next())


# Keys and configuration


def test_init_twice_changes_nothing(person: Person) -> None:
    """`init` where keys are says so; every file stays, byte for byte."""
    enrolled(person)
    files = [Path("/etc/otpauth", name) for name in ("host.key", "host.pub", "record.key")]
    before = [path.read_bytes() for path in files]
    done = admin("init")
    assert (done.returncode, "is in place" in done.stdout) == (0, True)
    assert [path.read_bytes() for path in files] == before
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600, 0o644, 0o600]


def test_a_missing_key_refuses_and_is_never_made_beside_others(person: Person) -> None:
    """Without record.key logins are refused as unavailable, and `init` makes no second one."""
    fob = enrolled(person)
    key = Path("/etc/otpauth/record.key")
    aside = key.with_name("record.aside")
    key.rename(aside)
    try:
        assert logins.answer(person.name, fob.code(fob.counter)).reason == "KEY_MISSING"
        done = admin("init")
        assert (done.returncode, "hint: restore them" in done.stderr) == (1, True)
        assert not key.exists()
    finally:
        aside.rename(key)
    assert logins.accepted(person.name, fob.next())


def test_export_asks_twice_and_import_needs_the_passphrase() -> None:
    """A backup is one text without a key in clear; the wrong passphrase imports nothing."""
    script = f"{enrolment.ADMIN} key export > /run/otpauth-stage/tmp/export"
    with Dialogue(root(), ["/bin/sh", "-c", script]) as dialogue:
        for _ in range(2):
            dialogue.until(": ")
            dialogue.type(secrets.remember("eight or more"))
        assert dialogue.end() == 0
    backup = Path("/run/otpauth-stage/tmp/export")
    data = backup.read_text(encoding="ascii")
    assert data.startswith("-----BEGIN OTPAUTH KEYS-----\n")
    for name in ("host.key", "record.key"):
        for word in Path("/etc/otpauth", name).read_text(encoding="ascii").split():
            assert len(word) < 40 or word not in data
    for typed, status in (("another one", 1), ("eight or more", 0)):
        with as_root("key", "import", str(backup)) as dialogue:
            dialogue.until("Passphrase: ")
            dialogue.type(typed)
            assert dialogue.end() == status
    backup.unlink()


def test_an_export_with_two_passphrases_is_none() -> None:
    """Two different passphrases are an error, and not a byte of the keys comes out."""
    script = f"{enrolment.ADMIN} key export > /run/otpauth-stage/tmp/export"
    with Dialogue(root(), ["/bin/sh", "-c", script]) as dialogue:
        for typed in ("eight or more", "eight or none"):
            dialogue.until(": ")
            dialogue.type(secrets.remember(typed))
        assert dialogue.end() == 1
    backup = Path("/run/otpauth-stage/tmp/export")
    assert backup.read_bytes() == b""
    backup.unlink()


BROKEN = {
    "[login]\nwindow = 3\ntime_out = 5\n": (3, "time_out"),
    "[login]\nwindow = 99\n": (2, "99"),
    "[nonsense]\n": (1, "nonsense"),
    "[login]\nrate_limit = often\n": (2, "often"),
    "window = 3\n": (1, ""),
    "[login]\nnullok = no\nnullok = yes\n": (3, "twice"),
    "[setup]\nfile = /etc/passwd\n": (2, "/etc/passwd"),
    "[group a]\nchildren = b\n[group b]\nchildren = a\n": (2, "a -> b -> a"),
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_configuration_is_told_by_line_and_refuses(
    person: Person, config: Path, text: str
) -> None:
    """`config` names file, line and fault; logins are refused with the same line in the log."""
    fob = enrolled(person)
    line, word = BROKEN[text]
    config.write_text(text, encoding="utf-8")
    done = admin("config")
    assert done.returncode == 1
    assert f"{config}:{line}:" in done.stderr
    assert word in done.stderr
    start = log.position()
    with pam.service(enrolment.STACK) as name:
        assert not pam.pamtester(name, person.name, [fob.code(fob.counter)]).ok
    (entry,) = log.lines(start, containing="reason=CONFIG_BROKEN")
    assert f"{config}:{line}:" in entry.text
    config.unlink()
    assert logins.accepted(person.name, fob.next())


def test_config_says_what_is_in_force_and_where_it_was_set(config: Path) -> None:
    """Each key has its value and where that comes from; a file of another place can be checked."""
    config.write_text("# ours\n[login]\nwindow = 5\n", encoding="utf-8")
    value = json.loads(admin("config", "--json").stdout)
    assert value["login.window"] == {"value": "5", "set": f"{config}:3"}
    assert value["login.resync"]["set"] == "default"
    other = config.with_name("other.conf")
    other.write_text("[login]\nwindow = x\n", encoding="utf-8")
    done = admin("config", str(other))
    assert (done.returncode, f"{other}:2:" in done.stderr) == (1, True)
    other.unlink()


def test_a_configuration_that_others_may_write_is_not_followed(
    person: Person, config: Path
) -> None:
    """An otpauth.conf that anybody could write refuses logins rather than ruling them."""
    fob = enrolled(person)
    config.write_text("[login]\nnullok = yes\n", encoding="utf-8")
    config.chmod(0o666)
    with pam.service(enrolment.STACK) as name:
        assert not pam.pamtester(name, person.name, [fob.next()]).ok


def test_the_prompt_of_the_configuration_is_asked(person: Person, config: Path) -> None:
    """A prompt set in the file, or in the PAM line above it, is what the person reads."""
    fob = enrolled(person)
    config.write_text("[login]\nprompt = Token:\n", encoding="utf-8")
    with pam.service(enrolment.STACK) as name:
        assert pam.drive(name, person.name, [fob.next()]).one.asked == ["Token: "]
    with pam.service(f"{enrolment.STACK} [prompt=Your code:]") as name:
        assert pam.drive(name, person.name, [fob.next()]).one.asked == ["Your code: "]


def limits_of(name: str) -> dict[str, list[str]]:
    """Return the limit of each token that root sees."""
    shown = json.loads(admin("show", name, "--json").stdout)
    return {each["name"]: each["groups"] for each in shown["tokens"]}


def test_a_limit_outlives_a_new_secret(person: Person) -> None:
    """What takes the place of a token, a list or scratch codes is limited as those were."""
    assert admin("setup", person.name, "-C").returncode == 0
    assert admin("add", person.name, "list", "paper", "--for", "sudo,sshd").returncode == 0
    for name in ("phone", "scratch"):
        assert admin("set", person.name, name, "--for", "sshd").returncode == 0
    limits = {"paper": ["sshd", "sudo"], "phone": ["sshd"], "scratch": ["sshd"]}
    assert limits_of(person.name) == limits
    assert admin("codes", person.name, "--json").returncode == 0
    assert admin("replace", person.name, "paper").returncode == 0
    with as_root("replace", person.name, "phone") as dialogue:
        dialogue.until("Code: ")
        dialogue.type(Phone(dialogue.secret()).next())
        assert dialogue.end() == 0
    assert limits_of(person.name) == limits
    assert admin("set", person.name, "phone", "--for", "everywhere").returncode == 0
    assert limits_of(person.name)["phone"] == []
