"""Import and export as people and scripts run them: formats, passphrases, pictures, messages."""

from __future__ import annotations

import base64
import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import segno

from otpauth import token
from tests.cli.test_commands import as_root, enrolled, shown
from tests.faults import logins
from tests.formats import test_pskc, vaults
from tests.formats.test_totpcgi import encrypted, state
from tests.parts import accounts, enrolment
from tests.parts.dialogue import Dialogue
from tests.parts.phone import Fob, Phone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

admin = enrolment.admin
pytestmark = pytest.mark.stage


@pytest.fixture
def seeds(stage: Path) -> Iterator[Path]:
    """Give the place of a file of root's."""
    path = stage / "tmp" / "seeds"
    yield path
    path.unlink(missing_ok=True)


def owned(person: Person, name: str, data: bytes) -> Path:
    """Write a file into a person's home."""
    path = person.home / name
    path.write_bytes(data)
    path.chmod(0o600)
    os.chown(path, person.uid, person.gid)
    return path


@contextmanager
def configured(text: str) -> Iterator[None]:
    """Give the host another otpauth.conf for a while."""
    conf = Path("/etc/otpauth/otpauth.conf")
    before = conf.read_bytes() if conf.exists() else None
    conf.write_text(text)
    conf.chmod(0o644)
    try:
        yield
    finally:
        conf.unlink()
        if before is not None:
            conf.write_bytes(before)


def imported(person: Person, *words: str, text: str | None = None) -> str:
    """Run the person's own import, which must succeed; return what it prints."""
    done = person.run(enrolment.OTPAUTH, "import", *words, text=text)
    assert done.returncode == 0, done.stderr
    return done.stdout


# One's own account


def test_uris_on_stdin(person: Person) -> None:
    """URIs come from the standard input, and each becomes a token."""
    uris = [enrolment.uri("totp", enrolment.new_secret()) for _ in range(2)]
    fob = Fob(enrolment.new_secret(), counter=7)
    text = "\n".join([*uris, enrolment.uri("hotp", fob.secret, counter=7)])
    assert imported(person, "-", text=text) == (
        "otpauth: phone, phone-2, phone-3: ready at your next login\n"
    )
    assert logins.accepted(person.name, fob.next())


def test_an_encrypted_vault(person: Person) -> None:
    """The passphrase of a vault is asked for on the terminal; a wrong one changes nothing."""
    secret = enrolment.new_secret()
    entry = vaults.aegis_entry(info={**vaults.aegis_entry()["info"], "secret": secret})
    vault = vaults.aegis_encrypted(vaults.aegis(entry))
    path = owned(person, "aegis.json", json.dumps(vault).encode())
    for password, says in (("wrong", "error: "), (vaults.PASSWORD, "ready at your next login")):
        with Dialogue(person, [enrolment.OTPAUTH, "import", str(path)]) as dialogue:
            dialogue.until(f"Passphrase of {path}: ")
            dialogue.type(password)
            assert password not in dialogue.until(says)
            assert dialogue.end() == (0 if password == vaults.PASSWORD else 1)


def test_pictures(person: Person) -> None:
    """QR codes are read from several screenshots of one export."""
    paths = []
    for place in range(2):
        raw = bytes([10, 24, 10, 20, *os.urandom(20), 32, 1]) + bytes([24, 2, 32, place, 40, 9])
        code = f"otpauth-migration://offline?data={base64.b64encode(raw).decode()}".replace(
            "+", "%2B"
        )
        path = person.home / f"shot{place}.png"
        segno.make_qr(code, error="l").save(str(path), scale=6)
        os.chown(path, person.uid, person.gid)
        paths.append(str(path))
    half = person.run(enrolment.OTPAUTH, "import", paths[0])
    assert half.returncode == 1
    assert "2 QR codes, and not each of them is here" in half.stderr
    assert "phone, phone-2" in imported(person, *paths)


