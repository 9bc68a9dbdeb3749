"""google-authenticator's command line on `otpauth setup`, beside the real program.

Every option and every combination is run through both and compared: accepted, that is exit
status 0 and a file, or refused. What is meant to differ is in DIFFERENCES, each with its reason.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from otpauth.cli import flags
from tests.cli.screen import THEMES, Screen, read_qr
from tests.cli.test_commands import as_root
from tests.faults import logins
from tests.man import pages
from tests.parts import accounts, enrolment, pam, secrets
from tests.parts.dialogue import Dialogue
from tests.parts.phone import Fob, Phone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parts.accounts import Person

pytestmark = pytest.mark.stage
GOOGLE = "/usr/bin/google-authenticator"
ANSWERS = "y\n" * 12  # to whatever google-authenticator asks
SILENT = ("-t", "-d", "-f", "-r", "3", "-R", "30", "-w", "3", "-C")
KEY = "Your new secret key is: "

OPTIONS: list[tuple[str, ...]] = [
    *(("-t",), ("-c",), ("-C",), ("-d",), ("-D",), ("-f",), ("-q",), ("-u",), ("-W",)),
    *(("-w", "3"), ("-r", "3"), ("-R", "30"), ("-e", "5"), ("-S", "60"), ("-Q", "utf8")),
    *(("-l", "somebody"), ("-i", "somewhere"), ("-s", "otp")),
]
LONG = {
    "-t": "--time-based", "-c": "--counter-based", "-C": "--no-confirm", "-d": "--disallow-reuse",
    "-D": "--allow-reuse", "-f": "--force", "-q": "--quiet", "-u": "--no-rate-limit",
    "-W": "--minimal-window", "-w": "--window-size", "-r": "--rate-limit", "-R": "--rate-time",
    "-e": "--emergency-codes", "-S": "--step-size", "-Q": "--qr-mode", "-l": "--label",
    "-i": "--issuer", "-s": "--secret",
}  # fmt: skip
RANGES = {"-w": (1, 21), "-r": (1, 10), "-R": (15, 600), "-S": (1, 60), "-e": (0, 10)}
NO_NUMBERS = ("", "x", "3x", "3.0", "-1", "+3", " 3", "99999999999999999999")
BESIDE = {"-r": ("-R", "30"), "-R": ("-r", "3")}  # what a range needs so that it is the range

NUMBERS = "a number is digits"
DIFFERENCES: dict[tuple[str, ...], str] = {
    ("-S", "1"): "nobody types a code in under 5 seconds",
    ("-e", "11"): "up to 20 scratch codes are to be had",
    **{(flag, text): NUMBERS for flag in ("-w", "-r", "-S", "-e") for text in ("+3", " 3")},
    **{
        ("-Q", mode): "a later google-authenticator's"
        for mode in ("ANSI_INVERSE", "ANSI-GREY", "UTF8_INVERSE", "utf8-grey")
    },
    ("-i", "a:b"): "an app would show another name",
    ("-i", "a\x1bb"): "an app would show another name",
    ("--lab=x",): "no abbreviated options: the next version may have another one",
    ("--time",): "no abbreviated options: the next version may have another one",
    ("--hotp",): "another spelling of -c",
    ("--codes", "3"): "another spelling of -e",
    ("--digits", "8"): "google-authenticator has 6 digits only",
    ("--algorithm", "SHA256"): "google-authenticator has SHA1 only",
    ("--algorithm", "SHA512"): "google-authenticator has SHA1 only",
    ("--json",): "google-authenticator has no output for programs",
}


def lines() -> Iterator[tuple[str, ...]]:
    """Return all command lines that are compared."""
    yield ()
    yield SILENT
    yield ("-tdfu", "-w3", "-Cq")
    for one in OPTIONS:
        yield one
        yield (f"{LONG[one[0]]}={one[1]}",) if one[1:] else (LONG[one[0]],)
    for one, two in itertools.combinations_with_replacement(OPTIONS, 2):
        kinds = {one[0], two[0]} & {"-t", "-c"}
        yield (*one, *two) if kinds else ("-t", *one, *two)
    for flag, (low, high) in RANGES.items():
        for text in (*NO_NUMBERS, str(low - 1), str(low), str(high), str(high + 1)):
            yield (flag, text, *BESIDE.get(flag, ()))
    for mode in ("NONE", "none", "Ansi", "UTF8", "", "bogus", "ANSI_INVERSE", "ANSI-GREY"):
        yield ("-Q", mode)
    yield from [("-Q", "UTF8_INVERSE"), ("-Q", "utf8-grey"), ("-s", ""), ("-i", ""), ("-l", "")]
    yield from [("-t", "-d", "-D"), ("-t", "-r", "3", "-R", "30", "-u"), ("-c", "-d", "-t")]
    yield from [("-h",), ("--help",), ("-x",), ("--nothing",), ("word",), ("-t", "word")]
    yield from [("-w",), ("-w", "3", "-r"), ("-t=1",), ("--time-based=1",), ("-l", "a:b")]
    yield from (tuple(each) for each in DIFFERENCES)


def distinct() -> list[tuple[str, ...]]:
    """Return the lines, none twice."""
    return list(dict.fromkeys(lines()))


def kept(line: tuple[str, ...]) -> tuple[str, ...]:
    """Return a line without what BESIDE put in it: the key in DIFFERENCES."""
    return line[:2] if line[:1] and line[2:] == BESIDE.get(line[0], "-") else line


def accepted(person: Person, command: tuple[str, ...], default: str) -> bool:
    """Run a command; say whether it ended well with a file, and take that away."""
    done = person.run(*command, text=ANSWERS)
    for found in re.findall(r"[A-Z2-7]{26,}", done.stdout):
        secrets.remember(found)
    made = [path for path in (person.home / default, person.home / "otp") if path.exists()]
    for path in made:
        path.unlink()
    return done.returncode == 0 and len(made) == 1


def test_the_grammar_is_google_authenticators(person: Person) -> None:
    """Both programs take and refuse the same lines, but for all those in the table."""
    differ = {}
    place = {"otp": str(person.home / "otp")}
    for line in distinct():
        words = tuple(place.get(word, word) for word in line)
        theirs = accepted(person, (GOOGLE, "-C", *words), ".google_authenticator")
        ours = accepted(person, (enrolment.OTPAUTH, "setup", "-C", *words), ".otpauth")
        if theirs != ours:
            differ[kept(line)] = "ours" if ours else "theirs"
    assert set(differ) == set(DIFFERENCES), {
        "unlisted": {line: differ[line] for line in set(differ) - set(DIFFERENCES)},
        "no difference": set(DIFFERENCES) - set(differ),
    }


def test_every_option_is_compared() -> None:
    """The table of this test has every option of google-authenticator's own --help."""
    told = subprocess.run((GOOGLE, "--help"), capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"^ (-\w), (--[\w-]+)", told, re.MULTILINE))
    assert found.pop("-h") == "--help"
    assert found == LONG
    assert {one[0] for one in OPTIONS} == set(LONG)


