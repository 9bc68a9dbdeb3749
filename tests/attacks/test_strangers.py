"""C: strangers, who may only knock."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.attacks import victim as victims
from tests.attacks.victim import ELSEWHERE, HERE, STACK, USERS
from tests.parts import accounts, client, log, pam, secrets
from tests.parts.faketime import Clock
from tests.parts.phone import Fob, Phone
from tests.parts.sshd import Sshd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.attacks.victim import Victim
    from tests.parts.pam import Drive

KINDS = ("totp", "hotp", "scratch")


def storm(
    service: str,
    tries: Sequence[tuple[str, str, str]],
    *,
    environment: Mapping[str, str] | None = None,
) -> list[Drive]:
    """Have (user, answer, address) each log in, all answering at one instant."""
    around = environment or {}
    with ExitStack() as ends:
        attempts = [
            ends.enter_context(
                pam.attempt(service, user, [answer], rhost=address, environment=around)
            )
            for user, answer, address in tries
        ]
        for attempt in attempts:
            attempt.ready()
        for attempt in attempts:
            attempt.release()
        return [attempt.result() for attempt in attempts]


def accepted(drives: Sequence[Drive]) -> int:
    """Return how many were let in."""
    return sum(one.ok for drive in drives for one in drive.transactions)


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("hotp", "one by one"),
        ("hotp", "at once"),
        ("totp", "at once"),
        ("totp", "from forty addresses"),
    ],
)
def test_c1_of_forty_tries_three_are_compared(
    service: str, victim: Victim, kind: str, how: str
) -> None:
    """Of 40 wrong codes in a moment three are compared and charged; then no right one helps."""
    addresses = {"from forty addresses": [f"198.51.100.{n}" for n in range(40)]}
    places = addresses.get(how, [ELSEWHERE] * 40)
    codes = [victim.wrong(kind) for _ in range(40)]
    since = log.position()
    late = victim.code(kind)
    with Clock() as clock:
        clock.freeze(int(time.time()))  # a moment, however slow the machine is
        if how == "one by one":
            rounds = [[code] for code in codes]
            driven = pam.drive(
                service,
                victim.name,
                rounds=rounds,
                times=40,
                rhost=ELSEWHERE,
                environment=clock.environment,
            )
            assert not accepted([driven])
        else:
            tries = [(victim.name, code, place) for code, place in zip(codes, places, strict=True)]
            assert not accepted(storm(service, tries, environment=clock.environment))
        seen = victims.reasons(since, victim.name)
        assert (seen.count("AUTH_FAILED"), seen.count("AUTH_RATE_LIMITED")) == (3, 37)
        assert victim.charged() == 3
        environment = clock.environment
        one = pam.drive(service, victim.name, [late], rhost=ELSEWHERE, environment=environment).one
        assert not one.ok
    victim.unlock()
    late = victim.code(kind)
    assert pam.drive(service, victim.name, [late], rhost=ELSEWHERE).one.ok


def test_c1_wrong_scratch_codes_are_compared_no_more_than_once_a_second(
    service: str, victim: Victim
) -> None:
    """A flood of wrong scratch codes is charged three times, and does not open the other kinds."""
    codes = [[victim.wrong("scratch")] for _ in range(12)]
    driven = pam.drive(service, victim.name, rounds=codes, times=12, rhost=ELSEWHERE)
    assert not accepted([driven])
    assert victim.charged() == 3
    since = log.position()
    assert not pam.drive(service, victim.name, [victim.fob.next()], rhost=ELSEWHERE).one.ok
    assert victims.reasons(since, victim.name) == ["AUTH_RATE_LIMITED"]


@pytest.mark.parametrize("kind", ["totp", "hotp"])
def test_c2_a_flood_does_not_shut_out_an_owner_at_a_known_place(
    service: str, victim: Victim, kind: str
) -> None:
    """While strangers flood an open prompt, the owner's code from a known place is accepted."""
    assert pam.drive(service, victim.name, [victim.code("hotp")], rhost=HERE).one.ok
    right = victim.code(kind)
    with pam.attempt(service, victim.name, [right], rhost=HERE) as owner:
        owner.ready()
        tries = [(victim.name, victim.wrong(kind), f"198.51.100.{n}") for n in range(12)]
        assert not accepted(storm(service, tries))
        assert victim.charged() == 3
        assert owner.result().one.ok