def test_only_some(person: Person) -> None:
    """Of many entries --only takes those whose label has the text; too many are refused."""
    uris = [
        f"otpauth://totp/site{n}:me?secret={enrolment.new_secret()}&issuer=site{n}"
        for n in range(token.TOKENS_MAX + 1)
    ]
    text = "\n".join(uris)
    done = person.run(enrolment.OTPAUTH, "import", "-", text=text)
    assert done.returncode == 1
    most = token.TOKENS_MAX
    assert f"has {most + 1} tokens, and an account has {most}" in done.stderr
    assert "hint: --only TEXT" in done.stderr
    assert "phone: ready" in imported(person, "-", "--only", "SITE3", text=text)


def test_twice_before_the_first_login(person: Person) -> None:
    """A second import before the first login says that one waits, and how to begin anew."""
    text = enrolment.uri("totp", enrolment.new_secret())
    imported(person, "-", text=text)
    done = person.run(enrolment.OTPAUTH, "import", "-", text=text)
    assert done.returncode == 1
    assert "'phone' waits for the first login already" in done.stderr
    assert person.run(enrolment.OTPAUTH, "remove", "phone").returncode == 0
    imported(person, "-", text=text)


def test_where_the_administrator_approves(person: Person) -> None:
    """Under changes = admin an import into an enrolled account waits, and says so."""
    enrolled(person)
    with configured("[setup]\nchanges = admin\n"):
        text = enrolment.uri("totp", enrolment.new_secret())
        assert "phone: waits for the administrator" in imported(person, "-", text=text)
    waiting = shown(person)["waiting"]
    assert [(each["verb"], each["name"]) for each in waiting] == [("import", "phone")]
    assert admin("approve", person.name).returncode == 0
    assert "phone" in {each["name"] for each in shown(person)["tokens"]}


def test_a_proof_is_asked_for(person: Person) -> None:
    """An import into an enrolled account carries a code of a present token, and is adopted."""
    fob = enrolled(person)
    phone = Phone(enrolment.new_secret())
    path = owned(person, "uri", enrolment.uri("totp", phone.secret).encode())
    with Dialogue(person, [enrolment.OTPAUTH, "import", str(path)]) as dialogue:
        dialogue.until("to show that it is you: ")
        dialogue.type(fob.next())
        dialogue.until("phone: ready at your next login")
        assert dialogue.end() == 0
    assert logins.accepted(person.name, phone.next())


@pytest.mark.parametrize(
    ("data", "fault", "hint"),
    [
        (b"", "the file is empty", ""),
        (b"hello\n", "of no format that is known", "--format"),
        (b"\x89PNG\r\n\x1a\nnonsense", "no QR code is found on the picture", "larger"),
        (b"otpauth://totp/x?secret=ABC\n", "line 1: ", ""),
        (b"-----BEGIN PGP MESSAGE-----\n", "encrypted with OpenPGP", "gpg -d"),
    ],
)
def test_what_is_not_understood(person: Person, data: bytes, fault: str, hint: str) -> None:
    """A file that is not understood is named with fault and mend, and nothing is proposed."""
    path = owned(person, "file", data)
    done = person.run(enrolment.OTPAUTH, "import", str(path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"otpauth: error: '{path}': ")
    assert fault in done.stderr
    assert hint in done.stderr
    assert not (person.home / ".otpauth").exists()


def test_a_wish_that_is_cut_is_told(person: Person) -> None:
    """A window wider than the host's is said when it is imported, by its owner and by root."""
    secret = enrolment.new_secret()
    text = f'{secret}\n" WINDOW_SIZE 17\n" TOTP_AUTH\n'
    owned(person, ".google_authenticator", text.encode())
    told = "warning: in force is window 3, the host's rule; wished 17"
    assert told in person.run(enrolment.OTPAUTH, "import").stderr
    assert told in enrolment.admin("import", person.name).stderr


def test_no_file(person: Person) -> None:
    """Without google-authenticator's file the plain import says what it looked for."""
    done = person.run(enrolment.OTPAUTH, "import")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"otpauth: error: '{person.home}/.google_authenticator': No such")


# Root


