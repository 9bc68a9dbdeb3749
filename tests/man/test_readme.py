"""README.md and SECURITY.md name what is there, and their numbers are the code's."""

from __future__ import annotations

import re

import pytest

from otpauth import limits, oath, policy, token
from otpauth.kinds import hotp
from otpauth.state import STRANGERS, State, bounded
from tests import samples
from tests.man import pages

TREE = pages.TREE
README = (TREE / "README.md").read_text(encoding="utf-8")
SECURITY = (TREE / "SECURITY.md").read_text(encoding="utf-8")
MAKEFILE = (TREE / "Makefile").read_text(encoding="utf-8")
DAY = 86400
START = 1_800_000_000
CODES = 10**6
HOME_PLACE = "192.0.2.1"


def test_variables() -> None:
    """The table of variables has those that the Makefile takes, with their defaults."""
    rows = re.findall(r"^\| `([A-Z]+)` \| (?:`(.*?)`)? ?\| ", README, re.MULTILINE)
    set_here = dict(re.findall(r"^([A-Z]+) \?=[ ]?(.*)$", MAKEFILE, re.MULTILINE))
    switches = set(re.findall(r"\$\((NO[A-Z]+)\)", MAKEFILE))
    assert dict(rows) == set_here | dict.fromkeys(switches, "")


def test_dependencies() -> None:
    """The tables of dependencies name every requirement and every package, and no other."""
    section = README.partition("## Dependencies")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (.*?) \|", section, re.MULTILINE)
    named = {word.strip(" `") for cell in cells for word in cell.split(",")} - {"what"}
    assert named == _requirements() | _packages()


@pytest.mark.parametrize("text", [README, SECURITY], ids=["README", "SECURITY"])
def test_what_it_points_to_is_there(text: str) -> None:
    """Links to files, targets of make and manual pages that are named exist."""
    for path in re.findall(r"\]\((?!http|#)([^)]+)\)", text):
        assert (TREE / path).exists(), path
    targets = set(re.findall(r"^([a-z -]+):", MAKEFILE, re.MULTILINE))
    known = {word for line in targets for word in line.split()}
    assert set(re.findall(r"(?:sudo|`)\s*make ([a-z]+)", text)) <= known
    for name, number in re.findall(r"`([a-z._-]+)\((\d)\)`", text):
        assert (TREE / "man" / f"{name}.{number}").exists(), name


def test_stack_is_the_manual_page_s() -> None:
    """The PAM line and the sshd_config of the README are those of pam_otpauth(8)."""
    examples = pages.examples("pam_otpauth.8")
    blocks = [
        " ".join(block.split()) for block in re.findall(r"^ +```\n(.*?)```", README, _ANYWHERE)
    ]
    assert blocks[0] == " ".join(examples["sshd-key"].splitlines()[0].split())
    assert blocks[1] == " ".join(examples["sshd_config-key"].split())


def test_kinds() -> None:
    """The table of kinds has all that there are, and a command that the grammar knows for each."""
    from otpauth.cli import user

    table = README.partition("### Kinds of token\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)`", table, re.MULTILINE)
    assert sorted(kind for kind, _ in rows) == sorted(token.KINDS)
    for kind, command in rows:
        options = user.parser().parse_args(command.split()[1:])
        assert getattr(options, "kind", "scratch") == kind


def test_ways_to_enable() -> None:
    """Each row of the table of ways to enable is in the grammar."""
    from otpauth.cli import admin

    rows = re.findall(r"^\| `(enable .*?)`", README, re.MULTILINE)
    assert len(rows) > 5
    for row in rows:
        options = admin.parser().parse_args(row.split())
        assert options.verb == "enable"


def test_guessing() -> None:
    """The table of guessing is what the code's limits let through."""
    days = {"a day": 1, "a week": 7, "30 days": 30, "a year": 365}
    rows = re.findall(r"^\| (.*?) \| (\d+) \| ([\d.]+) % \| ([\d.]+) % \|$", SECURITY, re.MULTILINE)
    assert [row[0] for row in rows] == list(days)
    for time, answers, totp, by_counter in rows:
        count = len(_guesses(days[time]))
        assert int(answers) == count
        assert totp == _percent(_chance(count, policy.Rule().window))
        assert by_counter == _percent(_chance(count, hotp.LOOK_AHEAD))


def test_guessing_in_sentences() -> None:
    """The other numbers on guessing are what the code's limits give."""
    shared = len(_guesses(30, emptied=DAY))
    scratch = 30 * DAY * 16 * 10 / 2**40
    assert f"{shared} answers in 30 days, {_percent(_chance(shared, 3))} %" in _flat(SECURITY)
    assert f"{_percent(scratch)} % in 30 days of 16 tries a second" in _flat(SECURITY)
    tries, motp = len(_guesses(30)), token.steps(samples.a_token(kind="motp"), policy.Rule().window)
    code = tries * motp / 16**oath.MOTP_LENGTH
    assert f"{tries} answers find one with {_percent(code)} %" in _flat(SECURITY)
    assert f"of four digits, {tries} answers try {_percent(tries / 10**4)} %" in _flat(SECURITY)
    assert f"An app password has {5 * token.PASSWORD_LENGTH} bits" in _flat(SECURITY)
    moved = len(_guesses(30)) * 10 / (9 * 10**7)  # no such code begins with 0
    assert f"ten of them add {_percent(moved)} % in 30 days" in _flat(SECURITY)


_ANYWHERE = re.MULTILINE | re.DOTALL


def _requirements() -> set[str]:
    lines = [
        line
        for name in ("requirements.in", "requirements-ntlm.in", "requirements-dev.in")
        for line in (TREE / name).read_text().splitlines()
    ]
    return {re.split(r"[<>=]", line)[0] for line in lines if re.match(r"[a-z]", line)}


def _packages() -> set[str]:
    text = MAKEFILE.replace("\\\n", " ")
    lists = re.findall(r"^[A-Z_]*PACKAGES := (.*)$", text, re.MULTILINE)
    return {word for each in lists for word in each.split() if not word.startswith("$")}


def _guesses(days: int, *, emptied: int = 0) -> list[int]:
    """Return when a guesser's answers are compared who tries as often as he may.

    If `emptied`, he shares a known place whose owner logs in every so many seconds.
    """
    bucket = HOME_PLACE if emptied else STRANGERS
    known = State(known={HOME_PLACE: START}) if emptied else State()
    now, end, login = START, START + days * DAY, START + (emptied or 2 * days * DAY)
    found: list[int] = []
    held = known
    while now < end:
        held = limits.prune(held, now)
        if now >= login:
            held, login = limits.accepted(held, HOME_PLACE, now), login + emptied
        wait = limits.wait(held, bucket, policy.Rule(), now)
        if wait:
            now = min(now + wait, login)
            continue
        number = len(found)
        held = limits.charge(held, bucket, f"{number:08x}", now=now, ident=f"{number:016x}")
        held = bounded(held)
        found.append(now)
    return found


def _chance(count: int, good: int) -> float:
    return 1.0 - (1.0 - good / CODES) ** count


def _percent(chance: float) -> str:
    """Return a chance in per cent, as the page writes it: two decimals below 1 %, else one."""
    percent = 100 * chance
    return f"{percent:.2f}" if percent < 1 else f"{percent:.1f}"


def _flat(text: str) -> str:
    return " ".join(text.split())