def test_c2_a_scratch_code_is_good_from_anywhere(service: str, victim: Victim) -> None:
    """While strangers flood, an unknown place is limited, and a scratch code is its way in."""
    with pam.attempt(service, victim.name, [victim.code("scratch")], rhost="203.0.113.5") as owner:
        owner.ready()
        tries = [(victim.name, victim.wrong("totp"), f"198.51.100.{n}") for n in range(12)]
        assert not accepted(storm(service, tries))
        code = victim.phone.next()
        assert not pam.drive(service, victim.name, [code], rhost="203.0.113.5").one.ok
        assert owner.result().one.ok


def test_c2_nothing_is_locked_while_a_person_types(service: str, victim: Victim) -> None:
    """While ten prompts of one account are open, an eleventh login goes on at once."""
    with ExitStack() as ends:
        for _ in range(10):
            ends.enter_context(pam.attempt(service, victim.name, [], rhost=ELSEWHERE)).ready()
        assert pam.drive(service, victim.name, [victim.fob.next()], rhost=HERE).one.answer_ms < 2000


def race(service: str, victim: Victim, kind: str, *, rounds: int, processes: int) -> list[int]:
    """Give one new code to many processes at once, again and again; count who got in."""
    counts = []
    for _ in range(rounds):
        code = _fresh_code(victim, kind)
        tries = [(victim.name, code, HERE)] * processes
        counts.append(accepted(storm(service, tries)))
    return counts


def _fresh_code(victim: Victim, kind: str) -> str:
    """Return a code that nobody used, of a new token if need be: time is not waited for."""
    if kind == "hotp":
        return victim.fob.next()
    if kind == "totp":
        draft = victims.totp_draft()
        victims.give(victim.name, draft)
        return Phone(victims.base32(draft)).code()
    draft = victims.scratch_draft()
    victims.give(victim.name, draft)
    return secrets.remember(draft.params["codes"][3])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("rounds", "processes"), [(20, 12), (2, 64)])
def test_c3_one_code_lets_one_in(
    service: str, victim: Victim, kind: str, rounds: int, processes: int
) -> None:
    """However many processes bring one code at one instant, exactly one of them gets in."""
    counts = race(service, victim, kind, rounds=rounds, processes=processes)
    assert counts == [1] * rounds


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_c3_one_code_lets_one_in_for_long(service: str, victim: Victim, kind: str) -> None:
    """In 500 rounds of 64 processes with one code, exactly one a round gets in."""
    counts = race(service, victim, kind, rounds=500, processes=64)
    assert counts == [1] * 500


def test_c3_this_storm_breaks_google_authenticator(stage: Path) -> None:
    """The same storm gets several in with one code past a module without a lock."""
    assert stage.is_dir()
    stack = "auth required pam_google_authenticator.so no_strict_owner"
    with accounts.make() as person, pam.service(stack) as service:
        draft = victims.totp_draft()
        phone = Phone(victims.base32(draft))
        path = person.home / ".google_authenticator"
        most = 0
        for _ in range(60):
            text = f'{victims.base32(draft)}\n" DISALLOW_REUSE\n" TOTP_AUTH\n'
            path.write_text(text, encoding="ascii")
            os.chown(path, person.uid, person.gid)
            path.chmod(0o400)
            tries = [(person.name, phone.code(), HERE)] * 24
            most = max(most, accepted(storm(service, tries)))
            if most > 1:
                break
        path.unlink()
    assert most > 1


def refusals(service: str, victim: Victim, plain: str) -> dict[str, list[Drive]]:
    """Return ten refusals of each kind, taken in turn so that a busy machine meets all alike."""
    users = {"unknown": "nobody-of-that-name", "unenrolled": plain, "wrong": victim.name}
    seen: dict[str, list[Drive]] = {what: [] for what in (*users, "limited")}
    for _ in range(3):
        victim.unlock()
        for what in ("wrong",) * 3 + ("limited",) * 3 + ("unknown",) * 3 + ("unenrolled",) * 3:
            user = users.get(what, victim.name)
            seen[what].append(pam.drive(service, user, [victim.wrong()], rhost=ELSEWHERE))
    return seen


def test_c4_refusals_look_and_last_alike(service: str, victim: Victim) -> None:
    """Unknown, unenrolled, wrong and limited: the same prompts and result, after a like time."""
    spreads = []
    with accounts.make() as plain:
        for _ in range(3):
            seen = refusals(service, victim, plain.name)
            every = [drive.one for drives in seen.values() for drive in drives]
            assert {(one.rc, one.prompts) for one in every} == {(every[0].rc, every[0].prompts)}
            assert min(one.answer_ms for one in every) >= 250
            medians = [
                statistics.median(drive.one.answer_ms for drive in drives)
                for drives in seen.values()
            ]
            spreads.append(max(medians) - min(medians))
            if spreads[-1] < 10:
                return
    pytest.fail(f"medians of the four kinds are {spreads} ms apart")


