"""pam_otpauth(8) holds the codes, reasons and limits that the code has."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from otpauth import answer, attempt, hostcopy, limits, login, pam, policy, state
from otpauth.kinds import hotp, timed
from tests.man import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "pam_otpauth.8"
SHIM = pages.TREE / "pam" / "pam_otpauth.py"
_LINES = re.MULTILINE | re.DOTALL
PAM_CODES = {
    login.ACCEPT: "PAM_SUCCESS",
    login.REFUSE: "PAM_AUTH_ERR",
    login.IGNORE: "PAM_IGNORE",
    login.UNAVAILABLE: "PAM_AUTHINFO_UNAVAIL",
}


def test_return_values() -> None:
    """The page lists exactly the values that the shim lets through to PAM."""
    names = re.search(r"^ANSWERS = frozenset\(\((.*)\)\)$", SHIM.read_text(), re.MULTILINE)
    assert names
    told = pages.items(pages.section(PAGE, "RETURN VALUES"), "Dv")
    assert sorted(told) == sorted(f"PAM_{name}" for name in names[1].split(", "))


def test_reasons() -> None:
    """The page has every reason once, in the order of the code, and no other."""
    assert pages.items(pages.subsection(PAGE, "Reasons"), "Sy") == list(login.REASONS)


def test_what_pam_hears() -> None:
    """The value that the page gives for a reason is the one that the code returns with it."""
    told = dict(
        re.findall(
            r"^\.It Sy (\w+)\n\.Dv (\w+) \.$", pages.subsection(PAGE, "Reasons"), re.MULTILINE
        )
    )
    given = {reason: {PAM_CODES[each] for each in found} for reason, found in _verdicts().items()}
    assert {reason: {value} for reason, value in told.items()} == given


def test_every_reason_says_what_to_do() -> None:
    """Every refusal has a sentence besides its meaning, but the one that nobody can mend."""
    for reason, text in re.findall(
        r"^\.It Sy (\w+)\n(.*?)(?=^\.It |^\.El)", pages.subsection(PAGE, "Reasons"), _LINES
    ):
        sentences = re.findall(r"[.?]$", text, re.MULTILINE)
        short = reason in (login.OK_OTP, login.UNKNOWN_USER)
        assert len(sentences) > (1 if short else 2), reason


def test_limits() -> None:
    """The table of limits is that of the code."""
    most, span = policy.Rule().rate_limit
    rows = [("by default", f"{most} wrong answers in {span} s")]
    rows += [
        (f"after {number} wrong answers in {within} s", f"one try in {pause} s")
        for number, within, pause in limits.BACKOFF
    ]
    assert pages.table(PAGE, "limits") == rows


def test_numbers_in_sentences() -> None:
    """Numbers that the page's sentences name are those of the code."""
    prose = re.sub(r"^\.[A-Z].*?$", "", pages.source(PAGE), flags=re.MULTILINE)
    text = " ".join(pages.plain(prose).split())
    for sentence in (
        f"in the last {limits.KNOWN_LIFE // 86400} days",
        f"the {state.KNOWN_MAX} newest of such",
        f"the same wrong answer within {limits.REPEAT_LIFE} s",
        f"the next counter and {hotp.LOOK_AHEAD - 1} beyond",
        f"two in a row within {hotp.RESYNC}",
        f"within {timed.RESYNC_LIFE // 60} minutes",
        f"the same refusal {attempt.DEADLINE * 1000:.0f} milliseconds",
        f"{pam.PASSED_ON * 1000:.0f} milliseconds after the answer",
        f"held the lock for {hostcopy.LOCK_SECONDS} seconds",
    ):
        assert sentence in text
    assert timed.RESYNC_LIFE == hotp.RESYNC_LIFE


def test_what_is_typed_in_one_box() -> None:
    """Of each answer in the table the password is hunter2, and a code comes with all but one."""
    head, *rows = pages.table(PAGE, "one box")
    shapes = answer.Shapes((6,), scratch=True, hexadecimal=True)
    found = {typed: answer.parted(typed, shapes) for typed, _ in rows}
    assert head == ("typed", "what it is")
    assert {each.prefix for each in found.values() if each} == {"hunter2"}
    assert [typed for typed, each in found.items() if each is None] == ["hunter2"]


def test_abilities_of_pam_exec() -> None:
    """The table of pam_exec has a verdict for both ways in, for every ability."""
    head, *rows = pages.table(PAGE, "pam_exec")
    assert head == ("ability", "pam_python", "pam_exec")
    assert all(len(row) == 3 and all(row) for row in rows)


def _verdicts() -> dict[str, set[str]]:
    """Return for each reason the verdicts that the code gives with it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (pages.TREE / "otpauth").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            pair = _pair(node)
            for verdict in _values(pair[0]) if pair else ():
                for reason in _values(pair[1]) if pair and verdict in PAM_CODES else ():
                    found[reason].add(verdict)
    return found


def _pair(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """Return verdict and reason of `Outcome(verdict, reason)` or `(Error, verdict, reason)`."""
    if isinstance(node, ast.Call) and len(node.args) > 1:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        return (node.args[0], node.args[1]) if name == "Outcome" else None
    if isinstance(node, ast.Tuple) and len(node.elts) == 3:
        return node.elts[1], node.elts[2]
    return None


def _values(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _values(node.body)
        yield from _values(node.orelse)
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    value = getattr(login, name, None) if name.isupper() else None
    if isinstance(value, str) and (value in login.REASONS or value in PAM_CODES):
        yield value