# What the options do


def setup(person: Person, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run `otpauth setup` without any terminal."""
    done = person.run("setsid", "-w", enrolment.OTPAUTH, "setup", *words, text=text)
    for found in re.findall(r"\b[A-Z2-7]{32}\b|\b[0-9a-z]{4}-[0-9a-z]{4}\b", done.stdout):
        secrets.remember(found)
    return done


def key_in(text: str) -> str:
    """Return the key that is shown in the words of google-authenticator."""
    return next(line for line in text.splitlines() if line.startswith(KEY)).removeprefix(KEY)


def codes_in(text: str) -> list[str]:
    """Return the scratch codes that are shown in the words of google-authenticator."""
    rest = text.partition("Your emergency scratch codes are:\n")[2]
    return re.findall(r"^  (\S+)$", rest, re.MULTILINE)


def listed(person: Person, *words: str) -> dict[str, Any]:
    """Return what `otpauth list --json` says."""
    value: dict[str, Any] = json.loads(
        person.run(enrolment.OTPAUTH, *words, "list", "--json").stdout
    )
    return value


def test_the_silent_recipe(person: Person) -> None:
    """Its maintainer's recipe asks nothing, needs no terminal, and what it prints logs in."""
    done = setup(person, *SILENT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("otpauth://totp/")
    codes = codes_in(done.stdout)[:10]
    assert len(codes) == 10
    phone = Phone(key_in(done.stdout))
    assert logins.accepted(person.name, phone.next())
    assert logins.accepted(person.name, codes[3])
    assert listed(person)["in_force"] == ["window 3", "rate_limit 3/30s"]


@pytest.mark.parametrize("words", [("-t", "-d", "-f", "-u", "-w", "3", "-C"), ("-c", "-C")])
def test_the_right_code_is_never_shown(person: Person, words: tuple[str, ...]) -> None:
    """google-authenticator prints a code that is good; nothing that we print is one."""
    done = setup(person, *words)
    key = key_in(done.stdout)
    right = (
        {Phone(key).code(offset_steps=step) for step in range(-3, 4)}
        if "-t" in words
        else {Fob(key).code(counter) for counter in range(6)}
    )
    shown = set(re.findall(r"\b\d{6}\b", done.stdout + done.stderr))
    assert not shown & right
    theirs = person.run(GOOGLE, *words, text=ANSWERS).stdout
    assert re.search(r"Your verification code for code 1 is \d{6}", theirs)


def test_w8_a_wrong_code_is_not_answered_with_the_right_one(person: Person) -> None:
    """The dialogue says that a code is wrong, but not, as the other does (W8), which is right."""
    with Dialogue(person, [enrolment.OTPAUTH, "setup", "-t"]) as dialogue:
        dialogue.until("Code: ")
        phone = Phone(dialogue.secret())
        right = {phone.code(offset_steps=step) for step in range(-3, 4)}
        dialogue.type(phone.wrong())
        dialogue.until("that is not the code of this entry")
        dialogue.until("Code: ")
        assert not right & set(re.findall(r"\d{6}", dialogue.output.decode()))
        dialogue.type("q")
        assert dialogue.end() == 1
    theirs = person.run(GOOGLE, "-t", "-d", "-f", "-u", "-w", "3", text="1\n")
    assert re.search(r"correct code \d{6}", theirs.stdout)


@pytest.mark.parametrize(("mode", "columns"), [("utf8", 41), ("ansi", 82)])
def test_a_camera_reads_what_q_prints(
    person: Person, tmp_path: Path, mode: str, columns: int
) -> None:
    """The QR of -Q is read by zbarimg in both modes, and is the URI that is printed."""
    done = setup(person, "-C", "-Q", mode, "-l", "x")
    address, _, rest = done.stdout.partition("\n")
    screen = Screen(columns + 8, 60, theme=THEMES["dark"]).feed(rest.replace("\n", "\r\n").encode())
    picture = tmp_path / "screen.pgm"
    picture.write_bytes(screen.pgm(width=8, height=16))
    assert read_qr(str(picture)) == address


def test_a_qr_is_drawn_on_terminals_only(person: Person) -> None:
    """Without -Q a terminal gets a QR, and a pipe does not; NONE draws none on either."""
    assert "\x1b" not in setup(person, "-C").stdout
    (person.home / ".otpauth").unlink()
    for words, drawn in (((), True), (("-Q", "none"), False)):
        with Dialogue(person, [enrolment.OTPAUTH, "setup", "-C", *words]) as dialogue:
            assert dialogue.end() == 0
            secrets.remember(key_in(dialogue.output.decode().replace("\r", "")))
            assert ("\x1b[7m" in dialogue.output.decode()) == drawn
        (person.home / ".otpauth").unlink()


@pytest.mark.parametrize("mode", ["none", "utf8", "ansi"])
def test_q_in_the_dialogue(person: Person, mode: str) -> None:
    """-Q holds in the dialogue, too; without a QR the key can be typed, and it enrols."""
    with Dialogue(person, [enrolment.OTPAUTH, "setup", "-Q", mode], size=(60, 120)) as dialogue:
        dialogue.until("Code: ")
        assert ("▀" in dialogue.text()) == (mode == "utf8")
        if mode != "none":
            assert dialogue.secret() in dialogue.qr()
        phone = Phone(dialogue.secret())
        dialogue.type(phone.next())
        dialogue.until("Enter when you have them")
        dialogue.scratch_codes()
        dialogue.type("")
        assert dialogue.end() == 0
    assert logins.accepted(person.name, phone.next())


def test_quiet_says_how_to_see_the_key(person: Person) -> None:
    """-q shows nothing and asks nothing (#259), and says how the key can be seen."""
    done = setup(person, "-t", "-d", "-f", "-u", "-w", "3", "-q")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"otpauth-admin show {person.name} phone" in done.stderr
    assert "otpauth codes" in done.stderr
    assert enrolment.admin("approve", person.name).returncode == 0
    with as_root("show", person.name, "phone") as dialogue:
        dialogue.until("Enter clears the screen: ")
        phone = Phone(dialogue.secret())
        dialogue.type("")
        assert dialogue.end() == 0
    assert logins.accepted(person.name, phone.next())


def test_force_overwrites_nobody(person: Person) -> None:
    """-f does not touch an account that is enrolled or about to be, and says what to do."""
    fob = enrolment.fob(person)
    for hint in ("otpauth remove phone", "otpauth replace NAME"):
        before = (person.home / ".otpauth").read_bytes()
        done = setup(person, *SILENT)
        assert (done.returncode, done.stdout) == (1, "")
        assert hint in done.stderr
        assert (person.home / ".otpauth").read_bytes() == before
        assert logins.accepted(person.name, fob.next())


def test_w7_a_full_home_costs_nothing(person: Person) -> None:
    """Where google-authenticator destroys a secret (W7), nothing is, and the next run works."""
    with accounts.full_home(person):
        done = setup(person, *SILENT)
        assert done.returncode == 1
        assert "no space left" in done.stderr.lower()
        (person.home / "ballast").unlink()
        done = setup(person, *SILENT)
        assert done.returncode == 0, done.stderr
    assert {path.name for path in person.home.glob(".otpauth*")} <= {".otpauth", ".otpauth.lock"}


def test_what_a_killed_writer_left_stops_nobody(person: Person) -> None:
    """A stale temporary file ends every later run of google-authenticator, and none of ours."""
    for name in (".google_authenticator~", ".otpauth.new"):
        person.run("/usr/bin/touch", str(person.home / name))
    theirs = person.run(GOOGLE, "-t", "-d", "-f", "-u", "-w", "3", "-C")
    assert "File exists" in theirs.stdout + theirs.stderr
    done = setup(person, *SILENT)
    assert done.returncode == 0, done.stderr
    assert not (person.home / ".otpauth.new").exists()


def test_a_link_is_not_replaced(person: Person) -> None:
    """google-authenticator puts a file in the place of a symbolic link; ours says so and stops."""
    for name in (".google_authenticator", ".otpauth"):
        (person.home / name).symlink_to("elsewhere")
    theirs = person.run(GOOGLE, "-t", "-d", "-f", "-u", "-w", "3", "-C")
    assert theirs.returncode == 0
    assert not (person.home / ".google_authenticator").is_symlink()
    done = setup(person, *SILENT)
    assert done.returncode == 1
    assert "it is a symbolic link, which is not followed" in done.stderr
    assert (person.home / ".otpauth").is_symlink()


def test_another_file(person: Person) -> None:
    """-s puts the same format elsewhere, private; --file names it to the other verbs."""
    path = person.home / "elsewhere"
    done = setup(person, "-C", "-s", str(path))
    assert done.returncode == 0, done.stderr
    assert not (person.home / ".otpauth").exists()
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.read_bytes().startswith(b"otpauth 1\nproposal setup phone\n")
    assert [each["name"] for each in listed(person, "--file", str(path))["waiting"]] == ["phone"]
    assert listed(person)["waiting"] == []
    assert [each["name"] for each in listed(person, "--file", "~/elsewhere")["waiting"]]
    with pam.service(f"{enrolment.STACK} secret={path}") as name:
        assert pam.drive(name, person.name, [Phone(key_in(done.stdout)).next()]).one.ok
    assert b"\nrecord " in path.read_bytes()
    assert not (person.home / ".otpauth").exists()


def test_another_file_by_root(person: Person) -> None:
    """Root's -s puts the record there at once, and a login that reads that file writes it again."""
    path = person.home / "elsewhere"
    done = enrolment.admin("setup", person.name, "-c", "-C", "-s", str(path))
    fob = Fob(key_in(done.stdout))
    with pam.service(f"{enrolment.STACK} secret={path}") as name:
        before = path.read_bytes()
        assert pam.drive(name, person.name, [fob.next()]).one.ok
        assert path.read_bytes() != before
    assert not (person.home / ".otpauth").exists()


def test_wishes_are_in_force(person: Person) -> None:
    """-w 1 is in force at the next login; what the host's rule cuts is said at once, and listed."""
    done = setup(person, "-t", "-D", "-w", "1", "-u", "-C")
    assert "in force is each code works once; wished reuse" in done.stderr
    assert "in force is rate_limit 3/30s, the host's rule; wished none" in done.stderr
    phone = Phone(key_in(done.stdout))
    if phone.now() % 30 > 20:  # the code of now shall be that for all three logins
        time.sleep(10)
    assert not logins.accepted(person.name, phone.code(offset_steps=1))
    assert logins.accepted(person.name, phone.code())
    assert not logins.accepted(person.name, phone.code())
    assert listed(person)["wishes"] == {
        "window": 1, "rate_limit": [0, 0], "unlimited": True, "reuse": True,
    }  # fmt: skip
    assert "in force: window 1\n" in person.run(enrolment.OTPAUTH, "list").stdout
    assert "in force: window 1\n" in enrolment.admin("show", person.name).stdout
    (one,) = json.loads(enrolment.admin("list", person.name, "--json").stdout)
    assert one["in_force"][0] == "window 1"


def test_wishes_change_with_a_code(person: Person) -> None:
    """`otpauth wish` asks for a code of a token, and holds from the next login on."""
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.next())
    with Dialogue(person, [enrolment.OTPAUTH, "wish", "-r", "1", "-R", "600"]) as dialogue:
        dialogue.until("to show that it is you: ")
        dialogue.type(fob.next())
        assert dialogue.end() == 0
    assert listed(person)["in_force"] == []
    assert logins.accepted(person.name, fob.next())
    assert listed(person)["in_force"] == ["rate_limit 1/600s"]
    assert not logins.accepted(person.name, fob.wrong())
    assert not logins.accepted(person.name, fob.next())
    assert enrolment.admin("unlock", person.name).returncode == 0
    done = enrolment.admin("wish", person.name, "--none")
    assert done.stdout == "otpauth-admin: in force from now on: the host's rule\n"
    assert listed(person)["in_force"] == []
    for words in ((), ("--none", "-w", "1"), ("-r", "1"), ("-w", "22")):
        assert enrolment.admin("wish", person.name, *words).returncode == 2


# JSON, for front ends


def as_object(text: str) -> dict[str, Any]:
    """Return the one object on a standard output, its secrets remembered."""
    value: dict[str, Any] = json.loads(text)
    secrets.remember(value["secret"])
    for code in value["scratch_codes"]:
        secrets.remember(code)
    return value


@pytest.mark.parametrize("who", ["own", "root"])
def test_json(person: Person, who: str) -> None:
    """--json -C prints one object and nothing else, with all that an app and its owner need."""
    words = ("--json", "-C", "--digits", "8", "--algorithm", "SHA256", "--period", "60", "-e", "2")
    by_root = who == "root"
    done = enrolment.admin("setup", person.name, *words) if by_root else setup(person, *words)
    assert (done.returncode, done.stderr) == (0, "")
    one = as_object(done.stdout)
    query = parse_qs(urlsplit(one["uri"]).query)
    assert query["secret"] == [one["secret"]]
    assert (query["digits"], query["period"], query["algorithm"]) == (["8"], ["60"], ["SHA256"])
    assert one["params"] == {"algorithm": "SHA256", "digits": 8, "period": 60}
    assert (one["user"], one["name"], one["kind"]) == (person.name, "phone", "totp")
    assert one["file"] == str(person.home / ".otpauth")
    assert one["key"] == listed(person)["key"]
    phone = Phone(one["secret"], digits=8, period=60, algorithm="SHA256")
    assert logins.accepted(person.name, phone.next())
    assert logins.accepted(person.name, one["scratch_codes"][1])


def test_json_with_a_code(person: Person) -> None:
    """Without -C the code comes on stdin; wrong ones are told, and none means no enrolment."""
    command = (enrolment.OTPAUTH, "setup", "--json")
    done = person.run(*command, text="000000\n")
    as_object(done.stdout)
    assert (done.returncode, "nothing was changed" in done.stderr) == (1, True)
    assert not (person.home / ".otpauth").exists()
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        user=person.uid, group=person.gid, extra_groups=[], env=person.environment(), cwd="/",
    ) as front:  # fmt: skip
        assert front.stdin is not None
        assert front.stdout is not None
        text = "".join(iter(front.stdout.readline, "}\n")) + "}"
        phone = Phone(as_object(text)["secret"])
        front.stdin.write(f"{phone.wrong()}\n{phone.next()}\n")
        front.stdin.flush()
        assert front.stdout.read() == ""
        assert front.wait() == 0
    assert logins.accepted(person.name, phone.next())


