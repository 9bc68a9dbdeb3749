"""The wizard on a real terminal, read as a person and a camera read it, and stopped anywhere."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.cli.screen import SWAPPED, THEMES, read_qr
from tests.faults import logins
from tests.parts import enrolment, secrets
from tests.parts.dialogue import Dialogue, enrol
from tests.parts.phone import Fob, Phone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage
HOST = os.uname().nodename.partition(".")[0]
PROOF = "to show that it is you: "
HANDED = "Enter when you have them"


def wizard(person: Person, *words: str, size: tuple[int, int] = (24, 80), **env: str) -> Dialogue:
    """Start the user's command."""
    return Dialogue(person, [enrolment.OTPAUTH, *words], size=size, **env)


def scanned(dialogue: Dialogue, theme: str = "dark") -> tuple[str, str, dict[str, str]]:
    """Return kind, label and parameters of the QR on the screen."""
    themes = THEMES | {"swapped": SWAPPED}
    parts = urlsplit(dialogue.qr(themes[theme]))
    assert parts.scheme == "otpauth"
    query = {key: value for key, (value,) in parse_qs(parts.query).items()}
    secrets.remember(query["secret"])
    return parts.netloc, unquote(parts.path[1:]), query


@pytest.mark.parametrize("theme", [*THEMES, "swapped"])
def test_the_qr_is_read_off_the_screen(person: Person, theme: str) -> None:
    """At 80x24 a camera reads the QR in every theme, beside the words; it says what they say."""
    with wizard(person) as dialogue:
        dialogue.until("Code: ")
        kind, label, query = scanned(dialogue, theme)
        assert (kind, label, query["issuer"]) == ("totp", f"{HOST}:{person.name}", HOST)
        assert query["secret"] == dialogue.secret()
        assert len(query["secret"]) == 32
        rows = dialogue.screen().text()
        assert any("1. Open your authenticator app" in row for row in rows)
        assert dialogue.screen().past() == []


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "vt100"}, {"TERM": "linux"}])
def test_the_qr_is_painted_on_every_terminal(person: Person, env: dict[str, str]) -> None:
    """Black on white is painted under NO_COLOR and on old terminals, and is read."""
    with wizard(person, **env) as dialogue:
        dialogue.until("Code: ")
        assert scanned(dialogue)[2]["secret"] == dialogue.secret()


@pytest.mark.parametrize("size", [(48, 40), (40, 44)])
def test_a_narrow_terminal_has_the_words_below(person: Person, size: tuple[int, int]) -> None:
    """At 40 columns the QR stands alone with the words below it, and both can be read."""
    with wizard(person, size=size) as dialogue:
        dialogue.until("Code: ")
        assert scanned(dialogue)[2]["secret"] == dialogue.secret()
        assert dialogue.screen().past() == []


@pytest.mark.parametrize("size", [(24, 40), (10, 30)])
def test_a_terminal_too_small_pages_or_says_so(person: Person, size: tuple[int, int]) -> None:
    """Where not everything fits, it comes page by page or as a key to type; it still enrols."""
    with wizard(person, size=size) as dialogue:
        seen = ""
        while True:
            place = dialogue.until_one("Code: ", "Enter shows more: ")
            seen += dialogue.text() + "\n"
            if place == 0:
                break
            dialogue.type("")
        phone = Phone(dialogue.secret_in(seen))
        dialogue.type(phone.next())
        while dialogue.until_one(HANDED, "Enter shows more: ") == 1:
            dialogue.type("")
        dialogue.type("")
        assert dialogue.end() == 0
    assert logins.accepted(person.name, phone.next())


def test_nothing_secret_stays_on_the_screen_or_in_the_scrollback(person: Person) -> None:
    """After the end neither the screen nor what scrolled off shows key, QR or scratch codes."""
    with wizard(person) as dialogue:
        dialogue.until("Code: ")
        phone = Phone(dialogue.secret())
        dialogue.type(phone.next())
        dialogue.until(HANDED)
        codes = dialogue.scratch_codes()
        assert len(set(codes)) == 10
        dialogue.type("")
        assert dialogue.end() == 0
        screen = dialogue.screen()
        left = "\n".join([*screen.past(), *screen.text()])
    assert not screen.alternate
    assert "are in ~/.otpauth, sealed to key" in left
    assert not any(code in left for code in codes)
    assert not any(mark in left for mark in "▀▄█")
    assert phone.secret[:4] not in left