def test_c4_sshd_shows_the_same_for_every_user(victim: Victim) -> None:
    """Through real sshd, the prompts for unknown, unenrolled, wrong and limited are the same."""
    lines = ("AuthenticationMethods keyboard-interactive",)
    since = log.position()
    with accounts.make() as plain, Sshd(STACK, lines) as sshd:
        nobody = replace(plain, name="nobody-of-that-name")
        seen = []
        for person in (nobody, plain, victim.person, victim.person):
            login = client.login(
                person,
                sshd,
                [victim.wrong() for _ in range(3)],
                key=False,
                methods="keyboard-interactive",
            )
            assert not login.ok
            hidden = login.output.replace(person.name, "NAME")
            seen.append((re.sub(r"[0-9]{8}", "CODE", hidden), len(login.prompts)))
    told = victims.reasons(since, victim.name)
    assert told == ["AUTH_FAILED"] * 3 + ["AUTH_RATE_LIMITED"] * 3
    assert len(set(seen)) == 1


def state_of_disk() -> set[str]:
    """Return every path where a file could wrongly appear."""
    ours = ("/var/lib/otpauth", "/etc/otpauth", "/etc/pam.d", "/etc/security", "/lib/security")
    others = ("/", "/etc", "/home", "/root", "/var", "/var/lib", "/usr/local/lib/otpauth")
    paths = [path for place in ours for path in Path(place).rglob("*")]
    return {str(path) for path in (*paths, *(p for place in others for p in Path(place).iterdir()))}


ODD_NAMES: list[str] = [
    *("../../../etc/evil", "..", ".", "/etc/passwd", "a/b", "a b", "  ", "'", '"', "`id`", "$(id)"),
    *("-n", "--help", "root\n", "\nroot", "x\ny", "x\ry", "x\ty", "\x1b[31mx", "=abc", ".hidden"),
    *(
        "ünïcödé",
        "用户",
        "\u202eecila",
        "a" * 255,
        "a" * 256,
        "a" * 4000,
        "%s%n",
        "x=y z=1",
        "@dom",
    ),
    *("root@", "*", "?", "~", "~root", "+", "null\x7f"),
]


def test_c5_odd_names_of_nobody_leave_no_trace_but_one_line(service: str, stage: Path) -> None:
    """A name that is no account's, whatever is in it, is refused in one escaped line."""
    assert stage.is_dir()
    before = state_of_disk()
    for name in ODD_NAMES:
        since = log.position()
        driven = pam.drive(service, name, ["123456"], rhost=ELSEWHERE).one
        assert driven.asked == ["Verification code: "]
        assert not driven.ok
        (line,) = log.lines(since)
        assert re.fullmatch(r"otpauth\[\d+\]: [!-~ ]+", line.text)
        assert line.text.count(" user=") == line.text.count(" verdict=") == 1
        assert " verdict=refuse reason=UNKNOWN_USER" in line.text
    assert state_of_disk() == before


ODD_PLACES = [
    "192.0.2.1\n<36>Jan  1 00:00:00 sshd[1]: Accepted publickey for root",
    '192.0.2.1" verdict="accept" reason="AUTH_OK_OTP',
    "x verdict=accept reason=AUTH_OK_OTP user=root",
    "../../etc/passwd",
    "\x1b]0;owned\x07",
    "fe80::1%eth0/../../x",
    "ünïcödé.example",
    "a" * 5000,
    "192.0.2.1\r",
]


@pytest.mark.parametrize("item", ["rhost", "ruser", "tty"])
def test_c5_odd_places_forge_no_line(service: str, victim: Victim, item: str) -> None:
    """Whatever the other end calls itself, a login gives one line, and its fields are ours."""
    before = state_of_disk()
    for place in ODD_PLACES:
        since = log.position()
        code = victim.fob.next()
        assert pam.drive(service, victim.name, [code], **{item: place}).one.ok  # type: ignore[arg-type]
        (line,) = log.lines(since)
        assert re.fullmatch(r"otpauth\[\d+\]: [!-~ ]+", line.text)
        assert re.findall(r" (verdict|reason|user)=(\S+)", line.text) == [
            ("user", victim.name),
            ("verdict", "accept"),
            ("reason", "AUTH_OK_OTP"),
        ]
        shown = victims.admin("show", victim.name).splitlines()
        assert all(row.isprintable() for row in shown)
    assert state_of_disk() == before