@pytest.mark.parametrize("who", ["own", "root"])
def test_json_of_later_changes(person: Person, who: str) -> None:
    """add, replace and codes print one object, too, and take first a proof where one is due."""
    own = who == "own"
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.next())
    user = () if own else (person.name,)

    def change(verb: str, *words: str) -> dict[str, Any]:
        proof = f"{fob.next()}\n" if own else ""
        command = [enrolment.OTPAUTH if own else enrolment.ADMIN, verb, *user, *words, "--json"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            **({"user": person.uid, "group": person.gid, "extra_groups": [],
                "env": person.environment(), "cwd": "/"} if own else {}),
        ) as front:  # fmt: skip
            assert front.stdin is not None
            assert front.stdout is not None
            text = "".join(iter(front.stdout.readline, "}\n")) + "}"
            one: dict[str, Any] = json.loads(text)
            confirm = (
                f"{Phone(secrets.remember(one['secret'])).next()}\n" if "secret" in one else ""
            )
            front.stdin.write(proof + confirm)
            front.stdin.close()
            assert front.stdout.read() == ""
            assert front.wait() == 0
        assert one["proof"] == own
        return one

    added = change("add", "totp", "tablet")
    assert (added["name"], added["scratch_codes"]) == ("tablet", [])
    assert logins.accepted(person.name, Phone(added["secret"]).code(offset_steps=1))
    replaced = change("replace", "tablet")
    assert replaced["secret"] != added["secret"]
    assert logins.accepted(person.name, Phone(replaced["secret"]).code(offset_steps=1))
    assert not logins.accepted(person.name, Phone(added["secret"]).code(offset_steps=2))
    made = change("codes", "-e", "3")
    assert len(made["scratch_codes"]) == 3
    assert logins.accepted(person.name, secrets.remember(made["scratch_codes"][0]))