def test_the_file_is_private_and_sealed(person: Person) -> None:
    """The file has mode 0600, the owner's, and holds neither key nor codes in any dress."""
    phone, codes, used = enrol(person)
    path = person.home / ".otpauth"
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (person.uid, 0o600)
    data = path.read_bytes()
    for secret in (phone.secret, *codes, used):
        assert not secrets.registry.found_in(data), secret[:2]


def test_what_the_wizard_enrolled_logs_in(person: Person) -> None:
    """Phone and all ten scratch codes log in, each code once."""
    phone, codes, used = enrol(person)
    assert not logins.accepted(person.name, used)
    assert logins.accepted(person.name, phone.next())
    for code in codes:
        assert logins.accepted(person.name, code)
        assert not logins.accepted(person.name, code)


@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "SHA256"},
        {"algorithm": "SHA512", "digits": "8"},
        {"digits": "7", "period": "60"},
    ],
)
def test_options_reach_the_app_and_the_host(person: Person, options: dict[str, str]) -> None:
    """Algorithm, digits and period are in the QR, and a phone made from it logs in."""
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    with wizard(person, "setup", *words, "-e", "0", size=(40, 80)) as dialogue:
        dialogue.until("Code: ")
        query = scanned(dialogue)[2]
        assert {key: query[key] for key in options} == options
        phone = Phone(
            query["secret"],
            algorithm=query.get("algorithm", "SHA1"),
            digits=int(query.get("digits", 6)),
            period=int(query.get("period", 30)),
        )
        dialogue.type(phone.next())
        assert dialogue.end() == 0
    assert logins.accepted(person.name, phone.next())


def test_hotp_is_enrolled_with_its_first_code(person: Person) -> None:
    """A counter-based token is enrolled by option; the code typed is used up."""
    with wizard(person, "setup", "--hotp", "--codes", "0") as dialogue:
        dialogue.until("Code: ")
        kind, _, query = scanned(dialogue)
        assert (kind, query["counter"]) == ("hotp", "0")
        fob = Fob(query["secret"])
        dialogue.type(fob.next())
        assert dialogue.end() == 0
    assert not logins.accepted(person.name, fob.code(0))
    assert logins.accepted(person.name, fob.next())


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("12345", "that is 5 digits; the app shows 6"),
        ("abcdef", "that is not a code; the app shows 6 digits"),
        ("", "that is not a code; the app shows 6 digits"),
        ("?", "any app for one-time"),
    ],
)
def test_what_is_no_code_is_told_in_a_word(person: Person, typed: str, told: str) -> None:
    """An answer that is no code is met with what is wrong, the QR still on the screen."""
    with wizard(person) as dialogue:
        dialogue.until("Code: ")
        key = dialogue.secret()
        dialogue.type(typed)
        shown = dialogue.until("Code: ")
        assert told in shown, shown
        assert scanned(dialogue)[2]["secret"] == key


@pytest.mark.parametrize(("seconds", "words"), [(240, "4 min fast"), (-7200, "2 h slow")])
def test_a_skewed_phone_is_told_by_how_much(person: Person, seconds: int, words: str) -> None:
    """A code of another time names the skew and never the right code; then the right one does."""
    with wizard(person) as dialogue:
        dialogue.until("Code: ")
        phone = Phone(dialogue.secret())
        skewed = Phone(phone.secret, skew=seconds)
        dialogue.type(skewed.code())
        shown = dialogue.until("Code: ")
        assert f"the phone is {words}" in shown
        assert phone.code() not in shown
        dialogue.type(phone.next())
        dialogue.until(HANDED)


def test_a_third_miss_asks_for_another_entry(person: Person) -> None:
    """After three wrong codes the wizard asks whether it is another entry of the app."""
    with wizard(person) as dialogue:
        for miss in range(3):
            dialogue.until("Code: ")
            phone = Phone(dialogue.secret())
            dialogue.type(far_off(phone))
            assert miss < 3
        assert "is it another entry of the app?" in dialogue.until("Code: ")


def far_off(phone: Phone) -> str:
    """Return a code that is of no time within the day."""
    while True:
        code = phone.wrong()
        words = ("oathtool", "--base32", "--totp", "-w", "3100", "-N", "now - 25 hours", "-")
        done = subprocess.run(words, input=phone.secret, capture_output=True, text=True, check=True)
        if code not in done.stdout.split():
            return code


