"""`otpauth-admin setup USER ... --sheets DIR`: many enrolled, each with a page."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.screen import read_qr
from tests.cli.test_commands import root
from tests.faults import injection, logins
from tests.faults.injection import KILL, Fault
from tests.formats.test_sheet import Page
from tests.parts import accounts, enrolment, secrets
from tests.parts.dialogue import Dialogue
from tests.parts.enrolment import admin
from tests.parts.phone import Phone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage
USERS = Path("/var/lib/otpauth/users")


@pytest.fixture
def folder(stage: Path) -> Iterator[Path]:
    """Give the place of a folder that is not there yet."""
    path = stage / "tmp" / "sheets"
    yield path
    shutil.rmtree(path, ignore_errors=True)


def key_on(sheet: Path) -> str:
    """Return the key that a sheet shows in text."""
    text = Page(sheet.read_bytes()).text
    found = re.search(r"Type this key \(.*\):\s*((?:[A-Z2-7]{4} ?){8})", text)
    assert found, text
    return secrets.remember(found[1].replace(" ", ""))


def codes_on(sheet: Path) -> list[str]:
    """Return the scratch codes of a sheet."""
    found = re.findall(r"<code>([0-9a-z]{4}-[0-9a-z]{4})</code>", sheet.read_text())
    return [secrets.remember(each) for each in found]


def test_everybody_gets_a_page(folder: Path) -> None:
    """Named, in a group or on stdin: each gets a private sheet whose key and codes log in."""
    crew = ("sheetcrew",)
    with accounts.make() as one, accounts.make(groups=crew) as two, accounts.make() as three:
        names = (one.name, two.name, three.name)
        words = ("setup", one.name, "%sheetcrew", "-", one.name, "--sheets", str(folder), "-e", "4")
        done = admin(*words, text=f"{three.name}\n\n")
        assert (done.returncode, done.stdout.splitlines()[-1]) == (
            0, "3 enrolled, 0 skipped, 0 failed",
        ), done.stderr  # fmt: skip
        assert folder.stat().st_mode & 0o7777 == 0o700
        assert sorted(os.listdir(folder)) == sorted(f"{name}.html" for name in names)
        for name in names:
            sheet = folder / f"{name}.html"
            assert sheet.stat().st_mode & 0o7777 == 0o600
            assert f"{name} on " in Page(sheet.read_bytes()).text
            assert logins.accepted(name, Phone(key_on(sheet)).code())
            assert len(codes_on(sheet)) == 4
            assert logins.accepted(name, codes_on(sheet)[0])
        before = {each: each.read_bytes() for each in folder.iterdir()}
        again = admin("setup", *names, "nosuch", "--sheets", str(folder))
        assert again.returncode == 1
        assert again.stdout.splitlines()[-1] == "0 enrolled, 3 skipped, 1 failed"
        assert "no account 'nosuch'" in again.stderr
        assert {each: each.read_bytes() for each in folder.iterdir()} == before


def test_phones_read_the_sheet(person: Person, folder: Path) -> None:
    """The picture on the sheet, drawn by another program, is read as the key in its text."""
    assert admin("setup", person.name, "--sheets", str(folder)).returncode == 0
    sheet = folder / f"{person.name}.html"
    found = re.search(r"<svg.*</svg>", sheet.read_text(), re.DOTALL)
    assert found
    drawing, picture = folder / "code.svg", folder / "code.png"
    drawing.write_text(found[0].replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))
    command = ("rsvg-convert", "-w", "300", "-o", str(picture), str(drawing))
    subprocess.run(command, check=True)
    assert f"secret={key_on(sheet)}&" in read_qr(str(picture))


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault("openat", 2, KILL), Fault("fsync", 1, KILL), Fault("rename", 1, KILL)),
        *(Fault("linkat", 1, KILL), Fault("unlinkat", 1, KILL)),
        *(Fault("linkat", 1, "ENOSPC"), Fault("fsync", 1, "EIO")),
    ],
    ids=str,
)
def test_killed_half_way(person: Person, folder: Path, fault: Fault) -> None:
    """Ended anywhere, nobody is enrolled without a sheet; the next run leaves one that logs in."""
    command = [enrolment.ADMIN, "setup", person.name, "--sheets", str(folder)]
    watched = [folder, USERS / person.name, USERS / f".{person.name}.new"]
    run = injection.run(command, watched, fault)
    assert run.status != 0, run.trace
    enrolled = (USERS / person.name).exists()
    pages = [key_on(each) for each in folder.iterdir()]
    assert len(pages) >= enrolled
    done = admin(*command[1:])
    assert (done.returncode, "1 enrolled" in done.stdout) == (0, True), done.stderr
    assert os.listdir(folder) == [f"{person.name}.html"]
    sheet = folder / f"{person.name}.html"
    assert not enrolled or key_on(sheet) in pages
    assert logins.accepted(person.name, Phone(key_on(sheet)).code())


def test_half_a_page(person: Person, folder: Path) -> None:
    """What a killed run left half written of somebody who is not enrolled is removed."""
    folder.mkdir(mode=0o700)
    (folder / f".{person.name}.{'0' * 16}.new").write_text("<!DOCTYPE")
    assert admin("setup", person.name, "--sheets", str(folder)).returncode == 0
    assert os.listdir(folder) == [f"{person.name}.html"]
    assert logins.accepted(person.name, Phone(key_on(folder / f"{person.name}.html")).code())


def test_two_at_once(person: Person, folder: Path) -> None:
    """A folder in which another run is at work is left alone."""
    folder.mkdir(mode=0o700)
    held = os.open(folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    done = admin("setup", person.name, "--sheets", str(folder))
    os.close(held)
    assert done.returncode == 1
    assert "in use by another run" in done.stderr
    assert not (USERS / person.name).exists()


@pytest.mark.parametrize("odd", ["mode", "owner", "link", "file"])
def test_folders_of_others(person: Person, folder: Path, odd: str) -> None:
    """A folder that others may read or that is none gets no sheet, and nobody is enrolled."""
    if odd == "link":
        folder.symlink_to("/tmp")
    elif odd == "file":
        folder.write_text("")
    else:
        folder.mkdir(mode=0o755 if odd == "mode" else 0o700)
    if odd == "owner":
        os.chown(folder, person.uid, person.gid)
    done = admin("setup", person.name, "--sheets", str(folder))
    assert done.returncode == 1
    assert str(folder) in done.stderr
    assert "chmod" not in done.stderr  # it may be /tmp
    assert not (USERS / person.name).exists()
    assert odd in ("link", "file") or os.listdir(folder) == []
    if odd in ("link", "file"):
        folder.unlink()


def test_nothing_is_replaced(person: Person, folder: Path) -> None:
    """A file of the sheet's name, a link even, is left as it is, and its user is not enrolled."""
    folder.mkdir(mode=0o700)
    (folder / f"{person.name}.html").symlink_to("/nowhere")
    done = admin("setup", person.name, "--sheets", str(folder))
    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert os.listdir(folder) == [f"{person.name}.html"]
    assert not (USERS / person.name).exists()