@pytest.mark.parametrize("proof", ["", "\n"])
def test_json_without_a_proof_waits(person: Person, proof: str) -> None:
    """Without a code of a present token new codes wait; what is no code changes nothing."""
    fob = enrolment.fob(person)
    assert logins.accepted(person.name, fob.next())
    done = person.run(enrolment.OTPAUTH, "codes", "--json", text="x\n")
    assert (done.returncode, "is not a code" in done.stderr) == (1, True)
    done = person.run(enrolment.OTPAUTH, "codes", "--json", text=proof)
    assert done.returncode == 0
    code = secrets.remember(json.loads(done.stdout)["scratch_codes"][0])
    assert logins.accepted(person.name, fob.next())
    assert not logins.accepted(person.name, code)


# What google-authenticator's users ask for, by the numbers of its issues


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (("--digits", "8"), {"digits": 8}),
        (("--algorithm", "SHA256"), {"algorithm": "SHA256"}),
        (("--algorithm", "SHA512"), {"algorithm": "SHA512"}),
        (("-S", "60"), {"period": 60}),
    ],
)
def test_issues_20_11_3_other_codes(
    person: Person, words: tuple[str, ...], options: dict[str, Any]
) -> None:
    """8 digits (#20), SHA256 and SHA512 (#11) and the period (#3) are in the URI, and log in."""
    done = setup(person, "-C", *words)
    query = parse_qs(urlsplit(done.stdout.splitlines()[0]).query)
    for key, value in options.items():
        assert query[key] == [str(value)]
    assert logins.accepted(person.name, Phone(key_in(done.stdout), **options).next())