def test_totpcgi_with_state(person: Person, stage: Path) -> None:
    """Secret and state of totpcgi lie beside each other; an encrypted secret needs the PIN."""
    secret = enrolment.new_secret()
    phone = Phone(secret)
    code = phone.code()
    assert stage.is_dir()
    folder = Path("/etc/totpcgi")
    folder.mkdir()
    (folder / f"{person.name}.totp").write_text(f'{secret}\n" TOTP_AUTH\n')
    (folder / f"{person.name}.json").write_text(
        json.dumps({**state(), "success_timestamps": [int(phone.now())]})
    )
    words = ["import", person.name, "--from", f"{folder}/{{user}}.totp"]
    done = admin(*words, "--state", f"{folder}/{{user}}.json")
    assert done.returncode == 0, done.stderr
    assert not logins.accepted(person.name, code)
    (folder / f"{person.name}.totp").write_text(f'{encrypted()}\n" TOTP_AUTH\n')
    locked = admin(*words)
    assert locked.returncode == 1
    assert "line 1: the secret is encrypted" in locked.stderr
    assert "hint: give the user's PIN" in locked.stderr
    shutil.rmtree(folder)


def test_seeds_of_hardware_tokens(person: Person, seeds: Path) -> None:
    """A table of several users is moved at once, its bad row named and only its user left."""
    fob = Fob(enrolment.new_secret(), counter=3)
    with accounts.make() as other:
        rows = [
            "user,kind,secret,counter",
            f"{person.name},hotp,{fob.secret},3",
            f"{other.name},hotp,nonsense,3",
        ]
        seeds.write_text("\n".join(rows))
        done = admin("import", "--all", "--from", str(seeds), "--format", "csv")
        assert done.returncode == 1
        assert f"error: {other.name}: '{seeds}': line 3: " in done.stderr
        assert done.stdout == f"{person.name}: phone moved\n1 moved, 1 not moved\n"
        nobody = admin("import", "root", "--from", str(seeds), "--format", "csv")
        assert "root: " in nobody.stderr
    assert logins.accepted(person.name, fob.next())


def test_pskc_of_the_real_tool(person: Person, tmp_path: Path) -> None:
    """An encrypted file of csv2pskc opens with its passphrase, from a file or asked for."""
    seeds = test_pskc.made(tmp_path, "--password", "sesame-open")
    word = tmp_path / "word"
    word.write_text("sesame-open\n")
    word.chmod(0o600)
    words = ["import", person.name, "--from", str(seeds)]
    done = admin(*words, "--passphrase-file", str(word))
    assert done.stdout == f"{person.name}: phone, phone-2 moved\n1 moved\n"
    with as_root(*words) as dialogue:
        dialogue.until(f"Passphrase of {seeds}: ")
        dialogue.type("sesame-open")
        dialogue.until("1 here already")
    fob = Fob(base64.b32encode(test_pskc.SECRET).decode(), counter=5)
    assert logins.accepted(person.name, fob.next())


def test_whose_tokens(person: Person, seeds: Path) -> None:
    """A file that names no user is one user's, who must be named."""
    seeds.write_text(enrolment.uri("totp", enrolment.new_secret()))
    for words in (["--all"], [person.name, "root"]):
        done = admin("import", *words, "--from", str(seeds))
        assert done.returncode == 1
        assert "does not say whose tokens it has" in done.stderr
    assert admin("import", person.name, "--from", str(seeds)).returncode == 0


def test_nothing_is_removed_unmoved() -> None:
    """What takes only some entries does not remove the file that holds the others."""
    done = admin("import", "--all", "--only", "web1", "--remove-originals")
    assert done.returncode == 2
    assert "--only leaves entries behind" in done.stderr


def test_rows_of_nobody(person: Person, seeds: Path) -> None:
    """Rows without a user are nobody's where others name theirs, also beside a bad row."""
    secret = enrolment.new_secret()
    rows = ["user,secret", f",{secret}", f"{person.name},{enrolment.new_secret()}"]
    for more in ([], ["somebody,nonsense"]):
        seeds.write_text("\n".join([*rows, *more]))
        done = admin("import", "root", "--from", str(seeds), "--format", "csv")
        assert done.returncode == 1
        assert "error: root: " in done.stderr
        assert "there is no token of that user" in done.stderr