def test_who_enrols_himself_is_left_alone(person: Person, folder: Path) -> None:
    """Whose own enrolment waits for its login is skipped, and his fob logs in."""
    fob = enrolment.fob(person)
    done = admin("setup", person.name, "--sheets", str(folder))
    assert (done.returncode, "1 skipped" in done.stdout) == (0, True)
    assert os.listdir(folder) == []
    assert logins.accepted(person.name, fob.next())


@pytest.mark.parametrize(
    "words",
    ["-q", "--json", "--uri -", "--qr-file x.svg", "-Q NONE", "-s ~/x", "-l all", "-r 3", "-S 1"],
)
def test_words_that_make_no_sense(folder: Path, words: str) -> None:
    """What shows keys elsewhere, or is one user's alone, is a usage error; nothing is made."""
    assert admin("setup", "root", "--sheets", str(folder), *words.split()).returncode == 2
    assert not folder.exists() or os.listdir(folder) == []


def test_many_need_a_folder() -> None:
    """Without --sheets setup takes one user, by name."""
    for words in (("a", "b"), ("-",), ("%staff",)):
        assert admin("setup", *words).returncode == 2
    assert admin("setup", "%no-such-group", "--sheets", "/nowhere/x").returncode == 1


def test_a_bar_on_the_terminal(person: Person, folder: Path) -> None:
    """On a terminal a bar shows how far it is, and messages have their lines to themselves."""
    words = [enrolment.ADMIN, "setup", "nosuch", person.name, "--sheets", str(folder)]
    with Dialogue(root(), words) as dialogue:
        assert dialogue.end() == 1
    assert b"] 0 of 2" in dialogue.output
    shown = [line for line in dialogue.text().splitlines() if line]
    assert shown[0] == "otpauth-admin: error: no account 'nosuch'"
    assert f"{person.name}: {folder}/{person.name}.html" in shown