def test_issue_1_the_qr_again(person: Person) -> None:
    """Root shows the QR of a token that exists (#1), for the same token."""
    phone = enrolment.phone(person)
    assert logins.accepted(person.name, phone.next())
    with as_root("show", person.name, "phone") as dialogue:
        dialogue.until("Enter clears the screen: ")
        assert parse_qs(urlsplit(dialogue.qr()).query)["secret"] == [phone.secret]
        dialogue.type("")
        assert dialogue.end() == 0


def test_issue_29_new_scratch_codes_alone(person: Person) -> None:
    """New scratch codes (#29) leave the phone as it is, and end the old ones."""
    done = setup(person, "-c", "-C")
    fob, old = Fob(key_in(done.stdout)), codes_in(done.stdout)
    assert logins.accepted(person.name, fob.next())
    with Dialogue(person, [enrolment.OTPAUTH, "codes", "-e", "3"]) as dialogue:
        dialogue.until("to show that it is you: ")
        dialogue.type(fob.next())
        dialogue.until("Enter when you have them")
        new = dialogue.scratch_codes()
        dialogue.type("")
        assert dialogue.end() == 0
    assert logins.accepted(person.name, fob.next())
    assert logins.accepted(person.name, new[0])
    assert not logins.accepted(person.name, old[0])