REAL_NAMES = ["..", "a b", "=abc", ".hidden", "Ünï", "../x", "quote'\"d", "n" * 255, "UPPER"]


@pytest.mark.parametrize("name", REAL_NAMES)
def test_c5_odd_names_of_accounts_stay_in_their_folder(
    service: str, stage: Path, name: str
) -> None:
    """An account whose real name is odd logs in, and its files lie under plain names."""
    before = state_of_disk()
    home = stage / "tmp" / "odd-home"
    home.mkdir(mode=0o700)
    os.chown(home, 6000, 6000)
    with Path("/etc/passwd").open("a", encoding="utf-8") as passwd:
        passwd.write(f"{name}:x:6000:6000::{home}:/bin/sh\n")
    try:
        draft = victims.hotp_draft()
        secret = victims.base32(draft)
        fob = Fob(secret, digits=victims.DIGITS)
        uri = f"otpauth://hotp/x?secret={secret}&digits={victims.DIGITS}&counter=0"
        words = ("/usr/local/sbin/otpauth-admin", "setup", "--uri", "-", "--", name)
        subprocess.run(words, input=uri, text=True, check=True, capture_output=True)
        code = fob.next()
        assert pam.drive(service, name, [code], rhost=HERE).one.ok
        assert not pam.drive(service, name, [code], rhost=HERE).one.ok
        new = {Path(path) for path in state_of_disk() - before}
        assert {path.parent for path in new} == {USERS, victims.LOCKS}
        assert all(re.fullmatch(r"[a-z0-9_=][a-z0-9_.-]*", path.name) for path in new)
    finally:
        _forget_account(home)
        for path in {Path(path) for path in state_of_disk() - before}:
            path.unlink()


def _forget_account(home: Path) -> None:
    passwd = Path("/etc/passwd")
    lines = passwd.read_text(encoding="utf-8").splitlines(keepends=True)
    passwd.write_text("".join(line for line in lines if ":6000:6000:" not in line), "utf-8")
    subprocess.run(("rm", "-rf", home), check=True)


@contextmanager
def other_names(victim: Victim) -> Iterator[list[str]]:
    """Let a name service find the account under further names, too, and give all of them."""
    library = Path("/usr/local/lib/libnss_otptest.so.2")
    source = Path(__file__).with_name("nss_otptest.c")
    text = {"NAME": victim.name, "HOME": str(victim.person.home)}
    facts = [f'-D{key}="{value}"' for key, value in text.items()]
    facts.append(f"-DUID={victim.person.uid}")
    subprocess.run(
        ("gcc", "-shared", "-fPIC", "-Wall", *facts, "-o", str(library), str(source)),
        check=True,
    )
    subprocess.run(("ldconfig",), check=True)
    switch = Path("/etc/nsswitch.conf")
    before = switch.read_text(encoding="ascii")
    switch.write_text(re.sub("(?m)^passwd:.*", "passwd: files otptest", before), encoding="ascii")
    try:
        yield [victim.name.upper(), victim.name, f"{victim.name}@dom", victim.name.title()]
    finally:
        switch.write_text(before, encoding="ascii")
        library.unlink()
        subprocess.run(("ldconfig",), check=True)


def test_c6_all_names_of_an_account_are_one(service: str, stage: Path) -> None:
    """Names that a name service folds share one record, one set of used codes, one bucket."""
    assert stage.is_dir()
    with victims.enrolled("alice") as alice, other_names(alice) as names:
        assert pam.drive(service, "alicia", ["123456"], rhost=HERE).one.rc != 0
        for kind in KINDS:
            code = alice.code(kind)
            first, *rest = names
            assert pam.drive(service, first, [code], rhost=HERE).one.ok
            for name in rest:
                assert not pam.drive(service, name, [code], rhost=HERE).one.ok
        code = alice.fob.next()
        assert accepted(storm(service, [(name, code, HERE) for name in names * 5])) == 1
        for name in names[:3]:
            assert not pam.drive(service, name, [alice.wrong()], rhost=ELSEWHERE).one.ok
        assert alice.charged() == 3
        for name in names:
            assert not pam.drive(service, name, [alice.fob.next()], rhost=ELSEWHERE).one.ok
        files = [path.name for path in USERS.iterdir() if "alice" in path.name.lower()]
        assert files == ["alice"]
        assert [path.name for path in victims.LOCKS.iterdir() if path.name[0] in "Aa"] == ["alice"]