def test_a_qr_file_is_written_and_read(person: Person) -> None:
    """Svg and png of the QR are private files that a camera reads; an old file is not touched."""
    for suffix in ("png", "svg"):
        path = person.home / f"qr.{suffix}"
        (person.home / ".otpauth").unlink(missing_ok=True)
        with wizard(person, "setup", "--qr-file", str(path), "-e", "0") as dialogue:
            dialogue.until("Code: ")
            key = dialogue.secret()
            dialogue.type(Phone(key).next())
            assert dialogue.end() == 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert f"secret={key}" in read_qr(str(as_picture(path)))
    (person.home / ".otpauth").unlink()
    done = person.run(enrolment.OTPAUTH, "setup", "--qr-file", str(path))
    assert (done.returncode, "exists already" in done.stderr) == (1, True)
    subprocess.run(("rm", "-f", *map(str, person.home.glob("qr.*"))), check=True)


def as_picture(path: Path) -> Path:
    """Return the path of a picture that zbarimg reads; an svg is drawn by librsvg."""
    if path.suffix != ".svg":
        return path
    drawn = path.with_suffix(".drawn.png")
    subprocess.run(("rsvg-convert", "-o", str(drawn), str(path)), check=True)
    return drawn


def kill(dialogue: Dialogue) -> None:
    """Kill the program."""
    os.kill(dialogue.pid, signal.SIGKILL)


STOPS: dict[str, Callable[[Dialogue], object]] = {
    "ctrl-c": lambda dialogue: dialogue.key("\x03"),
    "ctrl-d": lambda dialogue: dialogue.key("\x04"),
    "ctrl-backslash": lambda dialogue: dialogue.key("\x1c"),
    "kill": kill,
    "terminate": lambda dialogue: os.kill(dialogue.pid, signal.SIGTERM),
}


def first_question(dialogue: Dialogue) -> None:
    """Go to the wizard's first question."""
    dialogue.until("Code: ")


def after_a_miss(dialogue: Dialogue) -> None:
    """Go to the question after a wrong code."""
    dialogue.until("Code: ")
    dialogue.type("12345")
    dialogue.until("Code: ")


def scratch_page(dialogue: Dialogue) -> None:
    """Go to the page of scratch codes."""
    dialogue.until("Code: ")
    dialogue.type(Phone(dialogue.secret()).next())
    dialogue.until(HANDED)


@pytest.mark.parametrize("way", [first_question, after_a_miss, scratch_page])
@pytest.mark.parametrize("stop", [*STOPS, "hang-up"])
def test_stopped_anywhere_everything_is_as_it_was(
    person: Person, stop: str, way: Callable[[Dialogue], None]
) -> None:
    """Interrupted, killed or cut off at any question, the wizard leaves no file behind."""
    before = sorted(path.name for path in person.home.iterdir())
    with wizard(person) as dialogue:
        way(dialogue)
        if stop == "hang-up":
            assert dialogue.hang_up() != 0
        else:
            STOPS[stop](dialogue)
            assert dialogue.end() != 0
            if stop != "kill":
                assert not dialogue.screen().alternate
    assert sorted(path.name for path in person.home.iterdir()) == before


@pytest.mark.parametrize("stop", [*STOPS, "hang-up"])
@pytest.mark.parametrize("question", ["proof", "code"])
def test_a_stopped_change_leaves_the_file_byte_for_byte(
    person: Person, stop: str, question: str
) -> None:
    """With tokens there, a change stopped at any question leaves the file as it was."""
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.next())
    path = person.home / ".otpauth"
    before = (path.read_bytes(), path.stat().st_ino)
    with wizard(person, "add", "totp", "tablet") as dialogue:
        dialogue.until(PROOF)
        if question == "code":
            dialogue.type(fob.next())
            dialogue.until("Code: ")
        if stop == "hang-up":
            assert dialogue.hang_up() != 0
        else:
            STOPS[stop](dialogue)
            assert dialogue.end() != 0
    assert (path.read_bytes(), path.stat().st_ino) == before
    assert logins.accepted(person.name, fob.next())


def test_q_quits_with_a_word(person: Person) -> None:
    """Q ends the wizard with status 1, says that nothing was changed, and nothing was."""
    with wizard(person) as dialogue:
        dialogue.until("Code: ")
        dialogue.type("q")
        assert dialogue.end() == 1
        assert "nothing was changed" in dialogue.text()
    assert not (person.home / ".otpauth").exists()


def test_without_a_terminal_nothing_is_shown_or_changed(person: Person) -> None:
    """Where there is no terminal the wizard fails and says what to do."""
    done = person.run("setsid", "-w", enrolment.OTPAUTH, text="")
    assert done.returncode == 1
    assert done.stderr.startswith("otpauth: error: no terminal to show the code on")
    assert "hint: " in done.stderr
    assert done.stdout == ""
    assert not (person.home / ".otpauth").exists()