def test_issue_174_several_named_secrets(person: Person) -> None:
    """Phone and tablet have secrets of their own (#174), and both log in."""
    phone, tablet = enrolment.fob(person), Fob(enrolment.new_secret())
    assert logins.accepted(person.name, phone.next())
    text = f"{enrolment.uri('hotp', tablet.secret)}\n{phone.next()}\n"
    words = ("add", "hotp", "tablet", "--uri", "-")
    assert person.run(enrolment.OTPAUTH, *words, text=text).returncode == 0
    assert logins.accepted(person.name, phone.next())
    assert logins.accepted(person.name, tablet.next())
    assert {each["name"] for each in listed(person)["tokens"]} == {"phone", "tablet"}


def test_issue_253_a_check_with_an_exit_status(person: Person) -> None:
    """Root enrols another user, and checks a code of his with an exit status (#253)."""
    done = enrolment.admin("setup", person.name, "-c", "-C")
    secrets.remember(key_in(done.stdout))
    fob = Fob(key_in(done.stdout))
    assert enrolment.admin("verify", person.name, text=fob.wrong()).returncode == 1
    assert enrolment.admin("verify", person.name, text=fob.next()).returncode == 0


def test_issue_123_defaults_for_the_machine(person: Person, stage: Path) -> None:
    """[setup] says for the whole machine what an enrolment is (#123)."""
    assert stage.is_dir()
    conf = Path("/etc/otpauth/otpauth.conf")
    before = conf.read_bytes() if conf.exists() else None
    conf.write_text(
        "[setup]\nkinds = hotp scratch\ntotp = SHA256 8 60s\nissuer = {host} of ours\n"
        "account = {user}@here\nscratch = 4\nqr = ansi\n"
    )
    try:
        one = as_object(setup(person, "--json", "-C").stdout)
    finally:
        conf.unlink()
        if before is not None:
            conf.write_bytes(before)
    assert (one["kind"], one["params"]["digits"], one["params"]["algorithm"]) == (
        "hotp", 8, "SHA256",
    )  # fmt: skip
    assert one["issuer"].endswith(" of ours")
    assert one["account"] == f"{person.name}@here"
    assert len(one["scratch_codes"]) == 4


def test_modes_of_q() -> None:
    """-Q takes every mode of every version of google-authenticator, in any spelling it takes."""
    for mode in ("ANSI", "ANSI_INVERSE", "ANSI_GREY", "UTF8", "UTF8_INVERSE", "UTF8_GREY", "NONE"):
        for text in (mode, mode.lower(), mode.replace("_", "-")):
            assert flags.qr_mode(text) in ("none", "ansi", "utf8")


def test_differences_are_documented() -> None:
    """Each option in this test's table stands in the table of differences of otpauth(1)."""
    text = pages.subsection("otpauth.1", "Coming from google-authenticator")
    short = {line[0] for line in DIFFERENCES if re.fullmatch(r"-\w", line[0])}
    assert short <= pages.flags(text)
    assert "Numbers are digits, and long options are written out." in text