def test_usage() -> None:
    """Either users or --all are named."""
    for words in ([], ["--all", "root"]):
        done = admin("import", *words)
        assert done.returncode == 2
        assert "name users, or --all of them" in done.stderr


def test_progress(person: Person) -> None:
    """On a terminal it shows how far it is, and clears that away."""
    with as_root("import", "root", person.name) as dialogue:
        dialogue.until("] 1/2 ")
        dialogue.until("2 not moved")


def test_scratch_codes_not_allowed(person: Person) -> None:
    """Where the host has no scratch codes, they are left out, and the phone is moved."""
    text = f'{enrolment.new_secret()}\n" DISALLOW_REUSE\n" TOTP_AUTH\n23456789\n'
    owned(person, ".google_authenticator", text.encode())
    with configured("[setup]\nkinds = totp\n"):
        done = admin("import", person.name)
    assert done.stdout == f"{person.name}: phone moved\n1 moved\n"
    assert "scratch codes are not allowed on this host and left out" in done.stderr


def test_wishes(person: Person) -> None:
    """Window and limit of the old file are shown as wishes, and exported again."""
    lines = ["DISALLOW_REUSE", "RATE_LIMIT 2 60", "WINDOW_SIZE 17", "TOTP_AUTH"]
    secret = enrolment.new_secret()
    text = "\n".join([secret, *(f'" {line}' for line in lines), ""])
    owned(person, ".google_authenticator", text.encode())
    imported(person)
    assert logins.accepted(person.name, Phone(secret).next())
    listed = person.run(enrolment.OTPAUTH, "list").stdout
    assert "window 3, the host's rule; wished 17" in listed
    assert "rate_limit 2/60s" in listed
    written = admin("export", person.name, "--format", "google-authenticator").stdout
    assert {'" RATE_LIMIT 2 60', '" WINDOW_SIZE 17'} <= set(written.splitlines())


# Out


@pytest.mark.parametrize("name", ["uris", "usersfile", "google-authenticator", "sheet"])
def test_export(person: Person, name: str) -> None:
    """Each format is written to a pipe, and to a terminal none."""
    secret = enrolment.new_secret()
    assert (
        enrolment.admin(
            "setup", person.name, "--uri", "-", text=enrolment.uri("totp", secret)
        ).returncode
        == 0
    )
    done = admin("export", person.name, "--format", name)
    assert done.returncode == 0
    hexed = base64.b32decode(secret).hex()
    assert (hexed if name == "usersfile" else secret) in done.stdout.replace(" ", "")
    assert done.stderr.endswith("warning: the secrets are in the clear: who reads it can log in\n")
    with as_root("export", person.name, "--format", name) as dialogue:
        assert secret not in dialogue.until("not to a terminal")


def test_export_leaves_out(person: Person) -> None:
    """What is switched off, and codes that are known as hashes only, are named and not written."""
    enrolled(person)
    text = f'{enrolment.new_secret()}\n" DISALLOW_REUSE\n" TOTP_AUTH\n23456789\n'
    owned(person, ".google_authenticator", text.encode())
    assert admin("import", person.name).returncode == 0
    assert {each["name"] for each in shown(person)["tokens"]} == {"phone", "phone-2", "scratch"}
    assert admin("set", person.name, "phone-2", "--off").returncode == 0
    done = admin("export", person.name)
    assert done.stdout.startswith("otpauth://hotp/")
    assert done.stdout.count("\n") == 1
    assert "switched off and not exported: phone-2" in done.stderr
    assert "scratch codes, lists and app passwords have no URI and are not exported" in done.stderr


def test_export_of_nobody(person: Person) -> None:
    """An account without tokens has nothing to export."""
    done = admin("export", person.name)
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no token on this host" in done.stderr
