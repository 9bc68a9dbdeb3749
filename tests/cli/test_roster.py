"""`otpauth-admin list`: states, filters, and forms for spreadsheets and programs."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from otpauth import copies, secretfile
from otpauth.cli import progress
from otpauth.host import Host
from tests import samples
from tests.cli.test_commands import root
from tests.faults import logins
from tests.parts import accounts, enrolment, pam
from tests.parts.dialogue import Dialogue
from tests.parts.enrolment import admin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage
GONE = 60_000  # a uid that nobody has
NAMES = ("=1+2", "@SUM(A1)", "+1", "-1", 'a,"b', "plain", "ä b")


@contextmanager
def orphans(*names: str) -> Iterator[None]:
    """Put records of accounts that are gone beside the others."""
    place = Host()
    held = samples.account(samples.totp_draft(), samples.scratch_draft())
    paths = [Path(place.copy_of(name)) for name in names]
    try:
        for path, name in zip(paths, names, strict=True):
            section = copies.sealed(place.record_key(), held._replace(user=name, uid=GONE))
            path.write_bytes(secretfile.serialize(secretfile.SecretFile((section,))))
            path.chmod(0o600)
        yield
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def listed(*words: str) -> dict[str, dict[str, Any]]:
    """Return what `list --json` says, by user."""
    done = admin("list", *words, "--json")
    assert done.returncode == 0, done.stderr
    return {each["user"]: each for each in json.loads(done.stdout)}


def test_csv_is_harmless(stage: Path) -> None:
    """A CSV reader gets every name back, and no cell that a spreadsheet would run."""
    assert stage.is_dir()
    with orphans(*NAMES):
        done = admin("list", "--csv")
    assert done.returncode == 0, done.stderr
    text = done.stdout
    head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert head[:3] == ["user", "tokens", "kinds"]
    assert {row[0].removeprefix("'") for row in rows} >= set(NAMES)
    assert not [cell for row in rows for cell in row if cell[:1] in "=+-@\t\r" and cell]
    assert {len(row) for row in rows} == {len(head)}


def test_csv_ends_its_lines_as_rfc_4180_says(stage: Path) -> None:
    """Lines end in CR and LF, quotes inside are doubled."""
    assert stage.is_dir()
    with orphans(NAMES[4]):
        done = subprocess.run((enrolment.ADMIN, "list", "--csv"), capture_output=True, check=False)
    lines = done.stdout.split(b"\r\n")
    assert lines[-1] == b""
    assert not [line for line in lines if b"\n" in line]
    assert [line for line in lines if line.startswith(b'"a,""b",')]


def test_states(person: Person) -> None:
    """Each account has the state that its next login meets."""
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.next())
    one = listed()[person.name]
    assert (one["state"], one["kinds"], one["failures"]) == ("ready", ["hotp"], 0)
    for _ in range(3):
        logins.answer(person.name, fob.wrong())
    one = listed()[person.name]
    assert (one["state"], one["failures"]) == ("ready, limited", 3)
    assert admin("unlock", person.name).returncode == 0
    with pam.service(enrolment.STACK, "sshd"):
        assert admin("set", person.name, "phone", "--for", "imap").returncode == 0
        assert listed()[person.name]["state"] == "ready, not for ssh"
        assert person.name in listed("--without")
        assert admin("set", person.name, "phone", "--for", "sshd,imap").returncode == 0
        assert listed()[person.name]["state"] == "ready"
        assert person.name not in listed("--without")
    assert admin("set", person.name, "phone", "--off").returncode == 0
    assert listed()[person.name]["state"] == "all switched off"
    assert admin("remove", person.name, "phone").returncode == 0
    assert listed()[person.name]["state"] == "no token left"
    assert admin("reset", person.name).returncode == 0
    assert listed()[person.name]["state"] == "reset"
    copy = Path(Host().copy_of(person.name))
    whole = copy.read_bytes()
    copy.write_bytes(whole.replace(b"enrolled no", b"enrolled yes"))
    assert listed()[person.name]["state"].startswith("damaged")
    copy.unlink()
    assert listed(person.name)[person.name]["state"] == "not enrolled"
    with orphans(person.name):
        assert "otpauth-admin rename" in listed()[person.name]["state"]
    with orphans("gone"):
        assert "otpauth-admin forget" in listed()["gone"]["state"]
    absent = admin("list", "nobody-at-all", "--json")
    assert (absent.returncode, json.loads(absent.stdout)[0]["state"]) == (1, "no such account")


def test_without(person: Person) -> None:
    """--without names who may log in and has no token for it: not robots, not who has one."""
    shut = "/usr/sbin/nologin"
    with accounts.make() as has, accounts.make() as off, accounts.make(shell=shut) as robot:
        for each in (has, off):
            assert logins.accepted(each.name, enrolment.fob(each).next())
        assert admin("set", off.name, "phone", "--off").returncode == 0
        found = listed("--without")
        assert {person.name, off.name} <= set(found)
        assert not {has.name, robot.name} & set(found)
        assert set(listed("--without", has.name, off.name)) == {off.name}
        assert set(listed(has.name, off.name)) == {has.name, off.name}


def test_forms_exclude_each_other() -> None:
    """CSV and JSON at once are a usage error."""
    assert admin("list", "--csv", "--json").returncode == 2


def test_nobody(stage: Path) -> None:
    """Without any account JSON is an empty array, CSV and the table are their head."""
    assert stage.is_dir()
    with accounts.make() as has:
        assert logins.accepted(has.name, enrolment.fob(has).next())
        words = ("list", "--without", has.name)
        assert json.loads(admin(*words, "--json").stdout) == []
        assert len(admin(*words, "--csv").stdout.splitlines()) == 1
        assert len(admin(*words).stdout.splitlines()) == 1


def test_the_bar_is_for_terminals(stage: Path) -> None:
    """A bar is on the terminal while the list goes elsewhere, and is gone at the end."""
    assert stage.is_dir()
    with orphans("one", "two"):
        for words, shown in (("list", True), ("--plain list", False)):
            command = f"{enrolment.ADMIN} {words} >/dev/null"
            with Dialogue(root(), ["/bin/sh", "-c", command]) as dialogue:
                assert dialogue.end() == 0
            assert (b" 0 of " in dialogue.output) == shown
            assert dialogue.output.endswith(progress.CLEAR.encode()) == shown
        assert admin("list").stderr == ""
