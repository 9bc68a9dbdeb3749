"""The demo: it tells the truth, notices when something is not as it says, and leaves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests import stage as stage_module
from tests.parts import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIM = Path("/lib/security/pam_otpauth.py")
STEPS = 7
SECONDS = 60

PERMIT = "pam_sm_authenticate = lambda pamh, flags, argv: pamh.PAM_SUCCESS\n"
REFUSE = "pam_sm_authenticate = lambda pamh, flags, argv: pamh.PAM_AUTH_ERR\n"
FORGET = """
import os

kept = pam_sm_authenticate

def pam_sm_authenticate(pamh, flags, argv):
    for name in os.listdir("/var/lib/otpauth/users"):
        os.unlink(f"/var/lib/otpauth/users/{name}")
    return kept(pamh, flags, argv)
"""


class Seen(NamedTuple):
    """How a demo went, and what there was on the machine before and after it."""

    done: subprocess.CompletedProcess[str]
    before: dict[str, object]
    after: dict[str, object]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """Run the demo once, without a terminal."""
    before = traces()
    return Seen(demo(), before, traces())


@pytest.fixture
def transcript(seen: Seen) -> str:
    """Return what the demo wrote."""
    return seen.done.stdout


def test_the_demo_succeeds_and_leaves_nothing(seen: Seen) -> None:
    """After the demo accounts, homes, state, mounts and processes are as they were before it."""
    assert seen.done.returncode == 0, seen.done.stdout
    assert seen.after == seen.before


def test_every_step_is_told(transcript: str) -> None:
    """The transcript has each step, and under each a real ssh line or the wizard's screen."""
    for number in range(1, STEPS + 1):
        part = transcript.partition(f"\n{number}. ")[2].partition(f"\n{number + 1}. ")[0]
        assert "   -> " in part
        assert "   | " in part


def test_the_transcript_shows_what_ssh_said(transcript: str) -> None:
    """Logins, refusals and their reasons stand there in the programs' own words."""
    assert transcript.count("   | logged in as alice") == 3
    assert transcript.count("Permission denied (keyboard-interactive).") == 6
    assert "Verification code: [" in transcript
    assert "That code was used already." in transcript


def test_the_transcript_shows_a_scannable_code(transcript: str, tmp_path: Path) -> None:
    """A scanner reads the key that is typed in the demo from the blocks of the transcript."""
    rows = [row[3:40] for row in transcript.splitlines() if row.startswith("   █")]
    halves = [[cell in inked for cell in row] for row in rows for inked in ("█▀", "█▄")]
    lines = [bytes(255 * light for light in half for _ in range(8)) for half in halves]
    picture = tmp_path / "qr.pgm"
    head = b"P5 %d %d 255\n" % (len(lines[0]), 8 * len(lines))
    picture.write_bytes(head + b"".join(line * 8 for line in lines))
    scanner = ("zbarimg", "-q", "--raw", str(picture))
    seen = subprocess.run(scanner, capture_output=True, text=True, check=True).stdout
    key = seen.partition("secret=")[2].partition("&")[0].strip()
    assert len(key) == 32
    assert f"{key[:4]} {key[4:8]} {key[8:12]} {key[12:16]}" in transcript


@pytest.mark.parametrize(
    ("defect", "claim"),
    [(PERMIT, "ssh asks for a code"), (REFUSE, "ssh asks for a code"), (FORGET, "revives nothing")],
    ids=["permits", "refuses", "forgets"],
)
def test_a_demo_of_a_broken_product_fails(defect: str, claim: str) -> None:
    """With a module that permits, refuses or forgets, the demo names the step and is not 0."""
    for copy in Path("/var/lib/otpauth/users").iterdir():
        copy.unlink()  # of other tests: one defect forgets them all
    before = traces()
    with broken(defect):
        done = demo()
    assert done.returncode == 1, done.stdout
    assert claim in done.stdout.partition("NOT AS IT SAYS")[2]
    assert traces() == before


def demo() -> subprocess.CompletedProcess[str]:
    """Run the demo on this stage, with a workspace of its own."""
    workspace = Path("/run/otpauth-demo")
    for name in ("logs", "keys", "bin", "authorized", "tmp"):
        (workspace / name).mkdir(parents=True)
    try:
        return _demo({**os.environ, stage_module.VARIABLE: str(workspace)})
    finally:
        shutil.rmtree(workspace)


def _demo(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "tests.demo"),
        cwd=stage_module.TREE,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def traces() -> dict[str, object]:
    """Return what a demo might leave behind."""
    seen: dict[str, object] = {
        str(folder): sorted(os.listdir(folder))
        for folder in map(Path, ("/home", "/etc/pam.d", "/var/lib/otpauth/users", "/run"))
    }
    for name in ("passwd", "group", "shadow"):
        seen[name] = Path("/etc", name).read_bytes()
    seen["mounts"] = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return seen | {"processes": sorted(filter(processes.alive, processes.pids()))}


@contextmanager
def broken(defect: str) -> Iterator[None]:
    """Install a defect at the end of the shim, where it takes precedence."""
    whole = SHIM.read_text(encoding="utf-8")
    SHIM.write_text(whole + defect, encoding="utf-8")
    try:
        yield
    finally:
        SHIM.write_text(whole, encoding="utf-8")
